"""The boys: what the columns are, a bootstrap sample of them, and its synthesis in four ways.

cart
    The study: the paper's settings, every column given the synthetic columns before it.
proper
    The same, each replicate fitted anew to a bootstrap sample of the sample.
bag
    As cart with ten trees a column instead of one.
aligned
    What ``mice(where = TRUE)`` does on complete data: every column given the *observed* other
    columns of the same row, so that row i of the synthetic file resembles row i of the real one.
    No way to publish data; it is here because the paper's figures come from it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.csv

import gpusynth
from gpusynth.methods import Cart, Keep, Passive
from gpusynth.plan import Plan
from gpusynth.table import Column, Schema

__all__ = [
    "LEVELS",
    "NUMBERS",
    "ONE_COLUMN",
    "PLAN",
    "PROCEDURES",
    "REPLICATES",
    "SCHEMA",
    "Procedure",
    "bootstrap_sample",
    "read_boys",
    "synthesize_sample",
]

NUMBERS = ("age", "hgt", "wgt", "bmi", "hc", "tv")
LEVELS = {
    "gen": ("G1", "G2", "G3", "G4", "G5"),
    "phb": ("P1", "P2", "P3", "P4", "P5", "P6"),
    "reg": ("north", "east", "west", "south", "city"),
}
REPLICATES = 5

Procedure: TypeAlias = Literal["cart", "proper", "bag", "aligned"]
PROCEDURES: tuple[Procedure, ...] = ("cart", "proper", "bag", "aligned")

_FILE_ORDER = ("age", "hgt", "wgt", "bmi", "hc", "gen", "phb", "tv", "reg")


def _column(name: str) -> Column:
    if name in LEVELS:
        kind = "categorical" if name == "reg" else "ordered"
        return Column(name=name, kind=kind, storage="string", levels=LEVELS[name])
    if name == "tv":
        return Column(name=name, kind="integer", storage="int64")
    return Column(name=name, kind="numeric", storage="double")


SCHEMA = Schema(columns=tuple(_column(name) for name in _FILE_ORDER))
"""Every level is listed, so that a bootstrap sample may lack one."""

_BMI = {
    # Most of the file's bmi have two decimals, some of them cut off and not rounded; those of
    # imputed rows have all decimals.
    "bmi": Passive(expression="round(wgt / (hgt / 100)^2, 2)", tolerance=0.0105)
}

PLAN = Plan(default=Cart(min_leaf=3, cp=1e-8), methods=_BMI)
"""The paper's settings: trees with minbucket 3 and cp 1e-8, bmi computed; columns in file order."""

_PROPER = PLAN.model_copy(update={"proper": "bootstrap"})
_BAGS = Plan(default={"method": "bag", "min_leaf": 3, "cp": 1e-8}, methods=_BMI)


def _one_column(target: str) -> Plan:
    """Return the plan that keeps all other columns; bmi does not predict what it is made of."""
    others = tuple(name for name in _FILE_ORDER if name != target)
    predictors = tuple(name for name in others if name != "bmi" or target not in ("hgt", "wgt"))
    return Plan(
        visit=(*others, target),
        methods={**{name: Keep() for name in others}, target: Cart(min_leaf=3, cp=1e-8)},
        predictors={target: predictors},
        screen=False,
    )


ONE_COLUMN = {name: _one_column(name) for name in _FILE_ORDER if name != "bmi"}


def read_boys(path: Path) -> pa.Table:
    """Read the completed boys, 748 rows."""
    return pyarrow.csv.read_csv(path).select(list(_FILE_ORDER))


def bootstrap_sample(real: pa.Table, number: int, *, seed: int) -> pa.Table:
    """Draw as many rows as there are, with replacement; sample `number` is always the same."""
    random = np.random.default_rng([seed, number])
    return real.take(random.integers(0, real.num_rows, real.num_rows))


def synthesize_sample(
    sample: pa.Table, number: int, *, seed: int, procedure: Procedure = "cart"
) -> list[pa.Table]:
    """Make the replicates of a bootstrap sample."""
    if procedure == "aligned":
        return _aligned(sample, number, seed)
    return _replicates(
        sample, {"cart": PLAN, "proper": _PROPER, "bag": _BAGS}[procedure], number, seed
    )


def _replicates(sample: pa.Table, plan: Plan, number: int, seed: int) -> list[pa.Table]:
    made: list[pa.Table] = gpusynth.synthesize(
        sample,
        SCHEMA,
        plan,
        n_replicates=REPLICATES,
        seed=seed * 1_000_003 + number,
        threads=1,
    )
    return made


def _aligned(sample: pa.Table, number: int, seed: int) -> list[pa.Table]:
    # Kept rows come in an order that depends on seed and replicate only, so that the columns of
    # one replicate, each made by a plan of its own, belong to the same rows.
    made = {name: _replicates(sample, plan, number, seed) for name, plan in ONE_COLUMN.items()}
    tables = []
    for replicate in range(REPLICATES):
        columns = {name: tables_of[replicate][name] for name, tables_of in made.items()}
        height, weight = (columns[name].to_numpy() for name in ("hgt", "wgt"))
        columns["bmi"] = pa.array(np.round(weight / (height / 100) ** 2, 2))
        tables.append(pa.table({name: columns[name] for name in _FILE_ORDER}))
    return tables
