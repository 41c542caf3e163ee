"""Design: earlier columns as the numbers that regressions add up.

Every predictor is one term: effects that depend on the code alone (levels, missing codes, spikes),
and for numbers a slope besides. Fits see it as a matrix; draws never build one.

- Levels: an effect each, 0 for the most frequent one. The rarest, and those beyond the limit, share
  one effect, as do levels that no fitted row has.
- Ordered levels: the same, or their rank as a number where there are more than the limit.
- Numbers: centred and scaled; an effect for each missing code and spike, whose number is the mean.
  This is synthpop's pair of columns x.0 and x.NA (`padMis.syn.r`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.methods.model import StepData
from gpusynth.table import Codec, Read, as_numbers, read_table

__all__ = ["Design", "Read", "Term", "make_design"]

_MOST_SCALE = 1e-12
"""A number whose spread is below this share of its size is a constant: float64 holds no more."""


@dataclass(frozen=True, slots=True)
class Term:
    """One predictor.

    Attributes
    ----------
    codec : Codec
    places : array of int32, shape (n_codes,) or (n_special + 1,)
        Design column that is 1 for each code, -1 for none; for numbers of the special codes only.
    slope : int
        Design column of the number, -1 for levels.
    centre, scale : float
        The number enters as ``(number - centre) / scale``.
    """

    codec: Codec
    places: Array
    slope: int = -1
    centre: float = 0.0
    scale: float = 1.0

    def codes_of(self, codes: Array) -> Array:
        """Return the position in `places` of each row."""
        if self.slope < 0:
            return codes
        return np.minimum(codes, codes.dtype.type(self.codec.n_special))

    def numbers_of(self, codes: Array, values: Array | None) -> Array:
        """Return what the slope multiplies, float64; 0 at special codes."""
        if self.codec.column.is_number:
            numbers = as_numbers(self.codec, codes, values)
        else:
            numbers = codes.astype(np.float64)
        return np.where(codes < self.codec.n_special, 0.0, (numbers - self.centre) / self.scale)


@dataclass(frozen=True, slots=True)
class Design:
    """The terms of a regression; design column 0 is the intercept.

    Attributes
    ----------
    terms : mapping of str to Term
    n_columns : int
        Columns of the design matrix.
    """

    terms: Mapping[str, Term]
    n_columns: int

    def matrix(self, read: Read, n_rows: int) -> Array:
        """Return the design matrix.

        Parameters
        ----------
        read : callable
            Of the rows of the matrix.
        n_rows : int

        Returns
        -------
        array of float64, shape (n_rows, n_columns)
        """
        matrix = np.zeros((n_rows, self.n_columns))
        matrix[:, 0] = 1.0
        for name, term in self.terms.items():
            codes, values = read(name)
            places = term.places[term.codes_of(codes)]
            rows = np.flatnonzero(places >= 0)
            matrix[rows, places[rows]] = 1.0
            if term.slope >= 0:
                matrix[:, term.slope] = term.numbers_of(codes, values)
        return matrix


def make_design(data: StepData, *, max_levels: int, min_level_rows: int) -> Design:
    """Settle the terms on the rows that take part.

    Parameters
    ----------
    data : StepData
    max_levels : int
        Most levels of a predictor with effects of their own.
    min_level_rows : int
        Fewest rows of such a level, missing code or spike.

    Returns
    -------
    Design
    """
    terms: dict[str, Term] = {}
    n_columns = 1
    for name in data.columns:
        codec, codes = data.table.codecs[name], data.table.codes[name]
        codes = codes if data.rows is None else codes[data.rows]
        counts = np.bincount(codes, minlength=codec.n_codes)
        by_rank = codec.is_ordered and codec.n_codes - codec.n_special > max_levels
        if codec.column.is_number or by_rank:
            term, n_columns = _number_term(
                data, name, counts[: codec.n_special], n_columns, min_level_rows
            )
        else:
            places, n_columns = _level_places(counts, n_columns, max_levels, min_level_rows)
            term = Term(codec, places)
        terms[name] = term
    return Design(terms, n_columns)


def _level_places(
    counts: Array, first: int, max_levels: int, min_level_rows: int
) -> tuple[Array, int]:
    """Return the design column of each level, from `first` on, and the next free one."""
    by_frequency = np.argsort(-counts, kind="stable")  # ties: the lower code
    is_own = counts[by_frequency] >= max(min_level_rows, 1)
    own = by_frequency[: int(is_own[:max_levels].sum())]
    rest = np.setdiff1d(by_frequency, own)
    places = np.full(len(counts), -1, np.int32)
    if not len(own):  # every level is rare: nothing to tell apart
        return places, first
    places[own[1:]] = np.arange(first, first + len(own) - 1, dtype=np.int32)
    free = first + len(own) - 1
    if counts[rest].sum():
        places[rest] = free
        free += 1
    return places, free


def _number_term(
    data: StepData, name: str, special_counts: Array, first: int, min_level_rows: int
) -> tuple[Term, int]:
    codec = data.table.codecs[name]
    codes, values = read_table(data.table, slice(None) if data.rows is None else data.rows)(name)
    unscaled = Term(codec, np.zeros(0, np.int32), slope=0)
    numbers = unscaled.numbers_of(codes, values)[codes >= codec.n_special]
    centre, scale = 0.0, 1.0
    if len(numbers):
        low = float(numbers.min())
        centre = low + float(np.mean(numbers - low))
        scale = float(np.sqrt(np.mean((numbers - centre) ** 2)))
    is_constant = scale <= _MOST_SCALE * max(abs(centre), 1e-300)
    places = np.full(codec.n_special + 1, -1, np.int32)
    free = first + 1
    for special in np.flatnonzero(special_counts >= max(min_level_rows, 1)):
        places[special] = free
        free += 1
    rare = np.flatnonzero(special_counts < max(min_level_rows, 1))
    if special_counts[rare].sum():
        places[rare] = free
        free += 1
    return Term(codec, places, first, centre, 1.0 if is_constant else scale), free
