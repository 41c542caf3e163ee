"""Syntheses: each completed file, synthesized as any file is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gpusynth.engine import Listener, prepare, resolve_input
from gpusynth.engine.checkpoint.checkpoints import Checkpoints
from gpusynth.engine.delivery.delivering import like_given
from gpusynth.engine.delivery.output import write_replicate
from gpusynth.engine.delivery.output_columns import check_keys, output_sources
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.draw.tail_stage import tail_notes
from gpusynth.engine.files.directory import RunDirectory
from gpusynth.engine.memory import Memory
from gpusynth.engine.settings import RunSettings
from gpusynth.engine.synthesis import Synthesis
from gpusynth.imputation.imputations import Imputations
from gpusynth.imputation.seeds import synthesis_seed
from gpusynth.io import file_sha256, is_cudf

__all__ = ["WrittenSynthesis", "synthesis_tables", "write_syntheses"]


@dataclass(frozen=True, slots=True)
class WrittenSynthesis:
    """One synthetic file of an imputation.

    Attributes
    ----------
    synthesis : int
        From 1.
    path : pathlib.Path
        Where it lies until the run is complete.
    sha256 : str
    """

    synthesis: int
    path: Path
    sha256: str


def synthesis_tables(
    imputations: Imputations, number: int, settings: RunSettings, listener: Listener, data: Any
) -> list[Any]:
    """Synthesize one imputation into tables.

    Parameters
    ----------
    imputations : Imputations
    number : int
        Of the imputation, from 1.
    settings : RunSettings
        How many syntheses and rows; the seed is the user's.
    listener : Listener
    data : object
        Whose kind the tables have.

    Returns
    -------
    list of tables
    """
    synthesis, replicates, _ = _synthesize(
        imputations, number, settings, listener, gives_cudf=is_cudf(data)
    )
    resolved = synthesis.prepared.resolved
    sources = output_sources(resolved)
    return [
        like_given(rows, resolved, data, sources, batch_rows=settings.batch_rows)
        for rows in replicates
    ]


def write_syntheses(
    imputations: Imputations,
    settings: RunSettings,
    listener: Listener,
    number: int,
    directory: RunDirectory,
) -> Sequence[WrittenSynthesis]:
    """Synthesize one imputation into files, as far as no earlier process has done it.

    Parameters
    ----------
    imputations : Imputations
    settings : RunSettings
        How many syntheses and rows; the seed is the user's.
    listener : Listener
    number : int
        Of the imputation, from 1; its syntheses are the part of the run with this number.
    directory : RunDirectory

    Returns
    -------
    list of WrittenSynthesis

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    checkpoints, staging = directory.part(number), directory.staging
    found = _written_before(checkpoints, settings, staging)
    files = {each.synthesis: each for each in found}
    if len(files) < settings.n_replicates:
        synthesis, replicates, own = _synthesize(
            imputations, number, settings, listener, staging, checkpoints
        )
        for rows in replicates:
            file = staging / f"synthesis_{number:03d}_{rows.number:03d}.{settings.format}"
            sha256 = _write(synthesis, rows, file, own)
            files[rows.number] = WrittenSynthesis(rows.number, file, sha256)
        for left in staging.glob("columns_*"):
            left.unlink()
    if checkpoints is not None:
        checkpoints.forget_draws()
    return [files[synthesis] for synthesis in sorted(files)]


def _written_before(
    checkpoints: Checkpoints | None, settings: RunSettings, staging: Path
) -> list[WrittenSynthesis]:
    """Return the syntheses of an imputation that an earlier process has written."""
    if checkpoints is None:
        return []
    numbers = range(1, settings.n_replicates + 1)
    entries = {number: checkpoints.written(number, staging) for number in numbers}
    return [
        WrittenSynthesis(number, staging / entry.file, entry.sha256)
        for number, entry in entries.items()
        if entry is not None
    ]


def _write(synthesis: Synthesis, rows: SyntheticRows, file: Path, settings: RunSettings) -> str:
    """Write one synthesis, let it go, and return the file's SHA-256."""
    n_rows = rows.n_output
    with synthesis.stopwatch.phase("write"):
        write_replicate(
            rows,
            synthesis.prepared.resolved,
            file,
            seed=settings.seed,
            listener=synthesis.listener,
            notes=tail_notes(synthesis.prepared),
            n_threads=settings.n_threads,
            memory=Memory(settings.memory_bytes),
        )
        rows.clear()
    with synthesis.stopwatch.phase("hash output"):
        sha256 = file_sha256(file)
    if synthesis.checkpoints is not None:
        details = synthesis.finished.details(rows.number)
        synthesis.checkpoints.record_written(rows.number, file, sha256, n_rows, details)
    return sha256


def _synthesize(
    imputations: Imputations,
    number: int,
    settings: RunSettings,
    listener: Listener,
    scratch: Path | None = None,
    checkpoints: Checkpoints | None = None,
    *,
    gives_cudf: bool = False,
) -> tuple[Synthesis, list[SyntheticRows], RunSettings]:
    """Do what `gpusynth.synthesize` does with the completed file and the seed of its syntheses."""
    stopwatch = imputations.stopwatch
    own = replace(settings, seed=synthesis_seed(settings.seed, number))
    resolved = resolve_input(
        imputations.arrow(number),
        imputations.schema,
        imputations.resolved.choices,
        batch_rows=own.batch_rows,
        listener=listener,
        stopwatch=stopwatch,
        n_threads=own.n_threads,
    )
    prepared = prepare(
        resolved,
        batch_rows=own.batch_rows,
        listener=listener,
        stopwatch=stopwatch,
        n_threads=own.n_threads,
    )
    prepared = replace(prepared, backend=imputations.setup.backend)
    synthesis = Synthesis(
        prepared, listener, stopwatch, checkpoints=checkpoints, gives_cudf=gives_cudf
    )
    check_keys(resolved, synthesis.n_rows(own))
    return synthesis, synthesis.draw(own, scratch=scratch), own
