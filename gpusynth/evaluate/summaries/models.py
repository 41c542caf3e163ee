"""Results of propensity models and of synthpop's table statistics, as groups of figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.attempts import Attempts
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.figures import Figure, FigureGroup
from gpusynth.evaluate.metric import MetricResult
from gpusynth.evaluate.summaries.columns import band
from gpusynth.evaluate.utility.propensity import PropensityUtility
from gpusynth.evaluate.utility.propensity_boosting import propensity_boosting
from gpusynth.evaluate.utility.propensity_cart import propensity_cart
from gpusynth.evaluate.utility.propensity_logit import propensity_logit
from gpusynth.evaluate.utility.tables import table_utility

__all__ = ["propensity_group", "table_groups"]

_MODEL_FILES = 3
"""Boosting sees this many synthetic files at most, for a band; the slower models see the first."""

_TABLES = 2000
"""Tables of two columns whose statistics are computed at most."""

_NAMES = {"boosting": "gradient boosting", "cart": "classification tree", "logit": "logistic model"}
_STATISTICS = (
    ("S_pMSE", "median of S_pMSE", 1.0),
    ("JSD", "median Jensen-Shannon divergence", None),
    ("SPECKS", "median SPECKS", None),
    ("MabsDD", "median mean absolute difference of densities", None),
    ("dBhatt", "median Bhattacharyya distance", None),
)


def propensity_group(codes: CommonCodes, *, seed: int, attempts: Attempts) -> FigureGroup | None:
    """Fit the models and summarise them; None where none could be fitted.

    Parameters
    ----------
    codes : CommonCodes
    seed : int
    attempts : Attempts

    Returns
    -------
    FigureGroup or None
    """
    seen = CommonCodes(codes.real, codes.synthetic[:_MODEL_FILES])
    first = CommonCodes(codes.real, codes.synthetic[:1])
    models: tuple[tuple[str, Callable[[], tuple[PropensityUtility, ...]]], ...] = (
        ("propensity, gradient boosting", lambda: propensity_boosting(seen, seed=seed)),
        ("propensity, classification tree", lambda: propensity_cart(first, seed=seed)),
        ("propensity, logistic model", lambda: propensity_logit(first, seed=seed)),
    )
    figures: list[Figure] = []
    n_rows = 0
    for name, fit in models:
        found = attempts.run(name, fit)
        if found:
            figures += _model_figures(found)
            n_rows = found[0].n_real
    if not figures:
        return None
    rows = f" Samples of {n_rows:,} rows." if n_rows < codes.real.n_rows else ""
    files = (
        f" Boosting of the first {len(seen.synthetic)} synthetic files, tree and logistic model of "
        "the first."
        if len(codes.synthetic) > 1
        else ""
    )
    return FigureGroup(
        name="propensity",
        title="Telling rows apart",
        reading=(
            "Models learn to tell synthetic rows from real ones. AUC is the chance that they rank "
            "a synthetic row above a real one; S_pMSE is the mean squared deviation of their "
            f"scores over its expectation for a right synthesis.{rows}{files}"
        ),
        figures=tuple(figures),
    )


def _model_figures(found: Sequence[PropensityUtility]) -> list[Figure]:
    first = found[0]
    name = _NAMES[first.method]
    told = ", ".join(f"{column} ({100 * share:.0f} %)" for column, share in first.importance[:4])
    figures = [
        Figure(
            name=f"{first.method}_auc",
            text=f"AUC, {name}",
            value=band([one.auc for one in found]),
            interval=(
                min(one.auc_interval[0] for one in found),
                max(one.auc_interval[1] for one in found),
            ),
            expected=first.expected_auc,
            expected_text="no difference",
            direction="lower",
            note=f"by {told}" if told else "",
        )
    ]
    ratios = [one.pmse_ratio for one in found if one.pmse_ratio is not None]
    if len(ratios) == len(found):
        figures.append(
            Figure(
                name=f"{first.method}_s_pmse",
                text=f"S_pMSE, {name}",
                value=band(ratios),
                expected=1.0,
                expected_text="right synthesis",
                direction="lower",
            )
        )
    return figures


def table_groups(
    codes: CommonCodes, n_rows_drawn: int, *, seed: int, attempts: Attempts
) -> tuple[FigureGroup, ...]:
    """Summarise synthpop's statistics of one- and two-way tables.

    Parameters
    ----------
    codes : CommonCodes
        Weights are left aside: the statistics count rows.
    n_rows_drawn : int
        Two-way tables drawn at most, or 2,000.
    seed : int
        Of that draw.
    attempts : Attempts

    Returns
    -------
    tuple of FigureGroup
        None for tables that cannot be computed.
    """
    plain = CommonCodes(
        _without_weight(codes.real), tuple(_without_weight(one) for one in codes.synthetic)
    )
    groups = []
    for k, words in ((1, "one-way"), (2, "two-way")):
        found = attempts.run(
            f"statistics of {words} tables",
            lambda k=k: table_utility(  # type: ignore[misc]
                plain, k, n_marginals=None if k == 1 else min(_TABLES, n_rows_drawn), seed=seed
            ),
        )
        if found is not None:
            groups.append(_table_group(found, k, words))
    return tuple(groups)


def _without_weight(table: CodedTable) -> CodedTable:
    return CodedTable(table.columns, table.codes, table.n_rows)


def _table_group(found: Sequence[MetricResult], k: int, words: str) -> FigureGroup:
    n_tables = len(found[0].breakdown["S_pMSE"])
    figures = [
        Figure(
            name=name,
            text=text,
            value=band([_median(one, name) for one in found]),
            expected=expected,
            expected_text="right synthesis" if expected is not None else "",
            direction="lower",
        )
        for name, text, expected in _STATISTICS
    ]
    for limit in (3, 10):
        shares = [100.0 * float(np.nanmean(one.breakdown["S_pMSE"] > limit)) for one in found]
        figures.insert(
            1 if limit == 3 else 2,
            Figure(
                name=f"above_{limit}",
                text=f"tables with S_pMSE above {limit}",
                value=band(shares),
                unit="%",
                direction="lower",
            ),
        )
    return FigureGroup(
        name=f"tables_{k}",
        title=f"Statistics of {words} tables",
        reading=(
            f"synthpop's measures over {n_tables:,} {words} tables, numbers in the bins of this "
            "report. Below 3 is good, above 10 is bad, says synthpop's vignette."
        ),
        figures=tuple(figures),
    )


def _median(result: MetricResult, name: str) -> float:
    values = result.breakdown[name]
    known = values[~np.isnan(values)]
    if not len(known):
        raise IncomputableMetricError(f"{name} is undefined in every table")
    return float(np.median(known))
