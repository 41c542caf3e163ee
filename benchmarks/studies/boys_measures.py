"""What is measured on one bootstrap sample and its replicates, as numbers with a name.

A name is a path: ``describe/synthetic/age/mean``. `Truth` holds the same of the true data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.stats import t as student

from benchmarks.studies.boys_discrimination import (
    confusion,
    design_of,
    pooled_logit,
    predictions,
)
from benchmarks.studies.boys_synthesis import LEVELS, NUMBERS, SCHEMA
from gpusynth.errors import DataError
from gpusynth.inference import fit, pool

__all__ = ["FORMULAS", "PAIRS", "RULES", "Truth", "measure", "shown_term", "truth_of"]

Floats = NDArray[np.float64]

FORMULAS: Mapping[str, str] = {
    "ols": "hgt ~ age + C(phb, Poly())",
    "ordered": "gen ~ age + hc + reg",
}
"""Tables 4 and 5; ordered factors have polynomial contrasts in R."""

RULES = ("reiter_partial", "raab_simple")
"""The paper's rule, and the one that gpusynth recommends where all is synthesized."""

PAIRS = tuple(combinations(NUMBERS, 2))
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Truth:
    """The true data and what holds in them.

    Attributes
    ----------
    columns : mapping of str to array of float64
        Numbers, and numbers of levels from 1.
    figures : mapping of str to float
        ``describe/age/mean``, ``correlation/age/hgt``, ``ols/age``, ``ordered/G1|G2``.
    terms : mapping of str to tuple of str
        Model -> its terms as the library names them.
    parameters : mapping of str to array of float64
        Model -> their estimates.
    """

    columns: Mapping[str, Floats]
    figures: Mapping[str, float]
    terms: Mapping[str, tuple[str, ...]]
    parameters: Mapping[str, Floats]


def shown_term(term: str) -> str:
    """Return the name that R gives to a term."""
    if term == "Intercept":
        return "(Intercept)"
    return term.replace("C(phb, Poly())[", "phb").replace("reg[T.", "reg").replace("]", "")


def truth_of(real: pa.Table) -> Truth:
    """Measure the true data."""
    columns = _columns(real)
    fits = {kind: _estimates(kind, [real])[0] for kind in FORMULAS}
    figures = {
        **{f"describe/{name}": value for name, value in _describe(columns)},
        **{f"correlation/{name}": value for name, value in _correlations(columns)},
    }
    for kind, one in fits.items():
        for term, value in zip(one.terms, one.parameters, strict=True):
            figures[f"{kind}/{shown_term(term)}"] = float(value)
    return Truth(
        columns,
        figures,
        {kind: one.terms for kind, one in fits.items()},
        {kind: one.parameters for kind, one in fits.items()},
    )


def measure(
    truth: Truth,
    sample: pa.Table,
    replicates: Sequence[pa.Table],
    random: np.random.Generator,
    *,
    proper: bool = False,
) -> dict[str, float]:
    """Measure a bootstrap sample and its replicates.

    Parameters
    ----------
    truth : Truth
    sample : pyarrow.Table
    replicates : sequence of pyarrow.Table
    random : numpy.random.Generator
        Parts the rows for the cross-validated predictions.
    proper : bool
        Each replicate was fitted anew to a bootstrap sample.

    Returns
    -------
    dict of str to float
        Figures of replicates are means over them; NaN where a file has no figure.
    """
    found: dict[str, float] = {}
    bootstrap, synthetic = _columns(sample), [_columns(one) for one in replicates]
    for side, files in (("bootstrap", [bootstrap]), ("synthetic", synthetic)):
        for what, figures_of in (("describe", _describe), ("correlation", _correlations)):
            each = [dict(figures_of(columns)) for columns in files]
            for name in each[0]:
                mean = float(np.mean([one[name] for one in each]))
                found[f"{what}/{side}/{name}"] = mean - truth.figures[f"{what}/{name}"]
    for kind in FORMULAS:
        try:
            found.update(_models(kind, truth, sample, replicates, proper=proper))
        except DataError:
            found[f"{kind}/failed"] = 1.0
    found.update(_discrimination(truth.columns, synthetic, random))
    return found


def _columns(table: pa.Table) -> dict[str, Floats]:
    columns = {}
    for name in table.column_names:
        if name in LEVELS:
            numbers = {level: number for number, level in enumerate(LEVELS[name], start=1)}
            columns[name] = np.array([float(numbers[one]) for one in table[name].to_pylist()])
        else:
            columns[name] = table[name].to_numpy().astype(np.float64)
    return columns


