"""Columns as the plain arrays that user-written methods take and return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gpusynth.arrays import Array, code_dtype
from gpusynth.errors import DataError
from gpusynth.table import Codec, as_numbers, code_numbers, parse_storage
from gpusynth.table.numbers import decimal_scale

__all__ = ["PlainColumn"]


@dataclass(frozen=True, slots=True)
class PlainColumn:
    """A column between its codes and plain arrays.

    Numbers are float64, nan where the answer is missing (decimals as they are written, dates in
    days, timestamps in the unit of the file). Levels are arrays of text, None where the answer is
    null; missing codes of the schema are text like levels.

    Parameters
    ----------
    codec : Codec
    """

    codec: Any

    @classmethod
    def of(cls, codec: Codec) -> PlainColumn:
        """Return the column of a codec."""
        return cls(codec)

    @property
    def _unit(self) -> float:
        return 10.0 ** decimal_scale(parse_storage(self.codec.column.storage))

    def plain(self, codes: Array, values: Array | None) -> Array:
        """Return the answers of some rows.

        Parameters
        ----------
        codes : array of uint8 or uint16, shape (n,)
        values : array of float64 or int64, shape (n,), or None

        Returns
        -------
        array of float64 or object (str and None), shape (n,)
        """
        codec = self.codec
        if not codec.column.is_number:
            texts = np.empty(codec.n_codes, object)
            texts[:] = self._texts()
            return texts[codes]
        numbers = as_numbers(codec, codes, values)
        n_missing = codec.n_special - len(codec.column.spikes)
        numbers[codes < n_missing] = np.nan
        for position, spike in enumerate(codec.specials.answers[len(codec.column.missing_codes) :]):
            numbers[codes == n_missing + position] = spike
        return numbers / self._unit

    def coded(self, answers: Array, place: str) -> tuple[Array, Array | None]:
        """Code what a method has drawn.

        Parameters
        ----------
        answers : array, shape (n,)
        place : str
            Method and column, for messages.

        Returns
        -------
        tuple of (codes (n,), values (n,) or None)

        Raises
        ------
        DataError
            If an answer is not one that the column can have.
        """
        if self.codec.column.is_number:
            return self._coded_numbers(answers, place)
        return self._coded_texts(answers, place), None

    def _texts(self) -> list[str | None]:
        codec = self.codec
        automatic = [None if state == "null" else state for state in codec.automatic]
        return [*automatic, *codec.missing, *codec.levels]

    def _coded_texts(self, answers: Array, place: str) -> Array:
        code_of = {text: code for code, text in enumerate(self._texts())}
        if answers.dtype == bool:
            answers = np.where(answers, "true", "false")
        codes = np.array([code_of.get(_text(answer), -1) for answer in answers.tolist()], np.int64)
        if len(codes) and codes.min() < 0:
            row = int(np.argmax(codes < 0))
            reason = "an answer that is none of the column's levels and missing codes"
            if _text(answers.tolist()[row]) is None:
                reason = "a missing answer, but the column has none"
            raise DataError(f"{place} returned {reason} (row {row + 1} is the first)")
        return codes.astype(code_dtype(self.codec.n_codes))

    def _coded_numbers(self, answers: Array, place: str) -> tuple[Array, Array]:
        try:
            numbers = answers.astype(np.float64)
        except (TypeError, ValueError):
            raise DataError(f"{place} must return numbers, not {answers.dtype}") from None
        odd = ~np.isfinite(numbers)
        if odd.any():
            raise DataError(
                f"{place} returned a number that is missing or infinite (row "
                f"{int(np.argmax(odd)) + 1} is the first); which answers are missing is settled by "
                "a step of its own"
            )
        low, high = self.codec.column.bounds or (None, None)
        outside = np.zeros(len(numbers), bool)
        if low is not None:
            outside |= numbers < low
        if high is not None:
            outside |= numbers > high
        if outside.any():
            raise DataError(
                f"{place} returned a number outside of the schema's bounds (row "
                f"{int(np.argmax(outside)) + 1} is the first)"
            )
        return code_numbers(self.codec, numbers * self._unit)


def _text(answer: object) -> str | None:
    """Return an answer as text; None and nan are missing."""
    if answer is None or (isinstance(answer, float) and answer != answer):
        return None
    return str(answer)
