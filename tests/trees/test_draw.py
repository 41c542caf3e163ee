"""Donors are drawn evenly, or by weight, and by row number alone.

Chi-square tests reject at 1e-6 with a fixed seed: one false alarm in a million seeds a test.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from gpusynth.errors import DataError, EmptyLeafError
from gpusynth.streams import StreamKey, random_bits
from gpusynth.trees import (
    CartParams,
    ClassTarget,
    LeafDonors,
    Predictor,
    PredictorTable,
    draw_rows,
    draw_values,
    grow_tree,
    walk,
)
from gpusynth_kernels import reference
from tests.trees.tree_cases import cases

FALSE_ALARM = 1e-6
N_DRAWS = 200_000
KEY = StreamKey(seed=20_240_229, replicate=3, step=5)


def two_leaves(weight=None):
    codes = np.repeat([0, 1], [7, 13]).astype(np.uint8)
    predictors = [Predictor("c", codes, 2, True)]
    return grow_tree(predictors, ClassTarget(codes, 2), CartParams(min_leaf=2), weight=weight)


@pytest.mark.parametrize("weighted", [False, True])
def test_draws_follow_the_weights_within_each_leaf(weighted):
    weight = np.arange(20) % 5 + 0.25 if weighted else None
    tree, donors = two_leaves(weight)
    assert tree.n_leaves == 2
    codes = (np.arange(N_DRAWS) % 3 == 0).astype(np.uint8)
    drawn = draw_rows(tree, donors, [codes], KEY)
    for leaf, rows in ((0, np.arange(7)), (1, np.arange(7, 20))):
        counts = np.bincount(drawn[codes == leaf], minlength=20)
        assert counts[rows].sum() == (codes == leaf).sum()
        share = np.ones(len(rows)) if weight is None else weight[rows]
        expected = share / share.sum() * counts.sum()
        assert chisquare(counts[rows], expected).pvalue > FALSE_ALARM


def test_rows_of_weight_zero_are_never_drawn():
    weight = np.ones(20)
    weight[[0, 8]] = 0
    tree, donors = two_leaves(weight)
    drawn = draw_rows(tree, donors, [np.repeat([0, 1], 5000).astype(np.uint8)], KEY)
    assert set(drawn.tolist()) == set(range(20)) - {0, 8}


def test_neighbouring_rows_and_streams_draw_independently():
    """Pairs of draws of rows i, i + 1, and of two replicates, fill all pairs of donors evenly."""
    tree, donors = two_leaves()
    codes = np.zeros(2 * N_DRAWS, np.uint8)
    first = draw_rows(tree, donors, [codes], KEY)
    second = draw_rows(tree, donors, [codes], KEY.at(replicate=4))
    for a, b in ((first[::2], first[1::2]), (first, second)):
        assert chisquare(np.bincount(a * 7 + b, minlength=49)).pvalue > FALSE_ALARM


@settings(deadline=None, max_examples=25, derandomize=True)
@given(case=cases(200), cut=st.integers(0, 200), first_row=st.sampled_from((0, 5, 2**32 - 50)))
def test_a_row_draws_the_same_whatever_its_batch(case, cut, first_row):
    if not len(case.taking_part):
        return
    tree, donors = grow_tree(case.predictors, case.target, case.params, **case.keywords)
    table = PredictorTable.of(case.predictors, case.n_rows)
    whole = draw_rows(tree, donors, table, KEY, first_row)
    by_name = {p.name: p.codes for p in case.predictors}
    cut = min(cut, case.n_rows)
    parts = [
        draw_rows(
            tree,
            donors,
            [by_name[name][a:b] for name in tree.predictors],
            KEY,
            first_row + a,
            n_rows=b - a,
        )
        for a, b in ((0, cut), (cut, case.n_rows))
    ]
    assert np.array_equal(np.concatenate(parts), whole)


def test_threads_draw_the_same():
    tree, donors = two_leaves(np.arange(1.0, 21))
    codes = (np.arange(200_001) % 2).astype(np.uint8)
    table = PredictorTable.of([Predictor("c", codes, 2, True)])
    one = draw_rows(tree, donors, table, KEY, 7)
    for n_threads in (2, 4):
        assert np.array_equal(draw_rows(tree, donors, table, KEY, 7, n_threads=n_threads), one)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(case=cases(100))
def test_draws_equal_the_plain_definition(case):
    if not len(case.taking_part):
        return
    tree, donors = grow_tree(case.predictors, case.target, case.params, **case.keywords)
    by_name = {p.name: p.codes.tolist() for p in case.predictors}
    codes = [by_name[name] for name in tree.predictors]
    bits = random_bits(KEY, 11, case.n_rows)[:, 0].tolist()
    expected = []
    for row in range(case.n_rows):
        leaf = reference.walk(tree.to_arrays(), codes, row)
        begin, end = int(donors.offsets[leaf]), int(donors.offsets[leaf + 1])
        running = None if donors.cumulative is None else donors.cumulative[begin:end].tolist()
        expected.append(donors.rows[begin + reference.pick_donor(bits[row], end - begin, running)])
    table = PredictorTable.of(case.predictors, case.n_rows)
    assert draw_rows(tree, donors, table, KEY, 11).tolist() == expected


@settings(deadline=None, max_examples=15, derandomize=True)
@given(
    case=cases(200),
    dtype=st.sampled_from(("uint8", "uint16")),
    form=st.sampled_from(("plain", "read only", "every second", "with numbers")),
    chosen=st.booleans(),
)
def test_answers_are_those_of_the_donors(case, dtype, form, chosen):
    if not len(case.taking_part):
        return
    tree, donors = grow_tree(case.predictors, case.target, case.params, **case.keywords)
    table = PredictorTable.of(case.predictors, case.n_rows)
    codes = (np.arange(2 * case.n_rows) * 7 % 251).astype(dtype)
    codes = codes[::2] if form == "every second" else codes[: case.n_rows]
    if form == "read only":
        codes.flags.writeable = False
    values = codes * 0.5 if form == "with numbers" else None
    positions = np.arange(0, case.n_rows, 3) if chosen else None
    rows = draw_rows(tree, donors, table, KEY, 9, positions=positions)
    given = tree, donors, table, KEY, 9
    answers, numbers = draw_values(*given, columns=(codes, values), positions=positions)
    assert answers.dtype == codes.dtype
    assert np.array_equal(answers, codes[rows])
    assert numbers is None if values is None else np.array_equal(numbers, values[rows])


def test_a_tree_with_a_leaf_without_donors_is_refused():
    tree, donors = two_leaves()
    codes = np.zeros(5, np.uint8)
    for offsets in ([0, 7, 7], [0, 7, 13, 20], [0]):
        empty = LeafDonors(np.array(offsets), donors.rows, None)
        assert empty.fewest == (6 if len(offsets) == 4 else 0)
        with pytest.raises(EmptyLeafError, match="a leaf of the tree holds no donors"):
            draw_rows(tree, empty, [codes], KEY)
        with pytest.raises(EmptyLeafError, match="a leaf of the tree holds no donors"):
            draw_values(tree, empty, [codes], KEY, columns=(np.zeros(20, np.uint8), None))
    assert donors.fewest == 7


@settings(deadline=None, max_examples=25, derandomize=True)
@given(
    case=cases(200),
    share=st.sampled_from((0.0, 0.1, 0.6, 1.0)),
    first_row=st.sampled_from((0, 7, 3 << 56, 2**62)),
    dtype=st.sampled_from(("int32", "int64")),
)
def test_chosen_rows_draw_what_they_draw_among_all(case, share, first_row, dtype):
    if not len(case.taking_part):
        return
    tree, donors = grow_tree(case.predictors, case.target, case.params, **case.keywords)
    table = PredictorTable.of(case.predictors, case.n_rows)
    by_name = {p.name: p.codes for p in case.predictors}
    codes = [by_name[name] for name in tree.predictors]
    chosen = np.random.default_rng(case.n_rows).random(case.n_rows) < share
    positions = np.flatnonzero(chosen).astype(dtype)
    leaf = walk(tree, table)
    drawn = draw_rows(tree, donors, table, KEY, first_row)
    for rows in (table, codes):
        some = draw_rows(
            tree, donors, rows, KEY, first_row, positions=positions, n_rows=case.n_rows
        )
        assert some.dtype == drawn.dtype
        assert np.array_equal(some, drawn[positions])
        ends = walk(tree, rows, positions=positions, n_rows=case.n_rows)
        assert np.array_equal(ends, leaf[positions])


@pytest.mark.parametrize("n_threads", [1, 3])
def test_chosen_rows_of_many_pieces_draw_the_same(n_threads):
    tree, donors = two_leaves(np.arange(1.0, 21))
    codes = (np.arange(300_001) % 2).astype(np.uint8)
    table = PredictorTable.of([Predictor("c", codes, 2, True)])
    positions = np.flatnonzero(np.arange(len(codes)) % 3)
    drawn = draw_rows(tree, donors, table, KEY, 2**62 + 7)
    some = draw_rows(tree, donors, table, KEY, 2**62 + 7, positions=positions, n_threads=n_threads)
    assert np.array_equal(some, drawn[positions])


@pytest.mark.parametrize("position", [-1, 20])
def test_a_position_must_be_a_row(position):
    tree, donors = two_leaves()
    codes = [np.zeros(20, np.uint8)]
    with pytest.raises(DataError, match="numbered from 0 to 19"):
        draw_rows(tree, donors, codes, KEY, positions=np.array([0, position]))
    with pytest.raises(DataError, match="numbered from 0 to 19"):
        walk(tree, codes, positions=np.array([position]))


@pytest.mark.parametrize("n_walks", [1, 7, 8, 255, 257, 600])
def test_walks_by_most_codes_equal_the_plain_definition(n_walks):
    """Thresholds up to 65,534 and subsets of 65,536 codes, at the ends of blocks of rows."""
    rng = np.random.default_rng(5)
    n = 2000
    high = np.where(rng.random(n) < 0.5, rng.choice([65_534, 65_535], n), rng.integers(0, 9, n))
    level = rng.integers(0, 164, n) * 401
    narrow = rng.integers(0, 4, n)
    target = ((high == 65_535) + (level % 7 < 3) * 2 + (narrow == 2)) % 4
    predictors = [
        Predictor("high", high.astype(np.uint16), 65_536, True),
        Predictor("level", level.astype(np.uint16), 65_536, False),
        Predictor("narrow", narrow.astype(np.uint8), 4, False),
    ]
    tree, _ = grow_tree(predictors, ClassTarget(target.astype(np.uint8), 4))
    assert tree.threshold.max() == 65_534
    assert {0, 1, 2} <= set(tree.feature.tolist())
    chosen = np.sort(rng.permutation(n)[:n_walks])
    codes = [p.codes.tolist() for p in predictors]
    expected = [reference.walk(tree.to_arrays(), codes, row) for row in chosen.tolist()]
    table = PredictorTable.of(predictors)
    assert walk(tree, table, positions=chosen).tolist() == expected
    assert walk(tree, [p.codes[chosen] for p in predictors]).tolist() == expected
