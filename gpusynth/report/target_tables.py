"""Groups of figures about one column each, put together: one table, one row a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gpusynth.evaluate.figures import Figure, FigureGroup

__all__ = ["TargetRow", "TargetTable", "is_of_target", "target_tables"]


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One column: name of the measure -> figure."""

    target: str
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class TargetTable:
    """One table of columns.

    Attributes
    ----------
    name : str
        For links.
    title, reading : str
    measures : tuple of (str, str)
        Name of the figure, heading.
    has_baseline : bool
        Whether the baseline of the first measure is shown after it.
    rows : tuple of TargetRow
        Largest first measure first.
    """

    name: str
    title: str
    reading: str
    measures: tuple[tuple[str, str], ...]
    has_baseline: bool
    rows: tuple[TargetRow, ...]


_ATTRIBUTE = (
    "attribute",
    "What the keys tell about each target",
    "In per cent of the real rows. Dorig: the keys determine the target in the real file. DiS: "
    "they determine one in the synthetic file; DiSCO: and it is the true one; DiSDiO: and the real "
    "file determines it too. DCAP: chance of a right guess from the synthetic shares; baseCAPd: "
    "from the margin of the target alone. TCAP: DiSCO among rows whose keys occur in the synthetic "
    "file.",
    tuple((name, name) for name in ("DiSCO", "Dorig", "DiS", "DiSDiO", "DCAP", "baseCAPd", "TCAP")),
)
_TAIL = (
    "tail",
    "Whether the largest real units turn up",
    "How many of the largest real values (by magnitude) the synthetic file has: exactly, within "
    "1 %, and in rows with the same keys. A value that several real rows share points at nobody.",
    (
        ("exact", "exact"),
        ("near", "within 1 %"),
        ("exact_keys", "exact, same keys"),
        ("near_keys", "within 1 %, same keys"),
        ("shared", "shared values"),
        ("top", "looked for"),
    ),
)
_CELLS = (
    "cells",
    "Cells that one contributor dominates",
    "Cells formed by the keys. Sensitive: the second largest contributor comes within p % of the "
    "largest. Met: a synthetic row of the cell has nearly the largest value. Estimable: the "
    "synthetic total gives it away.",
    (
        ("reproduced", "met"),
        ("reproduced_exactly", "met exactly"),
        ("estimable", "estimable"),
        ("sensitive", "sensitive"),
        ("dominated", "dominated"),
        ("few", "under 3 contributors"),
        ("cells", "cells"),
    ),
)
_HOLDOUT = (
    " Holdout: the first measure with the holdout in place of the synthetic file; the fewer rows "
    "it has, the more its keys determine and the less it meets."
)
_TABLES = (_ATTRIBUTE, _TAIL, _CELLS)


def is_of_target(group: FigureGroup) -> bool:
    """Return whether a group is about one column and shown in one of these tables.

    Returns
    -------
    bool
    """
    return any(group.name.startswith(f"{name}:") for name, *_ in _TABLES)


def target_tables(groups: Sequence[FigureGroup]) -> tuple[TargetTable, ...]:
    """Collect the groups about single columns; no table where there is none.

    Parameters
    ----------
    groups : sequence of FigureGroup

    Returns
    -------
    tuple of TargetTable
    """
    tables = []
    for name, title, reading, measures in _TABLES:
        prefix = f"{name}:"
        rows = [
            TargetRow(group.name.removeprefix(prefix), {one.name: one for one in group.figures})
            for group in groups
            if group.name.startswith(prefix)
        ]
        if rows:
            main = measures[0][0]
            has_baseline = any(
                (one := row.figures.get(main)) is not None and one.expected is not None
                for row in rows
            )
            order = [-_mean(row.figures.get(main)) for row in rows]
            ordered = [rows[i] for i in sorted(range(len(rows)), key=order.__getitem__)]
            tables.append(
                TargetTable(
                    name=name,
                    title=title,
                    reading=reading + (_HOLDOUT if has_baseline else ""),
                    measures=measures,
                    has_baseline=has_baseline,
                    rows=tuple(ordered),
                )
            )
    return tuple(tables)


def _mean(figure: Figure | None) -> float:
    return -1.0 if figure is None or figure.value is None else figure.value.mean
