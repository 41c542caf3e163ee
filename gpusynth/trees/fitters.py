"""Fitters: what grows a tree, chosen by the backend; all give our `Tree` and `LeafDonors`."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from typing import Any

from gpusynth.arrays import Array
from gpusynth.backends import CPU, Backend, device_memory, make_room, memory_errors, need, with_room
from gpusynth.streams import StreamKey
from gpusynth.trees.changing_table import ChangingTable
from gpusynth.trees.device_turns import DeviceTurns
from gpusynth.trees.grow import grow_tree
from gpusynth.trees.leaves import LeafDonors
from gpusynth.trees.params import CartParams
from gpusynth.trees.predictors import PredictorTable
from gpusynth.trees.record_plan import FIT_ROW_BYTES, RecordPlan, plan_records
from gpusynth.trees.target import Target
from gpusynth.trees.tree import Tree

__all__ = ["fit_tree"]

_turns = DeviceTurns()
_sending = threading.Lock()


class _Kept:
    """The device's copy of the table that was fitted on last, while that is there."""

    def __init__(self) -> None:
        self._table: weakref.ref[PredictorTable] | None = None
        self._copy: Any = None

    def of(self, table: PredictorTable) -> Any:
        """Return the copy of a table, all of it or in pages; one thread at a time."""
        from gpusynth.trees.device_pages import PagedTable
        from gpusynth.trees.device_table import DeviceTable

        if self._table is None or self._table() is not table:
            self._copy = None
            plan = _plan(table)
            with memory_errors("the predictors", plan.n_bytes):
                if plan.n_groups == 1:
                    self._copy = DeviceTable.of(table)
                else:
                    self._copy = PagedTable(table, plan.words_at_once)
            self._table = weakref.ref(table, self._forget)
        return self._copy

    def _forget(self, gone: weakref.ref[PredictorTable]) -> None:
        if gone is self._table:
            self._table = self._copy = None


_kept = _Kept()


def _on_device(table: PredictorTable | ChangingTable) -> Any:
    """Return what a table is on the device, which one that changes has with it."""
    with _sending:
        return table.grown if isinstance(table, ChangingTable) else _kept.of(table)


def _on_host(table: PredictorTable | ChangingTable) -> PredictorTable:
    return table.host if isinstance(table, ChangingTable) else table


def _plan(table: PredictorTable) -> RecordPlan:
    """Plan how a table's codes go to the device; room for all of them is made where that helps."""
    working = FIT_ROW_BYTES * table.n_rows

    def plan() -> RecordPlan:
        return plan_records(table.layout.n_codes, table.n_rows, device_memory() - working)

    if plan().n_groups > 1:
        make_room()
    found = plan()
    need(working + found.n_bytes, "a fit")
    return found


def fit_tree(
    predictors: PredictorTable | ChangingTable,
    target: Target,
    params: CartParams | None = None,
    *,
    columns: Iterable[str] | None = None,
    weight: Array | None = None,
    rows: Array | None = None,
    key: StreamKey | None = None,
    n_threads: int = 1,
    backend: Backend = CPU,
) -> tuple[Tree, LeafDonors]:
    """Grow a CART with the fitter of a backend.

    The histogram fitter gives the same tree on every device; cuML's trees are others.

    Parameters
    ----------
    predictors : PredictorTable or ChangingTable
        Of the first the copy on the device is kept as long as it is fitted on; nobody changes it.
    target, params, columns, weight, rows, key, n_threads
        See `gpusynth.trees.grow_tree`.
    backend : Backend

    Returns
    -------
    tree : Tree
    donors : LeafDonors

    Raises
    ------
    DataError, PlanError, DeviceMemoryError
    """
    params = params or CartParams()
    if backend.fitter == "cuml":
        from gpusynth.trees.cuml import fit_with_cuml

        with _turns.take_all():
            return fit_with_cuml(
                _on_host(predictors), target, params, columns=columns, weight=weight, rows=rows
            )
    if backend.on_device:
        from gpusynth.trees.grow_cuda import grow_tree_on_device

        def grow() -> tuple[Tree, LeafDonors]:
            table = _on_device(predictors)
            return grow_tree_on_device(
                table,
                target,
                params,
                columns=columns,
                weight=weight,
                rows=rows,
                key=key,
                turn=_turns.take(FIT_ROW_BYTES * table.n_rows, alone=table.n_pages > 1),
            )

        return with_room(grow, "a tree", FIT_ROW_BYTES * predictors.n_rows)
    return grow_tree(
        _on_host(predictors),
        target,
        params,
        columns=columns,
        weight=weight,
        rows=rows,
        key=key,
        n_threads=n_threads,
    )
