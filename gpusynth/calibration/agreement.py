"""Agreement: margins of one population must say the same where they overlap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from gpusynth.calibration.margins import Margin, MarginCell, shown
from gpusynth.errors import PlanError

__all__ = ["check_agreement", "rescale_margins"]


def check_agreement(margins: Sequence[Margin], *, tolerance: float = 1e-9) -> None:
    """Refuse margins that no weights can meet together, because their sums differ.

    Two complete margins of the same number (or both of weights) must agree on the columns that they
    share; without shared columns on the whole population.

    Parameters
    ----------
    margins : sequence of Margin
    tolerance : float
        Difference, relative to the population, that counts as none.

    Raises
    ------
    PlanError
        Naming the margins, the cell and by how much they differ.
    """
    for first, second in combinations([m for m in margins if m.complete], 2):
        if first.number == second.number:
            _check_pair(first, second, tolerance)


def _check_pair(first: Margin, second: Margin, tolerance: float) -> None:
    common = tuple(name for name in first.columns if name in second.columns)
    ours, theirs = _collapsed(first, common), _collapsed(second, common)
    population = sum(abs(total) for total in ours.values()) or 1.0
    differences = {
        levels: theirs.get(levels, 0.0) - ours.get(levels, 0.0) for levels in {**ours, **theirs}
    }
    apart = {k: d for k, d in differences.items() if not abs(d) <= tolerance * population}
    if not apart:
        return
    levels, difference = max(apart.items(), key=lambda item: abs(item[1]))
    percent = 100 * difference / (abs(ours.get(levels, 0.0)) or population)
    where = f"in {len(apart)} of {len(differences)} cells of {' x '.join(common)}, most"
    cell = f"{where} in {shown(levels)}" if common else "in the population"
    if first.is_real or second.is_real:
        # Levels and totals of real data are not shown.
        cell = f"{where} in one of them" if common else cell
        amount = f"by {percent:+.3g} %"
    else:
        amount = f"by {difference:+.10g} ({percent:+.3g} %)"
    raise PlanError(
        f"{first.place} and {second.place} contradict each other {cell}: the second differs "
        f"{amount}, so no weights meet both. Correct one of them, or, where totals were rounded, "
        "use rescale = true."
    )


def _collapsed(margin: Margin, columns: tuple[str, ...]) -> dict[tuple[str, ...], float]:
    """Return the margin's totals over some of its columns."""
    places = [margin.columns.index(name) for name in columns]
    totals: dict[tuple[str, ...], float] = {}
    for cell in margin.cells:
        levels = tuple(cell.levels[place] for place in places)
        totals[levels] = totals.get(levels, 0.0) + cell.total
    return totals


def rescale_margins(margins: Sequence[Margin]) -> tuple[Margin, ...]:
    """Bring complete margins to the population of the first one, in proportion.

    For published totals that were rounded one by one.

    Parameters
    ----------
    margins : sequence of Margin

    Returns
    -------
    tuple of Margin
        Those of numbers by the first one of the same number; incomplete ones as they were.
    """
    population: dict[str | None, float] = {}
    rescaled = []
    for margin in margins:
        if not margin.complete or not margin.population:
            rescaled.append(margin)
            continue
        factor = population.setdefault(margin.number, margin.population) / margin.population
        cells = tuple(
            MarginCell(levels=cell.levels, total=cell.total * factor) for cell in margin.cells
        )
        rescaled.append(margin.model_copy(update={"cells": cells}))
    return tuple(rescaled)
