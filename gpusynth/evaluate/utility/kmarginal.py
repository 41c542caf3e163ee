"""k-marginal: how far the k-way tables of the synthetic file are from those of the real one.

For a set S of k columns let ``raw_S`` be the sum over cells of ``|p_real - p_synthetic|``, twice
the total variation distance. The score is ``(2 - mean of raw_S) * 500``: 1000 for equal tables, 0
for disjoint ones. SDNist and CenSyn agree on that formula; they differ in the choices below.

SDNist: k = 2, null is a level (``missing="level"``), numbers in `Binning` ``"sdnist"``, no weights.
CenSyn: k = 3, null drops out (``missing="drop"``), numbers as they are or in `Binning`
``"censyn"``, shares of weight. Scores by group of both are in `kmarginal_groups`.

References
----------
.. [1] SDNist 2.5, sdnist/metrics/kmarginal.py.
.. [2] CenSyn 0.8.1, censyn/metrics/metrics.py, `MarginalMetric`; censyn/utils/stable_features.py.
.. [3] NIST (2020). Differential privacy temporal map challenge: scoring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.baselines import bootstrap_rows, subsample_rows
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.marginals import (
    MarginalCounts,
    MarginalLayout,
    absolute_differences,
    add_counts,
    all_combinations,
    count_marginals,
    lay_out,
    sampled_combinations,
)
from gpusynth.evaluate.metric import MetricResult
from gpusynth.evaluate.nulls import without_null
from gpusynth.streams import Purpose, StreamKey

__all__ = ["KMarginal", "MarginalPair", "choose_marginals", "kmarginal", "score", "worst_marginals"]

_CHOICE_STEP = 3


@dataclass(frozen=True, slots=True)
class MarginalPair:
    """Counts of both sides: the summary of `KMarginal`."""

    real: MarginalCounts
    synthetic: MarginalCounts


def score(raw: Array) -> float:
    """Return the k-marginal score of absolute differences: ``(2 - mean) * 500``."""
    return float((2.0 - np.mean(raw)) * 500.0)


@dataclass(frozen=True, slots=True)
class KMarginal:
    """The k-marginal score as a `Metric`.

    Parameters
    ----------
    layout : MarginalLayout
        Which marginals; see `choose_marginals` and `gpusynth.evaluate.marginals.lay_out`.
    names : tuple of str
        Column names, for the breakdown.
    missing : {"level", "drop"}
        Whether null is a level, or rows with null in one of the marginal's columns are left out of
        its table (though not out of the denominator: CenSyn's group-by does that).
    has_null : tuple of bool
        Per column, whether code 0 is null.
    """

    layout: MarginalLayout
    names: tuple[str, ...]
    missing: Literal["level", "drop"] = "level"
    has_null: tuple[bool, ...] = ()

    @property
    def name(self) -> str:
        """Name in results."""
        return "kmarginal"

    def partial(self, real: CodedTable, synthetic: CodedTable) -> MarginalPair:
        """Count a block of each file."""
        return MarginalPair(
            count_marginals(real, self.layout), count_marginals(synthetic, self.layout)
        )

    def combine(self, a: MarginalPair, b: MarginalPair) -> MarginalPair:
        """Add the counts of two blocks."""
        return MarginalPair(add_counts(a.real, b.real), add_counts(a.synthetic, b.synthetic))

    def finalize(self, p: MarginalPair) -> MetricResult:
        """Return the score; the breakdown has each marginal's columns and total variation."""
        raw = absolute_differences(self._seen(p.real), self._seen(p.synthetic))
        columns = np.array(self.names, object)[self.layout.combinations]
        return MetricResult(
            metric=self.name,
            value=score(raw),
            expected=None,
            direction="higher",
            breakdown={"columns": columns, "total_variation": raw / 2.0},
        )

    def _seen(self, counts: MarginalCounts) -> MarginalCounts:
        return without_null(counts, self.has_null) if self.missing == "drop" else counts


def choose_marginals(
    table: CodedTable,
    k: int,
    *,
    n_marginals: int | None = None,
    marginals: Sequence[Sequence[str]] | None = None,
    seed: int = 0,
) -> Array:
    """Choose which marginals to compare.

    Parameters
    ----------
    table : CodedTable
    k : int
        1 to 4.
    n_marginals : int, optional
        How many to draw, distinct and each k-subset alike; all by default.
    marginals : sequence of sequences of k column names, optional
        Exactly these instead (a name may occur twice, as SDNist's draws do).
    seed : int

    Returns
    -------
    array of int32, shape (n_tables, k)

    Raises
    ------
    IncomputableMetricError
        If a column is unknown, or there are fewer than k columns.
    """
    if marginals is not None:
        wrong = [names for names in marginals if len(names) != k]
        if wrong or not marginals:
            raise IncomputableMetricError(
                f"k is {k}: name one or more marginals of {k} columns each"
            )
        return np.array([table.positions(names) for names in marginals], np.int32)
    if n_marginals is None:
        return all_combinations(len(table.columns), k)
    if n_marginals < 1:
        raise ValueError(f"n_marginals must be at least 1, got {n_marginals}")
    key = StreamKey(seed, step=_CHOICE_STEP, purpose=Purpose.EVALUATE)
    return sampled_combinations(len(table.columns), k, n_marginals, key)


def kmarginal(
    codes: CommonCodes,
    k: int = 2,
    *,
    n_marginals: int | None = None,
    marginals: Sequence[Sequence[str]] | None = None,
    missing: Literal["level", "drop"] = "level",
    n_bootstraps: int = 1,
    ladder: Sequence[float] = (),
    holdout: CodedTable | None = None,
    seed: int = 0,
) -> tuple[MetricResult, ...]:
    """Score each synthetic file, with baselines.

    Parameters
    ----------
    codes : CommonCodes
    k, n_marginals, marginals
        See `choose_marginals`.
    missing : {"level", "drop"}
    n_bootstraps : int
        Bootstrap resamples of the real file, each of the synthetic file's size, whose mean score
        is `MetricResult.expected`; 0 for none.
    ladder : sequence of float
        Shares of subsamples to score too, such as `gpusynth.evaluate.baselines.LADDER`.
    holdout : CodedTable, optional
        Rows of the population that the synthesizer never saw, to score too.
    seed : int

    Returns
    -------
    tuple of MetricResult
        One for each synthetic file. The breakdown has, for each marginal, ``columns``,
        ``total_variation``, ``expected_total_variation`` (with bootstraps) and
        ``holdout_total_variation`` (with a holdout); and for the ladder ``ladder_share`` and
        ``ladder_score``.
    """
    real = codes.real
    chosen = choose_marginals(real, k, n_marginals=n_marginals, marginals=marginals, seed=seed)
    n_rows = max(table.n_rows for table in (real, *codes.synthetic))
    metric = KMarginal(
        lay_out(real.n_codes, chosen, n_rows=n_rows),
        real.names,
        missing,
        tuple(column.has_null for column in real.columns),
    )
    real_counts = count_marginals(real, metric.layout)

    def against_real(table: CodedTable) -> MetricResult:
        counts = count_marginals(table, metric.layout)
        return metric.finalize(MarginalPair(real_counts, counts))

    steps = [
        against_real(real.take(rows)).value
        for rows in subsample_rows(real.n_rows, ladder, seed=seed)
    ]
    kept = None if holdout is None else against_real(holdout).breakdown["total_variation"]
    results = []
    expected: dict[int, tuple[float, Array]] = {}
    for synthetic in codes.synthetic:
        found = against_real(synthetic)
        breakdown = dict(found.breakdown)
        baseline = None
        if n_bootstraps:
            if synthetic.n_rows not in expected:
                drawn = [
                    against_real(real.take(rows)).breakdown["total_variation"]
                    for rows in (
                        bootstrap_rows(real.n_rows, synthetic.n_rows, seed=seed, replicate=number)
                        for number in range(n_bootstraps)
                    )
                ]
                mean = np.mean(drawn, axis=0)
                expected[synthetic.n_rows] = score(2.0 * mean), mean
            baseline, breakdown["expected_total_variation"] = expected[synthetic.n_rows]
        if kept is not None:
            breakdown["holdout_total_variation"] = kept
        if steps:
            breakdown["ladder_share"] = np.array(ladder)
            breakdown["ladder_score"] = np.array(steps)
        results.append(
            MetricResult(found.metric, found.value, baseline, found.direction, breakdown)
        )
    return tuple(results)


def worst_marginals(result: MetricResult, n: int = 10) -> list[tuple[tuple[str, ...], float]]:
    """Return the marginals with the largest total variation, the worst first; ties by position."""
    distance = result.breakdown["total_variation"]
    order = np.argsort(-distance, kind="stable")[:n]
    return [(tuple(result.breakdown["columns"][i]), float(distance[i])) for i in order]
