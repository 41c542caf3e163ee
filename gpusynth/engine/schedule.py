"""Scheduler: fits in parallel with a bounded look-ahead, draws in visit order.

Fits see real data only, so they may run in any order; a draw needs all earlier columns of its
replicate. At most `threads` tasks run at a time, and at most `fits` + 1 models are fitted or being
fitted ahead of the draws, so that memory does not grow with the number of columns. Results
cannot depend on the order, because every random number is a function of its key and counter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Generic, TypeVar

from gpusynth.plan import Step

__all__ = ["Scheduler"]

Model = TypeVar("Model")


class Scheduler(Generic[Model]):
    """Run every step's fit, then its draws.

    Parameters
    ----------
    steps : sequence of Step
        In visit order.
    fit : callable
        Step -> model; called from any thread.
    draws : callable
        (Step, model) -> stages of tasks that draw it; called in this thread, the tasks from any
        thread, all of a stage before the next stage, and all stages before the next step's.
    drawn : callable
        Step -> None, in this thread, when all its draws are done.
    threads : int
    fits : int, optional
        Most fits side by side, where memory holds no more; `threads` by default.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        fit: Callable[[Step], Model],
        draws: Callable[[Step, Model], Sequence[Sequence[Callable[[], None]]]],
        drawn: Callable[[Step], None],
        threads: int,
        fits: int | None = None,
    ) -> None:
        self._steps = steps
        self._fit = fit
        self._draws = draws
        self._drawn = drawn
        self._threads = threads
        self._most_fits = threads if fits is None else fits
        self._models: dict[int, Model] = {}
        self._stages: deque[Sequence[Callable[[], None]]] = deque()
        self._waiting: deque[Callable[[], None]] = deque()
        self._next_fit = 0
        self._next_draw = 0
        self._undone = 0  # draws of the current stage that have not finished
        self._fits: dict[Future[Model], int] = {}
        self._drawing: set[Future[None]] = set()

    def run(self) -> None:
        """Run to the end; the first error stops the run and is raised here."""
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="gpusynth")
        try:
            while self._next_draw < len(self._steps):
                self._begin_draw()
                self._fill(pool)
                self._collect()
        finally:
            # After an error running kernels cannot be stopped: they end by themselves, unheard.
            pool.shutdown(wait=False, cancel_futures=True)

    def _begin_draw(self) -> None:
        """Queue the draws of the next step once its model is there.

        Steps without any draws are passed at once: else they would hold back the look-ahead, and a
        thread would have nothing to fit.
        """
        while not self._undone and self._next_draw in self._models:
            step = self._steps[self._next_draw]
            self._stages.extend(self._draws(step, self._models[self._next_draw]))
            self._begin_stage()

    def _begin_stage(self) -> None:
        """Queue the next stage that has any tasks, or finish the step."""
        while self._stages:
            self._waiting.extend(self._stages.popleft())
            self._undone = len(self._waiting)
            if self._undone:
                return
        self._finish_draw()

    def _fill(self, pool: ThreadPoolExecutor) -> None:
        """Give every free thread a task: draws first, since each lets a model go."""
        while len(self._fits) + len(self._drawing) < self._threads:
            if self._waiting:
                self._drawing.add(pool.submit(self._waiting.popleft()))
            elif self._may_fit():
                step = self._steps[self._next_fit]
                self._fits[pool.submit(self._fit, step)] = self._next_fit
                self._next_fit += 1
            else:
                return

    def _may_fit(self) -> bool:
        if self._next_fit == len(self._steps) or len(self._fits) == self._most_fits:
            return False
        return self._next_fit - self._next_draw <= self._most_fits

    def _collect(self) -> None:
        """Wait for a task to end and take its result."""
        running: list[Future[Any]] = [*self._fits, *self._drawing]
        if not running:
            return
        for task in wait(running, return_when=FIRST_COMPLETED).done:
            if task in self._fits:
                self._models[self._fits.pop(task)] = task.result()
                continue
            self._drawing.remove(task)
            task.result()
            self._undone -= 1
            if not self._undone:
                self._begin_stage()

    def _finish_draw(self) -> None:
        del self._models[self._next_draw]
        self._drawn(self._steps[self._next_draw])
        self._next_draw += 1
