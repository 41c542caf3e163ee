"""Inference of columns that hold numbers: typed ones, and text that reads as numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth.arrays import Array
from gpusynth.table.counts import ValueCounts
from gpusynth.table.infer.levels import written_levels
from gpusynth.table.infer.number_rules import (
    MISSING_TEXTS,
    binary_decimals,
    is_code_list,
    negative_codes,
    propose_spikes,
)
from gpusynth.table.infer.proposal import Proposal, join_reason, missing_part, plural, share
from gpusynth.table.numbers import decimal_scale
from gpusynth.table.schema import Column
from gpusynth.table.sketch import ColumnSketch
from gpusynth.table.text_family import NumberStyle

__all__ = ["CODE_WORDS", "NumberColumn", "propose_number"]

CODE_WORDS = frozenset(
    {"zip", "zipcode", "postcode", "postal", "naics", "sic", "nace", "isic", "isco", "soc"}
    | {"fips", "fipst", "puma", "indp", "occp", "county", "tract", "cbsa", "msa", "code", "id"}
)
"""Words in a column's name that say its numbers are codes of a classification."""

_KEY_WORDS = frozenset({"id", "key", "serial", "serialno", "seq"})
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_WEIGHT = re.compile(r"weight|wgt|^wt", re.IGNORECASE)
_FEW = 20
_WEIGHT_HINT = 'if these are survey weights, set its role to "weight"'
_FEW_ROWS_EACH = 10
_KEY_ROWS = 20
_MOST_CODE_LEVELS = 5_000
_EXACT = 2.0**53
_MOST_DECIMALS = 6
_MOST_FIXED_DECIMALS = 15


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A column whose answers are numbers, on the way to a proposal.

    Attributes
    ----------
    name : str
    sketch : ColumnSketch
    counts : ValueCounts
        All its numbers; decimals in units of 10^-scale.
    text_codes : tuple of str
        Texts beside the numbers.
    style : NumberStyle or None
        None for typed numbers.
    from_text_file : bool
        True when the storage is to be chosen.
    """

    name: str
    sketch: ColumnSketch
    counts: ValueCounts
    text_codes: tuple[str, ...] = ()
    style: NumberStyle | None = None
    from_text_file: bool = False

    @property
    def all_whole(self) -> bool:
        """True when every number is whole and exact in 64 bits."""
        values = self.counts.values
        if values.dtype == np.int64:
            return True
        return bool(np.all(values == np.floor(values)) and np.all(np.abs(values) < _EXACT))

    @property
    def scale(self) -> int:
        """Digits after the point of a decimal type."""
        return decimal_scale(self.sketch.arrow_type)


def propose_number(numbers: NumberColumn) -> Proposal:
    """Propose a key, codes, integer or numeric for a column of numbers."""
    codes = negative_codes(numbers.counts) if not numbers.scale else ()
    ordinary = numbers.counts.without(np.array(codes, np.float64))
    if numbers.all_whole and not numbers.scale:
        if not numbers.text_codes and _is_key(numbers):
            return _proposed_key(numbers)
        because = _code_reason(numbers.name, ordinary) or _text_reason(numbers, ordinary)
        if because:
            return _proposed_codes(numbers, ordinary, codes, because)
    return _proposed_number(numbers, ordinary, codes)


def _words(name: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORDS.findall(name))


def _is_key(numbers: NumberColumn) -> bool:
    values = numbers.counts.values
    if values.size < _KEY_ROWS or values.size != numbers.sketch.n_rows:
        return False
    # Python's whole numbers: the distance of two 64-bit numbers may not fit 64 bits.
    counts_up = int(values[-1]) - int(values[0]) == values.size - 1
    return counts_up or bool(_words(numbers.name) & _KEY_WORDS)


def _code_reason(name: str, ordinary: ValueCounts) -> str:
    """Say why whole numbers are codes and not quantities; empty when they are quantities."""
    n_distinct, n_rows = ordinary.n_distinct, ordinary.n_rows
    if n_distinct <= _FEW and n_rows >= _FEW_ROWS_EACH * n_distinct:
        return f"whole numbers with only {n_distinct} distinct"
    named = sorted(_words(name) & CODE_WORDS)
    if named and n_distinct <= _MOST_CODE_LEVELS:
        return f"{n_distinct:,} distinct whole numbers and {named[0]!r} in the name says codes"
    if is_code_list(ordinary):
        return f"{n_distinct:,} distinct whole numbers, all with the same number of digits"
    return ""


def _text_reason(numbers: NumberColumn, ordinary: ValueCounts) -> str:
    """Say that whole numbers which a typed file stores as text, with nothing beside, are codes."""
    is_text = numbers.style is not None and not numbers.from_text_file
    if not is_text or numbers.text_codes or ordinary.n_distinct > _MOST_CODE_LEVELS:
        return ""
    if numbers.style is not None and numbers.style.most_decimals:
        return ""
    return f"{plural(ordinary.n_distinct, 'distinct whole number')} stored as text, so codes"


def _storage(numbers: NumberColumn, *, points: bool) -> str:
    """Return the storage: the file's own type; for text files the narrowest that holds all."""
    if not numbers.from_text_file:
        return str(numbers.sketch.arrow_type)
    if numbers.text_codes:
        return "string"
    return "double" if points else "int64"


