"""Study: are answers right when missing values are imputed, and then all values synthesized?

    python -m benchmarks.studies.imputation --parts imputation_parts \
        --output benchmarks/results/study_imputation.json
    python -m benchmarks.studies.imputation --write

Samples of two real files lose a fifth of their answers, at random or depending on age; each is
imputed 5 times, and each completed file synthesized 5 times. Counted is how often 95 % intervals
cover the value of the whole file: Rubin's rule on the imputations, and the two-stage rule on the
syntheses. The folder of parts makes the study resumable; `--survey` and `--procedure` divide it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import gpusynth
from benchmarks.studies.imputation_surveys import (
    MECHANISMS,
    Survey,
    delete_answers,
    draw_sample,
    read_survey,
)
from benchmarks.studies.imputation_tables import report, with_report
from gpusynth.inference import pool

__all__ = ["main", "run_part"]

_ROOT = Path(__file__).resolve().parents[2]
_DATA = _ROOT.parent / "shared" / "data"
_RESULTS = _ROOT / "benchmarks" / "results" / "study_imputation.json"
_DOCUMENT = _ROOT / "docs" / "study-imputation.md"
_SAMPLES, _PART = 200, 20
_IMPUTATIONS, _SYNTHESES, _ITERATIONS = 5, 5, 5
SURVEYS = ("boys", "acs")
PROCEDURES = ("bootstrap", "ordered", "none")
"""bootstrap: both stages, proper imputation. ordered: besides, the synthesis visits the columns of
the analysis first. none: imputation only, on the answered rows as they are."""


def run_part(
    survey: Survey, procedure: str, numbers: Sequence[int], *, seed: int
) -> dict[str, Any]:
    """Measure some samples.

    Returns
    -------
    dict
        rows (survey, procedure, mechanism, stage, estimand, sample, estimate, lower, upper) and
        CPU seconds.
    """
    truth = {name: value for name, (value, _) in survey.estimate(survey.population).items()}
    schema = gpusynth.infer_schema(survey.population)
    plan = survey.plan
    if procedure == "ordered":
        others = [n for n in survey.population.column_names if n not in survey.analysed]
        plan = plan.model_copy(update={"visit": (*survey.analysed, *others)})
    rows: list[list[Any]] = []
    busy = time.process_time()
    for number in numbers:
        random = np.random.default_rng([seed, number])
        sample = draw_sample(survey, random)
        found = {"complete": _pooled([survey.estimate(sample)], "complete", len(sample))}
        for mechanism in MECHANISMS:
            gaps = delete_answers(survey, sample, mechanism, random)
            both = gpusynth.impute_and_synthesize(
                gaps,
                schema,
                plan,
                n_imputations=_IMPUTATIONS,
                n_syntheses=0 if procedure == "none" else _SYNTHESES,
                iterations=_ITERATIONS,
                proper="none" if procedure == "none" else "bootstrap",
                seed=seed + number,
                threads=1,
            )
            outer = [survey.estimate(table) for table in both.imputations.tables()]
            found[f"{mechanism} rubin"] = _pooled(outer, "rubin", len(sample))
            if both.syntheses:
                inner = [[survey.estimate(table) for table in nest] for nest in both.syntheses]
                found[f"{mechanism} two-stage"] = _pooled(inner, "reiter_two_stage", len(sample))
        for stage, intervals in found.items():
            rows += [
                [stage, name, number, estimate, low, high]
                for name, (estimate, low, high) in intervals.items()
            ]
    return {"truth": truth, "rows": rows, "cpu_seconds": time.process_time() - busy}


def _pooled(nests: Any, rule: str, n_rows: int) -> dict[str, tuple[float, float, float]]:
    """Return estimate, lower and upper bound of every estimand."""
    first = nests[0][0] if rule == "reiter_two_stage" else nests[0]
    names = list(first)
    found: Any = np.array(
        [[[one[name] for name in names] for one in nest] for nest in nests]
        if rule == "reiter_two_stage"
        else [[one[name] for name in names] for one in nests]
    )
    if rule == "complete":
        from scipy.stats import t

        half = t.ppf(0.975, n_rows - 1) * np.sqrt(found[0, :, 1])
        middle, low, high = found[0, :, 0], found[0, :, 0] - half, found[0, :, 0] + half
    else:
        pooled = pool(
            found[..., 0],
            found[..., 1],
            rule=rule,  # type: ignore[arg-type]
            complete_df=n_rows - 1 if rule == "rubin" else None,
        )
        middle, low, high = pooled.estimate, pooled.lower, pooled.upper
    return {name: (float(middle[i]), float(low[i]), float(high[i])) for i, name in enumerate(names)}


def collect(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Turn the rows of all parts of a survey and procedure into its figures."""
    truth = parts[0]["truth"]
    rows: dict[tuple[str, str], dict[int, tuple[float, float, float]]] = {}
    for part in parts:
        for stage, name, number, estimate, low, high in part["rows"]:
            rows.setdefault((stage, name), {})[number] = (estimate, low, high)
    complete = {name: np.array(list(rows["complete", name].values())) for name in truth}
    figures: dict[str, dict[str, Any]] = {}
    for (stage, name), samples in rows.items():
        found = np.array(list(samples.values()))
        width, reference = found[:, 2] - found[:, 1], complete[name][:, 2] - complete[name][:, 1]
        covered = (found[:, 1] <= truth[name]) & (truth[name] <= found[:, 2])
        figures.setdefault(stage, {})[name] = {
            "coverage": float(covered.mean()),
            # in standard errors of the complete sample
            "bias": float((found[:, 0] - truth[name]).mean() / complete[name][:, 0].std(ddof=1)),
            "width": float(np.median(width / reference)),
        }
    return {
        "samples": len(next(iter(rows.values()))),
        "cpu_seconds": sum(part["cpu_seconds"] for part in parts),
        "figures": figures,
    }


