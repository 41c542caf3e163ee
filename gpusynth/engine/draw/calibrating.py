"""Calibrating: the weights of a drawn replicate, brought to margins before it is put out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.calibration import (
    Calibration,
    CodedColumn,
    Constraint,
    Margin,
    bind_margin,
    calibrate_weights,
    check_agreement,
    coded_margin,
    read_margins,
    rescale_margins,
)
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.real.weights import column_weights
from gpusynth.errors import PlanError
from gpusynth.io import file_sha256
from gpusynth.plan import Calibrate, SynthesisPlan
from gpusynth.table import (
    Codec,
    Read,
    Table,
    answer_texts,
    as_numbers,
    parse_storage,
    read_rows,
    read_table,
)
from gpusynth.table.numbers import decimal_scale

__all__ = ["BoundCalibration", "bind_calibration", "calibrate_replicate", "calibrations_to_json"]


@dataclass(frozen=True, slots=True)
class BoundCalibration:
    """A calibration with its margins.

    Attributes
    ----------
    weight : str
    choice : Calibrate
    margins : tuple of Margin
    files : mapping of str to str
        Name of each margin file -> SHA-256.
    """

    weight: str
    choice: Calibrate
    margins: tuple[Margin, ...]
    files: Mapping[str, str]


def bind_calibration(
    plan: SynthesisPlan, real: Table, *, file: str
) -> tuple[BoundCalibration, ...]:
    """Read and add up all margins, and check them, before anything is fitted.

    Parameters
    ----------
    plan : SynthesisPlan
    real : Table
    file : str
        The real file, for messages.

    Returns
    -------
    tuple of BoundCalibration

    Raises
    ------
    PlanError
        If margins contradict each other, or name columns or levels that the real file does not
        have or that cannot be counted.
    DataError
        If real weights are missing or negative, or all are zero.
    """
    return tuple(_bind(choice, plan, real, file) for choice in plan.calibrate)


def _bind(choice: Calibrate, plan: SynthesisPlan, real: Table, file: str) -> BoundCalibration:
    weight = str(choice.weight)
    weights = column_weights(real.codecs[weight], read_table(real)(weight), file=file)
    weights = weights / _unit(real.codecs[weight])
    margins: list[Margin] = []
    files: dict[str, str] = {}
    for wanted in choice.margins:
        if wanted.file is None:
            _check_columns(wanted.columns, wanted.number, plan, real)
            margins.append(_real_margin(wanted.columns, wanted.number, real, weights))
            continue
        read = read_margins(wanted.file)
        files[read[0].source] = file_sha256(wanted.file)
        for margin in read:
            _check_columns(margin.columns, margin.number, plan, real, where=margin.place)
        margins += read
    if choice.rescale:
        margins = list(rescale_margins(margins))
    check_agreement(margins, tolerance=max(choice.tolerance, 1e-9))
    for margin in margins:  # levels are checked on no rows: synthetic ones are yet to come
        _constraint(margin, real.codecs, read_table(real, slice(0)), 0, file)
    return BoundCalibration(weight, choice, tuple(margins), files)


def _check_columns(
    columns: Sequence[str],
    number: str | None,
    plan: SynthesisPlan,
    real: Table,
    *,
    where: str = "calibrate",
) -> None:
    for name in (*columns, *([] if number is None else [number])):
        if name not in real.codecs:
            raise PlanError(
                f"{where}: unknown column {name!r}, or it is a key or dropped. Correct the name."
            )
    if number is not None and real.schema[number].kind not in ("integer", "numeric"):
        raise PlanError(f"{where}: column {number!r} holds no numbers to total. Name another one.")
    makers = {step.target for step in plan.steps if step.makes_values}
    for name in columns:
        made = name in makers and real.schema[name].is_number
        if made or not real.codecs[name].is_exact:
            raise PlanError(
                f"{where}: column {name!r} has {'new' if made else 'too many different'} numbers "
                "and no levels to count. Name another column, or total it with number."
            )


def _real_margin(columns: Sequence[str], number: str | None, real: Table, weights: Array) -> Margin:
    read = read_table(real)
    coded = {name: _coded(real.codecs[name], read(name)[0]) for name in columns}
    amounts = None if number is None else (number, _amounts(real.codecs[number], read(number)))
    return coded_margin(coded, weights, number=amounts)


def _coded(codec: Codec, codes: Array) -> CodedColumn:
    """Return a column with the text of each code; codes with one text become one."""
    texts = answer_texts(codec)
    levels = list(dict.fromkeys(texts))
    place = {level: number for number, level in enumerate(levels)}
    code_of = np.array([place[text] for text in texts], np.int64)
    return CodedColumn(code_of[codes], levels)


def _unit(codec: Codec) -> float:
    """Return what numbers of the column are counted in: decimals are whole numbers inside."""
    return 10.0 ** decimal_scale(parse_storage(codec.column.storage))


def _amounts(codec: Codec, answers: tuple[Array, Array | None]) -> Array:
    """Return the numbers of a column in the file's unit; 0 where missing."""
    codes, values = answers
    amounts: Array = as_numbers(codec, codes, values) / _unit(codec)
    spikes = codec.column.spikes
    first_spike = codec.n_special - len(spikes)
    amounts[codes < first_spike] = 0.0
    for position, spike in enumerate(spikes):
        amounts[codes == first_spike + position] = spike
    return amounts


