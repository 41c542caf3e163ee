"""Imputations into a run directory: begun, and gone on with when they were cut short."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from gpusynth.backends import DeviceName
from gpusynth.engine import Listener, Resolved, SilentListener, Stopwatch
from gpusynth.engine.checkpoint.given import Given, put_given, read_given
from gpusynth.engine.checkpoint.pins import code_pins
from gpusynth.engine.files.commit import finish_commit
from gpusynth.engine.files.directory import RunDirectory
from gpusynth.engine.real.prepared import changed_input
from gpusynth.engine.settings import RunSettings
from gpusynth.errors import DataError
from gpusynth.imputation.chained import impute_chains, set_up_data
from gpusynth.imputation.head import INPUT_PIN, ImputationChoices, ImputationHead, imputation_pins
from gpusynth.imputation.run import ImputationRun, read_imputation_run, write_imputations
from gpusynth.imputation.settings import ImputationSettings
from gpusynth.imputation.setup import Setup
from gpusynth.imputation.syntheses import write_syntheses
from gpusynth.io import open_source
from gpusynth.table import BATCH_ROWS

__all__ = ["impute_into", "resume_imputation"]


def impute_into(
    directory: RunDirectory,
    data: Any,
    given: Given,
    choices: ImputationSettings,
    settings: RunSettings,
    *,
    n_syntheses: int,
    keep_imputations: bool,
    listener: Listener,
) -> ImputationRun:
    """Impute a file and synthesize each completed one into a run directory.

    Parameters
    ----------
    directory : RunDirectory
    data : path or table
    given : Given
    choices : ImputationSettings
    settings : RunSettings
        Of the syntheses, and of what is put down.
    n_syntheses : int
        Of each imputation; may be 0.
    keep_imputations : bool
        Write the completed files.
    listener : Listener

    Returns
    -------
    ImputationRun

    Raises
    ------
    GpusynthError
    """
    stopwatch = Stopwatch()
    resolved, setup = set_up_data(
        data, given, choices, batch_rows=settings.batch_rows, listener=listener, stopwatch=stopwatch
    )
    fingerprint = _fingerprint(resolved, stopwatch)
    if settings.checkpoints:
        head = ImputationHead(
            code=code_pins(),
            data=imputation_pins(resolved, setup, fingerprint),
            overwrite=directory.overwrite,
            keep_models=settings.keep_models,
            choices=ImputationChoices.of(choices),
            n_syntheses=n_syntheses,
            n_rows=settings.n_rows,
            seed=str(settings.seed),
            device=settings.device,
            fitter=settings.fitter,
            output_format=settings.format,
            keep_imputations=keep_imputations,
            data_path=str(Path(data).resolve()) if isinstance(data, (str, os.PathLike)) else None,
            given=put_given(directory.work.path, 1, given),
        )
        directory.begin_checkpoints(head)
    return _carry_out(
        directory,
        data=data,
        resolved=resolved,
        setup=setup,
        choices=choices,
        settings=settings,
        fingerprint=fingerprint,
        n_syntheses=n_syntheses,
        keep_imputations=keep_imputations,
        listener=listener,
        stopwatch=stopwatch,
    )


def resume_imputation(
    path: str | Path,
    data: Any = None,
    *,
    threads: int | None = None,
    batch_rows: int = BATCH_ROWS,
    device: DeviceName | None = None,
    listener: Listener | None = None,
) -> ImputationRun:
    """Go on with an imputation that was cut short; its files get the same bytes as without.

    Parameters
    ----------
    path : str or pathlib.Path
        The run directory.
    data : path or table, optional
        Where the data are now; by default where they were. A table must be given again.
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
    ImputationRun
        As `impute_and_synthesize` returns it.

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
        As for `impute_and_synthesize`.
    """
    listener = SilentListener() if listener is None else listener
    stopwatch = Stopwatch()
    with RunDirectory(path, resume=ImputationHead, inputs=(data,)) as directory:
        head = directory.head_of(ImputationHead)
        head.check_code(directory.path)
        if finish_commit(directory):
            return read_imputation_run(directory.path)
        settings = head.settings(
            max(head.n_syntheses, 1),
            threads=threads,
            batch_rows=batch_rows,
            device=device,
        )
        choices = head.choices.settings(
            seed=int(head.seed), threads=threads, device=settings.device, fitter=settings.fitter
        )
        found = head.data_path if data is None else data
        if found is None:
            raise DataError(
                f"{directory.path}: the run was given a table in memory. Give the same table again."
            )
        given = read_given(directory.work.path, 1, head.given)
        # Before anything is read: with other data it could fail in another way.
        early = {INPUT_PIN: open_source(found).fingerprint()}
        head.check_data({**head.data, **early}, directory.path)
        resolved, setup = set_up_data(
            found, given, choices, batch_rows=batch_rows, listener=listener, stopwatch=stopwatch
        )
        fingerprint = _fingerprint(resolved, stopwatch)
        head.check_data(imputation_pins(resolved, setup, fingerprint), directory.path)
        if directory.checkpoints is not None:
            directory.checkpoints.record_resumed()
        return _carry_out(
            directory,
            data=found,
            resolved=resolved,
            setup=setup,
            choices=choices,
            settings=settings,
            fingerprint=fingerprint,
            n_syntheses=head.n_syntheses,
            keep_imputations=head.keep_imputations,
            listener=listener,
            stopwatch=stopwatch,
        )


def _fingerprint(resolved: Resolved, stopwatch: Stopwatch) -> str:
    """Return the SHA-256 of the data that were just read."""
    with stopwatch.phase("hash input"):
        fingerprint = resolved.source.fingerprint()
    if resolved.stamp is not None and resolved.stamp.has_new_content():
        raise changed_input(resolved.source.name, "was read")
    return fingerprint


def _carry_out(
    directory: RunDirectory,
    *,
    data: Any,
    resolved: Resolved,
    setup: Setup,
    choices: ImputationSettings,
    settings: RunSettings,
    fingerprint: str,
    n_syntheses: int,
    keep_imputations: bool,
    listener: Listener,
    stopwatch: Stopwatch,
) -> ImputationRun:
    """Do what no earlier process has done, and write everything."""
    imputations = impute_chains(
        data,
        resolved,
        setup,
        choices,
        listener=listener,
        stopwatch=stopwatch,
        checkpoints=directory.checkpoints,
        fingerprint=fingerprint,
    )
    return write_imputations(
        imputations,
        directory,
        format=settings.format,
        batch_rows=settings.batch_rows,
        synthesize=partial(write_syntheses, imputations, settings, listener)
        if n_syntheses
        else None,
        n_syntheses=n_syntheses,
        keep_imputations=keep_imputations,
    )
