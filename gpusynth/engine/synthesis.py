"""Synthesis: fit every step and draw every replicate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from gpusynth.backends import CPU, Backend
from gpusynth.engine.checkpoint.checkpoints import Checkpoints
from gpusynth.engine.draw.allocation import allocate_replicates
from gpusynth.engine.draw.drawing import ColumnDraw
from gpusynth.engine.draw.edits import EditCounts
from gpusynth.engine.draw.finishing import Finished, finish_replicates
from gpusynth.engine.draw.recalled import is_drawn_from
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.draw.stages import Stages
from gpusynth.engine.draw.uniques import redraw_replicated, redraw_window
from gpusynth.engine.fitting import StepModels, fit_step
from gpusynth.engine.measure import Stopwatch, timed
from gpusynth.engine.memory import Memory
from gpusynth.engine.progress import Listener
from gpusynth.engine.real.prepared import Prepared
from gpusynth.engine.schedule import Scheduler
from gpusynth.engine.settings import RunSettings
from gpusynth.errors import PlanError
from gpusynth.methods import ModelSize
from gpusynth.plan import Step
from gpusynth.trees import warm_up

__all__ = ["Synthesis", "load_kernels"]


def load_kernels(listener: Listener, stopwatch: Stopwatch, backend: Backend = CPU) -> None:
    """Compile or load every kernel, so that no fit's time holds a compiler's.

    Parameters
    ----------
    listener : Listener
    stopwatch : Stopwatch
    backend : Backend
    """
    with stopwatch.phase("load kernels"):
        listener.start("load kernels", None)
        warm_up(backend)


@dataclass(slots=True)
class Synthesis:
    """Fit and draw; what was measured on the way stays here.

    Attributes
    ----------
    prepared : Prepared
    listener : Listener
    stopwatch : Stopwatch
    sizes : dict of int to ModelSize
        Step number -> size of its model, once fitted.
    edit_counts : EditCounts
    fit_notes : dict of int to str
        Step number -> what a fit has to say of itself, such as that it did not converge.
    checkpoints : Checkpoints or None
        Where finished work is put down and found.
    gives_cudf : bool
        Whether the replicates become data frames of cuDF.
    finished : Finished
        What was done to replicates once their columns were drawn.
    """

    prepared: Prepared
    listener: Listener
    stopwatch: Stopwatch
    sizes: dict[int, ModelSize] = field(default_factory=dict)
    edit_counts: EditCounts = field(default_factory=EditCounts)
    fit_notes: dict[int, str] = field(default_factory=dict)
    checkpoints: Checkpoints | None = None
    gives_cudf: bool = False
    finished: Finished = field(init=False)
    _threads_of_a_fit: int = field(default=1, init=False)

    def __post_init__(self) -> None:
        self.finished = Finished(self.edit_counts)

    def fit(self, threads: int) -> dict[int, StepModels]:
        """Fit all steps and keep the models.

        Parameters
        ----------
        threads : int

        Returns
        -------
        dict of int to StepModels
            By step number.

        Raises
        ------
        PlanError
            If the synthesis is proper: then models belong to replicates.
        """
        if self.prepared.plan.proper != "none":
            raise PlanError(
                "a proper synthesis fits every replicate anew, so it cannot be fitted once. "
                'Use synthesize, or proper = "none".'
            )
        return self.fit_all(RunSettings(threads=threads))

    def fit_all(self, settings: RunSettings) -> dict[int, StepModels]:
        """Fit all steps, each replicate anew where the synthesis is proper, and keep the models.

        Models that are put down stay until `Checkpoints.forget_models` is called: nobody knows
        here when the last draw is done.

        Parameters
        ----------
        settings : RunSettings

        Returns
        -------
        dict of int to StepModels
            By step number.
        """
        models: dict[int, StepModels] = {}

        def keep(step: Step, model: StepModels) -> Stages:
            models[step.number] = model
            return []

        def fit(step: Step) -> StepModels:
            return self._fit(step, settings)

        n_rows = self.prepared.table.n_rows
        threads, memory = settings.n_threads, Memory()
        self._run(
            "fit", fit, keep, n_rows=n_rows, threads=threads, memory=memory, keeps_models=True
        )
        return models

    def recall_fits(self) -> bool:
        """Remember all fits that an earlier process made, where nothing draws from them any more.

        Returns
        -------
        bool
            False where a fit is not known: then all must be made or read.
        """
        checkpoints, steps = self.checkpoints, self.prepared.plan.steps
        if checkpoints is None or any(checkpoints.recorded_fit(step) is None for step in steps):
            return False
        for step in steps:
            self.recall_fit(step)
        return True

    def draw(
        self,
        settings: RunSettings,
        *,
        models: Mapping[int, StepModels] | None = None,
        scratch: Path | None = None,
        n_steps: int | None = None,
        only: int | None = None,
        part: tuple[int, int] | None = None,
    ) -> list[SyntheticRows]:
        """Draw all replicates, fitting each step on the way unless models are given.

        Without `models` the real columns are let go one by one: it can be called once.

        Parameters
        ----------
        settings : RunSettings
        models : mapping of int to StepModels, optional
            By step number; a model that is not given is let go after its last draw.
        scratch : pathlib.Path, optional
            Where columns may be put when memory is short.
        n_steps : int, optional
            Draw only this many steps, the first in visit order; all by default.
        only : int, optional
            The one replicate to draw; all by default.
        part : tuple of (int, int), optional
            Draw only the rows from the first number to before the second, for whoever joins parts.

        Returns
        -------
        list of SyntheticRows
        """
        prepared = self.prepared
        n_rows = self.n_rows(settings)
        numbers = self.undrawn(settings, scratch) if only is None else [only]
        memory = Memory(settings.memory_bytes, scratch)
        replicates = allocate_replicates(
            prepared,
            settings,
            numbers,
            n_rows=n_rows,
            memory=memory,
            gives_cudf=self.gives_cudf,
            part=part,
        )
        states: dict[str, tuple[Step, StepModels]] = {}
        window = redraw_window(prepared.plan)
        windows: list[list[ColumnDraw]] = [[] for _ in replicates]

        def draws(step: Step, model: StepModels) -> Stages:
            if step.part == "state":
                states[step.target] = (step, model)
            state = states.pop(step.target, None) if step.part == "value" else None
            stages = []
            for rows, again in zip(replicates, windows, strict=True):
                counts = self.edit_counts if self.checkpoints is None else EditCounts()
                column = ColumnDraw(prepared, step, model, state, rows, settings.seed, counts)
                if step.number in window and step.part != "state":
                    again.append(column)
                    if step.number == window[-1]:
                        column.at_end = partial(self._redraw, again)
                stages.append(self._stages(column))
            return self._side_by_side(step, stages)

        def known(step: Step) -> StepModels:
            if models is not None:
                return models[step.number]
            return self._recalled_fit(step, numbers) or self._fit(step, settings)

        rows = len(numbers) * n_rows + (0 if models else prepared.table.n_rows)
        phase = "fit and draw" if models is None else "draw"
        last_uses = prepared.last_uses() if models is None else {}
        self._run(
            phase,
            known,
            draws,
            n_rows=rows,
            threads=settings.n_threads,
            memory=memory,
            last_uses=last_uses,
            n_steps=n_steps,
        )
        if part is None:
            finish_replicates(
                prepared,
                replicates,
                self.finished,
                seed=settings.seed,
                listener=self.listener,
                stopwatch=self.stopwatch,
            )
        return replicates

    def _redraw(self, window: list[ColumnDraw]) -> None:
        """Draw replicated uniques of a replicate again, and let the models of the window go."""
        choice, records = self.prepared.plan.replicated_uniques, self.prepared.uniques
        if choice is not None and records is not None:
            redraw_replicated(window, records, choice)
        window.clear()

    def n_rows(self, settings: RunSettings) -> int:
        """Return the rows of each replicate.

        Raises
        ------
        PlanError
            If the run asks for another number than the plan's start table or strata give.
        """
        given = self.prepared.start.n_rows
        if given is None:
            return self.prepared.table.n_rows if settings.n_rows is None else settings.n_rows
        if settings.n_rows not in (None, given):
            raise PlanError(
                f"{settings.n_rows} rows are asked for, but the plan's start table or strata give "
                f"{given}. Leave the number of rows out."
            )
        return given

    def undrawn(self, settings: RunSettings, staging: Path | None) -> list[int]:
        """Return the replicates that no earlier process has written; count the others' edits."""
        numbers = range(1, settings.n_replicates + 1)
        if self.checkpoints is None or staging is None:
            return list(numbers)
        steps = [step.number for step in self.prepared.plan.steps]
        found = self.checkpoints.find_written(numbers, steps, staging, self.edit_counts)
        for number, details in found.items():
            self.finished.restore(number, details)
        return [number for number in numbers if number not in found]

    def _stages(self, column: ColumnDraw) -> Stages:
        if self.checkpoints is None:
            return column.stages()
        window = redraw_window(self.prepared.plan)
        if column.step.number in window and not self.checkpoints.has_draw(
            window[-1], column.rows.number
        ):
            # What is drawn again with the last of them needs their models and smoothers.
            return self.checkpoints.stages(column, self.edit_counts, anew=True)
        return self.checkpoints.stages(column, self.edit_counts)

    def _recalled_fit(self, step: Step, replicates: Sequence[int]) -> StepModels | None:
        """Return empty models where nothing draws from them any more, else None."""
        checkpoints = self.checkpoints
        if checkpoints is None or is_drawn_from(step, self.prepared, checkpoints, replicates):
            return None
        return StepModels(()) if self.recall_fit(step) else None

    def recall_fit(self, step: Step) -> bool:
        """Remember what is put down of a step's fit; return False where nothing is."""
        recorded = None if self.checkpoints is None else self.checkpoints.recorded_fit(step)
        if recorded is None:
            return False
        self.stopwatch.add_fit(step.number, [recorded["cpu_seconds"], recorded["wall_seconds"]])
        self.sizes[step.number] = ModelSize(recorded["n_leaves"], recorded["depth"])
        if recorded["note"]:
            self.fit_notes[step.number] = recorded["note"]
        return True

    def _side_by_side(self, step: Step, columns: list[Stages]) -> Stages:
        """Join the stages of all replicates and time each task."""

        def timed_task(task: Callable[[], None]) -> Callable[[], None]:
            def run() -> None:
                with timed() as spent:
                    task()
                self.stopwatch.add_draw(step.number, spent)

            return run

        return [
            [timed_task(task) for tasks in side_by_side for task in tasks]
            for side_by_side in zip_longest(*columns, fillvalue=())
        ]

    def _fit(self, step: Step, settings: RunSettings) -> StepModels:
        with timed() as spent:
            options: dict[str, Any] = {"n_threads": self._threads_of_a_fit}
            if self.checkpoints is not None:
                options["recall"] = self.checkpoints.recall(step, self.prepared)
            models = fit_step(
                step,
                self.prepared,
                seed=settings.seed,
                n_replicates=settings.n_replicates,
                **options,
            )
        self.take_fit(step, models.size, models.note, spent)
        return models

    def take_fit(self, step: Step, size: ModelSize, note: str, spent: list[float]) -> None:
        """Remember what the manifest says of a step's fit, and put it down."""
        self.stopwatch.add_fit(step.number, spent)
        self.sizes[step.number] = size
        if note:
            self.fit_notes[step.number] = note
        if self.checkpoints is not None:
            self.checkpoints.record_fit(step, size, note, spent)

    def _run(
        self,
        phase: str,
        fit: Callable[[Step], StepModels],
        draws: Callable[[Step, StepModels], Stages],
        *,
        n_rows: int,
        threads: int,
        memory: Memory,
        last_uses: Mapping[int, list[str]] | None = None,
        n_steps: int | None = None,
        keeps_models: bool = False,
    ) -> None:
        """Schedule all steps; a step counts as one unit of work and one for each predictor."""
        steps = self.prepared.plan.steps[:n_steps]

        def done(step: Step) -> None:
            for column in (last_uses or {}).get(step.number, ()):
                self.prepared.release(column)
            if self.checkpoints is not None and not keeps_models and step.part != "state":
                self.checkpoints.forget_models({step.number, step.number - 1})
            self.listener.advance(step.target, work=1 + len(step.predictors), rows=n_rows)

        self.listener.start(phase, sum(1 + len(step.predictors) for step in steps))
        with self.stopwatch.phase(phase):
            fits = memory.fits_at_a_time(self.prepared.table.n_rows, threads)
            self._threads_of_a_fit = threads // fits
            Scheduler(steps, fit=fit, draws=draws, drawn=done, threads=threads, fits=fits).run()
