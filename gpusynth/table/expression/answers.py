"""Answers of an expression -> codes and numbers of the column that it fills."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array, code_dtype
from gpusynth.errors import PlanError
from gpusynth.table.as_numbers import code_numbers
from gpusynth.table.codec_levels import LevelCodec
from gpusynth.table.codec_numbers import NumberCodec
from gpusynth.table.expression.bound import BoundExpression
from gpusynth.table.expression.columns import LevelColumn, NumberColumn, Read, Rows
from gpusynth.table.expression.nodes import Text
from gpusynth.table.storage import parse_storage, value_type
from gpusynth.table.table import Codec

__all__ = ["AnswerCoder", "CodedAnswers", "answer_coder"]

_MOST_DECIMALS = 12  # float64 keeps so many for all but very large numbers


@dataclass(frozen=True, slots=True)
class CodedAnswers:
    """Answers in the form of the column that they fill.

    Attributes
    ----------
    codes : array of uint8 or uint16, shape (n,)
    values : array of float64 or int64, shape (n,), or None
        For columns of numbers; 0 at special codes.
    unfit : array of bool, shape (n,)
        Rows whose answer the column cannot hold: missing where it has no null, a number beyond its
        storage, a level that it does not have. Their codes have no meaning.
    """

    codes: Array
    values: Array | None
    unfit: Array


class AnswerCoder(Protocol):
    """Codes the answers of one expression for one column."""

    def code(self, read: Read, n_rows: int) -> CodedAnswers:
        """Evaluate a block of rows and code the answers."""
        ...

    def differs(
        self, read: Read, codes: Array, values: Array | None, tolerance: float
    ) -> tuple[Array, Array]:
        """Return where rows of the column are not what the expression says.

        Returns
        -------
        tuple of (differs (n,) bool, missing (n,) bool)
            missing: those that differ in whether, or by which code, they are missing.
        """
        ...


def answer_coder(bound: BoundExpression, codec: Codec) -> AnswerCoder:
    """Return what codes the answers of an expression for a column.

    Parameters
    ----------
    bound : BoundExpression
    codec : Codec
        Of the column to fill.

    Returns
    -------
    AnswerCoder

    Raises
    ------
    PlanError
        If the expression gives something else than the column holds.
    """
    if isinstance(codec, LevelCodec):
        return _level_coder(bound, LevelColumn(codec))
    if not isinstance(codec, NumberCodec):
        raise TypeError(f"no column of this codec can be computed: {type(codec).__name__}")
    column = NumberColumn(codec)
    if bound.kind != ("time" if column.is_time else "number"):
        wanted = "dates" if column.is_time else "numbers"
        raise _wrong_kind(bound, codec, wanted)
    if not len(codec.code_values):
        raise PlanError(
            f"{_place(bound)}column {codec.column.name!r} has no number to learn codes from; "
            "drop it, or keep it as it is"
        )
    return _NumberCoder(bound, column)


def _place(bound: BoundExpression) -> str:
    return f"{bound.expression.place}: " if bound.expression.place else ""


def _wrong_kind(bound: BoundExpression, codec: Codec, wanted: str) -> PlanError:
    gives = {"truth": "true or false", "number": "numbers", "time": "dates", "level": "levels"}
    return PlanError(
        f"{_place(bound)}column {codec.column.name!r} holds {wanted}, but the expression gives "
        f"{gives[bound.kind]}: {bound.expression}"
    )


def _missing_code(automatic: tuple[str, ...]) -> int | None:
    """Return the code of null, or of NaN in files that write that instead."""
    return next((automatic.index(name) for name in ("null", "nan") if name in automatic), None)


@dataclass(frozen=True)
class _NumberCoder:
    """Codes numbers and times.

    A number that is one of the column's missing codes or spikes becomes that, as it would when the
    file is read again. Bounds are not enforced: that would break the identity.
    """

    bound: BoundExpression
    column: NumberColumn

    def code(self, read: Read, n_rows: int) -> CodedAnswers:
        """Evaluate a block of rows and code the answers."""
        codec = self.column.codec
        numbers, missing = self.bound.numbers(read, n_rows)
        units = self._rounded(numbers)
        low, high = self._range()
        unfit = ~((units >= low) & (units <= high))
        units[unfit | missing] = 0.0
        column = codec.column.model_copy(update={"bounds": None, "decimals": None})
        codes, values = code_numbers(replace(codec, column=column), units)
        for number, code in codec.specials.numbers.items():
            codes[values == number] = code
        null = _missing_code(codec.specials.automatic)
        if null is None:
            unfit |= missing
        else:
            codes[missing] = null
        values[codes < codec.n_special] = 0
        return CodedAnswers(codes, values, unfit)

    def differs(
        self, read: Read, codes: Array, values: Array | None, tolerance: float
    ) -> tuple[Array, Array]:
        """Return where rows of the column are not what the expression says.

        A number may lie half a unit of its last digit away, since files are rounded in many ways,
        and what the rounding error of the formula amounts to.
        """
        n_rows, column = len(codes), self.column
        numbers, missing = self.bound.numbers(read, n_rows)
        units, is_missing = column.units_of(Rows(lambda _: (codes, values)))
        forgiven = self.bound.rounding_error(read, n_rows) + tolerance + 0.5 * self._step()
        with np.errstate(over="ignore"):
            distance = np.abs(units / column.per_unit - numbers)
        no_number = is_missing | missing
        coded = self.code(read, n_rows)
        # Missing for the formula and for the file, or a missing code that the formula asks for.
        same = (missing & (codes < column.n_automatic)) | (is_missing & (coded.codes == codes))
        differs = np.where(no_number, ~same, ~(distance <= forgiven))
        return differs, differs & no_number

    def _step(self) -> float:
        """Return the unit of the last digit that the column holds; 0 where that is not known."""
        column = self.column.codec.column
        if column.kind == "date":
            return 1.0
        decimals = column.decimals
        if self.column.units.dtype != np.int64:
            return 0.0 if decimals is None else 10.0**-decimals
        step = 1.0 / self.column.per_unit
        is_decimal = column.kind == "numeric" and decimals is not None
        return max(step, 10.0**-decimals) if is_decimal and decimals is not None else step

    def _rounded(self, numbers: Array) -> Array:
        """Return numbers rounded as the column is, in storage units."""
        with np.errstate(over="ignore"):
            return self._rounded_or_infinite(numbers)

    def _rounded_or_infinite(self, numbers: Array) -> Array:
        column, per_unit = self.column, self.column.per_unit
        if column.units.dtype == np.int64:
            step = max(round(self._step() * per_unit), 1)
            return np.rint(numbers * per_unit / step) * step
        decimals = column.codec.column.decimals
        if decimals is None and (self.bound.decimals or 0) <= _MOST_DECIMALS:
            # 0.3 - 0.2 - 0.1 is 0: sums of rounded numbers have no further digits of their own.
            decimals = self.bound.decimals
        if decimals is not None:
            numbers = np.round(numbers, decimals) + 0.0
        if column.float_width == 32:
            return numbers.astype(np.float32).astype(np.float64)
        return numbers

    def _range(self) -> tuple[float, float]:
        """Return the lowest and highest number that the storage holds, in storage units."""
        if self.column.units.dtype != np.int64:
            largest = np.finfo(f"f{self.column.float_width // 8}").max
            return -float(largest), float(largest)
        storage = value_type(parse_storage(self.column.codec.column.storage))
        if pa.types.is_decimal(storage):
            most = min(10.0**storage.precision - 1, 2.0**62)
            return -most, most
        if pa.types.is_integer(storage):
            bounds = np.iinfo(str(storage))
            return max(float(bounds.min), -(2.0**62)), min(float(bounds.max), 2.0**62)
        if pa.types.is_date32(storage) or pa.types.is_time32(storage):
            return -(2.0**31), 2.0**31 - 1
        return -(2.0**62), 2.0**62


@dataclass(frozen=True)
class _LevelCoder:
    """Codes levels: `codes` is the code of each place of `names`, -1 for none."""

    bound: BoundExpression
    column: LevelColumn
    code_of_place: Array

    def code(self, read: Read, n_rows: int) -> CodedAnswers:
        """Evaluate a block of rows and code the answers."""
        codes = self._codes(read, n_rows)
        null = _missing_code(self.column.codec.automatic)
        missing = codes == _MISSING
        if null is not None:
            codes[missing] = null
        unfit = codes < 0
        dtype = code_dtype(self.column.codec.n_codes)
        return CodedAnswers(np.maximum(codes, 0).astype(dtype), None, unfit)

    def differs(
        self, read: Read, codes: Array, values: Array | None, tolerance: float
    ) -> tuple[Array, Array]:
        """Return where rows of the column are not what the expression says."""
        answers = self._codes(read, len(codes))
        both_missing = (answers == _MISSING) & (codes < self.column.n_automatic)
        differs = (answers != codes) & ~both_missing
        n_missing = self.column.n_missing
        no_level = (codes < n_missing) | ((answers < n_missing) & (answers != _NO_LEVEL))
        return differs, differs & no_level

    def _codes(self, read: Read, n_rows: int) -> Array:
        """Return codes, `_MISSING`, or `_NO_LEVEL`."""
        if self.bound.kind == "truth":
            true, missing = self.bound.truth_or_missing(read, n_rows)
            places = np.where(missing, -1, true.astype(np.int32))
        elif self.bound.kind == "level":
            places = self.bound.levels(read, n_rows)
        else:
            return self._codes_of_numbers(read, n_rows)
        return self.code_of_place[places]

    def _codes_of_numbers(self, read: Read, n_rows: int) -> Array:
        """Return the codes of levels that are numbers in the file (1 and 2 for yes and no)."""
        numbers, missing = self.bound.numbers(read, n_rows)
        distinct, places = np.unique(numbers, return_inverse=True)
        codes = [self.column.code_of(number) for number in map(_plain, distinct.tolist())]
        by_place = np.array([_NO_LEVEL if code is None else code for code in codes], np.int32)
        return np.where(missing, _MISSING, by_place[places])


_MISSING, _NO_LEVEL = -1, -2


def _plain(number: float) -> int | float:
    return int(number) if number == int(number) else number


def _level_coder(bound: BoundExpression, column: LevelColumn) -> _LevelCoder:
    if bound.kind == "time" or (bound.kind == "truth" and column.truths is None):
        raise _wrong_kind(bound, column.codec, "levels")
    if column.truths is not None and bound.kind != "truth":
        raise _wrong_kind(bound, column.codec, "true and false")
    if bound.kind == "truth":
        codes = [_code_of_truth(column, sign) for sign in (-1, 1)]
    else:
        codes = [column.code_of(name) for name in bound.level_names]
    written = str(bound.expression)
    for name, code in zip(bound.level_names, codes, strict=False):
        # Only what the user wrote is named: other levels come from the data.
        if code is None and str(Text(name)) in written:
            raise PlanError(
                f"{_place(bound)}column {column.name!r} has no level {name!r}; case and blanks "
                "count, and a level that the data lack must be listed in the schema"
            )
    by_place = [_NO_LEVEL if code is None else code for code in codes]
    # The last place is that of -1, missing.
    return _LevelCoder(bound, column, np.array([*by_place, _MISSING], np.int32))


def _code_of_truth(column: LevelColumn, sign: int) -> int | None:
    places = np.flatnonzero(column.truths == sign)
    return int(places[0]) if len(places) else None
