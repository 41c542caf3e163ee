"""The methods that plans can name, and how their words become specifications."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from gpusynth.errors import PlanError
from gpusynth.methods.cart import Cart
from gpusynth.methods.constant import Constant
from gpusynth.methods.keep import Keep
from gpusynth.methods.model import Method, MethodSpecification
from gpusynth.methods.sample import Sample

__all__ = ["METHODS", "method_to_json", "parse_method"]

METHODS: Mapping[str, type[MethodSpecification]] = MappingProxyType(
    {method.name: method for method in (Cart, Sample, Constant, Keep)}
)
"""Name -> specification. A new method is one file and one entry here."""


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
        raise PlanError(f"unknown method {name!r}: choose one of {', '.join(METHODS)}")
    specification = METHODS[name]
    known = specification.model_fields
    for parameter in parameters:
        if parameter not in known:
            choices = f"it has {', '.join(known)}" if known else "it has none"
            raise PlanError(f"method {name} has no parameter {parameter!r}: {choices}")
    try:
        return specification(**parameters)  # type: ignore[return-value]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"][:1])
        reason = first["msg"][0].lower() + first["msg"][1:]
        raise PlanError(f"method {name}, parameter {place!r}: {reason}") from None


def method_to_json(method: Method) -> dict[str, Any]:
    """Return the JSON form of a method; `parse_method` reads it back.

    Parameters
    ----------
    method : Method

    Returns
    -------
    dict
        The name under ``method``, then every parameter.
    """
    return {"method": method.name, **method.model_dump()}
