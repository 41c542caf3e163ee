"""A published firm study repeated on synthetic firms whose true answers are known.

    python -m benchmarks.studies.firms --rows 200000 --settings all \
        --output benchmarks/results/study_firms.json
    python -m benchmarks.studies.firms --rows 1000000 \
        --settings default,min_leaf_20,order,lists,targeted,combined \
        --append --output benchmarks/results/study_firms.json
    python -m benchmarks.studies.firms --write

The study of Wang and Liu (2015), with which a synthetic Survey of Business Owners was judged (arXiv
2512.05948): logits of exporting, establishments abroad and outsourcing, least squares of log
employment, payroll and receipts, on immigrant ownership x transnational activity, with sector and
state effects; and a made-up outcome of one in 200 firms with a three-way interaction. Every
setting of `SETTINGS` is a run of gpusynth and one line of the output, written as soon as it is
done. ``--write`` puts the tables made from the lines into docs/study-firms.md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine, describe_versions
from benchmarks.results_files import read_results
from benchmarks.studies.firms_document import blocks, with_blocks
from benchmarks.studies.firms_measures import (
    analysis_table,
    model_results,
    rare_answers,
    utility,
)
from benchmarks.studies.firms_settings import CELL, SETTINGS, Setting, study_file
from gpusynth import synthesize
from gpusynth.engine import available_threads

__all__ = ["main", "study"]

_ROOT = Path(__file__).resolve().parents[2]
_RESULTS = _ROOT / "benchmarks" / "results" / "study_firms.json"
_DOCUMENT = _ROOT / "docs" / "study-firms.md"


def study(
    setting: Setting, *, rows: int, columns: int, replicates: int, seed: int, threads: int
) -> dict[str, Any]:
    """Synthesize with a setting and measure the result.

    Parameters
    ----------
    setting : Setting
    rows, columns : int
        Of the real file, without the rare outcome and the cells.
    replicates : int
        At least 2; models are pooled over the first two and over all.
    seed : int
        Of the real file and the synthesis.
    threads : int

    Returns
    -------
    dict
        One line of the results.
    """
    machine = describe_machine()
    real, schema = study_file(rows, columns, seed=seed, has_cell=setting.has_cell)
    started = time.perf_counter()
    synthetic = synthesize(
        real,
        schema,
        setting.plan(tuple(real.column_names)),
        n_replicates=replicates,
        seed=seed,
        threads=threads,
    )
    seconds = time.perf_counter() - started
    compared = tuple(name for name in real.column_names if name != CELL)
    real, synthetic = real.select(compared), [one.select(compared) for one in synthetic]
    result = {
        "benchmark": "study_firms",
        "setting": setting.name,
        "title": setting.title,
        "command": f"python -m benchmarks.studies.firms --rows {rows} --columns {columns} "
        f"--replicates {replicates} --settings {setting.name} --seed {seed} --threads {threads}",
        "rows": rows,
        "columns": len(compared),
        "replicates": replicates,
        "seed": seed,
        "threads": threads,
        "synthesis_seconds": round(seconds, 1),
        "rare": rare_answers(real, synthetic, schema),
        "utility": utility(real, synthetic[0], schema, seed=seed),
    }
    variables = [analysis_table(one) for one in (real, *synthetic)]
    del synthetic
    sizes = sorted({2, replicates})
    result["models"] = model_results(variables[0], variables[1:], sizes)
    return {**result, "machine": machine, "versions": describe_versions("statsmodels", "scipy")}


def _load_kernels() -> None:
    """Synthesize a small file, so that compiling is not timed."""
    real, schema = study_file(2_000, 40, seed=0)
    synthesize(real, schema, SETTINGS["default"].plan(tuple(real.column_names)))


def _chosen(names: str) -> list[Setting]:
    if names == "all":
        return list(SETTINGS.values())
    unknown = [name for name in names.split(",") if name not in SETTINGS]
    if unknown:
        raise SystemExit(f"no setting is called {unknown[0]!r}: choose of {', '.join(SETTINGS)}")
    return [SETTINGS[name] for name in names.split(",")]


def main(argv: Sequence[str] | None = None) -> None:
    """Run settings of the study, or write the tables of their results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--columns", type=int, default=40, help="of the survey, from 40 to 130")
    parser.add_argument("--replicates", type=int, default=5)
    parser.add_argument("--settings", default="default", help="names, or all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=available_threads())
    parser.add_argument("--output", type=Path, help="write the lines to this file as well")
    parser.add_argument("--append", action="store_true", help="keep the lines that it has")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="what --write reads")
    parser.add_argument("--document", type=Path, default=_DOCUMENT)
    parser.add_argument("--write", action="store_true", help="only put tables into --document")
    arguments = parser.parse_args(argv)
    if arguments.write:
        text = arguments.document.read_text(encoding="utf-8")
        made = blocks(read_results([arguments.results]))
        arguments.document.write_text(with_blocks(text, made), encoding="utf-8")
        return
    if arguments.replicates < 2:
        parser.error("--replicates must be at least 2")
    settings = _chosen(arguments.settings)
    if arguments.output is not None and not arguments.append:
        arguments.output.write_text("", encoding="utf-8")
    _load_kernels()
    for setting in settings:
        line = json.dumps(
            study(
                setting,
                rows=arguments.rows,
                columns=arguments.columns,
                replicates=arguments.replicates,
                seed=arguments.seed,
                threads=arguments.threads,
            )
        )
        print(line, flush=True)
        if arguments.output is not None:
            with arguments.output.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
