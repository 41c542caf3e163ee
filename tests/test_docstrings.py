"""Docstrings follow numpydoc: all public names, the library's own more strictly.

Left out everywhere: sections "See Also" and "Extended Summary", examples for each name, and PR07
and PR04 (a parameter whose name and type say it all needs no sentence). Inner names may document
attributes instead of parameters, and return what their one-line summary says.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest
from numpydoc.validate import validate

import gpusynth

NOT_ASKED = {"SA01", "EX01", "ES01", "PR07", "PR04"}
INNER_NOT_ASKED = NOT_ASKED | {"PR01", "RT01", "RT03", "YD01"}


def inner_names() -> list[str]:
    names = set()
    for info in pkgutil.walk_packages(gpusynth.__path__, "gpusynth."):
        if info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if callable(thing) and getattr(thing, "__module__", "") == module.__name__:
                names.add(f"{module.__name__}.{name}")
    return sorted(names)


def problems(name: str, not_asked: set[str]) -> list[str]:
    return [f"{code}: {text}" for code, text in validate(name)["errors"] if code not in not_asked]


def test_inner_names():
    names = inner_names()
    assert len(names) > 200
    found = {name: problems(name, INNER_NOT_ASKED) for name in names}
    assert {name: errors for name, errors in found.items() if errors} == {}


FUNCTIONS = [n for n in gpusynth.__all__ if inspect.isfunction(getattr(gpusynth, n))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_library_functions(name):
    assert problems(f"gpusynth.{name}", NOT_ASKED) == []
