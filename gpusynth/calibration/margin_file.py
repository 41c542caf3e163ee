"""Margin files: published totals as CSV (one margin) or TOML (any number).

CSV has a column of levels for each column of the margin and one that is named ``total``, or ``total
of NAME`` where the totals are of the column of numbers NAME::

    state,sector,total
    TX,31,1204.5

TOML has one ``[[margins]]`` table a margin::

    [[margins]]
    columns = ["state"]
    totals = { TX = 4100.0, AL = 930.5 }

    [[margins]]
    columns = ["state", "sector"]
    number = "receipts"
    complete = false
    cells = [ { levels = ["TX", "31"], total = 88000000.0 } ]
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from gpusynth.calibration.margins import Margin
from gpusynth.errors import PlanError
from gpusynth.table.text_file import parse_toml, read_text

__all__ = ["read_margins"]

_TOTAL = "total"
_TOTAL_OF = "total of "
_ENTRIES = frozenset({"columns", "number", "complete", "totals", "cells"})


def read_margins(path: str | Path) -> tuple[Margin, ...]:
    """Read the margins of a file.

    Parameters
    ----------
    path : str or pathlib.Path
        ``.csv`` or ``.toml``.

    Returns
    -------
    tuple of Margin
        In the file's order; one of a CSV file.

    Raises
    ------
    PlanError
        If the file cannot be read, or a row or entry is not what it should be; the message names
        the file and the place.
    """
    place = Path(path)
    suffix = place.suffix.lower()
    if suffix not in (".csv", ".toml"):
        raise PlanError(
            f"{place}: margins are read from .csv or .toml files. Rename or convert it."
        )
    text = read_text(place, "margin file", PlanError).removeprefix("\ufeff")
    return (_from_csv(text, place),) if suffix == ".csv" else _from_toml(text, place)


def _from_csv(text: str, place: Path) -> Margin:
    try:
        lines = [line for line in csv.reader(text.splitlines()) if line]
    except csv.Error:
        raise PlanError(f"{place}: a field is too long or not as CSV has it.") from None
    if len(lines) < 2:
        raise PlanError(f"{place}: there are no totals. Give a header and a row for each cell.")
    header = [name.strip() for name in lines[0]]
    totals = [i for i, name in enumerate(header) if name == _TOTAL or name.startswith(_TOTAL_OF)]
    if len(totals) != 1:
        raise PlanError(
            f"{place}: {len(totals)} columns are named {_TOTAL!r} or {_TOTAL_OF + 'NAME'!r}. Name "
            "exactly one so."
        )
    at = totals[0]
    number = header[at].removeprefix(_TOTAL_OF) if header[at] != _TOTAL else None
    cells = []
    for row, line in enumerate(lines[1:], start=1):
        if len(line) != len(header):
            raise PlanError(
                f"{place}, data row {row}: {len(line)} fields, but the header has {len(header)}."
            )
        try:
            total = float(line[at])
        except ValueError:
            raise PlanError(
                f"{place}, data row {row}: the total is no number. Write it plainly, as 1234.5."
            ) from None
        cells.append({"levels": [*line[:at], *line[at + 1 :]], "total": total})
    columns = [*header[:at], *header[at + 1 :]]
    given = {"columns": columns, "number": number, "cells": cells, "source": place.name}
    return Margin.from_mapping(given, place=str(place))


def _from_toml(text: str, place: Path) -> tuple[Margin, ...]:
    content = parse_toml(text, str(place), PlanError)
    entries = content.get("margins")
    if set(content) != {"margins"} or not isinstance(entries, list) or not entries:
        raise PlanError(f"{place}: a margin file holds [[margins]] tables and nothing else.")
    return tuple(_entry(given, number, place) for number, given in enumerate(entries, start=1))


def _entry(given: Any, number: int, place: Path) -> Margin:
    where = f"{place}, margin {number}"
    if not isinstance(given, dict) or not set(given) <= _ENTRIES:
        raise PlanError(f"{where}: a margin has {', '.join(sorted(_ENTRIES))} and nothing else.")
    entry = dict(given)
    totals = entry.pop("totals", None)
    if (totals is None) == ("cells" not in entry):
        raise PlanError(f"{where}: give totals (one column) or cells, one of them.")
    if totals is not None:
        if not isinstance(totals, dict) or len(entry.get("columns", ())) != 1:
            raise PlanError(
                f"{where}: totals are for one column, {{ level = total }}. Use cells for crossings."
            )
        entry["cells"] = [{"levels": [level], "total": total} for level, total in totals.items()]
    return Margin.from_mapping({**entry, "source": place.name}, place=where)
