"""Stages: the tasks of a step, and what must wait for what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from gpusynth.methods import Block

__all__ = ["Stages", "Work", "stages_of"]

Stages = list[list[Callable[[], None]]]
"""Tasks of a step: those of one stage may run in any order, the next stage waits for them."""

Work: TypeAlias = Callable[[Block], None]
"""What is done with the rows of a block."""


def stages_of(work: Sequence[tuple[bool, Work]], blocks: Sequence[Block], n_rows: int) -> Stages:
    """Return the tasks that do one work after the other.

    What follows each other block by block is one stage: a task does all of it.

    Parameters
    ----------
    work : sequence of tuple of (bool, Work)
        Whether it needs all rows of the file, and what is done.
    blocks : sequence of Block
    n_rows : int
        Of the file.

    Returns
    -------
    Stages
    """
    joined: list[tuple[bool, list[Work]]] = []
    for every_row, one in work:
        if not every_row and joined and not joined[-1][0]:
            joined[-1][1].append(one)
        else:
            joined.append((every_row, [one]))
    whole = [Block(0, n_rows, n_rows)]
    return [
        [partial(_in_turn, works, block) for block in (whole if every_row else blocks)]
        for every_row, works in joined
    ]


def _in_turn(work: list[Work], block: Block) -> None:
    for one in work:
        one(block)
