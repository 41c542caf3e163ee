"""Parts that stand side by side brought to one kind: texts to dates, booleans to truths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from gpusynth.arrays import Array
from gpusynth.table.expression.arithmetic import constant
from gpusynth.table.expression.columns import LevelColumn, Rows, days_of
from gpusynth.table.expression.parts import LevelPart, MissingPart, NumberPart, Part, TruthPart

__all__ = ["NOTHING", "as_truth", "matched"]

NOTHING: Final = NumberPart(lambda _: np.asarray(np.nan))
"""The literal missing where a number is needed."""


def as_truth(part: Part) -> TruthPart | None:
    """Return a part as a condition; None when it is none.

    A column of kind boolean is one; the literal missing is the condition of which nothing is known.
    """
    if isinstance(part, TruthPart):
        return part
    if isinstance(part, MissingPart):
        return TruthPart(lambda _: np.asarray(0, np.int8))
    column = part.column if isinstance(part, LevelPart) else None
    truths = None if column is None else column.truths
    return None if column is None or truths is None else _boolean(column, truths)


def _boolean(column: LevelColumn, truths: Array) -> TruthPart:
    return TruthPart(lambda rows: truths[rows.column(column.name)[0]])


def matched(parts: Sequence[Part], *, only_texts: bool = False) -> list[Any]:
    """Bring parts to one kind where that can be done; the caller checks that it could.

    Texts beside dates become dates, columns of kind boolean beside conditions become conditions,
    levels get common places, and missing becomes what the others are.

    Parameters
    ----------
    parts : sequence of parts
    only_texts : bool
        Leave all but texts and missing as they are.

    Returns
    -------
    list of parts
    """
    result: list[Any] = list(parts)
    if any(isinstance(part, NumberPart) and part.is_time for part in parts):
        result = [_as_time(part) for part in result]
    known = [part for part in parts if not isinstance(part, MissingPart)]
    are_truths = any(isinstance(part, TruthPart) for part in parts) or all(map(as_truth, known))
    if known and are_truths and not only_texts:
        result = [as_truth(part) or part for part in result]
    example = next((part for part in result if not isinstance(part, MissingPart)), None)
    if isinstance(example, NumberPart) or only_texts:
        is_time = isinstance(example, NumberPart) and example.is_time and not only_texts
        nothing = replace(NOTHING, is_time=is_time)
        return [nothing if isinstance(part, MissingPart) else part for part in result]
    if isinstance(example, LevelPart):
        return _common_places(result)
    return result


def _as_time(part: Part) -> Part:
    """Return a text as the date that it is, anything else as it is."""
    if not isinstance(part, LevelPart) or part.text is None:
        return part
    days = days_of(part.text)
    return part if days is None else constant(days, is_time=True)


def _common_places(parts: Sequence[Any]) -> list[Any]:
    """Give levels of different columns places in one list of names."""
    names: dict[str, int] = {}
    for part in parts:
        for name in part.names if isinstance(part, LevelPart) else ():
            names.setdefault(name, len(names))
    return [_placed(part, names) for part in parts]


def _placed(part: Any, names: dict[str, int]) -> Any:
    if isinstance(part, MissingPart):
        return LevelPart(lambda _: np.asarray(-1, np.int32), tuple(names))
    if not isinstance(part, LevelPart):
        return part
    # The last place is that of -1, missing.
    places = np.array([*(names[name] for name in part.names), -1], np.int32)
    evaluate = part.evaluate

    def renumbered(rows: Rows) -> Array:
        return places[evaluate(rows)]

    return LevelPart(renumbered, tuple(names))
