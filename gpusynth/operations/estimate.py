"""Estimate: time, memory, disk and GPU need of a run, from two small runs of the same plan."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpusynth.engine import RunSettings
from gpusynth.errors import DataError, OutputError, PlanError
from gpusynth.io import open_source
from gpusynth.operations.prediction import Timed, predict_bytes, predict_phases
from gpusynth.operations.sample_file import SurveyRows, read_rows, write_sample
from gpusynth.table.run_files import read_run_json

__all__ = ["Estimate", "estimate"]

_CELLS = 6_000_000
"""Rows times columns of the larger run: a second or two of work, and enough that fixed costs do not
hide what a row costs."""

_FEWEST_ROWS = 2_000
_PART = 4  # the smaller run has a quarter of the rows


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run is expected to need.

    Attributes
    ----------
    n_rows, n_columns : int
        Of the real file.
    n_replicates : int
    threads : int
    sample_rows : tuple of int
        Rows of the two runs that were timed.
    seconds : mapping of str to float
        Wall seconds by phase.
    memory_bytes : int
        Largest resident size where everything is held in memory.
    encoded_bytes : int
        Of the real codes and exact numbers; what a GPU must hold besides its work space.
    output_bytes : int
        Of all replicate files.
    drawing_bytes : int
        Of the replicates while they are drawn, on disk where memory is short.
    """

    n_rows: int
    n_columns: int
    n_replicates: int
    threads: int
    sample_rows: tuple[int, int]
    seconds: Mapping[str, float]
    memory_bytes: int
    encoded_bytes: int
    output_bytes: int
    drawing_bytes: int

    @property
    def wall_seconds(self) -> float:
        """Seconds of the whole run."""
        return sum(self.seconds.values())

    @property
    def device_bytes(self) -> int:
        """Memory of a GPU: codes twice (rows are moved from one copy to the other) and results."""
        return 3 * self.encoded_bytes

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form.

        Returns
        -------
        dict
        """
        return {
            "n_rows": self.n_rows,
            "n_columns": self.n_columns,
            "n_replicates": self.n_replicates,
            "threads": self.threads,
            "sample_rows": list(self.sample_rows),
            "seconds": dict(self.seconds),
            "wall_seconds": self.wall_seconds,
            "memory_bytes": self.memory_bytes,
            "encoded_bytes": self.encoded_bytes,
            "output_bytes": self.output_bytes,
            "drawing_bytes": self.drawing_bytes,
            "device_bytes": self.device_bytes,
        }


def estimate(
    data: str | Path,
    schema: str | Path | None = None,
    plan: str | Path | None = None,
    *,
    settings: RunSettings | None = None,
) -> Estimate:
    """Predict what a run needs.

    Some rows of the file are synthesized twice, in a process of their own each, by the plan of the
    run; `gpusynth.operations.prediction` extends what that took. Files of fewer than 8,000 rows
    are refused: the run itself is as quick.

    Parameters
    ----------
    data : str or pathlib.Path
    schema, plan : str or pathlib.Path, optional
    settings : RunSettings, optional
        Replicates, rows, seed, threads and format of the run.

    Returns
    -------
    Estimate

    Raises
    ------
    DataError
        If the file is too small for an estimate.
    PlanError
        If the plan fails on the sample; the message is the run's own.
    """
    settings = RunSettings() if settings is None else settings
    path = Path(data)
    source = open_source(path)
    n_columns = len(source.arrow_schema)
    wanted = max(_PART * _FEWEST_ROWS, _CELLS // n_columns)
    survey = read_rows(source, path, wanted)
    if survey.rows.num_rows < _PART * _FEWEST_ROWS:
        raise DataError(
            f"{source.name}: {survey.n_rows} rows are too few to estimate from; "
            f"{_PART * _FEWEST_ROWS} are needed. Run it instead."
        )
    sizes = (survey.rows.num_rows // _PART, survey.rows.num_rows)
    with tempfile.TemporaryDirectory(prefix="gpusynth-estimate-") as directory:
        small, large = (
            _timed_run(survey, n_rows, Path(directory), schema, plan, settings) for n_rows in sizes
        )
    n_out = settings.n_rows or survey.n_rows
    amounts = {"n_rows": survey.n_rows, "n_out": n_out, "n_replicates": settings.n_replicates}
    fits = settings.n_replicates if _is_proper(plan) else 1
    need = predict_bytes(small, large, **amounts)
    return Estimate(
        n_rows=survey.n_rows,
        n_columns=n_columns,
        n_replicates=settings.n_replicates,
        threads=settings.n_threads,
        sample_rows=sizes,
        seconds=predict_phases(small, large, fits=fits, **amounts),
        memory_bytes=need["memory"],
        encoded_bytes=need["encoded"],
        output_bytes=need["output"],
        drawing_bytes=need["drawing"],
    )


def _timed_run(
    survey: SurveyRows,
    n_rows: int,
    directory: Path,
    schema: str | Path | None,
    plan: str | Path | None,
    settings: RunSettings,
) -> Timed:
    """Run the command line on a sample, so that memory and start-up are those of a run."""
    suffix = "csv" if survey.is_text else "parquet"
    sample, output = directory / f"sample_{n_rows}.{suffix}", directory / f"run_{n_rows}"
    write_sample(survey, n_rows, sample)
    options: list[str | Path] = ["--data", sample, "--output", output, "--quiet", "--no-utility"]
    options += ["--format", settings.format, "--threads", str(settings.n_threads)]
    options += ["--batch-rows", str(settings.batch_rows), "--seed", str(settings.seed)]
    for name, file in (("--schema", schema), ("--plan", plan)):
        if file is not None:
            options += [name, file]
    ended = subprocess.run(
        [sys.executable, "-m", "gpusynth", "run", *map(str, options)],
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        reason = (
            ended.stderr.strip().removeprefix("error: ").replace(f"{sample.name}", "the sample")
        )
        raise PlanError(f"a run on {n_rows} rows of the file failed: {reason}")
    manifest = read_run_json(output, "manifest.json", OutputError)
    replicate = output / f"replicate_001.{settings.format}"
    return Timed.of(manifest, replicate.stat().st_size)


def _is_proper(plan: str | Path | None) -> bool:
    from gpusynth.plan import read_plan

    return plan is not None and read_plan(plan).proper != "none"
