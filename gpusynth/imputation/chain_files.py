"""Chain files: what stands in the gaps after an iteration, put down and found again.

One file of an imputation is kept, that of its last iteration; what the iterations before were like
stands in the journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpusynth.arrays import Array
from gpusynth.engine.checkpoint.checkpoints import Checkpoints
from gpusynth.errors import CheckpointMismatchError
from gpusynth.imputation.setup import Setup
from gpusynth.imputation.traces import TraceRow

__all__ = ["Cells", "FoundChain", "find_chain", "put_chain"]

Cells = dict[str, tuple[Array, Array | None]]
"""Column -> codes and, where these do not suffice, numbers of its imputed rows."""


@dataclass(frozen=True, slots=True)
class FoundChain:
    """How far an earlier process came with an imputation.

    Attributes
    ----------
    iteration : int
        The last one that is finished.
    cells : dict
        `Cells`, as they stood then.
    traces : list of TraceRow
        Of all iterations up to it.
    """

    iteration: int
    cells: Cells
    traces: list[TraceRow]


def put_chain(
    checkpoints: Checkpoints, number: int, iteration: int, cells: Cells, traces: list[TraceRow]
) -> None:
    """Put down a chain after an iteration, and remove what it was after the one before.

    Parameters
    ----------
    checkpoints : Checkpoints
        Of the run.
    number : int
        Of the imputation, from 1.
    iteration : int
        From 1.
    cells : dict
        `Cells`.
    traces : list of TraceRow
        Of this iteration alone.

    Raises
    ------
    OutputError
    """
    arrays: dict[str, Array] = {}
    for place, (codes, values) in enumerate(cells.values()):
        arrays[f"codes.{place}"] = codes
        if values is not None:
            arrays[f"values.{place}"] = values
    checkpoints.put_arrays(
        _file_name(number, iteration),
        arrays,
        {"imputation": number, "iteration": iteration, "columns": list(cells)},
        step=iteration,
        replicate=number,
        details={"traces": [[row.column, row.mean, row.variance, row.share] for row in traces]},
    )
    (checkpoints.files / _file_name(number, iteration - 1)).unlink(missing_ok=True)


def find_chain(
    checkpoints: Checkpoints, setup: Setup, number: int, *, iterations: int
) -> FoundChain | None:
    """Return the last iteration of an imputation that is put down and whole.

    Parameters
    ----------
    checkpoints : Checkpoints
        Of the run.
    setup : Setup
    number : int
        Of the imputation, from 1.
    iterations : int
        Of the run.

    Returns
    -------
    FoundChain or None
        None where the chain must begin anew.

    Raises
    ------
    CheckpointMismatchError
        If a file does not fit the data.
    """
    for iteration in range(iterations, 0, -1):
        if not (checkpoints.files / _file_name(number, iteration)).is_file():
            continue
        found = checkpoints.find_arrays(iteration, number)
        traces = _traces(checkpoints, number, iteration)
        if found is None or traces is None:
            continue
        wanted = {"imputation": number, "iteration": iteration, "columns": list(setup.cells)}
        if found[0].document != wanted:
            raise _misfit(number)
        return FoundChain(iteration, _cells(found[0].arrays, setup, number), traces)
    return None


def _cells(arrays: dict[str, Array], setup: Setup, number: int) -> Cells:
    cells: Cells = {}
    for place, (name, missing) in enumerate(setup.cells.items()):
        codes, values = arrays.get(f"codes.{place}"), arrays.get(f"values.{place}")
        has_values = name in setup.table.values or name in setup.new_values
        if (
            codes is None
            or codes.dtype != setup.table.codes[name].dtype
            or len(codes) != len(missing)
            or (len(codes) and int(codes.max()) >= setup.table.codecs[name].n_codes)
            or (values is not None) != has_values
            or (values is not None and len(values) != len(missing))
        ):
            raise _misfit(number)
        # Copies, since the file goes before they do.
        cells[name] = (codes.copy(), None if values is None else values.copy())
    return cells


def _traces(checkpoints: Checkpoints, number: int, last: int) -> list[TraceRow] | None:
    """Return what all iterations up to one were like; None where the journal does not know."""
    rows: list[TraceRow] = []
    for iteration in range(1, last + 1):
        details = checkpoints.details_of_draw(iteration, number)
        if details is None:
            return None
        rows += [_row(told, number, iteration) for told in details.get("traces", ())]
    return rows


def _row(told: Any, number: int, iteration: int) -> TraceRow:
    try:
        column, mean, variance, share = told
        return TraceRow(
            column=str(column),
            imputation=number,
            iteration=iteration,
            mean=None if mean is None else float(mean),
            variance=None if variance is None else float(variance),
            share=float(share),
        )
    except (TypeError, ValueError):
        raise _misfit(number) from None


def _file_name(number: int, iteration: int) -> str:
    return f"chain_{number:05d}_{iteration:05d}.arrow"


def _misfit(number: int) -> CheckpointMismatchError:
    return CheckpointMismatchError(
        f"imputation {number} in the work directory is not the checkpoint that the journal says. "
        "Start the run again with --overwrite."
    )
