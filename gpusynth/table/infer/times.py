"""Inference of dates and timestamps, typed or written in ISO form."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.table.infer.proposal import Proposal, join_reason, missing_part
from gpusynth.table.schema import Column
from gpusynth.table.sketch import ColumnSketch
from gpusynth.table.text_numbers import parse_dates

__all__ = ["FEWEST_PER_TEXT", "MOST_TEXT_CODES", "propose_text_times", "propose_typed_time"]

MOST_TEXT_CODES = 8
"""Distinct texts that may stand beside numbers or dates in a column that is not plain text."""

FEWEST_PER_TEXT = 10
"""Distinct numbers or dates needed for each such text."""


def propose_typed_time(name: str, sketch: ColumnSketch) -> Proposal | None:
    """Propose Arrow dates and timestamps; None for other types."""
    arrow_type = sketch.arrow_type
    n_distinct = sketch.numbers.n_distinct if sketch.numbers is not None else 0
    storage = str(arrow_type)
    if pa.types.is_date(arrow_type):
        column = Column(name=name, kind="date", storage=storage)
    elif pa.types.is_timestamp(arrow_type):
        column = Column(name=name, kind="timestamp", storage=storage)
    elif pa.types.is_time(arrow_type) or pa.types.is_duration(arrow_type):
        column = Column(name=name, kind="integer", storage=storage)
    else:
        return None
    reason = f"an Arrow {storage} with {n_distinct:,} distinct values"
    return Proposal(column, join_reason(column.kind, reason, missing_part(sketch)))


def propose_text_times(name: str, sketch: ColumnSketch, *, from_text_file: bool) -> Proposal | None:
    """Propose ISO dates or timestamps in text; None when the text is something else."""
    times = sketch.timestamps
    if times is not None and not times.stopped:
        codes = tuple(times.others.in_order().texts.to_pylist())
        if _enough(times.whole.n_distinct, codes):
            return _proposed(name, sketch, "timestamp", codes, from_text_file=from_text_file)
    texts = sketch.texts
    if texts is None or texts.stopped:
        return None
    days, parses = parse_dates(texts.texts)
    # Checked first, so that text columns do not turn thousands of levels into Python objects.
    if (~parses).sum() > MOST_TEXT_CODES:
        return None
    codes = tuple(np.asarray(texts.texts.to_pylist(), dtype=object)[~parses].tolist())
    if _enough(_distinct(days[parses]), codes):
        return _proposed(name, sketch, "date", codes, from_text_file=from_text_file)
    return None


def _distinct(values: Array) -> int:
    return int(np.unique(values).size)


def _enough(n_distinct: int, codes: tuple[str, ...]) -> bool:
    few = len(codes) <= MOST_TEXT_CODES
    return n_distinct > 0 and few and n_distinct >= FEWEST_PER_TEXT * len(codes)


def _proposed(
    name: str, sketch: ColumnSketch, kind: str, codes: tuple[str, ...], *, from_text_file: bool
) -> Proposal:
    typed = "date32[day]" if kind == "date" else "timestamp[us]"
    storage = typed if from_text_file and not codes else str(sketch.arrow_type)
    column = Column.model_validate(
        {"name": name, "kind": kind, "storage": storage, "missing_codes": codes}
    )
    what = "dates" if kind == "date" else "timestamps"
    beside = f"{len(codes)} other texts are proposed as missing codes" if codes else ""
    return Proposal(
        column, join_reason(kind, f"text that is ISO {what}", beside, missing_part(sketch))
    )
