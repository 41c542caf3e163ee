"""Details of an evaluation: what its plots and tables show, as frozen models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gpusynth.evaluate.figures import Band, Count, Figure, Result, Share

__all__ = [
    "Bar",
    "Cell",
    "ColumnResult",
    "ComponentLoading",
    "KMarginalResult",
    "LadderStep",
    "MarginalDistance",
    "PairMatrices",
    "Panel",
    "PrincipalComponents",
    "QuantilePair",
]


class LadderStep(Result):
    """Score of a subsample of the real file."""

    share: Share
    score: float


class MarginalDistance(Result):
    """Total variation distance of one marginal, and that of a resample."""

    columns: tuple[str, ...]
    distance: Share
    expected: Share | None


class KMarginalResult(Result):
    """The k-marginal score and its baselines.

    Parameters
    ----------
    k : int
    n_marginals, n_possible : int
        Compared, and how many there are.
    score, distance : Band
        SDNist's score (1000 is equal), and the mean total variation distance.
    expected_score, expected_distance : float, optional
        Of a bootstrap resample of the real file of the synthetic file's size.
    holdout_score : float, optional
    ladder : tuple of LadderStep
    worst : tuple of MarginalDistance
    """

    k: Annotated[int, Field(ge=1, le=4)]
    n_marginals: Count
    n_possible: Count
    score: Band
    distance: Band
    expected_score: float | None
    expected_distance: float | None
    holdout_score: float | None = None
    ladder: tuple[LadderStep, ...] = ()
    worst: tuple[MarginalDistance, ...] = ()


class Cell(Result):
    """One cell of a marginal in which the files differ most.

    Parameters
    ----------
    columns : tuple of str
    labels : tuple of str, optional
        Levels or bins; None where the real file has fewer rows in the cell than may be named.
    real : float, optional
        Share of the real rows (or weight); None where it may not be shown.
    synthetic : Band
        The same of the synthetic rows.
    z : float, optional
        Standardised difference, synthpop's ``D / sqrt(e)``; None where `real` is, since it could
        be solved for the real count.
    """

    columns: tuple[str, ...]
    labels: tuple[str, ...] | None
    real: Share | None
    synthetic: Band
    z: float | None


class Bar(Result):
    """One bar of a column's plot.

    Parameters
    ----------
    label : str
        Level, missing code, spike or bin; a pooled remainder says of what.
    kind : {"missing", "spike", "level", "bin", "rest"}
    real : float
        Share of rows (or weight).
    synthetic : Band
    meaning : str
        What the schema says that the level means.
    """

    label: str
    kind: Literal["missing", "spike", "level", "bin", "rest"]
    real: Share
    synthetic: Band
    meaning: str = ""


class QuantilePair(Result):
    """One quantile of both files, rounded; None where too few rows lie beyond it."""

    share: Share
    real: float | None
    synthetic: float | None


class ColumnResult(Result):
    """How well one column is reproduced.

    Parameters
    ----------
    name, kind : str
    n_codes : int
        Levels and bins compared.
    distance : Band
        Total variation distance of the column's own marginal.
    expected_distance : float, optional
        Of a resample.
    pair_distance, expected_pair_distance : float, optional
        Means over the two-way marginals with every other column.
    real_missing, synthetic_missing : float
        Shares of null and missing codes.
    real_zero, synthetic_zero : float, optional
        Shares of zero of a number.
    n_invented : int
        Levels that the real file lacks.
    invented : Band
        Share of the synthetic rows that have one of them.
    figures : tuple of Figure
        Further distances (Kolmogorov-Smirnov, Wasserstein).
    bars : tuple of Bar
    quantiles : tuple of QuantilePair
    """

    name: str
    kind: str
    n_codes: Count
    distance: Band
    expected_distance: Share | None
    pair_distance: Share | None
    expected_pair_distance: Share | None
    real_missing: Share
    synthetic_missing: Share
    real_zero: Share | None
    synthetic_zero: Share | None
    n_invented: Count
    invented: Band
    figures: tuple[Figure, ...] = ()
    bars: tuple[Bar, ...] = ()
    quantiles: tuple[QuantilePair, ...] = ()


class PairMatrices(Result):
    """How strongly columns go together; pairs (0, 1), (0, 2), ..., (1, 2), ... in every list.

    Parameters
    ----------
    columns : tuple of str
    measure : str
        Which association, for people.
    real, synthetic : tuple of float
        Association in each file, None for a pair without one (a constant column).
    distance : tuple of float
        Two-way total variation distances; `expected_distance` those of a resample.
    """

    columns: tuple[str, ...]
    measure: str
    real: tuple[float | None, ...]
    synthetic: tuple[float | None, ...]
    distance: tuple[float, ...]
    expected_distance: tuple[float, ...]


class Panel(Result):
    """Rows in the plane of two components, as equal squares: row 0 is the lowest `y`.

    Parameters
    ----------
    x, y : int
        Numbers of the components, from 1.
    x_range, y_range : (float, float)
        Of both files' panels.
    real, synthetic : tuple of tuple of float
        Shares of rows in each square; squares with fewer real rows than may be shown are 0.
    """

    x: int
    y: int
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    real: tuple[tuple[Share, ...], ...]
    synthetic: tuple[tuple[Share, ...], ...]


class ComponentLoading(Result):
    """Weight of a number, or of one level of a category, in a component.

    Parameters
    ----------
    component : int
        From 1.
    column, label : str
        The label is empty for a number, and for a level that may not be named.
    weight : float
    """

    component: int
    column: str
    label: str
    weight: float


class PrincipalComponents(Result):
    """Principal components of the real file, and the synthetic file projected on them.

    Parameters
    ----------
    real_explained, synthetic_explained : tuple of float
        Share of variance of each component.
    figures : tuple of Figure
        Subspace angle, overlap of the densities.
    panels : tuple of Panel
        Of the first synthetic file.
    loadings : tuple of ComponentLoading
        The largest of each component.
    """

    real_explained: tuple[float, ...]
    synthetic_explained: tuple[float, ...]
    figures: tuple[Figure, ...]
    panels: tuple[Panel, ...]
    loadings: tuple[ComponentLoading, ...] = ()
