"""Results of associations and principal components, ready to be shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.details import ComponentLoading, PairMatrices, Panel, PrincipalComponents
from gpusynth.evaluate.figures import Figure, FigureGroup
from gpusynth.evaluate.summaries.columns import band
from gpusynth.evaluate.suppression import rounded
from gpusynth.evaluate.utility import principal
from gpusynth.evaluate.utility.pairs import PairAssociations

__all__ = ["association_group", "component_results", "pair_matrices"]

_RESAMPLE = "resample"
_NUMBER = "value"
"""How `gpusynth.evaluate.utility.principal_encoding` calls the number of a column of numbers."""

_MEASURE = (
    "Spearman's correlation of two numbers, Cramer's V (corrected for its bias) of two categories, "
    "the correlation ratio of a category and a number."
)


def pair_matrices(
    names: Sequence[str],
    distance: Array,
    expected: Array,
    associations: Sequence[PairAssociations] | None,
) -> PairMatrices:
    """Put associations and two-way distances of all pairs into lists.

    Parameters
    ----------
    names : sequence of str
    distance, expected : array of float64, shape (n_pairs,)
        Two-way total variation; see `gpusynth.evaluate.summaries.marginals.pair_distances`.
    associations : sequence of PairAssociations, optional
        One for each synthetic file; the synthetic values are their means.

    Returns
    -------
    PairMatrices
    """
    real: tuple[float | None, ...] = ()
    synthetic: tuple[float | None, ...] = ()
    if associations is not None:
        upper = np.triu_indices(len(names), 1)
        real = _listed(associations[0].real.strength[upper])
        synthetic = _listed(
            np.mean([one.synthetic.strength[upper] for one in associations], axis=0)
        )
    return PairMatrices(
        columns=tuple(names),
        measure=_MEASURE if associations is not None else "",
        real=real,
        synthetic=synthetic,
        distance=tuple(round(float(x), 5) for x in distance),
        expected_distance=tuple(round(float(x), 5) for x in expected),
    )


def _listed(values: Array) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(v) else round(float(v), 4) for v in values)


def association_group(associations: Sequence[PairAssociations]) -> FigureGroup:
    """Summarise how well associations are kept.

    Parameters
    ----------
    associations : sequence of PairAssociations
        One for each synthetic file.

    Returns
    -------
    FigureGroup
    """
    first = associations[0]
    largest = [
        max((abs(pair.difference) for pair in one.worst), default=0.0) for one in associations
    ]
    worst = max(first.worst, key=lambda pair: abs(pair.difference), default=None)
    named = "" if worst is None else " \N{MULTIPLICATION SIGN} ".join(worst.columns)
    figures = [
        Figure(
            name="mean_difference",
            text="mean absolute difference",
            value=band([one.mean_difference for one in associations]),
            expected=first.mean_expected_difference,
            expected_text=_RESAMPLE if first.mean_expected_difference is not None else "",
            direction="lower",
        ),
        Figure(
            name="largest_difference",
            text="largest absolute difference",
            value=band(largest),
            direction="lower",
            note=named,
        ),
    ]
    if first.mean_holdout_difference is not None:
        figures.append(
            Figure(
                name="holdout_difference",
                text="mean absolute difference of the holdout",
                value=band([first.mean_holdout_difference]),
            )
        )
    return FigureGroup(
        name="associations",
        title="Associations of pairs",
        reading=f"{_MEASURE} Over {first.n_pairs:,} pairs.",
        figures=tuple(figures),
    )


def component_results(
    codes: CommonCodes,
    components: Sequence[principal.PrincipalComponents],
    *,
    minimum_cell: int,
) -> PrincipalComponents:
    """Put the components into the models of an evaluation.

    Parameters
    ----------
    codes : CommonCodes
    components : sequence of gpusynth.evaluate.utility.principal.PrincipalComponents
        One for each synthetic file.
    minimum_cell : int
        Squares of the real file with fewer rows are shown as empty; levels with fewer rows are
        not named.

    Returns
    -------
    PrincipalComponents
    """
    first = components[0]
    figures = [
        Figure(
            name="overlap",
            text="overlap of the densities in the first two components",
            value=band([one.overlap for one in components]),
            expected=first.expected_overlap,
            expected_text=_RESAMPLE if first.expected_overlap is not None else "",
            direction="higher",
        ),
        Figure(
            name="largest_angle",
            text="largest angle between the spaces of the components",
            value=band([float(one.angles[-1]) for one in components]),
            unit="degrees",
            expected=None if first.expected_angles is None else float(first.expected_angles[-1]),
            expected_text=_RESAMPLE if first.expected_angles is not None else "",
            direction="lower",
            note="large too where the last components explain nearly the same variance",
        ),
    ]
    return PrincipalComponents(
        real_explained=tuple(round(float(v), 6) for v in first.explained_real),
        synthetic_explained=tuple(
            round(float(v), 6)
            for v in np.mean([one.explained_synthetic for one in components], axis=0)
        ),
        figures=tuple(figures),
        panels=tuple(_panel(panel, codes.real.n_rows, minimum_cell) for panel in first.panels),
        loadings=tuple(
            ComponentLoading(
                component=one.component,
                column=one.column,
                label=_label(codes.real, one, minimum_cell),
                weight=round(one.weight, 4),
            )
            for one in first.loadings
        ),
    )


def _panel(panel: principal.Panel, n_real: int, minimum: int) -> Panel:
    # half a row of slack: shares are quotients of counts, or of weights close to them
    real = np.where(panel.real * n_real < minimum - 0.5, 0.0, panel.real)
    return Panel(
        x=panel.components[0],
        y=panel.components[1],
        x_range=_range(panel.x_edges),
        y_range=_range(panel.y_edges),
        real=_rows(real),
        synthetic=_rows(panel.synthetic),
    )


def _range(edges: Array) -> tuple[float, float]:
    return rounded(float(edges[0])), rounded(float(edges[-1]))


def _rows(shares: Array) -> tuple[tuple[float, ...], ...]:
    """Turn the grid so that rows go up and columns across."""
    return tuple(tuple(round(float(v), 6) for v in row) for row in shares.T)


def _label(real: CodedTable, loading: principal.Loading, minimum: int) -> str:
    """Return what a loading is of: nothing for a number, nor for a level of too few rows."""
    (place,) = real.positions([loading.column])
    labels = real.columns[place].labels
    if loading.label == _NUMBER and real.columns[place].numbers is not None:
        return ""
    if loading.label not in labels:
        return loading.label
    n_rows = int((real.codes[place] == labels.index(loading.label)).sum())
    return loading.label if n_rows >= minimum else ""
