"""Groups and nested codes: drawn within their own group, always consistent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.errors import DataError, PlanError
from gpusynth.methods import (
    Cart,
    CartModel,
    GroupedModel,
    Nested,
    Sample,
    SampleModel,
    group_rows,
    method_to_json,
    parse_method,
)
from gpusynth.table import Column
from tests.methods.method_cases import Draws, coded, firms, step


@pytest.fixture(scope="module")
def survey():
    return firms()


@given(
    groups=st.lists(st.integers(-1, 6), max_size=40),
    repeats=st.lists(st.integers(0, 39), max_size=40),
)
@settings(max_examples=60, deadline=None)
def test_groups_hold_each_row_as_often_as_it_was_given(groups, repeats):
    groups = np.array(groups, np.int64)
    rows = np.sort(np.array([r for r in repeats if r < len(groups)], np.int32))
    for given_rows in (None, rows):
        sorted_rows = group_rows(groups, 7, rows=given_rows)
        everyone = np.arange(len(groups)) if given_rows is None else given_rows
        for group in range(7):
            assert np.array_equal(sorted_rows.rows_of(group), everyone[groups[everyone] == group])
        assert sorted_rows.sizes().sum() == (groups[everyone] >= 0).sum()


def test_each_group_is_drawn_from_its_own_model(survey):
    data = step(survey, "industry", ("region", "age"))
    sector = survey.codes["sector"]
    groups = group_rows(sector, 5)
    models = {group: Cart().fit(replace(data, rows=groups.rows_of(group))) for group in range(5)}
    model = GroupedModel(models, lambda drawn, block: block.take(drawn.read("sector")[0]), "x")
    codes, values = Draws(model, survey, ("region", "age"))()
    assert values is None
    for group, part in models.items():
        alone, _ = Draws(part, survey, ("region", "age"))()
        assert np.array_equal(codes[sector == group], alone[sector == group])
    assert model.size.n_leaves == sum(part.size.n_leaves for part in models.values())


def test_groups_may_share_a_model(survey):
    data = step(survey, "sales", ("age",))
    model = Sample().fit(data)
    grouped = GroupedModel(
        dict.fromkeys(range(5), model), lambda d, b: b.take(d.read("sector")[0]), "sales"
    )
    alone, together = Draws(model, survey)(), Draws(grouped, survey)()
    assert np.array_equal(alone[0], together[0])
    assert grouped.size == model.size


def test_a_group_without_a_model(survey):
    model = Sample().fit(step(survey, "industry"))
    grouped = GroupedModel({0: model}, lambda d, b: b.take(d.read("sector")[0]), "industry")
    row = int(np.flatnonzero(survey.codes["sector"] != 0)[0])
    with pytest.raises(DataError, match=rf"'industry': synthetic row {row + 1} belongs"):
        Draws(grouped, survey)()


@pytest.mark.parametrize("method", [Nested(parent="sector"), Nested(parent="sector", min_rows=1)])
def test_pairs_occur_in_the_real_file(survey, method):
    model = method.fit(step(survey, "industry", ("sector", "age", "exports")))
    draws = Draws(model, survey, ("sector", "age", "exports"))
    real = set(zip(survey.codes["sector"], survey.codes["industry"], strict=True))
    for replicate in range(1, 6):
        codes, _ = draws(replicate=replicate)
        assert set(zip(survey.codes["sector"], codes, strict=True)) <= real


def test_numbers_within_a_parent(survey):
    """Numbers have no classes to renumber; each is a donor's of the same sector."""
    model = Nested(parent="sector").fit(step(survey, "sales", ("sector", "age")))
    codes, _ = Draws(model, survey, ("sector", "age"))()
    real = set(zip(survey.codes["sector"], survey.codes["sales"], strict=True))
    assert set(zip(survey.codes["sector"], codes, strict=True)) <= real
    assert len(set(codes)) > 100


def test_a_rare_parent_is_sampled_and_others_have_trees(survey):
    data = step(survey, "industry", ("sector", "age"))
    sizes = np.bincount(survey.codes["sector"], minlength=5)
    model = Nested(parent="sector", min_rows=int(np.sort(sizes)[2])).fit(data)
    kinds = {group: type(part) for group, part in model.models.items()}
    assert sorted(kinds.values(), key=str) == [CartModel] * 3 + [SampleModel] * 2
    assert all((kinds[g] is CartModel) == (sizes[g] >= np.sort(sizes)[2]) for g in kinds)


def test_other_columns_predict_within_a_parent():
    random = np.random.default_rng(2)
    n = 4000
    parent, other = random.integers(0, 2, n), random.integers(0, 2, n)
    child = 2 * parent + np.where(random.random(n) < 0.9, other, 1 - other)
    text = {"parent": parent, "other": other, "child": child}
    table = coded(
        pa.table({name: pa.array(column.astype(str)) for name, column in text.items()}),
        tuple(Column(name=name, kind="categorical", storage="string") for name in text),
    )
    data = step(table, "child", ("parent", "other"))
    codes, _ = Draws(Nested(parent="parent").fit(data), table, ("parent", "other"))()
    share = ((codes % 2) == other).mean()
    assert abs(share - 0.9) < 4.9 * np.sqrt(2 * 0.09 / n)  # false alarm 1 in 10^6
    sampled, _ = Draws(Nested(parent="parent", within="sample").fit(data), table)()
    assert abs(((sampled % 2) == other).mean() - 0.5) < 4.9 * np.sqrt(0.25 * 2 / n)