def _proposed_key(numbers: NumberColumn) -> Proposal:
    column = Column(
        name=numbers.name, kind="integer", storage=_storage(numbers, points=False), role="key"
    )
    n_distinct = numbers.counts.n_distinct
    return Proposal(column, join_reason("key", f"{n_distinct:,} whole numbers, all distinct"))


def _texts_of(numbers: NumberColumn, values: Array) -> tuple[str, ...]:
    """Return how the column writes some of its numbers, ascending; "1" and "1.0" are two texts."""
    sketch = numbers.sketch
    if sketch.texts is None:
        keep = np.isin(numbers.counts.values, values)
        return tuple(pc.filter(sketch.number_texts(), pa.array(keep)).to_pylist())
    wanted = set(values.tolist())
    texts = [text for text in sketch.texts.texts.to_pylist() if text not in numbers.text_codes]
    return tuple(sorted((t for t in texts if float(t) in wanted), key=lambda t: (float(t), t)))


def _proposed_codes(
    numbers: NumberColumn, ordinary: ValueCounts, codes: tuple[int, ...], because: str
) -> Proposal:
    levels = _texts_of(numbers, ordinary.values)
    missing = tuple(text for text in numbers.text_codes if text in MISSING_TEXTS)
    levels += tuple(text for text in numbers.text_codes if text not in MISSING_TEXTS)
    negative = _texts_of(numbers, np.array(codes, np.int64)) if codes else ()
    points = numbers.style is not None and numbers.style.most_decimals > 0
    # "1.0" must come back as it was written, so codes written with a point stay text.
    storage = "string" if numbers.from_text_file and points else _storage(numbers, points=points)
    column = Column(
        name=numbers.name,
        kind="categorical",
        storage=storage,
        levels=written_levels(levels),
        missing_codes=(*missing, *negative),
    )
    unwritten = "" if column.levels is not None else "too many to list, taken from the data"
    other_texts = len(numbers.text_codes) - len(missing)
    return Proposal(
        column,
        join_reason(
            "categorical",
            because,
            unwritten,
            plural(other_texts, "other text") if other_texts else "",
            _codes_part(len(missing) + len(codes)),
            missing_part(numbers.sketch),
        ),
    )


def _codes_part(n_codes: int) -> str:
    if not n_codes:
        return ""
    return f"{n_codes} missing code{'s' if n_codes > 1 else ''} proposed"


def _decimals(numbers: NumberColumn) -> tuple[int | None, bool]:
    """Return (decimals, trailing_zeros) of a column."""
    style = numbers.style
    if style is None:
        if numbers.counts.values.dtype == np.int64:
            return (numbers.scale if 0 < numbers.scale <= 18 else None), False
        return (None if numbers.all_whole else binary_decimals(numbers.counts.values)), False
    most = style.most_decimals
    fixed = style.fewest_decimals == most > 0 and not style.all_shortest
    if fixed and most <= _MOST_FIXED_DECIMALS:
        return most, True
    return (most if 0 < most <= _MOST_DECIMALS else None), False


def _proposed_number(
    numbers: NumberColumn, ordinary: ValueCounts, codes: tuple[int, ...]
) -> Proposal:
    whole = numbers.all_whole and not numbers.scale
    kind: Literal["integer", "numeric"] = "integer" if whole else "numeric"
    decimals, trailing_zeros = _decimals(numbers)
    points = numbers.style is not None and (
        numbers.style.most_decimals > 0 or numbers.counts.values.dtype != np.int64
    )
    spikes = propose_spikes(ordinary)
    if numbers.scale:
        spikes = tuple(spike / 10**numbers.scale for spike in spikes)
    column = Column(
        name=numbers.name,
        kind=kind,
        storage=_storage(numbers, points=points),
        missing_codes=(*numbers.text_codes, *codes),
        spikes=spikes,
        decimals=decimals,
        trailing_zeros=trailing_zeros,
    )
    return Proposal(
        column,
        join_reason(
            kind,
            plural(ordinary.n_distinct, f"distinct {'whole ' if whole else ''}number"),
            plural(decimals, "decimal") if decimals and not whole else "",
            _text_codes_part(numbers),
            _negative_part(len(codes)),
            _spikes_part(ordinary, spikes, numbers.scale),
            missing_part(numbers.sketch),
            _WEIGHT_HINT if _WEIGHT.search(numbers.name) else "",
        ),
    )


def _text_codes_part(numbers: NumberColumn) -> str:
    n_codes = len(numbers.text_codes)
    rows = numbers.sketch.n_answers - numbers.counts.n_rows
    if not n_codes:
        return ""
    noun = "1 text is" if n_codes == 1 else f"{n_codes} texts are"
    return f"{noun} proposed as missing code ({share(rows, numbers.sketch.n_rows)} of rows)"


def _negative_part(n_codes: int) -> str:
    if not n_codes:
        return ""
    noun = "1 negative number is" if n_codes == 1 else f"{n_codes} negative numbers are"
    return f"{noun} proposed as missing code (below a gap, all others 0 or more)"


def _spikes_part(ordinary: ValueCounts, spikes: tuple[float, ...], scale: int) -> str:
    if not spikes:
        return ""
    held = np.isin(ordinary.values, np.round(np.array(spikes) * 10**scale, 9))
    rows = int(ordinary.counts[held].sum())
    noun = "1 number is" if len(spikes) == 1 else f"{len(spikes)} numbers are"
    return f"{noun} proposed as spike ({share(rows, ordinary.n_rows)} of answers)"
