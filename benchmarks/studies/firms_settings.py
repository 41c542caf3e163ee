"""The file of the study and the plans that synthesize it: the default and what may repair it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth import Cart, Column, Plan, Schema
from gpusynth.arrays import Array
from gpusynth.datasets import firms, firms_schema
from gpusynth.methods import Nested, Passive

__all__ = ["CELL", "SETTINGS", "Setting", "study_file"]

CELL = "CELL"
"""Immigrant x college x exports as one code, 0 to 7; 8 where one of them is not known."""

_OUTCOMES = ("EXPORTS", "OPSOUTSIDE", "OUTSOURCE", "JOBSABROAD")
_GIVEN = ("FIPST", "SECTOR", "EMPLOYMENT_NOISY", "SEX1", "BORNUS1", "EDUC1")
_LISTS = {name: (*_GIVEN, *_OUTCOMES[:place]) for place, name in enumerate(_OUTCOMES)}
_AMOUNTS = ("EMPLOYMENT_NOISY", "PAYROLL_NOISY", "RECEIPTS_NOISY")
_PARTS = (
    ("BORNUS1 = 2", 4),
    ("EDUC1 in (6, 7)", 2),
    ("EXPORTS in (2, 3, 4, 5, 6, 7, 8)", 1),
)
_UNKNOWN = 8


def _cell_expression() -> str:
    """Return the code as an expression of the plan: a choice within a choice for each part."""

    def choose(parts: tuple[tuple[str, int], ...], code: int) -> str:
        if not parts:
            return str(code)
        (condition, number), *rest = parts
        yes, no = choose(tuple(rest), code + number), choose(tuple(rest), code)
        return f"if({condition}, {yes}, {no})"

    unknown = "BORNUS1 is missing or EDUC1 is missing or EXPORTS is missing"
    return f"if({unknown}, {_UNKNOWN}, {choose(_PARTS, 0)})"


@dataclass(frozen=True, slots=True)
class Setting:
    """A plan of the study.

    Attributes
    ----------
    name : str
    title : str
        What people read.
    choices : mapping
        Arguments of `gpusynth.Plan`, but for the visit.
    first : tuple of str
        Columns that are visited before all others, in this order; file order by default.
    has_cell : bool
        The real file has the column `CELL`, visited before the rare outcome.
    """

    name: str
    title: str
    choices: Mapping[str, Any]
    first: tuple[str, ...] = ()
    has_cell: bool = False

    def plan(self, columns: tuple[str, ...]) -> Plan:
        """Return the plan for a file with these columns."""
        if not self.first:
            return Plan(**self.choices)
        rest = tuple(name for name in columns if name not in self.first)
        return Plan(visit=(*self.first, *rest), **self.choices)


_LEAF = {"default": Cart(min_leaf=20)}
_WITHIN_SECTOR = {name: Nested(parent="SECTOR", within=Cart(min_leaf=20)) for name in _AMOUNTS}
_TARGETED = {
    CELL: Passive(expression=_cell_expression()),
    "JOBSABROAD": Nested(parent=CELL, within=Cart(min_leaf=20)),
}
# With birthplace, which tells firms without a questionnaire from those that left an answer out.
_CELL_LIST = {"JOBSABROAD": ("FIPST", "SECTOR", "EMPLOYMENT_NOISY", "BORNUS1", CELL)}

_ALL = (
    Setting("default", "default (`min_leaf` 5, file order)", {}),
    Setting("min_leaf_20", "`min_leaf` 20", _LEAF),
    Setting("min_leaf_100", "`min_leaf` 100", {"default": Cart(min_leaf=100)}),
    Setting(
        "rpart",
        "`min_leaf` 5, pruned as rpart and synthpop do",
        {"default": Cart(prune="rpart")},
    ),
    Setting("order", "columns of the models visited first", {}, (*_GIVEN, *_OUTCOMES)),
    Setting(
        "order_20",
        "`order` with `min_leaf` 20",
        _LEAF,
        (*_GIVEN, *_OUTCOMES),
    ),
    Setting("lists", "predictor lists for the four outcomes", {"predictors": _LISTS}),
    Setting(
        "lists_20",
        "`lists` with `min_leaf` 20",
        {**_LEAF, "predictors": _LISTS},
    ),
    Setting(
        "strata",
        "strata birthplace x education, `min_leaf` 20",
        {**_LEAF, "strata": ("BORNUS1", "EDUC1")},
    ),
    Setting(
        "targeted",
        "rare outcome drawn within the cells of the interaction, `min_leaf` 20",
        {**_LEAF, "methods": _TARGETED, "predictors": _CELL_LIST},
        has_cell=True,
    ),
    Setting(
        "combined",
        "models' columns first, cells for the rare outcome, amounts within sectors, `min_leaf` 20",
        {**_LEAF, "methods": {**_TARGETED, **_WITHIN_SECTOR}, "predictors": _CELL_LIST},
        (*_GIVEN, *_OUTCOMES[:-1], CELL, _OUTCOMES[-1]),
        has_cell=True,
    ),
    Setting("cp", "`cp` 0.0001, `min_leaf` 20", {"default": Cart(min_leaf=20, cp=1e-4)}),
    Setting(
        "max_predictors", "`max_predictors` 10, `min_leaf` 20", {**_LEAF, "max_predictors": 10}
    ),
)

SETTINGS: Mapping[str, Setting] = MappingProxyType({setting.name: setting for setting in _ALL})
"""Name -> setting."""


def study_file(
    n_rows: int, columns: int, *, seed: int, has_cell: bool = False
) -> tuple[pa.Table, Schema]:
    """Return the real file with the rare outcome, and its schema.

    Parameters
    ----------
    n_rows, columns, seed : int
        As for `gpusynth.datasets.firms`.
    has_cell : bool
        Put the column `CELL` before the rare outcome, the last column.

    Returns
    -------
    tuple of (pyarrow.Table, Schema)
    """
    real = firms(n_rows, seed, columns, rare_outcome=True)
    schema = firms_schema(columns, rare_outcome=True)
    if not has_cell:
        return real, schema
    place = real.num_columns - 1
    described = list(schema.columns)
    described.insert(place, Column(name=CELL, kind="integer", storage="int8"))
    cells = pa.array(_cells(real), pa.int8())
    return real.add_column(place, CELL, cells), Schema(columns=tuple(described))


def _cells(real: pa.Table) -> Array:
    born, educated, exports = (
        pc.fill_null(real[name].cast(pa.int8()), 0).to_numpy()
        for name in ("BORNUS1", "EDUC1", "EXPORTS")
    )
    known = (born > 0) & (educated > 0) & (exports > 0) & (exports < 9)
    code = 4 * (born == 2) + 2 * (educated >= 6) + (exports >= 2)
    return np.where(known, code, _UNKNOWN)
