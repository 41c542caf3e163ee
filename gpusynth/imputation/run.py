"""Run directory of an imputation: completed files, syntheses, traces and a manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gpusynth
from gpusynth.engine.directory import RunDirectory
from gpusynth.engine.measure import peak_memory_bytes, versions
from gpusynth.engine.output import csv_style
from gpusynth.engine.settings import OutputFormat
from gpusynth.imputation.completed import completed_schema
from gpusynth.imputation.imputations import Imputations
from gpusynth.imputation.seeds import synthesis_seed
from gpusynth.io import ReplicateMetadata, ReplicateWriter, file_sha256, write_json_atomic, writing
from gpusynth.methods import method_to_json
from gpusynth.table import write_schema

__all__ = ["ImputationFile", "ImputationRun", "SynthesisWriter", "write_imputations"]

_FORMAT = 1

SynthesisWriter = Callable[[int, Path], Sequence[Path]]
"""Writes the syntheses of an imputation, by number, into a directory and returns the files."""


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
    """
    staging, stopwatch = directory.staging, imputations.stopwatch
    written: list[tuple[int, int | None, Path]] = []
    for number in range(1, len(imputations) + 1):
        if keep_imputations:
            with stopwatch.phase("write"):
                path = staging / f"imputation_{number:03d}.{format}"
                _write_completed(imputations, number, path, batch_rows=batch_rows)
                written.append((number, None, path))
        if synthesize is not None:
            paths = synthesize(number, staging)
            written += [(number, place, path) for place, path in enumerate(paths, start=1)]
    with stopwatch.phase("hash output"):
        files = tuple(
            ImputationFile(number, synthesis, directory.path / path.name, file_sha256(path))
            for number, synthesis, path in written
        )
    _write_traces(imputations, staging)
    write_schema(imputations.schema, staging / "schema.toml", imputations.resolved.reasons or None)
    plan = imputations.resolved.plan
    write_json_atomic(staging / "plan.json", {**plan.to_json(), "fingerprint": plan.fingerprint()})
    manifest = _manifest(imputations, files, n_syntheses=n_syntheses)
    write_json_atomic(staging / "manifest.json", manifest)
    directory.commit()
    return ImputationRun(directory.path, files, manifest)


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
            "sha256": resolved.source.fingerprint(),
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
        "notes": list(setup.conditions.notes),
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
