"""Draw: one step of the plan in one replicate, block by block.

A column is drawn where nothing else decides it: rules fix some rows, a partial synthesis keeps
others. When a column is complete its numbers are smoothed, and rows that fail an edit are drawn
again and repaired (`gpusynth.engine.edits`). Every row uses its own random numbers only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from gpusynth.arrays import Array
from gpusynth.engine.edits import EditCounts, Repair, redraw_and_repair
from gpusynth.engine.fitting import StepModels
from gpusynth.engine.prepare import Prepared
from gpusynth.engine.replicate import SyntheticRows
from gpusynth.methods import Block, DrawnColumns
from gpusynth.methods.smoothing import Smoother, fit_smoother
from gpusynth.plan import Step
from gpusynth.streams import Purpose, StreamKey
from gpusynth.table import Read, as_numbers, code_numbers, exact_numbers

__all__ = ["ColumnDraw", "Stages"]

Stages = list[list[Callable[[], None]]]
"""Tasks of a step: those of one stage may run in any order, the next stage waits for them."""


@dataclass(slots=True)
class ColumnDraw:
    """One step of one replicate.

    Attributes
    ----------
    prepared : Prepared
    step : Step
    models : StepModels
    state : tuple of (Step, StepModels) or None
        For a value step whose rows may be drawn again: the step that drew the states.
    rows : SyntheticRows
    seed : int
    edit_counts : EditCounts
        Of the run.
    smoother : Smoother or None
        Once it is fitted.
    repairs : list of Repair
        Rows in which earlier columns were changed, in any order.
    """

    prepared: Prepared
    step: Step
    models: StepModels
    state: tuple[Step, StepModels] | None
    rows: SyntheticRows
    seed: int
    edit_counts: EditCounts
    smoother: Smoother | None = None
    repairs: list[Repair] = field(default_factory=list)

    @property
    def n_special(self) -> int:
        """Number of special codes of the target."""
        return self.prepared.table.codecs[self.step.target].n_special

    def stages(self) -> Stages:
        """Return the tasks that draw the step.

        Returns
        -------
        list of list of callables
        """
        rows = self.rows
        self.make_room()
        blocks = list(rows.blocks())
        if self.step.method.whole_file:
            blocks = [Block(0, rows.n_rows, rows.n_rows)]
        if self.step.part == "state":
            return [[partial(self._draw, block) for block in blocks]]
        if self.step.smoothing is None:
            return [[partial(self._draw_and_finish, block) for block in blocks]]
        return [
            [partial(self._draw, block) for block in blocks],
            [self._fit_smoother],
            [partial(self._smooth_and_finish, block) for block in blocks],
        ]

    def make_room(self) -> None:
        """Make room for the column, unless an earlier step did."""
        self.rows.make_room(self.step.target, self.prepared.table, new_values=self._makes_values())

    def publish(self, changed: Collection[str]) -> None:
        """Let a column that was read from a checkpoint predict others, and what it changed too."""
        if self.step.part == "state":
            return
        for block in self.rows.blocks():
            self._fill_tables(block, changed)

    def _makes_values(self) -> bool:
        """Return whether any step of the column draws numbers that no code stands for.

        The first step makes room for all of them: the states' step, or the one that keeps a column
        which is drawn anew at the end.
        """
        step, steps = self.step, self.prepared.plan.steps
        if not self.prepared.table.schema[step.target].is_number:
            return False
        if step.part == "state":
            return steps[step.number].makes_values  # steps are numbered from 1: this is the next
        if step.method.name == "keep":
            return any(later.makes_values for later in steps if later.target == step.target)
        return step.makes_values

    def draw_again(self, block: Block) -> None:
        """Draw chosen rows of a complete column again: their states, numbers and smoothing.

        Parameters
        ----------
        block : Block
            With positions and attempt.
        """
        if self.state is not None:
            step, models = self.state
            self._draw_rows(step, models, block)
            codes, _ = self._read(block)(self.step.target)
            ordinary = block.take(codes) >= self.n_special
            block = _chosen(block, block.positions[ordinary])  # type: ignore[index]
        self._draw_rows(self.step, self.models, block)
        if self.smoother is not None:
            self._smooth(block)

    def open_rows(self, block: Block) -> Array | None:
        """Return which rows of a block are drawn at all; None for all.

        Not those in which a rule fixes the column, nor those that a partial synthesis keeps.

        Returns
        -------
        array of bool, shape (n_rows,), or None
        """
        conditions = self.prepared.conditions
        fixed = conditions.fixed_rows(self.step.target, self._read(block), block.n_rows)
        kept = self._kept_rows(block)
        if fixed is None and kept is None:
            return None
        is_open = np.ones(block.n_rows, np.bool_)
        for closed in (fixed, kept):
            if closed is not None:
                is_open &= ~closed
        return is_open

    def kept_positions(self, block: Block, positions: Array) -> Array:
        """Return those positions that a partial synthesis keeps as in the real row."""
        kept = self._kept_rows(block)
        return positions[:0] if kept is None else positions[kept[positions]]

    def _kept_rows(self, block: Block) -> Array | None:
        selected = self.prepared.conditions.selected
        columns = self.prepared.conditions.partial_columns
        if selected is None or columns is None or self.step.target not in columns:
            return None
        return ~selected[self._start(block)]

    def _start(self, block: Block) -> Array:
        start = self.rows.start
        if start is None:
            return np.zeros(0, np.int64)
        return start[block.first_row : block.first_row + block.n_rows]

    def _read(self, block: Block) -> Read:
        return self.rows.reader(slice(block.first_row, block.first_row + block.n_rows))

    def _draw_and_finish(self, block: Block) -> None:
        self._draw(block)
        self._finish(block)

    def _smooth_and_finish(self, block: Block) -> None:
        self._smooth(_chosen(block, self._positions(block)))
        self._finish(block)

    def _finish(self, block: Block) -> None:
        """Settle the edits that the column completes, and let it predict others."""
        edits = self.prepared.conditions.edits.get(self.step.number, ())
        changed: tuple[str, ...] = ()
        if edits:
            changed, positions = redraw_and_repair(self, edits, block)
            if changed:
                self.repairs.append(Repair(changed, block.first_row + positions.astype(np.int64)))
        for part in self.rows.blocks() if self.step.method.whole_file else (block,):
            self._fill_tables(part, changed)

    def _fill_tables(self, block: Block, changed: Collection[str]) -> None:
        """Put the column and what it changed into the layout of trees."""
        target = self.step.target
        drawn_before = target in self.prepared.conditions.drawn_anew
        self.rows.fill_table(block.first_row, (target,), again=drawn_before)
        self.rows.fill_table(block.first_row, changed, again=True)

    def _draw(self, block: Block) -> None:
        """Draw the open rows; give the others what decides them."""
        if self.step.part != "value":
            self._set_closed_rows(block)
        self._draw_rows(self.step, self.models, _chosen(block, self._positions(block)))

    def _positions(self, block: Block) -> Array | None:
        """Return the positions to draw: open rows, of a value step those whose state is "value"."""
        is_open = self.open_rows(block)
        if self.step.part == "value" or (self.smoother is not None and self.n_special):
            ordinary = self._read(block)(self.step.target)[0] >= self.n_special
            is_open = ordinary if is_open is None else is_open & ordinary
        if is_open is None or is_open.all():
            return None
        return np.flatnonzero(is_open).astype(np.int32)

    def _draw_rows(self, step: Step, models: StepModels, block: Block) -> None:
        if block.positions is not None and not len(block.positions):
            return
        # The states of a whole-file step are drawn again for all rows at once, too.
        whole = step.method.whole_file or self.step.method.whole_file
        table = None if whole else self.rows.tables.get(block.first_row)
        if step.method.name == "keep":
            block = replace(block, start=self._start(block))
        key = StreamKey(self.seed, replicate=self.rows.number, step=step.number)
        codes, values = models.of(self.rows.number).draw(
            DrawnColumns(table, self._read(block)), key, block
        )
        self._store(block, codes, values)

    def _store(self, block: Block, codes: Array, values: Array | None) -> None:
        """Write codes and numbers of the rows that a block names."""
        target = self.step.target
        room, room_values = self._read(block)(target)
        place = slice(None) if block.positions is None else block.positions
        room[place] = codes
        if room_values is None:
            return
        if values is None:
            codec = self.prepared.table.codecs[target]
            if not codec.is_exact:
                return  # a state step: numbers come with the value step
            values = exact_numbers(codec, codes, room_values.dtype)
        room_values[place] = values

    def _set_closed_rows(self, block: Block) -> None:
        """Write what rules fix and what a partial synthesis keeps; later rules count more."""
        target, real = self.step.target, self.prepared.table
        kept = self._kept_rows(block)
        if kept is not None and kept.any():
            source = self._start(block)[kept]
            values = real.values.get(target)
            positions = np.flatnonzero(kept).astype(np.int32)
            chosen = _chosen(block, positions)
            self._store(
                chosen, real.codes[target][source], None if values is None else values[source]
            )
        read = self._read(block)
        for rule in self.prepared.conditions.rules.get(target, ()):
            holds = rule.when.truth(read, block.n_rows)
            if kept is not None:
                holds &= ~kept
            positions = np.flatnonzero(holds).astype(np.int32)
            codes = np.full(len(positions), rule.code, real.codes[target].dtype)
            values = None if rule.value is None else np.full(len(positions), rule.value)
            self._store(_chosen(block, positions), codes, values)

    def _fit_smoother(self) -> None:
        """Fit the smoother to all drawn numbers of the replicate."""
        target = self.step.target
        whole = Block(0, self.rows.n_rows, self.rows.n_rows)
        codes, values = self._read(whole)(target)
        is_open = self.open_rows(whole)
        ordinary = codes >= self.n_special
        if is_open is not None:
            ordinary &= is_open
        codec = self.prepared.table.codecs[target]
        drawn = as_numbers(codec, codes[ordinary], None if values is None else values[ordinary])
        if self.step.smoothing is not None:
            real = self.prepared.table
            taken = real.codes[target] >= self.n_special
            exact = real.values.get(target)
            numbers = as_numbers(
                codec, real.codes[target][taken], None if exact is None else exact[taken]
            )
            self.smoother = fit_smoother(
                self.step.smoothing,
                drawn,
                column=codec.column,
                real_range=(float(numbers.min()), float(numbers.max())),
            )

    def _smooth(self, block: Block) -> None:
        if self.smoother is None or not self.smoother.changes_numbers:
            return
        target = self.step.target
        codec = self.prepared.table.codecs[target]
        codes, values = self._read(block)(target)
        numbers = as_numbers(
            codec, block.take(codes), None if values is None else block.take(values)
        )
        key = StreamKey(
            self.seed, replicate=self.rows.number, step=self.step.number, purpose=Purpose.SMOOTH
        )
        smoothed = self.smoother.apply(numbers, block.uniform(key))
        changed = smoothed != numbers
        if changed.any():
            positions = np.arange(block.n_rows) if block.positions is None else block.positions
            moved = _chosen(block, positions[changed].astype(np.int32))
            self._store(moved, *code_numbers(codec, smoothed[changed]))


def _chosen(block: Block, positions: Array | None) -> Block:
    """Return the block with other positions."""
    return replace(block, positions=positions)
