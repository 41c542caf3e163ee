"""Order the levels of one column: the codes that every file shares."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.answers import missing_text
from gpusynth.table.schema import Column

__all__ = ["OTHER", "LevelOrder", "order_levels"]

OTHER = "(other)"
"""Label of the level that takes the rarest ones of a column with more than 65,535 levels."""

_MAX_LEVELS = 65_535


@dataclass(frozen=True, slots=True)
class LevelOrder:
    """Codes of the levels of one column.

    Attributes
    ----------
    labels : tuple of str
        By code; null is "".
    code_of_level : array of int64, shape (n_levels + 1,)
        Code of each number of the book; the last entry serves number -1.
    n_missing : int
        Codes ``[0, n_missing)`` are null and missing codes.
    n_missing_compared : int
        How many of them occur in the files that decide bins: all but the holdout.
    """

    labels: tuple[str, ...]
    code_of_level: Array
    n_missing: int
    n_missing_compared: int


def order_levels(
    column: Column,
    numbers: Mapping[str | None, int],
    *,
    spikes: Collection[str],
    real_counts: Array,
    n_compared: int,
) -> LevelOrder:
    """Order the levels: null, missing codes, spikes, the schema's levels, then others by text.

    Parameters
    ----------
    column : Column
    numbers : mapping of str or None to int
        The book of levels: number of each text; null is None.
    spikes : collection of str
        Texts of numbers that are levels of their own.
    real_counts : array of int64, shape (n_levels,)
        Rows of the real file by number; decides what joins `OTHER`.
    n_compared : int
        Numbers below it occur in the real or a synthetic file, the others in the holdout only.
    """
    missing = [
        code if isinstance(code, str) and not column.is_number else missing_text(code)
        for code in column.missing_codes
    ]
    known = [*missing, *spikes, *(column.levels or ())]
    rank: dict[str | None, int] = {None: -1}
    for name in known:
        rank.setdefault(name, len(rank))
    ordered = sorted(numbers, key=lambda text: (rank.get(text, len(rank)), text or ""))
    absent = [text for text in ordered if text is None or text in missing]
    labels = ["" if text is None else text for text in ordered]
    code = {text: position for position, text in enumerate(ordered)}
    if len(ordered) > _MAX_LEVELS - 256:
        code, labels = _join_rare(ordered, numbers, real_counts, len(absent))
    table = np.zeros(len(numbers) + 1, np.int64)
    for text, number in numbers.items():
        table[number] = code[text]
    compared = sum(numbers[text] < n_compared for text in absent)
    return LevelOrder(tuple(labels), table, len(absent), compared)


def _join_rare(
    ordered: Sequence[str | None],
    numbers: Mapping[str | None, int],
    real_counts: Array,
    n_missing: int,
) -> tuple[dict[str | None, int], list[str]]:
    """Keep missing codes and the commonest levels of the real file; the others become `OTHER`."""
    count = real_counts.copy()
    count[[numbers[text] for text in ordered[:n_missing]]] = int(real_counts.sum()) + 1
    by_count = sorted(range(len(ordered)), key=lambda i: (-int(count[numbers[ordered[i]]]), i))
    kept = sorted(by_count[: _MAX_LEVELS - 257])
    code = dict.fromkeys(ordered, len(kept))
    code.update({ordered[i]: position for position, i in enumerate(kept)})
    return code, [*((ordered[i] or "") for i in kept), OTHER]
