"""Coverage of 95 % intervals: every combining rule on the syntheses it was derived for.

    python -m benchmarks.studies.calibration --output benchmarks/results/study_calibration.json
    python -m benchmarks.studies.calibration --write

Real files are drawn from known populations (`benchmarks.studies.populations`), synthesized from
fitted or drawn parameters of the right model, analysed, and pooled with `gpusynth.inference.pool`.
With 2,000 repetitions a coverage of 0.95 has a Monte Carlo standard error of 0.005. The last block
synthesizes with gpusynth's trees. ``--write`` puts the table of the results into docs/inference.md.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from benchmarks.studies.populations import POPULATIONS, Floats, Population
from gpusynth.inference import pool

__all__ = ["CASES", "Case", "coverage_of", "main", "table", "with_table"]

BEGIN = "<!-- calibration -->"
END = "<!-- /calibration -->"
_ROOT = Path(__file__).resolve().parents[2]
_RESULTS = _ROOT / "benchmarks" / "results" / "study_calibration.json"
_DOCUMENT = _ROOT / "docs" / "inference.md"
_BLOCK = 100
_CONFIDENCE = 0.95
_MISSING = 0.3
_NORMAL = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A release and the rule that pools it.

    Attributes
    ----------
    rule : str
        A rule of gpusynth, or "real" and "none": the real file alone, and one synthetic file
        analysed as if it were real.
    made : str
        What people read: how the files were made.
    m, r : int
        Replicates (imputations), and syntheses of each imputation.
    proper : bool
    ratio : int
        Synthetic rows for each real one.
    synthesized : str
        "all", "y" (x stays real) or "missing" (y where it is missing).
    """

    rule: str
    made: str
    m: int = 5
    r: int = 1
    proper: bool = False
    ratio: int = 1
    synthesized: str = "all"


CASES = (
    Case(rule="real", made="real file", m=1),
    Case(rule="none", made="one synthetic file taken for real", m=1),
    Case(rule="raab_simple", made="all columns, fitted parameters", m=1),
    Case(rule="raab_simple", made="all columns, fitted parameters"),
    Case(rule="raab_simple", made="all columns, fitted parameters, 2 n rows", ratio=2),
    Case(rule="raab_simple", made="all columns, drawn parameters", proper=True),
    Case(rule="reiter_partial", made="y only, fitted parameters", synthesized="y"),
    Case(rule="reiter_partial", made="y only, drawn parameters", proper=True, synthesized="y"),
    Case(rule="raghunathan_full", made="all columns, drawn parameters", m=20, proper=True),
    Case(rule="raghunathan_full", made="all columns, drawn parameters", m=100, proper=True),
    Case(rule="rubin", made="30 % of y missing, imputed", m=10, proper=True, synthesized="missing"),
    Case(rule="reiter_two_stage", made="30 % of y missing, imputed; then y", r=5, proper=True),
)


def estimates_of(
    case: Case, population: Population, random: Generator, repetitions: int
) -> tuple[Floats, Floats]:
    """Return estimates and variances of a block, shape (m, R, E) or (m, r, R, E)."""
    x, y = population.sample(random, repetitions)
    if case.rule == "real":
        values, variances = population.analyse(x, y)
        return values[None], variances[None]
    n_rows = x.shape[1]
    shape = (case.m, n_rows * case.ratio)
    known = np.ones(x.shape, dtype=bool)
    if case.synthesized == "missing" or case.rule == "reiter_two_stage":
        known = random.random(x.shape) > _MISSING
    if case.synthesized == "all" and case.rule != "reiter_two_stage":
        new_x = population.draw_x(random, x, shape, case.proper)
    else:
        new_x = np.broadcast_to(x[:, None], (repetitions, case.m, n_rows))
    new_y = population.draw_y(random, (x, y, known), new_x, case.proper)
    if not known.all():
        new_y = np.where(known[:, None], y[:, None], new_y)
    if case.rule == "reiter_two_stage":
        # Each completed file is a real file of its own, of which y is synthesized r times.
        flat = (repetitions * case.m, n_rows)
        completed_x, completed_y = new_x.reshape(flat), new_y.reshape(flat)
        again = np.broadcast_to(completed_x[:, None], (flat[0], case.r, n_rows))
        whole = (completed_x, completed_y, np.ones(flat, dtype=bool))
        second = population.draw_y(random, whole, again, case.proper)
        found = population.analyse(again, second)
        nested = [part.reshape(repetitions, case.m, case.r, -1) for part in found]
        return np.moveaxis(nested[0], 0, 2), np.moveaxis(nested[1], 0, 2)
    values, variances = population.analyse(new_x, new_y)
    return np.moveaxis(values, 1, 0), np.moveaxis(variances, 1, 0)


