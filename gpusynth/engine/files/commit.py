"""Commit: the files of a run are moved to their place, by this process or by one that goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpusynth.engine.checkpoint.checkpoints import mark_models
from gpusynth.engine.files.directory import RunDirectory
from gpusynth.engine.files.earlier_run import MODELS_NAME
from gpusynth.io import file_sha256

__all__ = ["checkpoint_counts", "commit", "finish_commit", "move_models"]


def move_models(directory: RunDirectory, names: Mapping[int, str]) -> None:
    """Move the models that the parts of a run keep, each part's into a directory of its own.

    Parameters
    ----------
    directory : RunDirectory
    names : mapping of int to str
        Number of the part -> name of its directory.

    Raises
    ------
    OutputError
    """
    kept = directory.staging / MODELS_NAME
    for number, checkpoints in directory.parts.items():
        if checkpoints.keeps_models:
            mark_models(kept)
            checkpoints.move_models(kept / names[number])


def checkpoint_counts(directory: RunDirectory) -> dict[str, Any] | None:
    """Return what a resumed run found, for its manifest; None for a run without checkpoints.

    Parameters
    ----------
    directory : RunDirectory
        With all of its parts.

    Returns
    -------
    dict or None
    """
    own = directory.checkpoints
    if own is None:
        return None
    every = (own, *directory.parts.values())
    return {
        "times_resumed": own.n_resumed,
        "draws_found": sum(each.n_found for each in every),
        "damaged_files": [file for each in every for file in each.damaged],
        "damaged_lines": sum(each.n_damaged_lines for each in every),
    }


def commit(directory: RunDirectory) -> None:
    """Put down which files lie ready, and move them to their place.

    Parameters
    ----------
    directory : RunDirectory
        With every file of the run in its staging directory.

    Raises
    ------
    OutputError
    """
    if directory.checkpoints is not None:
        files = sorted(file for file in directory.staging.iterdir() if file.is_file())
        directory.checkpoints.record_commit({file.name: file_sha256(file) for file in files})
    directory.commit()


def finish_commit(directory: RunDirectory) -> bool:
    """Finish a run that was cut short when all its files lay ready.

    Parameters
    ----------
    directory : RunDirectory
        Of a run that is resumed.

    Returns
    -------
    bool
        False where the run had not come so far, or its files are no longer what they were.

    Raises
    ------
    OutputError
    """
    files = None if directory.checkpoints is None else directory.checkpoints.committed_files()
    if files is None:
        return False
    placed = {}
    for name, sha256 in files.items():
        staged, place = directory.staging / name, directory.path / name
        if staged.is_file() and file_sha256(staged) == sha256:
            continue
        if staged.exists() or not place.is_file() or file_sha256(place) != sha256:
            return False
        placed[name] = sha256
    directory.commit(placed=placed)
    return True
