"""Each column's marginal, ready to be shown: bars, missing and invented answers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.coded import CodedColumn, CodedTable, CommonCodes
from gpusynth.evaluate.details import Bar, ColumnResult, QuantilePair
from gpusynth.evaluate.figures import Band, Figure
from gpusynth.evaluate.metric import MetricResult
from gpusynth.evaluate.suppression import (
    QUANTILE_ROWS,
    join_bins,
    pooled,
    rounded,
    safe_labels,
)
from gpusynth.evaluate.utility.univariate import ColumnUtility, NumberUtility
from gpusynth.table.schema import Column, Schema

__all__ = ["band", "column_results"]

_MOST_LEVELS = 24
"""Levels of a plot; the others are pooled."""

_RESAMPLE = "resample"


def band(values: Sequence[float] | Array) -> Band:
    """Return mean, lowest and highest of one figure over the synthetic files.

    Parameters
    ----------
    values : sequence of float
        One for each file.

    Returns
    -------
    Band
    """
    found = np.asarray(values, np.float64)
    # the mean of equal numbers may differ from them in the last bit
    mean = min(max(float(found.mean()), float(found.min())), float(found.max()))
    return Band(mean=mean, lowest=float(found.min()), highest=float(found.max()))


def column_results(
    codes: CommonCodes,
    schema: Schema,
    one_way: Sequence[MetricResult],
    pair_distances: Mapping[str, tuple[float, float]],
    columns: Sequence[Sequence[ColumnUtility]],
    *,
    minimum_cell: int,
) -> tuple[ColumnResult, ...]:
    """Summarise the marginal of every column.

    Parameters
    ----------
    codes : CommonCodes
    schema : Schema
        Of the real file.
    one_way : sequence of MetricResult
        `gpusynth.evaluate.kmarginal` with k = 1 and all columns, one for each synthetic file.
    pair_distances : mapping of column name to (distance, expected distance)
        Means over the two-way marginals; empty where there are none.
    columns : sequence of sequences of ColumnUtility
        `gpusynth.evaluate.utility.univariate.univariate`: distances of numbers. May be empty.
    minimum_cell : int
        See `gpusynth.evaluate.suppression`.

    Returns
    -------
    tuple of ColumnResult
    """
    distances = np.array([result.breakdown["total_variation"] for result in one_way])
    expected = np.mean([result.breakdown["expected_total_variation"] for result in one_way], axis=0)
    results = []
    for place, column in enumerate(codes.real.columns):
        rows = np.bincount(codes.real.codes[place], minlength=column.n_codes)
        real = _shares(codes.real, place)
        synthetic = np.array([_shares(table, place) for table in codes.synthetic])
        described = schema[column.name]
        invented = rows[: len(column.labels)] == 0
        invented[: column.n_missing] = False
        numbers = [found[place].numbers for found in columns]
        known = [one for one in numbers if one is not None]
        pair = pair_distances.get(column.name)
        n_missing = column.n_missing
        results.append(
            ColumnResult(
                name=column.name,
                kind=described.kind,
                n_codes=column.n_codes,
                distance=band(np.clip(distances[:, place], 0.0, 1.0)),
                expected_distance=_share(expected[place]),
                pair_distance=None if pair is None else _share(pair[0]),
                expected_pair_distance=None if pair is None else _share(pair[1]),
                real_missing=_share(real[:n_missing].sum()),
                synthetic_missing=_share(synthetic[:, :n_missing].sum(axis=1).mean()),
                real_zero=_share(known[0].real_zero_share) if known else None,
                synthetic_zero=_mean_share([one.synthetic_zero_share for one in known]),
                n_invented=int(invented.sum()),
                invented=band(synthetic[:, : len(column.labels)][:, invented].sum(axis=1)),
                figures=_number_figures(known),
                bars=_bars(column, described, rows, real, synthetic, minimum_cell),
                quantiles=_quantiles(known, int(rows[n_missing:].sum()), described, minimum_cell),
            )
        )
    return tuple(results)


def _share(value: float) -> float:
    return float(min(max(value, 0.0), 1.0))


def _shares(table: CodedTable, place: int) -> Array:
    """Return the share of rows, or of weight, of each code of one column."""
    weight = None if table.weight is None else table.weight.astype(np.float64)
    counts = np.bincount(table.codes[place], weight, minlength=table.columns[place].n_codes)
    return counts / table.total


def _mean_share(values: Sequence[float]) -> float | None:
    return _share(float(np.mean(values))) if values else None


def _number_figures(numbers: Sequence[NumberUtility]) -> tuple[Figure, ...]:
    """Return distances of numbers; none where a file has no number in the column."""
    if not numbers:
        return ()
    figures = [
        Figure(
            name="ks",
            text="KS",
            value=band([one.ks for one in numbers]),
            expected=numbers[0].expected_ks,
            expected_text=_RESAMPLE,
            direction="lower",
        )
    ]
    ratios = [one.wasserstein_ratio for one in numbers if one.wasserstein_ratio is not None]
    if ratios and numbers[0].real_deviation > 0.0:
        expected = numbers[0].expected_wasserstein
        figures.append(
            Figure(
                name="wasserstein",
                text="Wasserstein / sd",
                value=band(ratios),
                expected=None if expected is None else expected / numbers[0].real_deviation,
                expected_text=_RESAMPLE,
                direction="lower",
            )
        )
    return tuple(figures)


def _quantiles(
    numbers: Sequence[NumberUtility], n_real: int, described: Column, minimum: int
) -> tuple[QuantilePair, ...]:
    """Return rounded quantiles that have enough real rows beyond them; none of dates."""
    if not numbers or described.kind in ("date", "timestamp"):
        return ()
    enough = max(QUANTILE_ROWS, minimum)
    pairs = []
    for number, share in enumerate(numbers[0].shares):
        if min(share, 1.0 - share) * n_real >= enough:
            pairs.append(
                QuantilePair(
                    share=float(share),
                    real=rounded(float(numbers[0].real_quantiles[number])),
                    synthetic=rounded(
                        float(np.mean([one.synthetic_quantiles[number] for one in numbers]))
                    ),
                )
            )
    return tuple(pairs)


def _bars(
    column: CodedColumn,
    described: Column,
    rows: Array,
    real: Array,
    synthetic: Array,
    minimum: int,
) -> tuple[Bar, ...]:
    n_labels = len(column.labels)
    kinds = [_kind(code, column, described) for code in range(n_labels)]
    always = [kind != "level" for kind in kinds]
    hidden = pooled(rows[:n_labels], minimum, _MOST_LEVELS, always=always)
    starts = None
    n_hidden = int(hidden.sum())
    groups = [np.array([code]) for code in np.flatnonzero(~hidden)]
    names = safe_labels(column, described.kind)
    labels = [names[code] for code in np.flatnonzero(~hidden)]
    bar_kinds = [kinds[code] for code in np.flatnonzero(~hidden)]
    rest = np.flatnonzero(hidden)
    if column.cuts is not None and not column.joins_outside:
        starts = join_bins(rows[n_labels:], minimum)
        joined = [np.arange(first, last) + n_labels for first, last in itertools.pairwise(starts)]
        bin_labels = safe_labels(column, described.kind, starts)[n_labels:]
    else:
        joined = [np.array([code]) for code in range(n_labels, column.n_codes)]
        bin_labels = names[n_labels:]
    for group, label in zip(joined, bin_labels, strict=True):
        if rows[group].sum() < max(minimum, 1) or 0 < rows[rest].sum() < minimum:
            rest = np.concatenate((rest, group))
        else:
            groups.append(group)
            labels.append(label)
            bar_kinds.append("bin")
    if len(rest):
        groups.append(rest)
        labels.append(_rest_label(n_hidden, with_numbers=len(rest) > n_hidden))
        bar_kinds.append("rest")
    return tuple(
        Bar(
            label=label,
            kind=kind,
            real=_share(round(float(real[group].sum()), 6)),
            synthetic=_rounded_band(synthetic[:, group].sum(axis=1)),
            meaning=described.labels.get(label, "") if kind in ("level", "missing") else "",
        )
        for group, label, kind in zip(groups, labels, bar_kinds, strict=True)
    )


def _rest_label(n_levels: int, *, with_numbers: bool) -> str:
    levels = f"{n_levels:,} other level{'' if n_levels == 1 else 's'}"
    if not with_numbers:
        return levels
    return f"{levels} and numbers" if n_levels else "numbers"


def _rounded_band(values: Array) -> Band:
    found = band(np.clip(values, 0.0, 1.0))
    return Band(
        mean=round(found.mean, 6), lowest=round(found.lowest, 6), highest=round(found.highest, 6)
    )


def _kind(code: int, column: CodedColumn, described: Column) -> str:
    if code < column.n_missing:
        return "missing"
    return "spike" if described.is_number else "level"
