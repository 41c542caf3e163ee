"""Principal components of the real file, with the synthetic file projected on them.

With C and C* the covariance matrices of the real and the synthetic file in the encoding of
`gpusynth.evaluate.utility.principal_encoding`, and V the eigenvectors of C with the largest
eigenvalues,

- explained variance: ``v' C v / tr C`` of the real file and ``v' C* v / tr C*`` of the synthetic
  one along the same components;
- principal angles between the spans of V and of V*, the eigenvectors of C*:
  ``arccos`` of the singular values of ``V' V*``, in degrees; their mean squared cosine is the
  similarity of the two spans, 1 when they are the same (the largest angle alone is fickle when the
  last eigenvalue has close neighbours);
- density overlap of two components: ``sum min(p, p*)`` over the cells of a grid that spans the
  central 99 % of the real scores, its outermost cells being open: 1 is equal, 0 disjoint.

Every figure has its value for a bootstrap resample of the real file beside it, since angles and
overlaps of finite files are never perfect.

References
----------
.. [1] SDNist 2.5, sdnist/metrics/pca.py (components and scaling of the real file for both).
.. [2] Bjorck, A., Golub, G. H. (1973). Numerical methods for computing angles between linear
       subspaces. Mathematics of Computation 27, 579-594.
.. [3] Krzanowski, W. J. (1979). Between-groups comparison of principal components. Journal of the
       American Statistical Association 74, 703-707.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.baselines import bootstrap_rows
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.utility.principal_encoding import Encoding, encode, moments, project
from gpusynth.evaluate.utility.principal_panels import (
    GridRows,
    Panel,
    grid_cells,
    grid_edges,
    make_panel,
)
from gpusynth.evaluate.utility.principal_subspace import (
    explained_shares,
    leading_directions,
    principal_angles,
    similarity,
)

__all__ = ["Loading", "Panel", "PrincipalComponents", "principal_components"]

_N_LOADINGS = 6


@dataclass(frozen=True, slots=True)
class Loading:
    """Weight of one level or number in a component."""

    component: int
    column: str
    label: str
    weight: float


@dataclass(frozen=True, slots=True)
class PrincipalComponents:
    """Principal components of one synthetic file beside those of the real one.

    Attributes
    ----------
    n_components : int
    explained_real : array of float64, shape (n_components,)
        Shares of the real file's variance.
    explained_synthetic, expected_explained : array of float64, or None
        Shares of the synthetic file's (a resample's) variance along the real components; the
        latter is None without resamples.
    angles, expected_angles : array of float64, shape (n_components,), or None
        Principal angles in degrees, ascending.
    similarity : float
        Mean squared cosine of the angles.
    expected_similarity : float or None
    overlap : float
        Of the first two components (of the only one, where there is one).
    expected_overlap, holdout_overlap : float or None
    panels : tuple of Panel
        Pairs of the first components.
    loadings : tuple of Loading
        The largest of each component.
    left_out : tuple of str
        Columns that do not vary in the real file.
    """

    n_components: int
    explained_real: Array
    explained_synthetic: Array
    expected_explained: Array | None
    angles: Array
    expected_angles: Array | None
    similarity: float
    expected_similarity: float | None
    overlap: float
    expected_overlap: float | None
    holdout_overlap: float | None
    panels: tuple[Panel, ...]
    loadings: tuple[Loading, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the real file decides: encoding, components, grid."""

    encoding: Encoding
    covariance: Array
    directions: Array
    edges: Array


@dataclass(frozen=True, slots=True)
class _Cast:
    """One file seen in the frame."""

    covariance: Array
    rows: GridRows


