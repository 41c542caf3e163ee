"""Chained equations from the data to the result: set up, then all chains."""

from __future__ import annotations

from typing import Any

from gpusynth.backends import choose_backend, share_memory
from gpusynth.engine import Listener, Resolved, Stopwatch, resolve_input
from gpusynth.engine.checkpoint.checkpoints import Checkpoints
from gpusynth.engine.checkpoint.given import Given
from gpusynth.engine.synthesis import load_kernels
from gpusynth.imputation.chains import run_chains
from gpusynth.imputation.imputations import Imputations
from gpusynth.imputation.settings import ImputationSettings
from gpusynth.imputation.setup import Setup, set_up
from gpusynth.imputation.traces import Traces

__all__ = ["impute_chains", "set_up_data"]


def set_up_data(
    data: Any,
    given: Given,
    settings: ImputationSettings,
    *,
    batch_rows: int,
    listener: Listener,
    stopwatch: Stopwatch,
) -> tuple[Resolved, Setup]:
    """Open and encode the data and settle what is imputed and how.

    Parameters
    ----------
    data : path or table
    given : Given
    settings : ImputationSettings
    batch_rows : int
    listener : Listener
    stopwatch : Stopwatch

    Returns
    -------
    tuple of (Resolved, Setup)

    Raises
    ------
    GpusynthError
        `BackendUnavailableError` among them, before the data are read.
    """
    backend = choose_backend(settings.device, settings.fitter)
    share_memory(backend)
    resolved = resolve_input(
        data,
        given.schema,
        given.plan,
        batch_rows=batch_rows,
        listener=listener,
        stopwatch=stopwatch,
    )
    setup = set_up(
        resolved,
        settings,
        batch_rows=batch_rows,
        listener=listener,
        stopwatch=stopwatch,
        backend=backend,
    )
    return resolved, setup


def impute_chains(
    data: Any,
    resolved: Resolved,
    setup: Setup,
    settings: ImputationSettings,
    *,
    listener: Listener,
    stopwatch: Stopwatch,
    checkpoints: Checkpoints | None = None,
    fingerprint: str | None = None,
) -> Imputations:
    """Run all chains.

    Parameters
    ----------
    data : object
        As the user gave it.
    resolved : Resolved
    setup : Setup
    settings : ImputationSettings
    listener : Listener
    stopwatch : Stopwatch
    checkpoints : Checkpoints, optional
        Of the run, where every iteration is put down and found.
    fingerprint : str, optional
        SHA-256 of the data.

    Returns
    -------
    Imputations
    """
    load_kernels(listener, stopwatch, setup.backend)
    with stopwatch.phase("impute"):
        cells, rows = run_chains(setup, settings, listener=listener, checkpoints=checkpoints)
    return Imputations(
        data,
        resolved,
        setup,
        settings,
        cells=cells,
        traces=Traces(tuple(rows)),
        stopwatch=stopwatch,
        fingerprint=fingerprint,
    )
