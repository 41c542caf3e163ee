"""One synthetic replicate while it is drawn: codes and exact numbers, column by column."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from gpusynth.arrays import Array
from gpusynth.engine.measure import Stopwatch, timed
from gpusynth.errors import OutputError
from gpusynth.io.output import output_error
from gpusynth.methods import Block, DrawnColumns, FittedModel
from gpusynth.plan import Step
from gpusynth.streams import StreamKey
from gpusynth.table import Table
from gpusynth.trees import Layout, PredictorTable

__all__ = ["BLOCK_ROWS", "SyntheticRows", "allocate", "draw_tasks"]

BLOCK_ROWS = 1 << 20
"""Rows that one task draws: every task lays the tree out anew (up to a few hundred thousand nodes),
which is little beside a million walks. Results never depend on it."""

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
    codes : dict of str to array of uint8 or uint16, shape (n_rows,)
    values : dict of str to array of float64 or int64, shape (n_rows,)
        Only for columns whose codes do not say it all.
    tables : dict of int to PredictorTable
        First row of a block -> its finished columns in the layout of trees. Empty where memory is
        short: a tree then reads the codes.
    """

    number: int
    n_rows: int
    scratch: Path | None = None
    codes: dict[str, Array] = field(default_factory=dict)
    values: dict[str, Array] = field(default_factory=dict)
    tables: dict[int, PredictorTable] = field(default_factory=dict)

    def blocks(self) -> Iterator[Block]:
        """Cut the rows into blocks that are drawn apart."""
        for first in range(0, self.n_rows, BLOCK_ROWS):
            yield Block(first, min(BLOCK_ROWS, self.n_rows - first), self.n_rows)

    def make_room(self, column: str, real: Table) -> None:
        """Make room for a column when it is drawn for the first time.

        Not earlier: by then the memory of real columns that are done with can be used again.
        """
        if column in self.codes:
            return
        place = None if self.scratch is None else self.scratch / f"columns_{self.number:03d}"
        for kind, given, own in (
            ("codes", real.codes, self.codes),
            ("values", real.values, self.values),
        ):
            if column in given:
                file = place and place.with_name(f"{place.name}_{kind}_{len(own):05d}")
                own[column] = _zeros(self.n_rows, given[column].dtype, file)

    def reader(self, part: slice) -> Callable[[str], tuple[Array, Array | None]]:
        """Return a function that reads the codes and numbers of a column's part."""

        def read(name: str) -> tuple[Array, Array | None]:
            values = self.values.get(name)
            return self.codes[name][part], None if values is None else values[part]

        return read

    def finish_drawing(self) -> None:
        """Let go what only draws need."""
        self.tables.clear()

    def clear(self) -> None:
        """Let the columns go."""
        self.codes.clear()
        self.values.clear()


def allocate(
    real: Table,
    layout: Layout,
    n_rows: int,
    n_replicates: int,
    *,
    scratch: Path | None,
) -> list[SyntheticRows]:
    """Begin all replicates, which are drawn side by side.

    A fitted model is several times as large as a drawn column, so holding the replicates beats
    keeping the models until the next replicate. Where they would take too much of the free memory
    they live in files under `scratch` that the system pages in and out; nothing else changes.

    Parameters
    ----------
    real : Table
        For the dtypes.
    layout : Layout
        Of the columns that predict others.
    n_rows : int
    n_replicates : int
    scratch : pathlib.Path, optional
        Directory for such files; None keeps everything in memory.

    Returns
    -------
    list of SyntheticRows

    Raises
    ------
    OutputError
        If such files would not fit on the disk.
    """
    arrays = [column[name] for column in (real.codes, real.values) for name in column]
    column_bytes = n_replicates * n_rows * sum(array.dtype.itemsize for array in arrays)
    table_bytes = n_replicates * n_rows * (8 * layout.n_words + 2 * layout.n_wide)
    available = psutil.virtual_memory().available
    if column_bytes + table_bytes <= _MEMORY_SHARE * available:
        scratch = None
    elif scratch is not None and shutil.disk_usage(scratch).free < column_bytes:
        raise OutputError(
            f"{scratch.parent}: {n_replicates} replicates of {n_rows} rows are more than memory "
            f"holds and need {column_bytes} bytes of disk while they are drawn. "
            "Free some space, choose another place, or ask for fewer replicates."
        )
    replicates = []
    for number in range(1, n_replicates + 1):
        rows = SyntheticRows(number, n_rows, scratch)
        if scratch is None:
            rows.tables = {b.first_row: PredictorTable(layout, b.n_rows) for b in rows.blocks()}
        replicates.append(rows)
    return replicates


def _zeros(n_rows: int, dtype: Any, file: Path | None) -> Array:
    """Return zeros, in memory or in a file."""
    if file is None:
        return np.zeros(n_rows, dtype)
    try:
        with file.open("wb") as made:
            if hasattr(os, "posix_fallocate"):
                # A full disk is an error here; found out through a mapped page it is a crash.
                os.posix_fallocate(made.fileno(), 0, n_rows * dtype.itemsize)
            else:
                made.truncate(n_rows * dtype.itemsize)
        return np.memmap(file, dtype, mode="r+", shape=(n_rows,))
    except OSError as error:
        raise output_error(file.parent, error) from None


def draw_tasks(
    step: Step,
    model: FittedModel,
    real: Table,
    replicates: Sequence[SyntheticRows],
    *,
    seed: int,
    stopwatch: Stopwatch,
) -> list[Callable[[], None]]:
    """Return tasks that draw one step of every replicate; they may run in any order.

    Parameters
    ----------
    step : Step
    model : FittedModel
    real : Table
        For dtypes and numbers of special codes.
    replicates : sequence of SyntheticRows
        Columns visited before must be complete.
    seed : int
    stopwatch : Stopwatch

    Returns
    -------
    list of callables
    """
    n_special = real.codecs[step.target].n_special
    tasks: list[Callable[[], None]] = []
    for rows in replicates:
        rows.make_room(step.target, real)
        key = StreamKey(seed, replicate=rows.number, step=step.number)
        for block in rows.blocks():
            tasks.append(
                partial(
                    _draw_block,
                    step,
                    model,
                    rows,
                    key=key,
                    block=block,
                    n_special=n_special,
                    stopwatch=stopwatch,
                )
            )
    return tasks


def _draw_block(
    step: Step,
    model: FittedModel,
    rows: SyntheticRows,
    *,
    key: StreamKey,
    block: Block,
    n_special: int,
    stopwatch: Stopwatch,
) -> None:
    with timed() as spent:
        part = slice(block.first_row, block.first_row + block.n_rows)
        table = rows.tables.get(block.first_row)
        drawn = model.draw(DrawnColumns(table, rows.reader(part)), key, block)
        _store(step, rows, part, drawn, n_special)
        if table is not None and step.part != "state" and step.target in table.layout.position:
            table.fill({step.target: rows.codes[step.target][part]})
    stopwatch.add_draw(step.number, spent)


def _store(
    step: Step,
    rows: SyntheticRows,
    part: slice,
    drawn: tuple[Array, Array | None],
    n_special: int,
) -> None:
    """Write drawn codes and numbers; a value step only where the state is "value"."""
    codes, values = drawn
    room = rows.codes[step.target][part]
    where: Any = room >= n_special if step.part == "value" else True
    if values is not None:
        np.copyto(rows.values[step.target][part], values, where=where)
    np.copyto(room, codes, where=where)
