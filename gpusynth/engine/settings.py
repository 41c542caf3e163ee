"""How a run is carried out: numbers that a user gives, checked."""

from __future__ import annotations

import operator
import os
from dataclasses import dataclass
from typing import Any, Literal, SupportsIndex, TypeAlias, get_args

from gpusynth.backends import DeviceName, FitterName
from gpusynth.errors import PlanError
from gpusynth.io import IoName
from gpusynth.table import BATCH_ROWS

__all__ = [
    "OutputFormat",
    "RunSettings",
    "available_threads",
    "check_cluster",
    "check_device",
    "whole_number",
]

OutputFormat: TypeAlias = Literal["parquet", "csv"]

_RANGES = {
    "n_replicates": (1, (1 << 16) - 1),  # 16 bits of a stream name one (gpusynth.streams)
    "n_rows": (1, 1 << 40),  # far beyond any survey, and rows in bytes still fit in 64 bits
    "seed": (0, (1 << 64) - 1),
    "threads": (1, 1024),
    "batch_rows": (1, 1 << 31),
    "memory_bytes": (1, 1 << 62),
}
_MAY_BE_NONE = frozenset({"n_rows", "threads", "memory_bytes"})


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How many, from which seed, and with how much of the machine.

    `threads`, `batch_rows` and `memory_bytes` never change a byte of the result.

    Parameters
    ----------
    n_replicates : int
    n_rows : int, optional
        Rows of each replicate; as many as the real data by default.
    seed : int
        64 bits.
    threads : int, optional
        All that this process may use by default.
    batch_rows : int
        Rows that are read at a time.
    format : {"parquet", "csv"}
    checkpoints : bool
        Put down finished work, so that a run that is cut short can be resumed.
    keep_models : bool
        Leave the fitted models in the run directory.
    memory_bytes : int, optional
        Most memory to take: columns go to disk and fewer fits run side by side where more would be
        needed. All that is available by default.
    device : {"cpu", "cuda", "auto"}
        Never changes a byte of the result.
    fitter : {"histogram", "cuml", "auto"}
        What grows trees; cuml's are other trees.
    io : {"arrow", "cudf"}
        What reads and writes Parquet; the same rows, in files of other bytes.

    Raises
    ------
    PlanError
        If a number is out of range; the message names it.
    """

    n_replicates: int = 1
    n_rows: int | None = None
    seed: int = 0
    threads: int | None = None
    batch_rows: int = BATCH_ROWS
    format: OutputFormat = "parquet"
    checkpoints: bool = False
    keep_models: bool = False
    memory_bytes: int | None = None
    device: DeviceName = "cpu"
    fitter: FitterName = "auto"
    io: IoName = "arrow"

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            number = getattr(self, name)
            if number is not None or name not in _MAY_BE_NONE:
                object.__setattr__(self, name, whole_number(name, number, low, high))
        if self.format not in get_args(OutputFormat):
            raise PlanError(f"format must be parquet or csv, got {self.format!r}")
        check_device(self.device, self.fitter)
        if self.io not in get_args(IoName):
            raise PlanError(f"io must be arrow or cudf, got {self.io!r}")

    @property
    def n_threads(self) -> int:
        """Number of threads to use."""
        return available_threads() if self.threads is None else self.threads


def check_device(device: str, fitter: str) -> None:
    """Check the words that name a device and a tree fitter.

    Parameters
    ----------
    device, fitter : str

    Raises
    ------
    PlanError
    """
    if device not in get_args(DeviceName):
        raise PlanError(f"device must be cpu, cuda or auto, got {device!r}")
    if fitter not in get_args(FitterName):
        raise PlanError(f"fitter must be histogram, cuml or auto, got {fitter!r}")


def check_cluster(settings: RunSettings, client: Any) -> None:
    """Refuse fits by cuML and files by cuDF on a cluster.

    A task that a lost worker had begun is done again there, which must give the same tree; and
    workers write with Arrow.

    Parameters
    ----------
    settings : RunSettings
    client : distributed.Client or None

    Raises
    ------
    PlanError
    """
    if client is not None and settings.io != "arrow":
        raise PlanError('io "cudf" is for runs in one process. Use io "arrow" on a cluster.')
    if client is not None and settings.fitter == "cuml":
        raise PlanError(
            "a cluster may do a fit twice, and cuML need not grow the same tree again. "
            'Use the fitter "histogram" on a cluster, or run cuML in one process.'
        )


def available_threads() -> int:
    """Return how many processors this process may use.

    Returns
    -------
    int
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def whole_number(name: str, number: SupportsIndex, low: int, high: int) -> int:
    """Return a number that a user gave, NumPy's integers among them, as a plain int.

    Raises
    ------
    PlanError
        If it is no whole number or out of range; the message names it.
    """
    try:
        whole = None if isinstance(number, bool) else operator.index(number)
    except TypeError:
        whole = None
    if whole is None:
        raise PlanError(f"{name} must be a whole number, got {type(number).__name__}")
    if not low <= whole <= high:
        raise PlanError(f"{name} must be from {low} to {high}, got {whole}")
    return whole
