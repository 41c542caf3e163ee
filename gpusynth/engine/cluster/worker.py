"""Worker: fits in the processes of a cluster; Dask calls these functions by name.

Every file is written under a name of its own and then renamed, so that a worker that was thought
lost and another that took its task over cannot disturb each other: both write the same bytes.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from gpusynth.engine.checkpoint.checkpoints import model_file_name
from gpusynth.engine.checkpoint.pins import code_pins
from gpusynth.engine.cluster.shared import TABLE_NAME, open_shared
from gpusynth.engine.cluster.tasks import RunSite
from gpusynth.engine.files.step_files import write_step_models
from gpusynth.engine.fitting import StepModels, fit_step
from gpusynth.engine.measure import timed
from gpusynth.engine.real.prepared import Prepared
from gpusynth.errors import GpusynthError
from gpusynth.io import writing
from gpusynth.methods import FittedModel
from gpusynth.plan import Step

__all__ = [
    "UNFINISHED",
    "Answer",
    "answered",
    "describe_worker",
    "fit_models",
    "wait_until_idle",
]

UNFINISHED = "unfinished_"
"""What the name of a file begins with until it is complete."""

Answer = dict[str, Any]
"""What a task returns: texts and numbers."""

_CHANGED = threading.Condition()
_RUNNING: set[UUID] = set()


class _AllFittedError(Exception):
    """Every wanted model is fitted; the others of the step are left to other tasks."""


def describe_worker(token_file: str) -> Answer:
    """Return what must be the same in all processes, and what a file in the run's directory says.

    Parameters
    ----------
    token_file : str

    Returns
    -------
    dict
        With `code`, versions and fingerprints, and `token`, empty where the file cannot be read.
    """
    try:
        token = Path(token_file).read_text(encoding="ascii")
    except (OSError, ValueError):
        token = ""
    return {"code": code_pins(), "token": token}


def fit_models(site: Mapping[str, Any], step: int, replicate: int, strata: Sequence[int]) -> Answer:
    """Fit models of a step and write their files.

    Parameters
    ----------
    site : mapping
        Of `RunSite`.
    step : int
    replicate : int
        0 for all of them.
    strata : sequence of int

    Returns
    -------
    dict
        With `models`, a dict for each file; or with `error`, as `answered` says.
    """

    def fit() -> Answer:
        run = RunSite(**site)
        prepared = open_shared(f"{run.files}/{TABLE_NAME}", run.digest, run.device)
        fits = _Fits(run, prepared, prepared.plan.steps[step - 1], frozenset(strata))
        fits.fit(replicate)
        return {"models": fits.written}

    return answered(fit)


def answered(work: Callable[[], Answer]) -> Answer:
    """Return what work returns, or its error as texts: a traceback may quote the data.

    Parameters
    ----------
    work : callable

    Returns
    -------
    dict
        With `error`, the name of the error's class, and `message`, where it failed; always with
        `busy_seconds`.
    """
    with _at_work(), timed() as spent:
        answer = _answered(work)
    return {**answer, "busy_seconds": spent[1]}


def wait_until_idle(seconds: float) -> bool:
    """Wait for running tasks, whose files would else appear in a directory that was cleared.

    Parameters
    ----------
    seconds : float
        At most.

    Returns
    -------
    bool
        Whether none runs any more.
    """
    with _CHANGED:
        return _CHANGED.wait_for(lambda: not _RUNNING, seconds)


@contextmanager
def _at_work() -> Iterator[None]:
    task = uuid4()
    with _CHANGED:
        _RUNNING.add(task)
    try:
        yield
    finally:
        with _CHANGED:
            _RUNNING.remove(task)
            _CHANGED.notify_all()


def _answered(work: Callable[[], Answer]) -> Answer:
    try:
        return work()
    except GpusynthError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        return {"error": "MemoryError", "message": ""}
    except Exception as error:  # noqa: BLE001 - its message may hold values of the data
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{Path(frames[-1].filename).name} line {frames[-1].lineno}"
        return {"error": "fault", "message": f"{type(error).__name__} in {place}"}


_OTHERS: Any = None
"""Stands for a model of another task: nothing looks at it, as the last wanted one ends the step."""


class _Fits:
    """The wanted models of one step, fitted by what a single process fits them with."""

    def __init__(
        self, run: RunSite, prepared: Prepared, step: Step, strata: Collection[int]
    ) -> None:
        self._run, self._prepared, self._step = run, prepared, step
        self._left = set(strata)
        self._error: GpusynthError | None = None
        self.written: list[Answer] = []

    def fit(self, replicate: int) -> None:
        with suppress(_AllFittedError):
            fit_step(
                self._step,
                self._prepared,
                seed=self._run.seed,
                only=replicate,
                recall=self._fit_and_write,
            )
        if self._error is not None:
            raise self._error

    def _fit_and_write(
        self, fit: Callable[[], FittedModel], *, replicate: int, stratum: int
    ) -> Any:
        if stratum not in self._left:
            return _OTHERS
        try:
            with timed() as spent:
                model = fit()
            self._write(model, replicate, stratum, spent)
        except GpusynthError as error:
            # Not raised here: a stratum that fails would only be noted until all have failed.
            self._error = error
            raise _AllFittedError from None
        self._left.remove(stratum)
        if not self._left:
            raise _AllFittedError
        return _OTHERS

    def _write(
        self, model: FittedModel, replicate: int, stratum: int, spent: Sequence[float]
    ) -> None:
        step, models = self._step, StepModels((model,))
        name = model_file_name(step.number, replicate, stratum)
        place = Path(self._run.files) / name
        own = place.with_name(f"{UNFINISHED}{uuid4().hex}")
        try:
            digest = write_step_models(own, step, models, self._prepared)
            with writing(place):
                n_bytes = own.stat().st_size
                own.replace(place)
        finally:
            own.unlink(missing_ok=True)
        self.written.append(
            {
                "file": name,
                "n_bytes": n_bytes,
                "sha256": digest,
                "stratum": stratum,
                "n_leaves": models.size.n_leaves,
                "depth": models.size.depth,
                "note": models.note,
                "cpu_seconds": spent[0],
                "wall_seconds": spent[1],
            }
        )
