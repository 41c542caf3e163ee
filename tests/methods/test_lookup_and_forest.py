"""lookup: one-to-one columns. bag and forest: donors from several trees."""

from __future__ import annotations

import numpy as np
import pytest

from gpusynth.errors import DataError, PlanError
from gpusynth.methods import Bag, Cart, Forest, ForestModel, Lookup, Sample, SampleModel
from gpusynth.table import Table
from tests.methods.method_cases import Draws, firms, step


@pytest.fixture(scope="module")
def survey() -> Table:
    return firms(3000, seed=13)


def test_what_is_determined_is_looked_up(survey):
    model = Lookup(column="industry").fit(step(survey, "sector"))
    codes, values = Draws(model, survey)()
    assert np.array_equal(codes, survey.codes["sector"])
    assert values is None
    shuffled = np.random.default_rng(1).permutation(survey.n_rows)
    other = Table(
        survey.schema,
        survey.codecs,
        {**survey.codes, "industry": survey.codes["industry"][shuffled]},
        {},
        survey.n_rows,
    )
    codes, _ = Draws(model, other)()
    assert np.array_equal(codes, survey.codes["sector"][shuffled])


def test_what_is_not_determined_is_refused(survey):
    pairs = {}
    differs = [
        pairs.setdefault(sector, industry) != industry
        for sector, industry in zip(
            survey.codes["sector"].tolist(), survey.codes["industry"].tolist(), strict=True
        )
    ]
    row = int(np.argmax(differs)) + 1
    with pytest.raises(PlanError, match=rf"'industry' .* {sum(differs)} rows .*data row {row} "):
        Lookup(column="sector").fit(step(survey, "industry"))


def test_rows_that_take_no_part_need_not_agree(survey):
    rows = np.sort(np.unique(survey.codes["sector"], return_index=True)[1]).astype(np.int32)
    model = Lookup(column="sector").fit(step(survey, "industry", rows=rows))
    codes, _ = Draws(model, survey)()
    assert set(codes) == set(survey.codes["industry"][rows])


def test_a_code_that_no_real_row_has(survey):
    codes = survey.codes["industry"].copy()
    absent = int(codes[5])
    codes[codes == absent] = (absent + 1) % survey.codecs["industry"].n_codes
    real = Table(survey.schema, survey.codecs, {**survey.codes, "industry": codes}, {}, 3000)
    sectors = real.codes["industry"] // 4
    real.codes["sector"] = sectors.astype(np.uint8)
    model = Lookup(column="industry").fit(step(real, "sector"))
    first = int(np.argmax(survey.codes["industry"] == absent)) + 1
    with pytest.raises(DataError, match=rf"'sector': synthetic row {first} has an answer in 'ind"):
        Draws(model, survey)()


def test_trees_of_a_bag_differ_and_all_are_used(survey):
    predictors = ("sector", "region", "age")
    model = Bag(n_trees=4).fit(step(survey, "sales", predictors))
    assert isinstance(model, ForestModel)
    leaves = [tree.n_leaves for tree, _ in model.trees]
    assert len({tree.threshold.tobytes() + tree.left.tobytes() for tree, _ in model.trees}) == 4
    assert model.size.n_leaves == sum(leaves)
    draws = Draws(model, survey, predictors)
    codes, _ = draws()
    alone = [
        Draws(ForestModel((pair,), model.target), survey, predictors)()[0] for pair in model.trees
    ]
    # Each row's draw is that of the tree which its second random number names.
    number = (block_shares(survey.n_rows, draws.key)[:, 1] * 4).astype(int)
    assert np.array_equal(codes, np.choose(number, alone))
    counts = np.bincount(number, minlength=4)
    assert ((counts - 750) ** 2 / 750).sum() < 21.1  # 3 degrees of freedom, 1 in 10,000


def block_shares(n_rows, key):
    from gpusynth.streams import uniform

    return uniform(key, 0, n_rows)


