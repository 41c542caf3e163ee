"""Fields: how each part of a model is written as JSON and arrays, and checked when read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gpusynth.methods.stored.context import Reader, Writer

if TYPE_CHECKING:
    from gpusynth.methods.stored.forms import Form

__all__ = [
    "ArrayOf",
    "CodecOf",
    "Field",
    "Integer",
    "Many",
    "Number",
    "NumpyScalar",
    "Optional",
    "Part",
    "Row",
    "Target",
    "Text",
]

_MOST_TEXT = 100_000
_LARGEST = 1 << 62


class Field(Protocol):
    """One field of a model."""

    def write(self, value: Any, writer: Writer) -> Any:
        """Return the JSON of a value; arrays go to the writer."""
        ...

    def read(self, given: Any, reader: Reader) -> Any:
        """Return the value, or raise a `ModelFileError`."""
        ...


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number within bounds."""

    low: int = 0
    high: int = _LARGEST

    def write(self, value: Any, writer: Writer) -> Any:
        """Return the number."""
        return int(value)

    def read(self, given: Any, reader: Reader) -> Any:
        """Check the number."""
        reader.require(type(given) is int and self.low <= given <= self.high, "a count")
        return given


@dataclass(frozen=True, slots=True)
class Number:
    """A finite float64; JSON's shortest form reads back to the same bits."""

    low: float = -math.inf

    def write(self, value: Any, writer: Writer) -> Any:
        """Return the number."""
        return float(value)

    def read(self, given: Any, reader: Reader) -> Any:
        """Check the number."""
        finite = type(given) in (int, float) and math.isfinite(given)
        reader.require(finite and given >= self.low, "a number is not finite or too low")
        return float(given)


@dataclass(frozen=True, slots=True)
class Text:
    """A text, one of some if they are listed; `is_column` for names of coded columns."""

    among: tuple[str, ...] | None = None
    is_column: bool = False

    def write(self, value: Any, writer: Writer) -> Any:
        """Return the text."""
        return str(value)

    def read(self, given: Any, reader: Reader) -> Any:
        """Check the text."""
        reader.require(isinstance(given, str) and len(given) <= _MOST_TEXT, "a text")
        reader.require(self.among is None or given in self.among, "a word is not known")
        if self.is_column:
            reader.codec(given)
        return given


@dataclass(frozen=True, slots=True)
class ArrayOf:
    """An array of some dtypes; numbers in it are finite."""

    dtypes: tuple[str, ...]
    n_dimensions: int = 1

    def write(self, value: Any, writer: Writer) -> Any:
        """Return the place of the array."""
        if value.dtype.name not in self.dtypes or value.ndim != self.n_dimensions:
            writer.refuse(f"an array of {value.dtype.name} is in the place of {self.dtypes}")
        return writer.add(value)

    def read(self, given: Any, reader: Reader) -> Any:
        """Check the array."""
        array = reader.array(given)
        reader.require(array.dtype.name in self.dtypes, "an array has another type")
        reader.require(array.ndim == self.n_dimensions, "an array has another shape")
        if array.dtype == np.float64:
            reader.require(np.isfinite(array).all(), "a number is not finite")
        return array


@dataclass(frozen=True, slots=True)
class NumpyScalar:
    """A NumPy scalar: an array of one element."""

    dtypes: tuple[str, ...]

    def write(self, value: Any, writer: Writer) -> Any:
        """Return the place of an array of one element."""
        return ArrayOf(self.dtypes).write(np.array([value]), writer)

    def read(self, given: Any, reader: Reader) -> Any:
        """Check the array."""
        array = ArrayOf(self.dtypes).read(given, reader)
        reader.require(len(array) == 1, "an array has another shape")
        return array[0]


@dataclass(frozen=True, slots=True)
class Optional:
    """A field that may be None."""

    inner: Field

    def write(self, value: Any, writer: Writer) -> Any:
        """Return None, or what the field makes of it."""
        return None if value is None else self.inner.write(value, writer)

    def read(self, given: Any, reader: Reader) -> Any:
        """Return None, or what the field makes of it."""
        return None if given is None else self.inner.read(given, reader)


@dataclass(frozen=True, slots=True)
class Many:
    """A tuple of any length."""

    inner: Field

    def write(self, value: Any, writer: Writer) -> Any:
        """Return a list."""
        return [self.inner.write(item, writer) for item in value]

    def read(self, given: Any, reader: Reader) -> Any:
        """Check the list and its items."""
        reader.require(isinstance(given, list), "a list is missing")
        return tuple(self.inner.read(item, reader) for item in given)


@dataclass(frozen=True, slots=True)
class Row:
    """A tuple with a field for each place."""

    inner: tuple[Field, ...]

    def write(self, value: Any, writer: Writer) -> Any:
        """Return a list."""
        return [part.write(item, writer) for part, item in zip(self.inner, value, strict=True)]

    def read(self, given: Any, reader: Reader) -> Any:
        """Check the list and its items."""
        fits = isinstance(given, list) and len(given) == len(self.inner)
        reader.require(fits, "a list has another length")
        return tuple(part.read(item, reader) for part, item in zip(self.inner, given, strict=True))


@dataclass(frozen=True, slots=True)
class CodecOf:
    """The codec of a real column, by the column's name."""

    def write(self, value: Any, writer: Writer) -> Any:
        """Return the column's name."""
        name = value.column.name
        if name not in writer.context.real.codecs:
            writer.refuse("it holds the codec of a column that the data do not have")
        return name

    def read(self, given: Any, reader: Reader) -> Any:
        """Look the codec up."""
        return reader.codec(given)


@dataclass(frozen=True, slots=True)
class Target:
    """The real column that donors hand on."""

    def write(self, value: Any, writer: Writer) -> Any:
        """Return a reference to it."""
        return writer.target(value)

    def read(self, given: Any, reader: Reader) -> Any:
        """Look it up."""
        return reader.target(given)


@dataclass(frozen=True, slots=True)
class Part:
    """An object of one class, which the model has in this place and no other."""

    form: Form

    def write(self, value: Any, writer: Writer) -> Any:
        """Return its fields."""
        return self.form.write(value, writer)

    def read(self, given: Any, reader: Reader) -> Any:
        """Rebuild it."""
        return self.form.read(given, reader)
