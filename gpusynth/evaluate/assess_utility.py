"""Measure utility: every measure once, its result put into the models of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gpusynth.evaluate.attempts import QUICK, Attempts
from gpusynth.evaluate.baselines import LADDER
from gpusynth.evaluate.coded import CommonCodes
from gpusynth.evaluate.details import (
    Cell,
    ColumnResult,
    KMarginalResult,
    PairMatrices,
    PrincipalComponents,
)
from gpusynth.evaluate.figures import FigureGroup
from gpusynth.evaluate.metric import MetricResult
from gpusynth.evaluate.summaries.columns import column_results
from gpusynth.evaluate.summaries.levels import group_scores
from gpusynth.evaluate.summaries.marginals import (
    kmarginal_result,
    mean_pair_distances,
    pair_distances,
    worst_cells,
)
from gpusynth.evaluate.summaries.models import propensity_group, table_groups
from gpusynth.evaluate.summaries.structure import (
    association_group,
    component_results,
    pair_matrices,
)
from gpusynth.evaluate.utility.kmarginal import kmarginal
from gpusynth.evaluate.utility.pairs import pair_associations
from gpusynth.evaluate.utility.principal import principal_components
from gpusynth.evaluate.utility.univariate import univariate
from gpusynth.table.schema import Schema

__all__ = ["UtilityResults", "assess_utility"]

_RESAMPLED_ROWS = 2_000_000


@dataclass(frozen=True, slots=True)
class UtilityResults:
    """The utility parts of an `Evaluation`; see there."""

    kmarginals: tuple[KMarginalResult, ...]
    columns: tuple[ColumnResult, ...]
    pairs: PairMatrices | None
    components: PrincipalComponents | None
    worst_cells: tuple[Cell, ...]
    groups: tuple[FigureGroup, ...]


def assess_utility(
    codes: CommonCodes,
    schema: Schema,
    *,
    group: str | None,
    k: int,
    n_marginals: int,
    minimum_cell: int,
    quick: bool,
    seed: int,
    attempts: Attempts,
) -> UtilityResults:
    """Run every measure of utility.

    Parameters
    ----------
    codes : CommonCodes
    schema : Schema
        Of the real file.
    group, k, n_marginals, minimum_cell, quick, seed
        See `gpusynth.evaluate.evaluation.evaluate`.
    attempts : Attempts
        Takes the reasons of what cannot be computed.

    Returns
    -------
    UtilityResults
    """
    by_size = _marginals(codes, k, n_marginals, seed, attempts)
    kmarginals = tuple(kmarginal_result(codes, found, size) for size, found in by_size.items())
    associations = attempts.run("associations", lambda: pair_associations(codes, seed=seed))
    found = attempts.run("principal components", lambda: principal_components(codes, seed=seed))
    pairs = None
    means: dict[str, tuple[float, float]] = {}
    if 2 in by_size:
        distance, expected = pair_distances(by_size[2])
        means = mean_pair_distances(codes.real.names, distance, expected)
        pairs = pair_matrices(codes.real.names, distance, expected, associations)
    columns = attempts.run(
        "single columns", lambda: univariate(codes, n_bootstraps=_n_resamples(codes), seed=seed)
    )
    groups = [] if associations is None else [association_group(associations)]
    if group is not None:
        by_group = attempts.run(
            f"k-marginals by {group}",
            lambda: group_scores(codes, schema, group, minimum_cell=minimum_cell),
        )
        groups += [] if by_group is None else [by_group]
    if quick:
        attempts.leave_out("propensity models", QUICK)
    else:
        model = propensity_group(codes, seed=seed, attempts=attempts)
        groups += [] if model is None else [model]
    groups += table_groups(codes, n_marginals, seed=seed, attempts=attempts)
    worst = next((one.worst for one in kmarginals if one.k == 2), kmarginals[0].worst)
    return UtilityResults(
        kmarginals=kmarginals,
        columns=column_results(
            codes, schema, by_size[1], means, columns or (), minimum_cell=minimum_cell
        ),
        pairs=pairs,
        components=None
        if found is None
        else component_results(codes, found, minimum_cell=minimum_cell),
        worst_cells=worst_cells(
            codes, schema, [one.columns for one in worst], minimum_cell=minimum_cell
        ),
        groups=tuple(groups),
    )


def _n_resamples(codes: CommonCodes) -> int:
    """Return how many resamples the one-way baselines are means of: fewer where rows are many.

    One column has few cells, so the distance of one resample varies much, and more so with few
    rows, where resamples cost least.
    """
    return max(1, min(20, _RESAMPLED_ROWS // max(table.n_rows for table in codes.synthetic)))


def _marginals(
    codes: CommonCodes, most: int, n_marginals: int, seed: int, attempts: Attempts
) -> dict[int, Sequence[MetricResult]]:
    """Score all one- and two-way marginals, and samples of larger ones."""
    found: dict[int, Sequence[MetricResult]] = {}
    for k in range(1, most + 1):
        n_drawn, ladder = (None, LADDER) if k <= 2 else (n_marginals, ())
        results = attempts.run(
            f"{k}-way marginals",
            lambda k=k, n_drawn=n_drawn, ladder=ladder: kmarginal(  # type: ignore[misc]
                codes,
                k,
                n_marginals=n_drawn,
                n_bootstraps=_n_resamples(codes) if k == 1 else 1,
                ladder=ladder,
                holdout=codes.holdout,
                seed=seed,
            ),
        )
        if results is not None:
            found[k] = results
    return found
