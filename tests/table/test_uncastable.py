"""The first answer that a type cannot hold, by its place and never by its text."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpusynth.table.uncastable import first_uncastable


@given(st.lists(st.sampled_from(["1", "22", None, "x", "-"]), max_size=40))
def test_the_first_of_a_list(texts):
    wanted = next((place for place, text in enumerate(texts) if text in ("x", "-")), None)
    column = pa.array(texts, pa.string())
    assert first_uncastable(column, pa.int64()) == wanted
    half = len(texts) // 2
    parts = pa.chunked_array([column.slice(0, half), column.slice(half)])
    assert first_uncastable(parts, pa.int64()) == wanted


def test_numbers_that_are_too_large():
    column = pa.array([1, 2, 300, 4, 500])
    assert first_uncastable(column, pa.int8()) == 2
    assert first_uncastable(column, pa.int8(), safe=False) is None


@pytest.mark.parametrize("column", [pa.array([[1], [2]]), pa.array([], pa.string())])
def test_types_without_a_cast_and_no_answers(column):
    assert first_uncastable(column, pa.float64()) is None
