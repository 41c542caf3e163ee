"""Table: a survey file as integer codes (and exact numbers where codes do not suffice)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from gpusynth.arrays import Array
from gpusynth.table.schema import Column, Schema

__all__ = ["Codec", "Table"]


@runtime_checkable
class Codec(Protocol):
    """Values <-> codes of one column; a fitted codec is immutable and JSON-serialisable.

    Codes ``[0, n_special)`` are the missing codes (null first when it occurs), then the spikes;
    the others are levels (categories) or bins in ascending order (numbers).

    Attributes
    ----------
    column : Column
    n_codes : int
        All codes, at most 65,536; the codes' dtype is uint8 up to 256 codes and uint16 above.
    n_special : int
    is_ordered : bool
        True when codes from `n_special` on are ordered, so that trees split them by threshold;
        False for subset splits.
    is_exact : bool
        True when every code stands for one value; then `encode` returns no values and the code
        is all that there is to know.
    code_values : array of float64 or int64, shape (n_codes - n_special,), or None
        Numbers only: the value of each ordinary code when exact, else the bin's lowest value.
        None for levels.
    """

    @property
    def column(self) -> Column:
        """The column of the schema."""
        ...

    @property
    def n_codes(self) -> int:
        """Number of codes, at most 65,536."""
        ...

    @property
    def n_special(self) -> int:
        """Number of missing codes and spikes: the lowest codes."""
        ...

    @property
    def is_ordered(self) -> bool:
        """True when trees split the ordinary codes by threshold."""
        ...

    @property
    def is_exact(self) -> bool:
        """True when every code stands for one value."""
        ...

    @property
    def code_values(self) -> Array | None:
        """The number of each ordinary code, or the lowest of its bin; None for levels."""
        ...

    def encode(self, array: Any, *, first_row: int = 0) -> tuple[Array, Array | None]:
        """Encode an Arrow array to codes (n,), and values (n,) f8|i8 unless exact.

        Values at special codes are 0. Raises `CodecError` naming the column and the row
        (`first_row` + position), never the value, for a value that the codec does not know.
        """
        ...

    def decode(self, codes: Array, values: Array | None) -> Any:
        """Decode to an Arrow array of the column's storage type."""
        ...

    def to_json(self) -> Mapping[str, Any]:
        """Return a JSON-serialisable description from which `codec_from_json` rebuilds it."""
        ...


@dataclass(frozen=True, slots=True)
class Table:
    """One survey file (or a block of it), encoded.

    Attributes
    ----------
    schema : Schema
    codecs : mapping of column name to Codec
        Columns whose role is ``drop`` or ``key`` have none.
    codes : mapping of column name to array, shape (n_rows,)
        uint8 or uint16.
    values : mapping of column name to array, shape (n_rows,)
        float64 or int64; only for columns whose codec is not exact.
    n_rows : int
    """

    schema: Schema
    codecs: Mapping[str, Codec]
    codes: Mapping[str, Array]
    values: Mapping[str, Array]
    n_rows: int
