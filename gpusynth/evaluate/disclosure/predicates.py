"""Predicates over answers, and quick counts of the rows that satisfy them.

Every column becomes whole numbers: answers with an order (numbers, by value or by bin) are their
rank, 0 and up; all others (levels, missing codes) are below 0. A condition is then a range of one
column, or its complement, and a predicate a few conditions that all hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedTable
from gpusynth.streams import Purpose, StreamKey, random_bits, uniform

__all__ = [
    "Answers",
    "Predicates",
    "guessed_predicates",
    "multivariate_predicates",
    "univariate_predicates",
]

_SHUFFLE_STEP, _ROW_STEP, _COLUMN_STEP, _GUESS_STEP, _GUESS_COLUMN_STEP = 142, 143, 144, 145, 146
_BATCH = 4096
_FIRST_ROWS = 128
_NAMED_ROWS = 16
"""Rows of a predicate that are named. Of more, half a file holds exactly one with less than 1 in
4,000 chance."""
_HIGHEST = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class Predicates:
    """Predicates of equally many conditions each.

    Attributes
    ----------
    columns : array of int64, shape (n, n_conditions)
    low, high : array of int64, shape (n, n_conditions)
        Both ends belong to the range.
    outside : array of bool, shape (n, n_conditions)
        Whether the condition is not to lie in the range.
    """

    columns: Array
    low: Array
    high: Array
    outside: Array

    def __len__(self) -> int:
        return len(self.columns)

    def take(self, which: Array) -> Predicates:
        """Return the chosen predicates."""
        return Predicates(
            self.columns[which], self.low[which], self.high[which], self.outside[which]
        )

    def distinct(self) -> Array:
        """Return the positions of predicates that no earlier one equals, ascending."""
        rows = np.concatenate((self.columns, self.low, self.high, self.outside), axis=1)
        _, first = np.unique(rows, axis=0, return_index=True)
        return np.sort(first)

    def joined(self, other: Predicates) -> Predicates:
        """Return these and more."""
        return Predicates(
            np.concatenate((self.columns, other.columns)),
            np.concatenate((self.low, other.low)),
            np.concatenate((self.high, other.high)),
            np.concatenate((self.outside, other.outside)),
        )


@dataclass(frozen=True, slots=True)
class Answers:
    """Rows of a file as whole numbers, with an index of each column.

    Attributes
    ----------
    values : array of int32, shape (n_columns, n_rows)
    order : array of int32, shape (n_columns, n_rows)
        Rows of each column by value.
    ascending : array of int32, shape (n_columns, n_rows)
        Values in that order.
    """

    values: Array
    order: Array
    ascending: Array

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.values.shape[1])

    @classmethod
    def of(cls, table: CodedTable, names: Sequence[str], file: str) -> Answers:
        """Read the named columns of a table.

        Raises
        ------
        IncomputableMetricError
            If the table has no rows or not the columns.
        """
        if table.n_rows == 0:
            raise IncomputableMetricError(f"singling out needs rows; {file} has none")
        return cls._indexed(np.stack([_ranked(table, p) for p in table.positions(names)]))

    @classmethod
    def _indexed(cls, values: Array) -> Answers:
        order = np.argsort(values, axis=1, kind="stable").astype(np.int32)
        return cls(values, order, np.take_along_axis(values, order, 1))

    def take(self, rows: Array) -> Answers:
        """Return some of the rows."""
        return Answers._indexed(self.values[:, rows])

    def count(self, predicates: Predicates, *, enough: int = 2) -> Array:
        """Count the rows that satisfy each predicate, up to `enough`; int64."""
        return self.holders(predicates, enough=enough)[0]

    def holders(self, predicates: Predicates, *, enough: int) -> tuple[Array, Array]:
        """Count the rows that satisfy each predicate, and say which they are where they are few.

        Parameters
        ----------
        predicates : Predicates
        enough : int
            Counts end here.

        Returns
        -------
        counts : array of int64, shape (n,)
        rows : array of int64, shape (n, 16)
            The first rows that satisfy each predicate, -1 beyond their number.
        """
        counts = np.zeros(len(predicates), np.int64)
        rows = np.full((len(predicates), _NAMED_ROWS), -1, np.int64)
        first = np.empty(predicates.columns.shape, np.int64)
        last = np.empty(predicates.columns.shape, np.int64)
        for column in range(len(self.values)):
            at = predicates.columns == column
            first[at] = np.searchsorted(self.ascending[column], predicates.low[at], "left")
            last[at] = np.searchsorted(self.ascending[column], predicates.high[at], "right")
        n_inside = last - first
        sizes = np.where(predicates.outside, self.n_rows - n_inside, n_inside)
        for number in range(len(predicates)):
            found = self._find_one(
                predicates, number, first[number], last[number], sizes[number], enough
            )
            counts[number] = min(len(found), enough)
            rows[number, : len(found)] = found[:_NAMED_ROWS]
        return counts, rows

    def _find_one(
        self,
        predicates: Predicates,
        number: int,
        first: Array,
        last: Array,
        sizes: Array,
        enough: int,
    ) -> Array:
        """Look the other conditions up in the rows of the one that fewest rows satisfy.

        The rows are looked at a few first, then more: most predicates hold for many rows, and two
        of them are soon found.
        """
        start, *others = np.argsort(sizes, kind="stable")
        order = self.order[predicates.columns[number, start]]
        begin, end = int(first[start]), int(last[start])
        if predicates.outside[number, start]:
            runs = [order[:begin], order[end:]]
        else:
            runs = [order[begin:end]]
        found = [np.empty(0, np.int32)]
        count = 0
        for run in runs:
            at, size = 0, _FIRST_ROWS
            while at < len(run) and count < enough:
                rows = run[at : at + size]
                for other in others:
                    values = self.values[predicates.columns[number, other], rows]
                    holds = (values >= predicates.low[number, other]) & (
                        values <= predicates.high[number, other]
                    )
                    rows = rows[holds != predicates.outside[number, other]]
                found.append(rows)
                count += len(rows)
                at, size = at + size, size * 8
        return np.concatenate(found)


def _ranked(table: CodedTable, position: int) -> Array:
    column = table.columns[position]
    codes = table.codes[position].astype(np.int32)
    of_numbers = table.number_codes[position] if len(table.number_codes) > position else None
    if of_numbers is not None and column.numbers is not None:
        ranks = of_numbers.astype(np.int32)
        return np.where(ranks < len(column.numbers), ranks, -1 - codes)
    n_labels = len(column.labels)
    return np.where(codes >= n_labels, codes - n_labels, -1 - codes)


def univariate_predicates(answers: Answers, n: int, *, seed: int) -> Predicates:
    """Return statements about one column that hold for one row, at most `n` of them at random."""
    parts = []
    for column in range(len(answers.values)):
        distinct, counts = np.unique(answers.values[column], return_counts=True)
        alone = distinct[counts == 1]
        parts.append((column, alone, alone))
        ranks = distinct[distinct >= 0]
        if len(ranks):
            # at most the smallest number, at least the largest
            parts.append((column, np.array([0, ranks[-1]]), np.array([ranks[0], _HIGHEST])))
    columns = np.concatenate([np.full(len(low), column) for column, low, _ in parts])
    low, high = (np.concatenate([part[i] for part in parts]).astype(np.int64) for i in (1, 2))
    everything = Predicates(
        columns[:, None], low[:, None], high[:, None], np.zeros((len(columns), 1), bool)
    )
    found = everything.take(np.flatnonzero(answers.count(everything) == 1))
    key = StreamKey(seed, step=_SHUFFLE_STEP, purpose=Purpose.EVALUATE)
    order = np.argsort(random_bits(key, 0, len(found))[:, 0], kind="stable")
    return found.take(order[:n])


def multivariate_predicates(
    answers: Answers, n: int, n_columns: int, most_tries: int, *, seed: int
) -> Predicates:
    """Return statements about several columns of random rows that hold for one row only.

    Parameters
    ----------
    answers : Answers
        Of the synthetic file.
    n : int
        Predicates at most.
    n_columns : int
    most_tries : int
    seed : int
    """
    middle = np.array([np.median(v[v >= 0]) if (v >= 0).any() else 0.0 for v in answers.values])
    found: Predicates | None = None
    for first in range(0, most_tries, _BATCH):
        size = min(_BATCH, most_tries - first)
        key = StreamKey(seed, step=_ROW_STEP, purpose=Purpose.EVALUATE)
        rows = np.floor(uniform(key, first, size)[:, 0] * answers.n_rows).astype(np.int64)
        columns = _random_columns(len(answers.values), n_columns, size, first, seed, _COLUMN_STEP)
        value = answers.values[columns, rows[:, None]].astype(np.int64)
        is_rank = value >= 0
        above = is_rank & (value > middle[columns])
        batch = Predicates(
            columns,
            np.where(is_rank & ~above, 0, value),
            np.where(above, _HIGHEST, value),
            np.zeros(columns.shape, bool),
        )
        batch = batch.take(batch.distinct())  # in small files most are tried often
        batch = batch.take(np.flatnonzero(answers.count(batch) == 1))
        found = batch if found is None else found.joined(batch)
        found = found.take(found.distinct())
        if len(found) >= n:
            break
    assert found is not None
    return found.take(np.arange(min(n, len(found))))


def guessed_predicates(answers: Answers, n: int, n_columns: int, *, seed: int) -> Predicates:
    """Return random predicates: random columns, operators and answers that occur.

    Ranks are compared by one of ``==, !=, >, <, >=, <=``, other answers by ``==`` or ``!=``.
    """
    columns = _random_columns(len(answers.values), n_columns, n, 0, seed, _GUESS_COLUMN_STEP)
    distinct = [np.unique(values) for values in answers.values]
    key = StreamKey(seed, step=_GUESS_STEP, purpose=Purpose.EVALUATE)
    chosen = uniform(key, 0, n * n_columns).reshape(n, n_columns, 2)
    n_distinct = np.array([len(values) for values in distinct])[columns]
    places = np.floor(chosen[:, :, 0] * n_distinct).astype(np.int64)
    value = np.array(
        [
            [distinct[column][place] for column, place in zip(*pair, strict=True)]
            for pair in zip(columns, places, strict=True)
        ],
        np.int64,
    ).reshape(n, n_columns)
    operator = np.floor(chosen[:, :, 1] * np.where(value >= 0, 6, 2)).astype(np.int64)
    low = np.select([operator == 2, np.isin(operator, (3, 5))], [value + 1, 0], value)
    high = np.select([operator == 3, np.isin(operator, (2, 4))], [value - 1, _HIGHEST], value)
    return Predicates(columns, low, high, operator == 1)


def _random_columns(n_all: int, n_columns: int, n: int, first: int, seed: int, step: int) -> Array:
    """Draw columns without replacement for each predicate: those of the smallest numbers."""
    key = StreamKey(seed, step=step, purpose=Purpose.EVALUATE)
    width = -(-n_all // 2)
    bits = random_bits(key, first * width, n * width).reshape(n, 2 * width)[:, :n_all]
    return np.argsort(bits, axis=1, kind="stable")[:, :n_columns]
