"""User-written methods: registered, called on arrays, and not believed blindly."""

from __future__ import annotations

import decimal

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.errors import DataError, PlanError
from gpusynth.methods import METHODS, Cart, method_to_json, parse_method, register_method
from gpusynth.table import Column
from tests.methods.method_cases import Draws, coded, firms, step


@pytest.fixture(scope="module")
def survey():
    return firms(500, seed=3)


@pytest.fixture
def register(monkeypatch):
    """Register for one test only."""
    from gpusynth.methods import registry

    monkeypatch.setattr(registry, "_methods", dict(registry._methods))
    monkeypatch.setattr(registry, "METHODS", registry._methods)
    return register_method


def draw(survey, name, target, predictors=("sector", "staff"), *, part="whole", **parameters):
    method = parse_method({"method": name, **parameters})
    model = method.fit(step(survey, target, predictors, part=part))
    return Draws(model, survey, predictors)


def test_numbers_and_levels_are_plain(survey, register):
    seen = {}

    @register("look")
    def look(target, predictors, synthetic, uniforms):
        seen.update(predictors=predictors, synthetic=synthetic, uniforms=uniforms, target=target)
        return target[(uniforms[:, 0] * len(target)).astype(int)]

    codes, values = draw(survey, "look", "sales", ("sector", "region", "staff", "exports"))()
    assert seen["target"].dtype == np.float64
    assert set(seen["predictors"]["sector"]) == {"20", "21", "22", "23", "24"}
    assert set(seen["synthetic"]["region"]) == {"N", "S", "W", None}
    assert set(seen["predictors"]["exports"]) == {"true", "false"}
    staff, codes_of_staff = seen["predictors"]["staff"], survey.codes["staff"]
    assert np.array_equal(np.isnan(staff), codes_of_staff == 0)  # -9
    assert (staff[codes_of_staff == 1] == 0).all()  # the spike
    assert staff[codes_of_staff > 1].min() == 1
    assert seen["uniforms"].shape == (survey.n_rows, 2)
    picked = (seen["uniforms"][:, 0] * survey.n_rows).astype(int)
    assert np.array_equal(codes, survey.codes["sales"][picked])
    assert np.array_equal(values, seen["target"][picked])


def test_levels_come_back_as_codes(survey, register):
    @register("same_sector")
    def same_sector(target, predictors, synthetic, uniforms):
        return synthetic["sector"]

    codes, values = draw(survey, "same_sector", "sector", ("sector",))()
    assert np.array_equal(codes, survey.codes["sector"])
    assert codes.dtype == np.uint8
    assert values is None

    @register("region_or_none")
    def region_or_none(target, predictors, synthetic, uniforms):
        return np.where(uniforms[:, 0] < 0.5, None, "S")

    codes, _ = draw(survey, "region_or_none", "region")()
    assert survey.codecs["region"].decode(np.unique(codes), None).to_pylist() == [None, "S"]

    @register("truth")
    def truth(target, predictors, synthetic, uniforms):
        return uniforms[:, 0] < 0.5

    codes, _ = draw(survey, "truth", "exports")()
    assert 0.4 < codes.mean() < 0.6


def test_parameters_are_typed_and_named_in_plans(survey, register):
    @register("shifted")
    def shifted(target, predictors, synthetic, uniforms, *, by: float = 1.0, times: int):
        return np.full(len(uniforms), times * by)

    method = parse_method({"method": "shifted", "times": 3})
    assert method.model_dump() == {"by": 1.0, "times": 3}
    assert method_to_json(method) == {"method": "shifted", "by": 1.0, "times": 3}
    assert parse_method(method_to_json(method)) == method
    codes, values = draw(survey, "shifted", "profit", times=3, by=0.5)()
    assert (values == 1.5).all()
    assert len(np.unique(codes)) == 1
    with pytest.raises(PlanError, match="shifted, parameter 'times': it must be given"):
        parse_method("shifted")
    with pytest.raises(PlanError, match=r"shifted, parameter 'by': .*number"):
        parse_method({"method": "shifted", "times": 1, "by": "much"})
    with pytest.raises(PlanError, match="shifted has no parameter 'bye'"):
        parse_method({"method": "shifted", "times": 1, "bye": 2})


