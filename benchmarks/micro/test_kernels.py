"""Time each family of kernels: ``pytest benchmarks/micro --benchmark-enable``."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.micro.cases import CASES, TWIG_ROWS

SIZES = (10_000, 100_000, 1_000_000)
_TWIGS = ("grow_twig", "grow_number_twig")


@pytest.mark.parametrize(
    ("n", "name"),
    [(n, name) for n in SIZES for name in CASES if name not in _TWIGS or n == TWIG_ROWS],
)
def test_kernel(benchmark: Any, n: int, name: str) -> None:
    work = CASES[name](n)
    work()  # compiles
    benchmark.group = name
    benchmark.extra_info["rows"] = n
    benchmark(work)
