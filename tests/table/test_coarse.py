"""Coarse columns: nothing that too few share, and codes that still ascend."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.errors import CodecError
from gpusynth.table import Column, Schema, TableSource, encode_table, fit_codecs
from gpusynth.table.coarse import coarsen, count_units, number_step


def coarse_of(numbers, *, units=None, min_units=5, decimals=None, storage="double"):
    kind = "integer" if storage == "int64" else "numeric"
    column = Column(name="x", kind=kind, storage=storage, decimals=decimals)
    schema = Schema(columns=(column,))
    source = TableSource(pa.table({"x": pa.array(numbers, storage)}), name="t")
    table = encode_table(schema, fit_codecs(schema, source), source)
    return coarsen(
        table.codecs["x"], table.codes["x"], table.values.get("x"), units, min_units=min_units
    )


NUMBERS = st.lists(
    st.one_of(st.integers(-30, 30), st.integers(-(10**6), 10**6)), min_size=12, max_size=150
)


@given(NUMBERS, st.integers(2, 6), st.booleans())
@settings(max_examples=80, deadline=None, derandomize=True)
def test_every_code_is_shared_and_holds_its_numbers(numbers, min_units, by_unit):
    units = np.arange(len(numbers)) // 2 if by_unit else None
    try:
        coarse = coarse_of(numbers, units=units, min_units=min_units, storage="int64")
    except CodecError:  # no answer by itself has enough units either
        own_units = np.arange(len(numbers)) if units is None else units
        for number in set(numbers):
            assert len(set(own_units[np.array(numbers) == number].tolist())) < min_units
        return
    lows = coarse.codec.code_values
    assert (np.diff(lows) > 0).all()
    assert (coarse.widths >= 0).all()
    told = ~coarse.is_rare
    own = None if units is None else units[told]
    shared = count_units(coarse.codes[told].astype(int), coarse.codec.n_codes, own)
    assert (shared >= min_units).all()
    order = np.argsort(np.array(numbers)[told], kind="stable")
    assert (np.diff(coarse.codes[told][order].astype(int)) >= 0).all()
    exact = coarse.widths == 0
    values, counts = np.unique(numbers, return_counts=True)
    for low in lows[exact].tolist():
        assert counts[values == low][0] >= min_units


def test_edges_have_few_digits_and_the_extremes_do_not_show():
    random = np.random.default_rng(2)
    numbers = np.round(np.exp(random.normal(8, 2, 4000)), 2)
    numbers[7] = 98765432109.87
    coarse = coarse_of(numbers, min_units=10, decimals=2)
    lows, widths = coarse.codec.code_values, coarse.widths
    assert all(float(f"{low:.3g}") == low for low in lows[widths > 0][1:].tolist())
    assert lows[-1] + widths[-1] < 10 * np.sort(numbers)[-10]
    assert np.abs(np.median(coarse.values) / np.median(numbers) - 1) < 0.02


UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("seconds", [432_000, 86_400, 7200, 3600, 300, 60, 7, 1])
def test_steps_of_timestamps(unit, seconds):
    """The largest of day, hour, minute and second that all of them are multiples of."""
    column = Column(name="x", kind="timestamp", storage=f"timestamp[{unit}]")
    step = max(each for each in (86_400, 3600, 60, 1) if seconds % each == 0)
    numbers = np.array([-3, 0, 5]) * seconds * UNITS[unit]
    assert number_step(column, numbers) == step * UNITS[unit]


def test_steps_of_parts_of_seconds_and_of_dates():
    def step(kind, storage, numbers):
        return number_step(Column(name="x", kind=kind, storage=storage), np.array(numbers))

    assert step("timestamp", "timestamp[ns]", [5_000_000, 10**9]) == 10**6
    assert step("timestamp", "timestamp[ns]", [5000, 10**9]) == 10**3
    assert step("timestamp", "timestamp[us]", [5000, 10**6]) == 10**3
    assert step("timestamp", "timestamp[us]", [5, 10**6]) == 1
    assert step("timestamp", "string", [10**6, 3 * 10**6]) == 10**6
    assert step("date", "date32[day]", [0, 10]) == 1
    assert step("date", "date64[ms]", [0, 864_000_000]) == 86_400_000


def test_coarse_dates_in_milliseconds_are_whole_days():
    days = np.random.default_rng(5).integers(10_000, 12_000, 3000)
    column = Column(name="x", kind="date", storage="date64[ms]")
    source = TableSource(pa.table({"x": pa.array(days * 86_400_000, pa.date64())}), name="t")
    schema = Schema(columns=(column,))
    table = encode_table(schema, fit_codecs(schema, source), source)
    coarse = coarsen(table.codecs["x"], table.codes["x"], None, None, min_units=5)
    assert not (coarse.codec.code_values % 86_400_000).any()
    assert not (coarse.widths % 86_400_000).any()
