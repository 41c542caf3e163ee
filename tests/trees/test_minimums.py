"""Every leaf holds enough different things; nothing else about the donors changes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.trees import (
    CartParams,
    ClassTarget,
    LeafMinimum,
    NumberTarget,
    Predictor,
    PredictorTable,
    count_distinct,
    grow_tree,
    hold_minimums,
    walk,
)
from tests.trees.tree_cases import cases


def weights_of(donors):
    """Return each donor's weight from the running sums of its leaf."""
    weight = np.diff(donors.cumulative, prepend=0)
    weight[donors.offsets[:-1]] = donors.cumulative[donors.offsets[:-1]]
    return weight


@settings(max_examples=150, deadline=None)
@given(case=cases(), seed=st.integers(0, 2**32), least=st.integers(1, 6), kinds=st.integers(1, 12))
def test_every_leaf_holds_the_minimum_and_all_donors_stay(case, seed, least, kinds):
    of_row = np.random.default_rng(seed).integers(-1, kinds, case.n_rows)
    table = PredictorTable.of(case.predictors, case.n_rows)
    tree, donors = grow_tree(table, case.target, case.params, **case.keywords)
    minimums = [LeafMinimum(least, of_row), LeafMinimum(2, np.arange(case.n_rows))]
    held = hold_minimums(tree, donors, table, case.target, minimums)
    enough = len(set(of_row[donors.rows].tolist()) - {-1}) >= least and len(set(donors.rows)) > 1
    assert (held is not None) == enough
    if held is None:
        return
    kept, moved = held
    assert kept.n_leaves == moved.n_leaves <= tree.n_leaves
    for leaf in range(moved.n_leaves):
        rows = moved.rows[moved.offsets[leaf] : moved.offsets[leaf + 1]]
        assert len(set(of_row[rows].tolist()) - {-1}) >= least
        assert len(set(rows.tolist())) > 1
        classes = case.target.codes[rows] if isinstance(case.target, ClassTarget) else rows * 0
        assert np.array_equal(np.lexsort((rows, classes)), np.arange(len(rows)))
    assert np.array_equal(np.sort(moved.rows), np.sort(donors.rows))
    leaf_of = np.repeat(np.arange(moved.n_leaves), moved.sizes())
    assert np.array_equal(walk(kept, table, positions=moved.rows), leaf_of)
    assert kept.n_rows[0] == len(donors.rows)
    assert np.array_equal(kept.n_rows[np.argsort(kept.leaf)][-kept.n_leaves :], moved.sizes())
    if donors.cumulative is not None:
        before = dict(zip(donors.rows.tolist(), weights_of(donors).tolist(), strict=True))
        assert weights_of(moved).tolist() == [before[row] for row in moved.rows.tolist()]


def test_a_thin_side_joins_the_other_side_whose_splits_stay():
    codes = np.repeat([0, 1, 2], [4, 10, 10]).astype(np.uint8)
    table = PredictorTable.of([Predictor("c", codes, 3, True)], 24)
    target = NumberTarget(np.repeat([1000.0, 10.0, 20.0], [4, 10, 10]))
    tree, donors = grow_tree(table, target, CartParams(min_leaf=2, min_split=4))
    assert tree.n_leaves == 3
    firms = np.concatenate([np.zeros(4), np.arange(1, 21)]).astype(np.int64)
    held = hold_minimums(tree, donors, table, target, [LeafMinimum(2, firms)])
    assert held is not None
    kept, moved = held
    assert moved.sizes().tolist() == [14, 10]
    assert sorted(moved.rows[:14].tolist()) == list(range(14))
    assert kept.n_nodes == 3
    assert kept.gain[0] > 0


def test_nothing_changes_where_all_leaves_hold_enough():
    codes = np.repeat([0, 1], 10).astype(np.uint8)
    table = PredictorTable.of([Predictor("c", codes, 2, True)], 20)
    tree, donors = grow_tree(table, ClassTarget(codes, 2), CartParams(min_leaf=2))
    held = hold_minimums(
        tree, donors, table, ClassTarget(codes, 2), [LeafMinimum(3, np.arange(20))]
    )
    assert held is not None
    assert held[0] is tree
    assert held[1] is donors


def test_things_are_counted_once_a_group():
    things = np.array([3, 3, -1, 0, 5, 5, 5])
    groups = np.array([0, 0, 0, 0, 2, 2, 1])
    assert count_distinct(things, groups, 4).tolist() == [2, 1, 1, 0]
