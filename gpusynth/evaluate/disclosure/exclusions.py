"""Cells that an agency leaves out of disclosure measures, as synthpop's `disclosure` lets it.

A measure such as DiSCO also counts what everybody knows: that a shop sells goods is no secret. Rows
left out stay in the denominators, so leaving out can only lower a percentage.

==========================  ================================================================
here                        synthpop's argument
==========================  ================================================================
target_levels               not.targetlev
missing_target              usetargetNA = FALSE; here missing codes count as missing too
missing_keys                usekeysNA = FALSE for these keys; the same
pairs                       exclude.keys, exclude.keylevs, exclude.targetlevs
largest_cell                denom_lim with exclude_ov_denom_lim = TRUE
==========================  ================================================================

References
----------
.. [1] synthpop 1.9-2, R/disclosure.R, `tab_exclude`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedColumn, CodedTable

__all__ = ["N_REASONS", "REASONS", "Exclusions"]

REASONS: Final = ("kept", "target_level", "missing_target", "missing_key", "pair")
"""Why a cell is left out, in the order in which rows are attributed to a reason."""

N_REASONS: Final = len(REASONS)


@dataclass(frozen=True, slots=True)
class Exclusions:
    """Which cells of keys and target count for no measure. None by default.

    Parameters
    ----------
    target_levels : tuple of str
        Levels of the target that are no secret.
    missing_target : bool
        Whether rows whose target is missing are left out.
    missing_keys : tuple of str
        Keys; rows where one of them is missing are left out.
    pairs : tuple of (str, str, str)
        Key, its level, and a level of the target that goes with it as everybody knows.
    largest_cell : int, optional
        Cells of more rows are left out of each table: a statement that holds for many says little
        about one of them.

    Raises
    ------
    IncomputableMetricError
        If `largest_cell` is less than 1.
    """

    target_levels: tuple[str, ...] = ()
    missing_target: bool = False
    missing_keys: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str, str], ...] = ()
    largest_cell: int | None = None

    def __post_init__(self) -> None:
        if self.largest_cell is not None and self.largest_cell < 1:
            raise IncomputableMetricError(
                f"the largest cell that counts must have at least 1 row, got {self.largest_cell}"
            )

    def check(self, keys: Sequence[str]) -> None:
        """Raise IncomputableMetricError if a column named here is not among the keys."""
        named = [*self.missing_keys, *(key for key, _, _ in self.pairs)]
        for key in named:
            if key not in keys:
                raise IncomputableMetricError(
                    f"an exclusion names {key!r}, which is none of the keys: "
                    f"{', '.join(map(repr, keys))}"
                )

    def reasons(self, table: CodedTable, keys: Sequence[str], target: str) -> Array:
        """Return why each row is left out: a position in `REASONS`, int64; 0 where it is not.

        Raises
        ------
        IncomputableMetricError
            If a level does not occur in any file; bins of numbers have no level.
        """
        self.check(keys)
        reason = np.zeros(table.n_rows, np.int64)
        (place,) = table.positions([target])
        column, codes = table.columns[place], table.codes[place]
        # the first reason that applies must win, so the last is written first
        for key, level, target_level in self.pairs:
            (position,) = table.positions([key])
            has_level = table.codes[position] == _code(table.columns[position], level)
            reason[has_level & (codes == _code(column, target_level))] = 4
        for position in table.positions(self.missing_keys):
            reason[table.codes[position] < table.columns[position].n_missing] = 3
        if self.missing_target:
            reason[codes < column.n_missing] = 2
        for level in self.target_levels:
            reason[codes == _code(column, level)] = 1
        return reason


def _code(column: CodedColumn, level: str) -> int:
    if level not in column.labels:
        raise IncomputableMetricError(
            f"an exclusion names a level of {column.name!r} that no file has: {level!r}. Name a "
            "level as the files write it; bins of numbers cannot be named."
        )
    return column.labels.index(level)
