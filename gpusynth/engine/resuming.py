"""Resume: go on with a run that was cut short, to the same bytes."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpusynth.backends import DeviceName, choose_backend, share_memory
from gpusynth.engine.checkpoint.checkpoints import Checkpoints
from gpusynth.engine.checkpoint.head import RunHead
from gpusynth.engine.checkpoint.pins import CODECS_PIN, codec_fingerprint, data_pins
from gpusynth.engine.files.commit import finish_commit
from gpusynth.engine.files.directory import RunDirectory
from gpusynth.engine.files.encoded import read_encoded, write_encoded
from gpusynth.engine.measure import Stopwatch
from gpusynth.engine.memory import Memory
from gpusynth.engine.progress import Listener, SilentListener
from gpusynth.engine.real.prepare import prepare, resolve_input
from gpusynth.engine.real.prepared import Prepared
from gpusynth.engine.run import Run, read_run, write_run
from gpusynth.engine.settings import RunSettings, check_cluster
from gpusynth.engine.synthesis import Synthesis, load_kernels
from gpusynth.engine.waking import wake
from gpusynth.errors import CheckpointMismatchError, DataError, GpusynthError
from gpusynth.io import open_source, write_bytes_atomic
from gpusynth.plan import SynthesisPlan
from gpusynth.table import BATCH_ROWS, Codec, Schema, read_schema
from gpusynth.table.codecs import codec_from_json
from gpusynth.table.run_files import own_file, read_run_json
from gpusynth.table.schema_file import schema_to_toml

__all__ = ["begin_checkpoints", "resume"]

_SCHEMA = "schema.toml"
_PLAN = "plan.json"
_CODECS = "codecs.json"
_MOST_CODECS = 1 << 30
"""Bytes: 200 columns with as many codes as there can be."""
_DAMAGE = (
    *(GpusynthError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError),
    ArithmeticError,
)
"""What reading a file of the work directory may raise that is not as it was written."""


def begin_checkpoints(
    directory: RunDirectory,
    prepared: Prepared,
    settings: RunSettings,
    data: Any,
    *,
    is_shared: bool = False,
) -> Checkpoints:
    """Put down what a run is, so that it can be resumed without its caller.

    Parameters
    ----------
    directory : RunDirectory
    prepared : Prepared
    settings : RunSettings
    data : path or table
        As the run was given it.
    is_shared : bool
        Whether the encoded rows are put down for a cluster anyway.

    Returns
    -------
    Checkpoints

    Raises
    ------
    OutputError
    """
    resolved = prepared.resolved
    texts = {
        _SCHEMA: schema_to_toml(resolved.schema),
        _PLAN: json.dumps(resolved.plan.to_json(), indent=2),
        _CODECS: json.dumps({name: codec.to_json() for name, codec in resolved.codecs.items()}),
    }
    for name, text in texts.items():
        write_bytes_atomic(directory.work.path / name, text.encode(), private=True)
    head = RunHead.of(
        prepared,
        settings,
        overwrite=directory.overwrite,
        data_path=Path(data) if isinstance(data, (str, os.PathLike)) else None,
    )
    checkpoints = directory.begin_checkpoints(head)
    if not is_shared:
        write_encoded(directory.work.files, prepared)
    return checkpoints


def resume(
    path: str | Path,
    data: Any = None,
    *,
    threads: int | None = None,
    batch_rows: int = BATCH_ROWS,
    device: DeviceName | None = None,
    client: Any = None,
    listener: Listener | None = None,
) -> Run:
    """Go on with a run that was cut short; its files get the same bytes as without the break.

    The run must have been started with checkpoints. Schema, plan, seed and all other settings are
    those that it began with. Trees of cuML are the exception to the same bytes: those that were
    put down are used, those that are missing are grown now, and may differ from what the first
    process would have grown.

    Parameters
    ----------
    path : str or pathlib.Path
        The run directory.
    data : path or table, optional
        Where the data are now; by default where they were.
    threads : int, optional
        All available by default.
    batch_rows : int
        Rows read at a time; never changes a byte.
    device : {"cpu", "cuda", "auto"}, optional
        By default what the run began with, as long as it can be had; never changes a byte.
    client : distributed.Client, optional
        Workers of this cluster go on, whether the run began on one or not.
    listener : Listener, optional
        Told of the progress.

    Returns
    -------
    Run
        As `synthesize` returns it.

    Raises
    ------
    OutputError
        If there is nothing to resume in the directory, or another process is at work in it.
    CheckpointMismatchError
        If data, plan, schema or versions are not those that the run began with; the message names
        what differs.
    BackendUnavailableError
        If cuML grew its trees and cannot be used here, or `device` cannot.
    GpusynthError
        As for `synthesize`.
    """
    listener = SilentListener() if listener is None else listener
    stopwatch = Stopwatch()
    with RunDirectory(path, resume=RunHead, inputs=(data,)) as directory:
        head = directory.head_of(RunHead)
        head.check_code(directory.path)
        if finish_commit(directory):
            return read_run(directory.path)
        settings = head.settings(
            head.n_replicates,
            threads=threads,
            batch_rows=batch_rows,
            device=device,
            io=head.io,
        )
        check_cluster(settings, client)
        wake(client)
        backend = choose_backend(settings.device, settings.fitter)
        share_memory(backend, has_frames=settings.io == "cudf")
        prepared = _prepare_again(directory, head, data, settings, listener, stopwatch)
        prepared = replace(prepared, backend=backend)
        if client is None:
            load_kernels(listener, stopwatch, backend)
        synthesis = Synthesis(prepared, listener, stopwatch, checkpoints=directory.checkpoints)
        if directory.checkpoints is not None:
            directory.checkpoints.record_resumed()
        if client is not None:
            from gpusynth.engine.cluster.distribute import draw_on

            replicates = draw_on(client, synthesis, settings, directory)
        else:
            replicates = synthesis.draw(settings, scratch=directory.staging)
        return write_run(synthesis, replicates, settings, directory)


def _prepare_again(
    directory: RunDirectory,
    head: RunHead,
    data: Any,
    settings: RunSettings,
    listener: Listener,
    stopwatch: Stopwatch,
) -> Prepared:
    """Read the data as the run did when it began."""
    if data is None:
        data = head.data_path
    if data is None:
        raise DataError(
            f"{directory.path}: the run was given a table in memory. Give the same table again."
        )
    source = open_source(data, reader=settings.io)
    schema, plan = _recorded(directory)
    # Before anything is read: with other data or another schema it could fail in another way.
    early = {
        "input data": source.fingerprint(),
        "schema": schema.fingerprint(),
        "plan": plan.fingerprint(),
    }
    head.check_data({**head.data, **early}, directory.path)
    resolved = resolve_input(
        data,
        schema,
        plan,
        batch_rows=settings.batch_rows,
        listener=listener,
        stopwatch=stopwatch,
        codecs=_recorded_codecs(directory, head),
        reader=settings.io,
        n_threads=settings.n_threads,
    )
    prepared = prepare(
        replace(resolved, reasons=head.reasons),
        batch_rows=settings.batch_rows,
        listener=listener,
        stopwatch=stopwatch,
        memory=Memory(settings.memory_bytes, directory.staging),
        encoded=read_encoded(
            directory.work.files, resolved.schema, resolved.codecs, early["input data"]
        ),
        n_threads=settings.n_threads,
    )
    head.check_data(data_pins(prepared), directory.path)
    return replace(prepared, notes=head.notes)


def _recorded(directory: RunDirectory) -> tuple[Schema, SynthesisPlan]:
    """Read schema and plan as the run put them down."""
    try:
        schema = read_schema(own_file(directory.work.path, _SCHEMA, CheckpointMismatchError))
        content = read_run_json(directory.work.path, _PLAN, CheckpointMismatchError)
        return schema, SynthesisPlan.from_json(content)
    except _DAMAGE:
        raise CheckpointMismatchError(
            f"{directory.path}: the schema or the plan of the unfinished run is damaged. "
            "Start the run again with --overwrite."
        ) from None


def _recorded_codecs(directory: RunDirectory, head: RunHead) -> dict[str, Codec] | None:
    """Read the codes of the columns; None where they must be learned again."""
    try:
        place, error = directory.work.path, CheckpointMismatchError
        content = read_run_json(place, _CODECS, error, max_bytes=_MOST_CODECS)
        codecs = {str(name): codec_from_json(given) for name, given in content.items()}
        pinned = head.data.get(CODECS_PIN)
        return codecs if codec_fingerprint(codecs) == pinned else None
    except _DAMAGE:
        return None
