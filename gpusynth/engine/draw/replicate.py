"""One synthetic replicate while it is drawn: codes and exact numbers, column by column."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.engine.draw.resident import DeviceRoom, HostColumns, ResidentColumns
from gpusynth.engine.memory import Memory, zeros
from gpusynth.engine.real.start import Start, start_rows
from gpusynth.errors import OutputError
from gpusynth.methods import Block
from gpusynth.streams import StreamKey
from gpusynth.table import Read, Table
from gpusynth.table.special_codes import number_dtype
from gpusynth.trees import DrawTable, Layout, PredictorTable

__all__ = ["BLOCK_ROWS", "SyntheticRows", "allocate"]

BLOCK_ROWS = 1 << 17
"""Rows that one task draws: enough to keep a task's own cost small, few enough that the threads
share the draw of a file of a few hundred thousand rows. Results never depend on it."""

_MEMORY_SHARE = 0.4  # of the free memory that replicates may take before they move to disk


@dataclass(slots=True)
class SyntheticRows:
    """The columns of one replicate.

    Attributes
    ----------
    number : int
        From 1.
    n_rows : int
    scratch : pathlib.Path or None
        Directory for the columns' files; None holds them in memory.
    start : array of int64, shape (n_rows,), or None
        The real row (or row of the start table) that each row begins with; None where no column is
        kept.
    codes : dict of str to array of uint8 or uint16, shape (n_rows,)
    values : dict of str to array of float64 or int64, shape (n_rows,)
        Only for columns whose codes do not say it all.
    tables : dict of int to PredictorTable or DrawTable
        First row of a block -> its finished columns in the layout of trees. Empty where memory is
        short: a tree then reads the codes.
    donors : dict of str to array of int64, shape (n_rows,)
        Column that others follow -> the real row that its answer comes from.
    weights : dict of str to array of float64, shape (n_rows,)
        Calibrated weights, put out in place of what was drawn.
    removed : array of bool, shape (n_rows,), or None
        Rows that are not put out.
    order : array of int64, shape (n_output,), or None
        Which rows are put out, in their order; None for all as they are.
    block_rows : int
        Most rows that are drawn at a time.
    resident : ResidentColumns or None
        Blocks that were drawn on a device and lie there still; `codes` and `values` then bring a
        column that is asked for.
    part : tuple of (int, int), or None
        First row and the row after the last of those that are drawn here; None for all.
    """

    number: int
    n_rows: int
    scratch: Path | None = None
    start: Array | None = None
    codes: MutableMapping[str, Array] = field(default_factory=dict)
    values: MutableMapping[str, Array] = field(default_factory=dict)
    donors: dict[str, Array] = field(default_factory=dict)
    weights: dict[str, Array] = field(default_factory=dict)
    tables: dict[int, Any] = field(default_factory=dict)
    removed: Array | None = None
    order: Array | None = None
    block_rows: int = BLOCK_ROWS
    resident: ResidentColumns | None = None
    part: tuple[int, int] | None = None

    @property
    def n_output(self) -> int:
        """Number of rows that are put out."""
        return self.n_rows if self.order is None else len(self.order)

    def blocks(self) -> Iterator[Block]:
        """Cut the rows into even blocks that are drawn apart: no thread waits for a larger one."""
        first_row, end = self.part or (0, self.n_rows)
        n_blocks = -(-(end - first_row) // self.block_rows)
        size = -(-(end - first_row) // max(n_blocks, 1))
        for first in range(first_row, end, max(size, 1)):
            yield Block(first, min(size, end - first), self.n_rows)

    def make_room(self, column: str, real: Table, *, new_values: bool) -> None:
        """Make room for a column when it is drawn for the first time.

        Not earlier: by then the memory of real columns that are done with can be used again.

        Parameters
        ----------
        column : str
        real : Table
            For the dtypes.
        new_values : bool
            Whether numbers may be drawn that no code stands for.
        """
        if column in self.codes:
            return
        place = None if self.scratch is None else self.scratch / f"columns_{self.number:03d}"
        dtypes = {"codes": real.codes[column].dtype}
        if column in real.values or new_values:
            dtypes["values"] = np.dtype(number_dtype(real.schema[column]))
        for kind, dtype in dtypes.items():
            own = self.codes if kind == "codes" else self.values
            file = place and place.with_name(f"{place.name}_{kind}_{len(own):05d}")
            own[column] = zeros(self.n_rows, dtype, file)

    def host_dtype(self, column: str, *, values: bool = False) -> np.dtype[Any] | None:
        """Return the dtype of a column's codes or numbers; None where it has no such room."""
        own = self.values if values else self.codes
        plain = own.data if isinstance(own, HostColumns) else own
        return plain[column].dtype if column in plain else None

    def donors_of(self, column: str, first_row: int, n_rows: int) -> Array:
        """Return the part of a column's donors that belongs to a block, to read or to write."""
        return self.donors[column][first_row : first_row + n_rows]

    def remember_donors(self, column: str) -> None:
        """Make room for the donors of a column that others follow."""
        if column not in self.donors:
            self.donors[column] = self._room(f"donors_{len(self.donors):05d}", np.int64)

    def put_weights(self, column: str, weights: Array) -> None:
        """Take calibrated weights."""
        room = self._room(f"weights_{len(self.weights):05d}", np.float64)
        room[:] = weights
        self.weights[column] = room

    def _room(self, what: str, dtype: Any) -> Array:
        name = f"columns_{self.number:03d}_{what}"
        file = None if self.scratch is None else self.scratch / name
        return zeros(self.n_rows, np.dtype(dtype), file)

    def reader(self, part: slice) -> Read:
        """Return a function that reads the codes and numbers of a column's part."""

        def read(name: str) -> tuple[Array, Array | None]:
            values = self.values.get(name)
            return self.codes[name][part], None if values is None else values[part]

        return read

    def fill_table(self, first_row: int, columns: Collection[str], *, again: bool = False) -> None:
        """Put columns of a block into the layout of trees.

        Parameters
        ----------
        first_row : int
            Of the block.
        columns : collection of str
            Those that predict nothing are passed over.
        again : bool
            Whether they were put there before, so that old answers must be taken out.
        """
        table = self.tables.get(first_row)
        if table is None:
            return
        part = slice(first_row, first_row + table.n_rows)
        for name in columns:
            if name not in table.layout.position:
                continue
            if again:
                table.take_out(name)
            drawn = None if self.resident is None else self.resident.get(name, first_row)
            if drawn is None:
                table.fill({name: self.codes[name][part]})
            else:
                table.put(name, drawn.codes)

    def finish_drawing(self) -> None:
        """Let go what only draws need."""
        self.tables.clear()
        self.donors.clear()
        self.start = None

    def clear(self) -> None:
        """Let the columns go."""
        if self.resident is not None:
            self.resident.clear()
        self.codes.clear()
        self.values.clear()
        self.weights.clear()