def principal_components(
    codes: CommonCodes,
    *,
    n_components: int = 5,
    max_levels: int = 20,
    transform: Literal["signed_log", "none"] = "signed_log",
    n_panels: int = 3,
    n_bins: int = 40,
    n_bootstraps: int = 1,
    seed: int = 0,
) -> tuple[PrincipalComponents, ...]:
    """Compare the files on the principal components of the real one.

    Parameters
    ----------
    codes : CommonCodes
    n_components : int
        Fewer where the real file has fewer directions.
    max_levels : int
        Indicators of one category; rarer levels are taken together.
    transform : {"signed_log", "none"}
        Of numbers: money has tails in which a few rows would be the first component.
    n_panels : int
        Pairs of components of which the joint distribution is returned.
    n_bins : int
        Of each component's grid.
    n_bootstraps : int
    seed : int

    Returns
    -------
    tuple of PrincipalComponents
        One for each synthetic file.

    Raises
    ------
    IncomputableMetricError
        If no column varies in the real file, or a synthetic file does not vary at all.
    """
    if min(n_components, n_bins - 2, max_levels - 1) < 1 or max_levels > 256:
        raise ValueError("n_components must be at least 1, n_bins 3, and max_levels 2 to 256")
    frame, real = _frame(codes.real, n_components, max_levels, transform, n_bins)
    holdout = None if codes.holdout is None else _cast(codes.holdout, frame)
    expected: dict[int, list[_Cast]] = {}
    found = []
    for table in codes.synthetic:
        if table.n_rows not in expected:
            draws = (
                bootstrap_rows(codes.real.n_rows, table.n_rows, seed=seed, replicate=number)
                for number in range(n_bootstraps)
            )
            expected[table.n_rows] = [
                _Cast(moments(codes.real.take(rows), frame.encoding)[1], real.rows.take(rows))
                for rows in draws
            ]
        casts = (real, _cast(table, frame))
        found.append(_compare(frame, casts, holdout, expected[table.n_rows], codes.real, n_panels))
    return tuple(found)


def _frame(
    real: CodedTable,
    n_components: int,
    max_levels: int,
    transform: Literal["signed_log", "none"],
    n_bins: int,
) -> tuple[_Frame, _Cast]:
    encoding = encode(real, max_levels=max_levels, transform=transform)
    _, covariance = moments(real, encoding)
    directions = leading_directions(covariance, n_components)
    scores = project(real, encoding, directions)
    frame = _Frame(encoding, covariance, directions, grid_edges(scores, n_bins))
    return frame, _Cast(covariance, GridRows(grid_cells(scores, frame.edges), real.weight))


def _cast(table: CodedTable, frame: _Frame) -> _Cast:
    _, covariance = moments(table, frame.encoding)
    scores = project(table, frame.encoding, frame.directions)
    return _Cast(covariance, GridRows(grid_cells(scores, frame.edges), table.weight))


def _compare(
    frame: _Frame,
    casts: tuple[_Cast, _Cast],
    holdout: _Cast | None,
    resamples: list[_Cast],
    real: CodedTable,
    n_panels: int,
) -> PrincipalComponents:
    n_components = int(frame.directions.shape[1])
    pairs = list(combinations(range(n_components), 2)) or [(0, 0)]
    panels = tuple(
        make_panel(
            frame.edges,
            pair,
            files=(casts[0].rows, casts[1].rows),
            holdout=None if holdout is None else holdout.rows,
            resamples=[cast.rows for cast in resamples],
        )
        for pair in pairs[: max(n_panels, 1)]
    )
    synthetic = casts[1].covariance
    explained = [explained_shares(cast.covariance, frame.directions) for cast in resamples]
    own = principal_angles(frame.directions, synthetic)
    angles = [principal_angles(frame.directions, cast.covariance) for cast in resamples]
    return PrincipalComponents(
        n_components=n_components,
        explained_real=explained_shares(frame.covariance, frame.directions),
        explained_synthetic=explained_shares(synthetic, frame.directions),
        expected_explained=np.mean(explained, axis=0) if explained else None,
        angles=own,
        expected_angles=np.mean(angles, axis=0) if angles else None,
        similarity=similarity(own),
        expected_similarity=float(np.mean([similarity(a) for a in angles])) if angles else None,
        overlap=panels[0].overlap,
        expected_overlap=panels[0].expected_overlap,
        holdout_overlap=panels[0].holdout_overlap,
        panels=panels if n_panels else (),
        loadings=_loadings(frame, real.names),
        left_out=frame.encoding.left_out,
    )


def _loadings(frame: _Frame, names: tuple[str, ...]) -> tuple[Loading, ...]:
    labels = frame.encoding.labels
    found = []
    for component in range(frame.directions.shape[1]):
        weights = frame.directions[:, component]
        for row in np.argsort(-np.abs(weights), kind="stable")[:_N_LOADINGS]:
            column, label = labels[row]
            found.append(Loading(component + 1, names[column], label, float(weights[row])))
    return tuple(found)
