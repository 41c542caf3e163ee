"""Syntheses: each completed file, synthesized as any file is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpusynth.engine import Listener, prepare, resolve_input
from gpusynth.engine.output import check_keys, output_sources, to_table, write_replicate
from gpusynth.engine.replicate import SyntheticRows
from gpusynth.engine.settings import RunSettings
from gpusynth.engine.synthesis import Synthesis
from gpusynth.engine.tail_stage import tail_notes
from gpusynth.imputation.imputations import Imputations
from gpusynth.imputation.seeds import synthesis_seed
from gpusynth.io import like_input

__all__ = ["synthesis_tables", "write_syntheses"]


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
    synthesis, replicates, _ = _synthesize(imputations, number, settings, listener, None)
    resolved = synthesis.prepared.resolved
    sources = output_sources(resolved)
    return [
        like_input(to_table(rows, resolved, settings.batch_rows), data, sources=sources)
        for rows in replicates
    ]


def write_syntheses(
    imputations: Imputations,
    settings: RunSettings,
    listener: Listener,
    number: int,
    directory: Path,
) -> Sequence[Path]:
    """Synthesize one imputation into files.

    Parameters
    ----------
    imputations : Imputations
    settings : RunSettings
        How many syntheses and rows; the seed is the user's.
    listener : Listener
    number : int
        Of the imputation, from 1.
    directory : pathlib.Path

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    synthesis, replicates, own = _synthesize(imputations, number, settings, listener, directory)
    files = []
    with imputations.stopwatch.phase("write"):
        for rows in replicates:
            file = directory / f"synthesis_{number:03d}_{rows.number:03d}.{settings.format}"
            write_replicate(
                rows,
                synthesis.prepared.resolved,
                file,
                seed=own.seed,
                batch_rows=settings.batch_rows,
                listener=listener,
                notes=tail_notes(synthesis.prepared),
            )
            rows.clear()
            files.append(file)
    for left in directory.glob("columns_*"):
        left.unlink()
    return files


def _synthesize(
    imputations: Imputations,
    number: int,
    settings: RunSettings,
    listener: Listener,
    scratch: Path | None,
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
    )
    prepared = prepare(resolved, batch_rows=own.batch_rows, listener=listener, stopwatch=stopwatch)
    synthesis = Synthesis(prepared, listener, stopwatch)
    check_keys(resolved, synthesis.n_rows(own))
    return synthesis, synthesis.draw(own, scratch=scratch), own
