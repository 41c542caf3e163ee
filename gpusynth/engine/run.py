"""Run: replicates into a run directory with everything that is needed to check and repeat them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpusynth.engine.delivery.output import write_replicate
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.draw.tail_stage import reasons_and_tails, tail_notes
from gpusynth.engine.files.commit import checkpoint_counts, commit
from gpusynth.engine.files.directory import RunDirectory
from gpusynth.engine.files.earlier_run import MODELS_NAME
from gpusynth.engine.files.manifest import Replicate, build_manifest
from gpusynth.engine.memory import Memory
from gpusynth.engine.settings import RunSettings
from gpusynth.engine.synthesis import Synthesis
from gpusynth.errors import OutputError, PlanError
from gpusynth.io import file_sha256, write_json_atomic
from gpusynth.plan import SynthesisPlan
from gpusynth.table import write_schema
from gpusynth.table.run_files import check_own_name, read_run_json

__all__ = ["Replicate", "Run", "read_run", "write_run"]

_DAMAGE = (OSError, PlanError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError)
"""What a manifest or a plan may raise that is not as it was written."""


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
        Each is let go when it is written. Those that an earlier process has written are left out.
    settings : RunSettings
    directory : RunDirectory

    Returns
    -------
    Run

    Raises
    ------
    OutputError
        If a file cannot be written.
    DataError
        If the real file is no longer the one that was read.
    """
    resolved = synthesis.prepared.resolved
    stopwatch, checkpoints = synthesis.stopwatch, synthesis.checkpoints
    drawn = {rows.number: rows for rows in replicates}
    written = []
    synthesis.listener.start("write", sum(rows.n_output for rows in replicates))
    for number in range(1, settings.n_replicates + 1):
        file = directory.staging / f"replicate_{number:03d}.{settings.format}"
        if number in drawn:
            n_rows, sha256 = _write_replicate(synthesis, drawn[number], file, settings)
        else:  # an earlier process has written it
            n_rows, sha256 = _written_before(synthesis, number, directory.staging)
        written.append(Replicate(number, directory.path / file.name, n_rows, sha256))
    with stopwatch.phase("write"):
        reasons = reasons_and_tails(resolved.reasons, synthesis.prepared)
        write_schema(resolved.schema, directory.staging / "schema.toml", reasons)
        plan = {**resolved.plan.to_json(), "fingerprint": resolved.plan.fingerprint()}
        write_json_atomic(directory.staging / "plan.json", plan)
    for left in directory.staging.glob("columns_*"):
        left.unlink()
    synthesis.prepared.check_input()
    about = {name: file_sha256(directory.staging / name) for name in ("plan.json", "schema.toml")}
    manifest = build_manifest(
        synthesis, settings, written, files=about, checkpoints=checkpoint_counts(directory)
    )
    write_json_atomic(directory.staging / "manifest.json", manifest)
    if checkpoints is not None:
        checkpoints.move_models(directory.staging / MODELS_NAME)
    commit(directory)
    return Run(directory.path, tuple(written), resolved.plan, manifest)


def read_run(path: Path) -> Run:
    """Read what a finished run has left.

    Parameters
    ----------
    path : pathlib.Path
        The run directory.

    Returns
    -------
    Run

    Raises
    ------
    OutputError
        If it holds no finished run.
    """
    try:
        for name in ("manifest.json", "plan.json"):
            (path / name).lstat()
        manifest = read_run_json(path, "manifest.json", OutputError)
        plan = SynthesisPlan.from_json(read_run_json(path, "plan.json", OutputError))
        replicates = tuple(
            Replicate(
                int(output["replicate"]),
                path / check_own_name(output["file"], OutputError),
                int(output["n_rows"]),
                str(output["sha256"]),
            )
            for output in manifest["outputs"]
        )
    except FileNotFoundError as error:
        missing = Path(str(error.filename)).name
        raise OutputError(f"{path}: no finished run is here, {missing} is missing.") from None
    except OutputError as error:
        raise OutputError(f"{path}: {error}") from None
    except _DAMAGE:
        raise OutputError(
            f"{path}: manifest.json or plan.json is not as a run leaves it. Make the run again."
        ) from None
    return Run(path, replicates, plan, manifest)


def _written_before(synthesis: Synthesis, replicate: int, staging: Path) -> tuple[int, str]:
    """Return rows and SHA-256 of a file that an earlier process has written."""
    checkpoints = synthesis.checkpoints
    entry = None if checkpoints is None else checkpoints.written(replicate, staging)
    if entry is None:
        raise OutputError(f"replicate {replicate} is missing from the work directory")
    return int(entry.details["n_rows"]), entry.sha256


def _write_replicate(
    synthesis: Synthesis, rows: SyntheticRows, file: Path, settings: RunSettings
) -> tuple[int, str]:
    """Write one replicate, let it go and return the file's rows and SHA-256."""
    n_rows = rows.n_output
    with synthesis.stopwatch.phase("write"):
        write_replicate(
            rows,
            synthesis.prepared.resolved,
            file,
            seed=settings.seed,
            listener=synthesis.listener,
            notes=tail_notes(synthesis.prepared),
            writer=settings.io,
            n_threads=settings.n_threads,
            memory=Memory(settings.memory_bytes),
        )
        rows.clear()
    with synthesis.stopwatch.phase("hash output"):
        sha256 = file_sha256(file)
    if synthesis.checkpoints is not None:
        synthesis.checkpoints.record_written(
            rows.number, file, sha256, n_rows, synthesis.finished.details(rows.number)
        )
    return n_rows, sha256
