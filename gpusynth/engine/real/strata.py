"""Strata: which rows a variable is fitted on apart, and how small strata are pooled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import PlanError
from gpusynth.plan import Strata
from gpusynth.table import Codec, Read, Table, answer_texts, read_table

__all__ = ["Group", "StratumGroups", "group_strata", "level_codes"]

_MOST_GROUPS = (1 << 24) - 1  # 24 bits of a stream name a stratum (gpusynth.streams)


@dataclass(frozen=True, slots=True)
class Stage:
    """The real rows grouped by some of the stratum columns.

    Attributes
    ----------
    columns : tuple of str
        Columns on which the rows of a group agree.
    sizes : tuple of int
        Number of codes of each.
    keys : array of int64, shape (n_keys,)
        Ascending; what the codes of a group pack to.
    rows : array of int32, shape (n_real,)
        Real rows by key, ascending within one.
    starts : array of int64, shape (n_keys + 1,)
    groups : array of int32, shape (n_keys,)
        Number of the group that is fitted on these rows, -1 where there are too few.
    """

    columns: tuple[str, ...]
    sizes: tuple[int, ...]
    keys: Array
    rows: Array
    starts: Array
    groups: Array

    def pack(self, read: Read, n_rows: int) -> Array:
        """Return the key of every row."""
        key = np.zeros(n_rows, np.int64)
        for name, size in zip(self.columns, self.sizes, strict=True):
            key = key * size + read(name)[0]
        return key

    def rows_of(self, place: int) -> Array:
        """Return the real rows of a key."""
        part: Array = self.rows[self.starts[place] : self.starts[place + 1]]
        return part


@dataclass(frozen=True, slots=True)
class Group:
    """One fit: a stratum, or several that are pooled.

    Attributes
    ----------
    number : int
    places : tuple of (int, int)
        (stage, place of the key), from the group's own stage to all rows: where to look for rows
        when the earlier ones hold none that take part.
    """

    number: int
    places: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class StratumGroups:
    """All fits of a stratified synthesis.

    Attributes
    ----------
    stages : tuple of Stage
        From the strata themselves to all rows.
    groups : tuple of Group
        By number.
    """

    stages: tuple[Stage, ...]
    groups: tuple[Group, ...]

    def group_of(self, read: Read, n_rows: int) -> Array:
        """Return the number of the group that draws each synthetic row.

        A stratum that no real row has goes to the first stage that knows it.

        Parameters
        ----------
        read : callable
            Column name -> (codes, values) of the rows.
        n_rows : int

        Returns
        -------
        array of int32, shape (n_rows,)
        """
        found = np.full(n_rows, -1, np.int32)
        for stage in self.stages:
            if (found >= 0).all():
                break
            key = stage.pack(read, n_rows)
            place = np.minimum(np.searchsorted(stage.keys, key), len(stage.keys) - 1)
            group = np.where(stage.keys[place] == key, stage.groups[place], -1)
            found = np.where(found < 0, group, found)
        return found

    def training_rows(self, group: Group, taking_part: Array | None) -> Array:
        """Return the real rows that a group is fitted on.

        Parameters
        ----------
        group : Group
        taking_part : array of bool, shape (n_real,), or None
            Rows that take part in the step; None for all.

        Returns
        -------
        array of int32, shape (n,)
            Ascending; of the first stage that has any.
        """
        rows = np.zeros(0, np.int32)
        for stage, place in group.places:
            rows = self.stages[stage].rows_of(place)
            if taking_part is not None:
                rows = rows[taking_part[rows]]
            if len(rows):
                break
        return rows

    def name_of(self, group: Group) -> str:
        """Return a group's name for messages: the columns it agrees on and one of its rows.

        Levels may be confidential; the row finds them.
        """
        stage, place = group.places[0]
        columns = self.stages[stage].columns
        if not columns:
            return "all strata pooled"
        row = int(self.stages[stage].rows_of(place)[0])
        return f"stratum ({', '.join(columns)}) of data row {row + 1}"

    def pooling(self, table: Table) -> list[dict[str, Any]]:
        """Return, for each stratum that is pooled, its levels, size and the columns of its fit.

        Parameters
        ----------
        table : Table
            For the names of levels.

        Returns
        -------
        list of dict
        """
        first = self.stages[0]
        pooled = []
        labels = [answer_texts(table.codecs[name]) for name in first.columns]
        for place in np.flatnonzero(first.groups < 0):
            row = first.rows_of(int(place))[:1]
            codes = [int(table.codes[name][row[0]]) for name in first.columns]
            levels = [known[code] for known, code in zip(labels, codes, strict=True)]
            group = self.groups[int(self.group_of(read_table(table, row), 1)[0])]
            pooled.append(
                {
                    "stratum": levels,
                    "n_rows": int(first.starts[place + 1] - first.starts[place]),
                    "fitted_on": list(self.stages[group.places[0][0]].columns),
                }
            )
        return pooled


def group_strata(strata: Strata, table: Table) -> StratumGroups:
    """Group the real rows by stratum and pool what is too small.

    Parameters
    ----------
    strata : Strata
        With `min_rows` settled.
    table : Table
        Real data.

    Returns
    -------
    StratumGroups

    Raises
    ------
    PlanError
        If a stratum column has more answers than codes, or there are too many strata.
    """
    least = 1 if strata.min_rows is None else strata.min_rows
    for name in strata.columns:
        if not table.codecs[name].is_exact:
            raise PlanError(
                f"column {name!r} is a stratum but has too many different numbers. "
                "Group it into levels, or leave it out of the strata."
            )
    stages: list[Stage] = []
    n_groups = 0
    for columns in strata.stages:
        stage = _stage(columns, table)
        enough = np.diff(stage.starts) >= least
        enough |= not columns  # all rows together are fitted however few they are
        stage.groups[enough] = n_groups + np.arange(int(enough.sum()), dtype=np.int32)
        n_groups += int(enough.sum())
        stages.append(stage)
    if n_groups > _MOST_GROUPS:
        raise PlanError(
            f"the strata make {n_groups} groups, more than {_MOST_GROUPS}. Use fewer columns."
        )
    groups = [
        Group(int(stage.groups[place]), _places(stages, number, int(place), table))
        for number, stage in enumerate(stages)
        for place in np.flatnonzero(stage.groups >= 0)
    ]
    return StratumGroups(tuple(stages), tuple(groups))


def _stage(columns: Sequence[str], table: Table) -> Stage:
    sizes = tuple(table.codecs[name].n_codes for name in columns)
    cells = 1
    for size in sizes:
        cells *= size
    if cells >= 1 << 62:
        raise PlanError(
            f"the strata columns {', '.join(map(repr, columns))} have too many combinations "
            f"({cells}). Use fewer columns."
        )
    key = np.zeros(table.n_rows, np.int64)
    for name, size in zip(columns, sizes, strict=True):
        key = key * size + table.codes[name]
    rows = np.argsort(key, kind="stable").astype(np.int32)
    keys, starts = np.unique(key[rows], return_index=True)
    groups = np.full(len(keys), -1, np.int32)
    return Stage(tuple(columns), sizes, keys, rows, np.append(starts, table.n_rows), groups)


def _places(
    stages: Sequence[Stage], first: int, place: int, table: Table
) -> tuple[tuple[int, int], ...]:
    row = stages[first].rows_of(place)[:1]
    places = [(first, place)]
    for number in range(first + 1, len(stages)):
        key = stages[number].pack(read_table(table, row), 1)[0]
        places.append((number, int(np.searchsorted(stages[number].keys, key))))
    return tuple(places)


def level_codes(codec: Codec) -> dict[str, int]:
    """Return the code of each answer of a stratum column, written as text; missing is ``""``.

    Parameters
    ----------
    codec : Codec
        Exact.

    Returns
    -------
    dict of str to int
    """
    return {text: code for code, text in enumerate(answer_texts(codec))}