def _run_missing(arguments: argparse.Namespace) -> None:
    """Run the parts that the folder does not hold."""
    arguments.parts.mkdir(parents=True, exist_ok=True)
    for name in arguments.survey:
        survey = read_survey(name, arguments.data)
        for procedure in arguments.procedure:
            if procedure == "ordered" and not survey.analysed:
                continue
            for first in range(1, arguments.samples + 1, _PART):
                numbers = range(first, min(first + _PART, arguments.samples + 1))
                path = arguments.parts / f"{name}_{procedure}_{arguments.seed}_{first:04}.json"
                if path.exists():
                    continue
                part = run_part(survey, procedure, numbers, seed=arguments.seed)
                unfinished = path.with_suffix(f".{os.getpid()}.tmp")
                unfinished.write_text(json.dumps(part) + "\n", encoding="utf-8")
                unfinished.replace(path)
                print(f"{path.name}: {part['cpu_seconds']:.0f} s CPU", file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the study or a part of it, or write the tables of its results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=_DATA, help="folder of the real files")
    parser.add_argument("--survey", nargs="*", choices=SURVEYS, default=SURVEYS)
    parser.add_argument("--procedure", nargs="*", choices=PROCEDURES, default=PROCEDURES)
    parser.add_argument("--samples", type=int, default=_SAMPLES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", type=Path, help="folder of what is done")
    parser.add_argument("--output", type=Path, help="write the results of all parts to this file")
    parser.add_argument("--write", action="store_true", help="only put the tables into the guide")
    arguments = parser.parse_args(sys.argv[1:] if argv is None else list(argv))
    if arguments.write:
        results = json.loads(_RESULTS.read_text(encoding="utf-8"))
        text = _DOCUMENT.read_text(encoding="utf-8")
        _DOCUMENT.write_text(with_report(text, report(results)), encoding="utf-8")
        return
    if arguments.parts is None:
        parser.error("--parts names the folder of what is done")
    if not (arguments.data / "boys_complete.csv").is_file():
        parser.error(f"--data: the real files are not there; {_DOCUMENT.name} says what they are")
    _run_missing(arguments)
    if arguments.output is None:
        return
    from benchmarks.machine import describe_machine, describe_versions

    found: dict[str, Any] = {}
    for name in SURVEYS:
        for procedure in PROCEDURES:
            files = sorted(arguments.parts.glob(f"{name}_{procedure}_{arguments.seed}_*.json"))
            parts = [json.loads(file.read_text(encoding="utf-8")) for file in files]
            if parts:
                found.setdefault(name, {})[procedure] = collect(parts)
    results = {
        "benchmark": "study_imputation",
        "command": "python -m benchmarks.studies.imputation",
        "seed": arguments.seed,
        "imputations": _IMPUTATIONS,
        "syntheses": _SYNTHESES,
        "iterations": _ITERATIONS,
        "surveys": found,
        "machine": describe_machine(),
        "versions": describe_versions("scipy"),
    }
    print(report(results))
    arguments.output.write_text(json.dumps(results) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
