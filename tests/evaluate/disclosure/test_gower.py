"""Nearest records: the kernels against their definitions, the search against all pairs."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedColumn
from gpusynth.evaluate.disclosure import gower as module
from gpusynth.evaluate.disclosure.gower import Gower, nearest_records
from gpusynth_kernels import reference_distance
from gpusynth_kernels.cpu import distance
from tests.evaluate.disclosure.tables import (
    levels,
    mixed,
    number,
    plain_distances,
    population,
    table,
)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(seed=st.integers(0, 2**32), n_rows=st.integers(0, 700), n_columns=st.integers(1, 6))
def test_cluster_rows_equals_its_definition(seed, n_rows, n_columns):
    rng = np.random.default_rng(seed)
    n_codes = rng.integers(1, 9, n_columns)
    codes = np.stack([rng.binomial(n - 1, 0.3, n_rows) for n in n_codes]).astype(np.uint16)
    ordered = rng.random(n_columns) < 0.5
    fast = rng.permutation(n_rows).astype(np.int32)
    plain = fast.copy()
    distance.cluster_rows(codes, n_codes, ordered, fast)
    reference_distance.cluster_rows(codes, n_codes, ordered, plain)
    assert np.array_equal(fast, plain)
    assert np.array_equal(np.sort(fast), np.arange(n_rows))


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    n_rows=st.integers(1, 300),
    k=st.integers(1, 3),
    n_columns=st.sampled_from([1, 4, 9, 31, 300]),
)
def test_nearest_rows_equals_its_definition(seed, n_rows, k, n_columns):
    """On the very arguments that the evaluation hands over, with an earlier call's neighbours."""
    columns = mixed(n_columns)
    real, queries = population(columns, n_rows, seed), population(columns, 20, seed + 1)
    gower = Gower.of(real)
    rng = np.random.default_rng(seed)
    left_out = rng.integers(-1, n_rows, queries.n_rows).astype(np.int32)
    piece = module._piece(gower, real, 0)
    found = []
    for kernel in (distance.nearest_rows, reference_distance.nearest_rows):
        distances = np.full((queries.n_rows, k), distance.FAR, np.int32)
        rows = np.full((queries.n_rows, k), -1, np.int32)
        distances[0, 0], rows[0, 0] = gower.unit, 10**6
        kernel(
            module._by_row(queries, gower.narrow, np.uint8),
            module._by_row(queries, gower.wide, np.uint16),
            module._places_by_row(gower, queries),
            piece.bound_rows(queries),
            left_out,
            piece.narrow,
            piece.wide,
            piece.placed,
            piece.lower,
            piece.rows,
            np.uint16(gower.unit),
            True,
            distances,
            rows,
        )
        found.append((distances, rows))
    assert np.array_equal(found[0][0], found[1][0])
    assert np.array_equal(found[0][1], found[1][1])


@pytest.mark.parametrize("n_columns", [1, 5, 9])
@pytest.mark.parametrize("n_rows", [3, 64, 65, 900])
def test_all_pairs_find_the_same(n_columns, n_rows, monkeypatch):
    """Distances, and the first rows among ties; in one piece and in several."""
    columns = mixed(n_columns)
    real, queries = population(columns, n_rows, 1), population(columns, 150, 2)
    gower = Gower.of(real)
    plain = plain_distances(queries, real, gower.unit)
    order = np.argsort(plain, axis=1, kind="stable")[:, :3]
    for piece in (1 << 19, 70):
        monkeypatch.setattr(module, "_PIECE", piece)
        found = nearest_records(gower, real, queries, k=3, lowest_rows=True)
        assert np.array_equal(found.rows, order)
        assert np.array_equal(found.distances, np.take_along_axis(plain, order, 1))
        quick = nearest_records(gower, real, queries, k=3)
        assert np.array_equal(quick.distances, found.distances)
        assert np.array_equal(np.take_along_axis(plain, quick.rows, 1), quick.distances)
    assert found.largest == gower.unit * n_columns
    assert 0 <= found.shares().min() <= found.shares().max() <= 1


