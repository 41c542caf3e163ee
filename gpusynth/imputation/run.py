"""Run directory of an imputation: completed files, syntheses, traces and a manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gpusynth
from gpusynth.engine.delivery.output import csv_style
from gpusynth.engine.files.commit import checkpoint_counts, commit, move_models
from gpusynth.engine.files.directory import RunDirectory
from gpusynth.engine.measure import peak_memory_bytes, versions
from gpusynth.engine.settings import OutputFormat
from gpusynth.errors import OutputError
from gpusynth.imputation.completed import completed_schema
from gpusynth.imputation.imputations import Imputations
from gpusynth.imputation.seeds import synthesis_seed
from gpusynth.imputation.syntheses import WrittenSynthesis
from gpusynth.io import ReplicateMetadata, ReplicateWriter, file_sha256, write_json_atomic, writing
from gpusynth.methods import method_to_json
from gpusynth.table import write_schema
from gpusynth.table.run_files import check_own_name, read_run_json

__all__ = [
    "ImputationFile",
    "ImputationRun",
    "SynthesisWriter",
    "read_imputation_run",
    "write_imputations",
]

_FORMAT = 1
_ABOUT = ("plan.json", "schema.toml", "traces.csv", "traces.json", "traces.svg")

SynthesisWriter = Callable[[int, RunDirectory], Sequence[WrittenSynthesis]]
"""Writes the syntheses of an imputation, by number, into a run directory and returns the files."""


@dataclass(frozen=True, slots=True)
class ImputationFile:
    """One file of a run.

    Attributes
    ----------
    imputation : int
        From 1.
    synthesis : int or None
        From 1; None for the completed file itself, which holds real rows.
    path : pathlib.Path
    sha256 : str
    """

    imputation: int
    synthesis: int | None
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class ImputationRun:
    """What an imputation has left in its directory.

    Attributes
    ----------
    path : pathlib.Path
    files : tuple of ImputationFile
    manifest : mapping
        As in manifest.json.
    """

    path: Path
    files: tuple[ImputationFile, ...]
    manifest: Mapping[str, Any]

    @property
    def imputations(self) -> list[Path]:
        """Completed files, in order; they hold real rows."""
        return [file.path for file in self.files if file.synthesis is None]

    @property
    def syntheses(self) -> list[list[Path]]:
        """Synthetic files of each imputation, in order."""
        found: dict[int, list[Path]] = {}
        for file in self.files:
            if file.synthesis is not None:
                found.setdefault(file.imputation, []).append(file.path)
        return list(found.values())


def write_imputations(
    imputations: Imputations,
    directory: RunDirectory,
    *,
    format: OutputFormat,
    batch_rows: int,
    synthesize: SynthesisWriter | None = None,
    n_syntheses: int = 0,
    keep_imputations: bool = True,
) -> ImputationRun:
    """Write everything and commit the directory.

    Parameters
    ----------
    imputations : Imputations
    directory : RunDirectory
    format : {"parquet", "csv"}
    batch_rows : int
    synthesize : callable, optional
        `SynthesisWriter`.
    n_syntheses : int
        Of each imputation.
    keep_imputations : bool
        Write the completed files.

    Returns
    -------
    ImputationRun

    Raises
    ------
    OutputError
        If a file cannot be written.
    DataError
        If the real file is no longer the one that was read.
    """
    staging = directory.staging
    files: list[ImputationFile] = []
    for number in range(1, len(imputations) + 1):
        if keep_imputations:
            path = staging / f"imputation_{number:03d}.{format}"
            sha256 = _completed(imputations, number, path, directory, batch_rows=batch_rows)
            files.append(ImputationFile(number, None, directory.path / path.name, sha256))
        if synthesize is not None:
            files += [
                ImputationFile(number, each.synthesis, directory.path / each.path.name, each.sha256)
                for each in synthesize(number, directory)
            ]
    _write_traces(imputations, staging)
    write_schema(imputations.schema, staging / "schema.toml", imputations.resolved.reasons or None)
    plan = imputations.resolved.plan
    write_json_atomic(staging / "plan.json", {**plan.to_json(), "fingerprint": plan.fingerprint()})
    imputations.check_input()
    manifest = {
        **_manifest(imputations, files, n_syntheses=n_syntheses),
        "files": {name: file_sha256(staging / name) for name in _ABOUT},
        "checkpoints": checkpoint_counts(directory),
    }
    write_json_atomic(staging / "manifest.json", manifest)
    numbers = range(1, len(imputations) + 1)
    move_models(directory, {number: f"imputation_{number:03d}" for number in numbers})
    commit(directory)
    return ImputationRun(directory.path, tuple(files), manifest)


def read_imputation_run(path: Path) -> ImputationRun:
    """Read what a finished imputation has left.

    Parameters
    ----------
    path : pathlib.Path
        The run directory.

    Returns
    -------
    ImputationRun

    Raises
    ------
    OutputError
        If it holds no finished imputation.
    """
    manifest = read_run_json(path, "manifest.json", OutputError)
    try:
        files = tuple(
            ImputationFile(
                int(output["imputation"]),
                None if output["synthesis"] is None else int(output["synthesis"]),
                path / check_own_name(output["file"], OutputError),
                str(output["sha256"]),
            )
            for output in manifest["outputs"]
        )
    except (KeyError, TypeError, ValueError):
        raise OutputError(
            f"{path}: manifest.json is not as an imputation leaves it. Make the run again."
        ) from None
    return ImputationRun(path, files, manifest)


def _completed(
    imputations: Imputations, number: int, path: Path, directory: RunDirectory, *, batch_rows: int
) -> str:
    """Write a completed file, unless an earlier process has, and return its SHA-256."""
    checkpoints, stopwatch = directory.checkpoints, imputations.stopwatch
    entry = None if checkpoints is None else checkpoints.written(number, directory.staging)
    if entry is not None:
        return entry.sha256
    with stopwatch.phase("write"):
        _write_completed(imputations, number, path, batch_rows=batch_rows)
    with stopwatch.phase("hash output"):
        sha256 = file_sha256(path)
    if checkpoints is not None:
        checkpoints.record_written(number, path, sha256, imputations.setup.table.n_rows, {})
    return sha256


def _write_completed(imputations: Imputations, number: int, path: Path, *, batch_rows: int) -> None:
    schema = completed_schema(imputations.resolved)
    metadata = ReplicateMetadata(
        schema=imputations.schema,
        plan_fingerprint=imputations.resolved.plan.fingerprint(),
        seed=imputations.settings.seed,
        version=gpusynth.__version__,
        replicate=number,
    ).to_mapping()
    metadata["gpusynth.contents"] = "imputation: real rows, confidential"
    with ReplicateWriter(path, schema, metadata=metadata, style=csv_style(schema)) as writer:
        for batch in imputations.batches(number, batch_rows=batch_rows):
            writer.write(batch)
    with writing(path):
        path.chmod(0o600)  # real rows: for the eyes of whoever made them


def _write_traces(imputations: Imputations, staging: Path) -> None:
    traces = imputations.traces
    write_json_atomic(staging / "traces.json", traces.to_json())
    table = traces.table()
    with ReplicateWriter(staging / "traces.csv", table.schema, metadata={}) as writer:
        for batch in table.to_batches():
            writer.write(batch)
    picture = staging / "traces.svg"
    with writing(picture):
        picture.write_text(traces.svg(), encoding="utf-8")


def _manifest(
    imputations: Imputations, files: Sequence[ImputationFile], *, n_syntheses: int
) -> dict[str, Any]:
    """Return the manifest; it names columns and counts, never a value of the data."""
    resolved, settings, setup = imputations.resolved, imputations.settings, imputations.setup
    numbers = range(1, len(imputations) + 1)
    return {
        "format": _FORMAT,
        "kind": "imputation",
        "confidential": "imputation files hold real rows; traces describe imputed answers",
        "versions": versions(),
        "input": {
            "name": resolved.source.name,
            "sha256": imputations.fingerprint,
            "n_rows": setup.table.n_rows,
            "n_columns": len(resolved.schema),
        },
        "outputs": [
            {
                "imputation": file.imputation,
                "synthesis": file.synthesis,
                "file": file.path.name,
                "sha256": file.sha256,
            }
            for file in files
        ],
        "schema_fingerprint": resolved.schema.fingerprint(),
        "plan_fingerprint": resolved.plan.fingerprint(),
        "seed": str(settings.seed),  # JSON readers lose digits of 64-bit integers
        "n_imputations": settings.n_imputations,
        "iterations": settings.iterations,
        "n_syntheses": n_syntheses,
        "synthesis_seeds": [
            str(synthesis_seed(settings.seed, number)) for number in numbers if n_syntheses
        ],
        "proper": settings.proper,
        "threads": settings.n_threads,
        "visit": [target.name for target in setup.targets],
        "variables": _variables(imputations),
        "backend": setup.backend.to_json(),
        "notes": [*setup.conditions.notes, *filter(None, [setup.backend.note])],
        "peak_memory_bytes": peak_memory_bytes(),
        "timings": {
            "wall_seconds": imputations.stopwatch.wall_seconds,
            "phases": dict(imputations.stopwatch.phases),
        },
    }


def _variables(imputations: Imputations) -> list[dict[str, Any]]:
    setup = imputations.setup
    steps = {target.name: target.steps for target in setup.targets}
    rhat, left = imputations.traces.rhat(), imputations.n_left
    return [
        {
            "name": name,
            "n_imputed": count,
            "n_left": left[name],
            "method": method_to_json(setup.methods[name]),
            "predictors": list(steps[name][0].predictors) if name in steps else [],
            "rhat": rhat[name],
        }
        for name, count in imputations.n_imputed.items()
    ]
