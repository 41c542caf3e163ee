"""Promise: columns come after what they need, and stay where they can; circles are named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpusynth.errors import PlanError
from gpusynth.plan.dependency_order import dependency_order


@pytest.mark.parametrize(
    ("names", "requires", "expected"),
    [
        ("abcd", {}, "abcd"),
        ("abcd", {"c": "a", "d": "b"}, "abcd"),
        ("abcd", {"a": "c"}, "bcad"),
        ("abcd", {"a": "d", "b": "d"}, "cdab"),
        ("abcd", {"a": "b", "b": "c"}, "cbad"),
        ("abcde", {"a": "bd", "c": "e"}, "bdaec"),
        ("abc", {"a": "x", "x": "a"}, "abc"),
        ("", {}, ""),
    ],
)
def test_a_column_moves_only_as_far_back_as_it_must(names, requires, expected):
    assert dependency_order(names, requires) == tuple(expected)


@pytest.mark.parametrize(
    ("requires", "circle"),
    [
        ({"a": "a"}, "'a' needs 'a'"),
        ({"a": "b", "b": "a"}, "'a' needs 'b' needs 'a'"),
        ({"a": "c", "b": "d", "d": "cb"}, "'b' needs 'd' needs 'b'"),
        ({"a": "b", "b": "c", "c": "d", "d": "b"}, "'b' needs 'c' needs 'd' needs 'b'"),
    ],
)
def test_a_circle_is_named(requires, circle):
    with pytest.raises(PlanError, match=f"circular: {circle};"):
        dependency_order("abcd", requires)


def test_a_long_chain_needs_no_recursion():
    names = [str(number) for number in range(20_000)]
    requires = {name: [str(int(name) + 1)] for name in names[:-1]}
    assert dependency_order(names, requires) == tuple(reversed(names))


@given(st.data())
def test_order_of_any_needs(data):
    names = data.draw(st.permutations("abcdefgh"))
    rank = {name: place for place, name in enumerate(data.draw(st.permutations("abcdefgh")))}
    requires = {
        name: [
            other
            for other in data.draw(st.lists(st.sampled_from(names)))
            if rank[other] < rank[name]
        ]
        for name in names
    }
    order = dependency_order(names, requires)
    assert sorted(order) == sorted(names)
    place = {name: position for position, name in enumerate(order)}
    assert all(place[need] < place[name] for name in names for need in requires[name])
    if all(names.index(need) < names.index(name) for name in names for need in requires[name]):
        assert order == tuple(names)
