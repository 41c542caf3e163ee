"""Run: replicates into a run directory with everything that is needed to check and repeat them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpusynth.engine.directory import RunDirectory
from gpusynth.engine.manifest import Replicate, build_manifest
from gpusynth.engine.output import write_replicate
from gpusynth.engine.replicate import SyntheticRows
from gpusynth.engine.settings import RunSettings
from gpusynth.engine.synthesis import Synthesis
from gpusynth.io import file_sha256, write_json_atomic
from gpusynth.plan import SynthesisPlan
from gpusynth.table import write_schema

__all__ = ["Replicate", "Run", "write_run"]


@dataclass(frozen=True, slots=True)
class Run:
    """What a run has left in its directory.

    Attributes
    ----------
    path : pathlib.Path
        The directory; besides the replicates it holds plan.json, schema.toml and manifest.json.
    replicates : tuple of Replicate
    plan : SynthesisPlan
    manifest : mapping
        Versions, hashes, seed, peak memory and timings, as in manifest.json.
    """

    path: Path
    replicates: tuple[Replicate, ...]
    plan: SynthesisPlan
    manifest: Mapping[str, Any]


def write_run(
    synthesis: Synthesis,
    replicates: Sequence[SyntheticRows],
    settings: RunSettings,
    directory: RunDirectory,
) -> Run:
    """Write replicates, plan, schema and manifest, and commit the directory.

    Parameters
    ----------
    synthesis : Synthesis
        That drew the replicates.
    replicates : sequence of SyntheticRows
        Each is let go when it is written.
    settings : RunSettings
    directory : RunDirectory

    Returns
    -------
    Run

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    resolved = synthesis.prepared.resolved
    listener, stopwatch = synthesis.listener, synthesis.stopwatch
    files = []
    sizes = [rows.n_output for rows in replicates]
    listener.start("write", sum(sizes))
    with stopwatch.phase("write"):
        for rows in replicates:
            file = directory.staging / f"replicate_{rows.number:03d}.{settings.format}"
            write_replicate(
                rows,
                resolved,
                file,
                seed=settings.seed,
                batch_rows=settings.batch_rows,
                listener=listener,
            )
            rows.clear()
            files.append(file)
        write_schema(resolved.schema, directory.staging / "schema.toml", resolved.reasons or None)
        plan = {**resolved.plan.to_json(), "fingerprint": resolved.plan.fingerprint()}
        write_json_atomic(directory.staging / "plan.json", plan)
    for left in directory.staging.glob("columns_*"):
        left.unlink()
    with stopwatch.phase("hash output"):
        written = tuple(
            Replicate(number, directory.path / file.name, n_rows, file_sha256(file))
            for number, (file, n_rows) in enumerate(zip(files, sizes, strict=True), start=1)
        )
    manifest = build_manifest(synthesis, settings, written)
    write_json_atomic(directory.staging / "manifest.json", manifest)
    directory.commit()
    return Run(directory.path, written, resolved.plan, manifest)
