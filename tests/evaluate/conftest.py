from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from gpusynth.table.schema import Column, Schema
from gpusynth.table.source import TableSource

SHARED = Path(__file__).parents[3] / "shared"


@pytest.fixture(scope="session")
def golden() -> Path:
    folder = SHARED / "reference" / "golden"
    if not folder.is_dir():
        pytest.skip("the golden files of the reference folder are not here")
    return folder


@pytest.fixture(scope="session")
def survey_data() -> Path:
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("the survey files of the shared folder are not here")
    return folder


@pytest.fixture(scope="session")
def firm_schema() -> Schema:
    """Schema of the golden firms: four categories, two numbers."""
    categories = [
        Column(name=name, kind="categorical", storage="string")
        for name in ("sector", "state", "immig", "exports")
    ]
    numbers = [
        Column(name="emp", kind="integer", storage="int64", spikes=(0.0,)),
        Column(name="sales", kind="integer", storage="int64"),
    ]
    return Schema(columns=(*categories, *numbers))


def read_text(path: Path) -> TableSource:
    """Read a CSV file as text, null for empty fields and for NA without quotes."""
    with path.open() as file:
        names = next(file).strip().replace('"', "").split(",")
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=["", "NA"],
    )
    table = pyarrow.csv.read_csv(path, convert_options=options)
    return TableSource(table, name=path.name, is_text=True)


@pytest.fixture(scope="session")
def firms(golden) -> tuple[TableSource, TableSource]:
    """The golden real file and the first synthetic one."""
    return read_text(golden / "obs.csv"), read_text(golden / "syn1.csv")


@pytest.fixture(scope="session")
def expected(golden) -> dict:
    values = json.loads((golden / "expected_synthpop.json").read_text())
    values["kmarginal"] = json.loads((golden / "expected_kmarginal.json").read_text())
    return values


@pytest.fixture(scope="session")
def made_up_firms() -> tuple[TableSource, TableSource]:
    """Two files with the golden files' columns, for what needs no golden value."""
    sources = []
    for seed, n_rows in ((1, 600), (2, 500)):
        rng = np.random.default_rng(seed)
        sector = rng.choice(5, n_rows, p=[0.4, 0.3, 0.15, 0.1, 0.05])
        sales = np.exp(rng.normal(3 + sector / 3, 1, n_rows)).round()
        columns = {
            "sector": pa.array([f"s{code}" for code in sector]),
            "state": pa.array(rng.choice(["AL", "IL", "MA", "TX"], n_rows)),
            "immig": pa.array(rng.choice(["0", "1"], n_rows, p=[0.8, 0.2])),
            "exports": pa.array(np.where(rng.random(n_rows) < 0.05 + sector / 20, "1", "0")),
            "emp": pa.array(rng.poisson(sector)),
            "sales": pa.array(sales, mask=rng.random(n_rows) < 0.1),
        }
        sources.append(TableSource(pa.table(columns), name=f"firms{seed}"))
    return sources[0], sources[1]
