"""What is measured of a synthesis of firms: regressions against truth, rare answers, marginals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth import Schema
from gpusynth.datasets import STUDY_MODELS, StudyModel, study_variables
from gpusynth.evaluate import code_together, kmarginal_with_baselines, principal_components
from gpusynth.inference import Comparison, Model, NamedModel, compare
from gpusynth.inference.comparing import compared
from gpusynth.inference.fitting import pool_estimates
from gpusynth.inference.pool_terms import Pooling
from gpusynth.inference.rules import RuleName
from gpusynth.table.source import TableSource

__all__ = ["analysis_table", "model_results", "rare_answers", "utility"]

_MODELS = tuple(
    NamedModel(one.name, Model(formula=one.formula, kind=one.model)) for one in STUDY_MODELS
)
_OF_OTHER_RULES = ("model", "rule", "m", "n_estimated", "synthetic_covers")
_DIGITS = 4
_RARE_SHARE = 0.02
_FEWEST_ROWS = 50
"""Of a rare answer: below, a normal approximation of its count says little."""


def analysis_table(survey: pa.Table) -> pa.Table:
    """Return the variables of the study with one row for each row of the file.

    Firms that did not answer are rows of nulls, which every fit leaves out: a rule wants the rows
    of the files, and they are as many in every replicate; the answering ones are not.
    """
    variables = study_variables(survey)
    lost = survey.num_rows - variables.num_rows
    blank = pa.table({one.name: pa.nulls(lost, one.type) for one in variables.schema})
    return pa.concat_tables([variables, blank])


def model_results(
    real: pa.Table, replicates: Sequence[pa.Table], sizes: Sequence[int]
) -> list[dict[str, Any]]:
    """Fit the models once, pool the first m replicates for every m asked for.

    Parameters
    ----------
    real : pyarrow.Table
        An `analysis_table`.
    replicates : sequence of pyarrow.Table
    sizes : sequence of int
        Values of m.

    Returns
    -------
    list of dict
        One for each model and m, pooled by raab_simple, the rule that holds, with its terms for
        the largest m; and from two replicates on how many intervals of reiter_partial hold the
        truth.
    """
    results = []
    for truth, whole in zip(STUDY_MODELS, compare(real, replicates, _MODELS), strict=True):
        for m in sizes:
            found = _pooled_again(whole, m, "raab_simple")
            results.append(_model_result(truth, found, with_terms=m == max(sizes)))
            if m > 1:
                other = _model_result(
                    truth, _pooled_again(whole, m, "reiter_partial"), with_terms=False
                )
                results.append({name: other[name] for name in _OF_OTHER_RULES})
    return results


def _pooled_again(whole: Comparison, m: int, rule: RuleName) -> Comparison:
    pooling = Pooling(
        rule=rule,
        n_real=whole.n_real,
        n_synthetic=whole.n_synthetic,
        proper=False,
        inference="population",
        confidence=0.95,
    )
    pooled = pool_estimates(whole.model, whole.synthetic.replicates[:m], (m,), pooling)
    return compared(NamedModel(whole.name, whole.model), whole.real, pooled, pooling)


def _is_effect(term: str) -> bool:
    """Sector and state effects and the intercept are counted but not listed."""
    return not term.startswith(("sector[", "state[", "Intercept"))


def _model_result(truth: StudyModel, found: Comparison, *, with_terms: bool) -> dict[str, Any]:
    terms = [one for one in found.terms if np.isfinite([one.real, one.synthetic]).all()]
    known = np.array([truth.truth[one.term] for one in terms])
    real = np.array([(one.real_lower, one.real_upper) for one in terms])
    synthetic = np.array([(one.synthetic_lower, one.synthetic_upper) for one in terms])
    clear = [one for one in terms if one.real_lower > 0 or one.real_upper < 0]
    fit = found.lack_of_fit
    result: dict[str, Any] = {
        "model": found.name,
        "kind": truth.model,
        "rule": found.rule,
        "m": found.n_replicates,
        "n_used": found.real.n_used,
        "n_terms": len(found.terms),
        "n_estimated": len(terms),
        "real_covers": int(_holds(real, known).sum()),
        "synthetic_covers": int(_holds(synthetic, known).sum()),
        "intersect": int(((synthetic[:, 0] <= real[:, 1]) & (real[:, 0] <= synthetic[:, 1])).sum()),
        "mean_overlap": round(found.mean_overlap, _DIGITS),
        "mean_difference": round(found.mean_absolute_difference, _DIGITS),
        "largest_difference": round(max(abs(one.difference) for one in terms), _DIGITS),
        "n_clear": len(clear),
        "same_sign": sum(bool(one.same_sign) for one in clear),
        "same_significance": sum(bool(one.same_significance) for one in terms),
        "lack_of_fit": None if fit is None else round(fit.statistic / fit.degrees_of_freedom, 2),
        "notes": [note for note in found.notes if "missing" not in note],
    }
    if with_terms:
        result["terms"] = [_term(truth, one) for one in terms if _is_effect(one.term)]
    return result


def _holds(intervals: Any, values: Any) -> Any:
    return (intervals[:, 0] <= values) & (values <= intervals[:, 1])


def _term(truth: StudyModel, one: Any) -> dict[str, Any]:
    figures = {
        "truth": truth.truth[one.term],
        **{
            name: getattr(one, name)
            for name in (
                *("real", "real_error", "real_lower", "real_upper"),
                *("synthetic", "synthetic_error", "synthetic_lower", "synthetic_upper"),
            )
        },
    }
    return {"term": one.term, **{name: round(float(x), _DIGITS) for name, x in figures.items()}}


def rare_answers(real: pa.Table, replicates: Sequence[pa.Table], schema: Schema) -> dict[str, Any]:
    """Compare how often rare answers occur, in standard errors of the mean of the replicates.

    A right synthesis draws a level of real share p about binomially, so the mean count of m
    replicates varies by ``sqrt(n p (1 - p) / m)`` about the real count.

    Returns
    -------
    dict
        Of all levels with a share of at most 2 % and at least 50 rows: how many, mean and root
        mean square of z, how many beyond 3 on either side, the worst; and z of the rare outcome.
    """
    found = list(_rare_z(real, replicates, schema))
    z = np.array([one for _, _, one in found])
    worst = sorted(found, key=lambda one: -abs(one[2]))[:5]
    outcome = [one for name, level, one in found if (name, level) == ("JOBSABROAD", "1")]
    return {
        "n_levels": len(z),
        "mean_z": round(float(z.mean()), 3) if len(z) else None,
        "rms_z": round(float(np.sqrt(np.mean(z**2))), 3) if len(z) else None,
        "too_often": int((z > 3).sum()),
        "too_seldom": int((z < -3).sum()),
        "worst": [[name, level, round(one, 2)] for name, level, one in worst],
        "outcome_z": round(outcome[0], 2) if outcome else None,
    }


def _rare_z(
    real: pa.Table, replicates: Sequence[pa.Table], schema: Schema
) -> Iterator[tuple[str, str, float]]:
    # The first column is drawn from its own marginal and cannot go wrong.
    for column in schema.columns[1:]:
        if column.is_number or column.name not in real.column_names:
            continue
        counts = _counts(real, column.name)
        drawn = [_counts(one, column.name) for one in replicates]
        for level, count in sorted(counts.items()):
            share = count / real.num_rows
            if count < _FEWEST_ROWS or share > _RARE_SHARE:
                continue
            mean = float(np.mean([one.get(level, 0) for one in drawn]))
            yield (
                column.name,
                level,
                (mean - count) / math.sqrt(count * (1 - share) / len(replicates)),
            )


def _counts(survey: pa.Table, name: str) -> dict[str, int]:
    counted = pc.value_counts(survey[name].combine_chunks())
    return {
        str(one["values"]): one["counts"]
        for one in counted.to_pylist()
        if one["values"] is not None
    }


def utility(real: pa.Table, replicate: pa.Table, schema: Schema, *, seed: int) -> dict[str, Any]:
    """Return k-marginals for k = 2 and 3 with their baselines, and principal components.

    Three-way tables are a sample of 500.
    """
    codes = code_together(TableSource(real), TableSource(replicate), schema=schema)
    results: dict[str, Any] = {}
    for k, n_marginals in ((2, None), (3, 500)):
        (score,) = kmarginal_with_baselines(
            codes, k, n_marginals=n_marginals, ladder=(), n_worst=3, seed=seed
        )
        results[f"kmarginal_{k}"] = {
            "n_marginals": score.n_marginals,
            "score": round(score.score, 2),
            "expected": None if score.expected_score is None else round(score.expected_score, 2),
            "worst": [list(one.columns) for one in score.worst_marginals],
        }
    (components,) = principal_components(codes, n_panels=1, seed=seed)
    results["components"] = {
        "explained_real": [round(float(x), _DIGITS) for x in components.explained_real],
        "explained_synthetic": [round(float(x), _DIGITS) for x in components.explained_synthetic],
        **{
            name: None if figure is None else round(float(figure), _DIGITS)
            for name, figure in (
                ("similarity", components.similarity),
                ("expected_similarity", components.expected_similarity),
                ("overlap", components.overlap),
                ("expected_overlap", components.expected_overlap),
            )
        },
    }
    return results
