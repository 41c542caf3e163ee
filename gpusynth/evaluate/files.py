"""Files of an evaluation: the real one, synthetic ones or a run directory, and a holdout."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpusynth.errors import DataError, IncomputableMetricError
from gpusynth.evaluate.results import Fact, Making, MakingCounts, VariableMaking
from gpusynth.io import Source, open_source, read_metadata
from gpusynth.table.asked_schema import known_schema
from gpusynth.table.run_files import own_file, read_run_json
from gpusynth.table.schema import Schema

__all__ = ["EvaluationFiles", "open_files", "read_making"]

_MANIFEST = "manifest.json"
_SCHEMA = "schema.toml"


@dataclass(frozen=True, slots=True)
class EvaluationFiles:
    """Opened files.

    Attributes
    ----------
    real : Source
    synthetic : tuple of Source
    holdout : Source or None
    schema : Schema
        Of the real file.
    making : Making or None
        What the run directory, or the synthetic file itself, says about its making.
    """

    real: Source
    synthetic: tuple[Source, ...]
    holdout: Source | None
    schema: Schema
    making: Making | None


def open_files(real: Any, synthetic: Any, holdout: Any, schema: Any) -> EvaluationFiles:
    """Open all files of an evaluation.

    Parameters
    ----------
    real : path, table or Source
    synthetic : the same, or a list of them, or the directory of a finished run
    holdout : path, table or Source, or None
    schema : Schema, InferredSchema or path, or None
        That of the run directory by default, else inferred.

    Returns
    -------
    EvaluationFiles

    Raises
    ------
    DataError
        If a file cannot be read, or a directory is not that of a finished run.
    IncomputableMetricError
        If there is no synthetic file.
    """
    given = list(synthetic) if isinstance(synthetic, (list, tuple)) else [synthetic]
    if not given:
        raise IncomputableMetricError("there is no synthetic file; name one or more")
    real_source = open_source(real)
    sources: list[Source] = []
    making: Making | None = None
    for one in given:
        if isinstance(one, (str, os.PathLike)) and Path(one).is_dir():
            paths, manifest = _run_files(Path(one))
            making = _read_checked(manifest, Path(one))
            sources += [open_source(path) for path in paths]
            if schema is None and (Path(one) / _SCHEMA).is_file():
                schema = own_file(Path(one), _SCHEMA, DataError)
        else:
            sources.append(open_source(one))
            making = making or _own_words(one)
    return EvaluationFiles(
        real=real_source,
        synthetic=tuple(sources),
        holdout=None if holdout is None else open_source(holdout),
        schema=known_schema(schema, real_source),
        making=making,
    )


def _read_checked(manifest: Mapping[str, Any], directory: Path) -> Making:
    try:
        return read_making(manifest)
    except (ValueError, TypeError, AttributeError, KeyError, ArithmeticError):
        raise DataError(
            f"{directory / _MANIFEST} is damaged. Give the synthetic files themselves."
        ) from None


def _run_files(directory: Path) -> tuple[list[Path], Mapping[str, Any]]:
    """Return the synthetic files of a finished run, and its manifest."""
    path = directory / _MANIFEST
    if not path.is_file():
        raise DataError(
            f"{directory} is a directory without {_MANIFEST}. Give synthetic files, or the "
            "directory of a finished run."
        )
    try:
        manifest = read_run_json(directory, _MANIFEST, DataError)
        kind, outputs = manifest.get("kind"), manifest["outputs"]
        if kind == "imputation":
            # A completed file holds the real rows; only what was made from it is synthetic.
            outputs = [output for output in outputs if output["synthesis"] is not None]
        files = [own_file(directory, output["file"], DataError) for output in outputs]
    except (DataError, KeyError, TypeError, AttributeError):
        raise DataError(
            f"{path} is damaged or no manifest of a run. Give the synthetic files themselves."
        ) from None
    if kind == "linked":
        raise DataError(
            f"{directory} is a run of several files. Name those that belong to the real file, "
            f"such as {files[0] if files else directory}."
        )
    if kind == "imputation" and not files:
        raise DataError(
            f"{directory} is an imputation without syntheses: its files hold real rows. "
            "Make some with --syntheses."
        )
    if not files:
        raise DataError(f"{path} lists no output. Give the synthetic files themselves.")
    return files, manifest


def _own_words(synthetic: Any) -> Making | None:
    """Return what a Parquet file of gpusynth says of itself; other files say nothing."""
    if not isinstance(synthetic, (str, os.PathLike)) or Path(synthetic).suffix != ".parquet":
        return None
    try:
        found = read_metadata(Path(synthetic))
    except DataError:
        return None
    return Making(
        facts=_facts(
            {
                "gpusynth": found.version,
                "seed": str(found.seed),
                "replicate": str(found.replicate),
                "plan fingerprint": found.plan_fingerprint,
            }
        )
    )


def read_making(manifest: Mapping[str, Any]) -> Making:
    """Take what a report tells from a run's manifest; entries that are not there are left out.

    Parameters
    ----------
    manifest : mapping
        Content of ``manifest.json``.

    Returns
    -------
    Making
        Edits and pooling of strata are counted; levels and small counts of real rows are not taken.
    """
    facts: dict[str, str] = {}
    for key in ("seed", "n_replicates", "n_rows", "plan_fingerprint", "schema_fingerprint"):
        if key in manifest:
            facts[key.removeprefix("n_").replace("_", " ")] = str(manifest[key])
    versions = manifest.get("versions")
    if isinstance(versions, Mapping):
        facts.update({str(name): str(version) for name, version in versions.items()})
    given = manifest.get("input")
    if isinstance(given, Mapping):
        facts.update(
            {f"input {str(name).removeprefix('n_')}": str(value) for name, value in given.items()}
        )
    wall = manifest.get("timings", {})
    if isinstance(wall, Mapping) and isinstance(wall.get("wall_seconds"), (int, float)):
        facts["seconds"] = f"{wall['wall_seconds']:.1f}"
    return Making(
        facts=_facts(facts),
        counts=(*_edits(manifest.get("edits")), *_pooling(manifest.get("pooling"))),
        notes=tuple(str(note) for note in _entries(manifest.get("notes"))),
        variables=tuple(
            _variable(one)
            for one in _entries(manifest.get("variables"))
            if isinstance(one, Mapping)
        ),
    )


def _entries(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _edits(edits: object) -> list[MakingCounts]:
    """Return how many synthetic rows failed each edit and what became of them."""
    return [
        MakingCounts(
            name=f"Edit: {one.get('edit', '')}",
            counts=_facts(
                {
                    str(name): f"{number:,}"
                    for name, number in one.items()
                    # of real rows only what the plan's author has seen; small counts point at them
                    if isinstance(number, int) and not str(name).startswith("real")
                }
            ),
        )
        for one in _entries(edits)
        if isinstance(one, Mapping)
    ]


def _pooling(pooling: object) -> list[MakingCounts]:
    """Return how many strata were pooled on which columns; never which, since they are small."""
    found: Counter[str] = Counter()
    for one in _entries(pooling):
        if isinstance(one, Mapping):
            columns = ", ".join(map(str, _entries(one.get("fitted_on"))))
            found[f"fitted on {columns or 'all rows'}"] += 1
    counts = {name: f"{number:,}" for name, number in found.items()}
    return [MakingCounts(name="Strata pooled", counts=_facts(counts))] if counts else []


def _facts(content: Mapping[str, str]) -> tuple[Fact, ...]:
    return tuple(Fact(name=name, value=value) for name, value in content.items())


def _variable(entry: Mapping[str, Any]) -> VariableMaking:
    steps = entry.get("steps", ())
    return VariableMaking(
        name=str(entry.get("name", "")),
        kind=str(entry.get("kind", "")),
        role=str(entry.get("role", "")),
        methods=tuple(
            str(step.get("method", ""))
            + ("" if step.get("part", "whole") == "whole" else f" ({step['part']})")
            for step in steps
        ),
        n_leaves=sum(int(step.get("n_leaves") or 0) for step in steps),
    )
