"""Calibration of weights as a plan states it: which column, to which margins, how."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gpusynth.calibration import CalibrationMethod
from gpusynth.plan.limits import MOST_MARGINS

__all__ = ["Calibrate", "MarginChoice"]


class MarginChoice(BaseModel):
    """One margin: the real file's own weighted totals, or those of a file.

    Parameters
    ----------
    columns : tuple of str
        Real totals over the combinations of levels of these columns; of the population without any.
    number : str, optional
        Column of numbers whose real weighted total is met; else sums of weights.
    file : str, optional
        File of published margins (`gpusynth.read_margins`), in place of columns and number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...] = ()
    number: str | None = None
    file: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _check(self) -> MarginChoice:
        if self.file is not None and (self.columns or self.number is not None):
            raise ValueError("a margin has a file, or columns and number, not both")
        return self


class Calibrate(BaseModel):
    """Calibrate a weight column after all columns are drawn, in each replicate.

    Parameters
    ----------
    margins : tuple of MarginChoice
    weight : str, optional
        The column with the role weight by default.
    method : {"raking", "linear", "logit"}
        See `gpusynth.calibration.distances`.
    bounds : tuple of float, optional
        Lowest and highest factor.
    start : {"drawn", "equal"}
        Begin with the weights that were drawn, or with one weight for all rows, as is right where
        methods have drawn by weight already.
    tolerance : float
        Relative deviation of a total that counts as none.
    max_iterations : int
    rescale : bool
        Bring the margins to the population of the first one, for totals that were rounded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    margins: Annotated[tuple[MarginChoice, ...], Field(min_length=1, max_length=MOST_MARGINS)]
    weight: str | None = None
    method: CalibrationMethod = "raking"
    bounds: tuple[float, float] | None = None
    start: Literal["drawn", "equal"] = "drawn"
    tolerance: Annotated[float, Field(gt=0, le=1e-3)] = 1e-9
    max_iterations: Annotated[int, Field(ge=1)] = 500
    rescale: bool = False
