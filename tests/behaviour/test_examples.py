"""Promise: the examples in the documentation of the library do what they show."""

from __future__ import annotations

import doctest
import importlib

import pytest

import gpusynth
from gpusynth import errors
from gpusynth.methods import METHODS


@pytest.mark.parametrize("name", ["gpusynth", "gpusynth.engine.library", "gpusynth.plan.choices"])
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


def test_every_public_name_is_there():
    for name in gpusynth.__all__:
        assert getattr(gpusynth, name) is not None
        assert name in dir(gpusynth)
    assert gpusynth.datasets.firms is not None
    with pytest.raises(AttributeError, match="'gpusynth' has no attribute 'synthesise'"):
        gpusynth.synthesise  # noqa: B018 - looking is the test


def test_every_method_and_every_error_is_a_public_name():
    names = {method.__name__ for method in METHODS.values()}
    own = {name for name in names if not name.startswith("User_")}  # as other tests register them
    assert own | set(errors.__all__) <= set(gpusynth.__all__)
