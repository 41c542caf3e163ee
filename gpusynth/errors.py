"""All errors of gpusynth: one tree, every message says what, where and what to do.

A message names the file, the column and the row; it never shows a value of the data.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "BackendUnavailableError",
    "CheckpointMismatchError",
    "ClusterError",
    "CodecError",
    "DataError",
    "DeviceMemoryError",
    "EmptyLeafError",
    "GpusynthError",
    "GpusynthWarning",
    "IncomputableMetricError",
    "ModelFileError",
    "OutputError",
    "PlanError",
    "RuleSyntaxError",
    "SchemaError",
    "TooFewDonorsError",
]


class GpusynthError(Exception):
    """Base of every error that gpusynth raises on purpose; the command line exits with 2."""


class SchemaError(GpusynthError, ValueError):
    """The schema contradicts itself or the data."""

    @classmethod
    def unknown_columns(cls, unknown: Iterable[str], available: Iterable[str]) -> SchemaError:
        """Build the error for a schema that names columns which the data lack."""
        missing = ", ".join(repr(name) for name in unknown)
        have = list(available)
        shown = ", ".join(repr(name) for name in have[:12])
        more = f" and {len(have) - 12} more" if len(have) > 12 else ""
        return cls(
            f"the schema names columns that the data do not have: {missing}. "
            f"The data have: {shown}{more}. Remove them from the schema or correct the names."
        )


class PlanError(GpusynthError, ValueError):
    """The plan cannot be carried out on this schema."""


class TooFewDonorsError(PlanError):
    """All donors together hold fewer different values or units than a leaf must."""


class RuleSyntaxError(PlanError):
    """An expression does not parse; the message shows the place and the reason."""


class CodecError(GpusynthError, ValueError):
    """A value has no code, or a code has no value."""


class DataError(GpusynthError, ValueError):
    """The data cannot be read or used as they are."""


class EmptyLeafError(DataError):
    """A leaf holds no donors."""


class OutputError(GpusynthError, OSError):
    """The output cannot be written; nothing half-written stays behind."""


class BackendUnavailableError(GpusynthError, ImportError):
    """A device or an optional package is not there; the message names the extra to install."""


class ClusterError(GpusynthError, OSError):
    """A cluster cannot be used, or was lost; what was finished before is kept."""


class DeviceMemoryError(GpusynthError, MemoryError):
    """The work does not fit; the message says how many bytes were needed."""

    @classmethod
    def needs(cls, purpose: str, needed: int, free: int) -> DeviceMemoryError:
        """Build the error for work that needs more bytes of a device than are free."""
        return cls(
            f"{purpose} needs {needed:,} bytes of device memory, and {free:,} are free. Use a "
            'device with more memory, end other programs on it, or use device "cpu".'
        )


class CheckpointMismatchError(GpusynthError):
    """A checkpoint belongs to another plan, data or version."""


class ModelFileError(GpusynthError, ValueError):
    """A stored model cannot be read: damaged, of another version or kind, or no model at all."""


class IncomputableMetricError(GpusynthError):
    """A metric has no value on these data; never a silent zero."""


class GpusynthWarning(UserWarning):
    """Something worth knowing that does not stop the run."""
