"""`grow_tree` gives the tree of the specification, node by node and bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.trees import CartParams, ClassTarget, NumberTarget, Predictor, grow_tree, walk
from tests.trees.tree_cases import Case, cases, described, described_plain, plain_tree


def assert_equals_plain(case: Case) -> None:
    tree, donors = grow_tree(case.predictors, case.target, case.params, **case.keywords)
    plain = described_plain(plain_tree(case), [p.name for p in case.predictors])
    assert described(tree, donors) == plain


@settings(deadline=None, max_examples=400, derandomize=True)
@given(cases())
def test_tree_equals_the_plain_definition(case):
    if len(case.taking_part):
        assert_equals_plain(case)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(cases(700))
def test_larger_tree_equals_the_plain_definition(case):
    if len(case.taking_part):
        assert_equals_plain(case)


@settings(deadline=None, max_examples=150, derandomize=True)
@given(case=cases(90), errors=st.integers(0, 4))
def test_rpart_pruning_equals_the_plain_definition(case, errors):
    """Splits that save as many errors as a split costs are undone: ties at the limit are common."""
    if not isinstance(case.target, ClassTarget) or case.weight is not None:
        return
    counts = np.bincount(case.target.codes[case.taking_part])
    cp = min(errors / max(counts.sum() - counts.max(), 1), 1.0)
    params = CartParams(min_leaf=case.params.min_leaf, min_split=2, cp=cp, prune="rpart")
    assert_equals_plain(Case(case.predictors, case.target, params, case.columns, None, case.rows))


def test_gain_of_exactly_cp_is_too_little():
    codes = np.repeat([0, 1], 8).astype(np.uint8)
    predictors = [Predictor("c", codes, 2, True)]
    for target in (ClassTarget(codes, 2), NumberTarget(codes * 2.0 - 1)):
        all_gained, _ = grow_tree(predictors, target, CartParams(min_leaf=1, cp=1.0))
        assert all_gained.n_leaves == 1
        less, _ = grow_tree(predictors, target, CartParams(min_leaf=1, cp=1.0 - 2.0**-40))
        assert less.n_leaves == 2


def test_equal_weighted_numbers_are_not_equal_numbers():
    """Twice 2 and once 4 (from the middle) weigh the same but are still to be told apart."""
    values = np.array([0.0, 2, 3, 2, 3, 2, 3, 0, 0, 0])
    weight = np.where(values == 2, 2.0, 1.0)
    codes = (values >= 2).astype(np.uint8) + (values == 3)
    params = CartParams(min_leaf=1, cp=0)
    case = Case([Predictor("c", codes, 3, True)], NumberTarget(values), params, weight=weight)
    assert_equals_plain(case)
    assert len(plain_tree(case).children[1].children) == 2


@pytest.mark.parametrize("n_codes", [8, 20, 300])
def test_lower_column_wins_among_equal_splits(n_codes):
    """The same column narrow, of middling width and wide: the first of the table is asked."""
    rng = np.random.default_rng(n_codes)
    codes = rng.integers(0, 8, 200).astype(np.uint16)
    target = ClassTarget((codes + rng.integers(0, 4, 200) > 5).astype(np.uint8), 2)
    widths = [n_codes, *(w for w in (8, 20, 300) if w != n_codes)]
    predictors = [Predictor(f"c{w}", codes, w, True) for w in widths]
    tree, _ = grow_tree(predictors, target, CartParams(min_leaf=3))
    assert set(tree.feature.tolist()) == {-1, 0}
    other, _ = grow_tree(predictors, target, CartParams(min_leaf=3), columns=tree.predictors[1:])
    assert set(other.feature.tolist()) == {-1, 0}
    assert np.array_equal(tree.left, other.left)


@pytest.mark.parametrize("n_codes", [4, 30, 100])
@pytest.mark.parametrize("n_right", [9, 10, 11])
def test_absent_levels_follow_the_larger_child_left_when_equal(n_codes, n_right):
    """Narrow, middling and wide columns obey one rule."""
    codes = np.repeat([0, 2], [20 - n_right, n_right]).astype(np.uint8)
    target = ClassTarget((codes == 2).astype(np.uint8), 2)
    case = Case([Predictor("c", codes, n_codes, False)], target, CartParams(min_leaf=1))
    assert_equals_plain(case)
    tree, _ = grow_tree(case.predictors, target, case.params)
    absent = walk(tree, [np.array([1, 3], np.uint8)])
    assert absent.tolist() == ([0, 0] if 20 - n_right >= n_right else [1, 1])
