"""Form: the fields of one class, and what must hold between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gpusynth.methods.stored.context import Reader, Writer
from gpusynth.methods.stored.fields import Field

__all__ = ["Form", "Record"]


class Form(Protocol):
    """How objects of one class are written and read."""

    @property
    def of(self) -> type:
        """The class."""
        ...

    def write(self, value: Any, writer: Writer) -> dict[str, Any]:
        """Return the JSON of an object."""
        ...

    def read(self, given: Any, reader: Reader) -> Any:
        """Return the object, or raise a `ModelFileError`."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """A frozen dataclass, field by field.

    Attributes
    ----------
    of : type
    fields : mapping of str to Field
        All of the class's own, by name.
    check : callable
        (object, reader): raises a `ModelFileError` unless a draw from the object is safe.
    """

    of: type
    fields: Mapping[str, Field]
    check: Callable[[Any, Reader], None]

    def write(self, value: Any, writer: Writer) -> dict[str, Any]:
        """Return the JSON of an object."""
        return {
            name: field.write(getattr(value, name), writer) for name, field in self.fields.items()
        }

    def read(self, given: Any, reader: Reader) -> Any:
        """Return the object, or raise a `ModelFileError`."""
        known = isinstance(given, dict) and set(given) == set(self.fields)
        reader.require(known, f"the fields of a {self.of.__name__} are others")
        values = {name: field.read(given[name], reader) for name, field in self.fields.items()}
        made = self.of(**values)
        self.check(made, reader)
        return made
