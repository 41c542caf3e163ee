"""Trees are laid out once for all blocks and replicates, within a bound of memory."""

from __future__ import annotations

import numpy as np
import pytest

from gpusynth.trees import CartParams, ClassTarget, Predictor, PredictorTable, grow_tree
from gpusynth.trees import route as routes

CODES = (np.arange(60) % 3).astype(np.uint8)
TABLE = PredictorTable.of([Predictor("a", CODES, 3, is_ordered=True)])


def _trees(count):
    target = ClassTarget((CODES > 1).astype(np.uint8), 2)
    return [grow_tree(TABLE, target, CartParams(min_leaf=2))[0] for _ in range(count)]


@pytest.fixture
def recent(monkeypatch):
    own = routes._Recent()
    monkeypatch.setattr(routes, "_recent", own)
    return own


def test_many_small_trees_stay_laid_out(recent):
    trees = _trees(50)
    first = [routes.route_of(tree, TABLE.layout) for tree in trees]
    assert all(
        routes.route_of(tree, TABLE.layout) is one for tree, one in zip(trees, first, strict=True)
    )
    assert first[0].n_bytes == first[0].nodes.nbytes > 0


def test_no_more_than_so_many_are_kept(recent, monkeypatch):
    monkeypatch.setattr(routes, "_MOST_SMALL", 20)
    trees = _trees(30)
    for tree in trees:
        routes.route_of(tree, TABLE.layout)
    kept = [recent.get(tree, TABLE.layout) is not None for tree in trees]
    assert kept == [False] * 10 + [True] * 20


def test_large_routes_keep_only_those_drawn_at_the_same_time(recent, monkeypatch):
    monkeypatch.setattr(routes, "_MOST_BYTES", 0)
    trees = _trees(30)
    for tree in trees:
        routes.route_of(tree, TABLE.layout)
    kept = [recent.get(tree, TABLE.layout) is not None for tree in trees]
    assert kept == [False] * (30 - routes._MOST_KEPT) + [True] * routes._MOST_KEPT


def test_routes_of_trees_that_are_gone_are_let_go(recent):
    for tree in _trees(30):
        routes.route_of(tree, TABLE.layout)
    del tree
    (last,) = _trees(1)
    routes.route_of(last, TABLE.layout)
    assert len(recent._kept) == 1
