"""Walks and draws in the simulator against the CPU's: the same leaves, the same donors."""

import numpy as np
import pytest

from gpusynth.errors import CodecError, DataError
from gpusynth.streams import StreamKey
from gpusynth.trees import (
    CartParams,
    ClassTarget,
    DrawTable,
    Predictor,
    PredictorTable,
    grow_tree,
    walk,
)
from gpusynth.trees.route import route_of
from gpusynth.trees.walk import draw_rows
from gpusynth_kernels.cuda import launch
from gpusynth_kernels.cuda import walk as kernels

N = 500
KEY = StreamKey(2**63 + 9, replicate=2, step=3)
NONE = np.zeros(0, np.int64)


def grown(seed, *, weighted):
    """A tree that asks for lanes, marks, codes and subsets of every sort, and its table."""
    rng = np.random.default_rng(seed)
    counts = (2, 6, 4, 20, 30, 50, 400, 300, 70)
    ordered = (True, True, False, True, False, False, True, False, False)
    columns = [rng.integers(0, n, N) for n in counts]
    predictors = [
        Predictor(f"c{i}", codes.astype(np.uint8 if n <= 256 else np.uint16), n, is_ordered=o)
        for i, (codes, n, o) in enumerate(zip(columns, counts, ordered, strict=True))
    ]
    table = PredictorTable.of(predictors)
    score = sum(codes % 7 for codes in columns) + columns[6] // 90 + 3 * (columns[7] % 2)
    target = ClassTarget((score % 5).astype(np.uint8), 5)
    weight = rng.integers(0, 4, N) + 0.5 if weighted else None
    tree, donors = grow_tree(table, target, CartParams(min_leaf=2), weight=weight)
    return tree, donors, table


def on_device(tree, table):
    route = route_of(tree, table.layout)
    parts = (route.nodes, route.subset_words, *route.asked)
    there = [launch.to_device(part) for part in (*parts, table.records, table.wide)]
    return [*there[:4], route.n_together, *there[4:]]


@pytest.mark.parametrize("chosen", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_leaves_and_donors_are_those_of_the_cpu(weighted, chosen):
    tree, donors, table = grown(1, weighted=weighted)
    assert (tree.subset >= 0).any()
    positions = np.flatnonzero(np.arange(N) % 3 > 0) if chosen else None
    arrays = on_device(tree, table)
    n = N if positions is None else len(positions)
    there = launch.to_device(NONE if positions is None else positions)
    leaf = launch.empty(n, np.int32)
    kernels.walk_rows.over(n, *arrays, there, 0, leaf)
    np.testing.assert_array_equal(launch.to_host(leaf), walk(tree, table, positions=positions))
    cumulative = NONE if donors.cumulative is None else donors.cumulative
    csr = [launch.to_device(array) for array in (donors.offsets, donors.rows, cumulative)]
    name = (np.uint64(KEY.seed), np.uint64(KEY.stream), np.uint64(10**12))
    expected = draw_rows(tree, donors, table, KEY, 10**12, positions=positions)
    drawn = launch.empty(n, donors.rows.dtype)
    kernels.draw_rows.over(n, *csr, *name, there, 0, leaf, drawn)
    np.testing.assert_array_equal(launch.to_host(drawn), expected)
    both = launch.empty(n, donors.rows.dtype)
    kernels.walk_and_draw.over(n, *arrays, there, *csr, *name, there, both)
    np.testing.assert_array_equal(launch.to_host(both), expected)


@pytest.mark.parametrize("chosen", [False, True])
def test_tables_on_the_device_are_walked_and_filled_again(chosen):
    tree, donors, table = grown(2, weighted=True)
    positions = np.arange(3, N, 7) if chosen else None
    there = DrawTable(table.layout, N)
    columns = {name: table.codes(name) for name in table.layout.names}
    there.fill({**columns, "c2": columns["c2"][::-1], "c6": columns["c6"][::-1]})
    there.take_out("c2")
    there.take_out("c6")
    there.fill({"c2": columns["c2"], "c6": columns["c6"]})
    np.testing.assert_array_equal(
        walk(tree, there, positions=positions), walk(tree, table, positions=positions)
    )
    np.testing.assert_array_equal(
        draw_rows(tree, donors, there, KEY, 5, positions=positions),
        draw_rows(tree, donors, table, KEY, 5, positions=positions),
    )
    with pytest.raises(DataError, match="a position is no row"):
        walk(tree, there, positions=np.array([N]))
    with pytest.raises(CodecError, match="'c2' holds a code that is not below 4"):
        there.fill({"c2": columns["c2"] + np.uint8(9)})


def test_a_tree_that_is_one_leaf_sends_all_rows_there():
    table = PredictorTable.of([Predictor("a", np.zeros(9, np.uint8), 2, is_ordered=True)])
    tree, _ = grow_tree(table, ClassTarget(np.zeros(9, np.uint8), 2))
    leaf = launch.empty(9, np.int32)
    kernels.walk_rows.over(9, *on_device(tree, table), launch.to_device(NONE), 0, leaf)
    assert launch.to_host(leaf).tolist() == [0] * 9