def allocate(
    real: Table,
    layout: Layout,
    start: Start,
    n_rows: int,
    numbers: Sequence[int],
    *,
    seed: int,
    memory: Memory,
    has_start: bool,
    new_table: Callable[[Layout, int], PredictorTable | DrawTable] = PredictorTable,
    block_rows: int | None = None,
    room: DeviceRoom | None = None,
    part: tuple[int, int] | None = None,
) -> list[SyntheticRows]:
    """Begin all replicates, which are drawn side by side.

    A fitted model is several times as large as a drawn column, so holding the replicates beats
    keeping the models until the next replicate. Where they would take too much of the free memory
    they live in files under `memory.scratch` that the system pages in and out.

    Parameters
    ----------
    real : Table
        For the dtypes.
    layout : Layout
        Of the columns that predict others.
    start : Start
    n_rows : int
    numbers : sequence of int
        Of the replicates, from 1.
    seed : int
    memory : Memory
        Without a directory for such files everything is kept in memory.
    has_start : bool
        Whether any column is kept, so that rows have a start.
    new_table : callable
        Makes the table of a block in the layout of trees.
    block_rows : int, optional
        Rows of a block at most; `BLOCK_ROWS` by default.
    room : DeviceRoom, optional
        Of the device, for columns that are drawn there.
    part : tuple of (int, int), optional
        The rows that are drawn here; all by default. The others take no memory: nobody touches
        their pages.

    Returns
    -------
    list of SyntheticRows

    Raises
    ------
    OutputError
        If such files would not fit on the disk.
    """
    arrays = [column[name] for column in (real.codes, real.values) for name in column]
    n_replicates = len(numbers)
    own_rows = n_replicates * (n_rows if part is None else part[1] - part[0])
    column_bytes = own_rows * sum(array.dtype.itemsize for array in arrays)
    table_bytes = own_rows * (8 * layout.n_words + 2 * layout.n_wide)
    scratch = memory.scratch
    if column_bytes + table_bytes <= _MEMORY_SHARE * memory.free:
        scratch = None
    elif scratch is not None and shutil.disk_usage(scratch).free < column_bytes:
        raise OutputError(
            f"{scratch.parent}: {n_replicates} replicates of {n_rows} rows are more than memory "
            f"holds and need {column_bytes} bytes of disk while they are drawn. "
            "Free some space, choose another place, or ask for fewer replicates."
        )
    replicates = []
    for number in numbers:
        block = block_rows or BLOCK_ROWS
        rows = SyntheticRows(number, n_rows, scratch, block_rows=block, part=part)
        if has_start:
            rows.start = start_rows(start, StreamKey(seed, replicate=number), n_rows)
        if scratch is None:
            if room is not None:
                rows.resident = ResidentColumns(room)
                rows.codes, rows.values = rows.resident.codes, rows.resident.values
            rows.tables = {b.first_row: new_table(layout, b.n_rows) for b in rows.blocks()}
        replicates.append(rows)
    return replicates
