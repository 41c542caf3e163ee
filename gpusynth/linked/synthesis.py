"""Synthesis of a family: fit and draw file by file, parents before children."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gpusynth.arrays import Array
from gpusynth.engine import Listener, Stopwatch
from gpusynth.engine.delivery.released import output_order
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.files.directory import RunDirectory
from gpusynth.engine.settings import RunSettings
from gpusynth.engine.synthesis import Synthesis
from gpusynth.linked.child import Child
from gpusynth.linked.file_rows import FileRows
from gpusynth.linked.prepared_family import PreparedFamily
from gpusynth.linked.rounds import are_put_down, draw_children
from gpusynth.linked.seeds import file_seed
from gpusynth.table import as_numbers

__all__ = ["DrawnFile", "synthesize_family"]


@dataclass(frozen=True, slots=True)
class DrawnFile:
    """One replicate of one file.

    Attributes
    ----------
    name : str
    rows : SyntheticRows
    file_rows : FileRows
        As they are put out.
    key : str or None
        Column with the key of the parent.
    n_parents : int
    """

    name: str
    rows: SyntheticRows
    file_rows: FileRows
    key: str | None = None
    n_parents: int = 0


def synthesize_family(
    prepared: PreparedFamily,
    settings: RunSettings,
    listener: Listener,
    stopwatch: Stopwatch,
    deliver: Callable[[DrawnFile], None],
    *,
    directory: RunDirectory | None = None,
) -> dict[str, Synthesis]:
    """Fit and draw every file.

    Parameters
    ----------
    prepared : PreparedFamily
    settings : RunSettings
    listener : Listener
    stopwatch : Stopwatch
        Of the whole; the files have their own.
    deliver : callable
        Takes each replicate of each file; its columns are let go when no child needs them.
    directory : RunDirectory, optional
        Where columns of files on top may be put when memory is short. Where the run makes
        checkpoints each file is a part of it, by its number: what an earlier process has finished
        is read and the rest is put down.

    Returns
    -------
    dict of str to Synthesis
        With what was measured.
    """
    syntheses: dict[str, Synthesis] = {}
    drawn: dict[str, list[DrawnFile]] = {}
    waiting = {name: len(links) for name, links in prepared.family.children.items()}
    for name in prepared.family.order:
        number = prepared.numbers[name]
        checkpoints = None if directory is None else directory.part(number)
        scratch = None if directory is None else directory.scratch(number)
        synthesis = Synthesis(
            prepared.prepared(name), listener, Stopwatch(), checkpoints=checkpoints
        )
        syntheses[name] = synthesis
        with stopwatch.phase(f"synthesize {name}"):
            if name in prepared.tops:
                drawn[name] = _draw_top(prepared, name, synthesis, settings, scratch)
            else:
                parents = drawn[prepared.children[name].link.parent]
                drawn[name] = _draw_children(prepared, name, synthesis, settings, parents)
        with stopwatch.phase("write"):
            for each in drawn[name]:
                deliver(each)
        link = prepared.family.parent.get(name)
        if link is not None:
            waiting[link.parent] -= 1
            if not waiting[link.parent] and _is_done(prepared, link.parent, syntheses):
                drawn[link.parent] = []
    return syntheses


def _is_done(prepared: PreparedFamily, name: str, syntheses: dict[str, Synthesis]) -> bool:
    """Return whether no file below is still to come: grandchildren, too, read a file's columns."""
    below = [link.child for link in prepared.family.children.get(name, ())]
    return all(child in syntheses and _is_done(prepared, child, syntheses) for child in below)


def _draw_top(
    prepared: PreparedFamily,
    name: str,
    synthesis: Synthesis,
    settings: RunSettings,
    scratch: Path | None,
) -> list[DrawnFile]:
    own = replace(settings, seed=file_seed(settings.seed, prepared.numbers[name]))
    return [
        DrawnFile(
            name,
            rows,
            _as_put_out(rows, FileRows(name, rows.n_rows, rows.codes, rows.values)),
        )
        for rows in synthesis.draw(own, scratch=scratch)
    ]


def _as_put_out(rows: SyntheticRows, drawn: FileRows) -> FileRows:
    """Return rows in the order in which they are put out: keys and children count by it."""
    order = rows.order
    if order is None:
        return drawn
    return replace(
        drawn,
        n_rows=rows.n_output,
        codes={column: each[order] for column, each in drawn.codes.items()},
        values={column: each[order] for column, each in drawn.values.items()},
        parent_row=None if drawn.parent_row is None else drawn.parent_row[order],
    )


def _draw_children(
    prepared: PreparedFamily,
    name: str,
    synthesis: Synthesis,
    settings: RunSettings,
    parents: list[DrawnFile],
) -> list[DrawnFile]:
    child, number = prepared.children[name], prepared.numbers[name]
    own = replace(settings, n_rows=None, seed=file_seed(settings.seed, number))
    every = [
        _counts(prepared, child.link.parent, child.link.count_column, parent.file_rows)
        for parent in parents
    ]
    models = {} if _are_drawn(child, synthesis, parents, every) else synthesis.fit_all(own)
    drawn = []
    for parent, counts in zip(parents, every, strict=True):
        rows, file_rows = draw_children(
            child,
            synthesis,
            models,
            parent.file_rows,
            counts,
            replicate=parent.rows.number,
            file=number,
            settings=settings,
            listener=synthesis.listener,
        )
        rows.order = output_order(rows, child.output.plan.output, own.seed)
        placed = _as_put_out(rows, file_rows)
        drawn.append(DrawnFile(name, rows, placed, child.link.key, parent.file_rows.n_rows))
    if synthesis.checkpoints is not None:
        synthesis.checkpoints.forget_models({step.number for step in child.prepared.plan.steps})
    return drawn


def _are_drawn(
    child: Child, synthesis: Synthesis, parents: list[DrawnFile], every: list[Array]
) -> bool:
    """Return whether an earlier process drew all replicates, so that no model is needed."""
    checkpoints = synthesis.checkpoints
    if checkpoints is None:
        return False
    replicates = [parent.rows.number for parent in parents]
    are_there = all(
        are_put_down(child, checkpoints, counts, replicate=replicate)
        for replicate, counts in zip(replicates, every, strict=True)
    )
    return are_there and synthesis.recall_fits()


def _counts(prepared: PreparedFamily, parent: str, column: str, rows: FileRows) -> Array:
    """Return the drawn numbers of children."""
    codec = prepared.output(parent).codecs[column]
    numbers = as_numbers(codec, rows.codes[column], rows.values.get(column))
    return np.rint(numbers).astype(np.int64)
