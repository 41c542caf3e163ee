"""Study 1 in small, on generated boys; against R and the paper's data where these are there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
import scipy.stats
import statsmodels.api as sm

import gpusynth
from benchmarks.studies import boys, boys_tables
from benchmarks.studies.boys_discrimination import (
    TERMS,
    confusion,
    design_of,
    fit_logit,
    pooled_logit,
    predictions,
)
from benchmarks.studies.boys_measures import measure, truth_of
from benchmarks.studies.boys_published import CORRELATIONS, DISCRIMINATION, MODELS
from benchmarks.studies.boys_results import Results, goals
from benchmarks.studies.boys_synthesis import (
    LEVELS,
    ONE_COLUMN,
    PROCEDURES,
    SCHEMA,
    bootstrap_sample,
    read_boys,
    synthesize_sample,
)
from benchmarks.studies.boys_tally import Tally

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "boys_complete.csv"


@pytest.fixture(scope="module")
def generated() -> pa.Table:
    """300 boys of the same shape as mice's."""
    random = np.random.default_rng(11)
    n = 300
    age = np.sort(np.round(random.uniform(0.1, 20.0, n), 3))
    height = np.round(55 + 7 * age - 0.02 * age**2 + random.normal(0, 5, n), 1)
    weight = np.round((height / 100) ** 2 * (16 + 0.3 * age + random.normal(0, 1.5, n)), 2)
    head = np.round(45 + 0.6 * age + random.normal(0, 1.5, n), 1)
    maturity = age + random.logistic(0, 3, n)
    gen = np.searchsorted([6, 9, 12, 15], maturity)
    phb = np.searchsorted([5, 8, 11, 13, 16], maturity + random.normal(0, 2, n))
    return pa.table(
        {
            "age": age,
            "hgt": height,
            "wgt": weight,
            "bmi": np.round(weight / (height / 100) ** 2, 2),
            "hc": head,
            "gen": [LEVELS["gen"][one] for one in gen],
            "phb": [LEVELS["phb"][one] for one in phb],
            "tv": np.clip(np.round(maturity), 1, 25).astype(np.int64),
            "reg": random.choice(LEVELS["reg"], n),
        }
    )


