"""Words that options of the command line take."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["DeviceChoice", "FitterChoice", "IoChoice", "OutputChoice"]


class DeviceChoice(StrEnum):
    """Where trees are grown and walked."""

    cpu = "cpu"
    cuda = "cuda"
    auto = "auto"


class FitterChoice(StrEnum):
    """What grows trees."""

    histogram = "histogram"
    cuml = "cuml"
    auto = "auto"


class IoChoice(StrEnum):
    """What reads and writes Parquet."""

    arrow = "arrow"
    cudf = "cudf"


class OutputChoice(StrEnum):
    """Format of the files that are written."""

    parquet = "parquet"
    csv = "csv"
