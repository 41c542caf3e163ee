"""Resume a run of linked files that was cut short, to the same bytes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gpusynth.backends import DeviceName
from gpusynth.engine import Listener, SilentListener, Stopwatch
from gpusynth.engine.checkpoint.given import Given, put_given, read_given
from gpusynth.engine.checkpoint.pins import code_pins
from gpusynth.engine.files.commit import finish_commit
from gpusynth.engine.files.directory import RunDirectory
from gpusynth.engine.settings import RunSettings
from gpusynth.engine.synthesis import load_kernels
from gpusynth.errors import DataError
from gpusynth.io import open_source
from gpusynth.linked.head import LinkedHead, family_pins, input_pin
from gpusynth.linked.link import Link, file_numbers
from gpusynth.linked.prepared_family import PreparedFamily, prepare_family
from gpusynth.linked.run import LinkedRun, read_linked_run, write_family
from gpusynth.table import BATCH_ROWS

__all__ = ["begin_linked", "resume_linked"]


def begin_linked(
    directory: RunDirectory,
    prepared: PreparedFamily,
    links: Sequence[Link],
    settings: RunSettings,
    *,
    data: Mapping[str, Any],
    given: Mapping[str, Given],
) -> None:
    """Put down what a run is, so that it can be resumed without its caller.

    Parameters
    ----------
    directory : RunDirectory
    prepared : PreparedFamily
    links : sequence of Link
    settings : RunSettings
    data : mapping of str to path or table
        As the run was given them.
    given : mapping of str to Given
        By file.

    Raises
    ------
    OutputError
    """
    digests: dict[str, str] = {}
    for name, own in given.items():
        digests |= put_given(directory.work.path, prepared.numbers[name], own)
    directory.begin_checkpoints(
        LinkedHead(
            code=code_pins(),
            data=family_pins(prepared, links),
            overwrite=directory.overwrite,
            keep_models=settings.keep_models,
            names=tuple(data),
            links=tuple(links),
            n_replicates=settings.n_replicates,
            n_rows=settings.n_rows,
            seed=str(settings.seed),
            output_format=settings.format,
            device=settings.device,
            fitter=settings.fitter,
            data_paths={
                name: str(Path(each).resolve())
                for name, each in data.items()
                if isinstance(each, (str, os.PathLike))
            },
            given=digests,
        )
    )


def resume_linked(
    path: str | Path,
    data: Mapping[str, Any] | None = None,
    *,
    threads: int | None = None,
    batch_rows: int = BATCH_ROWS,
    device: DeviceName | None = None,
    listener: Listener | None = None,
) -> LinkedRun:
    """Go on with a run of linked files that was cut short; files get the same bytes as without.

    Parameters
    ----------
    path : str or pathlib.Path
        The run directory.
    data : mapping of str to path or table, optional
        Where files are now, by name; by default where they were. Tables must be given again.
    threads : int, optional
        All available by default.
    batch_rows : int
        Rows read at a time; never changes a byte.
    device : {"cpu", "cuda", "auto"}, optional
        By default what the run began with, as long as it can be had; never changes a byte.
    listener : Listener, optional
        Told of the progress.

    Returns
    -------
    LinkedRun
        As `synthesize_linked` returns it.

    Raises
    ------
    OutputError
        If there is nothing to resume in the directory, or another process is at work in it.
    CheckpointMismatchError
        If data, links, plans, schemas or versions are not those that the run began with; the
        message names what differs.
    BackendUnavailableError
        If `device` cannot be used here.
    GpusynthError
        As for `synthesize_linked`.
    """
    listener = SilentListener() if listener is None else listener
    stopwatch = Stopwatch()
    inputs = (data or {}).values()
    with RunDirectory(path, resume=LinkedHead, inputs=inputs) as directory:
        head = directory.head_of(LinkedHead)
        head.check_code(directory.path)
        if finish_commit(directory):
            return read_linked_run(directory.path)
        settings = head.settings(
            head.n_replicates,
            threads=threads,
            batch_rows=batch_rows,
            device=device,
        )
        found = _data(directory, head, data)
        numbers = file_numbers(head.names)
        given = {
            name: read_given(directory.work.path, numbers[name], head.given) for name in head.names
        }
        # Before anything is read: with other data it could fail in another way.
        early = {input_pin(name): open_source(each).fingerprint() for name, each in found.items()}
        head.check_data({**head.data, **early}, directory.path)
        prepared = prepare_family(
            found,
            head.links,
            given=given,
            settings=settings,
            listener=listener,
            stopwatch=stopwatch,
        )
        head.check_data(family_pins(prepared, head.links), directory.path)
        load_kernels(listener, stopwatch, prepared.backend)
        if directory.checkpoints is not None:
            directory.checkpoints.record_resumed()
        return write_family(prepared, head.links, settings, directory, listener, stopwatch)


def _data(
    directory: RunDirectory, head: LinkedHead, given: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return where the files are: where they were, unless the caller knows better."""
    moved = dict(given or {})
    for name in moved:
        if name not in head.names:
            known = ", ".join(map(repr, head.names))
            raise DataError(f"{directory.path}: the run has no file {name!r}. Known are {known}.")
    missing = [name for name in head.names if name not in moved and name not in head.data_paths]
    if missing:
        raise DataError(
            f"{directory.path}: the run was given tables in memory. Give the same tables again, "
            f"{missing[0]!r} too."
        )
    return {name: moved.get(name, head.data_paths.get(name)) for name in head.names}
