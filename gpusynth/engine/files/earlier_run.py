"""Earlier run: the files that a run has left, removed when another takes its place."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gpusynth.engine.checkpoint.checkpoints import MODELS_NOTICE
from gpusynth.errors import GpusynthError, OutputError
from gpusynth.io.inputs_stay import input_paths
from gpusynth.io.output import PARTIAL
from gpusynth.table.run_files import read_run_json

__all__ = ["MODELS_NAME", "check_inputs", "remove_earlier_run"]

MODELS_NAME = "models"
"""Directory of the models that a run leaves, inside the run directory."""

_OWN_FILES = (
    "replicate_*.parquet",
    "replicate_*.csv",
    "imputation_*.parquet",
    "imputation_*.csv",
    "synthesis_*_*.parquet",
    "synthesis_*_*.csv",
    "traces.json",
    "traces.csv",
    "traces.svg",
    "plan.json",
    "plan.toml",
    "schema.toml",
    "manifest.json",
    "*" + PARTIAL,
)
"""Patterns of the files that a run writes; only these are ever removed."""

_LINKED_NAME = re.compile(
    r"[A-Za-z][A-Za-z0-9_-]*(_\d{3,}\.(parquet|csv)|_(plan\.json|schema\.toml))"
)


def remove_earlier_run(path: Path, *, keep: frozenset[str], has_new_models: bool) -> None:
    """Remove what an earlier run left; other files stay.

    Parameters
    ----------
    path : pathlib.Path
        The run directory.
    keep : frozenset of str
        Files that belong to the new run already.
    has_new_models : bool
        Whether models of the new run are still to be moved there.

    Raises
    ------
    OSError
        If the operating system refuses.
    """
    for file in _own_files(path):
        if file.name not in keep and (file.is_file() or file.is_symlink()):
            file.unlink()
    models = path / MODELS_NAME
    is_new = bool(keep) and not has_new_models
    if (models / MODELS_NOTICE).is_file() and not models.is_symlink() and not is_new:
        shutil.rmtree(models)


def check_inputs(path: Path, inputs: Iterable[Any]) -> None:
    """Check that no input is one of the files that another run in the directory replaces.

    Parameters
    ----------
    path : pathlib.Path
        The run directory.
    inputs : iterable of object
        Paths; anything else is passed over.

    Raises
    ------
    OutputError
        Naming the file.
    """
    place = path.resolve()
    replaced = {file.name for file in _own_files(path)}
    for given in input_paths(inputs):
        real = given.resolve()
        if real.parent == place and real.name in replaced:
            raise OutputError(
                f"{given} is read by this run, and a run into {path} with --overwrite replaces "
                "it. Choose another directory for the output."
            )


def _own_files(path: Path) -> list[Path]:
    """Return the files that an earlier run left, by their names."""
    own = [file for pattern in _OWN_FILES for file in path.glob(pattern)]
    return list(dict.fromkeys((*own, *_linked_files(path))))


def _linked_files(path: Path) -> list[Path]:
    """Return the files of an earlier run of linked files: its manifest alone knows their names."""
    try:
        manifest = read_run_json(path, "manifest.json", OutputError)
        if manifest["kind"] != "linked":
            return []
        names = [*(str(entry["file"]) for entry in manifest["outputs"]), *manifest["files"]]
    except (GpusynthError, KeyError, TypeError):
        return []
    return [path / name for name in names if _LINKED_NAME.fullmatch(str(name))]
