"""A cost model of a run: seconds and bytes a row and column, fitted from measured runs.

====================  ===========================================================================
read                  ``r n P`` wall seconds: infer, code, hash
fit                   ``f n^1.08 P`` CPU seconds: a tree sees each row once a level, and the rows
                      of deep levels lie in the cache; columns that say little cost little, so the
                      number of predictors of a step adds less than the next step does
draw                  ``d n P`` CPU seconds a replicate
write                 ``w n P`` wall seconds a replicate
====================  ===========================================================================

n rows, P columns. Estimates for GPUs are from byte counts, not from measurements, and say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from gpusynth.operations.prediction import FIT_EXPONENT

__all__ = ["HELD_OUT", "CostModel", "model", "tables"]

Result = Mapping[str, Any]

HELD_OUT = (1_000_000, 130)
"""Rows and columns of the case that the model is checked against."""

_READ = ("infer schema", "learn codes", "encode", "hash input")
_WRITE = ("write", "hash output")

_GPU_FIT = 5.4e-9
"""Seconds a row and column of fits on one H200: 3 to 7 s for 10 million x 130 by byte counts and
atomics (an estimate; nothing has been measured)."""

_GPU_DRAW = 3e-10
"""Seconds a row and column of a draw there: ten times the bytes of a row at 4.3 TB/s (estimate)."""

_NETWORK = 1.25e9  # bytes a second of a 10 Gbit/s network

_QUIET = 2.5
"""Load of a machine of two cores below which a run is timed: the case before leaves 2, that of its
two threads. A busy machine still tells of memory."""

_FIT_ROW_BYTES = 45
"""Work space of one fit, a row: order, target, sides, lists; see `gpusynth.engine.memory`."""

_BASE_BYTES = 3e8  # Python, libraries, kernels, read buffers


@dataclass(frozen=True, slots=True)
class CostModel:
    """Seconds a row and column of each phase, on one core of the machine that was measured."""

    read: float
    fit: float
    draw: float
    write: float

    def seconds(self, rows: float, columns: float, replicates: int = 1) -> dict[str, float]:
        """Return read and write (wall), fit and draw (CPU) seconds."""
        cells = rows * columns
        return {
            "read": self.read * cells,
            "fit": self.fit * rows**FIT_EXPONENT * columns,
            "draw": self.draw * cells * replicates,
            "write": self.write * cells * replicates,
        }


def spent(result: Result) -> dict[str, float]:
    """Return the seconds of a run in the model's phases."""
    wall = result["wall"]
    return {
        "read": sum(wall.get(phase, 0.0) for phase in _READ),
        "fit": result["cpu"]["fit"],
        "draw": result["cpu"]["draw"],
        "write": sum(wall.get(phase, 0.0) for phase in _WRITE),
    }


def is_quiet(result: Result) -> bool:
    """Return whether the machine had nothing else to do, so that seconds say something."""
    load = result["machine"]["load_before"]
    return load is not None and load < _QUIET


def model(results: Sequence[Result]) -> CostModel:
    """Fit the model: the median over the quiet cases that were not held out, all in memory."""
    timed = [result for result in results if is_quiet(result) and not _limit(result)]
    used = [result for result in timed if _size(result) != HELD_OUT]
    unit = CostModel(1.0, 1.0, 1.0, 1.0)
    costs = {
        phase: median(spent(result)[phase] / unit.seconds(*_size(result))[phase] for result in used)
        for phase in ("read", "fit", "draw", "write")
    }
    return CostModel(**costs)


def tables(costs: CostModel, results: Sequence[Result]) -> dict[str, str]:
    """Return the tables of the page by the names of their markers."""
    return {
        "scale-measured": _measured(results),
        "scale-model": _model_table(costs),
        "scale-held-out": _held_out(costs, results),
        "scale-memory": _memory(results),
        "scale-plans": _plans(costs),
    }


def _in_order(results: Iterable[Result]) -> list[Result]:
    return sorted(results, key=lambda one: (_size(one)[1], _size(one)[0], _limit(one) or 0))


def _size(result: Result) -> tuple[int, int]:
    return result["case"]["rows"], result["case"]["columns"]


def _limit(result: Result) -> float | None:
    limit: float | None = result["case"]["memory_gb"]
    return limit


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6_000 else f"{seconds / 3600:.1f} h"


