"""Draws on disk: all that one step changed in one replicate.

Besides its own column a step may change rows of earlier columns, when it repairs rows that fail an
edit; those rows are stored with it. Reading the files in visit order so gives every column as it
was after each step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gpusynth.arrays import Array
from gpusynth.engine.draw.edits import Repair
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.errors import CheckpointMismatchError
from gpusynth.io.array_file import ArrayFile, WrittenFile, read_arrays, write_arrays
from gpusynth.plan import Step
from gpusynth.table import Codec

__all__ = ["read_draw", "write_draw"]


def write_draw(
    path: Path, step: Step, rows: SyntheticRows, repairs: Sequence[Repair]
) -> WrittenFile:
    """Write what a step drew and repaired.

    Parameters
    ----------
    path : pathlib.Path
    step : Step
    rows : SyntheticRows
    repairs : sequence of Repair

    Returns
    -------
    WrittenFile

    Raises
    ------
    OutputError
    """
    repaired = tuple(dict.fromkeys(name for repair in repairs for name in repair.columns))
    arrays: dict[str, Array] = {"codes": rows.codes[step.target]}
    values = rows.values.get(step.target)
    # A state has no number yet, unless a rule has set one.
    if values is not None and (step.part != "state" or values.any()):
        arrays["values"] = values
    if step.target in rows.donors:
        arrays["donors"] = rows.donors[step.target]
    if repaired:
        positions = np.unique(np.concatenate([repair.positions for repair in repairs]))
        arrays["positions"] = positions
        for number, name in enumerate(repaired):
            arrays[f"codes.{number}"] = rows.codes[name][positions]
            if name in rows.values:
                arrays[f"values.{number}"] = rows.values[name][positions]
            if name in rows.donors:
                arrays[f"donors.{number}"] = rows.donors[name][positions]
    document = {
        "step": step.number,
        "part": step.part,
        "replicate": rows.number,
        "target": step.target,
        "repaired": list(repaired),
    }
    return write_arrays(path, document, arrays)


def read_draw(
    path: Path, step: Step, rows: SyntheticRows, codecs: Mapping[str, Codec]
) -> tuple[str, ...]:
    """Read what a step drew and repaired into a replicate that has room for it.

    Parameters
    ----------
    path : pathlib.Path
    step : Step
    rows : SyntheticRows
    codecs : mapping of str to Codec
        For the range of the codes.

    Returns
    -------
    tuple of str
        Earlier columns that were changed.

    Raises
    ------
    CheckpointMismatchError
        If the file is not of this step, or does not fit the replicate.
    """
    file = read_arrays(path)
    expected = {
        "step": step.number,
        "part": step.part,
        "replicate": rows.number,
        "target": step.target,
    }
    if {name: file.document.get(name) for name in expected} != expected:
        raise _misfit(path)
    repaired = tuple(map(str, file.document.get("repaired", ())))
    _put(path, file, rows, step.target, codecs, suffix="", place=slice(None))
    if repaired:
        positions = file.arrays.get("positions")
        if positions is None or not _in_range(positions, rows.n_rows):
            raise _misfit(path)
        for number, name in enumerate(repaired):
            _put(path, file, rows, name, codecs, suffix=f".{number}", place=positions)
    return repaired


def _put(
    path: Path,
    file: ArrayFile,
    rows: SyntheticRows,
    column: str,
    codecs: Mapping[str, Codec],
    *,
    suffix: str,
    place: slice | Array,
) -> None:
    """Write codes and numbers of a file into a column."""
    codes = file.arrays.get(f"codes{suffix}")
    room = rows.codes.get(column)
    n_wanted = rows.n_rows if isinstance(place, slice) else len(place)
    if codes is None or room is None or codes.dtype != room.dtype or len(codes) != n_wanted:
        raise _misfit(path)
    if not _in_range(codes, codecs[column].n_codes):
        raise _misfit(path)
    room[place] = codes
    if column in rows.donors:
        donors = file.arrays.get(f"donors{suffix}")
        if donors is None or donors.dtype != np.int64 or len(donors) != n_wanted:
            raise _misfit(path)
        rows.donors[column][place] = donors
    values, room_values = file.arrays.get(f"values{suffix}"), rows.values.get(column)
    if values is None:
        return
    if room_values is None or values.dtype != room_values.dtype or len(values) != n_wanted:
        raise _misfit(path)
    room_values[place] = values


def _in_range(numbers: Array, limit: int) -> bool:
    return not len(numbers) or (int(numbers.min()) >= 0 and int(numbers.max()) < limit)


def _misfit(path: Path) -> CheckpointMismatchError:
    return CheckpointMismatchError(
        f"{path.name} in the work directory is not the checkpoint that the journal says. "
        "Start the run again with --overwrite."
    )
