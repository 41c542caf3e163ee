"""Checks of the kernels that work on sets of rows, each against its plain definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gpusynth_kernels import reference_sets
from gpusynth_kernels.cpu import rowsets, set_scores
from tests.kernels.row_proofs import unpacked

NO_NUMBER = (1 << 63) - 1


def random_sets(rng: np.random.Generator, n_sets: int, n_rows: int) -> Any:
    """Return sets of rows, large, small and alike, in an array with room behind them."""
    sets = rng.integers(0, 2**64, 2 * n_sets + 80, dtype=np.uint64)
    for i in range(n_sets):
        kind = rng.integers(0, 4)
        if kind == 0:
            sets[i] &= rng.integers(0, 2**64, dtype=np.uint64)
        elif kind == 1 and i > 0:
            sets[i] = sets[i - 1]
    return sets & all_rows(n_rows)


def all_rows(n_rows: int) -> np.uint64:
    return np.uint64((1 << n_rows) - 1)


def random_members(rng: np.random.Generator, n_rows: int) -> tuple[Any, Any]:
    """Return the rows of each class, and how many they are; none is empty."""
    n_classes = int(rng.integers(2, min(n_rows, 6) + 1))
    classes = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n_rows)])[:n_rows]
    rng.shuffle(classes)
    members = [sum(1 << int(i) for i in np.flatnonzero(classes == k)) for k in range(n_classes)]
    return np.array(members, np.uint64), np.bincount(classes)


def prove_turn_words(rng: np.random.Generator) -> None:
    n, begin = int(rng.integers(1, 65)), int(rng.integers(0, 4))
    records = rng.integers(0, 2**64, (90, 3), dtype=np.uint64)
    rows = rng.permutation(90)[: begin + n]
    order = rows.astype(np.uint64) | np.uint64(7 << 32)
    out = np.zeros(200, np.uint64)
    rowsets.turn_words(records, 1, order, begin, begin + n, np.zeros(64, np.uint64), out, 100)
    expected = unpacked(records[rows[begin:], 1:2])
    found = out[100:164, None] >> np.arange(n, dtype=np.uint64) & np.uint64(1)
    assert np.array_equal(found.T == 1, expected)
    assert not out[:100].any()
    assert not out[164:].any()


def prove_keep(kernel: Any) -> Callable[[np.random.Generator], None]:
    """Return a check of a kernel that keeps what sets have of a node."""

    def check(rng: np.random.Generator) -> None:
        n_sets, n_rows = int(rng.integers(0, 40)), int(rng.integers(2, 65))
        sets = random_sets(rng, n_sets, n_rows)
        names = rng.integers(-1, 40, len(sets))
        if rng.random() < 0.5:
            names[:n_sets].sort()
        begin = int(rng.integers(0, n_sets + 1))
        rows = sets[n_sets] | np.uint64(1)
        least = int(rng.integers(1, 6))
        most = int(rows).bit_count() - least
        distinct = bool(rng.random() < 0.7)
        expected = reference_sets.kept_sets(
            *(sets[begin:n_sets].tolist(), names[begin:n_sets].tolist(), int(rows)),
            (least, most),
            distinct=distinct,
        )
        before = sets[:n_sets].copy()
        end = kernel(sets, names, begin, n_sets, rows, least, most, distinct)
        assert np.array_equal(sets[:n_sets], before)
        found = zip(sets[n_sets:end].tolist(), names[n_sets:end].tolist(), strict=True)
        assert list(found) == expected

    return check


def prove_best_set(rng: np.random.Generator) -> None:
    n_sets, n_rows = int(rng.integers(0, 40)), int(rng.integers(2, 65))
    sets = random_sets(rng, n_sets, n_rows)
    members, totals = random_members(rng, n_rows)
    names = rng.permutation(len(sets))
    begin = int(rng.integers(0, n_sets + 1))
    min_leaf = int(rng.integers(1, 8))
    least = float(rng.choice([0.0, n_rows / 2, n_rows])), -1
    of_sets = sets[begin:n_sets].tolist(), names[begin:n_sets].tolist(), members.tolist()
    if rng.random() < 0.3:
        score, _ = reference_sets.best_set(*of_sets, min_leaf, least)
        least = score, int(rng.choice([-1, 20, NO_NUMBER]))
    found = set_scores.best_set(
        *(sets, names, begin, n_sets, members, totals, len(members), n_rows, min_leaf, *least)
    )
    score, place = reference_sets.best_set(*of_sets, min_leaf, least)
    assert found == (score, place if place < 0 else begin + place)


def random_levels(rng: np.random.Generator, n_rows: int) -> tuple[Any, int]:
    """Return the rows of each code of a column, none empty, and how many codes there are."""
    codes = np.unique(rng.integers(0, int(rng.integers(2, 65)), n_rows), return_inverse=True)[1]
    m = int(codes.max()) + 1
    levels = [sum(1 << int(i) for i in np.flatnonzero(codes == code)) for code in range(m)]
    return np.array(levels + [1] * 8, np.uint64), m


def prove_levels(rng: np.random.Generator) -> None:
    n_rows = int(rng.integers(2, 65))
    levels, m = random_levels(rng, n_rows)
    members, _ = random_members(rng, n_rows)
    begin = int(rng.integers(0, m))
    found = np.full((2, m + 8), np.nan)
    set_scores.bound_levels(levels, begin, m, members, len(members), found[0])
    set_scores.share_of_levels(levels, begin, m, members[1], found[1])
    here = levels[begin:m].tolist()
    assert found[0, : m - begin].tolist() == [
        reference_sets.bound(level, members.tolist()) for level in here
    ]
    assert found[1, : m - begin].tolist() == [
        reference_sets.share(level, int(members[1])) for level in here
    ]


def prove_cut_levels(rng: np.random.Generator) -> None:
    n_rows = int(rng.integers(2, 65))
    levels, m = random_levels(rng, n_rows)
    begin = int(rng.integers(0, m))
    keys = np.round(rng.normal(size=72), int(rng.integers(0, 3)))
    rows = np.bitwise_or.reduce(levels[begin:m])
    sets, names = np.zeros(100, np.uint64), np.zeros(100, np.int64)
    name = 5 << 32
    end = set_scores.cut_levels(levels, begin, m, keys, rows, name, sets, names, 3)
    assert end == 3 + -(-(m - begin) // 8) * 8
    size = m - begin
    expected = reference_sets.cut_sets(levels[begin:m].tolist(), keys[:size].tolist(), int(rows))
    assert sets[3 : 3 + size].tolist() == expected
    left = [int(rows).bit_count() - right.bit_count() for right in expected]
    assert names[3 : 3 + size].tolist() == [name + n for n in left]
    assert not sets[3 + size : end].any()
