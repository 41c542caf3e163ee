"""Connect: a Dask client for what a user names: processes of this machine, its GPUs, a scheduler.

Every connection of a cluster that is started here is encrypted (TLS) and needs a certificate that
exists in the memory of these processes only: a Dask scheduler runs whatever its clients send, so
an open port would let other users of the machine read the data.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gpusynth.errors import BackendUnavailableError, ClusterError
from gpusynth.table.text_file import read_toml

__all__ = ["ClusterChoice", "connected", "read_security"]

_PROTOCOLS = ("tcp://", "tls://", "ucx://", "ws://", "wss://")

_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
"""What glibc arrives at by itself. Dask's own value, 64 KiB for the second, gives every freed array
back to the system: the next fit then waits for new pages, a fifth of its time. A worker keeps some
ten megabytes more."""


@dataclass(frozen=True, slots=True)
class ClusterChoice:
    """Which cluster a run uses.

    Attributes
    ----------
    target : str
        "local", "local-cuda", the address of a scheduler, or its scheduler file.
    n_workers : int
        Of a cluster that is started here on processors.
    has_dashboard : bool
        Whether a cluster that is started here serves Dask's dashboard, on this machine only.
    config : pathlib.Path or None
        TOML file with the certificates to show to a scheduler.
    wait_seconds : int
        How long a scheduler may take to answer, also when the connection breaks.
    """

    target: str
    n_workers: int = 1
    has_dashboard: bool = False
    config: Path | None = None
    wait_seconds: int = 30


class _Certificates(BaseModel):
    """The table ``[tls]``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    ca_file: str = Field(min_length=1)
    client_cert: str = Field(min_length=1)
    client_key: str = Field(min_length=1)


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    tls: _Certificates


@contextmanager
def connected(choice: ClusterChoice) -> Iterator[Any]:
    """Start or find a cluster and give a client of it; what was started here ends with the block.

    Parameters
    ----------
    choice : ClusterChoice

    Yields
    ------
    distributed.Client

    Raises
    ------
    BackendUnavailableError
        If a package is not installed.
    ClusterError
        If the scheduler cannot be reached, or the target is none.
    """
    try:
        from distributed import Client
    except ImportError:
        raise BackendUnavailableError(
            'a cluster needs Dask. Install it: pip install "gpusynth[dask]"'
        ) from None
    with ExitStack() as stack:
        options: dict[str, Any] = {"set_as_default": False}
        if choice.target in ("local", "local-cuda"):
            if choice.config is not None:
                raise ClusterError(
                    "a cluster that is started here makes its own certificates. Leave "
                    "--cluster-config out."
                )
            make = _local_cuda_cluster if choice.target == "local-cuda" else _local_cluster
            with _worker_environment():
                cluster = make(choice)
            options["address"] = stack.enter_context(cluster)
        else:
            options |= _remote(choice)
        try:
            client = stack.enter_context(Client(timeout=choice.wait_seconds, **options))
        except (OSError, TimeoutError, ValueError, TypeError):
            raise ClusterError(
                f"no scheduler answers at {choice.target}, or it does not take this client's "
                "certificate. Start it, correct the address, or give --cluster-config."
            ) from None
        yield client


def read_security(path: Path) -> Any:
    """Read the certificates that a client shows, and with which it checks the scheduler's.

    Parameters
    ----------
    path : pathlib.Path
        TOML; relative files in it are beside it.

    Returns
    -------
    distributed.Security

    Raises
    ------
    ClusterError
        If it cannot be read, has other entries, or names a file that is not there.
    """
    from distributed import Security

    try:
        config = _Config.model_validate(read_toml(path, "cluster configuration", ClusterError))
    except ValidationError:
        raise ClusterError(
            f"{path} must have one table [tls] with ca_file, client_cert and client_key, the paths "
            "of PEM files."
        ) from None
    files = {name: path.parent / file for name, file in config.tls.model_dump().items()}
    for name, file in files.items():
        if not file.is_file():
            raise ClusterError(f"{path}: {name} is no file. Correct it.")
    return Security(
        tls_ca_file=str(files["ca_file"]),
        tls_client_cert=str(files["client_cert"]),
        tls_client_key=str(files["client_key"]),
        require_encryption=True,
    )


@contextmanager
def _worker_environment() -> Iterator[None]:
    """Let workers that are started in the block hold memory as this process does.

    What the user's own environment says goes first.
    """
    import dask.config

    key = "distributed.nanny.pre-spawn-environ"
    with dask.config.set({key: {**dask.config.get(key, {}), **_ALLOCATOR}}):
        yield


def _local_cluster(choice: ClusterChoice) -> Any:
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=choice.n_workers,
        threads_per_worker=1,
        memory_limit=0,  # Dask would kill a worker that uses what the system still has
        **_local_options(choice),
    )


def _local_cuda_cluster(choice: ClusterChoice) -> Any:
    try:
        from dask_cuda import LocalCUDACluster
    except ImportError:
        raise BackendUnavailableError(
            "--cluster local-cuda needs dask-cuda. Install RAPIDS for the driver's CUDA: the extra "
            "rapids-cu12 or rapids-cu13, or pip install dask-cuda."
        ) from None
    return LocalCUDACluster(**_local_options(choice))


def _local_options(choice: ClusterChoice) -> dict[str, Any]:
    from distributed import Security

    try:
        security = Security.temporary()
    except ImportError:
        raise BackendUnavailableError(
            "a cluster on this machine encrypts its connections, which needs cryptography. "
            'Install it: pip install "gpusynth[dask]"'
        ) from None
    return {
        "host": "127.0.0.1",
        "protocol": "tls://",
        "security": security,
        # Without an address Dask would serve metrics on all networks, dashboard or not.
        "dashboard_address": "127.0.0.1:0",
        "worker_dashboard_address": "127.0.0.1:0",
        "scheduler_kwargs": {"dashboard": choice.has_dashboard},
        "silence_logs": logging.CRITICAL,
    }


def _remote(choice: ClusterChoice) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if choice.config is not None:
        options["security"] = read_security(choice.config)
    if choice.target.startswith(_PROTOCOLS):
        return {**options, "address": choice.target}
    if not Path(choice.target).is_file():
        raise ClusterError(
            f"--cluster {choice.target}: there is no such scheduler file. Give local, local-cuda, "
            "the address of a scheduler (tcp://HOST:8786, tls://HOST:8786) or its scheduler file."
        )
    return {**options, "scheduler_file": choice.target}
