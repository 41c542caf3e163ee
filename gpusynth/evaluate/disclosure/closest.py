"""Distance to the closest record: whether synthetic rows lie suspiciously near to real ones.

For each synthetic row (or a stated sample of them) the distance to the closest of *all* real rows
(DCR); for a sample of those rows also its ratio to the distance of the second closest
(nearest-neighbour distance ratio, NNDR; 1 where both are 0): a row that copies one real record has
a small one. Small distances alone say little: survey records with many common answers lie close
together anyway. Two baselines tell:

- real rows to the closest *other* real row;
- with a holdout, rows of the population that the synthesizer never saw: of each synthetic row, is
  the closest of all real and held-out rows a real one? If the real rows left no more of a trace
  than the holdout's, each row of both is as likely to be the closest, so that the share expected is
  ``e = n_real / (n_real + n_holdout)``, exactly, ties being broken at random. If a share c of the
  synthetic rows were copies of real ones and the others left no trace, it would be
  ``c + (1 - c) e``. That c is the *excess*; ``share = (1 + c) / 2`` is what files of equal length
  would show: 0.5 for no trace, 1 for copies.

Rows of both files that are the closest of many synthetic rows make that share vary more than a
share of independent trials. Let row g of N be the closest of c_g of n synthetic rows. By chance of
which rows were held out the share varies as one of ``1 / (sum c_g^2 / n^2 - 1 / N)`` trials (the
variance of a sum over a sample without replacement [3]_); Wilson's interval is of so many, at most
n.

References
----------
.. [1] Platzer, M., Reutterer, T. (2021). Holdout-based empirical assessment of mixed-type
       synthetic data. Frontiers in Big Data 4:679939. (share closer to training than to holdout,
       of files of equal length)
.. [2] Lowe, D. G. (2004). Distinctive image features from scale-invariant keypoints. IJCV 60.
       (distance ratio)
.. [3] Cochran, W. G. (1977). Sampling Techniques, 3rd ed., theorem 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.disclosure.gower import Gower, Neighbours, nearest_records
from gpusynth.evaluate.disclosure.intervals import (
    CONFIDENCE,
    Rate,
    permutation,
    sample_rows,
    wilson,
)

__all__ = ["LEVELS", "ClosestRecords", "HoldoutDistances", "closest_records"]

LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75)
"""Quantiles reported; those of few rows would point at single records."""

_SYNTHETIC_STEP, _REAL_STEP, _ORDER_STEP, _HOLDOUT_STEP, _RATIO_STEP = range(101, 106)


@dataclass(frozen=True, slots=True)
class HoldoutDistances:
    """Synthetic rows between the real file and the holdout.

    Attributes
    ----------
    n_holdout : int
    closest_is_real : Rate
        Synthetic rows whose closest row of both files is real.
    expected : float
        What that share would be without a trace of the real rows.
    share : Rate
        The same as if both files were equally long: 0.5 without a trace, 1 for copies; cut to
        [0, 1].
    to_holdout : tuple of float
        Quantiles, at `LEVELS`, of the distance of the rows behind `ClosestRecords.ratio` to the
        closest row of the holdout. A shorter file lies farther away.
    ratio_to_holdout : tuple of float
        The same of the nearest-neighbour distance ratio within the holdout.
    holdout_to_real : tuple of float
        The same of the distance of rows of the holdout to the closest real row: what new records
        of the population look like.
    holdout_identical : float
        Share of the holdout's rows that a real row equals in all codes.
    """

    n_holdout: int
    closest_is_real: Rate
    expected: float
    share: Rate
    to_holdout: tuple[float, ...]
    ratio_to_holdout: tuple[float, ...]
    holdout_to_real: tuple[float, ...]
    holdout_identical: float


@dataclass(frozen=True, slots=True)
class ClosestRecords:
    """Distances of one synthetic file to the real one.

    Attributes
    ----------
    n_real, n_synthetic, n_columns : int
    n_compared : int
        Synthetic rows whose distance was found, each against all real rows.
    levels : tuple of float
    to_real : tuple of float
        Quantiles of the distance to the closest real row, in [0, 1].
    ratio : tuple of float
        Quantiles of the nearest-neighbour distance ratio.
    n_ratios : int
        Synthetic rows behind the ratios.
    identical : Rate
        Share of synthetic rows that a real row equals in all codes.
    real_to_real : tuple of float
        Quantiles of the distance of a real row to the closest other one.
    real_identical : float
        Share of real rows that another real row equals in all codes.
    n_real_compared : int
        Real rows behind `real_to_real`.
    holdout : HoldoutDistances or None
    """

    n_real: int
    n_synthetic: int
    n_columns: int
    n_compared: int
    levels: tuple[float, ...]
    to_real: tuple[float, ...]
    ratio: tuple[float, ...]
    n_ratios: int
    identical: Rate
    real_to_real: tuple[float, ...]
    real_identical: float
    n_real_compared: int
    holdout: HoldoutDistances | None


@dataclass(frozen=True, slots=True)
class _Holdout:
    """The holdout, and all rows of both files in random order."""

    table: CodedTable
    to_real: Array
    both: CodedTable
    is_real: Array


@dataclass(frozen=True, slots=True)
class _References:
    """What is the same for every synthetic file."""

    gower: Gower
    real: CodedTable
    real_to_real: Array
    holdout: _Holdout | None


def closest_records(
    codes: CommonCodes,
    *,
    columns: Sequence[str] | None = None,
    ordered: Sequence[str] = (),
    holdout: CodedTable | None = None,
    n_compared: int | None = 100_000,
    n_baseline: int | None = 10_000,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> tuple[ClosestRecords, ...]:
    """Measure how close synthetic rows lie to real ones, for each synthetic file.

    Parameters
    ----------
    codes : CommonCodes
    columns : sequence of str, optional
        Columns that the distance is over; all that were coded by default.
    ordered : sequence of str
        Columns of levels whose order means something; numbers are ordered anyway.
    holdout : CodedTable, optional
        On the same codes; `codes.holdout` by default.
    n_compared : int, optional
        Synthetic rows drawn where a file has more; None: all rows. Each is compared with all real
        ones.
    n_baseline : int, optional
        Real rows, and rows of the holdout, drawn for the two baselines, and synthetic rows for the
        ratios; None: all.
    seed : int
        Of the samples.
    confidence : float

    Raises
    ------
    IncomputableMetricError
        If a file has no rows, or the real file or the holdout has fewer than two, or a column is
        unknown, or all columns have a single answer.
    """
    gower = Gower.of(codes.real, columns, ordered=ordered)
    rows = sample_rows(codes.real.n_rows, n_baseline, seed=seed, step=_REAL_STEP)
    own = nearest_records(gower, codes.real, codes.real.take(rows), leave_out=rows)
    holdout = codes.holdout if holdout is None else holdout
    new = None if holdout is None else _mix(gower, codes.real, holdout, n_baseline, seed)
    references = _References(gower, codes.real, own.shares()[:, 0], new)
    results = []
    for synthetic in codes.synthetic:
        rows = sample_rows(synthetic.n_rows, n_compared, seed=seed, step=_SYNTHETIC_STEP)
        compared = synthetic.take(rows)
        second = compared.take(sample_rows(len(rows), n_baseline, seed=seed, step=_RATIO_STEP))
        results.append(_measure(references, synthetic, compared, second, confidence))
    return tuple(results)


def _mix(
    gower: Gower, real: CodedTable, holdout: CodedTable, n_baseline: int | None, seed: int
) -> _Holdout:
    rows = sample_rows(holdout.n_rows, n_baseline, seed=seed, step=_HOLDOUT_STEP)
    to_real = nearest_records(gower, real, holdout.take(rows)).shares()[:, 0]
    n_rows = real.n_rows + holdout.n_rows
    # the first of equally near rows is a random one of them
    order = permutation(n_rows, seed=seed, step=_ORDER_STEP)
    codes = tuple(
        np.concatenate(pair)[order] for pair in zip(real.codes, holdout.codes, strict=True)
    )
    return _Holdout(holdout, to_real, CodedTable(real.columns, codes, n_rows), order < real.n_rows)


def _measure(
    references: _References,
    synthetic: CodedTable,
    compared: CodedTable,
    second: CodedTable,
    confidence: float,
) -> ClosestRecords:
    gower, real = references.gower, references.real
    near = nearest_records(gower, real, compared)
    closest = near.shares()[:, 0]
    _, ratio = _near_and_ratio(gower, real, second)
    return ClosestRecords(
        n_real=real.n_rows,
        n_synthetic=synthetic.n_rows,
        n_columns=len(gower.columns),
        n_compared=compared.n_rows,
        levels=LEVELS,
        to_real=_quantiles(closest),
        ratio=ratio,
        n_ratios=second.n_rows,
        identical=wilson(int((closest == 0).sum()), len(closest), confidence=confidence),
        real_to_real=_quantiles(references.real_to_real),
        real_identical=float((references.real_to_real == 0).mean()),
        n_real_compared=len(references.real_to_real),
        holdout=_against_holdout(references, near, compared, second, confidence),
    )


def _against_holdout(
    references: _References,
    near: Neighbours,
    compared: CodedTable,
    second: CodedTable,
    confidence: float,
) -> HoldoutDistances | None:
    gower, new = references.gower, references.holdout
    if new is None:
        return None
    rows, is_real = _closest_of_both(gower, near, new, compared)
    found = _clustered(rows, is_real, new.both.n_rows, confidence)
    expected = references.real.n_rows / new.both.n_rows
    share, low, high = (
        min(max(0.5 * (1.0 + (value - expected) / (1.0 - expected)), 0.0), 1.0)
        for value in (found.value, found.low, found.high)
    )
    to_holdout, ratio = _near_and_ratio(gower, new.table, second)
    return HoldoutDistances(
        n_holdout=new.table.n_rows,
        closest_is_real=found,
        expected=expected,
        share=Rate(share, low, high, found.n),
        to_holdout=to_holdout,
        ratio_to_holdout=ratio,
        holdout_to_real=_quantiles(new.to_real),
        holdout_identical=float((new.to_real == 0).mean()),
    )


def _closest_of_both(
    gower: Gower, near: Neighbours, new: _Holdout, compared: CodedTable
) -> tuple[Array, Array]:
    """Return a number for the closest row of both files, and whether it is real, for each query.

    Real rows have numbers from 0, those of the holdout follow them. Only ties between the files
    need a search of both at once: the first of equally near rows in random order wins.
    """
    n_real = int(new.is_real.sum())
    other = nearest_records(gower, new.table, compared)
    to_real, to_other = near.distances[:, 0], other.distances[:, 0]
    is_real = to_real < to_other
    tied = np.flatnonzero(to_real == to_other)
    if len(tied):
        drawn = nearest_records(gower, new.both, compared.take(tied), lowest_rows=True)
        is_real[tied] = new.is_real[drawn.rows[:, 0]]
    rows = np.where(is_real, near.rows[:, 0], n_real + other.rows[:, 0])
    return rows, is_real


def _clustered(rows: Array, is_real: Array, n_all: int, confidence: float) -> Rate:
    """Return the share that is real, with an interval of as many trials as it is worth."""
    n = len(rows)
    counts = np.bincount(rows).astype(np.float64)
    spread = float(np.sum(counts * counts)) / (n * n) - 1.0 / n_all
    # the most even counts would leave no variance; synthetic rows are a sample too
    trials = min(1.0 / spread if spread > 0.0 else float(n), float(n))
    share = float(is_real.mean())
    found = wilson(share * trials, trials, confidence=confidence)
    return Rate(share, found.low, found.high, n)


def _quantiles(values: Array) -> tuple[float, ...]:
    """Values that occur, so that ties of distances stay ties."""
    found = np.quantile(values, LEVELS, method="inverted_cdf")
    return tuple(float(value) for value in found)


def _near_and_ratio(
    gower: Gower, table: CodedTable, queries: CodedTable
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return quantiles of the distance and of the ratio, 1 where the second is identical too."""
    near = nearest_records(gower, table, queries, k=2)
    first, second = near.distances.T
    ratio = np.divide(first, second, out=np.ones(len(first)), where=second > 0)
    return _quantiles(near.shares()[:, 0]), _quantiles(ratio)
