"""Statistics of linked files: families, and how alike parents, children and siblings are.

All are means over five replicates. The seed is fixed; over 20 others their standard deviations were
0.002 (agreement of sectors), 0.004 (of siblings), 0.01 (intraclass correlations), 0.017
(correlations), 0.04 (ratios of means): every bound is three or more of them beyond the mean, so
that a false alarm after a harmless change of streams comes about once in a hundred.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gpusynth.datasets import firms_and_establishments
from gpusynth.linked import Link, synthesize_linked

LINK = Link(child="establishments", parent="firms", key="firm_id")
UTILITIES = Path(__file__).parents[2] / "../shared/data/firm/eia_utilities.csv"


def intraclass_correlation(values: pd.Series, family: pd.Series) -> float:
    """Analysis of variance estimate for families of unequal size (Donner 1986, eq. 2.1)."""
    sizes = values.groupby(family).size()
    means = values.groupby(family).mean()
    between = (sizes * (means - values.mean()) ** 2).sum() / (len(sizes) - 1)
    rest = values - family.map(means)
    within = (rest**2).sum() / (len(values) - len(sizes))
    size = (len(values) - (sizes**2).sum() / len(values)) / (len(sizes) - 1)
    return float((between - within) / (between + (size - 1) * within))


@pytest.fixture(name="pairs", scope="module")
def _pairs():
    """Firms, and establishments with their firm's columns: the real ones, and the synthetic."""
    firms, establishments = firms_and_establishments(4000, seed=1)
    files = {"firms": firms, "establishments": establishments}
    made = synthesize_linked(files, [LINK], seed=11, n_replicates=5)
    synthetic = [
        _joined({name: tables[number] for name, tables in made.items()}) for number in range(5)
    ]
    return _joined(files), synthetic


def _joined(tables):
    frames = {name: table.to_pandas() for name, table in tables.items()}
    joined = frames["establishments"].merge(
        frames["firms"], on="firm_id", suffixes=("", "_firm"), validate="many_to_one"
    )
    return frames["firms"], joined


def real_and_mean(pairs, statistic):
    """Return a statistic of the real files, and its mean over the replicates."""
    real, synthetic = pairs
    return statistic(*real), np.mean([statistic(*each) for each in synthetic], axis=0)


def test_distribution_of_children(pairs):
    def shares(firms, joined):
        sizes = joined.groupby("firm_id").size().reindex(firms.firm_id).fillna(0).to_numpy()
        return np.searchsorted(np.sort(sizes), np.arange(60), side="right") / len(sizes)

    real, synthetic = real_and_mean(pairs, shares)
    assert np.abs(real - synthetic).max() < 0.02
    real, synthetic = real_and_mean(pairs, lambda firms, joined: len(joined) / len(firms))
    assert synthetic == pytest.approx(real, rel=0.05)


def test_children_agree_with_parents_and_siblings(pairs):
    real, synthetic = real_and_mean(pairs, lambda _, each: (each.sector == each.sector_firm).mean())
    assert synthetic == pytest.approx(real, abs=0.02)

    def alike(_, each):
        return each.sector.eq(each.sector.shift())[each.firm_id.eq(each.firm_id.shift())].mean()

    real, synthetic = real_and_mean(pairs, alike)
    assert synthetic == pytest.approx(real, abs=0.03)


@pytest.mark.parametrize("column", ["employees", "payroll"])
def test_children_grow_with_parents_and_siblings(pairs, column):
    def correlation(_, each):
        return np.corrcoef(np.log1p(each.receipts), np.log1p(each[column]))[0, 1]

    real, synthetic = real_and_mean(pairs, correlation)
    assert synthetic == pytest.approx(real, abs=0.08)

    def likeness(_, each):
        return intraclass_correlation(np.log1p(each[column]), each.firm_id)

    real, synthetic = real_and_mean(pairs, likeness)
    assert real > 0.4
    assert synthetic == pytest.approx(real, abs=0.05)


def test_payroll_by_size_of_firm(pairs):
    edges = np.quantile(pairs[0][0].receipts, [0.25, 0.5, 0.75])

    def by_size(_, each):
        return each.groupby(np.searchsorted(edges, each.receipts)).payroll

    real, synthetic = real_and_mean(pairs, lambda *each: by_size(*each).sum())
    assert np.abs(real / real.sum() - synthetic / synthetic.sum()).max() < 0.05
    real, synthetic = real_and_mean(pairs, lambda *each: by_size(*each).mean())
    assert np.abs(synthetic / real - 1).max() < 0.3


@pytest.mark.skipif(not UTILITIES.exists(), reason="the shared data are not here")
def test_utilities_and_their_months():
    """Real data: electric utilities by state, and twelve months of sales of each."""
    months = pd.read_csv(UTILITIES).query("UTILITYID > 0")
    months["ID"] = months.UTILITYID.astype(str) + months.STATE
    months = months[["ID", "YEAR", "MONTH", "RESREVENUE", "RESSALES", "TOTREVENUE", "TOTSALES"]]
    utilities = months.groupby("ID", as_index=False).TOTSALES.median()
    utilities["SIZE"] = pd.qcut(utilities.pop("TOTSALES"), 5, labels=list("abcde")).astype(str)
    utilities["STATE"] = utilities.ID.str[-2:]
    link = Link(child="months", parent="utilities", key="ID", order="MONTH")
    made = synthesize_linked({"utilities": utilities, "months": months}, [link], seed=1)["months"]
    for column in ("RESSALES", "TOTREVENUE"):
        found = [
            intraclass_correlation(np.log1p(each[column].clip(lower=0)), each.ID)
            for each in (months, made)
        ]
        assert found[1] == pytest.approx(found[0], abs=0.05)
    steps = made.groupby("ID").MONTH.diff().dropna()
    assert (steps == 1).mean() > 0.95
