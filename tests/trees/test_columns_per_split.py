"""Columns drawn anew for each split: evenly, by the key alone, and never without one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from gpusynth.errors import PlanError
from gpusynth.streams import StreamKey
from gpusynth.trees import CartParams, ClassTarget, Predictor, PredictorTable, grow, grow_tree

FALSE_ALARM = 1e-6
KEY = StreamKey(seed=11, replicate=1, step=4)


def noise(n_rows: int, n_columns: int) -> tuple[PredictorTable, ClassTarget]:
    """Return columns of all widths that tell nothing."""
    rng = np.random.default_rng(3)
    widths = [(4, False), (8, True), (20, False), (300, True)]
    predictors = []
    for i in range(n_columns):
        n_codes, is_ordered = widths[i % 4]
        codes = rng.integers(0, n_codes, n_rows).astype(np.uint16)
        predictors.append(Predictor(f"c{i}", codes, n_codes, is_ordered))
    return PredictorTable.of(predictors), ClassTarget(rng.integers(0, 3, n_rows), 3)


def test_root_is_offered_each_column_as_often():
    """One column a split: the root takes it. 1,200 keys; one false alarm in a million seeds."""
    table, target = noise(60, 6)
    params = CartParams(min_leaf=5, max_depth=1, cp=0.0, columns_per_split=1)
    asked = [
        grow_tree(table, target, params, key=KEY.at(step=i))[0].feature[0] for i in range(1200)
    ]
    counts = np.bincount(asked, minlength=6)
    assert counts.sum() == 1200
    assert chisquare(counts).pvalue > FALSE_ALARM


def test_as_many_columns_as_there_are_is_the_plain_tree():
    table, target = noise(400, 5)
    plain, _ = grow_tree(table, target, CartParams())
    for n_columns in (5, 6, 100):
        tree, _ = grow_tree(table, target, CartParams(columns_per_split=n_columns), key=KEY)
        assert np.array_equal(tree.feature, plain.feature)
        assert np.array_equal(tree.threshold, plain.threshold)


def test_keys_draw_trees_of_their_own_and_the_same_again():
    table, target = noise(2000, 8)
    params = CartParams(columns_per_split=3)

    def features(key: StreamKey) -> list[int]:
        return grow_tree(table, target, params, key=key)[0].feature.tolist()

    assert features(KEY) == features(KEY)
    assert features(KEY) != features(KEY.at(replicate=2)) != features(StreamKey(seed=12))


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize(("branch", "twig"), [((), 10**9), ((900,), 300), ((2000, 500), 50)])
def test_neither_blocks_nor_threads_change_what_is_drawn(monkeypatch, n_threads, branch, twig):
    table, target = noise(4000, 8)
    params = CartParams(columns_per_split=2)
    expected, donors = grow_tree(table, target, params, key=KEY)
    monkeypatch.setattr(grow, "BRANCH_ROWS", branch)
    monkeypatch.setattr(grow, "TWIG_ROWS", twig)
    tree, own = grow_tree(table, target, params, key=KEY, n_threads=n_threads)
    for name, array in expected.to_arrays().items():
        assert np.array_equal(tree.to_arrays()[name], array), name
    assert np.array_equal(own.rows, donors.rows)


def test_columns_are_not_drawn_without_a_key():
    table, target = noise(60, 3)
    with pytest.raises(PlanError, match="needs a key"):
        grow_tree(table, target, CartParams(columns_per_split=2))
    with pytest.raises(PlanError, match="columns_per_split must be at least 1, got 0"):
        CartParams(columns_per_split=0)