def test_only_rows_to_draw_are_returned(survey, register):
    @register("uniform_age")
    def uniform_age(target, predictors, synthetic, uniforms):
        return uniforms[:, 0] * 40

    draws = draw(survey, "uniform_age", "age")
    positions = np.array([3, 17, 400], np.int32)
    whole = draws(attempt=2)
    some = draws(positions=positions, attempt=2)
    assert all(np.array_equal(a, b[positions]) for a, b in zip(some, whole, strict=True))
    assert not np.array_equal(whole[1], draws()[1])


def test_units_of_decimals_and_dates(register):
    tax = [decimal.Decimal("1.25"), decimal.Decimal("2.50"), decimal.Decimal("10.75")] * 10
    table = coded(
        pa.table({"tax": pa.array(tax, pa.decimal128(9, 2))}),
        (Column(name="tax", kind="numeric", storage="decimal128(9, 2)", decimals=2),),
    )

    @register("double")
    def double(target, predictors, synthetic, uniforms):
        assert target.max() == 10.75
        return target * 2

    codes, values = Draws(parse_method("double").fit(step(table, "tax")), table)()
    drawn = table.codecs["tax"].decode(codes, values).to_pylist()
    assert drawn[:3] == [decimal.Decimal("2.50"), decimal.Decimal("5.00"), decimal.Decimal("21.50")]


def test_states_are_drawn_by_cart(survey, register):
    @register("mine")
    def mine(target, predictors, synthetic, uniforms):
        assert not np.isnan(target).any()
        assert target.min() > 0
        return np.full(len(uniforms), 3.0)

    assert parse_method("mine").for_states() == Cart()
    codes, _ = draw(survey, "mine", "staff", ("sector",), part="value")()
    assert (codes >= survey.codecs["staff"].n_special).all()


def test_what_a_function_may_not_return(survey, register):
    wrong = {}

    @register("wrong")
    def function(target, predictors, synthetic, uniforms):
        return wrong["answers"]

    def error(target, answers):
        wrong["answers"] = answers
        with pytest.raises(DataError) as caught:
            draw(survey, "wrong", target)()
        return str(caught.value)

    n = survey.n_rows
    assert "returned an array of shape (3,), but there are 500 rows" in error("age", np.zeros(3))
    assert "shape (500, 2)" in error("age", np.zeros((n, 2)))
    text = np.full(n, "20", object)
    text[4] = "secret"
    message = error("sector", text)
    assert message.startswith("column 'sector': method wrong returned an answer that is none of")
    assert "row 5 is the first" in message
    assert "secret" not in message
    text[4] = None
    assert "missing answer, but the column has none (row 5" in error("sector", text)
    number = np.full(n, 3.0)
    number[7] = -1
    assert "outside of the schema's bounds (row 8 is" in error("age", number)
    number[7] = np.nan
    assert "missing or infinite (row 8 is" in error("age", number)
    assert "must return numbers, not object" in error("age", np.full(n, "x", object))


def test_a_function_that_fails(survey, register):
    @register("broken")
    def broken(target, predictors, synthetic, uniforms):
        raise KeyError("an answer")

    with pytest.raises(DataError, match="method broken failed with KeyError") as caught:
        draw(survey, "broken", "age")()
    assert "an answer" not in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_function_cannot_change_what_it_is_given(survey, register):
    @register("destroys")
    def destroys(target, predictors, synthetic, uniforms):
        result = target[(uniforms[:, 0] * len(target)).astype(int)]
        target[:] = 0
        predictors["sector"][:] = "x"
        return result

    draws = draw(survey, "destroys", "age")
    assert np.array_equal(draws()[0], draws()[0])


@pytest.mark.parametrize("name", ["cart", "keep", ""])
def test_names_that_are_taken(register, name):
    with pytest.raises(PlanError, match="cannot be named"):

        @register(name)
        def function(target, predictors, synthetic, uniforms):
            return target


def test_a_name_can_be_registered_again(survey, register):
    def first(target, predictors, synthetic, uniforms):
        return np.full(len(uniforms), 5.0)

    def second(target, predictors, synthetic, uniforms):
        return np.full(len(uniforms), 7.0)

    for function, answer in ((first, 5), (second, 7)):
        assert register("again")(function) is function
        assert (draw(survey, "again", "age")()[1] == answer).all()


def test_a_function_with_other_arguments(register):
    with pytest.raises(PlanError, match=r"'short'.*takes 2 by place"):

        @register("short")
        def short(target, predictors):
            return target


def test_a_method_that_is_not_registered():
    with pytest.raises(PlanError, match=r"unknown method 'elsewhere'.*must be registered"):
        parse_method({"method": "elsewhere", "by": 1})
    assert "elsewhere" not in METHODS
