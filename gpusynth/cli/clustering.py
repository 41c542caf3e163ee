"""Options of a cluster: ``--cluster``, ``--workers``, ``--dashboard``, ``--cluster-config``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from gpusynth.errors import ClusterError

if TYPE_CHECKING:
    from gpusynth.engine.cluster.connect import ClusterChoice

__all__ = [
    "ClusterConfigOption",
    "ClusterOption",
    "DashboardOption",
    "WorkersOption",
    "cluster_choice",
]

ClusterOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--cluster", help="local, local-cuda, a scheduler's address, or its file."),
]
WorkersOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--workers", min=1, max=1024, help="Of --cluster local; one a processor."),
]
DashboardOption: TypeAlias = Annotated[
    bool, typer.Option("--dashboard", help="Serve Dask's dashboard of a local cluster.")
]
ClusterConfigOption: TypeAlias = Annotated[
    Path | None, typer.Option("--cluster-config", help="TOML file with TLS certificates.")
]


def cluster_choice(
    cluster: str | None, workers: int | None, config: Path | None, *, dashboard: bool
) -> ClusterChoice | None:
    """Return the cluster that the options name, None where they name none.

    Parameters
    ----------
    cluster : str, optional
    workers : int, optional
    config : pathlib.Path, optional
    dashboard : bool

    Returns
    -------
    ClusterChoice or None

    Raises
    ------
    ClusterError
        If options of a cluster are given without one, or do not belong to it.
    """
    given = {
        "--workers": workers is not None,
        "--dashboard": dashboard,
        "--cluster-config": config is not None,
    }
    local_only = [name for name in ("--workers", "--dashboard") if given[name]]
    if cluster is None:
        if any(given.values()):
            named = next(name for name, is_given in given.items() if is_given)
            raise ClusterError(f"{named} belongs to a cluster. Give --cluster, or leave it out.")
        return None
    if local_only and not (cluster == "local" or (cluster, local_only) == _CUDA_DASHBOARD):
        raise ClusterError(
            f"{local_only[0]} is of clusters that are started here, not of {cluster}. Leave it out."
        )
    from gpusynth.engine import available_threads
    from gpusynth.engine.cluster.connect import ClusterChoice

    return ClusterChoice(cluster, workers or available_threads(), dashboard, config)


_CUDA_DASHBOARD = ("local-cuda", ["--dashboard"])
