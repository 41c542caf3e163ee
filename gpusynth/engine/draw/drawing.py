"""Draw: one step of the plan in one replicate, block by block.

A column is drawn where nothing else decides it: rules fix some rows, a partial synthesis keeps
others. When a column is complete its numbers are smoothed, and rows that fail an edit are drawn
again and repaired (`gpusynth.engine.draw.edits`). Every row uses its own random numbers only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

import numpy as np

from gpusynth.arrays import Array
from gpusynth.engine.draw.closed_rows import open_rows, set_closed_rows, start_rows
from gpusynth.engine.draw.donor_stage import DrawnDonors, cap_of, deal_donors
from gpusynth.engine.draw.edits import EditCounts, Repair, redraw_and_repair
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.draw.resident_stage import draw_resident
from gpusynth.engine.draw.smooth_stage import fit_column_smoother, smooth_rows
from gpusynth.engine.draw.stages import Stages, Work, stages_of
from gpusynth.engine.draw.tail_stage import exchange_tail, treat_rows
from gpusynth.engine.fitting import StepModels
from gpusynth.engine.real.prepared import Prepared
from gpusynth.methods import Block, DrawnColumns, Follow
from gpusynth.methods.donor_model import donor_model, target_of
from gpusynth.methods.smoothing import Smoother
from gpusynth.plan import Step
from gpusynth.streams import Purpose, StreamKey
from gpusynth.table import Read, exact_numbers

__all__ = ["ColumnDraw", "is_drawn_by_block"]


def is_drawn_by_block(step: Step) -> bool:
    """Return whether rows of a step are drawn without a look at the other rows of the file.

    Parameters
    ----------
    step : Step

    Returns
    -------
    bool
    """
    whole_tail = step.tail is not None and step.tail.is_whole_column
    whole = step.method.whole_file or cap_of(step) is not None or step.smoothing is not None
    return not (whole or whole_tail)


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
    donors : DrawnDonors or None
        While a column with a cap on the uses of a donor is drawn.
    at_end : callable, optional
        What is done once all rows of the column are complete.
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
    donors: DrawnDonors | None = None
    at_end: Callable[[], None] | None = None

    @property
    def n_special(self) -> int:
        """Number of special codes of the target."""
        return self.prepared.table.codecs[self.step.target].n_special

    def key(self, purpose: Purpose = Purpose.DONOR) -> StreamKey:
        """Return the random stream of the step in this replicate."""
        return StreamKey(
            self.seed, replicate=self.rows.number, step=self.step.number, purpose=purpose
        )

    def stages(self) -> Stages:
        """Return the tasks that draw the step.

        Returns
        -------
        list of list of callables
        """
        rows = self.rows
        self.make_room()
        blocks = self._blocks()
        if cap_of(self.step) is not None:
            self.donors = DrawnDonors.of(rows.n_rows)
        stages = stages_of(self._work(), blocks, rows.n_rows)
        if self.at_end is not None:
            stages.append([self.at_end])
        return stages

    def _work(self) -> list[tuple[bool, Work]]:
        """Return what is done one after the other, and whether it needs all rows of the file."""
        work: list[tuple[bool, Work]] = [(False, self._draw)]
        if self.donors is not None:
            work.append((True, self._deal))
        if self.step.smoothing is not None:
            work += [(True, self._fit_smoother), (False, self._smooth_rows)]
        if self.step.tail is not None:
            whole = self.step.tail.is_whole_column
            work.append((whole, self._exchange if whole else self._treat_rows))
        if self.step.part != "state":
            work.append((False, self._finish))
        return work

    def make_room(self) -> None:
        """Make room for the column, unless an earlier step did."""
        self.rows.make_room(self.step.target, self.prepared.table, new_values=self._makes_values())
        if self.step.target in self.prepared.plan.followed:
            self.rows.remember_donors(self.step.target)

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
            block = self._ordinary(block)
        self._draw_rows(self.step, self.models, block)
        if self.smoother is not None or self.step.tail is not None:
            block = self._ordinary(block)
            smooth_rows(self, block)
            treat_rows(self, block)

    def draw_rows_again(self, again: Array, attempt: int) -> None:
        """Draw chosen rows of the file again, rules included, and let them predict others.

        Parameters
        ----------
        again : array of int64, shape (n,)
            Ascending.
        attempt : int
        """
        for block in self._blocks():
            inside = again[np.searchsorted(again, block.first_row) :] - block.first_row
            inside = inside[: np.searchsorted(inside, block.n_rows)].astype(np.int32)
            if not len(inside):
                continue
            set_closed_rows(self, block)
            is_open = open_rows(self, block)
            if is_open is not None:
                inside = inside[is_open[inside]]
            self.draw_again(replace(block, positions=inside, attempt=attempt))
            for part in self.rows.blocks() if self.step.method.whole_file else (block,):
                self.rows.fill_table(part.first_row, (self.step.target,), again=True)

    def _blocks(self) -> list[Block]:
        """Return the blocks that the column is drawn in."""
        if self.step.method.whole_file:
            return [Block(0, self.rows.n_rows, self.rows.n_rows)]
        return list(self.rows.blocks())

    def _ordinary(self, block: Block) -> Block:
        """Return the block without the positions that hold a state."""
        codes, _ = self.read(block)(self.step.target)
        ordinary = block.take(codes) >= self.n_special
        return _chosen(block, block.positions[ordinary])  # type: ignore[index]

    def read(self, block: Block) -> Read:
        """Return what reads the columns of a block's rows."""
        return self.rows.reader(slice(block.first_row, block.first_row + block.n_rows))

    def _deal(self, _: Block) -> None:
        deal_donors(self, cap_of(self.step) or 1)

    def _fit_smoother(self, _: Block) -> None:
        fit_column_smoother(self)

    def _smooth_rows(self, block: Block) -> None:
        smooth_rows(self, _chosen(block, self.ordinary_positions(block)))

    def _treat_rows(self, block: Block) -> None:
        treat_rows(self, _chosen(block, self.ordinary_positions(block)))

    def _exchange(self, _: Block) -> None:
        exchange_tail(self)

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
        if self._is_free and draw_resident(self, block):
            return
        if self.step.part != "value":
            set_closed_rows(self, block)
        self._draw_rows(self.step, self.models, _chosen(block, self._positions(block)))

    @property
    def _is_free(self) -> bool:
        """Whether nothing but the model decides the column, and nobody asks for its donors."""
        target, conditions = self.step.target, self.prepared.conditions
        return not (
            target in conditions.rules
            or (conditions.selected is not None and target in (conditions.partial_columns or ()))
            or target in conditions.drawn_anew
            or self.donors is not None
            or target in self.rows.donors
        )

    def _positions(self, block: Block) -> Array | None:
        """Return the positions to draw: open rows, of a value step those whose state is "value"."""
        if self.step.part == "value":
            return self.ordinary_positions(block)
        return _places(open_rows(self, block))

    def ordinary_positions(self, block: Block) -> Array | None:
        """Return the positions that are drawn and hold a number, not a state.

        Returns
        -------
        array of int32, shape (n,), or None
            None for all.
        """
        is_open = open_rows(self, block)
        if self.n_special:
            ordinary = self.read(block)(self.step.target)[0] >= self.n_special
            is_open = ordinary if is_open is None else is_open & ordinary
        return _places(is_open)

    def _draw_rows(self, step: Step, models: StepModels, block: Block) -> None:
        if block.positions is not None and not len(block.positions):
            return
        # The states of a whole-file step are drawn again for all rows at once, too.
        whole = step.method.whole_file or self.step.method.whole_file
        table = None if whole else self.rows.tables.get(block.first_row)
        if step.method.name == "keep":
            block = replace(block, start=start_rows(self, block))
        if isinstance(step.method, Follow):
            donors = self.rows.donors_of(step.method.column, block.first_row, block.n_rows)
            block = replace(block, start=donors)
        key = StreamKey(self.seed, replicate=self.rows.number, step=step.number)
        model, drawn = models.of(self.rows.number), DrawnColumns(table, self.read(block))
        counted = self.donors is not None and step is self.step
        if counted or step.target in self.rows.donors:
            rows, pools = donor_model(model).draw_donors(drawn, key, block)
            if counted and self.donors is not None:
                self.donors.put(block, rows, pools)
            self.put_donors(block, rows)
            self.store(block, *target_of(model).take(rows))
            return
        self.store(block, *model.draw(drawn, key, block))

    def put_donors(self, block: Block, donors: Array) -> None:
        """Remember the donors of the rows that a block names, where other columns follow."""
        if self.step.target in self.rows.donors:
            place = slice(None) if block.positions is None else block.positions
            known = self.rows.donors_of(self.step.target, block.first_row, block.n_rows)
            known[place] = donors

    def store(self, block: Block, codes: Array, values: Array | None) -> None:
        """Write codes and numbers of the rows that a block names.

        Parameters
        ----------
        block : Block
        codes : array of uint8 or uint16, shape (block.n_drawn,)
        values : array of float64 or int64, shape (block.n_drawn,), or None
        """
        target = self.step.target
        room, room_values = self.read(block)(target)
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


def _places(chosen: Array | None) -> Array | None:
    """Return the places of the chosen rows; None where all are."""
    if chosen is None or chosen.all():
        return None
    return np.flatnonzero(chosen).astype(np.int32)


def _chosen(block: Block, positions: Array | None) -> Block:
    """Return the block with other positions."""
    return replace(block, positions=positions)
