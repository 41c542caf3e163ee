"""A survey with gaps of every sort."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest


def holed(array: pa.Array, gaps: np.ndarray) -> pa.Array:
    """Return the array with nulls where there are gaps."""
    return pc.if_else(pa.array(gaps), pa.scalar(None, array.type), array)


def people(n_rows: int = 400, seed: int = 1, share: float = 0.2) -> tuple[pa.Table, pa.Table]:
    """Return a survey without gaps, and with them: at random, and more often for the old."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 90, n_rows)
    height = np.round(random.normal(170, 8, n_rows), 1)
    weight = np.round(height - 100 + 0.2 * (age - 50) + random.normal(0, 6, n_rows), 1)
    income = np.round(np.exp(7 + 0.01 * age + random.normal(0, 0.5, n_rows)), 0)
    region = np.array(["north", "south", "west"])[random.integers(0, 3, n_rows)]
    works = age < random.normal(62, 6, n_rows)
    full = pa.table(
        {
            "age": pa.array(age, pa.int16()),
            "height": height,
            "weight": weight,
            "bmi": np.round(weight / (height / 100) ** 2, 2),
            "income": pa.array(income.astype(np.int64)),
            "region": pa.array(region).dictionary_encode(),
            "works": works,
        }
    )
    tall, heavy = random.random(n_rows) < share, random.random(n_rows) < share
    gaps = {
        "height": tall,
        "weight": heavy,
        "bmi": tall | heavy,
        "income": random.random(n_rows) < share * age / age.mean(),
        "region": random.random(n_rows) < share,
        "works": random.random(n_rows) < share,
    }
    columns = {
        name: holed(full[name].combine_chunks(), gaps[name]) if name in gaps else full[name]
        for name in full.column_names
    }
    return full, pa.table(columns)


BMI = {"bmi": {"method": "passive", "expression": "weight / (height / 100)^2", "tolerance": 0.01}}


@pytest.fixture(name="gaps", scope="session")
def _gaps() -> pa.Table:
    return people()[1]
