"""What of the real file's description may leave with a synthetic file, and under which names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.real.prepared import Resolved
from gpusynth.plan import Output
from gpusynth.streams import Purpose, StreamKey, random_bits
from gpusynth.table import Column, Schema
from gpusynth.table.code_counts import count_codes
from gpusynth.table.codec_levels import LevelCodec
from gpusynth.table.side_by_side import side_by_side

__all__ = ["UsedLevels", "output_order", "released_schema"]


def output_order(rows: SyntheticRows, output: Output, seed: int) -> Array | None:
    """Return which rows are put out, in their order.

    Parameters
    ----------
    rows : SyntheticRows
    output : Output
    seed : int

    Returns
    -------
    array of int64, shape (n_output,), or None
        None for all rows as they are. Shuffled rows are in the order of random 64-bit numbers, ties
        by row.
    """
    removed = rows.removed
    order = None if removed is None or not removed.any() else np.flatnonzero(~removed)
    if output.shuffle_rows:
        key = StreamKey(seed, replicate=rows.number, purpose=Purpose.SHUFFLE)
        shuffled = np.argsort(random_bits(key, 0, rows.n_rows)[:, 0], kind="stable")
        order = shuffled if removed is None else shuffled[~removed[shuffled]]
    return order


@dataclass(frozen=True, slots=True)
class UsedLevels:
    """Which codes of the columns with levels or spikes occur in one synthetic file.

    Attributes
    ----------
    codes : dict of str to array of bool, shape (n_codes,)
        Column -> whether each code occurs; columns that are not there keep all levels.
    """

    codes: dict[str, Array]

    @classmethod
    def of(
        cls,
        rows: SyntheticRows,
        resolved: Resolved,
        *,
        n_threads: int = 1,
        where_they_lie: bool = False,
    ) -> UsedLevels:
        """Look through the rows that are put out.

        Parameters
        ----------
        rows : SyntheticRows
        resolved : Resolved
        n_threads : int
        where_they_lie : bool
            Count columns that lie on a device there; all are brought by default.

        Returns
        -------
        UsedLevels
        """
        if resolved.plan.output.levels == "all":
            return cls({})
        codecs = resolved.codecs
        names = [
            name
            for name in rows.codes
            if codecs[name].column.spikes or isinstance(codecs[name], LevelCodec)
        ]

        def occurs(name: str) -> Array:
            n_codes, order = codecs[name].n_codes, rows.order
            if where_they_lie and rows.resident is not None:
                counts = rows.resident.count_codes(name, n_codes, n_rows=rows.n_rows, order=order)
                if counts is not None:
                    return counts > 0
            codes = rows.codes[name]
            return count_codes(codes if order is None else codes[order], n_codes) > 0

        with side_by_side(n_threads) as each:
            return cls(dict(zip(names, each(occurs, names), strict=True)))

    def shorten(self, name: str, array: pa.Array, resolved: Resolved) -> pa.Array:
        """Leave unused values out of a column's dictionary; others are returned as they are.

        Parameters
        ----------
        name : str
        array : pyarrow.Array
        resolved : Resolved

        Returns
        -------
        pyarrow.Array
            Of the same type.
        """
        codec = resolved.codecs[name]
        if name not in self.codes or not pa.types.is_dictionary(array.type):
            return array
        if not isinstance(codec, LevelCodec):
            return array
        texts = np.array((*codec.missing, *codec.levels), object)
        occurs = set(texts[self.codes[name][len(codec.automatic) :]].tolist())
        keep = np.array([text in occurs for text in codec.dictionary], np.bool_)
        if keep.all():
            return array
        place = np.cumsum(keep) - 1
        indices = array.indices.fill_null(0).to_numpy(zero_copy_only=False)
        is_null = array.indices.is_null().to_numpy(zero_copy_only=False)
        moved = place[np.where(is_null, 0, indices)] if len(place) else indices
        return pa.DictionaryArray.from_arrays(
            pa.array(moved, mask=is_null).cast(array.type.index_type),
            array.dictionary.filter(pa.array(keep)),
            ordered=array.type.ordered,
        )

    def describe(self, column: Column, resolved: Resolved) -> Column:
        """Return a column's description without levels, labels and spikes that do not occur.

        Parameters
        ----------
        column : Column
        resolved : Resolved

        Returns
        -------
        Column
        """
        used = self.codes.get(column.name)
        if used is None:
            return column
        codec = resolved.codecs[column.name]
        if isinstance(codec, LevelCodec):
            occurs = used[codec.n_special :]
            gone = {t for t, there in zip(codec.levels, occurs, strict=True) if not there}
            changed = {"labels": {k: v for k, v in column.labels.items() if k not in gone}}
            if column.levels is not None:
                left = tuple(level for level in column.levels if level not in gone)
                return column.model_copy(update={**changed, "levels": left})
            return column.model_copy(update=changed)
        occurs = used[codec.n_special - len(column.spikes) : codec.n_special]
        spikes = tuple(s for s, there in zip(column.spikes, occurs, strict=True) if there)
        return column.model_copy(update={"spikes": spikes})


def released_schema(resolved: Resolved, used: UsedLevels, notes: Mapping[str, str]) -> Schema:
    """Return the schema that describes a synthetic file.

    Without what the output does not have: a dropped column may name confidential levels.

    Parameters
    ----------
    resolved : Resolved
    used : UsedLevels
    notes : mapping of str to str
        Column -> what is added to its note.

    Returns
    -------
    Schema
        With the names of the output, and its flag.
    """
    output = resolved.plan.output
    columns = []
    for column in resolved.schema.columns:
        if column.role == "drop" or column.name in resolved.plan.predict_only:
            continue
        described = _described(column, used, resolved)
        note = " ".join(filter(None, (column.note, notes.get(column.name))))
        name = output.new_name(column.name)
        columns.append(described.model_copy(update={"name": name, "note": note}))
    if output.flag is not None:
        columns.append(
            Column(
                name=output.flag,
                kind="boolean",
                storage="bool",
                levels=("true",),
                note="Every row of this file is synthetic.",
            )
        )
    return Schema(columns=tuple(columns))


def _described(column: Column, used: UsedLevels, resolved: Resolved) -> Column:
    """Return a column's description; a calibrated weight is a number without missing codes.

    A key is made anew: what the schema lists of the real ones does not leave.
    """
    if column.role == "key":
        listed = ("levels", "labels", "missing_codes", "spikes", "bounds")
        return column.model_copy(
            update={
                name: Column.model_fields[name].get_default(call_default_factory=True)
                for name in listed
            }
        )
    if column.name in resolved.plan.calibrated:
        return Column(
            name=column.name,
            kind="numeric",
            storage="double",
            role=column.role,
            note=column.note,
        )
    return used.describe(column, resolved)
