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
    model_validator,
)

from gpusynth.errors import PlanError
from gpusynth.methods import Cart, Method, method_to_json, parse_method
from gpusynth.methods.smoothing import Smoothing, parse_smoothing
from gpusynth.methods.tails import Tail, parse_tail
from gpusynth.plan.conditions import Edit, Partial, Rule
from gpusynth.plan.limits import MOST_CALIBRATIONS, MOST_CONDITIONS, said
from gpusynth.plan.output import Output
from gpusynth.plan.presets import Preset, with_preset
from gpusynth.plan.strata import Strata
from gpusynth.plan.synthesis_plan import Proper
from gpusynth.plan.uniques import ReplicatedUniques
from gpusynth.plan.weighting import Calibrate

__all__ = ["Plan", "VisitOrder"]

VisitOrder: TypeAlias = Literal["file", "levels"]
"""file: file order. levels: ascending number of codes, ties in file order, so that small factors
come first and large factors and continuous numbers are predicted from them instead of splitting
them."""

_MethodField: TypeAlias = Annotated[
    Any, BeforeValidator(parse_method), PlainSerializer(method_to_json)
]

_SmoothingField: TypeAlias = Annotated[
    Smoothing,
    BeforeValidator(parse_smoothing),
    PlainSerializer(lambda smoothing: smoothing.to_json()),
]
_TailField: TypeAlias = Annotated[
    Tail, BeforeValidator(parse_tail), PlainSerializer(lambda tail: tail.to_json())
]
_StrataField: TypeAlias = Annotated[
    Strata,
    BeforeValidator(
        lambda given: {"columns": given} if isinstance(given, (list, tuple)) else given
    ),
]


class Plan(BaseModel):
    """Choices about a synthesis; what is not chosen has a default for every column.

    Parameters
    ----------
    preset : {"release"}, optional
        Choices that belong together (`gpusynth.plan.presets`); what is chosen besides counts more.
    visit : "file", "levels" or sequence of str
        Order in which columns are synthesized; a sequence names every synthesized column once.
    default : Method, str or dict
        Method of every column that `methods` does not name; `Cart` by default.
    methods : dict
        Column -> method.
    predictors : dict
        Column -> columns that may predict it; all earlier visited columns where it is not named.
    never_predict : sequence of str
        Columns that predict no other.
    predict_only : sequence of str
        Columns that start every row as kept columns do and predict others, but are not put out.
    max_predictors : int, optional
        Most predictors of a step, the most important ones (`gpusynth.plan.importance`).
    screen : bool
        Leave out predictors that repeat another column, and draw one-to-one copies of an earlier
        column by looking them up (`gpusynth.plan.screening`).
    rules : sequence of Rule
        Values that are fixed where a condition holds.
    edits : sequence of Edit
        What every synthetic row must satisfy.
    strata : Strata or sequence of str, optional
        Fit apart in each stratum; the columns with the role stratum by default.
    partial : Partial, optional
        Synthesize some answers and keep all others.
    proper : {"none", "bootstrap", "bayesian"}
        Fit each replicate anew on resampled rows.
    smoothing : dict
        Column of numbers -> kind of smoothing.
    start_table : str, optional
        File with the kept columns; its rows start the synthetic rows in place of real ones.
    resynthesize : sequence of str
        Kept columns that are drawn anew at the end, given all others.
    unit : str, optional
        Column that says which real rows belong to one unit (a firm), for `min_distinct_units` and
        the tails; a key or dropped column too. Every row is a unit of its own without it.
    together : sequence of sequences of str
        Columns that belong to one record: all but the first of each take the donor of the first.
    calibrate : sequence of Calibrate
        Weight columns that are brought to margins once all columns are drawn.
    output : Output
        Order of rows, names of columns, a flag, and which levels the files name.
    tails : dict
        Column of numbers -> what is done to its largest or smallest drawn numbers.
    replicated_uniques : ReplicatedUniques, optional
        Draw again, or remove, rows that equal a unique real row on some keys.

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

    preset: Preset | None = None
    visit: VisitOrder | tuple[str, ...] = "file"
    default: _MethodField = Field(default_factory=Cart)
    methods: dict[str, _MethodField] = Field(default_factory=dict)
    predictors: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    never_predict: tuple[str, ...] = ()
    predict_only: tuple[str, ...] = ()
    max_predictors: Annotated[int, Field(ge=1)] | None = None
    screen: bool = True
    rules: Annotated[tuple[Rule, ...], Field(max_length=MOST_CONDITIONS)] = ()
    edits: Annotated[tuple[Edit, ...], Field(max_length=MOST_CONDITIONS)] = ()
    strata: _StrataField | None = None
    partial: Partial | None = None
    proper: Proper = "none"
    smoothing: dict[str, _SmoothingField] = Field(default_factory=dict)
    start_table: str | None = None
    resynthesize: tuple[str, ...] = ()
    unit: str | None = None
    together: tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...] = ()
    calibrate: Annotated[tuple[Calibrate, ...], Field(max_length=MOST_CALIBRATIONS)] = ()
    output: Output = Output()
    tails: dict[str, _TailField] = Field(default_factory=dict)
    replicated_uniques: ReplicatedUniques | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any) -> Any:
        return with_preset(given)

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
    if problem["type"] == "extra_forbidden" and len(place) == 1:
        known = ", ".join(Plan.model_fields)
        return f"unknown entry {place[0]!r}: a plan has {known}"
    if problem["type"] == "extra_forbidden":
        return f"unknown entry {'.'.join(place)!r}. Correct the name or remove it."
    if not place:
        return str(problem["msg"]).removeprefix("Value error, ")
    if place[0] == "visit":
        return 'visit must be "file", "levels" or a list of column names'
    message = problem["msg"].removeprefix("Value error, ")
    message = said(message, problem["type"], problem.get("ctx", {}))
    return f"{'.'.join(place)}: {message}"
