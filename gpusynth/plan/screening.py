"""Screening: columns that say nothing, or nothing new, before a synthesis is planned.

One pass over each column for what may be the same, a second over those that are. Linear in rows;
the number of columns matters only for the correlations of numbers on a few thousand rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from gpusynth.arrays import Array
from gpusynth.table import Table, as_numbers, read_table
from gpusynth.table.code_counts import count_codes
from gpusynth.table.side_by_side import side_by_side

__all__ = ["Screening", "screen"]

CORRELATION = 0.99999
"""Pairs of numbers with at least this correlation are collinear, as in synthpop."""

_CANDIDATE_CORRELATION = 0.999
_CANDIDATE_ROWS = 4096
_LEAST_REPEATS = 3
_LEAST_PAIRS = 10


@dataclass(frozen=True, slots=True)
class Screening:
    """What screening found; columns are named, values never.

    Attributes
    ----------
    constant : tuple of str
        Columns with one answer in all rows.
    copies : mapping of str to str
        Column -> an earlier one in visit order that tells the same rows apart: each answer of one
        goes with exactly one answer of the other.
    collinear : mapping of str to str
        Column of numbers -> an earlier one with a correlation of at least 0.99999 in size, among
        the rows where both are numbers; without `copies`.
    redundant : frozenset of str
        Those of `collinear` that are numbers in the same rows as the earlier column.
    notes : tuple of str
        A sentence for each finding, in visit order.
    """

    constant: tuple[str, ...]
    copies: Mapping[str, str]
    collinear: Mapping[str, str]
    redundant: frozenset[str]
    notes: tuple[str, ...]

    @property
    def not_predictors(self) -> frozenset[str]:
        """Columns that need not predict others: they add nothing to those before them."""
        return frozenset(self.constant) | frozenset(self.copies) | self.redundant


def screen(table: Table, names: Sequence[str], *, n_threads: int = 1) -> Screening:
    """Find constant columns, copies of earlier columns and collinear numbers.

    A copy is found by its partition of the rows, whatever its answers are called: codes are
    numbered by first occurrence, and columns with equally many rows in each code are compared row
    by row. At least 3 rows must repeat an earlier answer: columns without repetition part all rows
    alike without having anything to do with each other.

    Collinear are pairs of numbers whose correlation is at least 0.999 on up to 4096 evenly spaced
    rows (all pairs together: four matrix products) and at least 0.99999 on all rows (two passes
    for each such pair). A correlation that few rows make is no redundancy and is not looked for.

    Parameters
    ----------
    table : Table
        All real rows.
    names : sequence of str
        Columns in visit order.
    n_threads : int
        Columns that are looked at side by side.

    Returns
    -------
    Screening

    Notes
    -----
    Time is linear in rows and columns: 0.02 s for a million rows of a column that is like no other.
    Exact values of columns with more than 65,535 distinct numbers are sorted once.
    """
    constant = tuple(name for name in names if _is_constant(table, name))
    others = [name for name in names if name not in set(constant)]
    copies = _find_copies(table, others, n_threads)
    numbers = [
        name for name in others if name not in copies and table.codecs[name].column.is_number
    ]
    collinear = _find_collinear(table, numbers)
    redundant = frozenset(
        later for later, earlier in collinear.items() if _same_rows(table, later, earlier)
    )
    notes = tuple(
        note for name in names for note in _notes(name, constant, copies, collinear, redundant)
    )
    return Screening(constant, copies, collinear, redundant, notes)


def _notes(
    name: str,
    constant: Sequence[str],
    copies: Mapping[str, str],
    collinear: Mapping[str, str],
    redundant: frozenset[str],
) -> Iterator[str]:
    if name in constant:
        yield f"column {name!r} has the same answer in all rows and predicts nothing"
    if name in copies:
        yield f"column {name!r} is a one-to-one copy of {copies[name]!r}"
    if name in collinear:
        reason = (
            "and adds nothing to it as a predictor"
            if name in redundant
            else "but not missing in the same rows, so it stays a predictor"
        )
        yield f"column {name!r} is collinear with {collinear[name]!r} {reason}"


def _is_constant(table: Table, name: str) -> bool:
    """Whether all rows have one answer; stops at the first that differs among a few."""
    for column in (table.codes[name], table.values.get(name)):
        if column is None or len(column) == 0:
            continue
        if np.any(column[:1024] != column[0]) or np.any(column != column[0]):
            return False
    return True


def _partition(table: Table, name: str) -> Array:
    """Return the answer of each row as a number below the number of answers, int64 or codes."""
    codes, values = table.codes[name], table.values.get(name)
    if values is None:
        return codes
    # Special codes have no value; each gets a number of its own above those of the values.
    distinct, place = np.unique(values, return_inverse=True)
    n_special = table.codecs[name].n_special
    return np.where(codes < n_special, len(distinct) + codes.astype(np.int64), place)


def _first_occurrence(answers: Array) -> Array:
    """Return the answers of rows numbered by their first occurrence, uint32."""
    first = np.full(int(answers.max()) + 1, len(answers), np.int64)
    # Of several assignments to one place NumPy keeps the last: backwards, that of the first row.
    first[answers[::-1]] = np.arange(len(answers) - 1, -1, -1)
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(first), np.uint32)
    rank[order] = np.arange(len(first), dtype=np.uint32)
    return rank[answers]


def _sizes(table: Table, name: str) -> Array:
    """Return how many rows have each answer that occurs, ascending."""
    if name in table.values:
        sizes = np.bincount(_partition(table, name))
    else:
        sizes = count_codes(table.codes[name], table.codecs[name].n_codes)
    return np.sort(sizes[sizes > 0])


def _find_copies(table: Table, names: Sequence[str], n_threads: int) -> dict[str, str]:
    """Return each copy with the earliest column that it copies."""

    def mark(name: str) -> bytes | None:
        sizes = _sizes(table, name)
        repeats = table.n_rows - len(sizes) >= _LEAST_REPEATS
        return blake2b(sizes.tobytes()).digest() if repeats else None

    alike: dict[bytes, list[str]] = {}
    with side_by_side(n_threads) as each:
        for name, found in zip(names, each(mark, names), strict=True):
            if found is not None:
                alike.setdefault(found, []).append(name)
    copies: dict[str, str] = {}
    for group in alike.values():
        if len(group) > 1:
            _compare_rows(table, group, copies)
    return {name: copies[name] for name in names if name in copies}


def _compare_rows(table: Table, names: Sequence[str], copies: dict[str, str]) -> None:
    """Compare columns with codes of the same sizes: by a digest, then row by row."""
    earliest: dict[bytes, str] = {}
    for name in names:
        rows = _first_occurrence(_partition(table, name))
        digest = blake2b(rows.tobytes()).digest()
        known = earliest.setdefault(digest, name)
        if known != name and np.array_equal(rows, _first_occurrence(_partition(table, known))):
            copies[name] = known


def _ordinary_numbers(table: Table, name: str, rows: slice | Array) -> tuple[Array, Array]:
    """Return the numbers of rows, and which are ordinary."""
    codec, (codes, values) = table.codecs[name], read_table(table, rows)(name)
    return as_numbers(codec, codes, values), codes >= codec.n_special


def _centred(numbers: Array, ordinary: Array) -> Array:
    """Return ordinary numbers less their mean, within [-1, 1]; 0 for the others."""
    # Scaled first and last, so that neither large nor small numbers leave float64.
    kept = np.where(ordinary, numbers, 0.0)
    kept /= np.abs(kept).max() or 1.0
    kept -= np.where(ordinary, kept.sum() / max(ordinary.sum(), 1), 0.0)
    kept /= np.abs(kept).max() or 1.0
    return kept


def _find_collinear(table: Table, names: Sequence[str]) -> dict[str, str]:
    """Return each collinear column with the earliest one that it is collinear with."""
    found: dict[str, str] = {}
    for earlier, later in _candidates(table, names):
        if later not in found and earlier not in found and _is_collinear(table, earlier, later):
            found[later] = earlier
    return {name: found[name] for name in names if name in found}


def _candidates(table: Table, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs that correlate on a few rows, by the earlier column, then the later one."""
    if len(names) < 2 or table.n_rows == 0:
        return
    n_rows = min(table.n_rows, _CANDIDATE_ROWS)
    rows = np.arange(n_rows, dtype=np.int64) * table.n_rows // n_rows
    ordinary = np.empty((n_rows, len(names)))
    numbers = np.empty((n_rows, len(names)))
    for place, name in enumerate(names):
        own, ordinary[:, place] = _ordinary_numbers(table, name, rows)
        numbers[:, place] = _centred(own, ordinary[:, place])
    both = np.maximum(ordinary.T @ ordinary, 1)
    sums = numbers.T @ ordinary  # of the column of the row, where that of the column is a number
    squares = (numbers * numbers).T @ ordinary
    spread = squares - sums * sums / both
    products = numbers.T @ numbers - sums * sums.T / both
    scale = np.sqrt(np.maximum(spread * spread.T, 0))
    # Columns that hardly vary among the common rows are left to chance no further.
    varied = (spread > 1e-12 * squares) & (spread.T > 1e-12 * squares.T) & (both >= _LEAST_PAIRS)
    strong = varied & (np.round(np.abs(products), 12) >= _CANDIDATE_CORRELATION * scale)
    for earlier, later in np.argwhere(np.triu(strong, 1)):
        yield names[earlier], names[later]


def _is_collinear(table: Table, earlier: str, later: str) -> bool:
    """Whether two columns correlate perfectly over all rows where both are numbers."""
    first, ordinary = _ordinary_numbers(table, earlier, slice(None))
    second, also = _ordinary_numbers(table, later, slice(None))
    ordinary &= also
    if ordinary.sum() < _LEAST_PAIRS:
        return False
    first, second = _centred(first, ordinary), _centred(second, ordinary)
    spread = np.sum(first * first) * np.sum(second * second)
    return bool(spread > 0 and abs(np.sum(first * second)) >= CORRELATION * np.sqrt(spread))


def _same_rows(table: Table, first: str, second: str) -> bool:
    """Whether two columns are numbers in the same rows."""
    ordinary = table.codes[first] >= table.codecs[first].n_special
    return np.array_equal(ordinary, table.codes[second] >= table.codecs[second].n_special)
