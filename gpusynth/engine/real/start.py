"""Start: which real row (or row of a start table) each synthetic row begins with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.engine.real.strata import Stage, StratumGroups, level_codes
from gpusynth.errors import DataError, PlanError
from gpusynth.io import open_source
from gpusynth.plan import Strata, SynthesisPlan
from gpusynth.streams import Purpose, StreamKey, random_bits, uniform
from gpusynth.table import (
    BATCH_ROWS,
    Column,
    Schema,
    Source,
    Table,
    check_schema,
    encode_table,
    parse_storage,
)
from gpusynth.table.storage import TEXT_STORAGES
from gpusynth.table.uncastable import first_uncastable

__all__ = ["Start", "plan_start", "start_rows"]


@dataclass(frozen=True, slots=True)
class Start:
    """Rows that synthetic rows begin with.

    Attributes
    ----------
    n_rows : int or None
        How many synthetic rows there are where the plan says it; None leaves it to the run.
    table : Table
        Real data, or the start table's columns.
    is_real : bool
        Whether `table` is the real data.
    strata : Stage or None
        Real rows by stratum, where the sizes of strata are fixed.
    sizes : array of int64, shape (n_strata,), or None
        Rows asked for in each stratum of `strata`; None for the real shares.
    fingerprint : str or None
        SHA-256 of the start table.
    is_drawn : bool
        Whether real rows are drawn by chance even where as many are asked for as there are.
    """

    n_rows: int | None
    table: Table
    is_real: bool = True
    strata: Stage | None = None
    sizes: Array | None = None
    fingerprint: str | None = None
    is_drawn: bool = False


def plan_start(
    plan: SynthesisPlan, real: Table, groups: StratumGroups | None, *, batch_rows: int
) -> Start:
    """Settle what synthetic rows begin with.

    Parameters
    ----------
    plan : SynthesisPlan
    real : Table
    groups : StratumGroups, optional
    batch_rows : int
        Rows of a start table that are read at a time.

    Returns
    -------
    Start

    Raises
    ------
    PlanError
        If the start table lacks a start column, or a stratum that rows are asked for has no real
        rows.
    DataError, SchemaError, CodecError
        If the start table cannot be read, has other types, or an answer that the real file does not
        have.
    """
    if plan.start_table is not None:
        source = open_source(plan.start_table)
        table = _read_start_table(source, plan, real, batch_rows=batch_rows)
        return Start(table.n_rows, table, is_real=False, fingerprint=source.fingerprint())
    if plan.strata is None or groups is None:
        return Start(None, real)
    if plan.strata.sizes == "drawn":
        return Start(None, real, is_drawn=True)
    if isinstance(plan.strata.sizes, str):
        return Start(None, real, strata=groups.stages[0])
    sizes = _asked_sizes(plan.strata, groups.stages[0], real)
    return Start(int(sizes.sum()), real, strata=groups.stages[0], sizes=sizes)


def _asked_sizes(strata: Strata, stage: Stage, real: Table) -> Array:
    """Return the rows asked for in each stratum, in the stage's order."""
    numbers = [level_codes(real.codecs[name]) for name in strata.columns]
    sizes = np.zeros(len(stage.keys), np.int64)
    if isinstance(strata.sizes, str):
        return sizes
    for size in strata.sizes:
        shown = " x ".join(size.levels)
        key = 0
        for level, known, n_codes in zip(size.levels, numbers, stage.sizes, strict=True):
            key = -1 if level not in known or key < 0 else key * n_codes + known[level]
        place = int(np.searchsorted(stage.keys, key))
        if key < 0 or place == len(stage.keys) or stage.keys[place] != key:
            raise PlanError(
                f"strata: {size.rows} rows are asked for in {shown}, which no real row is in. "
                "Correct the levels, or leave the stratum out."
            )
        sizes[place] = size.rows
    return sizes


def _read_start_table(
    source: Source, plan: SynthesisPlan, real: Table, *, batch_rows: int
) -> Table:
    schema, names = real.schema, plan.kept
    have = Counter(source.arrow_schema.names)
    lacking = [name for name in names if name not in have]
    twice = [name for name in names if have[name] > 1]
    if twice:
        raise PlanError(
            f"{source.name}: the start table has the column {twice[0]!r} twice. Rename one of them."
        )
    if lacking:
        raise PlanError(
            f"{source.name}: the start table lacks the column {', '.join(map(repr, lacking))}. "
            "Add it, or do not keep it."
        )
    part = Schema(columns=tuple(schema[name] for name in schema.names if name in names))
    # Other columns and another order do no harm: only the kept columns are read.
    wanted = pa.schema([_stored(source, column) for column in part.columns])
    check_schema(part, wanted, source.name)
    return encode_table(part, real.codecs, _AsStored(source, wanted), batch_rows=batch_rows)


