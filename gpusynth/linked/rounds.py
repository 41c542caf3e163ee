"""Rounds: synthetic children, all first siblings, then all second siblings given the first ..."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gpusynth.arrays import Array, code_dtype
from gpusynth.engine.checkpoint.checkpoints import Checkpoints
from gpusynth.engine.draw.edits import EditCounts
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.fitting import StepModels, fit_step
from gpusynth.engine.progress import Listener, SilentListener
from gpusynth.engine.real.start import Start
from gpusynth.engine.settings import RunSettings
from gpusynth.engine.synthesis import Synthesis
from gpusynth.linked.child import SIBLING_NUMBER, Child
from gpusynth.linked.file_rows import FileRows
from gpusynth.linked.memory import Memory
from gpusynth.linked.round_files import find_round, put_round
from gpusynth.linked.seeds import round_seed
from gpusynth.linked.siblings import Round, rounds
from gpusynth.table import Table

__all__ = ["are_put_down", "draw_children"]


def draw_children(
    child: Child,
    fitted: Synthesis,
    models: Mapping[int, StepModels],
    parents: FileRows,
    n_children: Array,
    *,
    replicate: int,
    file: int,
    settings: RunSettings,
    listener: Listener,
) -> tuple[SyntheticRows, FileRows]:
    """Draw the children of all synthetic parents of a replicate.

    Parameters
    ----------
    child : Child
    fitted : Synthesis
        That fitted the models; what is measured goes there. With checkpoints, rounds that an
        earlier process drew are read, and the others put down.
    models : mapping of int to StepModels
        By step number; may be empty where every round is put down.
    parents : FileRows
        Synthetic.
    n_children : array of int64, shape (n_parents,)
    replicate : int
        From 1.
    file : int
        Number of the file, for its seeds.
    settings : RunSettings
    listener : Listener

    Returns
    -------
    tuple of SyntheticRows and FileRows
        Children of the first parent, then of the second, ...; siblings in order.
    """
    drawing = _Drawing(child, fitted, models, parents, n_children, replicate)
    most = int(n_children.max(initial=0))
    listener.start(f"draw {child.link.child}, replicate {replicate}", drawing.n_rows)
    for each in rounds(most, child.link.sequential):
        seed = round_seed(settings.seed, file, replicate=replicate, number=each.number)
        own = replace(settings, n_replicates=1, n_rows=None, seed=seed)
        n_drawn = drawing.restore(each) or drawing.draw(each, own)
        listener.advance(child.link.child, work=n_drawn, rows=n_drawn)
    return drawing.rows, drawing.file_rows()


def are_put_down(
    child: Child, checkpoints: Checkpoints, n_children: Array, *, replicate: int
) -> bool:
    """Return whether an earlier process drew all rounds of a replicate, and they are sound.

    Parameters
    ----------
    child : Child
    checkpoints : Checkpoints
        Of the file.
    n_children : array of int64, shape (n_parents,)
    replicate : int

    Returns
    -------
    bool
    """
    every = rounds(int(n_children.max(initial=0)), child.link.sequential)
    return all(checkpoints.has_draw(each.number, replicate) for each in every)


class _Drawing:
    """One replicate of a child file while it is drawn."""

    def __init__(
        self,
        child: Child,
        fitted: Synthesis,
        models: Mapping[int, StepModels],
        parents: FileRows,
        n_children: Array,
        replicate: int,
    ) -> None:
        self._child, self._fitted, self._parents = child, fitted, parents
        self._models = {n: StepModels((model.of(replicate),)) for n, model in models.items()}
        self._n_children = n_children
        self.n_rows = int(n_children.sum())
        self.rows = SyntheticRows(replicate, self.n_rows)
        table = child.prepared.table
        for name in child.output.codecs:
            self.rows.codes[name] = np.zeros(self.n_rows, table.codes[name].dtype)
            if name in table.values:
                self.rows.values[name] = np.zeros(self.n_rows, table.values[name].dtype)
        n_parents = len(n_children)
        self._ranks = {
            memory.column: np.zeros((2, n_parents), np.int64)
            for memory in child.memories
            if memory.is_ordered
        }

    def draw(self, each: Round, settings: RunSettings) -> int:
        """Draw a round and return how many rows it has."""
        prepared = self._child.prepared
        parents, places, numbers = each.places(self._n_children)
        codes, values = self._told(each, parents, places, numbers)
        started = Table(prepared.table.schema, prepared.table.codecs, codes, values, len(places))
        own = replace(prepared, start=Start(len(places), started, is_real=False))
        fitted, checkpoints = self._fitted, self._fitted.checkpoints
        counts = EditCounts()
        synthesis = Synthesis(
            own,
            SilentListener(),
            fitted.stopwatch,
            fitted.sizes,
            counts,
            fitted.fit_notes,
        )
        models = dict(self._models)
        for step in prepared.plan.steps:
            if step.method.name == "keep":
                models[step.number] = fit_step(step, own)
        (drawn,) = synthesis.draw(settings, models=models)
        names = list(self.rows.codes)
        found = {name: drawn.values[name] for name in names if name in drawn.values}
        if checkpoints is not None:
            put_round(
                checkpoints,
                each.number,
                self.rows.number,
                {name: drawn.codes[name] for name in names},
                found,
                counts,
            )
        self._take({name: drawn.codes[name] for name in names}, found, parents, places)
        fitted.edit_counts.add_counts(counts.counts())
        return len(places)

    def restore(self, each: Round) -> int:
        """Read a round that an earlier process drew; return its rows, 0 where it must be drawn."""
        checkpoints = self._fitted.checkpoints
        if checkpoints is None:
            return 0
        parents, places, _ = each.places(self._n_children)
        found = find_round(
            checkpoints, each.number, self.rows, self._child.output.codecs, n_rows=len(places)
        )
        if found is None:
            return 0
        self._take(found.codes, found.values, parents, places)
        self._fitted.edit_counts.add_counts(found.edits)
        checkpoints.n_found += 1
        return len(places)

    def _take(
        self,
        codes: Mapping[str, Array],
        values: Mapping[str, Array],
        parents: Array,
        places: Array,
    ) -> None:
        """Put the columns of a round into the file."""
        for name, room in self.rows.codes.items():
            room[places] = codes[name]
            if name in values:
                if name not in self.rows.values:
                    self.rows.values[name] = np.zeros(self.n_rows, values[name].dtype)
                self.rows.values[name][places] = values[name]
        self._add(parents, places)

    def file_rows(self) -> FileRows:
        """Return the drawn rows, for children of their own."""
        parent_row = np.repeat(np.arange(len(self._n_children)), self._n_children)
        child = self._child.link.child
        return FileRows(
            child, self.n_rows, self.rows.codes, self.rows.values, self._parents, parent_row
        )

    def _told(
        self, each: Round, parents: Array, places: Array, numbers: Array
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return what the rows of a round are told of their parents and siblings."""
        child = self._child
        table = child.prepared.table
        codes: dict[str, Array] = {SIBLING_NUMBER: child.number_codes(numbers)}
        values: dict[str, Array] = {}
        for name in child.inherited:
            codes[name], found = self._parents.read(name, parents)
            if name in table.values and found is not None:
                values[name] = found
        for memory in child.memories:
            codes |= self._memory(memory, each, parents, places)
        return codes, values

    def _memory(
        self, memory: Memory, each: Round, parents: Array, places: Array
    ) -> dict[str, Array]:
        previous = summary = np.zeros(len(places), np.uint16)
        if each.first > 1:
            codes = self.rows.codes[memory.column]
            previous = memory.answers(codes[places - each.step])
            if memory.is_ordered:
                sums = self._ranks[memory.column]
                summary = memory.mean_rank(sums[0, parents], sums[1, parents])
            else:
                offsets = np.cumsum(self._n_children) - self._n_children
                summary = memory.answers(codes[offsets[parents]])
        return {
            name: answers.astype(code_dtype(memory.codecs()[name].n_codes))
            for name, answers in (
                (memory.previous_name, previous),
                (memory.summary_name, summary),
            )
        }

    def _add(self, parents: Array, places: Array) -> None:
        """Add the drawn ranks up, for the rounds to come."""
        for memory in self._child.memories:
            if memory.is_ordered:
                codes = self.rows.codes[memory.column]
                ranks = memory.ranks(memory.answers(codes[places]))
                for total, each in zip(self._ranks[memory.column], ranks, strict=True):
                    np.add.at(total, parents, each)
