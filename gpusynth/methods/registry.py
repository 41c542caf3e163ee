"""The methods that plans can name, and how their words become specifications."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from gpusynth.errors import PlanError
from gpusynth.methods.cart import Cart
from gpusynth.methods.constant import Constant
from gpusynth.methods.follow import Follow
from gpusynth.methods.forest import Bag, Forest
from gpusynth.methods.keep import Keep
from gpusynth.methods.logreg import LogReg
from gpusynth.methods.lookup import Lookup
from gpusynth.methods.model import Method, MethodSpecification
from gpusynth.methods.nested import Nested
from gpusynth.methods.norm import CubeRootNorm, LogNorm, Norm, SqrtNorm
from gpusynth.methods.normrank import NormRank
from gpusynth.methods.parametric import Parametric
from gpusynth.methods.passive import Passive
from gpusynth.methods.pmm import Pmm
from gpusynth.methods.polr import Polr
from gpusynth.methods.polyreg import PolyReg
from gpusynth.methods.sample import Sample
from gpusynth.methods.saturated import SatCat
from gpusynth.methods.saturated_table import CatAll

__all__ = ["METHODS", "add_method", "method_to_json", "parse_method"]

_OWN = (
    *(Cart, Bag, Forest, Sample, Nested, Constant, Keep, Follow, Passive, Lookup),
    *(Norm, LogNorm, SqrtNorm, CubeRootNorm, NormRank, Pmm),
    *(LogReg, PolyReg, Polr, Parametric, SatCat, CatAll),
)
"""A new method is one file and one entry here."""

_methods: dict[str, type[MethodSpecification]] = {method.name: method for method in _OWN}

METHODS: Mapping[str, type[MethodSpecification]] = MappingProxyType(_methods)
"""Name -> specification, user-written ones included once they are registered."""


def add_method(specification: type[MethodSpecification]) -> None:
    """Add a user-written method.

    Parameters
    ----------
    specification : type

    Raises
    ------
    PlanError
        If the name is one of gpusynth's own methods, or none.
    """
    name = specification.name
    if not name or any(method.name == name for method in _OWN):
        raise PlanError(f"a user-written method cannot be named {name!r}. Choose another name.")
    _methods[name] = specification


def parse_method(given: object) -> Method:
    """Build a method from what a plan says.

    Parameters
    ----------
    given : Method, str or mapping
        ``"sample"`` or ``{"method": "cart", "min_leaf": 10}``.

    Returns
    -------
    Method

    Raises
    ------
    PlanError
        If the method or a parameter is unknown, or a parameter is out of range.
    """
    if isinstance(given, MethodSpecification):
        return given  # type: ignore[return-value]
    if isinstance(given, str):
        given = {"method": given}
    if not isinstance(given, Mapping):
        raise PlanError(
            'a method is a name ("cart") or a table with a name ({method = "cart", min_leaf = 10})'
        )
    parameters: dict[str, Any] = dict(given)
    name = parameters.pop("method", None)
    if name is None:
        raise PlanError('a method is not named: add method = "..." to its table')
    if not isinstance(name, str) or name not in METHODS:
        raise PlanError(
            f"unknown method {name!r}: choose one of {', '.join(METHODS)}. A method of your own "
            "must be registered (gpusynth.methods.register_method) before the plan is read."
        )
    specification = METHODS[name]
    known = specification.model_fields
    for parameter in parameters:
        if parameter not in known:
            choices = f"it has {', '.join(known)}" if known else "it has none"
            raise PlanError(f"method {name} has no parameter {parameter!r}: {choices}")
    try:
        return specification(**parameters)  # type: ignore[return-value]
    except ValidationError as error:
        raise PlanError(f"method {name}{_first_problem(error)}") from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    place = f", parameter {problem['loc'][0]!r}" if problem["loc"] else ""
    if problem["type"] == "missing":
        return f"{place}: it must be given"
    reason = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {reason[0].lower()}{reason[1:]}"


def method_to_json(method: Method) -> dict[str, Any]:
    """Return the JSON form of a method; `parse_method` reads it back.

    Parameters
    ----------
    method : Method

    Returns
    -------
    dict
        The name under ``method``, then every parameter; see `absent_by_default`.
    """
    parameters = method.model_dump()
    if isinstance(method, MethodSpecification):
        chosen = method.model_dump(exclude_defaults=True)
        for name in method.absent_by_default - chosen.keys():
            parameters.pop(name)
    return {"method": method.name, **parameters}