def test_a_row_is_not_its_own_neighbour():
    real = population(mixed(), 400, 3)
    gower = Gower.of(real)
    found = nearest_records(gower, real, real, leave_out=np.arange(400), lowest_rows=True)
    plain = plain_distances(real, real, gower.unit)
    np.fill_diagonal(plain, 10**9)
    assert np.array_equal(found.distances[:, 0], plain.min(axis=1))
    assert np.array_equal(found.rows[:, 0], plain.argmin(axis=1))
    with_itself = nearest_records(gower, real, real)
    assert not with_itself.distances.any()


def test_distance_by_hand():
    """Three columns: equal, a level apart, and bins 1 and 3 of five, half the range."""
    columns = (levels("a", 3), levels("b", 3), number("c", 1, 5))
    real = table(columns, [[0, 1, 2], [2, 2, 0]])
    found = nearest_records(Gower.of(real), real, table(columns, [[0, 2, 4], [1, 0, 0]]), k=2)
    assert found.shares()[0] == pytest.approx([(0 + 1 + 0.5) / 3, (1 + 0 + 1) / 3])
    # a missing number equals itself only
    assert found.shares()[1] == pytest.approx([2 / 3, 1])


def test_ordered_levels():
    """Code 0 is missing; d1 to d5 ascend."""
    real = table((levels("d", 6, n_missing=1),), [[1], [3], [5], [0]])
    query = table(real.columns, [[2]])
    without = nearest_records(Gower.of(real), real, query, k=4)
    assert without.shares()[0].tolist() == [1, 1, 1, 1]
    gower = Gower.of(real, ordered=["d"])
    found = nearest_records(gower, real, query, k=4, lowest_rows=True)
    assert found.shares()[0].tolist() == [0.25, 0.25, 0.75, 1]
    assert found.rows[0].tolist() == [0, 1, 2, 3]
    with pytest.raises(IncomputableMetricError, match="no column 'z'"):
        Gower.of(real, ordered=["z"])


def test_wide_tables_have_smaller_units():
    columns = tuple(levels(f"c{i}", 2) for i in range(1000))
    real = table(columns, np.random.default_rng(0).integers(0, 2, (70, 1000)))
    flipped = table(columns, 1 - np.stack(real.codes, axis=1).astype(int))
    gower = Gower.of(real)
    assert gower.unit == 65
    found = nearest_records(gower, real, flipped, k=70)
    assert found.shares().max() == 1.0


def test_threads_do_not_change_neighbours():
    real, queries = population(mixed(), 3000, 5), population(mixed(), 300, 6)
    gower = Gower.of(real)
    most = numba.get_num_threads()
    found = nearest_records(gower, real, queries, k=2)
    try:
        numba.set_num_threads(1)
        alone = nearest_records(gower, real, queries, k=2)
    finally:
        numba.set_num_threads(most)
    assert np.array_equal(found.rows, alone.rows)
    assert np.array_equal(found.distances, alone.distances)


def test_answers_without_order_are_levels():
    """More than 70 answers that are no numbers; a column whose outer bins are one level."""
    many = number("n", 71, 4)
    joined = CodedColumn("j", (), False, 0, cuts=np.arange(3.0), joins_outside=True)
    assert joined.n_codes == 3
    gower = Gower.of(table((many, joined), [[0, 0]]))
    assert gower.narrow == (0,)
    assert gower.placed == (1,)
    assert gower.places[0].tolist() == [1680, 0, 840]


@pytest.mark.parametrize(
    ("columns", "message"),
    [((), "one or more"), (("a", "a"), "distinct"), (("z",), "no column 'z'"), (("g",), "single")],
)
def test_columns_that_allow_no_distance(columns, message):
    if message == "single":
        message = "more than one answer"
    with pytest.raises(IncomputableMetricError, match=message):
        Gower.of(population(mixed(), 10, 0), columns)


def test_empty_files_have_no_neighbours():
    real = population(mixed(), 5, 0)
    gower = Gower.of(real)
    for searched, asked, k in ((real.take([]), real, 1), (real, real.take([]), 1), (real, real, 6)):
        with pytest.raises(IncomputableMetricError, match="distances need rows"):
            nearest_records(gower, searched, asked, k=k)
