"""Which columns several files have in common, and which of them are stored differently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import TypeDifference
from gpusynth.table.schema import Schema
from gpusynth.table.source import Source

__all__ = ["CommonColumns", "find_common_columns"]


@dataclass(frozen=True, slots=True)
class CommonColumns:
    """What can be compared.

    Attributes
    ----------
    names : tuple of str
        In the order of the real file, or as asked for.
    only_real, only_synthetic : tuple of str
        Columns that another file lacks, and that the real file lacks.
    different_types : tuple of TypeDifference
    """

    names: tuple[str, ...]
    only_real: tuple[str, ...]
    only_synthetic: tuple[str, ...]
    different_types: tuple[TypeDifference, ...]


def find_common_columns(
    files: Sequence[Source],
    schema: Schema,
    *,
    columns: Sequence[str] | None = None,
    weight: str | None = None,
) -> CommonColumns:
    """Find the columns to compare; the first file is the real one.

    Parameters
    ----------
    files : sequence of Source
    schema : Schema
        Columns that it does not know are not compared.
    columns : sequence of str, optional
        Exactly these; by default all that every file has, except keys and dropped ones.
    weight : str, optional
        Every file must have it; it is not compared.

    Raises
    ------
    IncomputableMetricError
        If nothing is in common, or a named column is not in all files.
    """
    have = [set(source.arrow_schema.names) for source in files]
    shared = set.intersection(*have)
    common = shared & set(schema.names)
    real_names = files[0].arrow_schema.names
    for name in [*(columns or ()), *([weight] if weight else ())]:
        if name not in common:
            lacking = [
                source.name for source, names in zip(files, have, strict=True) if name not in names
            ] or ["the schema"]
            raise IncomputableMetricError(
                f"column {name!r} is not in {', '.join(lacking)}; compare columns that all have"
            )
    if columns is None:
        left_out = {column.name for column in schema.with_role("key", "drop")} | {weight}
        columns = [name for name in real_names if name in common and name not in left_out]
    if not columns:
        raise IncomputableMetricError(
            f"{', '.join(source.name for source in files)} have no column in common that the "
            "schema describes; there is nothing to compare"
        )
    return CommonColumns(
        names=tuple(columns),
        only_real=tuple(name for name in real_names if name not in shared),
        only_synthetic=tuple(sorted(set.union(*have) - have[0])),
        different_types=_different_types(files, columns),
    )


def _different_types(files: Sequence[Source], names: Sequence[str]) -> tuple[TypeDifference, ...]:
    """Compare what files that have types say of each column; all text of CSV says nothing."""
    real = files[0]
    found = []
    for other in files[1:]:
        if real.is_text or other.is_text:
            continue
        for name in names:
            types = [source.arrow_schema.field(name).type for source in (real, other)]
            if _family(types[0]) != _family(types[1]):
                found.append(TypeDifference(name, str(types[0]), str(types[1]), other.name))
    return tuple(found)


def _family(of: pa.DataType) -> str:
    """Group types whose answers mean the same: int8 and double, string and dictionary."""
    if pa.types.is_dictionary(of):
        return _family(of.value_type)
    families = {
        "number": (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
        "text": (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    }
    for name, tests in families.items():
        if any(test(of) for test in tests):
            return name
    return "timestamp" if pa.types.is_timestamp(of) else str(of)
