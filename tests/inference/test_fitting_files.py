"""Pooled regressions from files: what is read, levels that differ, and what is refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import statsmodels.api as sm

from gpusynth.errors import DataError, PlanError
from gpusynth.inference import Clustered, RandomGroups, ReplicateWeights, fit
from gpusynth.table import Column, Schema
from tests.inference.conftest import firms

FORMULA = "{} ~ C(sector) + size"

RESPONSE = {
    **{"ols": "receipts", "logit": "exports", "poisson": "staff"},
    **{"ordered": "grade", "multinomial": "grade", "quantile": "receipts"},
}


def test_files_of_every_kind(replicates, tmp_path):
    """A run's directory, CSV, pandas with categories: the same figures; unused columns unread."""
    formula = "exports ~ sector + size"
    expected = fit(formula, replicates[:2], model="logit").table()
    for number, table in enumerate(replicates[:2], start=1):
        pq.write_table(table, tmp_path / f"replicate_{number:03d}.parquet")
        pyarrow.csv.write_csv(table, tmp_path / f"text_{number}.csv")
    assert fit(formula, tmp_path, model="logit").table().equals(expected)
    texts = [tmp_path / "text_1.csv", tmp_path / "text_2.csv"]
    assert fit(formula, texts, model="logit").table().equals(expected)
    frames = [table.to_pandas().astype({"sector": "category"}) for table in replicates[:2]]
    assert fit(formula, frames, model="logit").table().equals(expected)
    narrow = [table.select(["exports", "sector", "size"]) for table in replicates[:2]]
    assert fit(formula, narrow, model="logit").table().equals(expected)


def test_only_the_columns_of_the_model_are_read(replicates, tmp_path, monkeypatch):
    from gpusynth.io.parquet import ParquetSource

    path = tmp_path / "firms.parquet"
    pq.write_table(replicates[0], path)
    asked = []
    original = ParquetSource.batches

    def watched(self, columns=None, **options):
        asked.append(columns)
        return original(self, columns, **options)

    monkeypatch.setattr(ParquetSource, "batches", watched)
    fit("log(receipts) ~ size", path, weights="weight", vcov=Clustered("cluster"))
    assert asked == [["receipts", "size", "weight", "cluster"]]


def test_schema_says_what_is_missing_and_categorical():
    codes = pa.table({"y": [1.0, 2, 3, 4, 5, 6], "x": [0, 1, 2, -8, 0, 1], "z": [1, 2, 2, 1, 2, 1]})
    schema = Schema(
        columns=(
            Column(name="x", kind="integer", storage="int64", missing_codes=(-8,)),
            Column(name="z", kind="categorical", storage="int64", levels=("2", "1")),
        )
    )
    fitted = fit("y ~ x + z", codes, schema=schema)
    assert fitted.terms == ("Intercept", "x", "z[T.1]")
    assert fitted.replicates[0].n_used == 5
    assert fitted.notes == ("replicate 1: 1 rows with missing values were left out.",)


def test_missing_codes_of_narrow_floats_are_left_out():
    x = pa.array([0.5, 1, 2, -9.9, 0, 1], pa.float32())
    schema = Schema(
        columns=(Column(name="x", kind="numeric", storage="float", missing_codes=(-9.9,)),)
    )
    fitted = fit("y ~ x", pa.table({"y": [1.0, 2, 3, 4, 5, 7], "x": x}), schema=schema)
    assert fitted.replicates[0].n_used == 5


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_numbers_with_a_text_for_missing(tmp_path, suffix):
    """The letter N beside numbers: text in either file, and numbers by the schema."""
    answers = {"y": ["1", "2.5", "3", "N", "5", "7"], "x": ["0", "1", "N", "2", "0", "1"]}
    path = tmp_path / f"survey{suffix}"
    write = pyarrow.csv.write_csv if suffix == ".csv" else pq.write_table
    write(pa.table(answers), path)
    columns = (
        Column(name="y", kind="numeric", storage="string", missing_codes=("N",)),
        Column(name="x", kind="integer", storage="string", missing_codes=("N",)),
    )
    fitted = fit("y ~ x", path, schema=Schema(columns=columns))
    expected = fit("y ~ x", pa.table({"y": [1.0, 2.5, 5, 7], "x": [0, 1, 0, 1]}))
    assert fitted.replicates[0].n_used == 4
    assert fitted.table().equals(expected.table())


