"""What a user chooses about the smoothing of one column."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gpusynth.methods.kinds import parse_kind

__all__ = ["Smoothing", "SmoothingKind", "parse_smoothing"]

SmoothingKind: TypeAlias = Literal["none", "spline", "rmean", "density"]
"""none: drawn numbers stay. spline: a smoothing spline of the sorted numbers. rmean: a running mean
of them. density: a normal number around each, with the bandwidth of a kernel density estimate."""

_OWN_PARAMETERS = {
    "none": (),
    "spline": ("n_knots",),
    "rmean": ("window",),
    "density": ("bandwidth", "n_bins"),
}


class Smoothing(BaseModel):
    """How the drawn numbers of a column are smoothed.

    Parameters
    ----------
    kind : {"none", "spline", "rmean", "density"}
    n_knots : int, optional
        Of a spline: inner knots, at least 4; None for as many as R's ``.nknots.smspl`` takes:
        every number below 50 and about 200 from 3,200 on.
    window : int
        Of a running mean: how many sorted numbers are averaged, odd.
    bandwidth : float, optional
        Of a density: standard deviation of what is added, in the column's unit (days for dates, the
        file's unit for timestamps); None for the bandwidth of Sheather and Jones.
    n_bins : int, optional
        Of a density: bins of that estimate, R's ``nb``; None for as many as the numbers need, at
        least R's 1000.

    Raises
    ------
    pydantic.ValidationError
        If a parameter is out of range, or belongs to another kind.

    Examples
    --------
    >>> Smoothing(kind="rmean", window=7).window
    7
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: SmoothingKind = "none"
    n_knots: Annotated[int, Field(ge=4, le=1000)] | None = None
    window: Annotated[int, Field(ge=3, le=101)] = 5
    bandwidth: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    n_bins: Annotated[int, Field(ge=100, le=4000)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Smoothing:
        if self.window % 2 == 0:
            raise ValueError("window must be odd, so that it lies evenly around a number")
        for name in sorted(self.model_fields_set - {"kind", *_OWN_PARAMETERS[self.kind]}):
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"smoothing {self.kind!r} has no parameter {name!r}")
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the kind and the parameters that it uses; `parse_smoothing` reads it back.

        Returns
        -------
        dict
            Without parameters that are None, which TOML cannot write.
        """
        chosen = {name: getattr(self, name) for name in ("kind", *_OWN_PARAMETERS[self.kind])}
        return {name: value for name, value in chosen.items() if value is not None}


def parse_smoothing(given: object) -> Smoothing:
    """Read the smoothing of one column as a plan writes it.

    Parameters
    ----------
    given : Smoothing, str or mapping
        A kind, such as ``"density"``, or a table, such as ``{kind = "rmean", window = 7}``.

    Returns
    -------
    Smoothing

    Raises
    ------
    PlanError
        If there is no such kind or parameter, or a parameter is out of range.
    """
    return parse_kind(given, Smoothing, what="smoothing", example="{ kind = 'rmean', window = 7 }")
