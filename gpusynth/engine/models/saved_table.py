"""Saved tables: codecs, codes and numbers as JSON and arrays, checked like any hostile input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
import pyarrow as pa

from gpusynth.arrays import MOST_CODES, Array, code_dtype
from gpusynth.errors import DataError, GpusynthError, ModelFileError
from gpusynth.table import BATCH_ROWS, Codec, Schema, Table, codec_from_json, coded_columns
from gpusynth.table.codec_numbers import NumberCodec
from gpusynth.table.special_codes import AUTOMATIC, NumberSpecials, number_dtype

__all__ = [
    "Saved",
    "SavedSource",
    "codecs_to_json",
    "rowless_table",
    "source_to_json",
    "table_to_json",
]

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class SavedSource:
    """What a saved model remembers of the file that it was fitted on; it has no rows to read."""

    name: str
    arrow_schema: pa.Schema
    is_text: bool
    n_rows: int | None
    sha256: str

    def batches(
        self, columns: Sequence[str] | None = None, *, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Raise an error: the file stays where it is.

        Raises
        ------
        DataError
        """
        raise DataError(f"{self.name}: a saved model draws, but does not hold the file to fit on")

    def fingerprint(self) -> str:
        """SHA-256 of the data that the model was fitted on."""
        return self.sha256


def source_to_json(source: Any, sha256: str, arrays: list[Array]) -> dict[str, Any]:
    """Return what `Saved.source` reads back; arrays are added to the list."""
    schema = np.frombuffer(source.arrow_schema.serialize(), np.uint8)
    return {
        "name": source.name,
        "arrow_schema": _add(schema, arrays),
        "is_text": source.is_text,
        "n_rows": source.n_rows,
        "sha256": sha256,
    }


def codecs_to_json(codecs: Mapping[str, Codec], arrays: list[Array]) -> dict[str, Any]:
    """Return what `Saved.codecs` reads back; arrays are added to the list."""
    written = {}
    for name, codec in codecs.items():
        description = {key: part for key, part in codec.to_json().items() if key != "column"}
        if codec.code_values is not None:
            description["code_values"] = _add(codec.code_values, arrays)
        written[name] = description
    return written


def table_to_json(table: Table, arrays: list[Array]) -> dict[str, Any]:
    """Return what `Saved.table` reads back; arrays are added to the list."""
    return {
        "n_rows": table.n_rows,
        "codes": {name: _add(codes, arrays) for name, codes in table.codes.items()},
        "values": {name: _add(values, arrays) for name, values in table.values.items()},
    }


def rowless_table(schema: Schema, codecs: Mapping[str, Codec], n_rows: int) -> Table:
    """Return a table with types and a number of rows, but without the rows."""
    codes = {name: np.zeros(0, code_dtype(codec.n_codes)) for name, codec in codecs.items()}
    values: dict[str, Array] = {
        name: np.zeros(0, number_dtype(codec.column))
        for name, codec in codecs.items()
        if not codec.is_exact
    }
    return Table(schema, codecs, codes, values, n_rows)


def _add(array: Array, arrays: list[Array]) -> int:
    arrays.append(array)
    return len(arrays) - 1


