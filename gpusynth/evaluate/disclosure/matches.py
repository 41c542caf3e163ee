"""Exact matches: real records, or combinations of keys, that occur in the synthetic file.

A match is no proof of disclosure: a common combination of answers is bound to come up again, in a
fresh sample as well. What counts are records that are unique in the real file, and how many of
them a holdout of the same population would match.

References
----------
.. [1] SDNist 2.5, sdnist/metrics/unique_exact_matches.py. (unique in the target, found in the
       deidentified file, of all target records)
.. [2] synthpop 1.9-2, R/functions.syn.r, `replicated.uniques`. (unique in both, of the synthetic
       rows; with one key or several synthetic files too)
.. [3] Raab, G. M., Nowok, B., Dibben, C. (2024). arXiv:2406.16826. (repU, of the real rows)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedColumn, CodedTable, CommonCodes
from gpusynth.evaluate.records import record_keys

__all__ = ["RecordMatches", "record_matches", "replicated_rows"]


@dataclass(frozen=True, slots=True)
class RecordMatches:
    """Matches of one synthetic file with the real one. Shares are in per cent.

    Attributes
    ----------
    columns : tuple of str
        What was compared; numbers by value where `exact_numbers`, else by bin.
    exact_numbers : bool
    n_real, n_synthetic : int
    n_real_unique, n_synthetic_unique : int
        Rows that no other row of their file equals.
    n_real_matched : int
        Real rows that a synthetic row equals.
    n_unique_matched : int
        Unique real rows that a synthetic row equals (SDNist's unique exact matches).
    n_replicated : int
        Unique real rows that a unique synthetic row equals (synthpop's replicated uniques).
    n_synthetic_matched : int
        Synthetic rows that a real row equals.
    holdout_matched : float or None
        Per cent of the holdout's rows that a real row equals: what to expect of
        `synthetic_matched` for fresh records of the population.
    holdout_unique_matched : float or None
        Per cent of the real rows that are unique and equal to a row of the holdout, scaled to the
        number of synthetic rows: what to expect of `unique_matched`. The scaling is linear in
        rows, so it overstates what a larger holdout would show.
    """

    columns: tuple[str, ...]
    exact_numbers: bool
    n_real: int
    n_synthetic: int
    n_real_unique: int
    n_synthetic_unique: int
    n_real_matched: int
    n_unique_matched: int
    n_replicated: int
    n_synthetic_matched: int
    holdout_matched: float | None
    holdout_unique_matched: float | None

    @property
    def unique_matched(self) -> float:
        """Unique exact matches, of the real rows."""
        return 100.0 * self.n_unique_matched / self.n_real

    @property
    def synthetic_matched(self) -> float:
        """Synthetic rows that a real row equals, of the synthetic rows."""
        return 100.0 * self.n_synthetic_matched / self.n_synthetic

    @property
    def replicated_of_real(self) -> float:
        """Replicated uniques, of the real rows: repU."""
        return 100.0 * self.n_replicated / self.n_real

    @property
    def replicated_of_synthetic(self) -> float:
        """Replicated uniques, of the synthetic rows: what synthpop's function reports."""
        return 100.0 * self.n_replicated / self.n_synthetic


@dataclass(frozen=True, slots=True)
class _Counted:
    """Distinct keys of a file, ascending, and the rows of each."""

    keys: Array
    counts: Array

    @classmethod
    def of(cls, keys: Array) -> _Counted:
        distinct, counts = np.unique(keys, return_counts=True)
        return cls(distinct, counts)

    def in_other(self, other: _Counted) -> Array:
        """Return the rows that each of these keys has in another file, 0 for none."""
        place = np.searchsorted(other.keys, self.keys)
        found = np.minimum(place, len(other.keys) - 1)
        return np.where(other.keys[found] == self.keys, other.counts[found], 0)


def record_matches(
    codes: CommonCodes,
    columns: Sequence[str] | None = None,
    *,
    holdout: CodedTable | None = None,
) -> tuple[RecordMatches, ...]:
    """Count exact matches of each synthetic file with the real one.

    Parameters
    ----------
    codes : CommonCodes
        Numbers are compared by value where the tables hold them (`CodedTable.number_codes`), else
        by bin, which makes more records equal.
    columns : sequence of str, optional
        Keys; all columns by default.
    holdout : CodedTable, optional
        `codes.holdout` by default.

    Raises
    ------
    IncomputableMetricError
        If a column is unknown or named twice, none is named, or a file has no rows.
    """
    names = codes.real.names if columns is None else tuple(columns)
    holdout = codes.holdout if holdout is None else holdout
    exact = all(
        len(table.number_codes) == len(table.columns) for table in (codes.real, *codes.synthetic)
    )
    real = _Counted.of(_keys(codes.real, names, "the real file"))
    new = None if holdout is None else _Counted.of(_keys(holdout, names, "the holdout"))
    results = []
    for synthetic in codes.synthetic:
        made = _Counted.of(_keys(synthetic, names, "a synthetic file"))
        results.append(_matches(names, exact, real, made, new))
    return tuple(results)


def replicated_rows(
    real: CodedTable, synthetic: CodedTable, columns: Sequence[str] | None = None
) -> Array:
    """Return which synthetic rows replicate a unique real one, being unique themselves.

    An agency may want to leave these rows out (synthpop's `sdc(rm.replicated.uniques = TRUE)`).

    Parameters
    ----------
    real, synthetic : CodedTable
        On common codes.
    columns : sequence of str, optional
        Keys; all columns by default.

    Returns
    -------
    array of bool, shape (synthetic.n_rows,)

    Raises
    ------
    IncomputableMetricError
        As `record_matches`.
    """
    names = real.names if columns is None else tuple(columns)
    keys = _keys(synthetic, names, "the synthetic file")
    made, number = np.unique(keys, return_inverse=True)
    counted = _Counted(made, np.bincount(number))
    in_real = counted.in_other(_Counted.of(_keys(real, names, "the real file")))
    flags: Array = ((counted.counts == 1) & (in_real == 1))[number]
    return flags


def _matches(
    names: tuple[str, ...],
    exact: bool,  # noqa: FBT001
    real: _Counted,
    made: _Counted,
    new: _Counted | None,
) -> RecordMatches:
    in_made, in_real = real.in_other(made), made.in_other(real)
    unique = real.counts == 1
    n_real, n_synthetic = int(real.counts.sum()), int(made.counts.sum())
    expected = expected_unique = None
    if new is not None:
        n_new = int(new.counts.sum())
        expected = 100.0 * int(new.counts[new.in_other(real) > 0].sum()) / n_new
        found = int((unique & (real.in_other(new) > 0)).sum())
        expected_unique = min(100.0 * found / n_real * n_synthetic / n_new, 100.0)
    return RecordMatches(
        columns=names,
        exact_numbers=exact,
        n_real=n_real,
        n_synthetic=n_synthetic,
        n_real_unique=int(unique.sum()),
        n_synthetic_unique=int((made.counts == 1).sum()),
        n_real_matched=int(real.counts[in_made > 0].sum()),
        n_unique_matched=int((unique & (in_made > 0)).sum()),
        n_replicated=int((unique & (in_made == 1)).sum()),
        n_synthetic_matched=int(made.counts[in_real > 0].sum()),
        holdout_matched=expected,
        holdout_unique_matched=expected_unique,
    )


def _keys(table: CodedTable, names: Sequence[str], file: str) -> Array:
    if not names or len(set(names)) < len(names):
        raise IncomputableMetricError("matches need one or more distinct columns")
    if table.n_rows == 0:
        raise IncomputableMetricError(f"matches need rows; {file} has none")
    positions = table.positions(names)
    columns, codes = list(table.columns), list(table.codes)
    for position in positions:
        columns[position], codes[position] = _by_value(table, position)
    return record_keys(CodedTable(tuple(columns), tuple(codes), table.n_rows), positions)


def _by_value(table: CodedTable, position: int) -> tuple[CodedColumn, Array]:
    """Return a column whose codes stand for numbers instead of bins, where they are known."""
    column, codes = table.columns[position], table.codes[position]
    of_numbers = table.number_codes[position] if len(table.number_codes) > position else None
    if of_numbers is None or column.numbers is None:
        return column, codes
    n_numbers, n_labels = len(column.numbers), len(column.labels)
    # cut points only count here: one answer more than numbers
    exact = replace(column, cuts=column.numbers, joins_outside=False)
    is_number = of_numbers < n_numbers
    return exact, np.where(is_number, of_numbers.astype(np.int64) + n_labels, codes)