def _describe(columns: Mapping[str, Floats]) -> Iterator[tuple[str, float]]:
    """Yield the statistics of R's psych::describe (skew and kurtosis of its default type 3)."""
    for name, values in columns.items():
        deviation = values - values.mean()
        sd = float(values.std(ddof=1))
        yield f"{name}/mean", float(values.mean())
        yield f"{name}/sd", sd
        yield f"{name}/median", float(np.median(values))
        yield f"{name}/min", float(values.min())
        yield f"{name}/max", float(values.max())
        yield f"{name}/skew", float((deviation**3).mean() / sd**3)
        yield f"{name}/kurtosis", float((deviation**4).mean() / sd**4 - 3.0)


def _correlations(columns: Mapping[str, Floats]) -> Iterator[tuple[str, float]]:
    matrix = np.corrcoef([columns[name] for name in NUMBERS])
    for left, right in PAIRS:
        yield f"{left}/{right}", float(matrix[NUMBERS.index(left), NUMBERS.index(right)])


def _estimates(kind: str, tables: Sequence[pa.Table]) -> Sequence[Any]:
    """Return the library's fit to each table."""
    rule = "raab_simple"  # one table is enough for it; pooling follows
    return fit(FORMULAS[kind], list(tables), model=kind, rule=rule, schema=SCHEMA).replicates  # type: ignore[arg-type]


def _models(
    kind: str,
    truth: Truth,
    sample: pa.Table,
    replicates: Sequence[pa.Table],
    *,
    proper: bool,
) -> dict[str, float]:
    """Return errors and coverages of a model, of the bootstrap sample and by each rule."""
    real, *made = _estimates(kind, [sample, *replicates])
    if real.terms != truth.terms[kind]:
        raise DataError("the sample lacks a level, and contrasts have another meaning without it.")
    parameters = np.stack([one.parameters for one in made])
    variances = np.stack([np.diagonal(one.covariance) for one in made])
    half = student.ppf(0.5 + _CONFIDENCE / 2, real.degrees_of_freedom) * np.sqrt(
        np.diagonal(real.covariance)
    )
    intervals = {"bootstrap": (real.parameters, half)}
    known = np.isfinite(parameters + variances).all(axis=0)
    for rule in RULES:
        pooled = pool(
            parameters[:, known],
            variances[:, known],
            rule=rule,  # type: ignore[arg-type]
            proper=proper,
            complete_df=_finite(real.degrees_of_freedom) if rule == "raab_simple" else None,
        )
        centre, width = np.full((2, len(known)), np.nan)
        centre[known] = pooled.estimate
        width[known] = (pooled.upper - pooled.lower) / 2
        intervals[rule] = (centre, width)
    found = {}
    for side, (centre, width) in intervals.items():
        error = centre - truth.parameters[kind]
        covered = np.where(np.isfinite(error + width), np.abs(error) <= width, np.nan)
        for place, term in enumerate(truth.terms[kind]):
            path = f"{kind}/{side}/{shown_term(term)}"
            found[f"{path}/error"] = float(error[place])
            found[f"{path}/covered"] = float(covered[place])
            found[f"{path}/half_width"] = float(width[place])
    return found


def _finite(freedom: float) -> float | None:
    return float(freedom) if np.isfinite(freedom) else None


def _discrimination(
    true: Mapping[str, Floats],
    synthetic: Sequence[Mapping[str, Floats]],
    random: np.random.Generator,
) -> dict[str, float]:
    """Return what a logit tells of synthetic and true rows, and of two replicates as reference."""
    real = design_of(true)
    made = [design_of(columns) for columns in synthetic]
    found = {}
    try:
        for term, figures in pooled_logit(real, made).items():
            for name, value in figures.items():
                found[f"logit/{term}/{name}"] = value
        for case, pairs, parting in (
            ("fitted", [(real, one) for one in made], None),
            ("held_out", [(real, one) for one in made], random),
            # Each file has the same distribution here: what even a perfect synthesis would give.
            ("reference", [(made[-1], made[0]), *pairwise(made)], None),
        ):
            each = [confusion(*predictions(first, other, parting)) for first, other in pairs]
            for name in each[0]:
                found[f"confusion/{case}/{name}"] = float(np.mean([one[name] for one in each]))
    except ArithmeticError:
        found["logit/failed"] = 1.0
    return found
