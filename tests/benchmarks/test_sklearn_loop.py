"""The peer must do the work that it is timed for."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.clock import Stopwatch
from benchmarks.peers import sklearn_loop
from gpusynth.engine.real.prepared import Prepared


@pytest.fixture(scope="module")
def drawn(small_firms: Prepared) -> tuple[Prepared, sklearn_loop.SyntheticCodes, Stopwatch]:
    stopwatch = Stopwatch()
    table, plan = small_firms.table, small_firms.resolved.plan
    return small_firms, sklearn_loop.synthesize(table, plan, stopwatch), stopwatch


def test_every_column_is_drawn_and_holds_real_codes_only(drawn: Any) -> None:
    prepared, synthetic, _ = drawn
    assert synthetic.codes.keys() == prepared.table.codes.keys()
    for name, codes in synthetic.codes.items():
        real = prepared.table.codes[name]
        assert codes.dtype == real.dtype
        assert codes.shape == real.shape
        assert np.isin(codes, real).all(), name


def test_exact_numbers_come_with_their_codes(drawn: Any) -> None:
    prepared, synthetic, _ = drawn
    table = prepared.table
    assert synthetic.values.keys() == table.values.keys()
    for name, values in synthetic.values.items():
        ordinary = synthetic.codes[name] >= table.codecs[name].n_special
        real = set(zip(table.codes[name].tolist(), table.values[name].tolist(), strict=True))
        pairs = zip(synthetic.codes[name][ordinary], values[ordinary], strict=True)
        assert all((int(code), value) in real for code, value in pairs), name


def test_states_and_values_of_a_number_are_both_drawn(drawn: Any) -> None:
    prepared, synthetic, _ = drawn
    plan = prepared.resolved.plan
    two_steps = [step.target for step in plan.steps if step.part == "value"]
    assert two_steps
    for name in two_steps:
        n_special = prepared.table.codecs[name].n_special
        real, codes = prepared.table.codes[name], synthetic.codes[name]
        # Shares of 2,000 draws that depend on earlier draws: 6 standard errors of 0.011.
        assert abs((codes < n_special).mean() - (real < n_special).mean()) < 0.07
        assert len(np.unique(codes[codes >= n_special])) > 1


def test_a_dependence_survives(drawn: Any) -> None:
    """Certainty firms (group 0), and only they, have weight 1: a tree finds that at once."""
    prepared, synthetic, _ = drawn
    codecs = prepared.table.codecs
    group = synthetic.codes["RG"]
    real_group, real_weight = prepared.table.codes["RG"], prepared.table.codes["TABWGT"]
    certain = np.unique(real_group[real_weight < codecs["TABWGT"].n_special])
    assert len(certain) == 1
    is_one = synthetic.codes["TABWGT"] < codecs["TABWGT"].n_special
    assert is_one.any()
    assert np.mean((group == certain[0]) == is_one) > 0.99


def test_the_three_phases_are_timed(drawn: Any) -> None:
    *_, stopwatch = drawn
    assert stopwatch.phases.keys() == {"pack", "fit", "draw"}
    assert stopwatch.phases["fit"].cpu > 0
    assert stopwatch.total().cpu >= stopwatch.phases["fit"].cpu


def test_leaves_keep_their_least_rows_and_donors_are_all_rows(small_firms: Prepared) -> None:
    plan = small_firms.resolved.plan
    loop = sklearn_loop._Loop(small_firms.table, plan, min_leaf=5, min_split=15, seed=0)
    step = next(step for step in plan.steps if step.part == "value")
    tree, donors = loop.fit(step)
    taking_part = small_firms.table.codes[step.target]
    rows = np.flatnonzero(taking_part >= small_firms.table.codecs[step.target].n_special)
    assert np.array_equal(np.sort(donors.rows), rows)
    assert donors.counts[donors.counts > 0].min() >= 5
    assert tree.min_samples_split == 15


def test_donors_are_drawn_from_the_leaf_evenly() -> None:
    donors = sklearn_loop._Donors.of(np.array([2, 1, 2, 2]), 3, np.array([10, 11, 12, 13]))
    nodes = np.repeat([1, 2], 3_000)
    drawn = donors.draw(nodes, np.random.default_rng(5))
    assert (drawn[:3_000] == 11).all()
    counts = np.bincount(drawn[3_000:], minlength=14)
    assert counts[[10, 12, 13]].sum() == 3_000
    # Binomial(3,000, 1/3): 5 standard deviations of 25.8; false alarm below 2e-6.
    assert (abs(counts[[10, 12, 13]] - 1_000) < 130).all()


def test_columns_that_are_no_run_are_chosen_one_by_one(small_firms: Prepared) -> None:
    plan = small_firms.resolved.plan
    step = replace(plan.steps[-1], predictors=plan.steps[-1].predictors[1::2])
    only = replace(plan, steps=(*plan.steps[:-1], step))
    loop = sklearn_loop._Loop(small_firms.table, only, min_leaf=5, min_split=2, seed=0)
    chosen = loop._predictors(loop.real, step, np.arange(small_firms.table.n_rows))
    for at, name in enumerate(step.predictors):
        assert np.array_equal(chosen[:, at], small_firms.table.codes[name])
