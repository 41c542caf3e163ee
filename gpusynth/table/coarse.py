"""Coarse columns: codes that enough units share, and no trace of any other answer.

A level, missing code, spike or number that at least `min_units` units share stays. Other levels and
special codes leave. Other numbers are put into bins of at least as many units, whose edges are on a
fixed grid (`gpusynth.table.coarse_bins`); too few numbers between two shared ones count as the one
below them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array, code_dtype
from gpusynth.errors import CodecError
from gpusynth.table.as_numbers import rounding_step
from gpusynth.table.coarse_bins import cut_bins
from gpusynth.table.codec_levels import LevelCodec
from gpusynth.table.codec_numbers import NumberCodec
from gpusynth.table.schema import Column
from gpusynth.table.special_codes import NumberSpecials, number_dtype
from gpusynth.table.storage import parse_storage
from gpusynth.table.table import Codec

__all__ = ["CoarseColumn", "coarsen", "count_units", "number_step"]

_MOST_BINS = 2000
"""Bins of a column at most: beyond it they are made larger, since numbers inside are uniform."""
_MOST_SHARED = 30_000
_TIME_UNITS = (86_400, 3_600, 60, 1)
_MILLISECONDS_A_DAY = 86_400_000
_UNITS_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@dataclass(frozen=True, slots=True)
class CoarseColumn:
    """A column in codes that enough units share.

    Attributes
    ----------
    codec : Codec
        Not exact for numbers: an ordinary code is a shared number or a bin.
    codes : array of uint8 or uint16, shape (n_rows,)
        Of a rare answer the most frequent code.
    values : array of int64 or float64, shape (n_rows,), or None
        Shared numbers and middles of bins.
    widths : array of float64, shape (n_ordinary,), or None
        Of each ordinary code of a number column, in storage units; 0 for a shared number.
    is_rare : array of bool, shape (n_rows,)
        Rows whose answer too few units share: nothing may be learnt from it.
    """

    codec: Codec
    codes: Array
    values: Array | None
    widths: Array | None
    is_rare: Array


def count_units(groups: Array, n_groups: int, units: Array | None) -> Array:
    """Return the number of different units in each group.

    Parameters
    ----------
    groups : array of int, shape (n,)
    n_groups : int
    units : array of int64, shape (n,), or None
        None where every row is a unit.

    Returns
    -------
    array of int64, shape (n_groups,)
    """
    if units is None:
        return np.bincount(groups, minlength=n_groups)
    n_units = int(units.max(initial=0)) + 1
    pairs = np.unique(groups.astype(np.int64) * n_units + units)
    return np.bincount(pairs // n_units, minlength=n_groups)


def coarsen(
    codec: Codec, codes: Array, values: Array | None, units: Array | None, *, min_units: int
) -> CoarseColumn:
    """Return a column without any answer that too few units share.

    Parameters
    ----------
    codec : Codec
    codes : array of uint8 or uint16, shape (n_rows,)
    values : array of int64 or float64, shape (n_rows,), or None
    units : array of int64, shape (n_rows,), or None
    min_units : int

    Returns
    -------
    CoarseColumn

    Raises
    ------
    CodecError
        If no answer is shared by so many units; names the column.
    """
    n_units = count_units(codes, codec.n_codes, units)
    kept = n_units >= min_units
    if isinstance(codec, LevelCodec):
        return _coarse_levels(codec, codes, n_units, kept, min_units)
    if not isinstance(codec, NumberCodec):
        raise TypeError(f"no codec that can be made coarse: {type(codec).__name__}")
    special = kept[: codec.n_special]
    n_automatic = len(codec.specials.automatic)
    answers = _chosen(codec.specials.answers, special[n_automatic:])
    specials = NumberSpecials(_chosen(codec.specials.automatic, special[:n_automatic]), answers)
    is_number = codes >= codec.n_special
    numbers = (
        codec.code_values[codes[is_number].astype(np.int64) - codec.n_special]
        if values is None
        else values[is_number]
    )
    own = None if units is None else units[is_number]
    step = number_step(codec.column, numbers)
    lows, widths, place = _bins(numbers, own, step, min_units)
    n_special = specials.n_special
    new_codes = np.full(len(codes), -1, np.int64)
    new_of_special = np.where(special, np.cumsum(special) - 1, -1)
    new_codes[~is_number] = new_of_special[codes[~is_number]]
    new_codes[is_number] = np.where(place >= 0, place + n_special, -1)
    n_missing = len(codec.column.missing_codes)
    column = _bare(codec.column).model_copy(
        update={
            "missing_codes": _chosen(codec.column.missing_codes, special[n_automatic:]),
            "spikes": _chosen(codec.column.spikes, special[n_automatic + n_missing :]),
        }
    )
    dtype = number_dtype(column)
    coarse = NumberCodec(column, specials, lows.astype(dtype), is_exact=False)
    made, is_rare = _without_rare(new_codes, coarse, min_units)
    middles: Array = np.concatenate([np.zeros(n_special), lows + widths / 2]).astype(dtype)
    return CoarseColumn(coarse, made, middles[made], widths, is_rare)


def number_step(column: Column, numbers: Array) -> float:
    """Return the unit of the last digit of a number column, in storage units; 0 if there is none.

    Parameters
    ----------
    column : Column
    numbers : array of int64 or float64, shape (n,)
        Timestamps are whole days, hours, minutes, seconds or thousandths where all of them are.

    Returns
    -------
    float
    """
    storage = parse_storage(column.storage)
    if column.kind == "date":
        return float(_MILLISECONDS_A_DAY) if pa.types.is_date64(storage) else 1.0
    if column.kind == "timestamp":
        second = _UNITS_A_SECOND[storage.unit if pa.types.is_timestamp(storage) else "us"]
        steps = (*(second * n_seconds for n_seconds in _TIME_UNITS), second // 10**3)
        for step in (*steps, second // 10**6):
            if step and len(numbers) and not (numbers % step).any():
                return float(step)
        return 1.0
    return rounding_step(column)


def _bare(column: Column) -> Column:
    """Return a column without what may tell of single answers: bounds, labels, notes, levels."""
    return column.model_copy(
        update={
            **{"bounds": None, "labels": {}, "note": "", "missing_codes": (), "spikes": ()},
            "levels": None,
        }
    )


def _chosen(items: tuple, kept: Array) -> tuple:  # type: ignore[type-arg]
    return tuple(item for item, stays in zip(items, kept.tolist(), strict=False) if stays)


def _without_rare(new_codes: Array, codec: Codec, min_units: int) -> tuple[Array, Array]:
    """Return codes with the most frequent one for rare answers, and which rows these are."""
    is_rare = new_codes < 0
    if is_rare.all():
        raise CodecError(
            f"column {codec.column.name!r}: no answer is shared by {min_units} units, so nothing "
            "of it may be told. Drop it in the schema, or make it coarser."
        )
    common = np.bincount(new_codes[~is_rare]).argmax()
    return np.where(is_rare, common, new_codes).astype(code_dtype(codec.n_codes)), is_rare


def _coarse_levels(
    codec: LevelCodec, codes: Array, n_units: Array, kept: Array, min_units: int
) -> CoarseColumn:
    first = len(codec.automatic)
    levels = _chosen(codec.levels, kept[codec.n_special :])
    missing = _chosen(codec.missing, kept[first : codec.n_special])
    column = codec.column
    named = {*levels, *missing}
    coarse_column = _bare(column).model_copy(
        update={
            "levels": None if column.levels is None else levels,
            "labels": {key: label for key, label in column.labels.items() if key in named},
            "missing_codes": _chosen(column.missing_codes, kept[first : codec.n_special]),
        }
    )
    coarse = LevelCodec(
        coarse_column,
        _chosen(codec.automatic, kept[:first]),
        missing,
        levels,
        tuple(text for text in codec.dictionary if text in named),
    )
    new_of = np.where(kept, np.cumsum(kept) - 1, -1)
    made, is_rare = _without_rare(new_of[codes], coarse, min_units)
    return CoarseColumn(coarse, made, None, None, is_rare)


def _bins(
    numbers: Array, units: Array | None, step: float, min_units: int
) -> tuple[Array, Array, Array]:
    """Return the lowest number and the width of each code, and the code of each row (-1: rare)."""
    distinct, place = np.unique(numbers, return_inverse=True)
    place = place.reshape(-1)
    n_units = count_units(place, len(distinct), units)
    least_shared = min_units
    while (n_units >= least_shared).sum() > _MOST_SHARED:
        least_shared *= 2
    is_shared = n_units >= least_shared
    # Every unit counts once in the whole column: sums over numbers then never count one twice.
    weight = np.ones(len(numbers)) if units is None else _first_of_unit(units, is_shared[place])
    size = np.bincount(place, weights=weight, minlength=len(distinct))
    least = max(min_units, -(-int(size[~is_shared].sum()) // _MOST_BINS))
    bins = cut_bins(distinct, is_shared, size, step=step, least=least)
    lows = np.array(bins.lows, np.float64)
    return lows, np.array(bins.highs) - lows, np.array(bins.code_of, np.int64)[place]


def _first_of_unit(units: Array, is_shared: Array) -> Array:
    """Return 1.0 for the first row of each unit among numbers that are not shared, else 0.0."""
    first = np.zeros(len(units))
    rows = np.flatnonzero(~is_shared)
    first[rows[np.unique(units[rows], return_index=True)[1]]] = 1.0
    return first
