"""Scheduler: draws in visit order, few models wait, errors come out."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import pytest

from gpusynth.engine.schedule import Scheduler
from gpusynth.methods import Sample
from gpusynth.plan import Step

STEPS = [Step(number, f"v{number}", "whole", Sample(), ()) for number in range(1, 21)]


@dataclass
class Recorder:
    """Counts what runs and what waits."""

    threads: int
    n_draws: int = 3
    broken: int | None = None

    def __post_init__(self):
        self.lock = threading.Lock()
        self.running = self.most_running = 0
        self.fitted = self.most_waiting = 0
        self.done: list[int] = []
        self.drawn: list[int] = []

    def fit(self, step: Step) -> str:
        self._enter()
        time.sleep(0.001 * (step.number % 3))  # so that fits end out of order
        if step.number == self.broken:
            raise RuntimeError(f"step {step.number}")
        with self.lock:
            self.running -= 1
            self.fitted += 1
            self.most_waiting = max(self.most_waiting, self.fitted - len(self.drawn))
        return step.target

    def draws(self, step: Step, model: str):
        assert model == step.target
        assert self.drawn == list(range(1, step.number))
        assert len(self.done) == self.n_draws * (step.number - 1)

        def draw() -> None:
            self._enter()
            with self.lock:
                self.running -= 1
                self.done.append(step.number)

        half = self.n_draws // 2
        return [[draw] * half, [], [draw] * (self.n_draws - half)]

    def _enter(self) -> None:
        with self.lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)

    def run(self) -> None:
        Scheduler(
            STEPS,
            fit=self.fit,
            draws=self.draws,
            drawn=lambda step: self.drawn.append(step.number),
            threads=self.threads,
        ).run()


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("n_draws", [0, 1, 4])
def test_order_and_bounds(threads, n_draws):
    recorder = Recorder(threads, n_draws)
    recorder.run()
    assert recorder.drawn == [step.number for step in STEPS]
    assert recorder.most_running <= threads
    assert recorder.most_waiting <= threads + 1


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_error_ends_the_run(threads):
    recorder = Recorder(threads, broken=5)
    with pytest.raises(RuntimeError, match="step 5"):
        recorder.run()
    assert recorder.drawn == [1, 2, 3, 4][: len(recorder.drawn)]


def test_a_slow_fit_does_not_leave_a_thread_without_work_afterwards():
    others_done, together = threading.Event(), threading.Barrier(2)

    def fit(step: Step) -> str:
        if step.number == 1:
            assert others_done.wait(10)
        elif step.number == 3:
            others_done.set()
        elif step.number in (4, 5):
            together.wait(10)  # each fit ends only if the other runs beside it
        return step.target

    Scheduler(STEPS[:5], fit=fit, draws=lambda *_: [], drawn=lambda _: None, threads=2).run()
