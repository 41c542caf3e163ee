"""Distribute: the coordinator of a run whose fits and draws are done by a cluster's workers.

It reads the data, shares them, hands out tasks and puts down what is finished, so that the run can
be resumed with or without a cluster. All bytes are those of a run in one process: a task computes
what that process would, from the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gpusynth.engine.checkpoint.checkpoints import Checkpoints
from gpusynth.engine.checkpoint.journal import JournalEntry
from gpusynth.engine.cluster.draws import Draws
from gpusynth.engine.cluster.shared import TABLE_NAME, write_shared
from gpusynth.engine.cluster.tasks import FitTask, RunSite, fit_tasks, needs_fit, wanted_models
from gpusynth.engine.cluster.worker import fit_models
from gpusynth.engine.cluster.workers import Task, Workers
from gpusynth.engine.draw.recalled import is_drawn_from
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.files.directory import RunDirectory
from gpusynth.engine.files.step_files import read_step_models
from gpusynth.engine.fitting import fit_step
from gpusynth.engine.measure import timed
from gpusynth.engine.settings import RunSettings
from gpusynth.engine.synthesis import Synthesis
from gpusynth.errors import DataError, ModelFileError, OutputError, PlanError
from gpusynth.methods import ModelSize
from gpusynth.methods.user import UserMethod
from gpusynth.plan import Step, SynthesisPlan

__all__ = ["check_distributable", "draw_on"]


def check_distributable(plan: SynthesisPlan) -> None:
    """Refuse a plan that workers cannot carry out.

    Parameters
    ----------
    plan : SynthesisPlan

    Raises
    ------
    PlanError
        If a method is user-written: code is not sent to workers.
    """
    for step in plan.steps:
        if isinstance(step.method, UserMethod):
            raise PlanError(
                f"column {step.target!r}: the method {step.method.name!r} is user-written, and "
                "code is not sent to workers. Run without a cluster, or choose another method."
            )


def draw_on(
    client: Any, synthesis: Synthesis, settings: RunSettings, directory: RunDirectory
) -> list[SyntheticRows]:
    """Fit all models and draw and write all replicates on a cluster.

    Parameters
    ----------
    client : distributed.Client
    synthesis : Synthesis
        With checkpoints.
    settings : RunSettings
    directory : RunDirectory
        Which all workers must see.

    Returns
    -------
    list of SyntheticRows
        Those that are still to be written: none but where weights are calibrated, which is done
        here, since it reads the files of margins.

    Raises
    ------
    ClusterError
        If workers differ, do not see the directory, or are lost for good.
    GpusynthError
        As for a run in one process.
    """
    if synthesis.checkpoints is None:
        raise OutputError("a distributed run needs checkpoints")
    check_distributable(synthesis.prepared.plan)
    workers = Workers(client)
    workers.check(directory.work.files)
    return _Coordinator(workers, synthesis, settings, directory, synthesis.checkpoints).run()


class _Coordinator:
    """One distributed run."""

    def __init__(
        self,
        workers: Workers,
        synthesis: Synthesis,
        settings: RunSettings,
        directory: RunDirectory,
        checkpoints: Checkpoints,
    ) -> None:
        self._workers, self._synthesis, self._settings = workers, synthesis, settings
        self._directory, self._checkpoints = directory, checkpoints
        self._prepared = synthesis.prepared
        self._fitted: dict[int, dict[tuple[int, int], Mapping[str, Any]]] = {}

    def run(self) -> list[SyntheticRows]:
        numbers = self._synthesis.undrawn(self._settings, self._directory.staging)
        site = self._share() if numbers else {}
        self._recall_fits()
        unneeded = self._unneeded(numbers)
        if numbers:
            self._fit_all(site, unneeded)
        self._settle_fits()
        if numbers and self._prepared.calibrations:
            return self._synthesis.draw(self._settings, scratch=self._directory.staging)
        if numbers:
            draws = Draws(
                self._workers,
                self._synthesis,
                self._settings,
                self._directory,
                self._checkpoints,
                {**site, "unneeded": unneeded},
            )
            draws.draw(numbers)
        return []

    def _share(self) -> dict[str, Any]:
        """Write the shared table and return the run's site."""
        self._synthesis.listener.start("share data", None)
        files = self._directory.work.files.resolve()
        with self._synthesis.stopwatch.phase("share data"):
            digest = write_shared(files / TABLE_NAME, self._prepared)
        own = self._settings
        return RunSite(
            str(files),
            str(self._directory.staging.resolve()),
            digest,
            own.seed,
            own.n_replicates,
            own.n_rows,
            own.format,
            own.device,
        ).to_plain()

    def _recall_fits(self) -> None:
        """Find the models that an earlier process has put down."""
        wanted = wanted_models(self._prepared, self._settings.n_replicates)
        for step in self._prepared.plan.steps:
            if not needs_fit(step):
                continue
            found: dict[tuple[int, int], Mapping[str, Any]] = {}
            for replicate, stratum in wanted:
                entry = self._checkpoints.known_model(step.number, replicate, stratum)
                if entry is not None:
                    found[replicate, stratum] = {**entry.details, "file": entry.file}
            self._fitted[step.number] = found

    def _unneeded(self, numbers: Sequence[int]) -> list[int]:
        """Return the steps that one process had drawn everywhere when it was cut short."""
        return [
            step.number
            for step in self._prepared.plan.steps
            if not is_drawn_from(step, self._prepared, self._checkpoints, numbers)
        ]

    def _fit_all(self, site: Mapping[str, Any], unneeded: Sequence[int]) -> None:
        """Hand out all fits that are missing."""
        steps = self._prepared.plan.steps
        known = {number: list(found) for number, found in self._fitted.items()}
        known |= dict.fromkeys(unneeded, wanted_models(self._prepared, self._settings.n_replicates))
        wanted = fit_tasks(self._prepared, self._settings.n_replicates, known)
        tasks = {task.name: (task, own) for own in wanted for task in [_fit_task(own, site, steps)]}
        listener = self._synthesis.listener
        listener.start("fit", sum(own.cost for own in wanted))
        with self._synthesis.stopwatch.phase("fit"):
            answers = self._workers.answers(fit_models, [task for task, _ in tasks.values()])
            for task, answer in answers:
                own = tasks[task.name][1]
                for model in answer["models"]:
                    self._take_model(own, model)
                self._add_busy(answer)
                label = steps[own.step - 1].target
                listener.advance(label, work=own.cost, rows=self._prepared.table.n_rows)

    def _add_busy(self, answer: Mapping[str, Any]) -> None:
        """Add the seconds that a worker was busy: summed over workers, not those of the run."""
        phases = self._synthesis.stopwatch.phases
        phases["fit tasks"] = phases.get("fit tasks", 0.0) + float(answer["busy_seconds"])

    def _take_model(self, task: FitTask, model: Mapping[str, Any]) -> None:
        stratum = int(model["stratum"])
        details = {
            name: model[name]
            for name in ("n_leaves", "depth", "note", "cpu_seconds", "wall_seconds")
        }
        self._checkpoints.record(
            JournalEntry(
                kind="model",
                step=task.step,
                replicate=task.replicate,
                stratum=stratum,
                file=str(model["file"]),
                n_bytes=int(model["n_bytes"]),
                sha256=str(model["sha256"]),
                details=details,
            )
        )
        self._fitted[task.step][task.replicate, stratum] = details

    def _settle_fits(self) -> None:
        """Say of every step what the manifest needs."""
        for step in self._prepared.plan.steps:
            if not self._synthesis.recall_fit(step):
                self._settle(step)

    def _settle(self, step: Step) -> None:
        if not needs_fit(step):
            with timed() as spent:
                models = fit_step(step, self._prepared, n_replicates=1)
            self._synthesis.take_fit(step, models.size, models.note, spent)
            return
        found = {
            key: self._described(step, model) for key, model in self._fitted[step.number].items()
        }
        first = min(replicate for replicate, _ in found)
        of_first = [found[key] for key in sorted(found) if key[0] == first]
        size = ModelSize(
            sum(int(model["n_leaves"]) for model in of_first),
            max(int(model["depth"]) for model in of_first),
        )
        notes = {str(model["note"]) for model in of_first if model["note"]}
        spent = [
            sum(float(model[name]) for model in found.values())
            for name in ("cpu_seconds", "wall_seconds")
        ]
        self._synthesis.take_fit(step, size, "; ".join(sorted(notes)), spent)

    def _described(self, step: Step, model: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return size and note of a model; a single process puts down its file only."""
        if "n_leaves" in model:
            return model
        unknown: dict[str, Any] = {"n_leaves": 0, "depth": 0, "note": ""}
        try:
            models = read_step_models(
                self._checkpoints.files / str(model["file"]), step, self._prepared
            )
            unknown = {
                "n_leaves": models.size.n_leaves,
                "depth": models.size.depth,
                "note": models.note,
            }
        except (DataError, ModelFileError):
            self._checkpoints.damaged.append(str(model["file"]))
        return {**unknown, "cpu_seconds": 0.0, "wall_seconds": 0.0}


def _fit_task(task: FitTask, site: Mapping[str, Any], steps: tuple[Step, ...]) -> Task:
    name = f"fit-{task.step}-{task.replicate}-{task.strata[0]}"
    about = f"step {task.step}, column {steps[task.step - 1].target!r}"
    arguments = {
        "site": site,
        "step": task.step,
        "replicate": task.replicate,
        "strata": list(task.strata),
    }
    return Task(name, about, arguments)
