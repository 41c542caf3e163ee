"""Thrift's compact protocol, as far as the footer of a Parquet file needs it: find whole numbers.

A struct is its fields one after the other, each with its number (as the difference to the one
before), its kind and its value, and a zero byte at the end; nothing holds its length in bytes. So a
number can be exchanged for a longer one where it stands.

References
----------
.. [1] Apache Thrift, doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Field", "list_items", "read_whole", "struct_fields", "write_list_head", "write_whole"]

_BOOLEANS = (1, 2)
_BYTE = 3
_WHOLE = (4, 5, 6)  # of 16, 32 and 64 bits
_DOUBLE = 7
_BINARY = 8
_LISTS = (9, 10)
_STRUCT = 12
_LONG_LIST = 15
"""In the place of a list's length: it follows as a number of its own."""


@dataclass(frozen=True, slots=True)
class Field:
    """Where the value of a struct's field lies.

    Attributes
    ----------
    number : int
        As the format's definition numbers it.
    begin, end : int
        Place of the value's first byte, and of the first one after it.
    """

    number: int
    begin: int
    end: int


def struct_fields(buffer: bytes, begin: int) -> Iterator[Field]:
    """Yield the fields of a struct, in the order in which they lie.

    Parameters
    ----------
    buffer : bytes
    begin : int
        Place of its first byte.

    Yields
    ------
    Field

    Raises
    ------
    ValueError
        If a field is of a kind that no Parquet footer has.
    """
    number, place = 0, begin
    while head := buffer[place]:
        place += 1
        if head >> 4:
            number += head >> 4
        else:
            number, place = _read_signed(buffer, place)
        end = _skip(buffer, place, head & 15)
        yield Field(number, place, end)
        place = end


def list_items(buffer: bytes, begin: int) -> Iterator[tuple[int, int]]:
    """Yield where each item of a list begins and ends.

    Parameters
    ----------
    buffer : bytes
    begin : int

    Yields
    ------
    tuple of (int, int)
    """
    size, kind, place = _list_head(buffer, begin)
    for _ in range(size):
        end = _skip(buffer, place, kind)
        yield place, end
        place = end


def read_whole(buffer: bytes, begin: int) -> int:
    """Return the whole number that lies at a place."""
    return _read_signed(buffer, begin)[0]


def write_whole(number: int) -> bytes:
    """Return the bytes of a whole number that is not negative."""
    return _varint(number << 1)


def write_list_head(n_items: int) -> bytes:
    """Return what stands before the items of a list of structs."""
    if n_items < _LONG_LIST:
        return bytes([n_items << 4 | _STRUCT])
    return bytes([_LONG_LIST << 4 | _STRUCT]) + _varint(n_items)


def _varint(number: int) -> bytes:
    """Return a number in groups of 7 bits, the lowest first."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(buffer: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while (byte := buffer[place]) > 127:
        number |= (byte & 127) << shift
        shift += 7
        place += 1
    return number | byte << shift, place + 1


def _read_signed(buffer: bytes, place: int) -> tuple[int, int]:
    number, end = _read_varint(buffer, place)
    return (number >> 1) ^ -(number & 1), end


def _list_head(buffer: bytes, begin: int) -> tuple[int, int, int]:
    """Return the items, their kind, and where the first one lies."""
    size, kind = buffer[begin] >> 4, buffer[begin] & 15
    if size < _LONG_LIST:
        return size, kind, begin + 1
    size, place = _read_varint(buffer, begin + 1)
    return size, kind, place


def _skip(buffer: bytes, place: int, kind: int) -> int:
    """Return the place after a value."""
    if kind in _WHOLE:
        while buffer[place] > 127:
            place += 1
        return place + 1
    if kind == _BINARY:
        size, place = _read_varint(buffer, place)
        return place + size
    if kind == _STRUCT:
        end = place
        for field in struct_fields(buffer, place):
            end = field.end
        return end + 1
    if kind in _LISTS:
        size, item, place = _list_head(buffer, place)
        for _ in range(size):
            place += 1 if item in _BOOLEANS else 0
            place = _skip(buffer, place, item)
        return place
    sizes = {_BYTE: 1, _DOUBLE: 8, **dict.fromkeys(_BOOLEANS, 0)}
    if kind not in sizes:
        raise ValueError(f"no kind of field that a Parquet footer has: {kind}")
    return place + sizes[kind]
