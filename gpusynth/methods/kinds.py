"""Kinds: what a plan chooses by one word, or by a table of that word and its parameters."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from gpusynth.errors import PlanError

__all__ = ["parse_kind"]

Choice = TypeVar("Choice", bound=BaseModel)


def parse_kind(given: object, choice: type[Choice], *, what: str, example: str) -> Choice:
    """Read a choice as a plan writes it.

    Parameters
    ----------
    given : choice, str or mapping
        A kind, or a table with the entry ``kind``.
    choice : type of pydantic model
        With a field `kind`.
    what : str
        What is chosen, for messages.
    example : str
        Of a table, for messages.

    Returns
    -------
    choice

    Raises
    ------
    PlanError
        If there is no such kind or parameter, or a parameter is out of range.
    """
    if isinstance(given, choice):
        return given
    if isinstance(given, str):
        given = {"kind": given}
    if not isinstance(given, dict):
        raise PlanError(f"{what} must be a kind or a table such as {example}")
    try:
        return choice.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"][:1])
        if first["type"] == "extra_forbidden":
            known = ", ".join(choice.model_fields)
            raise PlanError(f"{what} has no parameter {place!r}: choices are {known}") from None
        message = first["msg"].removeprefix("Value error, ")
        where = f"{what}, parameter {place!r}: " if place else ""
        raise PlanError(f"{where}{message[0].lower()}{message[1:]}") from None
