"""Files of regressions: TOML that people edit, checked before anything is fitted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gpusynth.errors import PlanError, RuleSyntaxError
from gpusynth.inference.formulas import parse_formula
from gpusynth.inference.model import Model, ModelName, NamedModel
from gpusynth.inference.variances import Clustered, RandomGroups, ReplicateWeights, Variance
from gpusynth.table.text_file import read_toml

__all__ = ["read_models"]


class _RandomGroups(BaseModel):
    model_config = ConfigDict(extra="forbid")

    random_groups: str
    adjustment: Annotated[float, Field(gt=0)] = 1.0
    finite_population: bool = True


class _ReplicateWeights(BaseModel):
    model_config = ConfigDict(extra="forbid")

    replicate_weights: tuple[str, ...]
    method: Literal["jackknife", "brr", "fay", "bootstrap", "sdr"]
    fay: Annotated[float, Field(ge=0, lt=1)] = 0.0


class _Clustered(BaseModel):
    model_config = ConfigDict(extra="forbid")

    clustered: str


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    formula: str
    model: ModelName = "ols"
    weights: str | None = None
    quantile: Annotated[float, Field(gt=0, lt=1)] = 0.5
    vcov: Literal["model", "robust"] | _Clustered | _RandomGroups | _ReplicateWeights | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    models: Annotated[list[_Entry], Field(min_length=1)]


def read_models(path: str | Path) -> list[NamedModel]:
    """Read a file of regressions.

    Parameters
    ----------
    path : str or pathlib.Path
        A TOML file with one ``[[models]]`` for each: ``formula``, and optionally ``name``,
        ``model``, ``weights``, ``quantile`` and ``vcov`` ("model", "robust",
        ``{ clustered = column }``, ``{ random_groups = column, adjustment = 1.992065 }`` or
        ``{ replicate_weights = [columns], method = "sdr" }``).

    Returns
    -------
    list of NamedModel

    Raises
    ------
    PlanError
        If the file cannot be read, is not TOML, or says something that a model cannot say.
    RuleSyntaxError
        If a formula does not parse or is refused; the message names the entry.
    """
    place = Path(path)
    given = read_toml(place, "models file", PlanError)
    try:
        entries = _File.model_validate(given).models
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PlanError(f"{place}: {where}: {first['msg']}") from None
    named = [_named(entry, place, number) for number, entry in enumerate(entries, start=1)]
    names = [one.name for one in named]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PlanError(f"{place}: models are called the same: {', '.join(map(repr, twice))}")
    return named


def _named(entry: _Entry, place: Path, number: int) -> NamedModel:
    try:
        parse_formula(entry.formula)
    except RuleSyntaxError as error:
        raise RuleSyntaxError(f"{place}: model {number}: {error}") from None
    return NamedModel(
        entry.name or entry.formula,
        Model(
            formula=entry.formula,
            kind=entry.model,
            weights=entry.weights,
            vcov=_variance(entry),
            quantile=entry.quantile,
        ),
    )


def _variance(entry: _Entry) -> Variance | None:
    given = entry.vcov
    if isinstance(given, _Clustered):
        return Clustered(given.clustered)
    if isinstance(given, _RandomGroups):
        return RandomGroups(
            column=given.random_groups,
            adjustment=given.adjustment,
            finite_population=given.finite_population,
        )
    if isinstance(given, _ReplicateWeights):
        return ReplicateWeights(columns=given.replicate_weights, method=given.method, fay=given.fay)
    return given
