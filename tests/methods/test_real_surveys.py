"""Methods on real surveys, where these are beside the checkout."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from gpusynth.methods import Nested, NormRank, Parametric, Pmm, parse_method
from gpusynth.table import Column, Table
from tests.methods.method_cases import Draws, coded, step

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def rows_of(name: str) -> list[dict[str, str]]:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the real file {name} is not here")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def loans() -> Table:
    """Loans to real firms; codes of industries at three levels, missing ones at each."""
    rows = rows_of("firm/ppp_mt_small.csv")
    naics = [row["NAICSCode"] or None for row in rows]
    columns = {
        "two": [code and code[:2] for code in naics],
        "four": [code and code[:4] for code in naics],
        "six": naics,
        "legal": [row["BusinessType"] or None for row in rows],
        "jobs": [int(row["JobsRetained"]) if row["JobsRetained"] else None for row in rows],
        "amount": [float(row["LoanAmount"]) for row in rows],
    }
    kinds = {"jobs": ("integer", "int64"), "amount": ("numeric", "double")}
    return coded(
        pa.table(columns),
        tuple(
            Column(name=name, kind=kind, storage=storage, decimals=2 if name == "amount" else None)
            for name in columns
            for kind, storage in (kinds.get(name, ("categorical", "string")),)
        ),
    )


def test_nested_industries_are_consistent(loans):
    """Two digits as they are, four within them, six within those: as a run draws them."""
    drawn = Table(loans.schema, loans.codecs, dict(loans.codes), loans.values, loans.n_rows)
    chain = (("two", None), ("four", "two"), ("six", "four"))
    for number, (name, parent) in enumerate(chain, start=1):
        predictors = () if parent is None else (parent, "legal", "amount")
        method = parse_method("sample") if parent is None else Nested(parent=parent, min_rows=200)
        draws = Draws(method.fit(step(loans, name, predictors)), drawn, predictors)
        draws.key = draws.key.at(step=number)
        drawn.codes[name] = draws()[0]
    texts = {
        name: loans.codecs[name].decode(drawn.codes[name], None).to_pylist() for name, _ in chain
    }
    for two, four, six in zip(*texts.values(), strict=True):
        assert (two is None) == (four is None) == (six is None)
        assert two is None or (four.startswith(two) and six.startswith(four))
    real = set(zip(*(loans.codes[name].tolist() for name, _ in chain), strict=True))
    assert set(zip(*(drawn.codes[name].tolist() for name, _ in chain), strict=True)) <= real
    counts = np.bincount(drawn.codes["six"], minlength=loans.codecs["six"].n_codes)
    shares = np.bincount(loans.codes["six"], minlength=loans.codecs["six"].n_codes)
    assert stats.spearmanr(counts, shares).statistic > 0.95
    assert not np.array_equal(drawn.codes["six"], loans.codes["six"])


# A line through a skewed predictor is bent by its largest values: normrank keeps less than pmm.
@pytest.mark.parametrize(("method", "least"), [(NormRank(), 0.3), (Pmm(n_donors=5), 0.5)])
def test_amounts_keep_margin_and_dependence(loans, method, least):
    predictors = ("two", "legal", "jobs")
    model = method.fit(step(loans, "amount", predictors))
    codes, _ = Draws(model, loans, predictors)()
    known = loans.codecs["amount"].code_values
    first = loans.codecs["amount"].n_special
    real, synthetic = known[loans.codes["amount"] - first], known[codes - first]
    assert np.quantile(synthetic, [0.1, 0.5, 0.9]) == pytest.approx(
        np.quantile(real, [0.1, 0.5, 0.9]), rel=0.2
    )
    jobs = loans.codes["jobs"]
    ours, theirs = (stats.spearmanr(x, jobs).statistic for x in (synthetic, real))
    assert least < ours < theirs + 0.05


def test_legal_forms_by_parametric(loans):
    predictors = ("two", "amount")
    model = Parametric().fit(step(loans, "legal", predictors))
    codes, _ = Draws(model, loans, predictors)()
    n_codes = loans.codecs["legal"].n_codes
    real = np.bincount(loans.codes["legal"], minlength=n_codes) / loans.n_rows
    drawn = np.bincount(codes, minlength=n_codes) / loans.n_rows
    # Pseudo-rows pull shares together a little, besides sampling error.
    assert np.abs(real - drawn).max() < 0.01
