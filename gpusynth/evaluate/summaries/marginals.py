"""Results of the k-marginals: scores with baselines, distances of pairs, worst cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import comb

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.details import Cell, KMarginalResult, LadderStep, MarginalDistance
from gpusynth.evaluate.marginals import (
    MarginalCounts,
    all_combinations,
    count_marginals,
    lay_out,
    matched_counts,
)
from gpusynth.evaluate.metric import MetricResult
from gpusynth.evaluate.summaries.columns import band
from gpusynth.evaluate.suppression import safe_labels
from gpusynth.evaluate.utility.kmarginal import score
from gpusynth.table.schema import Schema

__all__ = ["kmarginal_result", "mean_pair_distances", "pair_distances", "worst_cells"]

_N_WORST = 30
_N_CELLS = 20
_CELLS_A_TABLE = 3
_MOST_OF_ANSWER = 3
"""One wrong answer makes every cell that it is part of wrong; the list should show other faults."""


def kmarginal_result(
    codes: CommonCodes, results: Sequence[MetricResult], k: int
) -> KMarginalResult:
    """Summarise the k-marginal scores of all synthetic files.

    Parameters
    ----------
    codes : CommonCodes
    results : sequence of MetricResult
        Of `gpusynth.evaluate.kmarginal`, one for each synthetic file.
    k : int

    Returns
    -------
    KMarginalResult
    """
    first = results[0].breakdown
    distances = np.array([result.breakdown["total_variation"] for result in results])
    expected = np.mean([result.breakdown["expected_total_variation"] for result in results], axis=0)
    mean = distances.mean(axis=0)
    order = np.argsort(expected - mean, kind="stable")[:_N_WORST]
    kept = first.get("holdout_total_variation")
    return KMarginalResult(
        k=k,
        n_marginals=len(mean),
        n_possible=comb(len(codes.real.columns), k),
        score=band([result.value for result in results]),
        distance=band(distances.mean(axis=1)),
        expected_score=score(2.0 * expected),
        expected_distance=float(expected.mean()),
        holdout_score=None if kept is None else score(2.0 * kept),
        ladder=tuple(
            LadderStep(share=float(share), score=float(value))
            for share, value in zip(
                first.get("ladder_share", ()), first.get("ladder_score", ()), strict=True
            )
        ),
        worst=tuple(
            MarginalDistance(
                columns=tuple(str(name) for name in first["columns"][i]),
                distance=float(min(mean[i], 1.0)),
                expected=float(min(expected[i], 1.0)),
            )
            for i in order
        ),
    )


def pair_distances(two_way: Sequence[MetricResult]) -> tuple[Array, Array]:
    """Return distance and expected distance of every pair, means over the synthetic files.

    Parameters
    ----------
    two_way : sequence of MetricResult
        Of all pairs in lexicographic order.

    Returns
    -------
    distance : array of float64, shape (n_pairs,)
    expected : array of float64, shape (n_pairs,)
    """
    distance = np.mean([result.breakdown["total_variation"] for result in two_way], axis=0)
    expected = np.mean([result.breakdown["expected_total_variation"] for result in two_way], axis=0)
    return distance, expected


def mean_pair_distances(
    names: Sequence[str], distance: Array, expected: Array
) -> dict[str, tuple[float, float]]:
    """Average the distances of each column's pairs.

    Parameters
    ----------
    names : sequence of str
    distance, expected : array of float64, shape (n_pairs,)
        As `pair_distances` returns them.

    Returns
    -------
    dict of column name to (distance, expected distance)
    """
    n = len(names)
    pairs = all_combinations(n, 2)
    sums = np.zeros((2, n))
    for side, values in enumerate((distance, expected)):
        np.add.at(sums[side], pairs[:, 0], values)
        np.add.at(sums[side], pairs[:, 1], values)
    means = sums / (n - 1)
    return {name: (float(means[0, i]), float(means[1, i])) for i, name in enumerate(names)}


def worst_cells(
    codes: CommonCodes, schema: Schema, marginals: Sequence[Sequence[str]], *, minimum_cell: int
) -> tuple[Cell, ...]:
    """Find the cells of some marginals in which the files differ most, by |z|.

    Rows are counted, not weights: z is the standardised difference of synthpop's ``utility.tab``
    between the real file and all synthetic rows together.

    Parameters
    ----------
    codes : CommonCodes
    schema : Schema
        For the kinds of the columns.
    marginals : sequence of sequences of column names
        All of one length.
    minimum_cell : int
        Of cells with fewer real rows only the synthetic share is shown.

    Returns
    -------
    tuple of Cell
        At most three of a marginal, the worst first.
    """
    real = codes.real
    places = [real.positions(names) for names in marginals]
    n_rows = max(table.n_rows for table in (real, *codes.synthetic))
    layout = lay_out(real.n_codes, np.array(places, np.int32), n_rows=n_rows)
    tables = [
        CodedTable(table.columns, table.codes, table.n_rows) for table in (real, *codes.synthetic)
    ]
    counts = [count_marginals(table, layout) for table in tables]
    found: list[tuple[float, Cell]] = []
    for number, names in enumerate(marginals):
        cells, amounts = _all_cells(counts, number)
        d, s = amounts[0].astype(np.float64), amounts[1:].sum(axis=0).astype(np.float64)
        c = s.sum() / (s.sum() + d.sum())
        z = (s - d * c / (1 - c)) / np.sqrt((s + d) * c)
        for i in np.argsort(-np.abs(z), kind="stable")[:_CELLS_A_TABLE]:
            shape = layout.shape(number)
            at = [int(code) for code in np.unravel_index(int(cells[i]), shape)]
            shown = bool(d[i] >= minimum_cell) or minimum_cell <= 1
            cell = Cell(
                columns=tuple(names),
                labels=_labels(real, places[number], at, schema) if shown else None,
                real=float(d[i] / real.n_rows) if shown else None,
                synthetic=band(
                    [
                        float(amounts[1 + r][i] / table.n_rows)
                        for r, table in enumerate(codes.synthetic)
                    ]
                ),
                z=float(z[i]) if shown else None,
            )
            found.append((abs(float(z[i])), cell))
    found.sort(key=lambda one: -one[0])
    return _varied([cell for _, cell in found])


def _varied(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Pass over cells of an answer that has been shown often enough, and nameless repetitions."""
    shown: Counter[tuple[str, str]] = Counter()
    kept: list[Cell] = []
    for cell in cells:
        answers = list(zip(cell.columns, cell.labels or [""] * len(cell.columns), strict=True))
        if len(kept) < _N_CELLS and all(shown[answer] < _MOST_OF_ANSWER for answer in answers):
            kept.append(cell)
            shown.update(answers)
    return tuple(kept)


def _all_cells(counts: Sequence[MarginalCounts], number: int) -> tuple[Array, Array]:
    """Return the cells of one table that any file occupies, and every file's counts in them."""
    matched = [matched_counts(counts[0], other, number) for other in counts[1:]]
    cells = np.unique(np.concatenate([own for own, _ in matched]))
    amounts = np.zeros((len(counts), len(cells)), np.int64)
    for position, (own, sides) in enumerate(matched, 1):
        at = np.searchsorted(cells, own)
        amounts[0, at] = np.maximum(amounts[0, at], sides[0])
        amounts[position, at] = sides[1]
    return cells, amounts


def _labels(
    real: CodedTable, places: Sequence[int], at: Sequence[int], schema: Schema
) -> tuple[str, ...]:
    return tuple(
        safe_labels(real.columns[place], schema[real.columns[place].name].kind)[code]
        for place, code in zip(places, at, strict=True)
    )