def _intervals(case: Case, values: Floats, variances: Floats, n_rows: int) -> tuple[Floats, Floats]:
    """Return lower and upper ends, shape (R, E)."""
    if case.rule in ("real", "none"):
        half = _NORMAL * np.sqrt(variances[0])
        return values[0] - half, values[0] + half
    stages = 2 if case.rule == "reiter_two_stage" else 1
    shape = values.shape[stages:]
    flat = (*values.shape[:stages], -1)
    rows = {} if case.rule == "rubin" else {"n_synthetic": n_rows * case.ratio}
    pooled = pool(
        values.reshape(flat),
        variances.reshape(flat),
        rule=case.rule,  # type: ignore[arg-type]
        n_real=n_rows,
        proper=case.proper and case.rule != "rubin",
        confidence=_CONFIDENCE,
        **rows,
    )
    return pooled.lower.reshape(shape), pooled.upper.reshape(shape)


def coverage_of(
    case: Case, population: Population, *, repetitions: int, seed: int
) -> Iterator[dict[str, Any]]:
    """Simulate a case and yield one result for each estimand."""
    random = np.random.default_rng([seed, CASES.index(case), POPULATIONS.index(population)])
    ends = []
    for begin in range(0, repetitions, _BLOCK):
        block = min(_BLOCK, repetitions - begin)
        values, variances = estimates_of(case, population, random, block)
        ends.append(_intervals(case, values, variances, population.n_rows))
    lower, upper = (np.concatenate(side) for side in zip(*ends, strict=True))
    yield from _results(case, population, lower, upper)


def _results(
    case: Case, population: Population, lower: Floats, upper: Floats
) -> Iterator[dict[str, Any]]:
    covered = (lower <= population.truth) & (population.truth <= upper)
    for position, estimand in enumerate(population.estimands):
        yield {
            "population": population.name,
            "estimand": estimand,
            "rule": case.rule,
            "made": case.made,
            "m": case.m,
            "r": case.r,
            "coverage": float(covered[:, position].mean()),
            # Of the median interval: degrees of freedom below 1 make means meaningless.
            "width": float(np.median((upper - lower)[:, position])),
            "repetitions": len(lower),
        }


TREES = (
    (Case(rule="raab_simple", made="all columns, gpusynth, min_leaf 5 (default)"), 5),
    (Case(rule="raab_simple", made="all columns, gpusynth, min_leaf 25"), 25),
    (Case(rule="reiter_partial", made="y only, gpusynth, min_leaf 5", synthesized="y"), 5),
    (Case(rule="reiter_partial", made="y only, gpusynth, min_leaf 25", synthesized="y"), 25),
)
"""Syntheses with gpusynth's trees, and their smallest leaf."""


