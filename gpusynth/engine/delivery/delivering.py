"""Deliver: drawn replicates as files of a run directory, or as tables of the given kind."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from gpusynth.engine.delivery.output import to_table
from gpusynth.engine.delivery.output_columns import output_sources
from gpusynth.engine.delivery.resident_output import to_cudf
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.files.directory import RunDirectory
from gpusynth.engine.real.prepared import Resolved
from gpusynth.engine.run import write_run
from gpusynth.engine.settings import RunSettings
from gpusynth.engine.synthesis import Synthesis
from gpusynth.errors import GpusynthWarning
from gpusynth.io import is_cudf, like_input

__all__ = ["deliver", "like_given"]


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
    sources, tables = output_sources(resolved), []
    for rows in replicates:
        tables.append(like_given(rows, resolved, data, sources, batch_rows=settings.batch_rows))
        rows.clear()
    return tables if settings.n_replicates > 1 else tables[0]


def like_given(
    rows: SyntheticRows,
    resolved: Resolved,
    data: Any,
    sources: Mapping[str, str],
    *,
    batch_rows: int,
) -> Any:
    """Turn a replicate into a table of the kind that was given.

    Parameters
    ----------
    rows : SyntheticRows
        Columns that lie on a device may be let go once they are put out.
    resolved : Resolved
    data : table
        As it was given.
    sources : mapping of str to str
        Column of the output -> column of `data` that it stands for.
    batch_rows : int
        Rows that are decoded at a time.

    Returns
    -------
    table
        See `gpusynth.io.like_input`.
    """
    if rows.resident is not None and is_cudf(data):
        return to_cudf(rows, resolved, data, sources, batch_rows=batch_rows)
    return like_input(to_table(rows, resolved, batch_rows), data, sources=sources)
