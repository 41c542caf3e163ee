"""Survey files that promises are tried on."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data():
    """Path of a real file; the test is skipped where the real files are not."""

    def path(name: str) -> Path:
        if not (SHARED / name).exists():
            pytest.skip(f"the real file {name} is not here")
        return SHARED / name

    return path


def mixed_table(n_rows: int = 1500, seed: int = 3) -> pa.Table:
    """A table with every kind of column that a survey may have."""
    random = np.random.default_rng(seed)
    region = random.integers(0, 4, n_rows)
    staff = np.where(random.random(n_rows) < 0.3, 0, random.poisson(3 + 5 * region))
    sales = np.round(np.exp(random.normal(3 + region, 1, n_rows)), 2)
    missing = random.random(n_rows) < 0.1
    opened = dt.date(1990, 1, 1)
    seen = dt.datetime(2020, 1, 1, 12)
    names = np.array(["Nord", "Süd", "Ost", "West, weit"])
    return pa.table(
        {
            "region": pa.DictionaryArray.from_arrays(pa.array(region, pa.int8()), pa.array(names)),
            "staff": pa.array(staff, pa.int32(), mask=missing),
            "sales": pa.array(sales, pa.float64()),
            "tax": pa.array([decimal.Decimal(f"{x:.2f}") for x in sales / 7], pa.decimal128(12, 2)),
            "opened": pa.array(
                [opened + dt.timedelta(days=int(d)) for d in random.integers(0, 9999, n_rows)]
            ),
            "seen": pa.array(
                [seen + dt.timedelta(seconds=int(s)) for s in random.integers(0, 9999, n_rows)],
                pa.timestamp("ms"),
            ),
            "exports": pa.array(random.random(n_rows) < 0.1 + 0.2 * region, mask=missing),
            "legal": pa.array(
                random.choice(["Ltd", "plc", "sole"], n_rows).tolist(), pa.large_string()
            ),
            "fax": pa.nulls(n_rows, pa.string()),
            "telex": pa.nulls(n_rows, pa.int64()),
            "year": pa.array(np.full(n_rows, 2012), pa.int16()),
            "grade": pa.array(random.integers(1, 6, n_rows), pa.uint8()),
            "ratio": pa.array(random.normal(0, 1, n_rows), pa.float32()),
        }
    )


@pytest.fixture(scope="session")
def mixed() -> pa.Table:
    return mixed_table()


@pytest.fixture(scope="session")
def mixed_file(mixed, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("real") / "survey.parquet"
    pq.write_table(mixed, path, row_group_size=400)
    return path
