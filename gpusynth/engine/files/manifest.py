"""Manifest: what a run did, with what, how long it took, and how to check its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gpusynth.engine.draw.calibrating import calibrations_to_json
from gpusynth.engine.draw.uniques import describe_uniques
from gpusynth.engine.measure import Stopwatch, peak_memory_bytes, versions
from gpusynth.engine.settings import RunSettings
from gpusynth.engine.synthesis import Synthesis
from gpusynth.plan import Step

__all__ = ["Replicate", "build_manifest", "timings"]

_FORMAT = 1
_DONOR_COUNTS = ("largest_donor_use", "rows_dealt_anew")
_IO_PHASES = ("open", "infer schema", "learn codes", "encode", "hash input", "write", "hash output")


@dataclass(frozen=True, slots=True)
class Replicate:
    """One synthetic file.

    Attributes
    ----------
    number : int
        From 1.
    path : pathlib.Path
    n_rows : int
    sha256 : str
    """

    number: int
    path: Path
    n_rows: int
    sha256: str


def build_manifest(
    synthesis: Synthesis,
    settings: RunSettings,
    replicates: Sequence[Replicate],
    *,
    files: Mapping[str, str] | None = None,
    checkpoints: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the manifest of a finished run.

    Parameters
    ----------
    synthesis : Synthesis
    settings : RunSettings
    replicates : sequence of Replicate
        In order.
    files : mapping of str to str, optional
        Name -> SHA-256 of the other files of the run.
    checkpoints : mapping, optional
        What a resumed run found (`gpusynth.engine.files.commit.checkpoint_counts`).

    Returns
    -------
    dict
        JSON-serialisable; it names columns and counts, never a value of the data.
    """
    prepared = synthesis.prepared
    resolved = prepared.resolved
    return {
        "format": _FORMAT,
        "versions": versions(),
        "input": {
            "name": resolved.source.name,
            "sha256": prepared.fingerprint,
            "n_rows": prepared.table.n_rows,
            "n_columns": len(resolved.schema),
            "n_bytes": None if resolved.stamp is None else resolved.stamp.size,
            "is_text": resolved.source.is_text,
        },
        "outputs": [
            {"replicate": r.number, "file": r.path.name, "n_rows": r.n_rows, "sha256": r.sha256}
            for r in replicates
        ],
        "files": dict(files or {}),
        "settings": {
            "n_replicates": settings.n_replicates,
            "n_rows": settings.n_rows,
            "seed": str(settings.seed),
            "format": settings.format,
            "checkpoints": settings.checkpoints,
            "keep_models": settings.keep_models,
            **({} if settings.io == "arrow" else {"io": settings.io}),
        },
        "schema_fingerprint": resolved.schema.fingerprint(),
        "plan_fingerprint": resolved.plan.fingerprint(),
        "seed": str(settings.seed),  # JSON readers lose digits of 64-bit integers
        "n_replicates": settings.n_replicates,
        "n_rows": replicates[0].n_rows,
        "threads": settings.n_threads,
        "batch_rows": settings.batch_rows,
        "backend": prepared.backend.to_json(),
        "peak_memory_bytes": peak_memory_bytes(),
        "encoded_bytes": prepared.encoded_bytes,
        "checkpoints": checkpoints,
        "timings": timings(synthesis.stopwatch),
        "start_table_sha256": prepared.start.fingerprint,
        "notes": [*prepared.notes, *_fit_notes(synthesis)],
        "pooling": list(prepared.pooling),
        "edits": synthesis.edit_counts.to_json(resolved.plan, prepared.conditions),
        "tails": [
            {"column": name, **treatment.to_json()} for name, treatment in prepared.tails.items()
        ],
        "replicated_uniques": describe_uniques(
            resolved.plan.replicated_uniques, prepared.uniques, synthesis.edit_counts
        ),
        "variables": _variables(synthesis),
        **_calibrations(synthesis),
    }


def _calibrations(synthesis: Synthesis) -> dict[str, Any]:
    """Return what calibrations did; nothing without any."""
    bound = synthesis.prepared.calibrations
    return (
        {"calibration": calibrations_to_json(bound, synthesis.finished.calibrations)}
        if bound
        else {}
    )


def timings(stopwatch: Stopwatch) -> dict[str, Any]:
    """Return seconds in total and by phase.

    Parameters
    ----------
    stopwatch : Stopwatch

    Returns
    -------
    dict
    """
    steps = stopwatch.steps.values()
    phases = stopwatch.phases
    return {
        "fit_cpu_seconds": sum(step.fit_cpu_seconds for step in steps),
        "draw_cpu_seconds": sum(step.draw_cpu_seconds for step in steps),
        "compile_seconds": phases.get("load kernels", 0.0),
        "io_seconds": sum(phases.get(name, 0.0) for name in _IO_PHASES),
        "wall_seconds": stopwatch.wall_seconds,
        "phases": dict(phases),
    }


def _variables(synthesis: Synthesis) -> list[dict[str, Any]]:
    """Return one entry a column, in file order, with its steps."""
    resolved = synthesis.prepared.resolved
    entries = []
    for column in resolved.schema.columns:
        codec = resolved.codecs.get(column.name)
        steps = [step for step in resolved.plan.steps if step.target == column.name]
        entries.append(
            {
                "name": column.name,
                "kind": column.kind,
                "role": column.role,
                "n_codes": None if codec is None else codec.n_codes,
                "steps": [_step(synthesis, step) for step in steps],
            }
        )
    return entries


def _fit_notes(synthesis: Synthesis) -> list[str]:
    """Return what fits had to say, in visit order."""
    said = synthesis.fit_notes
    steps = synthesis.prepared.plan.steps
    return [f"{step.target}: {said[step.number]}" for step in steps if step.number in said]


def _donor_uses(synthesis: Synthesis, step: Step) -> dict[str, int]:
    """Return how often a donor was used at most and how many rows were dealt anew, with a cap."""
    counted = synthesis.edit_counts.of_step(step.number)
    return {what: counted[what] for what in _DONOR_COUNTS if what in counted}


def _step(synthesis: Synthesis, step: Step) -> dict[str, Any]:
    size = synthesis.sizes[step.number]
    return {
        "number": step.number,
        "part": step.part,
        "method": step.method.name,
        "n_predictors": len(step.predictors),
        "n_leaves": size.n_leaves,
        "depth": size.depth,
        **_donor_uses(synthesis, step),
        **asdict(synthesis.stopwatch.step(step.number)),
    }
