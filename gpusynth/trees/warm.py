"""Compile (or load from the kernel cache) what fits and draws need, before anything is timed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from gpusynth.backends import CPU, Backend
from gpusynth.streams import StreamKey
from gpusynth.trees.changing_table import ChangingTable
from gpusynth.trees.draw_device import draw_codes_on_device
from gpusynth.trees.draw_table import DrawTable
from gpusynth.trees.fitters import fit_tree
from gpusynth.trees.grow import grow_tree
from gpusynth.trees.leaves import LeafDonors
from gpusynth.trees.params import CartParams
from gpusynth.trees.predictors import Layout, Predictor, PredictorTable
from gpusynth.trees.target import ClassTarget, NumberTarget, Target
from gpusynth.trees.tree import Tree
from gpusynth.trees.walk import draw_rows, draw_values

__all__ = ["warm_device", "warm_up"]

_ROWS = 256  # more than one thread compares, in children too
_PARAMS = CartParams(min_leaf=2)
_STOPS = (32, 16)  # as a large table is cut


@cache
def warm_up(backend: Backend = CPU) -> None:
    """Grow and walk one small tree of every sort, once a process and backend.

    Codes of both widths, classes and numbers: on the processor, which always has a part, and on
    the backend's device. (Not in Numba's simulator, which compiles nothing and is slow.)

    Parameters
    ----------
    backend : Backend
    """
    if not backend.on_device:
        _warm_processor()
        return
    warm_up()
    from gpusynth_kernels.cuda.launch import SIMULATED

    if not SIMULATED:
        warm_device(backend)


def warm_device(backend: Backend) -> None:
    """Grow, where the fitter is the histogram's, and walk small trees on a device.

    Parameters
    ----------
    backend : Backend
        On a device.

    Raises
    ------
    DeviceMemoryError
    """
    predictors = _predictors()
    table = PredictorTable.of(predictors)
    rows = DrawTable(table.layout, _ROWS)
    rows.fill({one.name: one.codes for one in predictors})
    grown_by = backend if backend.fitter == "histogram" else CPU
    for target in _targets():
        tree, donors = fit_tree(table, target, _PARAMS, backend=grown_by)
        draw_rows(tree, donors, rows, StreamKey(0))
    _gather(tree, donors, rows)
    _change(table.layout, predictors)


def _gather(tree: Tree, donors: LeafDonors, rows: DrawTable) -> None:
    """Draw columns of each dtype, whole ones and such as have states, and leave them there."""
    codes = np.arange(_ROWS)
    narrow, wide = codes.astype(np.uint8), codes.astype(np.uint16)
    for columns in ((narrow, None), (wide, codes * 0.5), (wide, codes)):
        given = tree, donors, rows, StreamKey(0), 0
        drawn = draw_codes_on_device(*given, columns=columns)
        draw_codes_on_device(*given, columns=columns, ordinary=(drawn, 1))


def _change(layout: Layout, predictors: Sequence[Predictor]) -> None:
    """Change columns of each sort in place."""
    columns = {one.name: one.codes for one in predictors}
    table, rows = ChangingTable(layout, columns, _ROWS), np.arange(2, dtype=np.int32)
    for name, codes in columns.items():
        table.change(name, rows, codes[:2])


def _warm_processor() -> None:
    table = PredictorTable.of(_predictors())
    for target in _targets():
        tree, donors = grow_tree(table, target, _PARAMS, stops=_STOPS)
        draw_rows(tree, donors, table, StreamKey(0))
    for dtype in (np.uint8, np.uint16):
        codes = np.zeros(_ROWS, dtype)
        draw_values(tree, donors, table, StreamKey(0), columns=(codes, None))


def _predictors() -> list[Predictor]:
    rows = np.arange(_ROWS)
    return [
        Predictor("narrow", (rows % 3).astype(np.uint8), 3, is_ordered=False),
        Predictor("middling", (rows % 20).astype(np.uint8), 20, is_ordered=False),
        Predictor("wide", rows.astype(np.uint16), 300, is_ordered=True),
        Predictor("subset", rows.astype(np.uint16), 300, is_ordered=False),
    ]


def _targets() -> tuple[Target, ...]:
    rows = np.arange(_ROWS)
    return (
        ClassTarget((rows // 7 % 3).astype(np.uint8), 3),
        ClassTarget((rows // 7 % 3).astype(np.uint16), 3),
        NumberTarget(rows * 0.5),
    )
