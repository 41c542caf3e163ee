"""Text families: what part of a text column reads as numbers, or as timestamps.

A family collects the distinct numbers without limit, and the texts that do not read so up to a
few: more of them, and the column is not of this family, whatever else it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth.arrays import Array
from gpusynth.table.counts import TextCounts, ValueCounts
from gpusynth.table.text_numbers import (
    decimals_of,
    format_numbers,
    is_plain_fraction,
    is_plain_whole,
    parse_numbers,
    parse_timestamps,
)

__all__ = ["OTHER_TEXTS", "FamilyName", "NumberStyle", "TextFamily"]

OTHER_TEXTS = 64
"""Distinct texts beside the numbers that a column may hold and still be a number column with text
codes: far more than surveys use, few enough that text columns are told apart at once."""

FamilyName: TypeAlias = Literal["number", "timestamp"]


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How a column writes its numbers.

    Attributes
    ----------
    fewest_decimals, most_decimals : int
        Digits after the point.
    all_shortest : bool
        Every number is written in the shortest text that reads back as the same number.
    """

    fewest_decimals: int
    most_decimals: int
    all_shortest: bool

    def combine(self, other: NumberStyle) -> NumberStyle:
        """Return the style of both parts."""
        return NumberStyle(
            min(self.fewest_decimals, other.fewest_decimals),
            max(self.most_decimals, other.most_decimals),
            self.all_shortest and other.all_shortest,
        )


@dataclass(frozen=True, slots=True)
class TextFamily:
    """The numbers (or timestamps) of a text column, and its other texts.

    Attributes
    ----------
    family : FamilyName
    whole : ValueCounts of int64
        Whole numbers; timestamps in microseconds.
    fractions : ValueCounts of float64
        Numbers written with a point or an exponent.
    others : TextCounts
        Texts that do not parse. When it is stopped, nothing is collected any more.
    style : NumberStyle or None
        None where no number was seen.
    """

    family: FamilyName
    whole: ValueCounts
    fractions: ValueCounts
    others: TextCounts
    style: NumberStyle | None

    @classmethod
    def of(cls, family: FamilyName, texts: Any, counts: Array) -> TextFamily:
        """Sort the distinct texts of one batch, which occur `counts` times, into the family."""
        if family == "timestamp":
            microseconds, parses = parse_timestamps(texts)
            whole = _counts_of(microseconds[parses], counts[parses])
            fractions, style = ValueCounts.empty(np.float64), None
        else:
            is_whole = is_plain_whole(texts)
            parses = is_whole | is_plain_fraction(texts)
            whole_texts = pc.filter(texts, pa.array(is_whole))
            fraction_texts = pc.filter(texts, pa.array(parses & ~is_whole))
            whole = _counts_of(parse_numbers(whole_texts, whole=True)[0], counts[is_whole])
            numbers = parse_numbers(fraction_texts, whole=False)[0]
            fractions = _counts_of(numbers, counts[parses & ~is_whole])
            style = _style_of(len(whole_texts), fraction_texts, numbers)
        others = TextCounts.of(
            pc.filter(texts, pa.array(~parses)), counts[~parses], limit=OTHER_TEXTS
        )
        return cls(family, whole, fractions, others, style)._checked()

    def combine(self, other: TextFamily) -> TextFamily:
        """Return the family of both parts."""
        if self.stopped or other.stopped:
            return self if self.stopped else other
        style = self.style or other.style
        if self.style and other.style:
            style = self.style.combine(other.style)
        return TextFamily(
            self.family,
            self.whole.combine(other.whole),
            self.fractions.combine(other.fractions),
            self.others.combine(other.others),
            style,
        )._checked()

    def _checked(self) -> TextFamily:
        if not self.stopped:
            return self
        return TextFamily(
            self.family,
            ValueCounts.empty(np.int64),
            ValueCounts.empty(np.float64),
            self.others,
            None,
        )

    @property
    def stopped(self) -> bool:
        """True when the column holds too many other texts to be of this family."""
        return self.others.stopped

    @property
    def numbers(self) -> ValueCounts:
        """All numbers: int64 when every one is written as a whole number, else float64."""
        if not self.fractions.n_distinct:
            return self.whole
        floats = ValueCounts(self.whole.values.astype(np.float64), self.whole.counts)
        return floats.combine(self.fractions)


def _counts_of(numbers: Array, counts: Array) -> ValueCounts:
    """Sum the counts of equal numbers (several texts may stand for one)."""
    return ValueCounts(numbers[:0], counts[:0]).combine(ValueCounts(numbers, counts))


def _style_of(n_whole: int, fraction_texts: Any, numbers: Array) -> NumberStyle | None:
    if not n_whole and not len(fraction_texts):
        return None
    if not len(fraction_texts):
        return NumberStyle(0, 0, all_shortest=True)
    decimals = decimals_of(fraction_texts)
    shortest = bool(np.asarray(pc.equal(format_numbers(numbers, None), fraction_texts)).all())
    fewest = 0 if n_whole else int(decimals.min())
    return NumberStyle(fewest, int(decimals.max()), all_shortest=shortest)
