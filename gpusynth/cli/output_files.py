"""Output files of a command: checked before anything takes time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gpusynth.errors import OutputError
from gpusynth.io.inputs_stay import check_inputs_stay
from gpusynth.io.output import check_replaceable

__all__ = ["check_outputs"]


def check_outputs(
    paths: tuple[Path | None, ...], *, overwrite: bool, inputs: Iterable[Path | None] = ()
) -> None:
    """Check, before anything takes time, that every file can be written.

    Parameters
    ----------
    paths : tuple of pathlib.Path or None
    overwrite : bool
    inputs : iterable of pathlib.Path or None
        What the command reads.

    Raises
    ------
    OutputError
        If a file exists and may not be replaced, is a directory, a device or an input, or its
        directory is missing.
    """
    check_inputs_stay(paths, inputs)
    named = [path for path in paths if path is not None]
    for path in named:
        if path.is_dir():
            raise OutputError(f"{path} is a directory. Give the name of a file.")
        check_replaceable(path)
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists. Choose another name or use --overwrite.")
        if not path.parent.is_dir():
            raise OutputError(f"{path.parent} is no directory. Make it first or correct the path.")
    if len({path.absolute() for path in named}) < len(named):
        raise OutputError("two outputs have the same name. Give each its own.")
