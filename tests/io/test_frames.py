"""A table in memory goes through gpusynth and comes back as the same kind of object."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.io import like_input, open_source


def through(data: object, columns: list[str] | None = None, rows: list[int] | None = None):
    """Read a table batch by batch and give it back like the input."""
    table = pa.Table.from_batches(open_source(data).batches(columns, batch_rows=2))
    return like_input(table if rows is None else table.take(pa.array(rows, pa.int64())), data)


DAY = dt.date(2018, 2, 28)
MOMENT = dt.datetime(2018, 2, 28, 13, 45)


class Capsule:
    """An object that only has the Arrow PyCapsule interface."""

    def __init__(self, table: object) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


class TestPandas:
    @pytest.fixture
    def pd(self):
        return pytest.importorskip("pandas")

    @pytest.fixture
    def frame(self, pd):
        moments = pd.Series([MOMENT, None, MOMENT, MOMENT])
        return pd.DataFrame(
            {
                "int64": [1, 2, 3, 4],
                "uint8": np.array([1, 2, 3, 255], np.uint8),
                "float64": [0.5, None, -1.0, 3.0],
                "float32": np.array([0.5, np.nan, 1, 2], np.float32),
                "bool": [True, False, True, True],
                "nullable": pd.array([1, None, 3, 2**60 + 1], dtype="Int64"),
                "boolean": pd.array([True, None, False, False], dtype="boolean"),
                "Float64": pd.array([0.5, None, 1, 2], dtype="Float64"),
                "str": ["a", None, "b", ""],
                "string": pd.array(["a", None, "b", ""], dtype="string"),
                "arrow": pd.array([1, None, 3, 4], dtype=pd.ArrowDtype(pa.int16())),
                "object": pd.Series(["a", None, "b", "c"], dtype=object),
                "object nan": pd.Series(["a", np.nan, "b", "c"], dtype=object),
                "object bool": pd.Series([True, None, False, True], dtype=object),
                "date": pd.Series([DAY, None, DAY, DAY], dtype=object),
                "decimal": pd.Series([decimal.Decimal("1.50"), None] * 2, dtype=object),
                "ordered": pd.Categorical(
                    ["b", None, "a", "b"], categories=["unused", "b", "a"], ordered=True
                ),
                "numbers": pd.Categorical([30, 10, None, 10], categories=[30, 20, 10]),
                "days": pd.Categorical(moments.dropna().repeat(2)[:4].reset_index(drop=True)),
                "us": moments.astype("datetime64[us]"),
                "ns": moments.astype("datetime64[ns]"),
                "s": moments.astype("datetime64[s]"),
                "zoned": moments.dt.tz_localize("Europe/Berlin"),
                7: [1, 2, 3, 4],
            }
        )

    def test_dtypes_and_values(self, pd, frame):
        result = through(frame)
        pd.testing.assert_frame_equal(result, frame)
        assert result["object"][1] is None
        assert np.isnan(result["object nan"][1])
        assert all(type(value) is bool for value in result["object bool"].dropna())

    def test_other_rows_and_fewer_columns(self, pd, frame):
        kept = ["ordered", "numbers", "7", "zoned"]
        result = through(frame, kept, [3, 3, 0, 1, 2, 0])
        expected = frame[["ordered", "numbers", 7, "zoned"]].iloc[[3, 3, 0, 1, 2, 0]]
        pd.testing.assert_frame_equal(result, expected.reset_index(drop=True))

    def test_no_rows(self, pd, frame):
        pd.testing.assert_series_equal(through(frame, rows=[]).dtypes, frame.dtypes)

    def test_a_fresh_index(self, frame):
        frame.index = [9, 8, 7, 6]
        frame.columns.name = "question"
        result = through(frame)
        assert list(result.index) == [0, 1, 2, 3]
        assert result.columns.equals(frame.columns)
        assert result.columns.name == "question"


class TestPolars:
    @pytest.fixture
    def pl(self):
        return pytest.importorskip("polars")

    @pytest.fixture
    def frame(self, pl):
        return pl.DataFrame(
            {
                "int16": pl.Series([1, None, 3], dtype=pl.Int16),
                "float": [0.5, None, float("nan")],
                "text": ["a", None, ""],
                "bool": [True, None, False],
                "enum": pl.Series(["a", None, "b"], dtype=pl.Enum(["unused", "b", "a"])),
                "categories": pl.Series(["x", None, "y"], dtype=pl.Categorical),
                "date": [DAY, None, DAY],
                "ms": pl.Series([MOMENT, None, MOMENT], dtype=pl.Datetime("ms")),
                "zoned": pl.Series([MOMENT, None, MOMENT], dtype=pl.Datetime("ns", "UTC")),
                "decimal": pl.Series([decimal.Decimal("1.25"), None, None], dtype=pl.Decimal(9, 2)),
                "nothing": pl.Series([None] * 3, dtype=pl.Null),
            }
        )

    def test_dtypes_and_values(self, frame):
        result = through(frame)
        assert result.schema == frame.schema
        assert result.equals(frame)

    def test_other_rows_and_fewer_columns(self, frame):
        result = through(frame, ["enum", "categories"], [2, 0, 0, 1])
        assert result.equals(frame[[2, 0, 0, 1]].select("enum", "categories"))
        assert result["enum"].dtype == frame["enum"].dtype

    def test_no_rows(self, frame):
        assert through(frame, rows=[]).schema == frame.schema

    def test_through_the_capsule(self, frame):
        if not hasattr(pa, "string_view"):
            pytest.skip("this pyarrow has no string views, which polars gives")
        result = through(Capsule(frame))
        assert isinstance(result, pa.Table)
        assert result["enum"].to_pylist() == ["a", None, "b"]
        assert result["text"].to_pylist() == ["a", None, ""]


class TestArrow:
    def test_table(self, survey):
        result = through(survey)
        assert isinstance(result, pa.Table)
        assert result.schema.equals(survey.schema)
        assert result.equals(survey)

    def test_record_batch(self, survey):
        batch = survey.to_batches()[0]
        assert through(batch).equals(batch)
        assert through(batch, rows=[]).num_rows == 0

    def test_capsule_and_reader(self, survey):
        assert through(Capsule(survey)).equals(survey)
        assert through(survey.to_reader()).equals(survey)

    def test_string_views(self):
        if not hasattr(pa, "string_view"):
            pytest.skip("this pyarrow has no string views")
        views = pa.table({"n": [1, 2, 3], "text": pa.array(["a", None, ""], pa.string_view())})
        assert through(views).equals(views)
        assert through(views.to_batches()[0]).equals(views.to_batches()[0])
        renamed = like_input(
            pa.table({"s_text": ["b"], "flag": [True]}), views, sources={"s_text": "text"}
        )
        assert [str(kind) for kind in renamed.schema.types] == ["string_view", "bool"]
