"""Chain: one imputation by chained equations, which fills the gaps of one column after the other.

Every incomplete column is first filled with answers drawn from the answered rows. Then, round
after round, each is drawn anew: a model of it is fitted on its answered rows, given all other
columns as they stand, and its missing rows are drawn from the model.

References
----------
.. [1] van Buuren, S. and Groothuis-Oudshoorn, K. (2011). mice: Multivariate Imputation by Chained
   Equations in R. Journal of Statistical Software 45(3).
.. [2] Burgette, L. F. and Reiter, J. P. (2010). Multiple Imputation for Missing Data via Sequential
   Regression Trees. American Journal of Epidemiology 172(9), 1070-1076.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

import numpy as np

from gpusynth.arrays import Array
from gpusynth.engine.checkpoint.checkpoints import Checkpoints
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.real.resample import bootstrap_rows
from gpusynth.errors import DataError
from gpusynth.imputation.chain_files import Cells, find_chain, put_chain
from gpusynth.imputation.chain_tables import ChainTables
from gpusynth.imputation.seeds import draw_key, imputation_seed
from gpusynth.imputation.settings import ImputationSettings
from gpusynth.imputation.setup import Setup
from gpusynth.imputation.targets import Target
from gpusynth.imputation.traces import TraceRow, trace_row
from gpusynth.methods import Block, DrawnColumns, StepData
from gpusynth.plan import Step
from gpusynth.streams import StreamKey
from gpusynth.table import Table, exact_numbers

__all__ = ["Chain", "run_chain"]


class Chain:
    """One imputation while it runs.

    Parameters
    ----------
    setup : Setup
    settings : ImputationSettings
    number : int
        Of the imputation, from 1.
    tables : ChainTables
    n_threads : int
        For each fit; never changes a byte.
    """

    def __init__(
        self,
        setup: Setup,
        settings: ImputationSettings,
        number: int,
        *,
        tables: ChainTables,
        n_threads: int,
    ) -> None:
        self._setup = setup
        self._settings = settings
        self._number = number
        self._tables = tables
        self._n_threads = n_threads
        self._seed = imputation_seed(settings.seed)
        self._rows = _own_rows(setup, number)
        self._n_rows = setup.table.n_rows
        self._read = self._rows.reader(slice(None))
        self._table = Table(
            schema=setup.table.schema,
            codecs=setup.table.codecs,
            codes=self._rows.codes,
            values=self._rows.values,
            n_rows=self._n_rows,
        )

    def fill(self) -> None:
        """Fill every gap with an answer drawn from the answered rows of its column."""
        for target in self._setup.targets:
            rows, positions = self._open_rows(target)
            key = self._key(0, target.first_step)
            share = self._block(positions).uniform(key)[:, 0]
            donors = rows[(share * len(rows)).astype(np.int64)]
            values = self._setup.table.values.get(target.name)
            self._store(
                target.name,
                positions,
                self._setup.table.codes[target.name][donors],
                None if values is None else values[donors],
            )
        for formula in self._setup.formulas:
            self._compute(formula.name)
        self._lay_out()

    def restore(self, cells: Cells) -> None:
        """Fill every gap with what an earlier process left there.

        Parameters
        ----------
        cells : dict
            As `Chain.cells` returned them.
        """
        for name, missing in self._setup.cells.items():
            codes, values = cells[name]
            self._rows.codes[name][missing] = codes
            if values is not None:
                self._rows.values[name][missing] = values
        self._lay_out()

    def iterate(self, iteration: int) -> list[TraceRow]:
        """Draw every incomplete column anew, once.

        Parameters
        ----------
        iteration : int
            From 1.

        Returns
        -------
        list of TraceRow
            What the imputed answers are like now, one of each column in file order.
        """
        for target in self._setup.targets:
            self._draw(target, iteration)
            self._publish(target.name)
            for formula in self._setup.formulas:
                if target.name in formula.inputs:
                    self._compute(formula.name)
                    self._publish(formula.name)
        return [
            trace_row(self._table, name, missing, imputation=self._number, iteration=iteration)
            for name, missing in self._setup.cells.items()
        ]

    def cells(self) -> Cells:
        """Return what stands in the gaps now.

        Returns
        -------
        dict of str to tuple of (codes (n_missing,), values (n_missing,) or None)
        """
        return {
            name: (codes[missing], None if values is None else values[missing])
            for name, missing in self._setup.cells.items()
            for codes, values in (self._read(name),)
        }

    def _lay_out(self) -> None:
        """Put all columns into the layout of trees."""
        self._rows.tables[0] = self._tables.new(self._rows.codes, self._setup.cells)

    def _publish(self, name: str) -> None:
        """Let a column that was drawn anew predict others."""
        table, missing = self._rows.tables[0], self._setup.cells[name]
        if name in table.layout.position:
            table.change(name, missing, self._rows.codes[name][missing])

    def _draw(self, target: Target, iteration: int) -> None:
        rows, positions = self._open_rows(target)
        n_special = self._setup.table.codecs[target.name].n_special
        for step in target.steps:
            if step.part == "value":
                rows = rows[self._setup.table.codes[target.name][rows] >= n_special]
            if len(target.steps) > 1 and step.part == "value":
                positions = positions[self._read(target.name)[0][positions] >= n_special]
            if len(positions):
                self._draw_step(step, rows, positions, self._key(iteration, step.number))

    def _draw_step(self, step: Step, rows: Array, positions: Array, key: StreamKey) -> None:
        if self._settings.proper == "bootstrap":
            rows = bootstrap_rows(rows, key)
        data = StepData(
            predictors=self._rows.tables[0],
            columns=step.predictors,
            target=self._setup.step_targets[step.number],
            rows=rows,
            weight=self._setup.weight if step.method.is_weighted else None,
            n_real=self._n_rows,
            table=self._table,
            backend=self._setup.backend,
        )
        model = step.method.fit(data, n_threads=self._n_threads)
        drawn = DrawnColumns(self._rows.tables[0], self._read)
        codes, values = model.draw(drawn, key, self._block(positions))
        self._store(step.target, positions, codes, values)

    def _open_rows(self, target: Target) -> tuple[Array, Array]:
        """Return the rows to learn from and those to draw; rules settle the others."""
        answered, positions = target.answered, target.missing
        fixed = self._setup.conditions.fixed_rows(target.name, self._read, self._n_rows)
        if fixed is not None:
            self._apply_rules(target.name, positions)
            answered, positions = answered & ~fixed, positions[~fixed[positions]]
        rows = np.flatnonzero(answered).astype(np.int32)
        if not len(rows) and len(positions):
            raise DataError(
                f"column {target.name!r} has no answer to learn from: its rules fix every answered "
                "row, and rows that no rule fixes are to be imputed. Correct the rules."
            )
        return rows, positions

    def _apply_rules(self, name: str, positions: Array) -> None:
        """Give missing rows what rules fix; later rules count more."""
        for rule in self._setup.conditions.rules.get(name, ()):
            chosen = positions[rule.when.truth(self._read, self._n_rows)[positions]]
            codes = np.full(len(chosen), rule.code, self._rows.codes[name].dtype)
            values = None if rule.value is None else np.full(len(chosen), rule.value)
            self._store(name, chosen, codes, values)

    def _compute(self, name: str) -> None:
        formula = next(one for one in self._setup.formulas if one.name == name)
        self._store(name, formula.missing, *formula.compute(self._read))
        self._apply_rules(name, formula.missing)

    def _store(self, name: str, positions: Array, codes: Array, values: Array | None) -> None:
        self._rows.codes[name][positions] = codes
        room = self._rows.values.get(name)
        if room is None:
            return
        if values is None:
            codec = self._setup.table.codecs[name]
            if not codec.is_exact:
                return  # states: their numbers have no meaning
            values = exact_numbers(codec, codes, room.dtype)
        room[positions] = values

    def _key(self, iteration: int, step: int) -> StreamKey:
        return draw_key(self._seed, imputation=self._number, iteration=iteration, step=step)

    def _block(self, positions: Array) -> Block:
        return Block(0, self._n_rows, self._n_rows, positions=positions)


def _own_rows(setup: Setup, number: int) -> SyntheticRows:
    """Return columns of which the incomplete ones are copies; the others are the file's."""
    table = setup.table
    codes = {
        name: column.copy() if name in setup.cells else column
        for name, column in table.codes.items()
    }
    values = {
        name: column.copy() if name in setup.cells else column
        for name, column in table.values.items()
    }
    for name, dtype in setup.new_values.items():
        if name not in values:
            values[name] = exact_numbers(table.codecs[name], codes[name], dtype)
    return SyntheticRows(number, table.n_rows, codes=codes, values=values)


