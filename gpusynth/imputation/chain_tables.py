"""Chain tables: the rows of each chain in the layout of trees, on the host or on a CUDA device.

On a device every chain that runs has tables of its own there: what trees are grown on and what they
are walked with. Complete columns are sent once a chain; of imputed ones the missing rows, whenever
they are drawn anew. What finds no room costs time and nothing else: fewer chains run side by side,
then the host walks, then codes go to the device some columns at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.backends import device_memory
from gpusynth.engine.device import KEPT_SHARE, working_bytes
from gpusynth.errors import DeviceMemoryError
from gpusynth.imputation.setup import Setup
from gpusynth.trees import ChangingTable, Layout, PredictorTable, draw_table_bytes
from gpusynth.trees.record_plan import plan_records

__all__ = ["ChainTables", "plan_tables"]


@dataclass(frozen=True, slots=True)
class ChainTables:
    """Where the rows of chains lie, and how many chains run at a time.

    Attributes
    ----------
    layout : Layout
    n_rows : int
    n_chains : int
        At a time.
    complete : PredictorTable or None
        With the complete columns filled in, where chains have rows on the host.
    on_device : bool
    words_at_once : int or None
        See `gpusynth.trees.ChangingTable`.
    is_walked_there : bool
        See there.
    """

    layout: Layout
    n_rows: int
    n_chains: int
    complete: PredictorTable | None = None
    on_device: bool = False
    words_at_once: int | None = None
    is_walked_there: bool = True

    def new(
        self, codes: Mapping[str, Array], incomplete: Mapping[str, Array]
    ) -> PredictorTable | ChangingTable:
        """Return the rows of a chain as they stand.

        Parameters
        ----------
        codes : mapping of str to array of uint8 or uint16, shape (n_rows,)
            Of all columns. The chain changes them as it changes the table.
        incomplete : mapping of str to array
            Columns that are not in `complete`.

        Returns
        -------
        PredictorTable or ChangingTable

        Raises
        ------
        DeviceMemoryError
        """
        host = None
        if self.complete is not None:
            host = PredictorTable(self.layout, self.n_rows)
            host.records[:] = self.complete.records
            host.wide[:] = self.complete.wide
            names = [name for name in incomplete if name in self.layout.position]
            host.fill({name: codes[name] for name in names})
        if not self.on_device:
            if host is None:
                raise TypeError("rows on the host are made of the complete columns")
            return host
        if host is not None:
            host.lent = codes
        return ChangingTable(
            self.layout,
            codes,
            self.n_rows,
            host=host,
            words_at_once=self.words_at_once,
            is_walked_there=self.is_walked_there,
        )


def plan_tables(setup: Setup, *, n_chains: int, free: int | None = None) -> ChainTables:
    """Plan where the rows of chains lie.

    Parameters
    ----------
    setup : Setup
    n_chains : int
        That would run side by side if memory were no matter.
    free : int, optional
        Bytes of the device that may be taken; what is free by default.

    Returns
    -------
    ChainTables

    Raises
    ------
    DeviceMemoryError
        If one fit does not fit the device; the message says how many bytes it needs.
    """
    layout, n_rows = setup.layout, setup.table.n_rows
    if not setup.backend.on_device:
        return ChainTables(layout, n_rows, n_chains, _complete_columns(setup))
    free = device_memory() if free is None else free
    left = free - working_bytes(n_rows, n_rows)
    walked = draw_table_bytes(layout, n_rows)
    if setup.backend.fitter == "cuml":  # it takes its own copy of the host's rows, one fit a time
        most = int(left * KEPT_SHARE) // max(walked, 1)
        return ChainTables(
            layout,
            n_rows,
            min(max(most, 1), n_chains),
            _complete_columns(setup),
            on_device=True,
            words_at_once=0,
            is_walked_there=most > 0,
        )
    records = plan_records(layout.n_codes, n_rows, left - walked)
    if records.n_groups == 1:
        most = int(left * KEPT_SHARE) // max(records.n_bytes + walked, 1)
        return ChainTables(layout, n_rows, min(max(most, 1), n_chains), on_device=True)
    records = plan_records(layout.n_codes, n_rows, left)
    least = free - left + records.n_bytes
    if least > free:
        raise DeviceMemoryError.needs("this imputation", least, free)
    return ChainTables(
        layout,
        n_rows,
        1,
        _complete_columns(setup),
        on_device=True,
        words_at_once=None if records.n_groups == 1 else records.words_at_once,
        is_walked_there=False,
    )


def _complete_columns(setup: Setup) -> PredictorTable:
    """Return a table with the complete columns filled in, which chains begin with."""
    predictors = PredictorTable(setup.layout, setup.table.n_rows)
    complete = [name for name in setup.layout.names if name not in setup.cells]
    predictors.fill({name: np.asarray(setup.table.codes[name]) for name in complete})
    return predictors
