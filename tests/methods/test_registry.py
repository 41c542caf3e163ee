"""Names and parameters of methods."""

from __future__ import annotations

import json

import pytest

from gpusynth.errors import PlanError
from gpusynth.methods import METHODS, Cart, Method, Sample, method_to_json, parse_method

NEEDED = {
    "nested": {"parent": "naics4"},
    "follow": {"column": "naics4"},
    "lookup": {"column": "naics4"},
    "passive": {"expression": "receipts - cost"},
}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_keeps_the_protocol_and_its_name(name):
    method = parse_method({"method": name, **NEEDED.get(name, {})})
    assert isinstance(method, Method)
    assert method.name == name
    assert parse_method(method_to_json(method)) == method


def test_a_method_passes_through():
    method = Cart(min_leaf=3)
    assert parse_method(method) is method


def test_parameters():
    assert parse_method({"method": "sample", "weighted": True}) == Sample(weighted=True)
    given = {"method": "cart", "min_leaf": 9, "cp": 0.1}
    assert parse_method(given) == Cart(min_leaf=9, cp=0.1)
    assert given == {"method": "cart", "min_leaf": 9, "cp": 0.1}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("carts", ["'carts'", "cart, bag, forest, ", "must be registered"]),
        ({"method": "sample", "min_leaf": 2}, ["sample", "'min_leaf'", "weighted"]),
        ({"method": "cart", "min_leaf": 0}, ["'min_leaf'", "greater than or equal to 1"]),
        ({"method": "cart", "min_leaf": "many"}, ["'min_leaf'", "integer"]),
        ("nested", ["method nested, parameter 'parent': it must be given"]),
        (
            {"method": "nested", "parent": "a", "within": "norm"},
            ["method nested: within must draw donors (cart, sample, bag or forest), not norm"],
        ),
        ({"min_leaf": 3}, ["not named"]),
        (3, ["a method is a name"]),
    ],
)
def test_mistakes(given, words):
    with pytest.raises(PlanError) as error:
        parse_method(given)
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_in_a_plan_is_json(name):
    method = parse_method({"method": name, **NEEDED.get(name, {})})
    text = json.dumps(method_to_json(method))
    assert parse_method(json.loads(text)) == method


def test_the_engine_can_make_every_fitted_method_weighted():
    """Bayesian proper synthesis sets `weighted` (gpusynth.plan)."""
    for name, specification in METHODS.items():
        if not specification.is_fitted or specification.whole_file:
            continue
        method = parse_method({"method": name, **NEEDED.get(name, {}), "weighted": True})
        assert method.is_weighted
