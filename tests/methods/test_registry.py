"""Names and parameters of methods."""

from __future__ import annotations

import pytest

from gpusynth.errors import PlanError
from gpusynth.methods import METHODS, Cart, Method, Sample, method_to_json, parse_method


@pytest.mark.parametrize("name", METHODS)
def test_every_method_keeps_the_protocol_and_its_name(name):
    method = parse_method(name)
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
        ("carts", ["'carts'", "cart, sample, constant, keep"]),
        ({"method": "sample", "min_leaf": 2}, ["sample", "'min_leaf'", "weighted"]),
        ({"method": "cart", "min_leaf": 0}, ["'min_leaf'", "greater than or equal to 1"]),
        ({"method": "cart", "min_leaf": "many"}, ["'min_leaf'", "integer"]),
        ({"min_leaf": 3}, ["not named"]),
        (3, ["a method is a name"]),
    ],
)
def test_mistakes(given, words):
    with pytest.raises(PlanError) as error:
        parse_method(given)
    assert all(word in str(error.value) for word in words)
