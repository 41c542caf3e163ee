"""k-marginal scores with every baseline in one call, and where the files differ most.

The score is explained in `gpusynth.evaluate.utility.kmarginal`. Baselines: an equal-size bootstrap
resample of the real file (sampling error alone), subsamples of 1 to 90 % (SDNist's ladder; the
score is then "as far off as an x % sample"), and a holdout where there is one.

Worst marginals are those whose total variation exceeds that of the resample most, since tables of
many cells differ by chance more than small ones. Worst cells are the cells of these marginals with
the largest ``|z|``, ``z = D / sqrt(e)`` of synthpop's tables (see
`gpusynth.evaluate.utility.tables`); with weights, whose z has no known scale, those with the
largest difference of shares.

References
----------
.. [1] SDNist 2.5, sdnist/metrics/kmarginal.py and sdnist/report/score/utility (subsamples).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Literal

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.baselines import LADDER
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.labels import code_labels
from gpusynth.evaluate.marginals import count_marginals, lay_out, matched_counts
from gpusynth.evaluate.metric import MetricResult
from gpusynth.evaluate.utility.kmarginal import MarginalPair, kmarginal, score
from gpusynth.evaluate.utility.tables import cell_differences

__all__ = ["KMarginalUtility", "WorstCell", "WorstMarginal", "kmarginal_with_baselines"]


@dataclass(frozen=True, slots=True)
class WorstMarginal:
    """A marginal in which the files differ much.

    Attributes
    ----------
    columns : tuple of str
    total_variation : float
    expected_total_variation, holdout_total_variation : float or None
    """

    columns: tuple[str, ...]
    total_variation: float
    expected_total_variation: float | None
    holdout_total_variation: float | None


@dataclass(frozen=True, slots=True)
class WorstCell:
    """A cell of a marginal in which the files differ much.

    Attributes
    ----------
    columns, labels : tuple of str
    real_count, synthetic_count : int
        Rows; weight in an arbitrary unit where the files are weighted.
    real_share, synthetic_share : float
    z : float or None
        Roughly standard normal when the synthetic rows are drawn from the real shares; None with
        weights.
    """

    columns: tuple[str, ...]
    labels: tuple[str, ...]
    real_count: int
    synthetic_count: int
    real_share: float
    synthetic_share: float
    z: float | None


@dataclass(frozen=True, slots=True)
class KMarginalUtility:
    """The k-marginal score of one synthetic file with its baselines.

    Attributes
    ----------
    k : int
    n_marginals, n_possible : int
        Compared, and how many there are.
    score : float
        1000 is equal, 0 is disjoint.
    total_variation : float
        Mean over the marginals.
    expected_score, expected_total_variation : float or None
        Of bootstrap resamples; None without any.
    holdout_score, holdout_total_variation : float or None
    ladder_shares, ladder_scores : array of float64
        Subsamples of the real file.
    equivalent_share : float or None
        Size of the subsample that is as far off, interpolated on the ladder; None when the score
        lies beyond its ends.
    worst_marginals : tuple of WorstMarginal
    worst_cells : tuple of WorstCell
    result : MetricResult
        Every marginal: columns, total variation, and those of the baselines.
    """

    k: int
    n_marginals: int
    n_possible: int
    score: float
    total_variation: float
    expected_score: float | None
    expected_total_variation: float | None
    holdout_score: float | None
    holdout_total_variation: float | None
    ladder_shares: Array
    ladder_scores: Array
    equivalent_share: float | None
    worst_marginals: tuple[WorstMarginal, ...]
    worst_cells: tuple[WorstCell, ...]
    result: MetricResult


def kmarginal_with_baselines(
    codes: CommonCodes,
    k: int = 2,
    *,
    holdout: CodedTable | None = None,
    n_marginals: int | None = None,
    marginals: Sequence[Sequence[str]] | None = None,
    missing: Literal["level", "drop"] = "level",
    n_bootstraps: int = 1,
    ladder: Sequence[float] = LADDER,
    n_worst: int = 10,
    seed: int = 0,
) -> tuple[KMarginalUtility, ...]:
    """Score each synthetic file, with all baselines, worst marginals and worst cells.

    Parameters
    ----------
    codes : CommonCodes
    k : int
        1 to 4.
    holdout : CodedTable, optional
        On the same codes; by default the holdout of `codes`.
    n_marginals, marginals
        See `gpusynth.evaluate.utility.kmarginal.choose_marginals`; all k-subsets by default.
    missing : {"level", "drop"}
        See `gpusynth.evaluate.utility.kmarginal.KMarginal`.
    n_bootstraps : int
    ladder : sequence of float
        Shares of subsamples; empty for none.
    n_worst : int
        Marginals and cells to list.
    seed : int

    Returns
    -------
    tuple of KMarginalUtility
        One for each synthetic file.

    Raises
    ------
    IncomputableMetricError
        If a column is unknown, or there are fewer than k columns.
    """
    results = kmarginal(
        codes,
        k,
        n_marginals=n_marginals,
        marginals=marginals,
        missing=missing,
        n_bootstraps=n_bootstraps,
        ladder=ladder,
        holdout=codes.holdout if holdout is None else holdout,
        seed=seed,
    )
    return tuple(
        _describe(codes.real, synthetic, result, k, n_worst)
        for synthetic, result in zip(codes.synthetic, results, strict=True)
    )


def _describe(
    real: CodedTable, synthetic: CodedTable, result: MetricResult, k: int, n_worst: int
) -> KMarginalUtility:
    parts = result.breakdown
    distance = parts["total_variation"]
    expected, kept = (parts.get(f"{name}_total_variation") for name in ("expected", "holdout"))
    excess = distance if expected is None else distance - expected
    order = np.argsort(-excess, kind="stable")[:n_worst]
    shares = parts.get("ladder_share", np.empty(0))
    scores = parts.get("ladder_score", np.empty(0))
    return KMarginalUtility(
        k=k,
        n_marginals=len(distance),
        n_possible=comb(len(real.columns), k),
        score=result.value,
        total_variation=float(distance.mean()),
        expected_score=result.expected,
        expected_total_variation=None if expected is None else float(expected.mean()),
        holdout_score=None if kept is None else score(2.0 * kept),
        holdout_total_variation=None if kept is None else float(kept.mean()),
        ladder_shares=shares,
        ladder_scores=scores,
        equivalent_share=_equivalent_share(result.value, shares, scores),
        worst_marginals=tuple(
            WorstMarginal(
                columns=tuple(parts["columns"][number]),
                total_variation=float(distance[number]),
                expected_total_variation=None if expected is None else float(expected[number]),
                holdout_total_variation=None if kept is None else float(kept[number]),
            )
            for number in order
        ),
        worst_cells=_worst_cells(real, synthetic, parts["columns"][order], n_worst),
        result=result,
    )


def _equivalent_share(value: float, shares: Array, scores: Array) -> float | None:
    """Interpolate the share at which the ladder, made ascending, reaches a score."""
    if not len(shares):
        return None
    order = np.argsort(shares, kind="stable")
    rising = np.maximum.accumulate(scores[order])
    if not rising[0] <= value <= rising[-1]:
        return None
    return float(np.interp(value, rising, shares[order]))


def _worst_cells(
    real: CodedTable, synthetic: CodedTable, marginals: Array, n_worst: int
) -> tuple[WorstCell, ...]:
    """Return the worst cells of some marginals, the worst first; ties by marginal and cell."""
    tables = np.array([real.positions(names) for names in marginals], np.int32)
    layout = lay_out(real.n_codes, tables, n_rows=max(real.n_rows, synthetic.n_rows))
    pair = MarginalPair(count_marginals(real, layout), count_marginals(synthetic, layout))
    is_weighted = real.weight is not None
    found: list[tuple[float, WorstCell]] = []
    for number, columns in enumerate(tables):
        _, counts = matched_counts(pair.real, pair.synthetic, number)
        codes, z = cell_differences(pair, number)
        shares = counts / counts.sum(axis=1, keepdims=True)
        badness = np.abs(shares[0] - shares[1]) if is_weighted else np.abs(z)
        for cell in np.argsort(-badness, kind="stable")[:n_worst]:
            described = WorstCell(
                columns=tuple(real.names[column] for column in columns),
                labels=tuple(
                    code_labels(real.columns[column])[code]
                    for column, code in zip(columns, codes[cell], strict=True)
                ),
                real_count=int(counts[0, cell]),
                synthetic_count=int(counts[1, cell]),
                real_share=float(shares[0, cell]),
                synthetic_share=float(shares[1, cell]),
                z=None if is_weighted else float(z[cell]),
            )
            found.append((float(badness[cell]), described))
    found.sort(key=lambda one: -one[0])
    return tuple(cell for badness, cell in found[:n_worst] if badness > 0.0)
