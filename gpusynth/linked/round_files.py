"""Round files: the rows of one round of a child file, put down and found again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.engine.checkpoint.checkpoints import Checkpoints, draw_file_name
from gpusynth.engine.draw.edits import EditCounts
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.errors import CheckpointMismatchError
from gpusynth.table import Codec

__all__ = ["FoundRound", "find_round", "put_round"]


@dataclass(frozen=True, slots=True)
class FoundRound:
    """What an earlier process drew in a round.

    Attributes
    ----------
    codes : dict of str to array of uint8 or uint16, shape (n,)
    values : dict of str to array of float64 or int64, shape (n,)
    edits : mapping of str to mapping of str to int
        What was counted, as `EditCounts.counts` returns it.
    """

    codes: dict[str, Array]
    values: dict[str, Array]
    edits: Mapping[str, Mapping[str, int]]


def put_round(
    checkpoints: Checkpoints,
    number: int,
    replicate: int,
    codes: Mapping[str, Array],
    values: Mapping[str, Array],
    counts: EditCounts,
) -> None:
    """Put down the rows of a round.

    Parameters
    ----------
    checkpoints : Checkpoints
        Of the file.
    number, replicate : int
        From 1.
    codes, values : mapping of str to array, shape (n,)
    counts : EditCounts
        Of this round alone.

    Raises
    ------
    OutputError
    """
    columns = list(codes)
    arrays = {f"codes.{place}": codes[name] for place, name in enumerate(columns)}
    arrays |= {
        f"values.{place}": values[name] for place, name in enumerate(columns) if name in values
    }
    checkpoints.put_arrays(
        draw_file_name(number, replicate),
        arrays,
        {"round": number, "replicate": replicate, "columns": columns},
        step=number,
        replicate=replicate,
        details={"edits": counts.counts()},
    )


def find_round(
    checkpoints: Checkpoints,
    number: int,
    rows: SyntheticRows,
    codecs: Mapping[str, Codec],
    *,
    n_rows: int,
) -> FoundRound | None:
    """Return the rows of a round that were put down.

    Parameters
    ----------
    checkpoints : Checkpoints
    number : int
    rows : SyntheticRows
        Of the replicate, with room for the codes.
    codecs : mapping of str to Codec
        For the range of the codes.
    n_rows : int
        Of the round.

    Returns
    -------
    FoundRound or None
        None where the round must be drawn.

    Raises
    ------
    CheckpointMismatchError
        If the file does not fit the replicate.
    """
    found = checkpoints.find_arrays(number, rows.number)
    if found is None:
        return None
    file, details = found
    columns = list(rows.codes)
    wanted = {"round": number, "replicate": rows.number, "columns": columns}
    codes = _of(file.arrays, "codes", columns)
    values = _of(file.arrays, "values", columns)
    fits = file.document == wanted and all(
        _fits(codes.get(name), room.dtype, codecs[name].n_codes, n_rows)
        for name, room in rows.codes.items()
    )
    fits = fits and all(len(each) == n_rows for each in values.values())
    if not fits:
        raise CheckpointMismatchError(
            f"round {number} of replicate {rows.number} in the work directory is not the "
            "checkpoint that the journal says. Start the run again with --overwrite."
        )
    return FoundRound(codes, values, details.get("edits", {}))


def _of(arrays: Mapping[str, Array], kind: str, columns: list[str]) -> dict[str, Array]:
    places = {name: f"{kind}.{place}" for place, name in enumerate(columns)}
    return {name: arrays[place] for name, place in places.items() if place in arrays}


def _fits(codes: Array | None, dtype: np.dtype, n_codes: int, n_rows: int) -> bool:
    if codes is None or codes.dtype != dtype or len(codes) != n_rows:
        return False
    return not n_rows or int(codes.max()) < n_codes
