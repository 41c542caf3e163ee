from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from tests.expression.survey_cases import Survey


@pytest.fixture(scope="session")
def survey() -> Survey:
    """Six rows that show every kind of answer."""
    day = dt.date
    moment = dt.datetime
    columns = {
        "age": pa.array([10, 20, None, -8, 0, -9]),
        "price": pa.array(["0.10", "0.20", "0.30", None, "100.00", "-5.25"]).cast(
            pa.decimal128(12, 2)
        ),
        "rate": pa.array([0.1, 0.2, None, -1.5, 0.30000000000000004, -3.0]),
        "big": pa.array([2**60, 2**60 + 1, 1, 2, 3, None]),
        "single": pa.array([0.1, 0.2, 0.3, 1.0, None, -1.0], pa.float32()),
        "sex": pa.array(["F", "M", None, "N", "F", "M"]),
        "region": pa.array(["F", "North", "South", "N", None, "M"]),
        "code": pa.array([1, 2, 3, 1, None, 2]),
        "school": pa.array(["none", "low", "high", None, "low", "high"]),
        "works": pa.array([True, False, None, True, False, True]),
        "born": pa.array(
            [day(2000, 1, 1), day(2012, 2, 29), None, day(1969, 12, 31), day(1970, 1, 1)] * 1
            + [day(2000, 1, 2)]
        ),
        "seen": pa.array(
            [moment(2000, 1, 1, 12), None, moment(2012, 2, 29), moment(1970, 1, 1)] * 1
            + [moment(2000, 1, 1), moment(2001, 1, 1)],
            pa.timestamp("ms"),
        ),
        "my col's `x`": pa.array([1, 2, 3, 4, 5, 6]),
    }
    return Survey(columns)