def test_a_bag_of_one_tree_on_all_rows_is_cart(survey, monkeypatch):
    predictors = ("sector", "region", "age")
    data = step(survey, "industry", predictors)
    monkeypatch.setattr(
        "gpusynth.methods.forest._bootstrap",
        lambda data, weight, key, number: np.arange(data.n_real, dtype=np.int32),
    )
    bag, cart = Bag(n_trees=1).fit(data), Cart().fit(data)
    assert np.array_equal(Draws(bag, survey, predictors)()[0], Draws(cart, survey, predictors)()[0])


def test_bootstrap_samples_are_those_of_the_column_and_the_seed(survey):
    data = step(survey, "sales", ("sector", "age"))
    first, again = (Bag(n_trees=2).fit(data).trees for _ in range(2))
    other = Bag(n_trees=2, seed=1).fit(data).trees
    for (_, donors), (_, same), (_, differs) in zip(first, again, other, strict=True):
        assert np.array_equal(donors.rows, same.rows)
        assert not np.array_equal(donors.rows, differs.rows)
    assert not np.array_equal(first[0][1].rows, first[1][1].rows)
    in_bag = len(np.unique(first[0][1].rows)) / survey.n_rows
    assert in_bag == pytest.approx(1 - np.exp(-1), abs=0.04)


def test_a_bag_keeps_what_depends_on_what(survey):
    predictors = ("sector", "age", "staff")
    codes, _ = Draws(Bag().fit(step(survey, "exports", predictors)), survey, predictors)()
    for sector in range(5):
        here = survey.codes["sector"] == sector
        real, drawn = survey.codes["exports"][here].mean(), codes[here].mean()
        error = np.sqrt(2 * real * (1 - real) / here.sum())
        assert abs(real - drawn) < 5 * error  # false alarm under 1 in 10^5


def test_a_bag_without_predictors_is_sample(survey):
    data = step(survey, "sales")
    model = Bag().fit(data)
    assert isinstance(model, SampleModel)
    assert np.array_equal(Draws(model, survey)()[0], Draws(Sample().fit(data), survey)()[0])


def test_rows_of_weight_zero_are_never_donors_of_a_bag(survey):
    weight = (survey.codes["legal"] == 1).astype(float)
    model = Bag(n_trees=3, weighted=True).fit(
        step(survey, "industry", ("sector", "age"), weight=weight)
    )
    for _, donors in model.trees:
        assert (weight[donors.rows] > 0).all()


def test_nodes_of_a_forest_are_offered_some_columns(survey):
    """Of four predictors a node is offered two: trees ask for all, but not for the best first."""
    predictors = ("sector", "staff", "region", "legal")
    data = step(survey, "sales", predictors)
    bag, forest = Bag(n_trees=20).fit(data), Forest(n_trees=20).fit(data)

    def first_questions(model):
        return {tree.predictors[tree.feature[0]] for tree, _ in model.trees}

    assert len(first_questions(bag)) < len(first_questions(forest))
    alike = Forest(n_trees=20, columns_per_split=4).fit(data)
    for (tree, donors), (same, its_donors) in zip(bag.trees, alike.trees, strict=True):
        assert np.array_equal(tree.threshold, same.threshold)
        assert np.array_equal(donors.rows, its_donors.rows)


def test_a_forest_is_the_same_with_more_threads(survey):
    data = step(survey, "industry", ("sector", "region", "age", "legal"))
    one, two = (Forest(n_trees=3).fit(data, n_threads=threads) for threads in (1, 2))
    for (tree, _), (same, _) in zip(one.trees, two.trees, strict=True):
        assert np.array_equal(tree.feature, same.feature)
        assert np.array_equal(tree.left, same.left)


def test_more_columns_per_split_than_columns(survey):
    data = step(survey, "industry", ("sector",))
    model = Forest(n_trees=2, columns_per_split=50).fit(data)
    assert model.size.n_leaves > 2
