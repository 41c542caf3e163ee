"""Compile (or load from the kernel cache) what fits and draws need, before anything is timed."""

from __future__ import annotations

from functools import cache

import numpy as np

from gpusynth.streams import StreamKey
from gpusynth.trees.grow import grow_tree
from gpusynth.trees.params import CartParams
from gpusynth.trees.predictors import Predictor, PredictorTable
from gpusynth.trees.target import ClassTarget, NumberTarget
from gpusynth.trees.walk import draw_rows

__all__ = ["warm_up"]

_ROWS = 64


@cache
def warm_up() -> None:
    """Grow and walk one small tree of every sort, once a process.

    Codes of both widths, classes and numbers.
    """
    rows = np.arange(_ROWS)
    predictors = [
        Predictor("narrow", (rows % 3).astype(np.uint8), 3, is_ordered=False),
        Predictor("middling", (rows % 20).astype(np.uint8), 20, is_ordered=False),
        Predictor("wide", rows.astype(np.uint16), 300, is_ordered=True),
        Predictor("subset", rows.astype(np.uint16), 300, is_ordered=False),
    ]
    table = PredictorTable.of(predictors)
    params = CartParams(min_leaf=2)
    for target in (
        ClassTarget((rows // 7 % 3).astype(np.uint8), 3),
        ClassTarget((rows // 7 % 3).astype(np.uint16), 3),
        NumberTarget(rows * 0.5),
    ):
        tree, donors = grow_tree(table, target, params)
        draw_rows(tree, donors, table, StreamKey(0))
