"""What a user's choices become."""

from __future__ import annotations

import pytest

from gpusynth.errors import PlanError
from gpusynth.methods import Cart, Constant, Keep, Sample
from gpusynth.plan import Plan, SynthesisPlan, resolve


def outline(plan: SynthesisPlan) -> list[tuple[str, str, str]]:
    return [(step.target, step.part, step.method.name) for step in plan.steps]


def test_defaults(survey):
    plan = resolve(*survey())
    assert outline(plan) == [
        ("state", "whole", "sample"),  # nothing to predict it from
        ("sector", "whole", "cart"),
        ("staff", "state", "cart"),
        ("staff", "value", "cart"),
        ("sales", "state", "cart"),
        ("sales", "value", "cart"),
        ("fax", "whole", "constant"),
        ("weight", "whole", "cart"),
    ]
    assert [step.number for step in plan.steps] == list(range(1, 9))
    assert plan.steps[4].predictors == plan.steps[5].predictors == ("state", "sector", "staff")
    # A constant predicts nothing.
    assert plan.steps[7].predictors == ("state", "sector", "staff", "sales")
    assert plan.key_columns == ("firm",)
    assert plan.visit == ("state", "sector", "staff", "sales", "fax", "weight")


def test_levels_visits_few_codes_first(survey):
    plan = resolve(*survey(), Plan(visit="levels"))
    assert plan.visit == ("fax", "sector", "state", "staff", "weight", "sales")
    assert outline(plan)[:2] == [("fax", "whole", "constant"), ("sector", "whole", "sample")]


def test_given_order(survey):
    order = ("weight", "sales", "fax", "sector", "staff", "state")
    assert resolve(*survey(), Plan(visit=order)).visit == order


def test_kept_columns_start_and_predict_all(survey):
    schema, codecs = survey(sector="stratum", staff="keep")
    plan = resolve(schema, codecs, Plan(methods={"weight": "keep"}))
    assert plan.visit[:3] == ("sector", "staff", "weight")
    assert [step.method for step in plan.steps[:3]] == [Keep()] * 3
    assert all(step.part == "whole" and not step.predictors for step in plan.steps[:3])
    assert plan.steps[3].predictors == ("sector", "staff", "weight")


def test_kept_columns_need_not_be_listed(survey):
    schema, codecs = survey(sector="keep")
    order = ("state", "staff", "sales", "fax", "weight")
    assert resolve(schema, codecs, Plan(visit=order)).visit == ("sector", *order)


def test_dropped_columns_are_gone(survey):
    schema, codecs = survey(sector="drop")
    plan = resolve(schema, codecs)
    assert "sector" not in plan.visit
    assert plan.dropped_columns == ("sector",)


def test_predictors_are_those_listed_in_visit_order(survey):
    plan = resolve(*survey(), Plan(predictors={"sales": ("staff", "state"), "weight": ()}))
    assert plan.steps[4].predictors == ("state", "staff")
    assert plan.steps[7].method == Sample()


def test_number_of_one_value_besides_missing(survey):
    schema, codecs = survey()
    staff = codecs["staff"]
    codecs["staff"] = type(staff)(staff.column, n_codes=3, n_special=2, is_ordered=True)
    plan = resolve(schema, codecs)
    assert outline(plan)[2:4] == [("staff", "state", "cart"), ("staff", "value", "constant")]


def test_number_of_missing_codes_only(survey):
    schema, codecs = survey()
    staff = codecs["staff"]
    codecs["staff"] = type(staff)(staff.column, n_codes=2, n_special=2, is_ordered=True)
    assert outline(resolve(schema, codecs))[2] == ("staff", "whole", "cart")


def test_weight_never_draws_itself_by_weight(survey):
    plan = resolve(*survey(), Plan(default=Cart(weighted=True)))
    assert plan.steps[0].method == Sample(weighted=True)
    assert plan.steps[1].method == Cart(weighted=True)
    assert plan.steps[7].method == Cart(weighted=False)


