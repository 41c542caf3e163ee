"""Sizes at which things go wrong, and calls that cannot be answered."""

from __future__ import annotations

import numpy as np
import pytest

from gpusynth.errors import CodecError, DataError, EmptyLeafError, PlanError
from gpusynth.streams import StreamKey
from gpusynth.trees import (
    CartParams,
    ClassTarget,
    Layout,
    LeafDonors,
    NumberTarget,
    Predictor,
    PredictorTable,
    draw_rows,
    grow_tree,
    walk,
)
from tests.trees.tree_cases import Case, described, described_plain, plain_tree

KEY = StreamKey(seed=1)


def column(codes, n_codes, ordered=True, name="c"):
    codes = np.asarray(codes)
    return Predictor(
        name, codes.astype(np.uint8 if n_codes <= 256 else np.uint16), n_codes, ordered
    )


def classes(codes, n_classes=2):
    return ClassTarget(np.asarray(codes, np.uint8), n_classes)


def assert_one_leaf(tree, donors, n_rows):
    assert (tree.n_nodes, tree.n_leaves, tree.depth) == (1, 1, 0)
    assert tree.importance() == {}
    assert donors.rows.tolist() == list(range(n_rows))


@pytest.mark.parametrize("n_codes", [65_535, 65_536])
@pytest.mark.parametrize("ordered", [True, False])
def test_as_many_codes_as_there_can_be(n_codes, ordered):
    codes = np.concatenate([np.arange(n_codes - 2000, n_codes), np.arange(100)])
    values = np.where(codes >= n_codes - 7, 50.0, np.where(codes < 60, 20.0, 0.0))
    tree, donors = grow_tree(
        [column(codes, n_codes, ordered)], NumberTarget(values), CartParams(min_leaf=1)
    )
    assert tree.n_leaves >= 3
    leaf = walk(tree, [codes.astype(np.uint16)])
    for number in range(tree.n_leaves):
        assert len(set(values[leaf == number])) == 1
        assert (
            len(set(values[donors.rows[donors.offsets[number] : donors.offsets[number + 1]]])) == 1
        )


@pytest.mark.parametrize("ordered", [True, False])
def test_largest_values_of_a_heavy_tail_stay_separable(ordered):
    codes = np.arange(65_536)
    target = NumberTarget((codes == 65_535) * 1.0 + (codes == 65_534) * 2.0)
    params = CartParams(min_leaf=1, min_split=2)
    tree, _ = grow_tree([column(codes, 65_536, ordered)], target, params)
    leaf = walk(tree, [codes.astype(np.uint16)])
    assert tree.n_leaves == 3
    assert len({leaf[-1], leaf[-2], leaf[0]}) == 3
    assert (leaf[:-2] == leaf[0]).all()


@pytest.mark.parametrize("n_rows", [1, 9])
@pytest.mark.parametrize("target", ["classes", "numbers"])
def test_fewer_rows_than_two_leaves(n_rows, target):
    codes = np.arange(n_rows)
    y = classes(codes % 2) if target == "classes" else NumberTarget(codes * 1.0)
    tree, donors = grow_tree([column(codes, 9)], y, CartParams(min_leaf=5, min_split=2))
    assert tree.n_nodes == 1
    assert sorted(donors.rows.tolist()) == list(range(n_rows))


def test_two_leaves_of_the_least_size():
    codes = np.arange(10)
    params = CartParams(min_leaf=5, min_split=2)
    tree, donors = grow_tree([column(codes, 10)], NumberTarget(codes * 1.0), params)
    assert donors.sizes().tolist() == [5, 5]
    assert tree.threshold[0] == 4
    tree, _ = grow_tree([column(codes, 10)], NumberTarget(codes * 1.0), CartParams(min_leaf=5))
    assert tree.n_nodes == 1


def test_constant_targets_are_one_leaf():
    codes = np.arange(40)
    wide = [column(codes, 40), column(codes % 3, 3, False, "d")]
    assert_one_leaf(*grow_tree(wide, classes(np.zeros(40)), CartParams(min_leaf=1)), 40)
    assert_one_leaf(*grow_tree(wide, NumberTarget(np.full(40, 0.1)), CartParams(min_leaf=1)), 40)
    weighted = grow_tree(
        wide, NumberTarget(np.full(40, 0.1)), CartParams(min_leaf=1), weight=np.arange(1.0, 41)
    )
    assert_one_leaf(*weighted, 40)


@pytest.mark.parametrize("ordered", [True, False])
def test_columns_that_are_all_missing_are_never_asked(ordered):
    codes = np.arange(40)
    predictors = [
        column(np.zeros(40), 1, ordered, "one"),
        column(np.full(40, 70), 300, ordered, "constant"),
        column(np.full(40, 1), 2, ordered, "constant too"),
        column(codes, 40, True, "c"),
    ]
    tree, _ = grow_tree(predictors, classes(codes >= 20), CartParams(min_leaf=5))
    assert tree.importance() == {"c": 1.0}
    only = grow_tree(predictors[:3], classes(np.arange(40) % 2), CartParams(min_leaf=5))
    assert only[0].n_nodes == 1
    no_codes = PredictorTable.of([Predictor("none", np.zeros(0, np.uint8), 0, ordered)])
    assert no_codes.n_rows == 0


