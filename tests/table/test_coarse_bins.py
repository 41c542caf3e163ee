"""Edges of bins say nothing of few units: each is a round number between two well-filled cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.table.coarse_bins import N_GRIDS, cut_bins, grid_points


def cut(numbers, *, step=1.0, least=10, shared=10):
    distinct, size = np.unique(np.asarray(numbers), return_counts=True)
    is_shared = size >= shared
    bins = cut_bins(distinct, is_shared, size.astype(float), step=step, least=least)
    return distinct, size, is_shared, bins


def faults(numbers, lows, highs, *, step=1.0, least=10):
    """Scan every edge against the data: return those that few units may have decided."""
    distinct, size = np.unique(np.asarray(numbers), return_counts=True)
    shared = distinct[size >= least].astype(float)
    own, weight = distinct[size < least].astype(float), size[size < least]
    grids = [grid_points(at, np.abs(distinct).max(), step) for at in range(N_GRIDS)]

    def is_full(first, last):
        return weight[(own >= first) & (own < last)].sum() >= least

    def is_decided(edge):
        above = float(np.nextafter(edge, -np.inf)) if step == 0 else edge - step
        if edge in shared or np.isclose(shared, above).any():
            return True
        floor = shared[shared < edge].max(initial=-np.inf)
        ceiling = shared[shared > edge].min(initial=np.inf)
        is_outer = edge in (lows[0], highs[-1])
        left, right = [], []
        for points in grids:
            at = int(np.searchsorted(points, edge))
            if 0 < at < len(points) - 1 and points[at] == edge:
                left.append(points[at - 1])
                right.append(points[at + 1])
        for digits in range(4, 10):
            for first in (1, 2, 5):
                width = first * 10.0 ** (np.floor(np.log10(abs(edge) or 1)) - digits + 1)
                if abs(edge / width - round(edge / width)) < 1e-6:
                    left.append(edge - width)
                    right.append(edge + width)
        below = any(is_full(max(one, floor), edge) for one in left)
        over = any(is_full(edge, min(one, ceiling)) for one in right)
        return (below and over) or (is_outer and (below or over))

    return [edge for edge in {*lows, *highs} if not is_decided(edge)]


SAMPLES = {
    "wages": (np.round(np.exp(np.random.default_rng(1).normal(8, 2, 4000))), 1.0),
    "pareto": (np.floor(np.random.default_rng(2).pareto(1.0, 4000) * 1000), 1.0),
    "cents": (np.round(np.random.default_rng(3).normal(0, 500, 3000), 2), 0.01),
    "anything": (np.random.default_rng(4).standard_cauchy(3000), 0.0),
    "small": (np.random.default_rng(5).integers(0, 120, 700), 1.0),
    "losses": (-np.floor(np.exp(np.random.default_rng(6).normal(9, 1, 2500))), 1.0),
    "codes": (np.random.default_rng(7).integers(10**9, 10**9 + 10**6, 900), 1.0),
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_edge_is_decided_by_enough_units(sample):
    numbers, step = SAMPLES[sample]
    _, size, is_shared, bins = cut(numbers, step=step)
    assert faults(numbers, bins.lows, bins.highs, step=step) == []
    code_of = np.array(bins.code_of)
    assert (code_of >= 0).all()
    assert np.bincount(code_of, weights=size).min() >= 10
    assert len(bins.lows) > 10
    assert (np.diff(bins.lows) > 0).all()
    assert (np.array(bins.highs)[:-1] <= np.array(bins.lows)[1:] + step).all()
    assert len(set(code_of[is_shared])) == is_shared.sum()


def test_the_scan_finds_an_edge_of_one_unit():
    """Such as the cell of the smallest number of a bin, or a small whole number itself."""
    numbers = [*range(1000, 1020), *range(3000, 3012), 4321, 93]
    _, _, _, bins = cut(numbers)
    assert faults(numbers, bins.lows, bins.highs) == []
    for edge in (4320.0, 4321.0, 4330.0, 93.0, 2500.0):
        assert faults(numbers, [*bins.lows, edge], [*bins.highs, bins.highs[-1]]) == [edge]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-500, 20_000), min_size=30, max_size=200),
    st.integers(2, 12),
    st.integers(0, 10**6),
)
def test_a_number_moved_within_its_cell_changes_no_edge(numbers, least, which):
    """The finest grid's cell of a number that few have is all that may matter of it."""
    values = np.array(numbers)
    _, _, _, before = cut(values, least=least, shared=least)
    points = grid_points(0, 20_000, 1.0)
    moved = values.copy()
    at = which % len(values)
    cell = int(np.searchsorted(points, values[at], side="right")) - 1
    first, last = points[cell], points[cell + 1]
    if ((values >= first) & (values < last)).sum() >= 2 * least:
        return  # enough units to divide the cell
    moved[at] = int(last) - 1
    if max((values == values[at]).sum(), (moved == moved[at]).sum()) >= least:
        return  # a shared number may be told
    _, _, _, after = cut(moved, least=least, shared=least)
    assert (before.lows, before.highs) == (after.lows, after.highs)


def test_an_extreme_number_moves_no_edge():
    numbers = np.floor(np.exp(np.random.default_rng(8).normal(6, 1, 2000)))
    _, _, _, one = cut([*numbers, 10**7])
    _, _, _, other = cut([*numbers, 10**9])
    assert one.highs == other.highs
    assert one.lows == other.lows
    assert one.highs[-1] < 10**5


def test_too_few_numbers_tell_nothing():
    _, _, _, bins = cut([1, 5, 900])
    assert bins.lows == []
    assert bins.code_of == [-1, -1, -1]
    _, _, _, bins = cut([7] * 10 + [8, 90])
    assert bins.lows == bins.highs == [7.0]
    assert bins.code_of == [0, 0, 0]


def test_few_numbers_over_many_sizes_have_coarse_ends_or_none():
    _, _, _, bins = cut([10**e for e in range(9)], least=3)
    assert {*bins.lows, *bins.highs} <= {0.0, *(10.0**e for e in range(-1, 16))}
