"""Parts: rows of a replicate that are drawn on one machine, in a file until all are joined.

Where no step looks at all rows of the file, rows can be drawn wherever their models are: every row
has its own random numbers. The parts are then put together and finished as a whole.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from gpusynth.arrays import Array
from gpusynth.engine.draw.drawing import is_drawn_by_block
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.draw.uniques import redraw_window
from gpusynth.engine.real.prepared import Prepared
from gpusynth.errors import DataError
from gpusynth.io import file_sha256
from gpusynth.io.array_file import read_arrays, write_arrays
from gpusynth.plan import SynthesisPlan

__all__ = ["can_be_parted", "parts_of", "read_part", "write_part"]

_LEAST_ROWS = 1 << 16
"""Of a part: with fewer, reading the models takes longer than drawing from them."""


def can_be_parted(plan: SynthesisPlan) -> bool:
    """Return whether no step of a plan looks at all rows of a replicate.

    Smoothing, caps on the uses of a donor, tails that are swapped and replicated uniques that are
    drawn again do.

    Parameters
    ----------
    plan : SynthesisPlan

    Returns
    -------
    bool
    """
    return not redraw_window(plan) and all(map(is_drawn_by_block, plan.steps))


def parts_of(n_rows: int, most: int) -> list[tuple[int, int]]:
    """Cut a replicate into even parts.

    Parameters
    ----------
    n_rows : int
    most : int
        Parts that there may be.

    Returns
    -------
    list of (int, int)
        First row of each part, and the row after its last.
    """
    n_parts = max(min(most, n_rows // _LEAST_ROWS), 1)
    edges = [n_rows * place // n_parts for place in range(n_parts + 1)]
    return list(pairwise(edges))


def write_part(path: Path, rows: SyntheticRows, part: tuple[int, int]) -> str:
    """Write the rows of a part to a private file.

    Parameters
    ----------
    path : pathlib.Path
    rows : SyntheticRows
        With all columns of these rows drawn.
    part : tuple of (int, int)

    Returns
    -------
    str
        SHA-256 of the file.

    Raises
    ------
    OutputError
    """
    first, last = part
    arrays: dict[str, Array] = {}
    names = list(rows.codes)
    for number, name in enumerate(names):
        arrays[f"codes.{number}"] = rows.codes[name][first:last]
        if name in rows.values:
            arrays[f"values.{number}"] = rows.values[name][first:last]
    document = {"replicate": rows.number, "part": [first, last], "columns": names}
    return write_arrays(path, document, arrays).sha256


def read_part(path: Path, sha256: str, rows: SyntheticRows, prepared: Prepared) -> None:
    """Read a part into a replicate, which makes room for the columns at its first part.

    Parameters
    ----------
    path : pathlib.Path
    sha256 : str
        As `write_part` returned it.
    rows : SyntheticRows
    prepared : Prepared

    Raises
    ------
    DataError
        If the file is not there, or not what was written.
    """
    if file_sha256(path) != sha256:
        raise _damaged(path)
    file = read_arrays(path)
    names, part = file.document.get("columns"), file.document.get("part")
    if file.document.get("replicate") != rows.number or not _are_columns(names, prepared):
        raise _damaged(path)
    first, last = part if isinstance(part, list) and len(part) == 2 else (0, -1)
    if not 0 <= first <= last <= rows.n_rows:
        raise _damaged(path)
    for number, name in enumerate(names or ()):
        values = file.arrays.get(f"values.{number}")
        rows.make_room(name, prepared.table, new_values=values is not None)
        _put(path, rows.codes[name][first:last], file.arrays.get(f"codes.{number}"))
        if name in rows.values:
            _put(path, rows.values[name][first:last], values)


def _put(path: Path, room: Array, given: Array | None) -> None:
    if given is None or given.dtype != room.dtype or len(given) != len(room):
        raise _damaged(path)
    room[:] = given


def _are_columns(names: object, prepared: Prepared) -> bool:
    return isinstance(names, list) and all(name in prepared.table.codecs for name in names)


def _damaged(path: Path) -> DataError:
    return DataError(
        f"{path.name}: a part of a replicate is not what a worker wrote. Check the disk of the "
        "run's directory, and resume the run."
    )