def _stored(source: Source, column: Column) -> pa.Field:
    """Return the type to read a column of a start table in: text as it is, else the real file's."""
    own = source.arrow_schema.field(column.name)
    storage = parse_storage(column.storage)
    if source.is_text and column.storage in TEXT_STORAGES:
        return own
    return own.with_type(storage)


@dataclass(frozen=True, slots=True)
class _AsStored:
    """A start table whose columns have the types of the real file, where their answers allow it."""

    source: Source
    arrow_schema: pa.Schema

    @property
    def name(self) -> str:
        """File name."""
        return self.source.name

    @property
    def is_text(self) -> bool:
        """True when types must be found out from text."""
        return self.source.is_text

    @property
    def n_rows(self) -> int | None:
        """Number of rows, None when not known before reading."""
        return self.source.n_rows

    def batches(
        self, columns: Sequence[str] | None = None, *, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Yield batches with their columns cast."""
        first_row = 0
        for batch in self.source.batches(columns, batch_rows=batch_rows):
            names = batch.schema.names
            fields = [self.arrow_schema.field(name) for name in names]
            arrays = [self._cast(batch.column(name), name, first_row) for name in names]
            first_row += batch.num_rows
            yield pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))

    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        return self.source.fingerprint()

    def _cast(self, column: pa.Array, name: str, first_row: int) -> pa.Array:
        wanted = self.arrow_schema.field(name).type
        try:
            return column.cast(wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            # Without Arrow's words: they may hold an answer.
            place = first_uncastable(column, wanted)
            where = "" if place is None else f", the first in row {first_row + place + 1}"
            raise DataError(
                f"{self.name}: the start table's column {name!r} has the type {column.type}, and "
                f"answers that are no {wanted} as in the real file{where}. Give it that type."
            ) from None


def start_rows(start: Start, key: StreamKey, n_total: int) -> Array:
    """Return the row that starts each synthetic row of a replicate.

    Parameters
    ----------
    start : Start
    key : StreamKey
        Of the replicate.
    n_total : int

    Returns
    -------
    array of int64, shape (n_total,)
        The start table's rows in order. Of the real rows a permutation when as many are asked for
        (the order of random 64-bit numbers, ties by row) unless the strata's sizes are drawn, else
        draws with replacement, within each stratum where the strata's sizes are fixed.
    """
    if not start.is_real:
        return np.arange(n_total, dtype=np.int64)
    stream = key.at(step=0, purpose=Purpose.START)
    n_real = start.table.n_rows
    if start.sizes is None and n_total == n_real and not start.is_drawn:
        return np.argsort(random_bits(stream, 0, n_real)[:, 0], kind="stable")
    if start.strata is None:
        return (uniform(stream, 0, n_total)[:, 0] * n_real).astype(np.int64)
    have = np.diff(start.strata.starts)
    sizes = _shares(have, n_total) if start.sizes is None else start.sizes
    stratum = np.repeat(np.arange(len(sizes)), sizes)
    bits = random_bits(stream, 0, n_total)
    stratum = stratum[np.argsort(bits[:, 0], kind="stable")]
    share = (bits[:, 1] >> np.uint64(11)) * 2.0**-53
    place = start.strata.starts[stratum] + (share * have[stratum]).astype(np.int64)
    return start.strata.rows[place].astype(np.int64)


def _shares(have: Array, n_total: int) -> Array:
    """Return sizes in proportion, rounded so that they add up (largest remainders, ties by order).

    In integers, so that no rounding differs between machines.
    """
    n_real = sum(have.tolist())
    shares = [divmod(count * n_total, n_real) for count in have.tolist()]
    sizes: Array = np.array([whole for whole, _ in shares], np.int64)
    missing = n_total - int(sizes.sum())
    order = sorted(range(len(shares)), key=lambda place: -shares[place][1])
    sizes[order[:missing]] += 1
    return sizes
