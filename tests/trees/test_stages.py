"""Walks in stages: when rows leave, and how many walk as a block, is a matter of speed only."""

from __future__ import annotations

import numpy as np
import pytest

from gpusynth.trees import CartParams, ClassTarget, Predictor, PredictorTable, grow_tree, walk
from gpusynth.trees import route as routes
from gpusynth_kernels.cpu.lay_out import MOST_STAGES, lay_out_tree
from gpusynth_kernels.cpu.walk import walk_rows

N = 700
NONE = np.zeros(0, np.int64)


def grown(counts, ordered, min_leaf=2, seed=5):
    """A tree on columns of every sort, and its table."""
    rng = np.random.default_rng(seed)
    columns = [rng.integers(0, n, N) for n in counts]
    table = PredictorTable.of(
        [
            Predictor(f"c{i}", codes.astype(np.uint16), n, is_ordered=o)
            for i, (codes, n, o) in enumerate(zip(columns, counts, ordered, strict=True))
        ]
    )
    target = ClassTarget((sum(codes % 5 for codes in columns) % 4).astype(np.uint8), 4)
    tree, _ = grow_tree(table, target, CartParams(min_leaf=min_leaf))
    return tree, table


MIXED = ((3, 20, 30, 400, 300), (True, True, False, True, False))
ORDERED = ((3, 20, 4, 400), (True, True, False, True))


def arrays_of(route, table, stages=None):
    arrays = list(route.arrays(table))
    if stages is not None:
        arrays[3] = np.array(stages, np.int64)
    return arrays


@pytest.mark.parametrize("columns", [MIXED, ORDERED])
@pytest.mark.parametrize("stages", [[1], [2, 1], [40], [1, 1, 30], [5, 2, 7]])
@pytest.mark.parametrize("last", [1, 11, 12, 13, 257, N])
def test_leaves_do_not_depend_on_stages(columns, stages, last):
    tree, table = grown(*columns)
    route = routes.Route.of(tree, table.layout)
    leaves = np.full(last, -1, np.int32)
    walk_rows(*arrays_of(route, table, stages), NONE, 0, last, leaves)
    assert leaves.tolist() == walk(tree, table)[:last].tolist()


@pytest.mark.parametrize("columns", [MIXED, ORDERED])
@pytest.mark.parametrize("n_together", [8, 32, 128])
def test_leaves_do_not_depend_on_the_rows_of_a_block(columns, n_together, monkeypatch):
    tree, table = grown(*columns)
    expected = walk(tree, table)
    monkeypatch.setattr(routes, "_rows_together", lambda n_places: n_together)
    route = routes.Route.of(tree, table.layout)
    assert route.n_together == n_together
    leaves = np.full(N, -1, np.int32)
    walk_rows(*route.arrays(table), NONE, 0, N, leaves)
    assert np.array_equal(leaves, expected)


def test_stages_end_with_the_deepest_leaf():
    """A row of the deepest leaf is there after as many steps, and takes one more to tell."""
    tree, table = grown(*MIXED)
    stages = routes.Route.of(tree, table.layout).stages
    assert stages.min() >= 1
    assert stages.sum() == tree.depth + 1


def test_rows_that_arrive_early_leave_early():
    """Half of the rows are in a leaf at once, the others have a long way to go."""
    codes = np.where(np.arange(2 * N) < N, 0, 1 + np.arange(2 * N) % 400).astype(np.uint16)
    table = PredictorTable.of([Predictor("a", codes, 401, is_ordered=True)])
    target = ClassTarget((codes > 0) * (codes % 2 + 1).astype(np.uint8), 3)
    tree, _ = grow_tree(table, target, CartParams(min_leaf=1, min_split=2))
    assert tree.depth > 8
    assert routes.Route.of(tree, table.layout).stages[0] <= 3


def chain(depth, n_rows):
    """The arrays of a tree whose left children are leaves, as `lay_out_tree` wants them."""
    left = np.full(2 * depth + 1, -1, np.int32)
    left[[0, *range(2, 2 * depth, 2)]] = range(1, 2 * depth, 2)
    feature = np.where(left >= 0, 0, -1).astype(np.int32)
    leaf = np.full(len(left), -1, np.int32)
    leaf[left < 0] = range(depth + 1)
    threshold = (np.arange(len(left)) // 2).astype(np.uint16)
    subset, words = np.full(len(left), -1, np.int64), np.zeros(0, np.uint32)
    return feature, threshold, subset, words, left, leaf, n_rows(len(left))


@pytest.mark.parametrize("n_rows", [np.ones, np.zeros])
def test_trees_deeper_than_the_plan_and_without_counts(n_rows):
    """All rows arrive, however deep; without counts every stage is a guess."""
    depth = 300
    parts = chain(depth, lambda n: n_rows(n, np.int64))
    nodes = np.empty(4 * (depth + 1), np.uint64)
    stages = np.empty(MOST_STAGES, np.int64)
    columns = np.array([[2, 0, depth + 1, 0]], np.int64)
    asks_subset, n_stages = lay_out_tree(*parts, columns, 1, 128, nodes, stages)
    assert not asks_subset
    assert 1 <= n_stages <= MOST_STAGES
    codes = np.arange(depth + 1, dtype=np.uint16)[::-1].copy()
    asked = np.zeros(0, np.int64), np.zeros(1, np.int64)
    records, found = np.zeros((depth + 1, 0), np.uint64), np.empty(depth + 1, np.int32)
    given = (nodes, np.zeros(0, np.uint32), asked, stages[:n_stages], 128)
    walk_rows(*given, records, codes[None], NONE, 0, depth + 1, found)
    assert found.tolist() == codes.tolist()


def test_the_side_where_most_rows_go_lies_next():
    """Pairs: of the root, of its children, of the heavy child's children, of the light one's."""
    left = np.array([1, 3, 5, -1, -1, -1, -1], np.int32)
    leaf = np.array([-1, -1, -1, 0, 1, 2, 3], np.int32)
    feature = np.where(left >= 0, 0, -1).astype(np.int32)
    none, words = np.full(7, -1, np.int64), np.zeros(0, np.uint32)
    columns, stages = np.array([[2, 0, 9, 0]], np.int64), np.empty(MOST_STAGES, np.int64)
    for n_left, pairs in ((2, [1, 3, 2]), (7, [1, 2, 3])):
        nodes = np.empty(16, np.uint64)
        n_rows = np.array([9, n_left, 9 - n_left, 1, 1, 1, 1])
        threshold = np.zeros(7, np.uint16)
        parts = feature, threshold, none, words, left, leaf, n_rows
        lay_out_tree(*parts, columns, 1, 256, nodes, stages)
        child = (nodes & np.uint64(0xFFFFFFFF)).astype(np.int64)
        assert [child[1] // 4, child[4] // 4, child[5] // 4] == pairs
        assert nodes[4 * pairs[1] + 2 : 4 * pairs[1] + 4].tolist() == [0, 1]  # leaf numbers
        assert nodes[4 * pairs[2] + 2 : 4 * pairs[2] + 4].tolist() == [2, 3]


def test_nodes_begin_with_a_line_of_the_cache():
    tree, table = grown(*MIXED)
    assert routes.Route.of(tree, table.layout).nodes.ctypes.data % 64 == 0


@pytest.mark.parametrize("n_places", [0, 1, 16, 17, 128, 1000, 8192])
def test_blocks_fit_a_node_and_a_cache(n_places):
    n_together = routes._rows_together(n_places)
    assert 4 <= n_together <= 256
    assert n_places * n_together < 1 << 16  # the place of zeros is behind all others
    assert n_together <= 32 or n_places * n_together <= 4096
