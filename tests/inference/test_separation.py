"""Separation in a logit: found exactly, reported, and the other estimates are the right limits."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.errors import DataError
from gpusynth.inference import Model, compare, fit
from gpusynth.inference.separation import find_separation
from tests.inference.conftest import firms


def separated(table: pa.Table) -> pa.Table:
    """No firm of sector s2 exports."""
    sector = np.array(table["sector"].to_pylist())
    exports = np.where(sector == "s2", 0, table["exports"].to_numpy())
    return table.set_column(table.schema.get_field_index("exports"), "exports", pa.array(exports))


def test_decided_level_is_left_out_and_said():
    table = separated(firms(1))
    fitted = fit("exports ~ sector + size", table, model="logit")
    sector = np.array(table["sector"].to_pylist())
    without = fit("exports ~ sector + size", table.filter(pa.array(sector != "s2")), model="logit")
    assert np.isnan(fitted.pooled.estimate[2])
    np.testing.assert_allclose(
        fitted.pooled.estimate[[0, 1, 3, 4]], without.pooled.estimate, rtol=1e-7
    )
    np.testing.assert_allclose(
        fitted.pooled.standard_error[[0, 1, 3, 4]], without.pooled.standard_error, rtol=1e-6
    )
    [note] = [note for note in fitted.notes if "separation" in note]
    assert f"{(sector == 's2').sum()} rows" in note
    assert "1 terms of 'sector'" in note


def test_decided_reference_level():
    """Where the first level is decided, nothing can be told apart from it."""
    table = firms(2)
    sector = np.array(table["sector"].to_pylist())
    exports = np.where(sector == "s0", 1, table["exports"].to_numpy())
    table = table.set_column(table.schema.get_field_index("exports"), "exports", pa.array(exports))
    fitted = fit("exports ~ sector + size", table, model="logit")
    assert np.isnan(fitted.pooled.estimate[:4]).all()
    assert np.isfinite(fitted.pooled.estimate[4])


def test_terms_that_only_decided_rows_tell_apart():
    """a and b differ only where the sector decides: neither has an estimate of its own."""
    table = separated(firms(1))
    rng = np.random.default_rng(2)
    first = rng.normal(size=400)
    decided = np.array(table["sector"].to_pylist()) == "s2"
    second = np.where(decided, rng.normal(size=400), first)
    table = table.append_column("a", pa.array(first)).append_column("b", pa.array(second))
    fitted = fit("exports ~ sector + a + b + size", table, model="logit")
    known = dict(zip(fitted.terms, np.isfinite(fitted.pooled.estimate), strict=True))
    assert [term for term, is_known in known.items() if not is_known] == ["sector[T.s2]", "a", "b"]


def test_complete_separation_is_refused():
    table = pa.table({"y": [0, 0, 0, 1, 1, 1], "x": [1.0, 2, 3, 4, 5, 6]})
    with pytest.raises(DataError, match=r"complete separation: .*'x'"):
        fit("y ~ x", table, model="logit")


def test_quasi_separation_by_a_number():
    table = pa.table(
        {"y": [0, 0, 0, 0, 1, 1, 1, 1], "x": [1.0, 2, 3, 4, 4, 5, 6, 7], "z": [1.0, 2] * 4}
    )
    with pytest.raises(DataError):
        # Only two rows of x = 4 are left, too few for the other terms.
        fit("y ~ x + z", table, model="logit")


def test_sure_but_not_separated():
    """Large linear predictors alone are no separation."""
    rng = np.random.default_rng(1)
    x = np.append(rng.normal(size=400), [9.0, -9.0])
    y = (rng.random(402) < 1 / (1 + np.exp(-2 * x))).astype(int)
    fitted = fit("y ~ x", pa.table({"y": y, "x": x}), model="logit")
    assert fitted.notes == ()
    assert np.isfinite(fitted.pooled.estimate).all()


def test_fits_where_full_newton_steps_overshoot():
    """Few rows and a strong number: no separation, and the maximum is found all the same."""
    rng = np.random.default_rng(0)
    n_finite = 0
    for _ in range(60):
        x = rng.normal(size=25) * 30
        y = (rng.random(25) < 1 / (1 + np.exp(-x / 2 + 1))).astype(int)
        if y.min() == y.max() or find_separation(
            y.astype(float), np.column_stack([np.ones(25), x])
        ):
            continue
        one = fit("y ~ x", pa.table({"y": y, "x": x}), model="logit").replicates[0]
        mean = 1 / (1 + np.exp(-one.parameters[0] - one.parameters[1] * x))
        np.testing.assert_allclose([(y - mean).sum(), ((y - mean) * x).sum()], 0, atol=1e-6)
        n_finite += 1
    assert n_finite > 8


def test_program_agrees_with_divergence():
    """On small random designs, separation is found exactly where estimates diverge."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(40):
        matrix = np.column_stack([np.ones(12), rng.integers(0, 2, (12, 3))])
        response = rng.integers(0, 2, 12).astype(float)
        separation = find_separation(response, matrix)
        found.append(separation is not None)
        # A ridge so small that it stops only what diverges.
        beta = np.zeros(4)
        for _ in range(400):
            mean = 1 / (1 + np.exp(-matrix @ beta))
            information = (matrix * (mean * (1 - mean))[:, None]).T @ matrix + 1e-7 * np.eye(4)
            step = np.linalg.solve(information, matrix.T @ (response - mean) - 1e-7 * beta)
            beta = beta + step / max(1.0, np.abs(step).max())
        diverges = np.abs(matrix @ beta).max() > 8.0
        assert found[-1] == diverges
        if separation is not None:
            assert not separation.decided.all() or np.abs(matrix @ beta).min() > 5.0
    assert 0 < sum(found) < 40


def test_separation_in_one_replicate_does_not_stop_a_comparison(replicates):
    one = separated(replicates[0])
    model = Model(formula="exports ~ size + sector", kind="logit")
    found = compare(firms(9), [one, *replicates[1:]], model)[0]
    assert np.isfinite([term.synthetic for term in found.terms]).all()
    assert [fitted.available.all() for fitted in found.synthetic.replicates] == [False, True, True]
    assert any("separation" in note for note in found.notes)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_separation_is_found_in_any_unit(unit):
    """The sign of x decides, in billions or billionths of a dollar; where x is 0 nothing does."""
    x = np.array([-3.0, -2.0, 0.0, 0.5, 1.0, 4.0])
    found = find_separation((x >= 0).astype(float), (x * unit)[:, None])
    assert found is not None
    assert found.terms.tolist() == [True]
    assert found.decided.tolist() == (x != 0).tolist()
