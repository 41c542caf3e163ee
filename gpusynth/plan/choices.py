"""Plan: what a user chooses before any data are seen; pure, written as TOML."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)

from gpusynth.errors import PlanError
from gpusynth.methods import Cart, Method, method_to_json, parse_method

__all__ = ["Plan", "VisitOrder"]

VisitOrder: TypeAlias = Literal["file", "levels"]
"""file: file order. levels: ascending number of codes, ties in file order, so that small factors
come first and large factors and continuous numbers are predicted from them instead of splitting
them."""

_MethodField: TypeAlias = Annotated[
    Any, BeforeValidator(parse_method), PlainSerializer(method_to_json)
]


class Plan(BaseModel):
    """Choices about a synthesis; what is not chosen has a default for every column.

    Parameters
    ----------
    visit : "file", "levels" or sequence of str
        Order in which columns are synthesized; a sequence names every synthesized column once.
    default : Method, str or dict
        Method of every column that `methods` does not name; `Cart` by default.
    methods : dict
        Column -> method.
    predictors : dict
        Column -> columns that may predict it; all earlier visited columns where it is not named.

    Raises
    ------
    pydantic.ValidationError
        If a method or parameter is unknown. Names of columns are checked by `resolve`.

    Examples
    --------
    >>> from gpusynth.methods import Cart
    >>> plan = Plan(default=Cart(min_leaf=10), methods={"region": "sample"})
    >>> plan.method_of("region").name
    'sample'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    visit: VisitOrder | tuple[str, ...] = "file"
    default: _MethodField = Field(default_factory=Cart)
    methods: dict[str, _MethodField] = Field(default_factory=dict)
    predictors: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    def method_of(self, column: str) -> Method:
        """Return the method chosen for a column.

        Parameters
        ----------
        column : str

        Returns
        -------
        Method
        """
        chosen: Method = self.methods.get(column) or self.default
        return chosen

    @classmethod
    def from_mapping(cls, given: dict[str, Any], *, file: str = "the plan") -> Plan:
        """Build a plan from parsed TOML or JSON.

        Parameters
        ----------
        given : dict
        file : str
            Where it comes from, for messages.

        Returns
        -------
        Plan

        Raises
        ------
        PlanError
            One line that says where and what.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise PlanError(f"{file}: {_first_problem(error)}") from None


def _first_problem(error: ValidationError) -> str:
    """Say the first problem in the words of the plan file."""
    problem = error.errors(include_url=False, include_input=False)[0]
    place = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        known = ", ".join(Plan.model_fields)
        return f"unknown entry {place[0]!r}: a plan has {known}"
    if place[0] == "visit":
        return 'visit must be "file", "levels" or a list of column names'
    message = problem["msg"].removeprefix("Value error, ")
    return f"{'.'.join(place)}: {message}"
