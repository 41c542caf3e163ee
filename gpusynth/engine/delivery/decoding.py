"""Decoding: rows of a drawn replicate as record batches, any part of them from any thread."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.engine.delivery.output_columns import number_keys, output_schema, real_schema
from gpusynth.engine.delivery.released import UsedLevels
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.real.prepared import Resolved
from gpusynth.table import decode_batch

__all__ = ["RowDecoder", "decoded_names"]


@dataclass(frozen=True, slots=True)
class RowDecoder:
    """Decodes rows of one replicate.

    Attributes
    ----------
    rows : SyntheticRows
    resolved : Resolved
    used : UsedLevels
        Of these rows.
    schema : pyarrow.Schema
        Of the output.
    real : pyarrow.Schema
        The same columns under their real names.
    drawn : pyarrow.Schema
        Those of them that are decoded.
    codes, values : mapping of str to array
        The decoded columns, in the host's memory.
    """

    rows: SyntheticRows
    resolved: Resolved
    used: UsedLevels
    schema: pa.Schema
    real: pa.Schema
    drawn: pa.Schema
    codes: Mapping[str, Array]
    values: Mapping[str, Array]

    @classmethod
    def of(
        cls,
        rows: SyntheticRows,
        resolved: Resolved,
        used: UsedLevels,
        *,
        without: Collection[str] = (),
    ) -> RowDecoder:
        """Bring what lies on a device, and settle names and types.

        Parameters
        ----------
        rows : SyntheticRows
        resolved : Resolved
        used : UsedLevels
        without : collection of str
            Columns that somebody else puts out, under their real names; they are not brought.

        Returns
        -------
        RowDecoder
        """
        real, schema = real_schema(resolved), output_schema(resolved)
        if without:
            kept = [at for at, name in enumerate(real.names) if name not in without]
            schema = pa.schema([schema.field(at) for at in (*kept, *range(len(real), len(schema)))])
            real = pa.schema([real.field(at) for at in kept])
        drawn = [real.field(n) for n in decoded_names(rows, resolved) if n not in without]
        return cls(
            rows=rows,
            resolved=resolved,
            used=used,
            schema=schema,
            real=real,
            drawn=pa.schema(drawn),
            codes={field.name: rows.codes[field.name] for field in drawn},
            values={f.name: rows.values[f.name] for f in drawn if f.name in rows.values},
        )

    def batch(self, first: int, last: int) -> pa.RecordBatch:
        """Decode some rows.

        Parameters
        ----------
        first, last : int
            The first row that is put out, and the one after the last.

        Returns
        -------
        pyarrow.RecordBatch
        """
        rows, resolved = self.rows, self.resolved
        part = slice(first, last) if rows.order is None else rows.order[first:last]
        batch = decode_batch(
            resolved.schema,
            resolved.codecs,
            {name: codes[part] for name, codes in self.codes.items()},
            {name: values[part] for name, values in self.values.items()},
            self.drawn,
        )
        keys = set(resolved.plan.key_columns)
        columns = [
            number_keys(field.name, field.type, first, last - first, rows.n_output)
            if field.name in keys
            else pa.array(rows.weights[field.name][part])
            if field.name in rows.weights
            else self.used.shorten(field.name, batch.column(field.name), resolved)
            for field in self.real
        ]
        if resolved.plan.output.flag is not None:
            columns.append(pa.array(np.ones(last - first, np.bool_)))
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


def decoded_names(rows: SyntheticRows, resolved: Resolved) -> list[str]:
    """Return the columns that are put out as they were drawn.

    Keys are made anew, and calibrated weights are numbers of their own.

    Parameters
    ----------
    rows : SyntheticRows
    resolved : Resolved

    Returns
    -------
    list of str
        Under their real names, in the order of the output.
    """
    made = {*resolved.plan.key_columns, *rows.weights}
    return [name for name in real_schema(resolved).names if name not in made]
