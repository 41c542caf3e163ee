"""The pieces of work of the micro-benchmarks run, and can be done again with the same result."""

from inspect import getclosurevars
from typing import Any

import numpy as np
import pytest

from benchmarks.micro.cases import CASES


def _arrays(result: Any) -> list[np.ndarray]:
    if isinstance(result, np.ndarray):
        return [result]
    if hasattr(result, "to_arrays"):
        return list(result.to_arrays().values())
    if isinstance(result, tuple):
        return [array for part in result for array in _arrays(part)]
    return [np.asarray(result)]


@pytest.mark.parametrize("name", ["lanes_of_classes", "scan_of_classes", "scan_of_numbers"])
def test_searches_find_a_split(name: str) -> None:
    score, place = CASES[name](1_000)()
    assert score > 0
    assert place >= 0


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("pack", "partition")])
def test_work_can_be_done_again(name: str) -> None:
    work = CASES[name](1_000)
    first = [array.copy() for array in _arrays(work()) if array.dtype != object]
    second = [array for array in _arrays(work()) if array.dtype != object]
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one, other)


def test_partition_moves_rows_only() -> None:
    work = CASES["partition"](1_000)
    order = getclosurevars(work).nonlocals["order"]
    before = order.copy()
    work()
    assert not np.array_equal(order, before)
    assert np.array_equal(np.sort(order), np.sort(before))