def test_codes_of_a_schema_keep_their_type(tmp_path):
    """Categorical codes stored as numbers compare with numbers, those of a CSV file with text."""
    coded = firms(18, 330, with_group=True)
    categorical = {
        name: Column(name=name, kind="categorical", storage="int64", levels=levels)
        for name, levels in (("exports", ("1", "0")), ("group", tuple(map(str, range(11)))))
    }
    schema = Schema(columns=tuple(categorical.values()))
    plan = RandomGroups(column="group")
    plain = fit("I(exports == 1) ~ size", coded, model="logit", weights="weight", vcov=plan)
    typed = fit(
        "I(exports == 1) ~ size", coded, model="logit", weights="weight", vcov=plan, schema=schema
    )
    assert typed.table().equals(plain.table())
    pyarrow.csv.write_csv(coded, tmp_path / "firms.csv")
    arguments = {"model": "logit", "weights": "weight", "vcov": plan, "schema": schema}
    read = fit('I(exports == "1") ~ size', tmp_path / "firms.csv", **arguments)
    assert read.table().equals(plain.table())
    with pytest.raises(DataError, match="Put it into quotes"):
        fit("I(exports == 1) ~ size", tmp_path / "firms.csv", **arguments)
    # The schema's order of levels decides which one is the event of a bare response.
    bare = fit("exports ~ size", coded, model="logit", schema=schema)
    other = fit("I(exports == 0) ~ size", coded, model="logit")
    np.testing.assert_allclose(bare.pooled.estimate, other.pooled.estimate)


def test_absent_level_is_aligned(replicates):
    """A level that one replicate lacks: its term is pooled over the others, with notes."""
    sector = np.array(replicates[0]["sector"].to_pylist())
    lacking = replicates[0].filter(pa.array(sector != "s2"))
    others = [table.slice(0, lacking.num_rows) for table in replicates[1:]]
    formula = "receipts ~ sector + size"
    fitted = fit(formula, [lacking, *others], rule="reiter_partial")
    assert fitted.table()["n_replicates"].to_pylist() == [3, 3, 2, 3, 3]
    alone = fit(formula, others, rule="reiter_partial")
    assert fitted.pooled.standard_error[2] == pytest.approx(alone.pooled.standard_error[2])
    assert any("no row has the level" in note for note in fitted.notes)
    assert any("2 of 3 replicates" in note for note in fitted.notes)
    assert fitted.wald(["sector[T.s2]", "size"]) == alone.wald(["sector[T.s2]", "size"])
    single = fit(formula, [lacking, others[0]], rule="reiter_partial")
    assert np.isnan(single.pooled.estimate[2])
    assert any("too few to pool" in note for note in single.notes)
    with pytest.raises(DataError, match="too few replicates have all"):
        single.wald(["sector[T.s2]"])


@pytest.mark.parametrize("model", ["ordered", "multinomial"])
def test_absent_level_of_the_response(replicates, model):
    grade = np.array(replicates[0]["grade"].to_pylist())
    lacking = replicates[0].filter(pa.array(grade != "middle"))
    others = [table.slice(0, lacking.num_rows) for table in replicates[1:]]
    fitted = fit("grade ~ size", [lacking, *others], model=model)
    counts = dict(zip(fitted.terms, fitted.table()["n_replicates"].to_pylist(), strict=True))
    if model == "ordered":
        assert counts == {"size": 3, "high|low": 3, "low|middle": 2}
    else:
        assert counts["low: size"] == 3
        assert counts["middle: size"] == 2
    assert any("levels of the response" in note for note in fitted.notes)


