"""What a user chooses about the tails of one column."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gpusynth.methods.kinds import parse_kind

__all__ = ["Tail", "TailKind", "parse_tail"]

TailKind: TypeAlias = Literal["code", "swap", "noise"]
"""code: one number stands for the whole tail. swap: numbers of the tail change places with others
of about the same rank. noise: each is multiplied by a random factor."""

_OWN_PARAMETERS = {
    "code": ("replaced_by",),
    "swap": ("neighbours",),
    "noise": ("least", "most"),
}
_SHARED = ("kind", "side", "share", "above", "below", "digits", "min_units")


class Tail(BaseModel):
    """How drawn numbers beyond a limit are treated.

    Parameters
    ----------
    kind : {"code", "swap", "noise"}
    side : {"top", "bottom", "both"}
        Which tail, where the limit is a share.
    share : float
        At most this share of the real numbers lies beyond the limit on a side.
    above, below : float, optional
        Limits in the column's unit, in place of a share.
    digits : int
        Significant digits of a limit that is a share and of the number that stands for a tail:
        exact ones would be numbers of real rows.
    min_units : int
        Fewest different units (the plan's `unit`; rows where there is none) in each real tail.
    replaced_by : {"mean", "median"}
        Of code: of the real numbers beyond the limit.
    neighbours : int
        Of swap: ranks that a number moves at most.
    least, most : float
        Of noise: a factor is at least this far from 1 and at most that far.

    Raises
    ------
    pydantic.ValidationError
        If a parameter is out of range, or belongs to another kind.

    Examples
    --------
    >>> Tail(kind="code", share=0.005).replaced_by
    'mean'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: TailKind
    side: Literal["top", "bottom", "both"] = "top"
    share: Annotated[float, Field(gt=0, le=0.5, allow_inf_nan=False)] = 0.01
    above: Annotated[float, Field(allow_inf_nan=False)] | None = None
    below: Annotated[float, Field(allow_inf_nan=False)] | None = None
    digits: Annotated[int, Field(ge=1, le=15)] = 3
    min_units: Annotated[int, Field(ge=2)] = 10
    replaced_by: Literal["mean", "median"] = "mean"
    neighbours: Annotated[int, Field(ge=2, le=1000)] = 5
    least: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.05
    most: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.2

    @model_validator(mode="after")
    def _check(self) -> Tail:
        for name in sorted(self.model_fields_set - {*_SHARED, *_OWN_PARAMETERS[self.kind]}):
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"a tail of kind {self.kind!r} has no parameter {name!r}")
        if self.least >= self.most:
            raise ValueError("least must be below most")
        if self.above is not None and self.below is not None and self.below >= self.above:
            raise ValueError("below must be less than above")
        limited = self.above is not None or self.below is not None
        if limited and self.model_fields_set & {"share", "side"}:
            raise ValueError("above and below are limits: leave share and side out")
        return self

    @property
    def is_whole_column(self) -> bool:
        """Whether it needs all rows of the file at once."""
        return self.kind == "swap"

    def to_json(self) -> dict[str, Any]:
        """Return the kind and what differs from the defaults; `parse_tail` reads it back.

        Returns
        -------
        dict
        """
        return {"kind": self.kind, **self.model_dump(mode="json", exclude_defaults=True)}


def parse_tail(given: object) -> Tail:
    """Read the treatment of one column's tails as a plan writes it.

    Parameters
    ----------
    given : Tail, str or mapping
        A kind, such as ``"noise"``, or a table, such as ``{kind = "code", share = 0.005}``.

    Returns
    -------
    Tail

    Raises
    ------
    PlanError
        If there is no such kind or parameter, or a parameter is out of range.
    """
    return parse_kind(given, Tail, what="a tail", example="{ kind = 'code', share = 0.01 }")
