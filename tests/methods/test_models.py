"""Fitted models: which rows they draw, and that blocks never matter."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gpusynth.errors import PlanError
from gpusynth.methods import (
    Block,
    Cart,
    CartModel,
    Constant,
    DrawnColumns,
    Keep,
    Sample,
    SampleModel,
    StepData,
    StepTarget,
)
from gpusynth.streams import StreamKey
from gpusynth.table import Table
from gpusynth.trees import ClassTarget, NumberTarget, Predictor, PredictorTable

N = 5000
KEY = StreamKey(seed=11, replicate=1, step=3)


@pytest.fixture(scope="module")
def real() -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    sector = random.integers(0, 20, N).astype(np.uint8)
    size = random.integers(0, 300, N).astype(np.uint16)
    exports = (random.random(N) < 0.05 + 0.04 * sector).astype(np.uint8)
    sales = np.round(np.exp(random.normal(size / 60.0, 1)), 2)
    return {
        "sector": sector,
        "size": size,
        "exports": exports,
        "sales": sales,
        "weight": random.integers(0, 5, N).astype(float),
        "row": np.arange(N, dtype=np.uint16),
    }


def predictors(real, rows=slice(None)) -> PredictorTable:
    return PredictorTable.of(
        [
            Predictor("sector", real["sector"][rows], 20, False),
            Predictor("size", real["size"][rows], 300, True),
        ]
    )


def step_data(real, *, columns=("sector", "size"), target="exports", rows=None) -> StepData:
    """A step whose target codes are the row numbers, so that a draw shows its donor."""
    goal = ClassTarget(real["exports"], 2) if target == "exports" else NumberTarget(real[target])
    values = None if target == "exports" else real[target]
    return StepData(
        predictors=predictors(real),
        columns=columns,
        target=StepTarget(target, real["row"], values, goal),
        rows=rows,
        weight=real["weight"],
        n_real=N,
        table=Table(schema=None, codecs={}, codes={}, values={}, n_rows=N),
    )


def draw(model, real, *, n=N, first=0, total=None, key=KEY):
    part = slice(first, first + n)
    drawn = DrawnColumns(predictors(real, part), lambda name: (real[name][part], None))
    return model.draw(drawn, key, Block(first, n, total or N))


@pytest.mark.parametrize("target", ["exports", "sales"])
@pytest.mark.parametrize("method", [Cart(), Cart(weighted=True), Sample(), Sample(weighted=True)])
def test_blocks_never_matter(real, method, target):
    model = method.fit(step_data(real, target=target))
    whole, values = draw(model, real)
    cuts = [0, 1, 700, 4096, N]
    parts = [draw(model, real, first=a, n=b - a) for a, b in itertools.pairwise(cuts)]
    assert np.array_equal(whole, np.concatenate([codes for codes, _ in parts]))
    if values is not None:
        assert np.array_equal(values, np.concatenate([part for _, part in parts]))


@pytest.mark.parametrize("method", [Cart(), Cart(weighted=True), Sample()])
def test_some_rows_are_drawn_as_if_all_were(real, method):
    model = method.fit(step_data(real, target="sales"))
    drawn = DrawnColumns(predictors(real), lambda name: (real[name], None))
    positions = np.flatnonzero(real["sector"] == 3).astype(np.int32)
    for attempt in (0, 2):
        whole, _ = model.draw(drawn, KEY, Block(0, N, N, attempt=attempt))
        some, values = model.draw(drawn, KEY, Block(0, N, N, positions, attempt))
        assert np.array_equal(some, whole[positions])
        assert np.array_equal(values, real["sales"][some])


def test_another_attempt_draws_other_rows(real):
    model = Cart().fit(step_data(real))
    drawn = DrawnColumns(predictors(real), lambda name: (real[name], None))
    first, _ = model.draw(drawn, KEY, Block(0, N, N))
    again, _ = model.draw(drawn, KEY, Block(0, N, N, attempt=1))
    assert (first != again).mean() > 0.5


@pytest.mark.parametrize("method", [Cart(), Sample()])
def test_a_donor_hands_on_its_exact_value(real, method):
    codes, values = draw(method.fit(step_data(real, target="sales")), real)
    assert np.array_equal(values, real["sales"][codes])


@pytest.mark.parametrize(
    "method", [Cart(), Cart(weighted=True), Sample(), Sample(weighted=True), Constant()]
)
def test_only_rows_that_take_part_are_donors(real, method):
    rows = np.flatnonzero(real["sector"] == 3).astype(np.int32)
    if isinstance(method, Constant):
        rows = rows[:1]
    codes, _ = draw(method.fit(step_data(real, target="sales", rows=rows)), real)
    assert np.isin(codes, rows).all()


@pytest.mark.parametrize("method", [Cart(weighted=True), Sample(weighted=True)])
def test_rows_of_weight_zero_are_never_donors(real, method):
    codes, _ = draw(method.fit(step_data(real)), real)
    assert (real["weight"][codes] > 0).all()


def test_weighted_sample_follows_the_weights(real):
    codes, _ = draw(Sample(weighted=True).fit(step_data(real)), real)
    drawn = np.bincount(real["weight"][codes].astype(int), minlength=5)
    shares = np.bincount(real["weight"].astype(int), real["weight"]) / real["weight"].sum()
    expected = shares * N
    chi2 = ((drawn[1:] - expected[1:]) ** 2 / expected[1:]).sum()
    assert chi2 < 16.27  # 3 degrees of freedom, false alarm 1 in 1000


def test_sample_is_uniform(real):
    model = Sample().fit(step_data(real))
    drawn = sum(
        np.bincount(draw(model, real, key=KEY.at(replicate=r))[0], minlength=N)
        for r in range(1, 21)
    )
    chi2 = ((drawn - 20) ** 2 / 20).sum()
    # Chi-square with 4999 degrees of freedom: mean 4999, sd 100; false alarm 1 in 1000.
    assert abs(chi2 - (N - 1)) < 3.3 * np.sqrt(2 * (N - 1))


def test_weights_that_are_all_zero_among_the_rows_count_alike(real):
    rows = np.flatnonzero(real["weight"] == 0).astype(np.int32)
    codes, _ = draw(Sample(weighted=True).fit(step_data(real, rows=rows)), real)
    assert len(np.unique(codes)) > 500


def test_cart_keeps_what_depends_on_what(real):
    codes, _ = draw(Cart().fit(step_data(real)), real)
    synthetic = real["exports"][codes]
    for sector in range(20):
        inside = real["sector"] == sector
        p = real["exports"][inside].mean()
        # Five standard errors of a share: false alarm under 1 in 10^5 for 20 sectors.
        error = np.sqrt(2 * p * (1 - p) / inside.sum())
        assert abs(synthetic[inside].mean() - p) < 5 * error


def test_cart_of_numbers_follows_its_predictor(real):
    _, values = draw(Cart().fit(step_data(real, target="sales")), real)
    logs = np.log(values)
    assert abs(np.corrcoef(logs, real["size"])[0, 1] - 0.82) < 0.05


def test_cart_without_predictors_is_sample(real):
    model = Cart().fit(step_data(real, columns=()))
    assert isinstance(model, SampleModel)
    same = Sample().fit(step_data(real, columns=()))
    assert np.array_equal(draw(model, real)[0], draw(same, real)[0])


def test_cart_parameters_reach_the_tree(real):
    big = Cart().fit(step_data(real))
    small = Cart(max_leaves=4).fit(step_data(real))
    flat = Cart(max_depth=1).fit(step_data(real))
    assert isinstance(big, CartModel)
    assert big.size.n_leaves > 50
    assert small.size.n_leaves == 4
    assert (flat.size.n_leaves, flat.size.depth) == (2, 1)
    assert Cart(min_leaf=N).fit(step_data(real)).size.n_leaves == 1


def test_a_tree_reads_codes_as_it_reads_a_table(real):
    model = Cart().fit(step_data(real))
    drawn = DrawnColumns(None, lambda name: (real[name], None))
    again, _ = model.draw(drawn, KEY, Block(0, N, N))
    assert np.array_equal(draw(model, real)[0], again)


def test_replicates_and_steps_differ(real):
    model = Cart().fit(step_data(real))
    first, _ = draw(model, real)
    for other in (KEY.at(replicate=2), KEY.at(step=4), StreamKey(12, replicate=1, step=3)):
        assert (draw(model, real, key=other)[0] != first).mean() > 0.5


def test_keep_takes_the_rows_that_the_block_starts_with(real):
    model = Keep().fit(step_data(real, target="sales"))
    start = np.random.default_rng(1).integers(0, N, 100)
    drawn = DrawnColumns(None, lambda name: (real[name], None))
    codes, values = model.draw(drawn, KEY, Block(0, 100, 100, start=start))
    assert np.array_equal(codes, start)
    assert np.array_equal(values, real["sales"][start])


def test_constant(real):
    data = step_data(real, target="sales", rows=np.array([7], np.int32))
    codes, values = draw(Constant().fit(data), real, n=10)
    assert codes.dtype == real["row"].dtype
    assert (codes == 7).all()
    assert (values == real["sales"][7]).all()


def test_constant_of_two_values(real):
    with pytest.raises(PlanError, match=r"'sales'.*data row 2 "):
        Constant().fit(step_data(real, target="sales"))
