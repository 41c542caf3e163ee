"""Figures with their baselines: the smallest parts of an evaluation.

No figure is NaN or infinite: one that could not be computed is None.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Band",
    "Comparison",
    "Count",
    "Direction",
    "Figure",
    "FigureGroup",
    "Result",
    "Share",
]

Direction: TypeAlias = Literal["higher", "lower", "none"]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0)]


class Result(BaseModel):
    """Base of every model of an evaluation: frozen, without NaN or infinity, nothing extra."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Band(Result):
    """One figure over all synthetic files.

    Parameters
    ----------
    mean, lowest, highest : float
        All the same where there is one synthetic file.
    """

    mean: float
    lowest: float
    highest: float


class Figure(Result):
    """One figure with what to hold it against.

    Parameters
    ----------
    name : str
        Short and stable, for programs.
    text : str
        What the figure is, for people.
    value : Band, optional
        None where it has no value; `note` says why.
    interval : (float, float), optional
        Of 95 %; over several synthetic files from the lowest end to the highest.
    unit : {"", "%", "rows", "degrees"}
    expected : float, optional
        Baseline: the value of a resample of the real file, of a holdout, or of pure chance.
    expected_text : str
        Which of these it is.
    direction : {"higher", "lower", "none"}
        Which way is better.
    note : str
    """

    name: str
    text: str
    value: Band | None
    interval: tuple[float, float] | None = None
    unit: Literal["", "%", "rows", "degrees"] = ""
    expected: float | None = None
    expected_text: str = ""
    direction: Direction = "none"
    note: str = ""


class FigureGroup(Result):
    """Figures that belong together: one measure, or one target.

    Parameters
    ----------
    name : str
    title : str
    reading : str
        How to read the figures, in a sentence or two.
    figures : tuple of Figure
    """

    name: str
    title: str
    reading: str
    figures: tuple[Figure, ...]


class Comparison(Result):
    """One estimate from both files, for the forest plot; `gpusynth.inference` makes them.

    Parameters
    ----------
    name : str
        Of the analysis.
    term : str
        Of its estimate.
    real : float
    real_interval : (float, float)
    synthetic : float
    synthetic_interval : (float, float)
    overlap : float, optional
        Of the intervals (Karr et al. 2006); at most 1.
    """

    name: str
    term: str
    real: float
    real_interval: tuple[float, float]
    synthetic: float
    synthetic_interval: tuple[float, float]
    overlap: float | None = None