def _gigabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.2g} GB" if n_bytes < 1e10 else f"{n_bytes / 1e9:,.0f} GB"


def _measured(results: Sequence[Result]) -> str:
    head = ("rows x columns", "limit", "read s", "fit CPU s", "draw CPU s", "write s", "wall s")
    rows = []
    for result in _in_order(result for result in results if is_quiet(result)):
        seconds = spent(result)
        limit = _limit(result)
        rows.append(
            (
                "{:,} x {}".format(*_size(result)),
                "" if limit is None else f"{limit} GB",
                *(f"{seconds[phase]:.1f}" for phase in ("read", "fit", "draw", "write")),
                f"{result['wall_seconds']:.1f}",
            )
        )
    return _table(head, rows)


def _model_table(costs: CostModel) -> str:
    million = costs.seconds(1e6, 1)
    head = ("phase", "seconds a million rows and column", "grows with")
    growth = {"read": "n P", "fit": "n^1.08 P", "draw": "n P m", "write": "n P m"}
    return _table(
        head, [(phase, f"{million[phase]:.3g}", growth[phase]) for phase in ("read", *_PHASES)]
    )


_PHASES = ("fit", "draw", "write")


def _held_out(costs: CostModel, results: Sequence[Result]) -> str:
    head = ("phase", "predicted s", "measured s", "ratio")
    found = [result for result in results if _size(result) == HELD_OUT and not _limit(result)]
    if not found:
        return _table(head, [])
    expected, measured = costs.seconds(*HELD_OUT), spent(found[0])
    return _table(
        head,
        [
            (
                phase,
                f"{expected[phase]:.1f}",
                f"{measured[phase]:.1f}",
                f"{expected[phase] / measured[phase]:.2f}",
            )
            for phase in ("read", *_PHASES)
        ],
    )


def _memory(results: Sequence[Result]) -> str:
    head = ("rows x columns", "limit", "codes and numbers", "peak", "of it not files", "a row")
    rows = []
    for result in _in_order(results):
        limit, anonymous = _limit(result), result["peak_anonymous_bytes"]
        rows.append(
            (
                "{:,} x {}".format(*_size(result)),
                "" if limit is None else f"{limit} GB",
                _gigabytes(result["encoded_bytes"]),
                _gigabytes(result["peak_memory_bytes"]),
                "" if anonymous is None else _gigabytes(anonymous),
                "" if anonymous is None else f"{anonymous / _size(result)[0]:.0f} B",
            )
        )
    return _table(head, rows)


def _plans(costs: CostModel) -> str:
    """Extend to runs that nobody has made: on cores of this kind, and on GPUs by estimate."""
    head = (
        "run",
        "cores or GPUs",
        "read",
        "fit",
        "draw",
        "write",
        "memory a node, columns on disk",
    )
    rows = []
    for n_rows, columns, replicates in (
        (50e6, 130, 1),
        (35e6, 200, 10),
        (1e9, 200, 10),
    ):
        name = f"{n_rows / 1e6:,.0f} M x {columns} x {replicates}"
        seconds = costs.seconds(n_rows, columns, replicates)
        for cores in (2, 16, 128):
            writers = min(cores, replicates)
            # One fit a core; a node of 16 cores holds the layout for trees once.
            side_by_side = min(cores, 16)
            node = _BASE_BYTES + n_rows * (columns + _FIT_ROW_BYTES * side_by_side)
            rows.append(
                (
                    name,
                    f"{cores} cores",
                    _time(seconds["read"]),
                    _time(seconds["fit"] / cores),
                    _time(seconds["draw"] / cores),
                    _time(seconds["write"] / writers),
                    _gigabytes(node),
                )
            )
        for devices in (1, 8):
            cells = n_rows * columns
            held = n_rows * (3 * columns) / (1 if n_rows < 1e9 else devices)
            rows.append(
                (
                    name,
                    f"{devices} H200 (estimate)",
                    _time(seconds["read"]),
                    _time(_GPU_FIT * cells / devices),
                    _time(_GPU_DRAW * cells * replicates / devices),
                    _time(seconds["write"] / min(16 * devices, replicates)),
                    f"{_gigabytes(held)} a device",
                )
            )
    return _table(head, rows)
