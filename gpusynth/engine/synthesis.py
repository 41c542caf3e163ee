"""Synthesis: fit every step and draw every replicate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gpusynth.engine.fitting import fit_step
from gpusynth.engine.measure import Stopwatch, timed
from gpusynth.engine.prepare import Prepared
from gpusynth.engine.progress import Listener
from gpusynth.engine.replicate import SyntheticRows, allocate, draw_tasks
from gpusynth.engine.schedule import Scheduler
from gpusynth.engine.settings import RunSettings
from gpusynth.methods import FittedModel, ModelSize, start_rows
from gpusynth.plan import Step
from gpusynth.trees import warm_up

__all__ = ["Synthesis", "load_kernels"]


def load_kernels(listener: Listener, stopwatch: Stopwatch) -> None:
    """Compile or load every kernel, so that no fit's time holds a compiler's.

    Parameters
    ----------
    listener : Listener
    stopwatch : Stopwatch
    """
    with stopwatch.phase("load kernels"):
        listener.start("load kernels", None)
        warm_up()


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
    """

    prepared: Prepared
    listener: Listener
    stopwatch: Stopwatch
    sizes: dict[int, ModelSize] = field(default_factory=dict)

    def fit(self, threads: int) -> dict[int, FittedModel]:
        """Fit all steps and keep the models.

        Parameters
        ----------
        threads : int

        Returns
        -------
        dict of int to FittedModel
            By step number.
        """
        models: dict[int, FittedModel] = {}

        def keep(step: Step, model: FittedModel) -> list[Callable[[], None]]:
            models[step.number] = model
            return []

        self._run("fit", self._fit, keep, n_rows=self.prepared.table.n_rows, threads=threads)
        return models

    def draw(
        self,
        settings: RunSettings,
        *,
        models: Mapping[int, FittedModel] | None = None,
        scratch: Path | None = None,
    ) -> list[SyntheticRows]:
        """Draw all replicates, fitting each step on the way unless models are given.

        Without `models` the real columns are let go one by one: it can be called once.

        Parameters
        ----------
        settings : RunSettings
        models : mapping of int to FittedModel, optional
            By step number; a model that is not given is let go after its last draw.
        scratch : pathlib.Path, optional
            Where columns may be put when memory is short.

        Returns
        -------
        list of SyntheticRows
        """
        real = self.prepared.table
        n_rows = real.n_rows if settings.n_rows is None else settings.n_rows
        layout = self.prepared.predictors.layout
        replicates = allocate(real, layout, n_rows, settings.n_replicates, scratch=scratch)

        def draws(step: Step, model: FittedModel) -> list[Callable[[], None]]:
            return draw_tasks(
                step, model, real, replicates, seed=settings.seed, stopwatch=self.stopwatch
            )

        def known(step: Step) -> FittedModel:
            return models[step.number] if models is not None else self._fit(step)

        rows = settings.n_replicates * n_rows + (0 if models else real.n_rows)
        phase = "fit and draw" if models is None else "draw"
        release = self.prepared.release if models is None else None
        self._run(phase, known, draws, n_rows=rows, threads=settings.n_threads, release=release)
        start_rows.cache_clear()
        for replicate in replicates:
            replicate.finish_drawing()
        return replicates

    def _fit(self, step: Step) -> FittedModel:
        prepared = self.prepared
        with timed() as spent:
            model = fit_step(step, prepared.table, prepared.predictors, prepared.weight)
        self.stopwatch.add_fit(step.number, spent)
        self.sizes[step.number] = model.size
        return model

    def _run(
        self,
        phase: str,
        fit: Callable[[Step], FittedModel],
        draws: Callable[[Step, FittedModel], list[Callable[[], None]]],
        *,
        n_rows: int,
        threads: int,
        release: Callable[[str], None] | None = None,
    ) -> None:
        """Schedule all steps; a step counts as one unit of work and one for each predictor."""
        steps = self.prepared.resolved.plan.steps

        def done(step: Step) -> None:
            if release is not None and step.part != "state":
                release(step.target)
            self.listener.advance(step.target, work=1 + len(step.predictors), rows=n_rows)

        self.listener.start(phase, sum(1 + len(step.predictors) for step in steps))
        with self.stopwatch.phase(phase):
            Scheduler(steps, fit=fit, draws=draws, drawn=done, threads=threads).run()
