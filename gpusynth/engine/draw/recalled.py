"""Recalled: which models a resumed run still draws from."""

from __future__ import annotations

from collections.abc import Sequence

from gpusynth.engine.checkpoint.checkpoints import Checkpoints
from gpusynth.engine.draw.uniques import redraw_window
from gpusynth.engine.real.prepared import Prepared
from gpusynth.plan import Step

__all__ = ["is_drawn_from"]


def is_drawn_from(
    step: Step, prepared: Prepared, checkpoints: Checkpoints, replicates: Sequence[int]
) -> bool:
    """Return whether anything is still drawn from the models of a step.

    The states of a number are drawn again when its value step redraws rows that fail an edit, and
    the columns of a window when rows replicate a unique real row.

    Parameters
    ----------
    step : Step
    prepared : Prepared
    checkpoints : Checkpoints
    replicates : sequence of int
        Those that are still to be written.

    Returns
    -------
    bool
    """
    needed = [step.number]
    if step.part == "state" and prepared.conditions.edits.get(step.number + 1):
        needed.append(step.number + 1)
    window = redraw_window(prepared.plan)
    if step.number in window:
        needed.append(window[-1])
    return checkpoints.recorded_fit(step) is None or not all(
        checkpoints.has_draw(number, replicate) for number in needed for replicate in replicates
    )
