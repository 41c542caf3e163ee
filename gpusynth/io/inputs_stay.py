"""Inputs stay: no output takes the place of a file that it is made from."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gpusynth.errors import OutputError

__all__ = ["check_inputs_stay", "input_paths"]


def input_paths(inputs: Iterable[Any]) -> list[Path]:
    """Return those of some inputs that are paths of files that are there.

    Parameters
    ----------
    inputs : iterable of object
        Paths, tables, None and whatever else calls take.

    Returns
    -------
    list of pathlib.Path
    """
    paths = [Path(given) for given in inputs if isinstance(given, (str, os.PathLike))]
    return [path for path in paths if path.exists()]


def check_inputs_stay(outputs: Iterable[Path | None], inputs: Iterable[Any]) -> None:
    """Check that no output file is an input, under whatever name: it would be lost.

    Parameters
    ----------
    outputs : iterable of pathlib.Path or None
    inputs : iterable of object
        Paths; anything else is passed over.

    Raises
    ------
    OutputError
    """
    read = input_paths(inputs)
    for output in outputs:
        if output is None or not output.exists():
            continue
        if any(output.samefile(path) for path in read):
            raise OutputError(
                f"{output} is read here, and the output would replace it. Choose another name."
            )