def trees_coverage(
    case: Case, min_leaf: int, population: Population, *, repetitions: int, seed: int
) -> Iterator[dict[str, Any]]:
    """Synthesize with gpusynth's trees; yield results as `coverage_of`.

    The strata of the design are kept in every case.
    """
    import pyarrow as pa

    import gpusynth

    random = np.random.default_rng([seed, 1000, min_leaf, POPULATIONS.index(population)])
    stratified = population.name == "zero-inflated, weighted"
    kept = {"x": gpusynth.Keep()} if stratified or case.synthesized == "y" else {}
    plan = gpusynth.Plan(default=gpusynth.Cart(min_leaf=min_leaf), methods=kept)
    x, y = population.sample(random, repetitions)
    values, variances = np.empty((2, case.m, repetitions, len(population.estimands)))
    for number in range(repetitions):
        real = pa.table({"x": x[number], "y": y[number]})
        made = gpusynth.synthesize(
            real, None, plan, n_replicates=case.m, seed=1_000_003 * seed + number
        )
        for copy, table in enumerate(made):
            # In the order of the strata, as the design has them.
            order = np.argsort(table["x"].to_numpy(), kind="stable")
            columns = (table[name].to_numpy().astype(float)[order] for name in ("x", "y"))
            values[copy, number], variances[copy, number] = population.analyse(*columns)
    lower, upper = _intervals(case, values, variances, population.n_rows)
    yield from _results(case, population, lower, upper)


def table(results: Sequence[dict[str, Any]]) -> str:
    """Return the results as a Markdown table, one line a case, one column an estimand."""
    columns = list(dict.fromkeys((one["population"], one["estimand"]) for one in results))
    lines = list(dict.fromkeys((one["rule"], one["made"], one["m"], one["r"]) for one in results))
    found = {
        (one["rule"], one["made"], one["m"], one["r"], one["population"], one["estimand"]): one
        for one in results
    }
    widths = {
        (one["population"], one["estimand"]): one["width"]
        for one in results
        if one["rule"] == "real"
    }
    head = ["rule", "files", "m", *(f"{name}: {estimand}" for name, estimand in columns)]
    rows = [head, ["---"] * len(head)]
    for rule, made, m, r in lines:
        cells = []
        for column in columns:
            one = found.get((rule, made, m, r, *column))
            cells.append("" if one is None else _cell(one, widths[column]))
        shown = {"real": "", "none": "(none)"}.get(rule, f"`{rule}`")
        rows.append([shown, made, f"{m} x {r}" if r > 1 else str(m), *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(one: dict[str, Any], real_width: float) -> str:
    error = math.sqrt(_CONFIDENCE * (1 - _CONFIDENCE) / one["repetitions"])
    # Three standard errors: among 60 figures one is outside by chance in one study of six.
    mark = "" if abs(one["coverage"] - _CONFIDENCE) <= 3 * error else " !"
    return f"{one['coverage']:.3f}{mark} ({one['width'] / real_width:.2f})"


def with_table(text: str, made: str) -> str:
    """Return a document with `made` between its markers.

    Raises
    ------
    ValueError
        If the markers are not there once each, in order.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"the file needs the lines {BEGIN} and {END}, once each, in this order")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{rest.split(END)[1]}"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the study, or write the table of its results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="write the results to this file")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="what --write reads")
    parser.add_argument("--document", type=Path, default=_DOCUMENT)
    parser.add_argument("--write", action="store_true", help="only put the table into --document")
    arguments = parser.parse_args(argv)
    if arguments.write:
        results = json.loads(arguments.results.read_text(encoding="utf-8"))["results"]
        text = arguments.document.read_text(encoding="utf-8")
        arguments.document.write_text(with_table(text, table(results)), encoding="utf-8")
        return
    results = [
        one
        for case in CASES
        for population in POPULATIONS
        for one in coverage_of(
            case, population, repetitions=arguments.repetitions, seed=arguments.seed
        )
    ]
    results += [
        one
        for case, min_leaf in TREES
        for population in POPULATIONS
        for one in trees_coverage(
            case, min_leaf, population, repetitions=arguments.repetitions, seed=arguments.seed
        )
    ]
    print(table(results))
    if arguments.output is not None:
        from benchmarks.machine import describe_versions

        document = {
            "benchmark": "study_calibration",
            "seed": arguments.seed,
            "results": results,
            "versions": describe_versions("scipy"),
        }
        arguments.output.write_text(json.dumps(document) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
