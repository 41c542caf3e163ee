"""Edges of the utility measures: hardly any rows, numbers that never meet, very many levels."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.bins import Binning
from gpusynth.evaluate.coding import code_together
from gpusynth.evaluate.utility.associations import cramers_v
from gpusynth.evaluate.utility.correlations import correlations
from gpusynth.evaluate.utility.pairs import pair_associations
from gpusynth.evaluate.utility.principal import principal_components
from gpusynth.evaluate.utility.propensity_boosting import propensity_boosting
from gpusynth.evaluate.utility.propensity_cart import propensity_cart
from gpusynth.evaluate.utility.propensity_logit import propensity_logit
from gpusynth.evaluate.utility.propensity_scores import score_statistics
from gpusynth.evaluate.utility.univariate import univariate
from gpusynth.table.schema import Column, Schema
from gpusynth.table.source import TableSource
from tests.evaluate.mixed_files import mixed_codes, mixed_table


def numbers(real: dict, synthetic: dict, **kwargs):
    schema = Schema(columns=tuple(Column(name=n, kind="numeric", storage="double") for n in real))
    tables = [
        pa.table({name: pa.array(x, pa.float64()) for name, x in columns.items()})
        for columns in (real, synthetic)
    ]
    return code_together(*map(TableSource, tables), schema=schema, **kwargs)


def test_numbers_that_never_meet_have_no_correlation():
    """x and y have no row in common; z is constant where x is."""
    columns = {
        "x": [1.0, 2.0, 3.0, None, None, None],
        "y": [None, None, None, 1.0, 2.0, 4.0],
        "z": [5.0, 5.0, 5.0, 1.0, 2.0, 3.0],
    }
    codes = numbers(columns, columns)
    found = correlations(codes.real)
    assert np.isnan(found.pearson[0, [1, 2]]).all()
    assert found.spearman[1, 2] == pytest.approx(1)
    (pairs,) = pair_associations(codes)
    assert pairs.undefined == (("x", "y"), ("x", "z"))
    assert pairs.n_pairs == 1


def test_a_column_without_any_number():
    columns = {"x": [1.0, 2.0, 4.0, 4.0], "empty": [None] * 4}
    codes = numbers(columns, columns)
    found = correlations(codes.real)
    assert np.isnan(found.pearson[1]).all()
    (components,) = principal_components(codes)
    assert components.left_out == ("empty",)
    note = "the real and the synthetic file has no number in this column"
    assert univariate(codes)[0][1].note == note
    assert propensity_logit(codes)[0].left_out == ("empty",)
    with pytest.raises(IncomputableMetricError, match="no column varies"):
        principal_components(numbers({"empty": [None] * 4}, {"empty": [None] * 4}))


def test_a_number_that_is_missing_in_two_ways_only():
    """Null or -8 in every row: a category of two levels, with no number to hold them against."""
    table = mixed_table(40, 2).set_column(2, "staff", pa.array([-8, None] * 20))
    codes = mixed_codes(table, table.slice(0, 31))
    assert codes.real.columns[2].labels == ("", "-8")
    (components,) = principal_components(codes)
    assert components.left_out == ()
    assert {loading.label for loading in components.loadings} & {"-8", "(missing)"}
    (pairs,) = pair_associations(codes)
    assert ("sector", "staff") in pairs.undefined
    for model in (propensity_logit, propensity_cart, propensity_boosting):
        assert 0 <= model(codes)[0].auc <= 1


def test_files_of_one_row():
    table = mixed_table(60, 5)
    codes = mixed_codes(table, table.slice(0, 1))
    for columns in univariate(codes):
        assert all(np.isfinite(column.total_variation) for column in columns)
    with pytest.raises(IncomputableMetricError, match="no two columns vary"):
        pair_associations(codes)
    plain, corrected = cramers_v(codes.synthetic[0])
    assert np.isnan(plain).all()
    assert np.isnan(corrected).all()
    assert propensity_cart(codes, n_permutations=2)[0].n_synthetic == 1
    assert 0 <= propensity_logit(codes)[0].auc <= 1


def test_more_levels_than_rows_can_tell():
    """Every row its own level in both columns: V is 1, nothing is left after the correction."""
    text = pa.array([str(i) for i in range(6)])
    table = mixed_table(6, 1).set_column(0, "sector", text).set_column(1, "region", text)
    plain, corrected = cramers_v(mixed_codes(table, table, columns=("sector", "region")).real)
    assert plain[0, 1] == pytest.approx(1)
    assert np.isnan(corrected[0, 1])


def test_one_column_has_no_pairs():
    table = mixed_table(30, 1)
    plain, _ = cramers_v(mixed_codes(table, table, columns=("region",)).real)
    assert plain.tolist() == [[1.0]]


def test_models_see_numbers_that_share_a_bin():
    """One bin, two numbers, each in one file only: codes are equal, numbers are not."""
    real, synthetic = {"x": [1.0, 2.0] * 100}, {"x": [2.0, 3.0] * 100}
    codes = numbers(real, synthetic, binning=Binning("sdnist", 1))
    assert codes.real.columns[0].n_codes == 2
    one_bin = numbers({"x": [1.0] * 150}, {"x": [1.5] * 150}, binning=Binning("synthpop", 1))
    assert one_bin.real.columns[0].n_codes == 1
    for model in (propensity_logit, propensity_cart, propensity_boosting):
        assert model(codes)[0].auc > 0.7
        assert model(one_bin)[0].auc == pytest.approx(1)


def test_boosting_takes_the_rarest_levels_together():
    rng = np.random.default_rng(1)
    levels = rng.integers(0, 400, 900)
    table = mixed_table(900, 1).set_column(0, "sector", pa.array([f"s{v}" for v in levels]))
    codes = mixed_codes(table, table.slice(0, 500), columns=("sector", "staff"))
    assert codes.real.columns[0].n_codes > 255
    assert 0 <= propensity_boosting(codes, n_trees=3)[0].auc <= 1


def test_scores_need_rows_of_both_files():
    with pytest.raises(IncomputableMetricError, match="nothing to tell apart"):
        score_statistics(np.array([0.5, 0.5]), np.array([True, True]))


def test_more_numbers_than_codes_share_codes(monkeypatch):
    """With max_rows raised there may be more distinct numbers than a tree's codes."""
    monkeypatch.setattr("gpusynth.evaluate.utility.propensity_cart._MOST_CODES", 16)
    table, other = mixed_table(300, 1), mixed_table(300, 2, effect=0.0)
    (found,) = propensity_cart(mixed_codes(table, other), n_permutations=2)
    assert found.auc > 0.6
