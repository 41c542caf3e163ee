"""Read result files: JSON lines, each with a "benchmark" and what was measured."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["read_results"]

_ELSEWHERE = ("study_", "production_")


def read_results(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Return the results of all files, in order; a path may be a directory of ``*.json``.

    Studies (``study_*.json``) and figures of production runs (``production_*.json``) are passed
    over in a directory: their tables stand in ``docs/``.

    Raises
    ------
    ValueError
        If a line is not a result; the message names file and line.
    """
    results = []
    for path in paths:
        files = [path]
        if path.is_dir():
            files = sorted(f for f in path.glob("*.json") if not f.name.startswith(_ELSEWHERE))
        for file in files:
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
                if line.strip():
                    results.append(_parse(line, f"{file}, line {number}"))
    return results


def _parse(line: str, place: str) -> dict[str, Any]:
    try:
        result = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{place}: not JSON ({error.msg}); one result is one line") from None
    if not isinstance(result, dict) or "benchmark" not in result:
        raise ValueError(f'{place}: a result is an object with the key "benchmark"')
    return result
