"""Calibration of any table: weights in, margins in, calibrated weights out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth.arrays import Array
from gpusynth.calibration.agreement import check_agreement, rescale_margins
from gpusynth.calibration.constraints import CodedColumn, bind_margin, coded_margin
from gpusynth.calibration.distances import CalibrationMethod
from gpusynth.calibration.margin_file import read_margins
from gpusynth.calibration.margins import Margin
from gpusynth.calibration.solve import Calibration, calibrate_weights
from gpusynth.errors import DataError, PlanError
from gpusynth.io import open_source
from gpusynth.table.source import Source
from gpusynth.table.uncastable import first_uncastable

__all__ = ["calibrate", "weighted_margin"]


def calibrate(
    data: Any,
    margins: Margin | str | Path | Sequence[Margin | str | Path],
    *,
    weight: str | None = None,
    method: CalibrationMethod = "raking",
    bounds: tuple[float, float] | None = None,
    tolerance: float = 1e-9,
    max_iterations: int = 500,
    rescale: bool = False,
) -> Calibration:
    """Calibrate the weights of a file or table to margins.

    Parameters
    ----------
    data : path, table, or any object that `gpusynth.synthesize` takes
    margins : Margin, path of a margin file, or sequence of these
    weight : str, optional
        Column of the weights to start from; every row weighs 1 by default.
    method : {"raking", "linear", "logit"}
        raking multiplies (Deming and Stephan 1940); linear is the GREG estimator; logit stays
        between its bounds (Deville and Sarndal 1992).
    bounds : tuple of float, optional
        Lowest and highest factor; needed by logit, cuts the others off.
    tolerance : float
        Relative deviation of a total that counts as none.
    max_iterations : int
    rescale : bool
        Bring the margins to the population of the first one, for totals that were rounded.

    Returns
    -------
    Calibration
        Its `weights` are in row order.

    Raises
    ------
    PlanError
        If the margins contradict each other or name what the data do not have.
    DataError
        If a weight is missing or negative, all are zero, or no weights meet the margins.

    Examples
    --------
    >>> import pyarrow as pa
    >>> firms = pa.table({"state": ["TX", "TX", "AL"], "weight": [1.0, 3.0, 2.0]})
    >>> margin = Margin.of("state", {"TX": 8.0, "AL": 1.0})
    >>> calibrate(firms, margin, weight="weight").weights.tolist()
    [2.0, 6.0, 1.0]
    """
    wanted = _margins(margins)
    if rescale:
        wanted = rescale_margins(wanted)
    check_agreement(wanted, tolerance=max(tolerance, 1e-9))
    source = open_source(data)
    names = dict.fromkeys(name for margin in wanted for name in margin.columns)
    numbers = dict.fromkeys(margin.number for margin in wanted if margin.number is not None)
    table = _read(source, [*names, *numbers, *([] if weight is None else [weight])])
    columns = {name: _coded(table.column(name)) for name in names}
    amounts = {name: _numbers(source, table, name) for name in numbers}
    base = _weights(source, table, weight)
    constraints = [
        bind_margin(margin, columns, amounts, table.num_rows, file=source.name) for margin in wanted
    ]
    return calibrate_weights(
        base,
        constraints,
        method=method,
        bounds=bounds,
        tolerance=tolerance,
        max_iterations=max_iterations,
        file=source.name,
    )


def weighted_margin(
    data: Any, columns: str | Sequence[str] = (), *, weight: str | None, number: str | None = None
) -> Margin:
    """Return the weighted totals that a file or table has.

    Parameters
    ----------
    data : path, table, or any object that `gpusynth.synthesize` takes
    columns : str or sequence of str
        Columns of levels; without any the population.
    weight : str or None
        Column of the weights; with None every row weighs 1.
    number : str, optional
        Column of numbers to add up; missing ones count as 0.

    Returns
    -------
    Margin
        Complete; a cell for each combination of levels that has rows.

    Raises
    ------
    DataError
        If a column is not there, or a weight is missing or negative.
    """
    source = open_source(data)
    names = [columns] if isinstance(columns, str) else list(columns)
    needed = [*names, *(name for name in (number, weight) if name is not None)]
    table = _read(source, list(dict.fromkeys(needed)))
    amounts = None if number is None else (number, _numbers(source, table, number))
    coded = {name: _coded(table.column(name)) for name in names}
    return coded_margin(coded, _weights(source, table, weight), number=amounts)


def _margins(given: Margin | str | Path | Iterable[Margin | str | Path]) -> tuple[Margin, ...]:
    entries = [given] if isinstance(given, (Margin, str, Path)) else list(given)
    margins: list[Margin] = []
    for entry in entries:
        margins += [entry] if isinstance(entry, Margin) else read_margins(entry)
    if not margins:
        raise PlanError("calibrate: no margins are given. Give at least one.")
    return tuple(margins)


def _read(source: Source, names: Sequence[str]) -> pa.Table:
    have = source.arrow_schema.names
    unknown = [name for name in dict.fromkeys(names) if name not in have]
    if unknown:
        raise PlanError(
            f"{source.name}: there is no column {', '.join(map(repr, unknown))}, which the margins "
            "or the weight name. Correct the name."
        )
    if not names:
        raise PlanError("calibrate: neither the margins nor the weight name a column. Name one.")
    wanted = list(dict.fromkeys(names))
    fields = [source.arrow_schema.field(name) for name in wanted]
    return pa.Table.from_batches(source.batches(wanted), pa.schema(fields))


def _coded(column: pa.ChunkedArray) -> CodedColumn:
    """Return a column as levels: the text of its answers, missing ones as ``""``."""
    whole = column.combine_chunks()
    if pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_decode()
    # None is a level of its own; texts that are equal (1 and "1" cannot be) have one code.
    encoded = whole.dictionary_encode(null_encoding="encode")
    answers = encoded.dictionary.to_pylist()
    texts = ["" if answer is None else str(answer) for answer in answers]
    levels = list(dict.fromkeys(texts))
    place = {level: number for number, level in enumerate(levels)}
    code_of = np.array([place[text] for text in texts] or [0], np.int64)
    return CodedColumn(code_of[np.asarray(encoded.indices)], levels)


def _numbers(source: Source, table: pa.Table, name: str) -> Array:
    """Return the numbers of a column as float64, 0 where missing."""
    return np.nan_to_num(_floats(source, table, name), nan=0.0)


def _floats(source: Source, table: pa.Table, name: str) -> Array:
    """Return the numbers of a column as float64, NaN where missing."""
    column = table.column(name)
    try:
        return np.array(pc.fill_null(column.cast(pa.float64(), safe=False), float("nan")))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Without Arrow's words: they may hold an answer.
        place = first_uncastable(column, pa.float64(), safe=False)
        where = "" if place is None else f", and the answer of row {place + 1} is none"
        raise DataError(
            f"{source.name}: column {name!r} does not hold numbers, but {column.type}{where}. "
            "Name another column, or correct the answer."
        ) from None


def _weights(source: Source, table: pa.Table, name: str | None) -> Array:
    """Return the weights to start from, checked."""
    if name is None:
        return np.ones(table.num_rows)
    weights = _floats(source, table, name)
    bad = np.flatnonzero(~np.isfinite(weights) | (weights < 0))
    if len(bad):
        raise DataError(
            f"{source.name}: column {name!r} is the weight, but {len(bad)} rows have none that can "
            f"be used (missing, negative or not finite), the first is row {int(bad[0]) + 1}. "
            "Correct them, or name another column."
        )
    if not weights.any():
        raise DataError(f"{source.name}: column {name!r} is the weight, but every weight is zero")
    return weights