def test_stateful_functions_mean_the_same_everywhere(replicates):
    """Polynomials of every replicate are those of the first."""
    fitted = fit("receipts ~ poly(size, 2)", replicates)
    size = replicates[0]["size"].to_numpy()
    x = replicates[1]["size"].to_numpy() - size.mean()
    upper = np.linalg.qr(np.vander(size - size.mean(), 3, increasing=True))[1]
    second = np.vander(x, 3, increasing=True) @ np.linalg.inv(upper)
    mean = sm.OLS(replicates[1]["receipts"].to_numpy().astype(float), second).fit()
    np.testing.assert_allclose(
        np.abs(fitted.replicates[1].parameters[1:]), np.abs(mean.params[1:]), rtol=1e-8
    )


REFUSED = [
    ("receipts ~ nosuch", {}, DataError, "no column 'nosuch'"),
    ("receipts ~ sizes", {}, DataError, "Did you mean 'size'"),
    ("receipts ~ log(size)", {}, DataError, "'log\\(size\\)' is not finite"),
    ("receipts ~ log(sector)", {}, DataError, "cannot be computed"),
    ("receipts ~ size + I(2*size)", {}, DataError, r"singular: 'I\(2 \* size\)'"),
    ("receipts ~ sector + C(sector)", {}, DataError, "singular"),
    ("sector ~ size", {}, DataError, "categorical"),
    ("log(sector) ~ size", {}, DataError, "treats a categorical column"),
    ("log(size) ~ sector", {}, DataError, "not finite in"),
    ("sector ~ size", {"model": "logit"}, DataError, "two levels"),
    ("receipts ~ size", {"model": "logit"}, DataError, "must be 0 and 1"),
    ("size ~ sector", {"model": "poisson"}, DataError, "negative"),
    ("log(staff + 1) ~ size", {"model": "ordered"}, DataError, "needs levels"),
    ("I(receipts > -1) ~ size", {"model": "logit"}, DataError, "same value in all rows"),
    ("I(sector == 1) ~ size", {"model": "logit"}, DataError, "none of its levels. Mind"),
    ('I(exports == "1") ~ size', {"model": "logit"}, DataError, "Leave out the quotes"),
    ('receipts ~ I("s9" != sector)', {}, DataError, "none of its levels"),
    ("receipts ~ 0", {}, DataError, "no term"),
    ('receipts ~ I(sector < "s1")', {}, DataError, "cannot be computed"),
    ('receipts ~ C(sector, Treatment("s9"))', {}, DataError, "level named in Treatment"),
    ("sector ~ C(sector)", {"model": "multinomial"}, DataError, "separation"),
    ("sector ~ C(sector)", {"model": "ordered"}, DataError, "separation"),
    ("I(staff * (sector == 's1')) ~ sector", {"model": "poisson"}, DataError, "separation"),
    ("receipts ~ size", {"model": "probit"}, PlanError, "no model is called"),
    ("receipts ~ size", {"vcov": "hac"}, PlanError, "not known"),
    ("receipts ~ size", {"model": "quantile", "quantile": 1.0}, PlanError, "between 0 and 1"),
    ("receipts ~ size", {"model": "quantile", "vcov": "robust"}, PlanError, "robust already"),
    ("receipts ~ size", {"model": "quantile", "weights": "weight"}, PlanError, "RandomGroups"),
    ("receipts ~ size", {"weights": "sector"}, DataError, "must hold numbers"),
    ("receipts ~ sector", {"weights": "size"}, DataError, "weights in column 'size' are negative"),
    ("receipts ~ size", {"vcov": RandomGroups(column="cluster")}, PlanError, "weights="),
    ("receipts ~ size", {"vcov": ReplicateWeights(columns=("a",), method="brr")}, PlanError, "2"),
    ("grade ~ size - 1", {"model": "ordered"}, DataError, "thresholds"),
    ("poly(receipts, 2) ~ size", {}, PlanError, "is refused"),
    ("receipts ~ size", {"rule": "raghunathan_full"}, DataError, "raab_simple"),
]


