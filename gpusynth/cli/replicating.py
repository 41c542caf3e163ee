"""``gpusynth replicate``: published regressions on the real file and on the synthetic ones."""

from __future__ import annotations

import math
from pathlib import Path

from rich.console import Console

from gpusynth.cli.console import console, new_table
from gpusynth.cli.output_files import check_outputs
from gpusynth.inference import Comparison, comparisons_json
from gpusynth.inference.comparing import compare
from gpusynth.inference.model_file import read_models
from gpusynth.inference.rules import RuleName
from gpusynth.io import write_json_atomic

__all__ = ["replicate_models", "show_comparison"]

_NUMBERS = ("real", "95 % interval", "synthetic", "95 % interval ", "difference", "overlap")


def replicate_models(
    real: Path,
    synthetic: Path,
    models: Path,
    *,
    output: Path | None,
    weight: str | None,
    schema: Path | None,
    rule: RuleName,
    proper: bool,
    overwrite: bool,
) -> None:
    """Compare regressions and print their coefficients side by side.

    Parameters
    ----------
    real : pathlib.Path
    synthetic : pathlib.Path
        A run's directory, or one replicate.
    models : pathlib.Path
        TOML file of regressions.
    output : pathlib.Path, optional
        Write everything to this JSON file too.
    weight : str, optional
        Column of weights for the models that name none.
    schema : pathlib.Path, optional
        Of the real file; by default the one in the run's directory.
    rule : RuleName
    proper : bool
    overwrite : bool
        Replace `output` if it exists.
    """
    check_outputs((output,), overwrite=overwrite, inputs=[real, synthetic, models, schema])
    comparisons = compare(
        real,
        synthetic,
        read_models(models),
        rule=rule,
        proper=proper,
        weights=weight,
        schema=schema,
    )
    out = console()
    for comparison in comparisons:
        show_comparison(comparison, out)
    if output is not None:
        write_json_atomic(output, comparisons_json(comparisons))
        out.print(f"\nwritten to {output}", soft_wrap=True)


def show_comparison(comparison: Comparison, out: Console) -> None:
    """Print one regression: a line a term, then how well they agree.

    Parameters
    ----------
    comparison : Comparison
    out : rich.console.Console
    """
    model = comparison.model
    ratios = comparison.synthetic.odds_ratios
    title = (
        comparison.name
        if comparison.name == model.formula
        else (f"{comparison.name}: {model.formula}")
    )
    weights = "" if model.weights is None else f", weighted by {model.weights}"
    out.print(f"\n{title}", soft_wrap=True)
    out.print(
        f"{model.kind}{weights}; {comparison.n_real:,} real rows, {comparison.n_replicates} x "
        f"{comparison.n_synthetic:,} synthetic ones pooled by {comparison.rule}"
        f"{'; ratios' if ratios else ''}",
        soft_wrap=True,
    )
    table = new_table("term", *_NUMBERS, "agree", numbers=_NUMBERS)
    for term in comparison.terms:
        # A threshold of an ordered model is no ratio.
        exponential = ratios and "|" not in term.term
        table.add_row(
            term.term,
            _figure(term.real, exponential=exponential),
            _interval(term.real_lower, term.real_upper, exponential=exponential),
            _figure(term.synthetic, exponential=exponential),
            _interval(term.synthetic_lower, term.synthetic_upper, exponential=exponential),
            _plain(term.difference),
            _plain(term.overlap),
            _agreement(term.same_sign, term.same_significance),
        )
    out.print(table)
    fit = comparison.lack_of_fit
    parts = [
        f"mean overlap {_plain(comparison.mean_overlap)}",
        f"mean |difference| {_plain(comparison.mean_absolute_difference)} standard errors "
        f"(about {math.sqrt(2 / (math.pi * comparison.n_replicates)):.2f} expected)",
        f"same sign {_share(comparison.sign_agreement)}",
        f"same significance {_share(comparison.significance_agreement)}",
    ]
    if fit is not None:
        parts.append(f"lack of fit p = {fit.p_value:.3g}")
    out.print("; ".join(parts), soft_wrap=True)
    for note in comparison.notes:
        out.print(f"note: {note}", soft_wrap=True)


def _figure(value: float, *, exponential: bool) -> str:
    if not math.isfinite(value):
        return "-"
    if exponential:
        value = math.exp(min(value, 700.0))
    return f"{value:.4g}"


def _interval(lower: float, upper: float, *, exponential: bool) -> str:
    if not (math.isfinite(lower) and math.isfinite(upper)):
        return "-"
    ends = (_figure(lower, exponential=exponential), _figure(upper, exponential=exponential))
    return f"{ends[0]} to {ends[1]}"


def _plain(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "-"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if math.isfinite(value) else "-"


def _agreement(same_sign: bool | None, same_significance: bool | None) -> str:  # noqa: FBT001
    if same_sign is None or same_significance is None:
        return "-"
    if same_sign and same_significance:
        return "yes"
    return "significance differs" if same_sign else "sign differs"
