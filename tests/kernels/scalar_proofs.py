"""Checks of scalar functions against their plain definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gpusynth_kernels import reference, reference_splits
from gpusynth_kernels.scalar import entropy, gain, philox, pick, principal
from tests.kernels.node_cases import NO_WEIGHT, TABLE


def words(rng: np.random.Generator, n: int, bits: int = 64) -> list[int]:
    """Return random words; the extreme ones often."""
    top = (1 << bits) - 1
    even = rng.integers(0, top, n, endpoint=True, dtype=np.uint64).tolist()
    extreme = rng.integers(0, 30, n).tolist()
    return [{0: 0, 1: 1, 2: top}.get(x, word) for x, word in zip(extreme, even, strict=True)]


def unsigned(numbers: list[int]) -> tuple[Any, ...]:
    return tuple(np.uint64(number) for number in numbers)


def prove_philox(rng: np.random.Generator) -> None:
    numbers = words(rng, 6, 32)
    fast = philox.philox(*unsigned(numbers))
    assert list(fast) == reference.philox(numbers[:4], numbers[4:])


def prove_philox_pair(rng: np.random.Generator) -> None:
    numbers = words(rng, 3)
    assert philox.philox_pair(*unsigned(numbers)) == reference.philox_pair(*numbers)


def prove_scaled(rng: np.random.Generator) -> None:
    bits, n = words(rng, 1)[0], max(words(rng, 1, 63)[0], 1)
    assert philox.scaled(*unsigned([bits, n])) == reference.scaled(bits, n) < n


def prove_pick_donor(rng: np.random.Generator) -> None:
    n, begin = int(rng.integers(1, 9)), int(rng.integers(0, 5))
    bits = words(rng, 1)[0]
    running = np.cumsum(rng.integers(0, 3, n) * 10**9)
    running[-1] += 1
    padded = np.concatenate([np.arange(begin), running])
    even = pick.pick_donor(np.uint64(bits), begin, begin + n, NO_WEIGHT)
    assert even - begin == reference.pick_donor(bits, n, None)
    weighted = pick.pick_donor(np.uint64(bits), begin, begin + n, padded)
    assert weighted - begin == reference.pick_donor(bits, n, running.tolist())


def random_counts(rng: np.random.Generator) -> tuple[list[int], list[int]]:
    top = int(rng.choice([4, 1000, 2**28]))
    left, right = rng.integers(0, top, (2, int(rng.integers(2, 6))))
    left[0] += 1
    right[-1] += 1
    return left.tolist(), right.tolist()


def prove_gini(rng: np.random.Generator) -> None:
    left, right = random_counts(rng)
    sums = [sum(c * c for c in left), sum(left), sum(c * c for c in right), sum(right)]
    assert gain.gini_score(*sums) == reference_splits.gini(left, right)


def prove_variance(rng: np.random.Generator) -> None:
    a, b = rng.integers(-(2**62), 2**62, 2).tolist()
    n, m = rng.integers(1, 2**38, 2).tolist()
    fast = gain.variance_gain(a, n, b, m)
    assert fast == reference_splits.variance(a, n, b, m)


def prove_log2(rng: np.random.Generator) -> None:
    c = int(rng.choice([1, 2, 3, 2**31 - 1, 2**31, rng.integers(1, 2**31)]))
    fast = entropy.log2_fixed(c)
    assert fast == reference_splits.log2_fixed(c)
    assert abs(fast / 2**24 - math.log2(c)) <= 2.0**-23


def prove_c_log_c(rng: np.random.Generator) -> None:
    c = int(rng.choice([0, 1, 65_535, 65_536, 2**31, rng.integers(0, 10**6)]))
    assert entropy.c_log_c(c, TABLE) == reference_splits.c_log_c(c)


def prove_entropy(rng: np.random.Generator) -> None:
    left, right = random_counts(rng)
    terms = [sum(map(reference_splits.c_log_c, side)) for side in (left, right)]
    n = sum(left) + sum(right)
    fast = entropy.entropy_score(terms[0], sum(left), terms[1], sum(right), n, TABLE)
    assert fast == reference_splits.entropy(left, right)
    assert fast >= 0


def prove_principal(rng: np.random.Generator) -> None:
    m, k = int(rng.integers(2, 30)), int(rng.integers(3, 9))
    by_level = rng.integers(0, int(rng.choice([2, 50, 10**6])), (m, k))
    by_level[:, 0] += by_level.sum(axis=1) == 0
    keys = np.empty(m)
    square = np.empty((k, k))
    proportions = np.empty((m, k))
    own = (
        *(np.ascontiguousarray(by_level.T), 0, np.arange(m), m, k, proportions, square),
        *(np.empty(k), np.empty(k), keys),
    )
    n = int(by_level.sum())
    base = float((by_level.sum(axis=0).astype(np.float64) ** 2).sum() / n)
    # Two groups at most n apart: no cut scores n more than the node, any scores the node's own.
    if (by_level / by_level.sum(axis=1)[:, None]).std(axis=0).max() > 1e-9:
        assert not principal.principal_order(*own, 3.0 * n)
    assert principal.principal_order(*own, base)
    assert principal.principal_order(*own, -1.0)
    assert keys.tolist() == reference_splits.principal_scores(by_level.tolist())
