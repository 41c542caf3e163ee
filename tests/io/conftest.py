"""Files of every format to read, and the real ones where they are there."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

REAL_DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture
def real_data() -> Path:
    """Directory of real survey files, beside the checkout."""
    if not REAL_DATA.is_dir():
        pytest.skip("the real survey files are not beside this checkout")
    return REAL_DATA


@pytest.fixture(scope="session")
def survey() -> pa.Table:
    """1,000 rows with every type that is read and written, nulls in each column but the key."""
    n_rows = 1000
    rng = np.random.default_rng(7)

    def with_nulls(values: list[object], kind: pa.DataType) -> pa.Array:
        missing = rng.random(n_rows) < 0.1
        drawn = rng.integers(0, len(values), n_rows)
        chosen = [None if gone else values[i] for i, gone in zip(drawn, missing, strict=True)]
        return pa.array(chosen, kind)

    money = [decimal.Decimal("17000.00"), decimal.Decimal("-0.05")]
    day = dt.date(2018, 2, 28)
    moment = dt.datetime(2018, 2, 28, 13, 45, 6, 500_000)
    levels = pa.array(["worker", "owner", "both, equally"])
    drawn = pa.array(rng.integers(0, 3, n_rows), pa.int32())
    role = pa.DictionaryArray.from_arrays(drawn, levels, ordered=True)
    return pa.table(
        {
            "key": pa.array(range(n_rows), pa.int64()),
            "small": with_nulls([1, 2, 3], pa.int8()),
            "count": with_nulls([0, 2**31], pa.uint32()),
            "share": with_nulls([0.1, 1e-9, 1e12 + 0.5, float("inf")], pa.float64()),
            "single": with_nulls([0.5, 3.25], pa.float32()),
            "money": with_nulls(list(money), pa.decimal128(12, 2)),
            "day": with_nulls([day], pa.date32()),
            "moment": with_nulls([moment], pa.timestamp("us")),
            "zoned": with_nulls([moment], pa.timestamp("ms", "Europe/Berlin")),
            "yes": with_nulls([True, False], pa.bool_()),
            "text": with_nulls(["", "a", 'quoted "b", c', "two\nlines", "Ä", " x "], pa.string()),
            "large": with_nulls(["p", "q"], pa.large_string()),
            "role": role,
            "nothing": pa.nulls(n_rows),
        },
        metadata={"pandas": "kept as it is"},
    )