def test_constant_can_be_asked_for(survey):
    plan = resolve(*survey(), Plan(methods={"state": "constant"}))
    assert plan.steps[0].method == Constant()


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"methods": {"sectr": "cart"}}, ["'sectr'", "unknown"]),
        ({"methods": {"firm": "cart"}}, ["'firm'", "role key"]),
        ({"default": "keep"}, ["default", "keep"]),
        ({"visit": ("state", "sectr")}, ["visit", "unknown", "'sectr'"]),
        ({"visit": ("state", "state")}, ["visit", "twice", "'state'"]),
        ({"visit": ("state", "firm")}, ["'firm'", "role key"]),
        ({"visit": ("state", "sector")}, ["leaves out", "'staff'", "'weight'"]),
        ({"predictors": {"sectr": ("state",)}}, ["'sectr'", "unknown"]),
        ({"predictors": {"sales": ("sectr",)}}, ["'sales'", "'sectr'", "unknown"]),
        ({"predictors": {"sales": ("sales",)}}, ["'sales'", "itself"]),
        ({"predictors": {"sector": ("sales",)}}, ["'sector'", "'sales'", "later"]),
        ({"predictors": {"sales": ("state", "state")}}, ["'sales'", "twice"]),
        ({"predictors": {"sales": ("firm",)}}, ["'firm'", "role key"]),
        ({"methods": {"sales": "sample"}, "predictors": {"sales": ("state",)}}, ["'sales'"]),
    ],
)
def test_impossible_choices(survey, choices, words):
    with pytest.raises(PlanError) as error:
        resolve(*survey(), Plan(**choices))
    assert all(word in str(error.value) for word in words)
    assert "\n" not in str(error.value)


def test_weighted_without_a_weight(survey):
    schema, codecs = survey(weight="synthesize")
    with pytest.raises(PlanError, match="role weight"):
        resolve(schema, codecs, Plan(methods={"sales": Cart(weighted=True)}))


def test_method_contradicts_role(survey):
    schema, codecs = survey(sector="keep")
    with pytest.raises(PlanError, match="role keep"):
        resolve(schema, codecs, Plan(methods={"sector": "cart"}))


def test_nothing_left(survey):
    roles = dict.fromkeys(("state", "sector", "staff", "sales", "fax", "weight"), "drop")
    with pytest.raises(PlanError, match="nothing to synthesize"):
        resolve(*survey(**roles))


def test_json_round_trip(survey):
    plan = resolve(*survey(), Plan(default=Cart(min_leaf=7), visit="levels"))
    again = SynthesisPlan.from_json(plan.to_json())
    assert again == plan
    assert again.fingerprint() == plan.fingerprint()


def test_fingerprint_tells_plans_apart(survey):
    plans = [
        resolve(*survey(), choices)
        for choices in (
            None,
            Plan(default=Cart(min_leaf=6)),
            Plan(visit="levels"),
            Plan(predictors={"sales": ("state",)}),
        )
    ]
    assert len({plan.fingerprint() for plan in plans}) == len(plans)


@pytest.mark.parametrize("given", [{}, {"format": 1}, {"format": 1, "steps": [{}]}])
def test_json_of_something_else(given):
    with pytest.raises(PlanError):
        SynthesisPlan.from_json(given)


def test_the_matrix_has_a_row_and_a_column_for_each_visited_column(survey):
    plan = resolve(*survey(), Plan(predictors={"sales": ("staff",), "weight": ("state", "staff")}))
    matrix = plan.predictor_matrix()
    assert list(matrix) == list(matrix["weight"]) == list(plan.visit)
    chosen = {
        target: [name for name, there in row.items() if there] for target, row in matrix.items()
    }
    assert chosen["sales"] == ["staff"]  # of its two steps alike
    assert chosen["weight"] == ["state", "staff"]
    assert chosen["state"] == []
