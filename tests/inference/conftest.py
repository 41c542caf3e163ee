from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

SHARED = Path(__file__).parents[3] / "shared"


@pytest.fixture(scope="session")
def golden() -> Path:
    folder = SHARED / "reference" / "golden"
    if not folder.is_dir():
        pytest.skip("the golden files of the reference folder are not here")
    return folder


@pytest.fixture(scope="session")
def expected(golden) -> dict:
    return json.loads((golden / "expected_synthpop.json").read_text())


@pytest.fixture(scope="session")
def golden_firms(golden) -> tuple[pa.Table, list[pa.Table]]:
    """The real file and the five synthetic ones, categories as text."""
    text = dict.fromkeys(("sector", "state", "immig", "exports"), pa.string())
    options = pyarrow.csv.ConvertOptions(
        column_types=text, strings_can_be_null=True, null_values=["NA"]
    )

    def read(name: str) -> pa.Table:
        return pyarrow.csv.read_csv(golden / f"{name}.csv", convert_options=options)

    return read("obs"), [read(f"syn{number}") for number in range(1, 6)]


def firms(seed: int, n_rows: int = 400, *, with_group: bool = False) -> pa.Table:
    """Generated firms: levels, numbers, weights, a cluster and an answer for each model."""
    rng = np.random.default_rng(seed)
    sector = rng.integers(0, 4, n_rows)
    size = rng.normal(size=n_rows)
    weight = 1.0 + rng.integers(0, 9, n_rows)
    linear = -0.3 + 0.5 * (sector == 1) - 0.4 * (sector == 2) + 0.8 * size
    grade = np.digitize(linear + rng.logistic(size=n_rows), [-1.0, 0.5])
    columns = {
        "sector": pa.array([f"s{code}" for code in sector]),
        "size": size,
        "weight": weight,
        "exports": (rng.random(n_rows) < 1 / (1 + np.exp(-linear))).astype(np.int64),
        "staff": rng.poisson(np.exp(0.4 * linear)),
        "receipts": np.exp(1.0 + linear + rng.normal(size=n_rows)),
        "grade": pa.array(np.array(["low", "middle", "high"])[grade]),
        "cluster": pa.array([f"c{i % 25}" for i in range(n_rows)]),
    }
    if with_group:
        columns["group"] = np.arange(n_rows) % 11
    return pa.table(columns)


@pytest.fixture(scope="session")
def replicates() -> list[pa.Table]:
    return [firms(seed) for seed in (1, 2, 3)]