def test_a_missing_parent_is_a_group_of_its_own(survey):
    data = step(survey, "industry", ("region",))
    model = Nested(parent="region").fit(data)
    assert len(model.models) == 4
    assert survey.codecs["region"].n_special == 1


def test_parents_whose_rows_take_no_part_are_sampled_from_all_their_rows(survey):
    rows = np.flatnonzero(survey.codes["sector"] != 2).astype(np.int32)
    model = Nested(parent="sector").fit(step(survey, "industry", ("sector",), rows=rows))
    codes, _ = Draws(model, survey, ("sector",))()
    inside = survey.codes["sector"] == 2
    assert set(codes[inside]) <= set(survey.codes["industry"][inside])


def test_a_chain_of_generated_codes_is_consistent_at_every_level():
    random = np.random.default_rng(9)
    n = 3000
    two = random.choice(np.arange(11, 31), n, p=random.dirichlet(np.ones(20)))
    four = two * 100 + random.integers(0, 30, n) ** 2 // 40
    six = four * 100 + random.integers(0, 40, n) ** 3 // 1000
    text = {"two": two, "four": four, "six": six}
    table = coded(
        pa.table({name: pa.array(column.astype(str)) for name, column in text.items()}),
        tuple(Column(name=name, kind="categorical", storage="string") for name in text),
    )
    draws_four = Draws(Nested(parent="two").fit(step(table, "four")), table)()[0]
    drawn = type(table)(
        table.schema, table.codecs, {**table.codes, "four": draws_four}, {}, table.n_rows
    )
    draws_six = Draws(Nested(parent="four").fit(step(table, "six")), drawn)()[0]

    def texts(name, codes):
        return table.codecs[name].decode(codes, None).to_pylist()

    codes = zip(texts("two", table.codes["two"]), texts("four", draws_four),
                texts("six", draws_six), strict=True)  # fmt: skip
    assert all(c[0] == c[1][:2] == c[2][:2] and c[1] == c[2][:4] for c in codes)


def test_weights_reach_both_kinds_of_models(survey):
    weight = np.ones(survey.n_rows)
    never = survey.codes["exports"] == 1
    weight[never] = 0.0
    data = step(survey, "industry", ("sector", "age"), weight=weight)
    for method in (
        Nested(parent="sector", weighted=True),
        Nested(parent="sector", within={"method": "cart", "weighted": True}),
        Nested(parent="sector", within="sample", weighted=True),
    ):
        assert method.is_weighted
        rows = np.arange(survey.n_rows, dtype=np.uint16)
        target = type(data.target)("industry", rows, None, data.target.goal)
        model = method.fit(type(data)(**{**_fields(data), "target": target}))
        donors, _ = Draws(model, survey, ("sector", "age"))()
        assert not never[donors].any()


def _fields(data):
    return {name: getattr(data, name) for name in type(data).__slots__}


def test_a_parent_of_too_many_numbers():
    random = np.random.default_rng(1)
    n = 70_000
    table = coded(
        pa.table({"x": pa.array(random.normal(size=n)), "y": pa.array(["a", "b"] * (n // 2))}),
        (
            Column(name="x", kind="numeric", storage="double"),
            Column(name="y", kind="categorical", storage="string"),
        ),
    )
    with pytest.raises(PlanError, match="'y' is nested in 'x', which has too many"):
        Nested(parent="x").fit(step(table, "y"))


def test_the_plan_names_it_with_its_method():
    method = Nested(parent="naics4", within=Cart(min_leaf=3))
    given = method_to_json(method)
    assert given["within"]["min_leaf"] == 3
    assert None not in given["within"].values()
    assert parse_method(given) == method
    assert parse_method({"method": "nested", "parent": "naics4"}).within == Cart()
    assert method.required_columns == ("naics4",)


@pytest.mark.parametrize("within", ["keep", "constant", {"method": "carts"}])
def test_what_does_not_draw_donors_cannot_be_within(within):
    with pytest.raises(PlanError, match="nested"):
        parse_method({"method": "nested", "parent": "a", "within": within})


def test_the_parent_must_be_named():
    with pytest.raises(PlanError, match="'parent'"):
        parse_method("nested")


def test_notes_of_groups_are_gathered(survey):
    class Noted:
        size = None

        def __init__(self, note):
            self.note = note

    notes = {
        0: Noted("b"),
        1: Noted(""),
        2: Noted("a"),
        3: Noted("b"),
        4: Sample().fit(step(survey, "age")),
    }
    assert GroupedModel(notes, None, "x").note == "a; b"
