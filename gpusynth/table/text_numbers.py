"""Numbers, dates and timestamps written as text: parse them and write them again.

Two grammars. The *plain* one decides what inference calls a number: no plus sign, no leading zero,
no blanks, no thousands separators, at most 18 digits when whole, so that "01301", "+5" and "1,000"
stay text. The *lenient* one reads what a person has declared to be a number: it also accepts
leading zeros, a plus sign and surrounding blanks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth.arrays import Array

__all__ = [
    "decimals_of",
    "format_numbers",
    "is_plain_fraction",
    "is_plain_whole",
    "parse_dates",
    "parse_numbers",
    "parse_timestamps",
]

_PLAIN_WHOLE = r"^-?(0|[1-9]\d{0,17})$"
_PLAIN_FRACTION = r"^-?((0|[1-9]\d{0,17})(\.\d*)?|\.\d+)([eE][-+]?\d{1,2})?$"
_LENIENT = r"^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?$"
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_TIMESTAMP = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?$"

_MOST_FIXED = 6
"""Arrow writes decimals below 10^-6 in scientific notation, so more digits are written one by one.
"""


def _matches(texts: Any, pattern: str) -> Array:
    return np.asarray(pc.match_substring_regex(texts, pattern))


def is_plain_whole(texts: Any) -> Array:
    """Return which texts are plainly written whole numbers that fit 64 bits, shape (n,) bool."""
    return _matches(texts, _PLAIN_WHOLE)


def is_plain_fraction(texts: Any) -> Array:
    """Return which texts are plainly written numbers, whole or not, shape (n,) bool."""
    return _matches(texts, _PLAIN_FRACTION)


def decimals_of(texts: Any) -> Array:
    """Return the number of digits after the point of plainly written numbers, shape (n,) int64."""
    mantissa = pc.replace_substring_regex(texts, pattern=r"[eE].*$", replacement="")
    point = np.asarray(pc.find_substring(mantissa, "."), dtype=np.int64)
    length = np.asarray(pc.utf8_length(mantissa), dtype=np.int64)
    return np.where(point < 0, 0, length - point - 1)


def parse_numbers(texts: Any, *, whole: bool) -> tuple[Array, Array]:
    """Parse texts by the lenient grammar.

    Parameters
    ----------
    texts : pyarrow.StringArray
        Without nulls.
    whole : bool
        True for int64 (texts that are not whole do not parse), False for float64.

    Returns
    -------
    numbers : array of int64 or float64, shape (n,)
        0 where a text does not parse.
    parses : array of bool, shape (n,)
    """
    trimmed = pc.utf8_trim_whitespace(texts)
    parses = _matches(trimmed, _LENIENT)
    bare = pc.utf8_ltrim(trimmed, "+")
    numbers = np.zeros(len(texts), np.float64)
    numbers[parses] = np.asarray(pc.filter(bare, pa.array(parses)).cast(pa.float64())) + 0.0
    parses &= np.isfinite(numbers)
    numbers[~parses] = 0.0
    if not whole:
        return numbers, parses
    parses &= (numbers == np.floor(numbers)) & (np.abs(numbers) < 2.0**62)
    result = np.where(parses, numbers, 0.0).astype(np.int64)
    # Above 2^53 a float64 has lost digits: these are read again as integers.
    plain = is_plain_whole(bare) & parses
    result[plain] = np.asarray(pc.filter(bare, pa.array(plain)).cast(pa.int64()))
    return result, parses


def parse_dates(texts: Any) -> tuple[Array, Array]:
    """Parse ISO dates (2012-12-31) to days since 1970.

    Returns
    -------
    days : array of int64, shape (n,)
    parses : array of bool, shape (n,)
        False also for days that no calendar has (2012-02-30).
    """
    shaped = _matches(texts, _DATE)
    days = np.zeros(len(texts), np.int64)
    candidates = pc.filter(texts, pa.array(shaped))
    seconds = pc.strptime(candidates, format="%Y-%m-%d", unit="s", error_is_null=True)
    dates = seconds.cast(pa.date32())
    # strptime rolls 30 February over to March: only what is written the same again is a date.
    same = pc.equal(dates.cast(pa.string()), candidates)
    valid = np.asarray(pc.fill_null(same, fill_value=False))
    days[shaped] = np.asarray(pc.fill_null(dates.cast(pa.int32()), 0), dtype=np.int64)
    parses = shaped.copy()
    parses[shaped] = valid
    return np.where(parses, days, 0), parses


def parse_timestamps(texts: Any) -> tuple[Array, Array]:
    """Parse ISO timestamps without zone (2012-12-31 23:59, seconds optional) to microseconds.

    Returns
    -------
    microseconds : array of int64, shape (n,)
        Since 1970-01-01.
    parses : array of bool, shape (n,)
    """
    parses = _matches(texts, _TIMESTAMP)
    microseconds = np.zeros(len(texts), np.int64)
    if not parses.any():
        return microseconds, parses
    _, good_days = parse_dates(pc.utf8_slice_codeunits(texts, 0, 10))
    clock = _matches(pc.utf8_slice_codeunits(texts, 11), r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d|$)")
    parses = parses & good_days & clock
    candidates = pc.filter(texts, pa.array(parses))
    microseconds[parses] = np.asarray(candidates.cast(pa.timestamp("us")).cast(pa.int64()))
    return microseconds, parses


def format_numbers(numbers: Array, decimals: int | None) -> Any:
    """Write numbers as text.

    Parameters
    ----------
    numbers : array of int64 or float64, shape (n,)
    decimals : int or None
        Digits after the point, all written; None for the shortest text that reads back as the
        same number.

    Returns
    -------
    pyarrow.StringArray, shape (n,)
    """
    if decimals is None:
        return pa.array(numbers).cast(pa.string())
    if decimals == 0 and numbers.dtype == np.int64:
        return pa.array(numbers).cast(pa.string())
    limit = 10.0 ** (37 - decimals)
    if decimals > _MOST_FIXED or not np.all(np.abs(numbers) < limit):
        return pa.array([f"{number:.{decimals}f}" for number in numbers.tolist()], pa.string())
    floats = pa.array(numbers.astype(np.float64, copy=False))
    return floats.cast(pa.decimal128(38, decimals)).cast(pa.string())
