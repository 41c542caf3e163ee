"""Inference of columns with levels: text, booleans, dictionaries."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth.table.infer.proposal import Proposal, join_reason, missing_part, plural
from gpusynth.table.limits import MOST_LEVELS
from gpusynth.table.schema import Column
from gpusynth.table.sketch import ColumnSketch

__all__ = ["WRITTEN_LEVELS", "boolean_levels", "propose_dictionary", "propose_text"]

WRITTEN_LEVELS = 1_000
"""Longer level lists are not written into the schema (nobody reads them): the codec then takes the
levels from the data."""

_COARSER = "make it coarser, or give it the role key, before it can be synthesized"
_KEY_ROWS = 20
_DATE_SHAPE = r"^\d{1,2}[/.-]\d{1,2}[/.-](\d{2}|\d{4})$"
_OTHER_DATES = "they look like dates: write them as 2012-12-31 to have them treated as dates"
_BOOLEANS = {("false", "true"), ("FALSE", "TRUE"), ("False", "True")}


def written_levels(levels: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the levels, or None when they are too many to be written."""
    return levels if len(levels) <= WRITTEN_LEVELS else None


def boolean_levels(texts: tuple[str, ...]) -> tuple[str, str] | None:
    """Return (false, true) in the spelling of the column when that is all that it holds."""
    for spelling in sorted(_BOOLEANS):
        if texts and set(texts) <= set(spelling):
            return spelling
    return None


def _are_other_dates(texts: Any) -> bool:
    return bool(np.asarray(pc.match_substring_regex(texts, _DATE_SHAPE)).all())


def propose_dictionary(name: str, sketch: ColumnSketch) -> Proposal:
    """Propose an Arrow dictionary as categorical, or ordered where its flag says so."""
    order = sketch.dictionary
    levels = order.levels if order is not None else ()
    kind: Literal["categorical", "ordered"] = "categorical"
    parts = [f"an Arrow dictionary of {plural(len(levels), 'level')}"]
    if sketch.arrow_type.ordered and order is not None and order.agrees:
        kind, parts = "ordered", [f"an ordered Arrow dictionary of {plural(len(levels), 'level')}"]
    elif order is not None and not order.agrees:
        parts.append("parts of the file order them differently, so they are ordered as text")
    storage = str(sketch.arrow_type)
    if order is None or len(levels) > MOST_LEVELS:
        return Proposal(
            Column(name=name, kind=kind, storage=storage, role="drop"),
            join_reason("dropped", f"a dictionary of more than {MOST_LEVELS:,} levels", _COARSER),
        )
    column = Column(name=name, kind=kind, storage=storage, levels=written_levels(levels))
    return Proposal(column, join_reason(kind, *parts, missing_part(sketch)))


def propose_text(name: str, sketch: ColumnSketch) -> Proposal:
    """Propose a text or boolean column that is neither number nor date."""
    storage = str(sketch.arrow_type)
    counts = sketch.texts
    if counts is None or counts.stopped:
        column = Column(name=name, kind="categorical", storage=storage, role="drop")
        return Proposal(
            column, join_reason("dropped", f"more than {MOST_LEVELS:,} distinct texts", _COARSER)
        )
    texts = tuple(counts.texts.to_pylist())
    if pa.types.is_boolean(sketch.arrow_type):
        column = Column(name=name, kind="boolean", storage=storage, levels=("false", "true"))
        return Proposal(column, join_reason("boolean", "an Arrow boolean", missing_part(sketch)))
    spelling = boolean_levels(texts)
    if spelling is not None:
        column = Column(name=name, kind="boolean", storage=storage, levels=spelling)
        reason = join_reason("boolean", "text that is only true or false", missing_part(sketch))
        return Proposal(column, reason)
    if len(texts) == sketch.n_answers >= _KEY_ROWS:
        column = Column(name=name, kind="categorical", storage=storage, role="key")
        return Proposal(
            column,
            join_reason("key", f"{len(texts):,} texts, all distinct", missing_part(sketch)),
        )
    # An empty text (quoted in a CSV) is an answer not given, but it is not null.
    empty = ("",) if "" in texts and len(texts) > 1 else ()
    levels = tuple(text for text in texts if text not in empty)
    column = Column(
        name=name,
        kind="categorical",
        storage=storage,
        levels=written_levels(levels),
        missing_codes=empty,
    )
    unwritten = "" if column.levels is not None else "too many to list, taken from the data"
    return Proposal(
        column,
        join_reason(
            "categorical",
            f"text with {plural(len(levels), 'distinct answer')}",
            unwritten,
            _OTHER_DATES if _are_other_dates(counts.texts) else "",
            "empty text is proposed as missing code" if empty else "",
            missing_part(sketch),
        ),
    )
