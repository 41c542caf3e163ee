"""Waking: what a cluster can do before a run knows its data."""

from __future__ import annotations

from typing import Any

__all__ = ["wake"]


def wake(client: Any) -> None:
    """Let the workers of a cluster get ready.

    Parameters
    ----------
    client : distributed.Client or None
        None for a run without a cluster.

    Raises
    ------
    BackendUnavailableError
        If Dask is not installed.
    ClusterError
        If it is no client, or its scheduler is gone.
    """
    if client is not None:
        from gpusynth.engine.cluster.workers import Workers

        Workers(client).wake()
