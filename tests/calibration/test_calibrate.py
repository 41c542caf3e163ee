"""Calibrated weights: golden values of R's survey package, closed forms, margins met, positive."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpusynth
from gpusynth import Margin
from gpusynth.calibration.constraints import Constraint
from gpusynth.calibration.distances import Distance
from gpusynth.calibration.solve import _merged
from tests.calibration.golden_weights import FIRMS, RECEIPTS, SECTORS, STATES, WEIGHTS

GOLDEN = {
    "rake": ("raking", None, [STATES, SECTORS]),
    "linear": ("linear", None, [STATES, SECTORS]),
    "logit": ("logit", (0.6, 1.6), [STATES, SECTORS]),
    "greg_receipts": ("linear", None, [STATES, RECEIPTS]),
    "raking_receipts": ("raking", None, [STATES, RECEIPTS]),
    "logit_receipts": ("logit", (0.5, 2.0), [STATES, RECEIPTS]),
}


def calibrate(margins, method="raking", **options):
    return gpusynth.calibrate(FIRMS, margins, weight="weight", method=method, **options)


def survey(n: int, seed: int, shares: tuple[float, ...]) -> pa.Table:
    random = np.random.default_rng(seed)
    return pa.table(
        {
            "state": random.choice(["AL", "IL", "TX"], n, p=shares),
            "sector": random.choice([31, 44, 54, None], n),
            "receipts": np.exp(random.normal(6, 1.5, n)),
            "weight": random.exponential(20, n) + 0.5,
        }
    )


@pytest.mark.parametrize("name", GOLDEN)
def test_as_the_survey_package_of_r(name):
    method, bounds, margins = GOLDEN[name]
    found = calibrate(margins, method, bounds=bounds, tolerance=1e-12).weights
    assert np.allclose(found, WEIGHTS[name], rtol=2e-9, atol=0)


def test_one_margin_is_post_stratification():
    found = calibrate(STATES)
    weight, state = np.array(FIRMS["weight"]), np.array(FIRMS["state"])
    for level, total in (("AL", 51), ("IL", 35), ("TX", 40)):
        of_level = state == level
        wanted = weight[of_level] * total / weight[of_level].sum()
        assert np.allclose(found.weights[of_level], wanted, rtol=1e-12)
    assert found.margins[0].worst_before == pytest.approx(43 / 35 - 1)


def test_linear_without_bounds_is_the_regression_estimator():
    """The calibrated total of y is the Horvitz-Thompson total plus B'(t - t_x)."""
    y = np.sin(np.arange(24)) + 2
    weight, x = np.array(FIRMS["weight"], float), np.array(FIRMS["receipts"], float)
    design = np.column_stack([np.array(FIRMS["state"]) == s for s in ("AL", "IL", "TX")] + [x])
    coefficients = np.linalg.solve((design.T * weight) @ design, (design.T * weight) @ y)
    wanted = weight @ y + coefficients @ (np.array([51, 35, 40, 6800]) - weight @ design)
    found = calibrate([STATES, RECEIPTS], "linear").weights
    assert found @ y == pytest.approx(wanted, rel=1e-8)


def test_truncated_linear_is_linear_between_its_bounds():
    """Deville and Sarndal's case 7: factors are cut-off linear functions of the design."""
    bounds = (0.8, 1.26)
    found = calibrate([STATES, RECEIPTS], "linear", bounds=bounds)
    factors = found.weights / np.array(FIRMS["weight"])
    inside = (factors > bounds[0] + 1e-9) & (factors < bounds[1] - 1e-9)
    assert found.lowest == 0.8
    assert 0 < inside.sum() < 24
    states = [np.array(FIRMS["state"]) == s for s in ("AL", "IL", "TX")]
    design = np.column_stack([*states, np.array(FIRMS["receipts"])])
    fitted = np.linalg.lstsq(design[inside], factors[inside], rcond=None)[0]
    assert np.allclose(np.clip(design @ fitted, *bounds), factors, atol=1e-9)


@pytest.mark.parametrize("bounds", [None, (0.05, 8.0)])
@pytest.mark.parametrize("method", ["raking", "linear", "logit"])
def test_real_margins_of_another_file_are_met_by_positive_weights(method, bounds):
    if method == "logit" and bounds is None:
        bounds = (0.1, 6.0)
    real, other = survey(3000, 1, (0.2, 0.3, 0.5)), survey(2000, 2, (0.4, 0.3, 0.3))
    margins = [
        gpusynth.weighted_margin(real, columns, weight="weight", number=number)
        for columns, number in (
            ("state", None),
            (("sector", "state"), None),
            ("sector", "receipts"),
        )
    ]
    found = gpusynth.calibrate(other, margins, weight="weight", method=method, bounds=bounds)
    assert found.weights.min() > 0
    again = pa.table({**{n: other[n] for n in other.column_names}, "w": found.weights})
    for margin in margins:
        met = gpusynth.weighted_margin(again, margin.columns, weight="w", number=margin.number)
        totals = {cell.levels: cell.total for cell in margin.cells}
        assert {cell.levels: cell.total for cell in met.cells} == pytest.approx(totals, rel=1e-8)
    assert all(fit.worst_after < 1.1e-9 < fit.worst_before for fit in found.margins)


