"""Run directory of linked files: replicates, schema and plan of each, and one manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpusynth.engine import Listener, Stopwatch
from gpusynth.engine.draw.tail_stage import reasons_and_tails, tail_notes
from gpusynth.engine.files.commit import checkpoint_counts, commit, move_models
from gpusynth.engine.files.directory import RunDirectory
from gpusynth.engine.files.manifest import Replicate, build_manifest
from gpusynth.engine.measure import peak_memory_bytes, versions
from gpusynth.engine.memory import Memory
from gpusynth.engine.settings import RunSettings
from gpusynth.engine.synthesis import Synthesis
from gpusynth.errors import OutputError
from gpusynth.io import file_sha256, write_json_atomic
from gpusynth.linked.link import Link
from gpusynth.linked.output import write_linked
from gpusynth.linked.prepared_family import PreparedFamily
from gpusynth.linked.synthesis import DrawnFile, synthesize_family
from gpusynth.table import write_schema
from gpusynth.table.run_files import check_own_name, read_run_json

__all__ = ["LinkedFile", "LinkedRun", "LinkedWriter", "read_linked_run", "write_family"]

_FORMAT = 1
_OF_FILE = (
    *("input", "schema_fingerprint", "plan_fingerprint", "timings", "notes", "pooling", "edits"),
    *("tails", "replicated_uniques", "variables", "calibration"),
)


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """One synthetic file of a run.

    Attributes
    ----------
    name : str
        What links call it.
    replicate : int
        From 1.
    path : pathlib.Path
    n_rows : int
    sha256 : str
    """

    name: str
    replicate: int
    path: Path
    n_rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class LinkedRun:
    """What a run has left in its directory.

    Attributes
    ----------
    path : pathlib.Path
    files : tuple of LinkedFile
        Parents before children, then by replicate.
    manifest : mapping
        As in manifest.json.
    """

    path: Path
    files: tuple[LinkedFile, ...]
    manifest: Mapping[str, Any]

    def paths(self, name: str) -> list[Path]:
        """Return the replicates of a file, in order."""
        return [file.path for file in self.files if file.name == name]


def read_linked_run(path: Path) -> LinkedRun:
    """Read what a finished run has left.

    Parameters
    ----------
    path : pathlib.Path
        The run directory.

    Returns
    -------
    LinkedRun

    Raises
    ------
    OutputError
        If it holds no finished run of linked files.
    """
    manifest = read_run_json(path, "manifest.json", OutputError)
    try:
        files = tuple(
            LinkedFile(
                str(output["name"]),
                int(output["replicate"]),
                path / check_own_name(output["file"], OutputError),
                int(output["n_rows"]),
                str(output["sha256"]),
            )
            for output in manifest["outputs"]
        )
    except (KeyError, TypeError, ValueError):
        raise OutputError(
            f"{path}: manifest.json is not as a run of linked files leaves it. Make the run again."
        ) from None
    return LinkedRun(path, files, manifest)


class LinkedWriter:
    """Writes replicates as they are drawn, and at last the manifest.

    Parameters
    ----------
    prepared : PreparedFamily
    settings : RunSettings
    directory : RunDirectory
    listener : Listener
    stopwatch : Stopwatch
    """

    def __init__(
        self,
        prepared: PreparedFamily,
        settings: RunSettings,
        directory: RunDirectory,
        listener: Listener,
        stopwatch: Stopwatch,
    ) -> None:
        self._prepared, self._settings = prepared, settings
        self._directory, self._listener, self._stopwatch = directory, listener, stopwatch
        self._files: list[LinkedFile] = []

    def write(self, drawn: DrawnFile) -> None:
        """Write one replicate of one file, unless an earlier process has written it.

        Parameters
        ----------
        drawn : DrawnFile

        Raises
        ------
        OutputError
        """
        settings, name, number = self._settings, drawn.name, drawn.rows.number
        path = self._directory.staging / f"{name}_{number:03d}.{settings.format}"
        place, file = self._directory.path / path.name, self._prepared.numbers[name]
        checkpoints = self._directory.checkpoints
        if checkpoints is not None:
            entry = checkpoints.written(number, self._directory.staging, step=file)
            if entry is not None:
                n_rows = int(entry.details["n_rows"])
                self._files.append(LinkedFile(name, number, place, n_rows, entry.sha256))
                return
        self._listener.start("write", drawn.rows.n_output)
        write_linked(
            drawn,
            self._prepared.output(name),
            path,
            plan_fingerprint=self._prepared.prepared(name).plan.fingerprint(),
            seed=settings.seed,
            listener=self._listener,
            notes=tail_notes(self._prepared.prepared(name)),
            n_threads=settings.n_threads,
            memory=Memory(settings.memory_bytes),
        )
        n_rows, sha256 = drawn.rows.n_output, file_sha256(path)
        self._files.append(LinkedFile(name, number, place, n_rows, sha256))
        if checkpoints is not None:
            checkpoints.record_written(number, path, sha256, n_rows, {}, step=file)

    def finish(self, links: Sequence[Link], syntheses: Mapping[str, Synthesis]) -> LinkedRun:
        """Write schemas, plans and the manifest, and commit the directory.

        Parameters
        ----------
        links : sequence of Link
        syntheses : mapping of str to Synthesis

        Returns
        -------
        LinkedRun

        Raises
        ------
        OutputError
            If a file cannot be written.
        DataError
            If an input file is no longer the one that was read.
        """
        directory, prepared = self._directory, self._prepared
        about = {}
        for name, own in prepared.inputs.items():
            output, plan = prepared.output(name), prepared.prepared(name).plan
            file = directory.staging / f"{name}_schema.toml"
            reasons = reasons_and_tails(own.reasons, prepared.prepared(name))
            write_schema(output.schema, file, reasons)
            about[file.name] = file_sha256(file)
            file = directory.staging / f"{name}_plan.json"
            write_json_atomic(file, {**plan.to_json(), "fingerprint": plan.fingerprint()})
            about[file.name] = file_sha256(file)
        for own in prepared.inputs.values():
            own.check_unchanged()
        manifest = self._manifest(links, syntheses, about)
        write_json_atomic(directory.staging / "manifest.json", manifest)
        move_models(directory, {number: name for name, number in prepared.numbers.items()})
        commit(directory)
        return LinkedRun(directory.path, tuple(self._files), manifest)

    def _manifest(
        self, links: Sequence[Link], syntheses: Mapping[str, Synthesis], about: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return the manifest; it names columns and counts, never a value of the data."""
        settings = self._settings
        return {
            "format": _FORMAT,
            "kind": "linked",
            "versions": versions(),
            "links": [link.model_dump(mode="json") for link in links],
            "inputs": {name: self._of_file(name, each) for name, each in syntheses.items()},
            "outputs": [
                {
                    "name": file.name,
                    "replicate": file.replicate,
                    "file": file.path.name,
                    "n_rows": file.n_rows,
                    "sha256": file.sha256,
                }
                for file in self._files
            ],
            "files": dict(about),
            "seed": str(settings.seed),  # JSON readers lose digits of 64-bit integers
            "n_replicates": settings.n_replicates,
            "n_rows": settings.n_rows,
            "threads": settings.n_threads,
            "batch_rows": settings.batch_rows,
            "backend": self._prepared.backend.to_json(),
            "peak_memory_bytes": peak_memory_bytes(),
            "checkpoints": checkpoint_counts(self._directory),
            "timings": {
                "wall_seconds": self._stopwatch.wall_seconds,
                "phases": dict(self._stopwatch.phases),
            },
        }

    def _of_file(self, name: str, synthesis: Synthesis) -> dict[str, Any]:
        replicates = [
            Replicate(file.replicate, file.path, file.n_rows, file.sha256)
            for file in self._files
            if file.name == name
        ]
        whole = build_manifest(synthesis, self._settings, replicates)
        own = {entry: whole[entry] for entry in _OF_FILE if entry in whole}
        given = self._prepared.inputs[name]
        n_columns = len(given.schema) - len(given.counts)
        own["input"] |= {"sha256": given.fingerprint, "n_columns": n_columns}
        return own


def write_family(
    prepared: PreparedFamily,
    links: Sequence[Link],
    settings: RunSettings,
    directory: RunDirectory,
    listener: Listener,
    stopwatch: Stopwatch,
) -> LinkedRun:
    """Synthesize all files into a run directory, as far as no earlier process has done it.

    Parameters
    ----------
    prepared : PreparedFamily
    links : sequence of Link
    settings : RunSettings
    directory : RunDirectory
    listener : Listener
    stopwatch : Stopwatch

    Returns
    -------
    LinkedRun

    Raises
    ------
    GpusynthError
    """
    writer = LinkedWriter(prepared, settings, directory, listener, stopwatch)
    syntheses = synthesize_family(
        prepared, settings, listener, stopwatch, writer.write, directory=directory
    )
    return writer.finish(links, syntheses)
