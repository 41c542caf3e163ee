"""What a replicate file says about its making: key-values in the Arrow schema's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gpusynth.errors import DataError
from gpusynth.io.input_file import reading
from gpusynth.table.schema import Schema

__all__ = ["PREFIX", "ReplicateMetadata", "read_metadata", "with_metadata"]

PREFIX = "gpusynth."
"""What every key starts with, so that none meets another library's."""


@dataclass(frozen=True, slots=True)
class ReplicateMetadata:
    """How one synthetic file was made.

    Attributes
    ----------
    schema : Schema
        Of the real data, as the run used it.
    plan_fingerprint : str
    seed : int
        As text in the file, since JSON readers lose digits of 64-bit integers.
    version : str
        Of gpusynth.
    replicate : int
        Counted from 1.
    """

    schema: Schema
    plan_fingerprint: str
    seed: int
    version: str
    replicate: int

    def to_mapping(self) -> dict[str, str]:
        """Return the key-values to put into a file's metadata."""
        return {
            PREFIX + "schema": self.schema.model_dump_json(),
            PREFIX + "plan_fingerprint": self.plan_fingerprint,
            PREFIX + "seed": str(self.seed),
            PREFIX + "version": self.version,
            PREFIX + "replicate": str(self.replicate),
        }

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, str]) -> ReplicateMetadata:
        """Rebuild it from key-values; other keys are ignored.

        Raises
        ------
        KeyError
            If a key is missing.
        ValueError
            If a value does not parse.
        """
        return cls(
            schema=Schema.model_validate_json(mapping[PREFIX + "schema"]),
            plan_fingerprint=mapping[PREFIX + "plan_fingerprint"],
            seed=int(mapping[PREFIX + "seed"]),
            version=mapping[PREFIX + "version"],
            replicate=int(mapping[PREFIX + "replicate"]),
        )


def with_metadata(schema: pa.Schema, metadata: Mapping[str, str]) -> pa.Schema:
    """Return the Arrow schema with key-values added to its own metadata.

    gpusynth's keys of an earlier making are dropped: a synthesis of a synthetic file is described
    by its own run alone.
    """
    own = {
        key: value
        for key, value in (schema.metadata or {}).items()
        if not key.startswith(PREFIX.encode())
    }
    return schema.with_metadata(own | {k.encode(): v.encode() for k, v in metadata.items()})


def read_metadata(path: str | Path) -> ReplicateMetadata:
    """Read how a synthetic Parquet file was made.

    Raises
    ------
    DataError
        If it is not a Parquet file, or gpusynth did not make it.
    """
    path = Path(path)
    with reading(path.name, "Give a Parquet file that gpusynth wrote."):
        found = pq.read_schema(path).metadata or {}
    try:
        mapping = {key.decode(): found[key].decode() for key in found if _is_own(key)}
        return ReplicateMetadata.from_mapping(mapping)
    except (KeyError, ValueError):
        raise DataError(
            f"{path.name} does not say how it was made. Give a Parquet file that gpusynth wrote."
        ) from None


def _is_own(key: bytes) -> bool:
    return key.startswith(PREFIX.encode())
