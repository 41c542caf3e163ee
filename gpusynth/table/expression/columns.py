"""What expressions know of a column: its missing codes, its numbers or its levels."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.table.codec_levels import LevelCodec
from gpusynth.table.codec_numbers import NumberCodec
from gpusynth.table.numbers import decimal_scale
from gpusynth.table.reading import Read
from gpusynth.table.storage import family_of, parse_storage, value_type
from gpusynth.table.text_numbers import parse_dates, parse_timestamps

__all__ = ["LevelColumn", "NumberColumn", "Read", "Rows", "days_of", "exact_fraction"]

_PER_DAY = {"s": 86_400, "ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}


@dataclass(slots=True)
class Rows:
    """A block of rows; every column is read once."""

    read: Read
    _seen: dict[str, tuple[Array, Array | None]] = field(default_factory=dict)

    def column(self, name: str) -> tuple[Array, Array | None]:
        """Return codes (n,), and exact numbers (n,) or None."""
        if name not in self._seen:
            self._seen[name] = self.read(name)
        return self._seen[name]


def exact_fraction(number: int | float) -> Fraction:
    """Return the number that was written: 0.1 is a tenth, not the float64 next to it."""
    return Fraction(number) if isinstance(number, int) else Fraction(Decimal(repr(number)))


def days_of(text: str) -> Fraction | None:
    """Return the days since 1970 of an ISO date or timestamp; None when it is neither."""
    texts = pa.array([text], pa.string())
    days, parses = parse_dates(texts)
    if parses[0]:
        return Fraction(int(days[0]))
    microseconds, parses = parse_timestamps(texts)
    return Fraction(int(microseconds[0]), _PER_DAY["us"]) if parses[0] else None


@dataclass(frozen=True, eq=False)
class NumberColumn:
    """A column of numbers.

    Attributes
    ----------
    codec : NumberCodec
    """

    codec: NumberCodec

    @property
    def name(self) -> str:
        """Column name."""
        return self.codec.column.name

    @property
    def is_time(self) -> bool:
        """Whether its answers are dates or timestamps: expressions count them in days."""
        return self.codec.column.kind in ("date", "timestamp")

    @property
    def n_automatic(self) -> int:
        """Number of states that are null or no finite number: the lowest codes."""
        return len(self.codec.specials.automatic)

    @property
    def n_missing(self) -> int:
        """Number of codes that stand for a missing answer; spikes come after them."""
        return self.n_automatic + len(self.codec.column.missing_codes)

    @cached_property
    def per_unit(self) -> int:
        """How many storage units make 1 (10^scale of decimals), or one day."""
        column = self.codec.column
        storage = value_type(parse_storage(column.storage))
        if column.kind == "timestamp":
            return _PER_DAY[storage.unit if pa.types.is_timestamp(storage) else "us"]
        if column.kind == "date":
            return _PER_DAY["ms"] if pa.types.is_date64(storage) else 1
        return int(10 ** decimal_scale(storage))

    @cached_property
    def float_width(self) -> int:
        """Bits of a number in the file: 16, 32, or 64."""
        storage = value_type(parse_storage(self.codec.column.storage))
        return int(storage.bit_width) if pa.types.is_floating(storage) else 64

    @cached_property
    def decimals(self) -> int | None:
        """Digits after the point at most; None for not known."""
        column = self.codec.column
        if self.is_time:
            return 0 if column.kind == "date" and self.per_unit == 1 else None
        if self.units.dtype == np.int64:
            return decimal_scale(parse_storage(column.storage))
        return column.decimals

    @cached_property
    def units(self) -> Array:
        """Number of each special code, then of each ordinary one (or its bin), in storage units.

        0 where a code stands for no number.
        """
        answers = [0 if isinstance(a, str) else a for a in self.codec.specials.answers]
        dtype = self.codec.code_values.dtype
        special = np.array([0] * self.n_automatic + answers, dtype)
        return np.concatenate([special, self.codec.code_values])

    @cached_property
    def _numbers(self) -> Array:
        """Number of each code; NaN for missing."""
        numbers = self.units / self.per_unit
        numbers[: self.n_missing] = np.nan
        return numbers

    def state_of(self, answer: str | Fraction) -> int | None:
        """Return the missing code that an answer is, given in storage units or as text."""
        for code, known in enumerate(self.codec.specials.answers, start=self.n_automatic):
            if code >= self.n_missing or isinstance(known, str) != isinstance(answer, str):
                continue
            if known == (answer if isinstance(answer, str) else self.as_stored(answer)):
                return code
        return None

    def as_stored(self, units: Fraction | float) -> Fraction | float:
        """Return a number, in storage units, as a file of this column would hold it."""
        if self.units.dtype == np.int64:
            return units
        number = float(units)
        if self.float_width == 64:
            return number
        return float(np.float32(number) if self.float_width == 32 else np.float16(number))

    def units_of(self, rows: Rows) -> tuple[Array, Array]:
        """Return the numbers of rows in storage units, and which rows are missing."""
        codes, values = rows.column(self.name)
        missing = codes < self.n_missing
        if values is None:
            return self.units[codes], missing
        n_special = self.codec.n_special
        if n_special == 0:
            return values, missing
        special = self.units[np.minimum(codes, n_special - 1)]
        return np.where(codes < n_special, special, values), missing

    def numbers(self, rows: Rows) -> Array:
        """Return the numbers of rows, times in days since 1970; NaN where missing."""
        codes, values = rows.column(self.name)
        if values is None:
            return self._numbers[codes]
        units, missing = self.units_of(rows)
        numbers = units / self.per_unit
        numbers[missing] = np.nan
        return numbers


@dataclass(frozen=True, eq=False)
class LevelColumn:
    """A column of levels.

    Attributes
    ----------
    codec : LevelCodec
    """

    codec: LevelCodec

    @property
    def name(self) -> str:
        """Column name."""
        return self.codec.column.name

    @property
    def n_automatic(self) -> int:
        """Number of states that are null or no finite number: the lowest codes."""
        return len(self.codec.automatic)

    @property
    def n_missing(self) -> int:
        """Number of codes that stand for a missing answer."""
        return self.codec.n_special

    @cached_property
    def truths(self) -> Array | None:
        """For each code 1 (true), -1 (false) or 0 (missing); None unless the kind is boolean."""
        words = {"true": 1, "false": -1}
        levels = [level.lower() for level in self.codec.levels]
        if self.codec.column.kind != "boolean" or not set(levels) <= set(words):
            return None
        return np.array([0] * self.n_missing + [words[level] for level in levels], np.int8)

    def code_of(self, answer: str | int | float) -> int | None:
        """Return the code of a level or missing code, given as text or as a number."""
        known = self.codec.missing + self.codec.levels
        text = answer if isinstance(answer, str) else repr(answer)
        if text in known:
            return self.n_automatic + known.index(text)
        family = family_of(parse_storage(self.codec.column.storage))
        if isinstance(answer, str) or family not in ("whole", "float", "decimal"):
            return None
        for code, level in enumerate(known, start=self.n_automatic):
            if _is_number(level, answer):
                return code
        return None

    def level_numbers(self, rows: Rows) -> Array:
        """Return the number of each row's level, -1 where missing."""
        codes, _ = rows.column(self.name)
        return np.maximum(codes.astype(np.int32) - self.n_missing, -1)


def _is_number(text: str, number: float) -> bool:
    try:
        return float(text) == number
    except ValueError:
        return False
