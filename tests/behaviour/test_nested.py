"""Promise: a nested code always lies within its parent's."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import gpusynth
from gpusynth import Plan
from gpusynth.plan import Edit, Strata


def industries(n: int = 1200) -> pa.Table:
    """2-digit, 4-digit and 6-digit industries, some of them rare, with receipts."""
    random = np.random.default_rng(7)
    two = random.choice(["11", "23", "44", "99"], n, p=[0.3, 0.3, 0.39, 0.01])
    four = np.char.add(two, random.choice(["10", "20", "30"], n))
    six = np.char.add(four, random.choice(["01", "02"], n))
    return pa.table(
        {
            "naics6": six,
            "naics4": four,
            "naics2": two,
            "receipts": np.round(np.exp(random.normal(4, 1, n)), 1),
        }
    )


CHAIN = {
    "naics4": {"method": "nested", "parent": "naics2", "min_rows": 60},
    "naics6": {"method": "nested", "parent": "naics4", "min_rows": 60},
}


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"proper": "bayesian"},
        {"strata": Strata(columns=("naics2",), min_rows=50)},
        {"edits": [Edit(holds="naics6 not in ('111001', '231001') or receipts < 50", attempts=1)]},
        {"default": "sample"},
    ],
)
def test_chains_are_consistent(choices):
    table = industries()
    plan = Plan(methods=CHAIN, **choices)
    frame = gpusynth.synthesize(table, plan=plan, n_rows=3000, seed=2).to_pandas()
    assert (frame.naics4.str[:2] == frame.naics2).all()
    assert (frame.naics6.str[:4] == frame.naics4).all()
    assert set(frame.naics6) <= set(table["naics6"].to_pylist())
    assert (frame.naics2 == "99").any()
    if "edits" in choices:
        assert (frame.receipts[frame.naics6.isin(["111001", "231001"])] < 50).all()


def test_real_loans(shared_data):
    import pandas as pd

    real = pd.read_csv(shared_data("firm/ppp_mt_small.csv"), dtype={"NAICSCode": str})
    real = real[["NAICSCode", "JobsRetained"]].dropna().reset_index(drop=True)
    real["NAICS2"] = real.NAICSCode.str[:2]
    plan = Plan(methods={"NAICSCode": {"method": "nested", "parent": "NAICS2"}})
    synthetic = gpusynth.synthesize(real, plan=plan, seed=1)
    assert (synthetic.NAICSCode.astype(str).str[:2] == synthetic.NAICS2.astype(str)).all()