def test_no_predictors():
    tree, donors = grow_tree([], classes([0, 1, 0, 1]))
    assert donors.rows.tolist() == [0, 2, 1, 3]
    assert walk(tree, [], n_rows=3).tolist() == [0, 0, 0]
    assert set(draw_rows(tree, donors, [], KEY, n_rows=200).tolist()) == {0, 1, 2, 3}
    case = Case([], classes([0, 1, 0, 1]), CartParams(min_leaf=1))
    assert described(*grow_tree([], case.target)) == described_plain(plain_tree(case), [])


def test_no_rows_to_walk():
    tree, donors = grow_tree([column([0, 0, 1, 1], 2)], classes([0, 0, 1, 1]), CartParams(1))
    assert walk(tree, [np.zeros(0, np.uint8)]).shape == (0,)
    assert draw_rows(tree, donors, [np.zeros(0, np.uint8)], KEY).shape == (0,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_leaf": 0},
        {"min_split": 1},
        {"max_depth": -1},
        {"max_depth": 1001},
        {"max_leaves": 0},
        {"cp": -0.1},
        {"cp": 1.1},
        {"cp": float("nan")},
        {"criterion": "mse"},
        {"prune": "cost"},
    ],
)
def test_parameters_out_of_range(wrong):
    with pytest.raises(PlanError, match=next(iter(wrong))):
        CartParams(**wrong)


def test_criterion_that_does_not_fit_the_target():
    x = [column([0, 1, 0, 1], 2)]
    with pytest.raises(PlanError, match="variance is for numbers"):
        grow_tree(x, classes([0, 1, 0, 1]), CartParams(criterion="variance"))
    for criterion in ("gini", "entropy"):
        with pytest.raises(PlanError, match="is for classes"):
            grow_tree(x, NumberTarget(np.arange(4.0)), CartParams(criterion=criterion))
    with pytest.raises(PlanError, match="takes no weights"):
        grow_tree(x, classes([0, 1, 0, 1]), CartParams(criterion="entropy"), weight=np.ones(4))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_must_be_finite_where_they_take_part(bad):
    values = np.array([1.0, bad, 3.0, 4.0])
    x = [column([0, 1, 0, 1], 2)]
    with pytest.raises(DataError, match="position 1"):
        grow_tree(x, NumberTarget(values))
    _, donors = grow_tree(x, NumberTarget(values), rows=np.array([0, 2, 3]))
    assert sorted(donors.rows.tolist()) == [0, 2, 3]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_weights_must_be_finite_and_not_negative(bad):
    with pytest.raises(DataError, match="position 2"):
        grow_tree([], classes([0, 1, 0]), weight=np.array([1.0, 1.0, bad]))


def test_nothing_to_grow_on():
    x = [column([0, 1], 2)]
    with pytest.raises(DataError, match="all weights are zero"):
        grow_tree(x, classes([0, 1]), weight=np.zeros(2))
    with pytest.raises(DataError, match="at least one row"):
        grow_tree(x, classes([0, 1]), rows=np.zeros(0, np.int64))
    with pytest.raises(DataError, match="at least one row"):
        grow_tree(x, NumberTarget(np.zeros(2)), rows=np.zeros(0, np.int64))


def test_codes_out_of_range():
    with pytest.raises(DataError, match="n_classes = 2"):
        grow_tree([column([0, 1, 0], 2)], classes([0, 1, 2]))
    with pytest.raises(CodecError, match=r"'c'.*not below 2"):
        grow_tree([column([0, 1, 2], 2)], classes([0, 1, 1]))
    with pytest.raises(CodecError, match="65537"):
        PredictorTable.of([Predictor("c", np.zeros(1, np.uint16), 65_537, True)])


def test_more_columns_than_a_node_can_name():
    names = [f"c{i}" for i in range(4097)]
    assert Layout(names[:-1], [300] * 4096, [True] * 4096).n_wide == 4096
    with pytest.raises(CodecError, match="4097 predictors"):
        Layout(names, [300] * 4097, [True] * 4097)


def test_leaf_without_donors():
    tree, donors = grow_tree([column([0, 0, 1, 1], 2)], classes([0, 0, 1, 1]), CartParams(1))
    assert donors.n_leaves == 2
    empty = LeafDonors(np.array([0, 4, 4]), donors.rows, None)
    too_few = LeafDonors(np.array([0, 4]), donors.rows, None)
    for wrong in (empty, too_few):
        with pytest.raises(EmptyLeafError, match="no donors"):
            draw_rows(tree, wrong, [np.zeros(3, np.uint8)], KEY)