@pytest.mark.parametrize(("formula", "arguments", "error", "message"), REFUSED)
def test_refused(replicates, formula, arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        fit(formula, replicates, **arguments)
    assert "\n" not in str(caught.value)


def test_refused_replicates(replicates, tmp_path):
    with pytest.raises(DataError, match="at least 2 replicates"):
        fit("receipts ~ size", replicates[:1], rule="reiter_partial")
    with pytest.raises(DataError, match="differ in their number of rows"):
        fit("receipts ~ size", [replicates[0], replicates[1].slice(1)])
    with pytest.raises(DataError, match="no replicates"):
        fit("receipts ~ size", [])
    with pytest.raises(DataError, match="holds no replicate"):
        fit("receipts ~ size", tmp_path)
    with pytest.raises(DataError, match="is a number in replicate 1 and text in replicate 2"):
        mixed = pa.table({"size": replicates[1]["sector"], "receipts": replicates[1]["size"]})
        fit("receipts ~ size", [replicates[0], mixed])
    with pytest.raises(DataError, match="too few for"):
        fit("receipts ~ size + weight", replicates[0].slice(0, 3))
    with pytest.raises(DataError, match="'e' has one level"):
        fit("y ~ e", pa.table({"y": [1.0, 2.0, 4.0], "e": ["a", "a", "a"]}))
    dated = pa.table({"y": [1.0, 2.0], "d": pa.array([1, 2], pa.date32())})
    with pytest.raises(DataError, match="holds dates"):
        fit("y ~ d", dated)
    with pytest.raises(DataError, match="weights in column 'w' are all 0"):
        fit("y ~ 1", pa.table({"y": [1.0, 2.0], "w": [0.0, 0.0]}), weights="w")
    with pytest.raises(DataError, match="no row has values"):
        fit("y ~ x", pa.table({"y": [1.0, 2.0], "x": pa.array([None, None], pa.float64())}))
    with pytest.raises(DataError, match="random groups"):
        plan = RandomGroups(column="weight", finite_population=False)
        fit(
            "receipts ~ size",
            replicates[0].set_column(2, "weight", pa.array([1.0] * 400)),
            vcov=plan,
        )


@pytest.mark.parametrize("model", ["ols", "logit", "poisson", "ordered", "multinomial", "quantile"])
def test_units_do_not_matter(model):
    """Dollars instead of millions: the same fit, coefficients and errors in other units."""
    table = firms(16)
    million = 2.0**20
    scaled = table.append_column("dollars", pa.array(table["size"].to_numpy() * million))
    first = fit(f"{RESPONSE[model]} ~ sector + size", scaled, model=model, vcov="model")
    second = fit(f"{RESPONSE[model]} ~ sector + dollars", scaled, model=model, vcov="model")
    unit = np.array([1 / million if "dollars" in term else 1.0 for term in second.terms])
    one, other = first.replicates[0], second.replicates[0]
    np.testing.assert_allclose(one.parameters * unit, other.parameters, rtol=1e-7)
    np.testing.assert_allclose(
        np.diagonal(one.covariance) * unit**2, np.diagonal(other.covariance), rtol=1e-7
    )
    if model == "logit":
        robust = [
            fit(f"exports ~ sector + {name}", scaled, model=model, vcov=Clustered("cluster"))
            for name in ("size", "dollars")
        ]
        np.testing.assert_allclose(
            np.diagonal(robust[0].replicates[0].covariance) * unit**2,
            np.diagonal(robust[1].replicates[0].covariance),
            rtol=1e-7,
        )


@pytest.mark.parametrize("size", [1e-100, 1e100])
def test_extreme_units(size):
    table = firms(17)
    scaled = table.append_column("huge", pa.array(table["size"].to_numpy() * size))
    first = fit("exports ~ sector + size", table, model="logit").pooled
    second = fit("exports ~ sector + huge", scaled, model="logit").pooled
    np.testing.assert_allclose(first.estimate[:4], second.estimate[:4], rtol=1e-7)
    assert second.estimate[4] * size == pytest.approx(first.estimate[4])


def test_number_read_as_text_is_refused(tmp_path):
    """A CSV column of numbers with a stray word has as many levels as numbers."""
    path = tmp_path / "survey.csv"
    lines = [f"{i % 7},{i + 0.5}" for i in range(3000)]
    path.write_text("\n".join(["y,x", *lines, "1,unknown"]) + "\n")
    with pytest.raises(DataError, match=r"'x' has 3001 levels.*schema"):
        fit("y ~ x", path)
