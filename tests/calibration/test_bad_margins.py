"""Bad input of calibration: one clear error that says which, by how much and what to do."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import gpusynth
from gpusynth import DataError, Margin, PlanError
from gpusynth.calibration.constraints import Constraint
from gpusynth.calibration.feasible import check_cells
from tests.calibration.golden_weights import FIRMS, SECTORS, STATES


def refused(margins, error=PlanError, data=FIRMS, weight="weight", **options) -> str:
    with pytest.raises(error) as caught:
        gpusynth.calibrate(data, margins, weight=weight, **options)
    return str(caught.value)


def test_contradicting_populations():
    message = refused([STATES, Margin.of("sector", {"31": 70, "44": 55})])
    assert "margin state and margin sector contradict each other in the population" in message
    assert "-1 (-0.794 %)" in message
    assert "rescale" in message


def test_contradicting_crossings():
    crossed = Margin.of(
        ("sector", "state"),
        {("31", "AL"): 31, ("44", "AL"): 21, ("31", "IL"): 34, ("31", "TX"): 40},
    )
    message = refused([STATES, crossed])
    assert "in 2 of 3 cells of state, most in AL: the second differs by +1 (+1.96 %)" in message


def test_totals_of_real_data_are_not_shown():
    real = gpusynth.weighted_margin(FIRMS, "sector", weight="weight")
    message = refused([STATES, real.model_copy(update={"cells": real.cells[:1]})])
    assert "126" not in message
    assert "65" not in message
    assert "%" in message
    # Nor is the level in which they differ most.
    other = Margin.of("state", {"AL": 60, "IL": 35, "TX": 40})
    message = refused([gpusynth.weighted_margin(FIRMS, "state", weight="weight"), other])
    assert "in 3 of 3 cells of state, most in one of them: the second differs by" in message
    assert "AL" not in message


def test_margins_agree_as_well_as_weights_have_to_meet_them():
    """Populations of 126 and 126.05 differ by 0.04 %."""
    rough = Margin.of("sector", {"31": 71.03, "44": 55.02})
    refused([STATES, rough])
    found = gpusynth.calibrate(FIRMS, [STATES, rough], weight="weight", tolerance=1e-3)
    assert found.weights.sum() == pytest.approx(126, rel=1e-3)


def test_totals_below_zero_agree_with_themselves():
    table = pa.table({"a": ["x", "y"], "change": [-1.0, -3.0], "w": [1.0, 1.0]})
    whole = Margin.of((), {(): -6}, number="change")
    parts = Margin.of("a", {"x": -1.5, "y": -4.5}, number="change")
    found = gpusynth.calibrate(table, [whole, parts], weight="w")
    assert found.weights.tolist() == pytest.approx([1.5, 1.5])


def test_more_combinations_than_64_bits_can_number():
    names = tuple(f"x{i}" for i in range(62))
    table = pa.table({name: ["a", "b"] for name in names} | {"w": [1.0, 1.0]})
    margin = Margin.of(names, {("a",) * 62: 1, ("b",) * 62: 1})
    assert "4611686018427387904 combinations are too many" in refused(
        margin, data=table, weight="w"
    )
    with pytest.raises(PlanError, match="combinations are too many"):
        gpusynth.weighted_margin(table, names, weight="w")
    met = gpusynth.weighted_margin(table, names[:61], weight="w")
    assert [cell.total for cell in met.cells] == [1.0, 1.0]


def test_rounded_margins_can_be_rescaled():
    rounded = Margin.of("sector", {"31": 70, "44": 55})
    found = gpusynth.calibrate(FIRMS, [STATES, rounded], weight="weight", rescale=True)
    assert found.weights.sum() == pytest.approx(126)


def test_unknown_columns_and_levels():
    assert "no column 'county'" in refused(Margin.of("county", {"a": 1}))
    message = refused(Margin.of("state", {"AL": 51, "IL": 35, "TX": 40, "ZZ": 1}))
    assert "column 'state' does not have the level 'ZZ'" in message


def test_rows_in_no_cell():
    message = refused(Margin.of("state", {"AL": 51, "IL": 35}), DataError)
    assert "8 rows lie in no cell of the margin state" in message
    assert "complete = false" in message


def test_empty_cells_with_a_total():
    table = pa.table({"a": ["x", "y", "y"], "b": ["1", "1", "2"], "w": [1.0, 1.0, 1.0]})
    crossed = Margin.of(("a", "b"), {("x", "1"): 1, ("x", "2"): 2.5, ("y", "1"): 1, ("y", "2"): 1})
    message = refused(crossed, DataError, table, "w")
    assert "table: margin a x b: 1 of 4 cells have a total (x x 2: 2.5), but no rows" in message


def test_cells_that_would_lose_all_weight():
    message = refused(Margin.of("state", {"AL": 0, "IL": 35, "TX": 40}), DataError)
    assert "would have to become 0" in message


def test_totals_of_a_number_with_the_wrong_sign():
    message = refused(Margin.of((), {(): -5}, number="receipts"), DataError)
    assert "total of receipts" in message
    assert "(all rows: -5), but no rows with a weight and a fitting receipts" in message


def test_totals_of_zero_of_numbers_above_zero():
    message = refused(Margin.of((), {(): 0}, number="receipts"), DataError)
    assert "would have to become 0" in message


@pytest.mark.parametrize(
    ("total", "is_met"), [(-23, True), (13, True), (-23.1, False), (13.1, False)]
)
def test_bounds_of_a_number_of_both_signs(total, is_met):
    """With factors from 0.5 to 2, 10 above and 14 below zero give 5 - 28 to 20 - 7."""
    numbers, weights = np.array([4.0, -1.0, 2.0, -3.0]), np.array([1.0, 2.0, 3.0, 4.0])
    margin = Margin.of((), {(): total}, number="change")
    constraint = Constraint(margin, np.zeros(4, np.int32), np.array([float(total)]), numbers)
    if is_met:
        check_cells(weights, [constraint], (0.5, 2.0), file="table")
        return
    with pytest.raises(DataError, match="no factors within the bounds"):
        check_cells(weights, [constraint], (0.5, 2.0), file="table")


def test_rows_beyond_the_last_cell_of_an_incomplete_margin():
    """Neither y x 2 nor x x 2 is a cell: rows of both keep their weights."""
    table = pa.table({"a": ["x", "y", "y", "x"], "b": ["1", "2", "1", "2"], "w": [1.0] * 4})
    part = Margin.of(("a", "b"), {("x", "1"): 3, ("y", "1"): 5}, complete=False)
    assert gpusynth.calibrate(table, part, weight="w").weights.tolist() == [3.0, 1.0, 5.0, 1.0]


def test_bounds_that_no_factors_meet():
    states = Margin.of("state", {"AL": 100, "IL": 16, "TX": 10})
    message = refused(states, DataError, method="linear", bounds=(0.5, 2.0))
    assert (
        "no factors within the bounds [0.5, 2] give the totals of 3 cells: AL needs 2.4" in message
    )
    # Each margin by itself could be met, both together cannot.
    table = pa.table({"a": ["x", "x", "y", "y"], "b": ["1", "2", "1", "2"], "w": [1.0] * 4})
    both = [Margin.of("a", {"x": 2.6, "y": 1.4}), Margin.of("b", {"1": 2.6, "2": 1.4})]
    message = refused(both, DataError, table, "w", method="logit", bounds=(0.6, 1.35))
    assert "finds no weights that meet all margins" in message
    assert "Widen the bounds" in message


def test_bounds_that_are_none():
    for bounds in ((1.1, 2.0), (0.2, 0.9), (-0.5, 3.0), (0.5, np.inf)):
        assert "around 1" in refused(STATES, bounds=bounds)
    assert "needs bounds" in refused(STATES, method="logit")


def test_margins_that_no_weights_meet():
    table = pa.table({"a": ["x", "y"], "b": ["1", "2"], "w": [1.0, 1.0]})
    both = [Margin.of("a", {"x": 1, "y": 1}), Margin.of("b", {"1": 1.5, "2": 0.5})]
    for method in ("raking", "linear"):
        message = refused(both, DataError, table, "w", method=method, max_iterations=50)
        assert "is still off by" in message


def test_linear_weights_that_would_be_negative():
    table = pa.table({"x": [1.0, 2.0, 3.0, 4.0], "w": [1.0] * 4})
    margins = [Margin.of((), {(): 4}), Margin.of((), {(): 15.5}, number="x")]
    message = refused(margins, DataError, table, "w", method="linear")
    assert "linear calibration makes 1 weights zero or negative" in message


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([1.0, -2.0, 3.0, -1.0], "2 rows have none .* the first is row 2"),
        ([1.0, 2.0, None, 1.0], "1 rows have none .* the first is row 3"),
        ([float("inf"), 2.0, 3.0, 1.0], "1 rows have none .* the first is row 1"),
        ([0.0, 0.0, 0.0, 0.0], "every weight is zero"),
        (
            ["1", "b", "c", "d"],
            "does not hold numbers.* row 2 is none",
        ),
    ],
)
def test_bad_weights(weights, expected):
    table = pa.table({"a": ["x", "x", "y", "y"], "w": weights})
    with pytest.raises(DataError, match=f"table: column 'w' .*{expected}"):
        gpusynth.calibrate(table, Margin.of("a", {"x": 1, "y": 1}), weight="w")


def test_margins_that_contradict_themselves():
    for columns, totals, what in (
        (("a", "a"), {("x", "x"): 1}, "twice"),
        ("a", {("x", "y"): 1}, "levels"),
        ("a", {"x": -1}, "negative"),
        ("a", {"x": float("nan")}, "finite"),
        ("a", {}, "at least 1"),
    ):
        with pytest.raises(PlanError, match=what):
            Margin.of(columns, totals)
    assert "no margins" in refused([])


FILES = {
    "states.csv": ("state,total\nAL,x\n", "data row 1: the total is no number"),
    "two.csv": ("state,total,total of receipts\nAL,1,2\n", "2 columns are named"),
    "none.csv": ("state,count\nAL,1\n", "0 columns are named"),
    "short.csv": ("state,total\nAL\n", "data row 1: 1 fields"),
    "empty.csv": ("state,total\n", "there are no totals"),
    "twice.csv": ("state,total\nAL,1\nAL,2\n", "the cell AL twice"),
    "broken.toml": ("[[margins]\n", "not valid TOML"),
    "other.toml": ("columns = ['a']\n", r"holds \[\[margins\]\]"),
    "extra.toml": ("[[margins]]\ncolumn = ['a']\n", "margin 1: a margin has"),
    "both.toml": ("[[margins]]\ncolumns = ['a']\n", "give totals"),
    "cross.toml": ("[[margins]]\ncolumns = ['a', 'b']\ntotals = { x = 1 }\n", "one column"),
    "margins.txt": ("", "csv or .toml"),
}


@pytest.mark.parametrize("name", FILES)
def test_bad_margin_files(name, tmp_path):
    text, expected = FILES[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(PlanError, match=expected) as caught:
        gpusynth.read_margins(tmp_path / name)
    assert name in str(caught.value)


def test_missing_margin_file(tmp_path):
    with pytest.raises(PlanError, match="not found"):
        gpusynth.read_margins(tmp_path / "none.csv")


def test_toml_and_csv_say_the_same(tmp_path):
    csv, toml = tmp_path / "m.csv", tmp_path / "m.toml"
    csv.write_text("state,total\nAL,51\nIL,35\nTX,40\n")
    toml.write_text(
        '[[margins]]\ncolumns = ["state"]\ntotals = { AL = 51, IL = 35, TX = 40 }\n'
        '[[margins]]\ncolumns = ["sector"]\nnumber = "receipts"\ncomplete = false\n'
        'cells = [{ levels = ["31"], total = 4000.5 }]\n'
    )
    (first,), (second, third) = gpusynth.read_margins(csv), gpusynth.read_margins(toml)
    assert first.cells == second.cells == STATES.cells
    assert third.title == "total of receipts by sector"
    assert not third.complete
    assert SECTORS.title == "sector"
