"""Results about large units: tails of numbers and dominated cells, as groups of figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.attempts import Attempts
from gpusynth.evaluate.coded import CommonCodes
from gpusynth.evaluate.disclosure.dominance import CellDominance, cell_dominance
from gpusynth.evaluate.disclosure.tails import TailCounts, TailReport, tail_report
from gpusynth.evaluate.figures import Figure, FigureGroup
from gpusynth.evaluate.holdout_lengths import EqualLengths, brought_to_length
from gpusynth.evaluate.summaries.columns import band

__all__ = ["cell_groups", "tail_groups"]

_HOLDOUT = "holdout"

_Result = TypeVar("_Result")


def tail_groups(
    lengths: EqualLengths, keys: Sequence[str], *, attempts: Attempts
) -> tuple[FigureGroup, ...]:
    """Look for the largest real units of every number column.

    Parameters
    ----------
    lengths : EqualLengths
    keys : sequence of str
        What is known of the largest units; may be empty.
    attempts : Attempts

    Returns
    -------
    tuple of FigureGroup
        Named ``tail:`` and the column.
    """
    groups = []
    for name, place in _amounts(lengths.codes):
        known = [key for key in keys if key != name]

        def report(
            codes: CommonCodes, name: str = name, place: int = place, known: Sequence[str] = known
        ) -> tuple[TailReport, ...]:
            real, synthetic, holdout = _values(codes, place)
            return tail_report(codes, name, real, synthetic, keys=known, holdout_values=holdout)

        found = attempts.run(f"largest units of {name}", partial(_with_samples, report, lengths))
        if found:
            groups.append(_tail_group(*found))
    return tuple(groups)


def cell_groups(
    lengths: EqualLengths, keys: Sequence[str], *, attempts: Attempts
) -> tuple[FigureGroup, ...]:
    """Apply the rules of dominance to cells of the keys, for every column of amounts.

    Parameters
    ----------
    lengths : EqualLengths
    keys : sequence of str
        They form the cells; no groups without any.
    attempts : Attempts

    Returns
    -------
    tuple of FigureGroup
        Named ``cells:`` and the column. Columns with negative numbers are no amounts.
    """
    groups = []
    for name, place in _amounts(lengths.codes) if keys else ():
        real, synthetic, _ = _values(lengths.codes, place)
        if name in keys or any((values < 0).any() for values in (real, *synthetic)):
            continue

        def dominance(codes: CommonCodes, place: int = place) -> tuple[CellDominance, ...]:
            real, synthetic, holdout = _values(codes, place)
            return cell_dominance(codes, keys, real, synthetic, holdout_values=holdout)

        found = attempts.run(
            f"dominated cells of {name}",
            partial(_with_samples, dominance, lengths),
        )
        if found:
            groups.append(_cell_group(name, *found))
    return tuple(groups)


def _with_samples(
    measure: Callable[[CommonCodes], tuple[_Result, ...]], lengths: EqualLengths
) -> tuple[tuple[_Result, ...], tuple[_Result, ...]]:
    """Measure the synthetic files, and their samples as long as the holdout where it is shorter."""
    found = measure(lengths.codes)
    return found, found if lengths.samples is None else measure(lengths.samples)


def _amounts(codes: CommonCodes) -> list[tuple[str, int]]:
    """Return name and position of the columns of numbers, dates and times left aside."""
    return [
        (codes.real.names[place], place)
        for place in codes.real.number_columns
        if codes.real.columns[place].kind in ("integer", "numeric")
    ]


def _values(codes: CommonCodes, place: int) -> tuple[Array, list[Array], Array | None]:
    holdout = None if codes.holdout is None else codes.holdout.numbers(place)
    if holdout is not None and np.isnan(holdout).all():
        holdout = None
    return codes.real.numbers(place), [t.numbers(place) for t in codes.synthetic], holdout


def _tail_group(found: Sequence[TailReport], samples: Sequence[TailReport]) -> FigureGroup:
    first = found[0]

    def mean(reports: Sequence[TailReport], of: Callable[[TailCounts], int | None]) -> float:
        return float(np.mean([of(one.synthetic) or 0 for one in reports]))

    def count(name: str, text: str, of: Callable[[TailCounts], int | None]) -> Figure:
        counts = [of(one.synthetic) for one in found]
        known = [number for number in counts if number is not None]
        counted = None if first.holdout is None else of(first.holdout)
        held = None
        if counted is not None:
            held = brought_to_length(counted, whole=mean(found, of), sample=mean(samples, of))
        return Figure(
            name=name,
            text=text,
            value=band(known) if known else None,
            unit="rows",
            expected=None if held is None else min(held, float(first.n_top)),
            expected_text="" if held is None else _HOLDOUT,
            direction="lower",
            note="" if known else "no keys were named",
        )

    near = f"within {100 * first.tolerance:g} %"
    return FigureGroup(
        name=f"tail:{first.column}",
        title=f"Largest units: {first.column}",
        reading=f"How many of the {first.n_top} largest real values the synthetic file has.",
        figures=(
            count("exact", "exactly", lambda one: one.n_exact),
            count("near", near, lambda one: one.n_near),
            count("exact_keys", "exactly, with the same keys", lambda one: one.n_exact_same_keys),
            count("near_keys", f"{near}, with the same keys", lambda one: one.n_near_same_keys),
            Figure(
                name="top",
                text="largest values looked for",
                value=band([first.n_top]),
                unit="rows",
            ),
            Figure(
                name="shared",
                text="of these, values that several real rows have",
                value=band([first.n_shared]),
                unit="rows",
            ),
        ),
    )


def _cell_group(
    column: str, found: Sequence[CellDominance], samples: Sequence[CellDominance]
) -> FigureGroup:
    first = found[0]
    expected = None
    if first.holdout_reproduced is not None:
        expected = brought_to_length(
            first.holdout_reproduced * first.n_sensitive,
            whole=float(np.mean([one.n_reproduced for one in found])),
            sample=float(np.mean([one.n_reproduced for one in samples])),
        )
        expected = None if expected is None else min(expected, float(first.n_sensitive))

    def count(
        name: str, text: str, of: Callable[[CellDominance], int], held: float | None = None
    ) -> Figure:
        return Figure(
            name=name,
            text=text,
            value=band([of(one) for one in found]),
            unit="rows",
            expected=held,
            expected_text="" if held is None else _HOLDOUT,
            direction="none" if held is None else "lower",
        )

    return FigureGroup(
        name=f"cells:{column}",
        title=f"Dominated cells: {column}",
        reading=f"Cells of {', '.join(first.keys)}: counts of cells.",
        figures=(
            count("reproduced", "largest contributor met within p %", lambda one: one.n_reproduced,
                  expected),
            count("reproduced_exactly", "largest contributor met exactly",
                  lambda one: one.n_reproduced_exactly),
            count("estimable", "estimable from the synthetic total", lambda one: one.n_estimable),
            count("sensitive", f"sensitive by the {first.p:g} % rule", lambda one: one.n_sensitive),
            count("dominated", f"dominated: {first.n} have over {first.k:g} %",
                  lambda one: one.n_dominated),
            count("few", "fewer than three contributors", lambda one: one.n_few),
            count("cells", "real cells", lambda one: one.n_cells),
        ),
    )  # fmt: skip