@dataclass(frozen=True, slots=True)
class Saved:
    """A part of a model file's document, and all of its arrays.

    Attributes
    ----------
    path : pathlib.Path
        For messages.
    document : mapping
    arrays : tuple of array
    """

    path: Path
    document: Mapping[str, Any]
    arrays: tuple[Array, ...]

    def wrong(self, reason: str) -> NoReturn:
        """Raise the error for a file that no writer made."""
        raise ModelFileError(f"{self.path} cannot be used: {reason}. Fit the model again.")

    def get(self, key: str, kind: type[_Kind]) -> _Kind:
        """Return an entry of the document, of a type."""
        entry = self.document.get(key)
        if type(entry) is not kind:
            self.wrong(f"its {key} is missing or of another type")
        return entry

    def part(self, key: str) -> Saved:
        """Return an entry that is a document itself."""
        return Saved(self.path, self.get(key, dict), self.arrays)

    def array(self, key: str, *dtypes: str) -> Array:
        """Return an array by the entry that holds its place."""
        place = self.get(key, int)
        if not 0 <= place < len(self.arrays) or self.arrays[place].ndim != 1:
            self.wrong(f"the array of {key!r} is missing")
        if self.arrays[place].dtype.name not in dtypes:
            self.wrong(f"the array of {key!r} has another type")
        return self.arrays[place]

    @contextmanager
    def rebuilding(self, what: str) -> Iterator[None]:
        """Turn whatever a constructor refuses into one `ModelFileError` that shows no value."""
        try:
            yield
        except ModelFileError:
            raise
        except GpusynthError as error:
            self.wrong(f"{what}: {error}")
        except (
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            pa.ArrowException,
        ):
            self.wrong(f"{what} is damaged")

    def schema(self) -> Schema:
        """Return the schema."""
        with self.rebuilding("its schema"):
            return Schema.model_validate_json(self.get("schema", str))

    def source(self) -> SavedSource:
        """Return what is known of the file."""
        part = self.part("source")
        n_rows = part.document.get("n_rows")
        if n_rows is not None and type(n_rows) is not int:
            self.wrong("the number of rows of its source is none")
        with self.rebuilding("the schema of its source"):
            arrow_schema = pa.ipc.read_schema(pa.py_buffer(part.array("arrow_schema", "uint8")))
        return SavedSource(
            part.get("name", str),
            arrow_schema,
            part.get("is_text", bool),
            n_rows,
            part.get("sha256", str),
        )

    def codecs(self, schema: Schema) -> dict[str, Codec]:
        """Return the codecs of the coded columns."""
        parts = self.part("codecs")
        names = coded_columns(schema)
        if set(parts.document) != set(names):
            self.wrong("its codecs are of other columns than its schema")
        return {name: parts.part(name)._codec(schema[name]) for name in names}

    def _codec(self, column: Any) -> Codec:
        name = column.name
        description = {**self.document, "column": column.model_dump(mode="json")}
        if self.document.get("codec") == "numbers":
            values = self.array("code_values", np.dtype(number_dtype(column)).name)
            if not np.isfinite(values).all() or (np.diff(values) <= 0).any():
                self.wrong(f"the codes of {name!r} do not ascend")
            description["code_values"] = values
            self.get("is_exact", bool)
        by_levels = self.document.get("codec") != "numbers"
        for key in ("automatic", *(("missing", "levels", "dictionary") if by_levels else ())):
            if not all(type(text) is str for text in self.get(key, list)):
                self.wrong(f"a level of {name!r} is no text")
        if not set(self.get("automatic", list)) <= set(AUTOMATIC):
            self.wrong(f"a missing code of {name!r} is none")
        with self.rebuilding(f"the codec of {name!r}"):
            codec = codec_from_json(description)
            if isinstance(codec, NumberCodec):
                wanted = NumberSpecials.of(column, codec.specials.automatic)
                if [*map(str, codec.specials.answers)] != [*map(str, wanted.answers)]:
                    self.wrong(f"the missing codes of {name!r} are not those of its schema")
            if (codec.code_values is None) == column.is_number or codec.n_codes > MOST_CODES:
                self.wrong(f"the codec of {name!r} is another's")
            codec.decode(np.zeros(0, np.uint8), np.zeros(0, number_dtype(column)))
        return codec

    def empty_table(self, schema: Schema, codecs: Mapping[str, Codec]) -> Table:
        """Return a table that has a number of rows, but holds none of them."""
        n_rows = self.get("n_rows", int)
        if n_rows < 1 or self.get("codes", dict) or self.get("values", dict):
            self.wrong("a released model holds rows, or was made of none")
        return rowless_table(schema, codecs, n_rows)

    def table(self, schema: Schema, codecs: Mapping[str, Codec]) -> Table:
        """Return the table, whose columns are those that are stored."""
        n_rows = self.get("n_rows", int)
        codes, values = self.part("codes"), self.part("values")
        if n_rows < 1 or not set(codes.document) <= set(codecs):
            self.wrong("its table has other columns than its schema, or no rows")
        read_codes, read_values = {}, {}
        for name in codes.document:
            codec = codecs[name]
            column = codes.array(name, code_dtype(codec.n_codes).__name__)
            if len(column) != n_rows or int(column.max()) >= codec.n_codes:
                self.wrong(f"a code of {name!r} is none of its codes")
            read_codes[name] = column
            if not codec.is_exact:
                numbers = values.array(name, np.dtype(number_dtype(codec.column)).name)
                if len(numbers) != n_rows or not np.isfinite(numbers).all():
                    self.wrong(f"a number of {name!r} is not finite, or missing")
                read_values[name] = numbers
        return Table(schema, codecs, read_codes, read_values, n_rows)