def test_raking_by_fitting_and_by_newton_find_the_same_weights():
    """A total of a number that holds already changes nothing, but leaves fitting for Newton."""
    plain = calibrate([STATES, SECTORS], tolerance=1e-12)
    ones = FIRMS.append_column("one", pa.array(np.ones(24)))
    both = [STATES, SECTORS, Margin.of((), {(): 126}, number="one")]
    newton = gpusynth.calibrate(ones, both, weight="weight", tolerance=1e-12)
    assert np.allclose(plain.weights, newton.weights, rtol=1e-9)


@pytest.mark.parametrize(
    ("method", "bounds"),
    [
        ("linear", None),
        ("raking", None),
        ("linear", (0.5, 3.0)),
        ("raking", (0.5, 3.0)),
        ("logit", (0.5, 3.0)),
    ],
)
def test_slopes_of_distances(method, bounds):
    """F(0) = F'(0) = 1 (Deville and Sarndal 1992, section 2), and F' is the derivative of F."""
    distance = Distance(method, bounds)
    assert distance.factors(np.zeros(1))[0] == pytest.approx(1.0)
    assert distance.slopes(np.zeros(1))[0] == pytest.approx(1.0)
    u = np.array([-3.0, -0.6, -0.3, 0.2, 0.9, 2.5])
    rise = (distance.factors(u + 1e-6) - distance.factors(u - 1e-6)) / 2e-6
    np.testing.assert_allclose(distance.slopes(u), rise, rtol=1e-6, atol=1e-9)
    if bounds is not None and method != "logit":
        at_bounds = np.log(bounds) if method == "raking" else np.array(bounds) - 1.0
        assert distance.slopes(at_bounds).tolist() == [0.0, 0.0]


def test_deviations_from_a_total_of_zero_are_relative_to_all_that_is_added_up():
    change = np.array([4.0, -1.0, 2.0, -3.0])
    table = pa.table({"change": change, "weight": [1.0, 2.0, 3.0, 4.0]})
    found = gpusynth.calibrate(
        table, Margin.of((), {(): 0}, number="change"), weight="weight", method="raking"
    )
    assert found.margins[0].worst_before == pytest.approx(4 / 24)  # 4 - 2 + 6 - 12 of 24
    assert abs(found.weights @ change) < 1e-9 * 24


@given(st.lists(st.tuples(*[st.integers(-1, 2)] * 3), min_size=1, max_size=60), st.integers(0, 9))
def test_rows_are_merged_where_all_their_cells_are_one(rows, seed):
    cells = np.array(rows * 3)
    margin = Margin.of("state", {"AL": 1})
    constraints = [Constraint(margin, own, np.ones(3), None) for own in cells.T]
    base = np.random.default_rng(seed).integers(1, 9, len(cells)).astype(float)
    weights, merged, place = _merged(base, constraints)
    assert place is not None or len({*rows}) * 2 > len(cells)
    place = np.arange(len(cells)) if place is None else place
    for constraint, own in zip(merged, cells.T, strict=True):
        assert (constraint.cells[place] == own).all()
    assert (weights == np.bincount(place, base)).all()


def test_rows_outside_an_incomplete_margin_keep_their_weight():
    part = Margin.of("state", {"AL": 82}, complete=False)
    found = calibrate(part).weights
    weight, is_al = np.array(FIRMS["weight"]), np.array(FIRMS["state"]) == "AL"
    assert np.allclose(found[is_al], 2 * weight[is_al])
    assert (found[~is_al] == weight[~is_al]).all()


def test_bounds_are_relative_to_weights_that_add_up_to_the_population():
    margins = [Margin.of("state", {"AL": 102, "IL": 70, "TX": 80}), SECTORS_TWICE]
    found = calibrate(margins, "logit", bounds=(0.6, 1.6), tolerance=1e-12)
    assert found.scale == 2.0
    assert np.allclose(found.weights, 2 * np.array(WEIGHTS["logit"]), rtol=2e-9)


SECTORS_TWICE = Margin.of("sector", {"31": 142, "44": 110})


@given(st.integers(1, 300), st.integers(1, 4), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_margins_of_other_weights_of_the_same_rows_can_always_be_met(n, n_levels, seed):
    random = np.random.default_rng(seed)
    table = pa.table(
        {
            "a": random.integers(0, n_levels, n),
            "b": random.integers(0, 3, n),
            "w": random.random(n) + 0.1,
            "v": random.random(n) + 0.1,
        }
    )
    margins = [gpusynth.weighted_margin(table, name, weight="v") for name in ("a", "b")]
    found = gpusynth.calibrate(table, margins, weight="w", max_iterations=20000)
    assert found.weights.min() > 0
    assert max(fit.worst_after for fit in found.margins) < 1.1e-9


def test_rows_without_a_weight_stay_without():
    table = pa.table({"a": ["x", "x", "y"], "w": [1.0, 0.0, 2.0]})
    found = gpusynth.calibrate(table, Margin.of("a", {"x": 3, "y": 1}), weight="w")
    assert found.weights.tolist() == [3.0, 0.0, 1.0]


def test_pandas_and_files_are_taken(tmp_path):
    import pyarrow.parquet as pq

    pq.write_table(FIRMS, tmp_path / "firms.parquet")
    margins = tmp_path / "states.csv"
    margins.write_text("state,total\nAL,51\nIL,35\nTX,40\n")
    wanted = calibrate(STATES).weights
    for data in (FIRMS.to_pandas(), tmp_path / "firms.parquet"):
        found = gpusynth.calibrate(data, [margins], weight="weight")
        assert (found.weights == wanted).all()
