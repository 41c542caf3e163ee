"""Replicates: a worker draws one from the models' files and writes it, whole or in parts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from gpusynth.engine.checkpoint.checkpoints import model_file_name
from gpusynth.engine.cluster.found import FoundDraws
from gpusynth.engine.cluster.parts import read_part, write_part
from gpusynth.engine.cluster.shared import TABLE_NAME, open_shared
from gpusynth.engine.cluster.tasks import RunSite
from gpusynth.engine.cluster.worker import UNFINISHED, Answer, answered
from gpusynth.engine.delivery.output import write_replicate
from gpusynth.engine.draw.finishing import finish_replicates
from gpusynth.engine.draw.replicate import SyntheticRows, allocate
from gpusynth.engine.draw.tail_stage import tail_notes
from gpusynth.engine.files.step_files import read_step_models
from gpusynth.engine.fitting import StepModels, fit_step
from gpusynth.engine.measure import Stopwatch
from gpusynth.engine.memory import Memory
from gpusynth.engine.progress import SilentListener
from gpusynth.engine.real.prepared import Prepared
from gpusynth.engine.settings import RunSettings
from gpusynth.engine.synthesis import Synthesis
from gpusynth.errors import DataError, ModelFileError
from gpusynth.io import file_sha256, writing
from gpusynth.methods import FittedModel

__all__ = ["draw_part", "draw_replicate", "join_parts"]


def draw_replicate(
    site: Mapping[str, Any], replicate: int, threads: int, found: Mapping[str, Any]
) -> Answer:
    """Draw a replicate from the models' files and write it.

    Parameters
    ----------
    site : mapping
        Of `RunSite`.
    replicate : int
    threads : int
    found : mapping of str to mapping
        Number of each step that is drawn in a file already -> what its edits counted.

    Returns
    -------
    dict
        With rows, SHA-256, counts and seconds of the file; or with `error`, as `answered` says.
    """

    def draw() -> Answer:
        with _Work.on(site, replicate, threads, found) as work:
            return work.write(work.draw())

    return answered(draw)


def draw_part(
    site: Mapping[str, Any],
    replicate: int,
    threads: int,
    found: Mapping[str, Any],
    part: Sequence[int],
) -> Answer:
    """Draw some rows of a replicate and put them down for `join_parts`.

    Parameters
    ----------
    site : mapping
        Of `RunSite`.
    replicate : int
    threads : int
    found : mapping of str to mapping
        Number of each step that is drawn in a file already -> what its edits counted.
    part : sequence of int
        First row, and the row after the last.

    Returns
    -------
    dict
        With `file`, its SHA-256, counts and seconds; or with `error`, as `answered` says.
    """

    def draw() -> Answer:
        first, end = part
        with _Work.on(site, replicate, threads, found) as work:
            rows = work.draw((first, end))
            # Another worker that has the same task writes a file of its own.
            file = Path(work.run.files) / f"part_{replicate:05d}_{uuid4().hex}.arrow"
            sha256 = write_part(file, rows, (first, end))
            rows.finish_drawing()
            rows.clear()
            own = {"part": [first, end], "file": file.name, "sha256": sha256}
            return {**own, **work.report()}

    return answered(draw)


def join_parts(
    site: Mapping[str, Any],
    replicate: int,
    found: Mapping[str, Any],
    n_rows: int,
    parts: Sequence[Sequence[Any]],
) -> Answer:
    """Put the parts of a replicate together and write it; their files stay.

    Parameters
    ----------
    site : mapping
        Of `RunSite`.
    replicate : int
    found : mapping of str to mapping
        Number of each step that is drawn in a file already -> nothing: it is counted.
    n_rows : int
        Of the replicate.
    parts : sequence of (int, int, str, str)
        First row and the row after the last of each, its file and SHA-256, as `draw_part` answers.
        One that is missing or damaged is drawn here.

    Returns
    -------
    dict
        As `draw_replicate`.
    """

    def join() -> Answer:
        with _Work.on(site, replicate, 1, found) as work:
            return work.write(work.join(n_rows, parts))

    return answered(join)


class _Work:
    """One task on a replicate, with a private directory that goes when it ends."""

    def __init__(
        self, run: RunSite, replicate: int, threads: int, found: Mapping[str, Any], own: Path
    ) -> None:
        self.run, self._replicate, self._own, self._found = run, replicate, own, found
        self._settings: RunSettings = run.settings(threads)
        self._stopwatch = Stopwatch()
        self._prepared = open_shared(f"{run.files}/{TABLE_NAME}", run.digest, run.device)
        self._models = _ModelFiles(run, self._prepared, replicate)
        self._synthesis = self._new_synthesis()

    def _new_synthesis(self) -> Synthesis:
        checkpoints = None
        if self._found:
            checkpoints = FoundDraws(Path(self.run.files), self._replicate, self._found)
        return Synthesis(self._prepared, SilentListener(), self._stopwatch, checkpoints=checkpoints)

    @classmethod
    @contextmanager
    def on(
        cls, site: Mapping[str, Any], replicate: int, threads: int, found: Mapping[str, Any]
    ) -> Iterator[_Work]:
        run = RunSite(**site)
        own = Path(run.files) / f"{UNFINISHED}{uuid4().hex}"
        with writing(own):
            own.mkdir(mode=0o700)
        try:
            yield cls(run, replicate, threads, found, own)
        finally:
            shutil.rmtree(own, ignore_errors=True)

    def draw(self, part: tuple[int, int] | None = None) -> SyntheticRows:
        return self._draw(self._synthesis, part)

    def _draw(self, synthesis: Synthesis, part: tuple[int, int] | None) -> SyntheticRows:
        (rows,) = synthesis.draw(
            self._settings,
            models=self._models,
            scratch=self._own,
            only=self._replicate,
            part=part,
        )
        return rows

    def join(self, n_rows: int, parts: Sequence[Sequence[Any]]) -> SyntheticRows:
        prepared = self._prepared
        (rows,) = allocate(
            prepared.table,
            prepared.predictors.layout,
            prepared.start,
            n_rows,
            [self._replicate],
            seed=self.run.seed,
            memory=Memory(scratch=self._own),
            has_start=False,
        )
        for first, end, file, sha256 in parts:
            path = Path(self.run.files) / file
            try:
                read_part(path, sha256, rows, prepared)
            except DataError:
                self._models.damaged.append(file)
                self._draw_again((first, end), rows)
        finish_replicates(
            prepared,
            [rows],
            self._synthesis.finished,
            seed=self.run.seed,
            listener=SilentListener(),
            stopwatch=self._stopwatch,
        )
        return rows

    def _draw_again(self, part: tuple[int, int], rows: SyntheticRows) -> None:
        """Draw a part that was lost; its edits are counted already."""
        path = self._own / "part.arrow"
        sha256 = write_part(path, self._draw(self._new_synthesis(), part), part)
        read_part(path, sha256, rows, self._prepared)

    def write(self, rows: SyntheticRows) -> Answer:
        run, prepared, n_rows = self.run, self._prepared, rows.n_output
        file = self._own / f"replicate_{rows.number:03d}.{run.format}"
        write_replicate(
            rows,
            prepared.resolved,
            file,
            seed=run.seed,
            listener=SilentListener(),
            notes=tail_notes(prepared),
        )
        rows.clear()
        sha256 = file_sha256(file)
        with writing(file):
            file.replace(Path(run.staging) / file.name)
        return {"n_rows": n_rows, "sha256": sha256, **self.report()}

    def report(self) -> Answer:
        """Return what the manifest says of the task."""
        return {
            "edits": self._synthesis.edit_counts.counts(),
            "damaged": self._models.damaged,
            "steps": {
                str(number): [times.draw_cpu_seconds, times.draw_wall_seconds]
                for number, times in self._stopwatch.steps.items()
            },
        }


class _ModelFiles(Mapping[int, StepModels]):
    """The models of a replicate by step, read when they are asked for and not kept."""

    def __init__(self, run: RunSite, prepared: Prepared, replicate: int) -> None:
        self._run, self._prepared, self._replicate = run, prepared, replicate
        self.damaged: list[str] = []

    def __getitem__(self, number: int) -> StepModels:
        if number in self._run.unneeded:
            return StepModels(())
        step = self._prepared.plan.steps[number - 1]

        def read(fit: Callable[[], FittedModel], *, replicate: int, stratum: int) -> FittedModel:
            path = Path(self._run.files) / model_file_name(number, replicate, stratum)
            try:
                return read_step_models(path, step, self._prepared).models[0]
            except (DataError, ModelFileError):
                self.damaged.append(path.name)
                return fit()

        return fit_step(
            step, self._prepared, seed=self._run.seed, only=self._replicate, recall=read
        )

    def __iter__(self) -> Iterator[int]:
        return iter(range(1, len(self) + 1))

    def __len__(self) -> int:
        return len(self._prepared.plan.steps)
