"""Deliver: drawn replicates as files of a run directory, or as tables of the given kind."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from gpusynth.engine.directory import RunDirectory
from gpusynth.engine.output import to_table
from gpusynth.engine.output_columns import output_sources
from gpusynth.engine.replicate import SyntheticRows
from gpusynth.engine.resident_output import to_cudf
from gpusynth.engine.run import write_run
from gpusynth.engine.settings import RunSettings
from gpusynth.engine.synthesis import Synthesis
from gpusynth.errors import GpusynthWarning
from gpusynth.io import is_cudf, like_input

__all__ = ["deliver"]


def deliver(
    synthesis: Synthesis,
    replicates: Sequence[SyntheticRows],
    settings: RunSettings,
    directory: RunDirectory | None,
    data: Any,
) -> Any:
    """Write the replicates, or turn them into what was given.

    Parameters
    ----------
    synthesis : Synthesis
        That drew them.
    replicates : sequence of SyntheticRows
    settings : RunSettings
    directory : RunDirectory, optional
        Where to write them.
    data : path or table
        As it was given.

    Returns
    -------
    Run, table, or list of tables

    Raises
    ------
    GpusynthError
        As `write_run`.
    """
    if directory is not None:
        return write_run(synthesis, replicates, settings, directory)
    resolved = synthesis.prepared.resolved
    for note in resolved.left_out:
        # A manifest says so where files are written; a table says nothing of itself.
        warnings.warn(note, GpusynthWarning, stacklevel=3)
    tables = []
    sources = output_sources(resolved)
    for rows in replicates:
        if rows.resident is not None and is_cudf(data):
            table = to_cudf(rows, resolved, data, sources, batch_rows=settings.batch_rows)
        else:
            table = to_table(rows, resolved, settings.batch_rows)
            table = like_input(table, data, sources=sources)
        rows.clear()
        tables.append(table)
    return tables if settings.n_replicates > 1 else tables[0]
