"""Draws: the coordinator hands out replicates, in parts where machines would have nothing to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gpusynth.engine.checkpoint.checkpoints import Checkpoints
from gpusynth.engine.cluster.parts import can_be_parted, parts_of
from gpusynth.engine.cluster.replicates import draw_part, draw_replicate, join_parts
from gpusynth.engine.cluster.workers import Task, Workers
from gpusynth.engine.draw.edits import EditCounts
from gpusynth.engine.files.directory import RunDirectory
from gpusynth.engine.settings import RunSettings
from gpusynth.engine.synthesis import Synthesis

__all__ = ["Draws"]


class Draws:
    """The draws of one distributed run.

    Parameters
    ----------
    workers : Workers
    synthesis : Synthesis
        Takes counts and seconds.
    settings : RunSettings
    directory : RunDirectory
    checkpoints : Checkpoints
        Takes the finished replicates.
    site : mapping
        Of `gpusynth.engine.cluster.tasks.RunSite`.
    """

    def __init__(
        self,
        workers: Workers,
        synthesis: Synthesis,
        settings: RunSettings,
        directory: RunDirectory,
        checkpoints: Checkpoints,
        site: Mapping[str, Any],
    ) -> None:
        self._workers, self._synthesis, self._settings = workers, synthesis, settings
        self._directory, self._checkpoints, self._site = directory, checkpoints, site

    def draw(self, numbers: Sequence[int]) -> None:
        """Draw and write replicates.

        Parameters
        ----------
        numbers : sequence of int
            Of the replicates.

        Raises
        ------
        GpusynthError
            As a worker raised it; `ClusterError` where workers or the scheduler were lost.
        """
        machines = self._workers.machines()
        most = len(machines) // len(numbers) if can_be_parted(self._synthesis.prepared.plan) else 1
        parts = parts_of(self._synthesis.n_rows(self._settings), most)
        listener = self._synthesis.listener
        with self._synthesis.stopwatch.phase("draw"):
            if len(parts) == 1:
                listener.start("draw", len(numbers))
                self._draw_whole(numbers, machines)
            else:
                listener.start("draw", len(numbers) * (len(parts) + 1))
                self._join(self._draw_parts(numbers, parts, machines), n_rows=parts[-1][1])

    def _draw_whole(self, numbers: Sequence[int], machines: Mapping[str, int]) -> None:
        tasks = [
            Task(
                f"draw-{number}",
                f"replicate {number}",
                {
                    "site": self._site,
                    "replicate": number,
                    "threads": threads,
                    "found": self._found(number),
                },
                machine,
            )
            for number, (machine, threads) in _spread(numbers, machines)
        ]
        for task, answer in self._workers.answers(draw_replicate, tasks):
            self._take(answer)
            self._record(int(task.arguments["replicate"]), answer, answer["edits"])
            self._synthesis.listener.advance(task.about, work=1, rows=int(answer["n_rows"]))

    def _draw_parts(
        self, numbers: Sequence[int], parts: Sequence[tuple[int, int]], machines: Mapping[str, int]
    ) -> dict[int, dict[int, Mapping[str, Any]]]:
        """Draw all parts; return the answer of each by replicate and first row."""
        wanted = [(number, part) for number in numbers for part in parts]
        tasks = [
            Task(
                f"draw-{number}-{part[0]}",
                f"replicate {number}",
                {
                    "site": self._site,
                    "replicate": number,
                    "threads": threads,
                    "found": self._found(number, is_counted=part == parts[0]),
                    "part": list(part),
                },
                machine,
            )
            for (number, part), (machine, threads) in _spread(wanted, machines)
        ]
        drawn: dict[int, dict[int, Mapping[str, Any]]] = {number: {} for number in numbers}
        for task, answer in self._workers.answers(draw_part, tasks):
            self._take(answer)
            first, end = task.arguments["part"]
            drawn[int(task.arguments["replicate"])][int(first)] = answer
            self._synthesis.listener.advance(task.about, work=1, rows=end - first)
        return drawn

    def _join(self, drawn: Mapping[int, Mapping[int, Mapping[str, Any]]], *, n_rows: int) -> None:
        """Put the parts of each replicate together."""
        tasks = []
        for number, own in drawn.items():
            parts = [
                [*own[first]["part"], own[first]["file"], own[first]["sha256"]]
                for first in sorted(own)
            ]
            arguments = {
                "site": self._site,
                "replicate": number,
                "found": self._found(number, is_counted=False),
                "n_rows": n_rows,
                "parts": parts,
            }
            tasks.append(Task(f"join-{number}", f"replicate {number}", arguments))
        for task, answer in self._workers.answers(join_parts, tasks):
            number = int(task.arguments["replicate"])
            self._take(answer)
            counts = EditCounts()
            for one in (*drawn[number].values(), answer):
                counts.add_counts(one["edits"])
            self._record(number, answer, counts.counts())
            for one in drawn[number].values():  # not by the worker, which may do it once more
                (self._directory.work.files / str(one["file"])).unlink(missing_ok=True)
            self._synthesis.listener.advance(task.about, work=1, rows=int(answer["n_rows"]))

    def _found(self, number: int, *, is_counted: bool = True) -> dict[str, Any]:
        """Return the steps that one process had drawn in a replicate, with what edits counted."""
        found = {}
        for step in self._synthesis.prepared.plan.steps:
            edits = self._checkpoints.draw_edits(step.number, number)
            if edits is not None:
                counted = {what: dict(own) for what, own in edits.items() if own and is_counted}
                found[str(step.number)] = counted
        return found

    def _take(self, answer: Mapping[str, Any]) -> None:
        """Take what a task says of damage and time."""
        stopwatch, name = self._synthesis.stopwatch, "draw tasks"
        busy = float(answer["busy_seconds"])  # summed over workers, not seconds of the run
        stopwatch.phases[name] = stopwatch.phases.get(name, 0.0) + busy
        found = [file for file in answer["damaged"] if file not in self._checkpoints.damaged]
        self._checkpoints.damaged.extend(map(str, found))
        for step, spent in answer["steps"].items():
            stopwatch.add_draw(int(step), list(spent))

    def _record(
        self, number: int, answer: Mapping[str, Any], edits: Mapping[str, Mapping[str, int]]
    ) -> None:
        """Put down a replicate that is written."""
        file = self._directory.staging / f"replicate_{number:03d}.{self._settings.format}"
        n_rows, sha256 = int(answer["n_rows"]), str(answer["sha256"])
        self._checkpoints.record_written(number, file, sha256, n_rows, {"edits": dict(edits)})
        self._synthesis.edit_counts.add_counts(edits)


def _spread(work: Sequence[Any], machines: Mapping[str, int]) -> list[tuple[Any, tuple[str, int]]]:
    """Give each piece of work a machine in turn, and its share of what that does at a time."""
    names = list(machines)
    places = [names[place % len(names)] for place in range(len(work))]
    return [
        (one, (name, max(machines[name] // places.count(name), 1)))
        for one, name in zip(work, places, strict=True)
    ]