@pytest.fixture(scope="module")
def generated_file(generated, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("boys") / "boys.csv"
    pyarrow.csv.write_csv(generated, path)
    return path


@pytest.fixture(scope="module")
def study(generated_file, tmp_path_factory):
    """The command line on two samples, each a part."""
    folder = tmp_path_factory.mktemp("study")
    output = folder / "study.json"
    common = ["--data", str(generated_file), "--parts", str(folder / "parts")]
    boys.main([*common, "--first", "1", "--last", "1"])
    boys.main([*common, "--first", "2", "--last", "2", "--output", str(output)])
    return output, json.loads(output.read_text())


@pytest.fixture
def true_boys() -> pa.Table:
    if not DATA.exists():
        pytest.skip("the boys of the shared folder are not here")
    return read_boys(DATA)


def columns_of(table: pa.Table) -> dict[str, np.ndarray]:
    return {
        name: np.array([LEVELS[name].index(one) + 1.0 for one in table[name].to_pylist()])
        if name in LEVELS
        else table[name].to_numpy().astype(float)
        for name in table.column_names
    }


def test_samples_and_replicates_are_those_of_their_number(generated):
    sample = bootstrap_sample(generated, 3, seed=1)
    assert sample.equals(bootstrap_sample(generated, 3, seed=1))
    assert not sample.equals(bootstrap_sample(generated, 4, seed=1))
    assert not sample.equals(bootstrap_sample(generated, 3, seed=2))
    made = synthesize_sample(sample, 3, seed=1)
    assert len(made) == 5
    assert all(one.schema.equals(generated.schema) for one in made)
    again = synthesize_sample(sample, 3, seed=1)
    assert all(one.equals(other) for one, other in zip(made, again, strict=True))
    assert len({one["age"].to_numpy().tobytes() for one in made}) == 5
    for one in made:
        ratio = one["wgt"].to_numpy() / (one["hgt"].to_numpy() / 100) ** 2
        np.testing.assert_allclose(one["bmi"].to_numpy(), ratio, atol=0.005 + 1e-9)


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_every_procedure_computes_bmi_and_keeps_the_schema(generated, procedure):
    made = synthesize_sample(generated, 1, seed=1, procedure=procedure)
    assert len(made) == 5
    for one in made:
        assert one.schema.equals(generated.schema)
        ratio = one["wgt"].to_numpy() / (one["hgt"].to_numpy() / 100) ** 2
        np.testing.assert_allclose(one["bmi"].to_numpy(), ratio, atol=0.005 + 1e-9)
        assert set(one["age"].to_pylist()) <= set(generated["age"].to_pylist())


def test_aligned_columns_belong_to_the_same_rows(generated):
    """Whichever column is drawn, the others are the real rows in one order."""
    first, second = (
        gpusynth.synthesize(generated, SCHEMA, ONE_COLUMN[name], n_replicates=2, seed=4)
        for name in ("age", "gen")
    )
    for one, other in zip(first, second, strict=True):
        kept = ["hgt", "wgt", "hc", "phb", "tv", "reg"]
        assert one.select(kept).equals(other.select(kept))
        assert sorted(one["hgt"].to_pylist()) == sorted(generated["hgt"].to_pylist())
        assert not one["age"].equals(other["age"])


def test_a_file_measured_against_itself_has_no_error(generated):
    truth = truth_of(generated)
    found = measure(truth, generated, [generated] * 5, np.random.default_rng(1))
    for name, value in found.items():
        if name.startswith(("describe/", "correlation/")) or name.endswith("/error"):
            assert abs(value) < 1e-9, name
        elif name.endswith("/covered"):
            assert value == 1.0, name
    # Without a spread over replicates the paper's rule has the variance of one file (and the
    # normal distribution), the simple one (1 + 1/m) times as much.
    for term in MODELS["ordered"]:
        widths = {
            side: found[f"ordered/{side}/{term}/half_width"]
            for side in ("bootstrap", "reiter_partial", "raab_simple")
        }
        assert widths["reiter_partial"] == pytest.approx(widths["bootstrap"])
        assert widths["raab_simple"] == pytest.approx(widths["bootstrap"] * np.sqrt(1.2))


def test_descriptives_are_those_of_scipy(generated):
    figures = truth_of(generated).figures
    n = generated.num_rows
    for name, values in columns_of(generated).items():
        # psych::describe takes the sample's standard deviation, scipy the population's.
        shrink = (n - 1) / n
        skew = scipy.stats.skew(values) * shrink**1.5
        kurtosis = (scipy.stats.kurtosis(values) + 3) * shrink**2 - 3
        assert figures[f"describe/{name}/skew"] == pytest.approx(skew)
        assert figures[f"describe/{name}/kurtosis"] == pytest.approx(kurtosis)
        assert figures[f"describe/{name}/median"] == np.median(values)


def test_what_cannot_be_fitted_is_counted(generated):
    sample = generated.filter(pa.compute.not_equal(generated["reg"], "city"))
    found = measure(truth_of(generated), sample, [sample] * 5, np.random.default_rng(1))
    assert found["ordered/failed"] == found["logit/failed"] == 1.0
    assert "ordered/raab_simple/regeast/covered" not in found
    assert "confusion/fitted/accuracy" not in found
    assert abs(found["ols/reiter_partial/age/error"]) < 1.0


def test_tally_gives_means_and_errors_however_it_is_parted():
    values = np.random.default_rng(2).normal(3.0, 2.0, 40)
    whole, first, second = Tally(), Tally(), Tally()
    for place, value in enumerate(values):
        whole.add({"x": value})
        (first if place < 13 else second).add({"x": value})
    first.add({"x": float("nan")})
    first.merge(second.sums)
    n, mean, error = whole.figures()["x"]
    assert (n, mean) == (40, pytest.approx(values.mean()))
    assert error == pytest.approx(values.std(ddof=1) / np.sqrt(40))
    assert first.figures()["x"] == pytest.approx([n, mean, error])


def test_logit_is_that_of_statsmodels(generated):
    real = design_of(columns_of(generated))
    other = design_of(columns_of(bootstrap_sample(generated, 1, seed=1)))
    design = np.vstack([real, other])
    response = np.repeat([0.0, 1.0], generated.num_rows)
    parameters, covariance = fit_logit(design, response)
    expected = sm.Logit(response, design).fit(disp=0, tol=1e-12)
    np.testing.assert_allclose(parameters, expected.params, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(covariance, expected.cov_params(), rtol=1e-6, atol=1e-12)
    with pytest.raises(ArithmeticError, match="did not settle"):
        fit_logit(np.column_stack([np.ones(4), [0.0, 0.0, 1.0, 1.0]]), np.repeat([0.0, 1.0], 2))
    with pytest.raises(ArithmeticError, match="singular"):
        fit_logit(np.ones((4, 2)), np.array([0.0, 1.0, 0.0, 1.0]))


def test_contrasts_are_those_of_r(generated):
    """R: contr.poly(5), contr.poly(6), rounded to six digits."""
    design = design_of(columns_of(generated))
    gen = np.array(columns_of(generated)["gen"])
    top = design[np.argmax(gen == 5)]
    expected = {"gen.L": 0.632456, "gen.Q": 0.534522, "gen.C": 0.316228, "gen^4": 0.119523}
    for term, value in expected.items():
        assert top[TERMS.index(term)] == pytest.approx(value, abs=1e-6)
    lowest = design[np.argmax(np.array(columns_of(generated)["phb"]) == 1)]
    expected = {"phb.L": -0.597614, "phb.Q": 0.545545, "phb.C": -0.372678}
    expected |= {"phb^4": 0.188982, "phb^5": -0.062994}
    for term, value in expected.items():
        assert lowest[TERMS.index(term)] == pytest.approx(value, abs=1e-6)
    assert set(TERMS) == set(DISCRIMINATION)


def test_confusion_by_hand():
    """McNemar's p-value is that of R: mcnemar.test(matrix(c(794, 86, 150, 570), 2))."""
    response = np.repeat([1.0, 1.0, 0.0, 0.0], [794, 86, 150, 570])
    taken_for = np.repeat([True, False, True, False], [794, 86, 150, 570])
    found = confusion(response, taken_for)
    assert found["sensitivity"] == 794 / 880
    assert found["specificity"] == 570 / 720
    assert found["accuracy"] == 1364 / 1600
    assert found["prevalence"] == 0.55
    chance = (880 * 944 + 720 * 656) / 1600**2
    assert found["kappa"] == pytest.approx((1364 / 1600 - chance) / (1 - chance))
    assert found["mcnemar_p"] == pytest.approx(4.114562281e-05, rel=1e-9)
    even = confusion(np.array([1.0, 1.0, 0.0, 0.0]), np.array([True, False, True, False]))
    assert even["mcnemar_p"] == 1.0


def test_what_differs_is_told_apart(generated):
    real = design_of(columns_of(generated))
    other = real.copy()
    other[:, TERMS.index("hc")] += 2.0
    accuracy = confusion(*predictions(real, other, np.random.default_rng(1)))["accuracy"]
    assert accuracy > 0.6
    assert pooled_logit(real, [other] * 2)["hc"]["rejected"] == 1.0
    assert pooled_logit(real, [real] * 2)["hc"]["rejected"] == 0.0


def test_parts_give_the_same_as_one_run(generated, study):
    _, stored = study
    truth = truth_of(generated)
    whole = boys.collect([boys.run_part(generated, truth, [1, 2], seed=1)])
    assert stored["truth"] == truth.figures
    assert list(stored["procedures"]) == ["cart"]
    stored = {**stored, **stored["procedures"]["cart"]}
    assert stored["samples"] == whole["samples"] == 2
    assert stored["figures"].keys() == whole["figures"].keys()
    for name, figure in whole["figures"].items():
        assert stored["figures"][name] == pytest.approx(figure, rel=1e-9, abs=1e-9), name
    assert stored["seconds"]["cpu"] > stored["seconds"]["synthesis_cpu"] > 0
    assert stored["machine"]["cores"] >= 1
    assert stored["versions"]["statsmodels"]


def test_what_is_done_is_not_done_again(generated_file, tmp_path, study, monkeypatch):
    output, stored = study
    monkeypatch.setattr(boys, "_PART", 1)
    monkeypatch.setattr(boys, "run_part", None)
    again = tmp_path / "again.json"
    given = ["--data", str(generated_file), "--parts", str(output.parent / "parts")]
    boys.main([*given, "--last", "2", "--output", str(again)])
    assert json.loads(again.read_text())["procedures"] == stored["procedures"]


def test_a_missing_part_is_named(generated_file, tmp_path):
    parts = tmp_path / "parts"
    given = ["--data", str(generated_file), "--parts", str(parts), "--output", "never.json"]
    with pytest.raises(SystemExit, match="sample 1 of cart is missing"):
        boys.main([*given, "--first", "2", "--last", "2"])
    assert not Path("never.json").exists()


@pytest.mark.parametrize(
    "given", [[], ["--parts", "p", "--first", "0"], ["--parts", "p", "--first", "9", "--last", "2"]]
)
def test_bad_arguments(given, capsys):
    with pytest.raises(SystemExit):
        boys.main(given)
    assert "--" in capsys.readouterr().err


def test_tables_go_into_the_document(study, tmp_path):
    output, stored = study
    document = tmp_path / "document.md"
    document.write_text("before\n<!-- boys -->\nold\n<!-- /boys -->\nafter\n")
    boys.main(["--write", "--results", str(output), "--document", str(document)])
    text = document.read_text()
    assert "old" not in text
    assert boys_tables.with_report(text, boys_tables.report(stored)) == text
    for number in range(2, 8):
        assert f"### Table {number}:" in text
    assert "| age, hgt |" in text
    with pytest.raises(ValueError, match="once each"):
        boys_tables.with_report("nothing", "tables")


def test_goals_see_what_misses_them(study):
    _, stored = study
    figures = dict(stored["procedures"]["cart"]["figures"])

    def missed():
        one = {**stored["procedures"]["cart"], "figures": figures}
        met = goals(Results({**stored, "procedures": {"cart": one}}, "cart"))
        return {goal: names for goal, (_, names) in met.items()}

    for kind, terms in MODELS.items():
        for term in terms:
            for side in ("bootstrap", "reiter_partial", "raab_simple"):
                figures[f"{kind}/{side}/{term}/covered"] = [1000, 0.95, 0.007]
            figures[f"{kind}/reiter_partial/{term}/error"] = [1000, 0.0, 0.01]
    for left, right in CORRELATIONS:
        figures[f"correlation/synthetic/{left}/{right}"] = [1000, 0.0, 0.001]
    figures["confusion/held_out/accuracy"] = [1000, 0.503, 0.001]
    figures["ols/raab_simple/age/covered"] = [1000, 0.99, 0.003]
    for goal, names in missed().items():
        assert names == [] or "descriptives" in goal
    figures["ols/raab_simple/age/covered"] = [1000, 0.92, 0.009]
    figures["ordered/reiter_partial/hc/error"] = [1000, 0.03, 0.001]
    figures["correlation/synthetic/age/hgt"] = [1000, -0.004, 0.001]
    figures["confusion/held_out/accuracy"] = [1000, 0.53, 0.001]
    names = [name for missed_names in missed().values() for name in missed_names]
    for name in ("ols age", "ordered hc", "age hgt", "on held-out rows"):
        assert name in names
    figures["ols/bootstrap/age/covered"] = [1000, 0.915, 0.009]
    names = [name for missed_names in missed().values() for name in missed_names]
    assert names.count("ols age") == 1  # the bootstrap's own, no longer that of the rule


def test_document_has_the_tables_of_the_results():
    stored = json.loads(
        (ROOT / "benchmarks" / "results" / "study_boys.json").read_text(encoding="utf-8")
    )
    text = (ROOT / "docs" / "study-boys.md").read_text(encoding="utf-8")
    assert boys_tables.with_report(text, boys_tables.report(stored)) == text
    assert stored["procedures"]["cart"]["samples"] == 1000


def test_truth_is_that_of_r(true_boys):
    """R: lm(hgt ~ age + phb) and MASS::polr(gen ~ age + hc + reg) on the completed boys."""
    figures = truth_of(true_boys).figures
    expected = {
        "ols/(Intercept)": 61.9589603739,
        "ols/age": 7.2511740924,
        "ols/phb.L": -13.7953855114,
        "ols/phb.Q": -0.7778175310,
        "ols/phb.C": -2.6536699420,
        "ols/phb^4": 1.7262035687,
        "ols/phb^5": 0.6980640436,
        "ordered/age": 0.48520664,
        "ordered/hc": -0.20625387,
        "ordered/regeast": -0.45761415,
        "ordered/regwest": 0.24959509,
        "ordered/regsouth": 0.43264591,
        "ordered/regcity": 0.27370243,
        "ordered/G1|G2": -6.86080308,
        "ordered/G2|G3": -5.16054761,
        "ordered/G3|G4": -4.41166869,
        "ordered/G4|G5": -3.29895988,
    }
    assert set(expected) == {name for name in figures if name.startswith(("ols", "ordered"))}
    for name, value in expected.items():
        assert figures[name] == pytest.approx(value, rel=1e-6), name


def test_paper_s_data_are_synthesized_and_measured(true_boys):
    """One of the study's own samples; the paper's widths, 1.1 times those of the sample."""
    truth = truth_of(true_boys)
    sample = bootstrap_sample(true_boys, 1, seed=1)
    made = synthesize_sample(sample, 1, seed=1)
    found = measure(truth, sample, made, np.random.default_rng(1))
    assert not any(name.endswith("/failed") for name in found)
    for kind, terms in MODELS.items():
        for term in terms:
            widths = [
                found[f"{kind}/{side}/{term}/half_width"] for side in ("bootstrap", "raab_simple")
            ]
            assert 0.8 < widths[1] / widths[0] < 1.5
