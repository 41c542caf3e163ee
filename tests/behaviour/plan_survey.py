"""A small survey in which skips, balances, spikes and hierarchies hold, and how to run it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

import gpusynth
from gpusynth import Column, Plan, Schema


def survey(n: int = 800, seed: int = 1) -> pa.Table:
    """Persons and their firms; see `SCHEMA`."""
    random = np.random.default_rng(seed)
    state = random.choice(["AK", "IL", "MA", "TX"], n, p=[0.02, 0.3, 0.18, 0.5])
    sector = random.choice(["31", "44", "54"], n)
    staff = np.where(random.random(n) < 0.3, 0, random.poisson(5 + 3 * (sector == "31"), n) + 1)
    pay = np.where(staff > 0, np.round(staff * 30 * np.exp(random.normal(0, 0.5, n))), 0)
    cost = np.round(np.exp(random.normal(4, 1, n)), 2)
    profit = np.round(np.exp(random.normal(3, 1, n)), 2)
    age = random.integers(10, 80, n)
    income = np.where(random.random(n) < 0.2, 0, random.integers(1, 400, n) * 10)
    return pa.table(
        {
            "state": state,
            "county": np.char.add(state, random.choice(["a", "b", "c"], n)),
            "sector": sector,
            "staff": staff,
            "pay": pay.astype(int),
            "cost": cost,
            "profit": profit,
            "total": np.round(cost + profit, 2),
            "age": age,
            "marital": np.where(age < 18, "single", random.choice(["single", "married"], n)),
            "job": pa.array(np.where(age < 16, None, random.choice(["a", "b", "c"], n)).tolist()),
            "income": np.where(age < 16, -8, income),
        }
    )


def _column(name: str, kind: str, storage: str, **more: Any) -> Column:
    return Column(name=name, kind=kind, storage=storage, **more)


SCHEMA = Schema(
    columns=(
        *(_column(name, "categorical", "string") for name in ("state", "county", "sector")),
        _column("staff", "integer", "int64", spikes=(0,)),
        _column("pay", "integer", "int64", spikes=(0,)),
        *(_column(n, "numeric", "double", decimals=2) for n in ("cost", "profit", "total")),
        _column("age", "integer", "int64"),
        *(_column(name, "categorical", "string") for name in ("marital", "job")),
        _column("income", "integer", "int64", missing_codes=(-8,), spikes=(0,)),
    )
)


def synthesize(table: pa.Table, plan: Plan, **options: Any) -> pd.DataFrame:
    """Return one replicate of a survey as a frame."""
    frame: pd.DataFrame = gpusynth.synthesize(table, SCHEMA, plan, **options).to_pandas()
    return frame


def run(
    table: pa.Table, plan: Plan, directory: Path, *, schema: Schema | None = SCHEMA, **options: Any
) -> tuple[list[pd.DataFrame], Mapping[str, Any]]:
    """Return all replicates and the manifest of a run."""
    done = gpusynth.synthesize(table, schema, plan, output=directory / "out", **options)
    return [pd.read_parquet(file.path) for file in done.replicates], done.manifest