def _constraint(
    margin: Margin, codecs: Mapping[str, Codec], read: Read, n_rows: int, file: str
) -> Constraint:
    columns = {name: _coded(codecs[name], read(name)[0]) for name in margin.columns}
    number = margin.number
    amounts = {} if number is None else {number: _amounts(codecs[number], read(number))}
    return bind_margin(margin, columns, amounts, n_rows, file=file)


def calibrate_replicate(
    bound: BoundCalibration, codecs: Mapping[str, Codec], rows: SyntheticRows
) -> Calibration:
    """Calibrate the weight of a replicate whose columns are all drawn.

    Rows that are not put out have no part in it and weigh 0.

    Parameters
    ----------
    bound : BoundCalibration
    codecs : mapping of str to Codec
    rows : SyntheticRows
        Takes the new weights.

    Returns
    -------
    Calibration

    Raises
    ------
    DataError
        If no weights meet the margins.
    """
    file = f"replicate {rows.number}"
    out = slice(None) if rows.order is None else rows.order
    read_out = read_rows(rows.reader(slice(None)), out)
    n_rows = rows.n_output
    base = np.ones(n_rows)
    if bound.choice.start == "drawn":
        codec = codecs[bound.weight]
        base = column_weights(codec, read_out(bound.weight), file=file) / _unit(codec)
    constraints = [_constraint(m, codecs, read_out, n_rows, file) for m in bound.margins]
    choice = bound.choice
    found = calibrate_weights(
        base,
        constraints,
        method=choice.method,
        bounds=choice.bounds,
        tolerance=choice.tolerance,
        max_iterations=choice.max_iterations,
        file=file,
    )
    weights = np.zeros(rows.n_rows)
    weights[out] = found.weights
    rows.put_weights(bound.weight, weights)
    return found


def calibrations_to_json(
    bound: Sequence[BoundCalibration], found: Mapping[int, Sequence[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """Return what the manifest says of calibrations: titles, deviations and factors.

    Parameters
    ----------
    bound : sequence of BoundCalibration
    found : mapping of int to sequence of mapping
        Number of the replicate -> as `bound`, what `Calibration.to_json` returned.

    Returns
    -------
    list of dict
    """
    return [
        {
            "weight": entry.weight,
            "method": entry.choice.method,
            "margin_files": dict(entry.files),
            "replicates": [
                {"replicate": number, **of_replicate[place]}
                for number, of_replicate in sorted(found.items())
            ],
        }
        for place, entry in enumerate(bound)
    ]
