"""Exact matches and replicated uniques."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedColumn, CodedTable
from gpusynth.evaluate.disclosure.attribute import attribute_disclosure
from gpusynth.evaluate.disclosure.matches import record_matches, replicated_rows
from tests.evaluate.disclosure.tables import common, levels, mixed, population, table


def test_by_hand():
    columns = (levels("a", 4), levels("b", 3))
    real = table(columns, [[0, 0], [0, 1], [1, 1], [1, 1], [3, 2]])
    synthetic = table(columns, [[0, 0], [0, 1], [0, 1], [1, 1], [2, 2], [2, 2]])
    holdout = table(columns, [[3, 2], [2, 0], [1, 1]])
    (found,) = record_matches(common(real, synthetic, holdout=holdout))
    assert (found.n_real_unique, found.n_synthetic_unique) == (3, 2)
    assert found.n_real_matched == 4
    assert found.n_unique_matched == 2
    assert found.n_replicated == 1
    assert found.n_synthetic_matched == 4
    assert found.unique_matched == 40
    assert found.replicated_of_real == 20
    assert found.replicated_of_synthetic == pytest.approx(100 / 6)
    assert found.synthetic_matched == pytest.approx(400 / 6)
    assert found.holdout_matched == pytest.approx(200 / 3)
    # one of five real rows is unique and in a holdout half as long as the synthetic file
    assert found.holdout_unique_matched == pytest.approx(100 / 5 * 2)
    assert not found.exact_numbers
    assert replicated_rows(real, synthetic).tolist() == [True, False, False, False, False, False]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 999), n_columns=st.integers(1, 9), n_rows=st.integers(1, 60))
def test_counting_in_python(seed, n_columns, n_rows):
    columns = mixed(9)
    real, synthetic = population(columns, n_rows, seed), population(columns, 40, seed + 1)
    names = [column.name for column in columns[:n_columns]]
    (found,) = record_matches(common(real, synthetic), names)
    d, s = (
        Counter(zip(*(t.codes[i].tolist() for i in range(n_columns)), strict=True))
        for t in (real, synthetic)
    )
    assert found.n_real_unique == sum(n == 1 for n in d.values())
    assert found.n_synthetic_unique == sum(n == 1 for n in s.values())
    assert found.n_real_matched == sum(n for q, n in d.items() if q in s)
    assert found.n_unique_matched == sum(n == 1 and q in s for q, n in d.items())
    assert found.n_replicated == sum(n == 1 and s[q] == 1 for q, n in d.items())
    assert found.n_synthetic_matched == sum(n for q, n in s.items() if q in d)
    assert replicated_rows(real, synthetic, names).sum() == found.n_replicated


def test_one_key_and_several_files():
    real = population(mixed(), 200, 1)
    files = [population(mixed(), n, 2) for n in (50, 300)]
    found = record_matches(common(real, *files), ["e"])
    assert [one.n_synthetic for one in found] == [50, 300]
    for one, file in zip(found, files, strict=True):
        assert one == record_matches(common(real, file), ["e"])[0]


def test_replicated_uniques_are_rep_u():
    real, synthetic = population(mixed(), 300, 1), population(mixed(), 200, 2)
    keys = ["a", "c", "f"]
    (found,) = record_matches(common(real, synthetic), keys)
    ((attribute,),) = attribute_disclosure(common(real, synthetic), keys, ["b"])
    assert found.replicated_of_real == pytest.approx(attribute.breakdown["repU"][0])
    assert 100 * found.n_real_unique / 300 == pytest.approx(attribute.breakdown["UiO"][0])


def test_numbers_are_compared_by_value_where_known():
    """Two bins; rows 0 and 1 share a bin, but not the number. Code 0 is missing."""
    column = CodedColumn(
        "n", ("",), True, 1, cuts=np.array([10.0]), numbers=np.array([1.0, 2.0, 3.0, 50.0])
    )

    def numbers(codes, of_numbers):
        codes, of_numbers = np.array(codes, np.uint8), np.array(of_numbers, np.uint8)
        return CodedTable((column,), (codes,), len(codes), number_codes=(of_numbers,))

    real = numbers([1, 1, 2, 0], [0, 1, 3, 4])
    synthetic = numbers([1, 2, 0], [2, 3, 4])
    (found,) = record_matches(common(real, synthetic))
    assert found.exact_numbers
    assert found.n_real_unique == 4
    assert found.n_unique_matched == 2
    (by_bin,) = record_matches(
        common(*(CodedTable(t.columns, t.codes, t.n_rows) for t in (real, synthetic)))
    )
    assert by_bin.n_real_unique == 2
    assert by_bin.n_synthetic_matched == 3


@pytest.mark.parametrize(
    ("columns", "message"), [((), "one or more"), (("a", "a"), "distinct"), (("z",), "no column")]
)
def test_columns_must_be_there(columns, message):
    real = population(mixed(), 5, 0)
    with pytest.raises(IncomputableMetricError, match=message):
        record_matches(common(real, real), columns)


def test_files_need_rows():
    real = population(mixed(), 5, 0)
    for codes in (common(real.take([]), real), common(real, real.take([]))):
        with pytest.raises(IncomputableMetricError, match="has none"):
            record_matches(codes)
