"""Promise: a partial synthesis changes what was selected, and nothing else."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import gpusynth
from gpusynth import Column, Plan, Schema
from gpusynth.plan import Partial, Rule
from tests.behaviour.plan_survey import SCHEMA, survey


def numbered(n: int = 800) -> tuple[pa.Table, Schema]:
    """The survey with a number for each real row, which is kept."""
    table = survey(n).append_column("row", pa.array(np.arange(n)))
    return table, Schema(
        columns=(*SCHEMA.columns, Column(name="row", kind="integer", storage="int64"))
    )


@pytest.mark.parametrize("n_rows", [None, 300, 1500])
@pytest.mark.parametrize("smoothing", [{}, {"pay": "density", "income": "density"}])
def test_kept_answers_are_the_real_rows(n_rows, smoothing):
    table, schema = numbered()
    partial = Partial(columns=("pay", "income", "job"), rows="pay > quantile(pay, 0.7)")
    plan = Plan(partial=partial, smoothing=smoothing)
    frame = gpusynth.synthesize(table, schema, plan, n_rows=n_rows, seed=2).to_pandas()
    real = table.to_pandas()
    source = real.iloc[frame.row].reset_index(drop=True)
    if n_rows is None:
        assert sorted(frame.row) == list(range(800))
    kept = [name for name in real.columns if name not in partial.columns]
    assert frame[kept].equals(source[kept])
    chosen = source.pay > np.quantile(real.pay, 0.7)
    assert frame[~chosen].equals(source[~chosen])
    assert (frame.pay[chosen] != source.pay[chosen]).mean() > 0.5
    if not smoothing:  # fitted on the selected rows only, so donors are selected rows
        assert set(frame.pay[chosen]) <= set(real.pay[real.pay > np.quantile(real.pay, 0.7)])


def test_whole_columns():
    table, schema = numbered()
    plan = Plan(partial=Partial(columns=("income",)))
    frame = gpusynth.synthesize(table, schema, plan, seed=2).to_pandas()
    real = table.to_pandas().iloc[frame.row].reset_index(drop=True)
    assert frame.drop(columns="income").equals(real.drop(columns="income"))
    assert (frame.income != real.income).mean() > 0.5


def test_rules_hold_where_answers_are_synthesized():
    table, schema = numbered()
    plan = Plan(
        partial=Partial(columns=("income",), rows="staff > 4"),
        rules=[Rule(target="income", when="age < 30", value=0)],
    )
    frame = gpusynth.synthesize(table, schema, plan, seed=2).to_pandas()
    real = table.to_pandas().iloc[frame.row].reset_index(drop=True)
    assert (frame.income[(frame.staff > 4) & (frame.age < 30)] == 0).all()
    assert (frame.income[frame.staff <= 4] == real.income[frame.staff <= 4]).all()


def test_replicates_differ_in_what_is_synthesized():
    table, schema = numbered()
    plan = Plan(partial=Partial(columns=("income",)))
    first, second = gpusynth.synthesize(table, schema, plan, n_replicates=2)
    first, second = (f.to_pandas().sort_values("row", ignore_index=True) for f in (first, second))
    assert first.drop(columns="income").equals(second.drop(columns="income"))
    assert (first.income != second.income).mean() > 0.3


def test_real_loans(shared_data):
    import pandas as pd

    real = pd.read_csv(shared_data("firm/ppp_mt_small.csv"))
    real = real[["LoanAmount", "BusinessType", "JobsRetained", "CD"]].assign(row=range(len(real)))
    rows = "LoanAmount > quantile(LoanAmount, 0.95)"
    plan = Plan(partial=Partial(columns=("LoanAmount", "JobsRetained"), rows=rows))
    inferred = gpusynth.infer_schema(real).schema  # "row" would be a key, numbered afresh
    columns = [c.model_copy(update={"role": "synthesize"}) for c in inferred.columns]
    schema = Schema(columns=tuple(columns))
    synthetic = gpusynth.synthesize(real, schema, plan, seed=1)
    synthetic = synthetic.sort_values("row", ignore_index=True)
    top = real.LoanAmount > np.quantile(real.LoanAmount, 0.95)
    for name in real.columns:
        same = (synthetic[name] == real[name]) | (synthetic[name].isna() & real[name].isna())
        assert same[~top].all(), name
    assert (synthetic.LoanAmount != real.LoanAmount)[top].mean() > 0.5
