"""Memory: what a row is told of the siblings before it, column by column, in few codes.

Of every column of the child file a row is told the answer of the previous sibling and one summary
of all earlier ones: the mean rank for answers with an order, the first sibling's answer for others.
The mean over all earlier siblings is what the best linear predictor of exchangeable siblings rests
on; the previous answer alone would let their likeness fade with every step from row to row.

All of it is integers: an answer is a group of about equally many real rows, so a mean of groups is
a mean rank, which skewed amounts do not pull about.

References
----------
.. [1] McCulloch, C. E. and Searle, S. R. (2001). Generalized, Linear, and Mixed Models, ch. 9
   (the best linear predictor of a random effect shrinks the mean of the unit's other rows).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import MOST_CODES, Array
from gpusynth.table import Codec, Column
from gpusynth.table.codec_levels import LevelCodec

__all__ = ["MOST_RANKS", "Memory", "remember", "sibling_number_codec"]

MOST_GROUPS = 100
"""Groups of an ordered column: percentiles, and all codes fit one byte."""

MOST_RANKS = 64
"""Sibling numbers that are told apart; later siblings have this number."""

_STEPS = 128  # of a mean rank


@dataclass(frozen=True, slots=True)
class Memory:
    """How the earlier siblings' answers in one column are told.

    Attributes
    ----------
    column : str
        Of the child file.
    group_of : array of uint16, shape (n_codes,)
        The column's code -> its code as the previous answer: 0 is for no earlier sibling, then the
        missing codes and spikes, then the groups.
    n_special : int
        Missing codes and spikes of the column.
    n_groups : int
    is_ordered : bool
    """

    column: str
    group_of: Array
    n_special: int
    n_groups: int
    is_ordered: bool

    @property
    def previous_name(self) -> str:
        """Name of the column with the previous sibling's answer."""
        return f"previous.{self.column}"

    @property
    def summary_name(self) -> str:
        """Name of the column that sums up all earlier siblings."""
        return f"earlier.{self.column}" if self.is_ordered else f"first.{self.column}"

    def codecs(self) -> dict[str, Codec]:
        """Return the codecs of both columns."""
        kind = "ordered" if self.is_ordered else "categorical"
        special = tuple(f"special {number}" for number in range(1, self.n_special + 1))
        answers = _codec(self.previous_name, kind, special, self.n_groups)
        if self.is_ordered:
            return {
                self.previous_name: answers,
                self.summary_name: _codec(self.summary_name, "ordered", (), _STEPS + 1),
            }
        first = _codec(self.summary_name, kind, special, self.n_groups)
        return {self.previous_name: answers, self.summary_name: first}

    def answers(self, codes: Array) -> Array:
        """Return the groups of answers, as `ranks` and `previous` take them.

        Parameters
        ----------
        codes : array of uint8 or uint16, shape (n,)

        Returns
        -------
        array of uint16, shape (n,)
        """
        found: Array = self.group_of[codes]
        return found

    def ranks(self, answers: Array) -> tuple[Array, Array]:
        """Return what the mean rank adds up.

        Parameters
        ----------
        answers : array of uint16, shape (n,)

        Returns
        -------
        tuple of (ranks (n,) int64, counts (n,) int64)
            Both 0 where the answer has no place in the order.
        """
        ranks = answers.astype(np.int64) - (1 + self.n_special)
        counts = (ranks >= 0).astype(np.int64)
        return np.maximum(ranks, 0), counts

    def mean_rank(self, ranks: Array, counts: Array) -> Array:
        """Return codes of mean ranks.

        Parameters
        ----------
        ranks, counts : array of int64, shape (n,)
            Sums over the earlier siblings.

        Returns
        -------
        array of uint8, shape (n,)
            0 where no earlier sibling has an answer in the order; else 1 + floor(128 mean / the
            largest rank).
        """
        most = np.maximum(counts * max(self.n_groups - 1, 1), 1)
        return np.where(counts > 0, 1 + ranks * _STEPS // most, 0).astype(np.uint8)


def remember(column: str, codec: Codec, codes: Array) -> Memory | None:
    """Settle how a column is told to later siblings.

    Parameters
    ----------
    column : str
    codec : Codec
    codes : array of uint8 or uint16, shape (n_real,)
        The real rows', for groups of about equally many.

    Returns
    -------
    Memory or None
        None where the column cannot tell anything, or has too many levels.
    """
    n_special, n_codes = codec.n_special, codec.n_codes
    n_ordinary = n_codes - n_special
    if n_codes < 2 or n_codes >= MOST_CODES:
        return None
    group = np.arange(n_ordinary)
    if codec.is_ordered and n_ordinary > MOST_GROUPS:
        counts = np.bincount(codes, minlength=n_codes)[n_special:].astype(np.int64)
        before = np.cumsum(counts) - counts
        share = before * MOST_GROUPS // max(int(counts.sum()), 1)
        group = np.unique(share, return_inverse=True)[1]
    n_groups = int(group.max(initial=-1)) + 1
    told = np.concatenate([np.arange(1, n_special + 1), group + 1 + n_special])
    return Memory(column, told.astype(np.uint16), n_special, n_groups, codec.is_ordered)


def sibling_number_codec(name: str, most: int) -> Codec:
    """Return the codec of the sibling number.

    Parameters
    ----------
    name : str
        Of its column.
    most : int
        Largest number of real siblings.

    Returns
    -------
    Codec
        Code ``min(number, MOST_RANKS) - 1``.
    """
    levels = tuple(str(number) for number in range(1, min(max(most, 1), MOST_RANKS) + 1))
    column = Column(name=name, kind="ordered", storage="string", levels=levels)
    return LevelCodec(column, (), (), levels)


def _codec(name: str, kind: str, special: tuple[str, ...], n_levels: int) -> Codec:
    levels = tuple(str(number) for number in range(1, n_levels + 1))
    column = Column(
        name=name,
        kind="ordered" if kind == "ordered" else "categorical",
        storage="string",
        levels=levels,
        missing_codes=special,
    )
    return LevelCodec(column, ("null",), special, levels)
