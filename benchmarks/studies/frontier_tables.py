"""Tables of docs/study-frontier.md, made from the lines of its results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.studies.firms_tables import markdown_table
from benchmarks.studies.frontier_settings import FILES

__all__ = ["BEGIN", "END", "matched_ratio", "with_tables"]

BEGIN = "<!-- frontier {name} -->"
END = "<!-- /frontier {name} -->"

Line = Mapping[str, Any]


def matched_ratio(figures: Mapping[str, float], what: str) -> float:
    """Return how much more of the synthesized half is matched than of the other half.

    Parameters
    ----------
    figures : mapping
    what : {"whole", "keys"}

    Returns
    -------
    float
        1 where nothing of either is matched.
    """
    own, other = figures[f"{what}_made_from"], figures[f"{what}_other"]
    if other == 0:
        return 1.0 if own == 0 else math.inf
    return own / other


def _ratio(figures: Mapping[str, float], what: str) -> str:
    ratio = matched_ratio(figures, what)
    return "only the one" if math.isinf(ratio) else f"{ratio:.2f}"


def _table(lines: Sequence[Line]) -> str:
    head = [
        *("setting", "k = 2", "k = 3", "pMSE ratio"),
        *("whole: own %", "other %", "ratio"),
        *("keys: own %", "other %", "ratio", "seconds"),
    ]
    rows = []
    for line in lines:
        f = line["figures"]
        rows.append(
            [
                line["setting"],
                *(f"{f[name]:.1f}" for name in ("kmarginal_2", "kmarginal_3", "pmse_ratio")),
                *(f"{f[name]:.3f}" for name in ("whole_made_from", "whole_other")),
                _ratio(f, "whole"),
                *(f"{f[name]:.1f}" for name in ("keys_made_from", "keys_other")),
                _ratio(f, "keys"),
                f"{f['seconds']:.1f}",
            ]
        )
    first = lines[0]
    told = (
        f"{FILES[first['file']].title}: {first['rows']:,} rows x {first['columns']} columns a "
        f"half, means of {first['replicates']} replicates. Keys: {', '.join(first['keys'])}."
    )
    return f"{told}\n\n{markdown_table(head, rows)}"


def with_tables(text: str, results: Sequence[Line]) -> str:
    """Return the document with its tables made anew.

    Parameters
    ----------
    text : str
    results : sequence of mapping

    Returns
    -------
    str
    """
    for name in dict.fromkeys(line["file"] for line in results):
        begin, end = BEGIN.format(name=name), END.format(name=name)
        before, rest = text.split(begin)
        after = rest.split(end)[1]
        table = _table([line for line in results if line["file"] == name])
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text