def run_chain(
    setup: Setup,
    settings: ImputationSettings,
    number: int,
    *,
    tables: ChainTables,
    n_threads: int,
    done: Callable[[], None],
    stopped: Event,
    checkpoints: Checkpoints | None = None,
) -> tuple[Cells, list[TraceRow]]:
    """Run one imputation from its first fill to the last iteration.

    Parameters
    ----------
    setup : Setup
    settings : ImputationSettings
    number : int
        Of the imputation, from 1.
    tables : ChainTables
    n_threads : int
    done : callable
        Called after each iteration, and for each that an earlier process had finished.
    stopped : threading.Event
        Set where nobody waits for the chain any more: it ends after the iteration that is
        under way, which is not put down.
    checkpoints : Checkpoints, optional
        Of the run, where every iteration is put down and found.

    Returns
    -------
    tuple of (dict of imputed cells, list of TraceRow)
    """
    found = None
    if checkpoints is not None:
        found = find_chain(checkpoints, setup, number, iterations=settings.iterations)
    first = 1
    traces: list[TraceRow] = []
    if checkpoints is not None and found is not None:
        first, traces = found.iteration + 1, found.traces
        checkpoints.n_found += found.iteration
        for _ in range(found.iteration):
            done()
        if found.iteration == settings.iterations:
            return found.cells, traces
    chain = Chain(setup, settings, number, tables=tables, n_threads=n_threads)
    if found is None:
        chain.fill()
    else:
        chain.restore(found.cells)
    for iteration in range(first, settings.iterations + 1):
        if stopped.is_set():
            break
        rows = chain.iterate(iteration)
        traces += rows
        if checkpoints is not None and not stopped.is_set():
            put_chain(checkpoints, number, iteration, chain.cells(), rows)
        done()
    return chain.cells(), traces
