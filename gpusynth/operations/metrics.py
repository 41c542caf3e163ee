"""Metrics: a finished run as a text file that Prometheus' node exporter collects.

The text format is that of Prometheus, version 0.0.4: https://prometheus.io/docs/instrumenting/
exposition_formats. Only sizes, counts and seconds of the manifest go in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gpusynth.io import write_bytes_atomic

__all__ = ["metrics_text", "write_metrics"]

_PREFIX = "gpusynth_"


def metrics_text(manifest: Mapping[str, Any]) -> str:
    """Return the metrics of a run.

    Parameters
    ----------
    manifest : mapping
        Of a finished run.

    Returns
    -------
    str
    """
    times = manifest["timings"]
    variables = manifest["variables"]
    steps = [(v["name"], step) for v in variables for step in v["steps"]]
    found = manifest.get("checkpoints") or {}
    lines = [
        *_family("rows", "Rows of each synthetic file.", [({}, manifest["n_rows"])]),
        *_family("replicates", "Synthetic files.", [({}, manifest["n_replicates"])]),
        *_family("input_rows", "Rows of the real file.", [({}, manifest["input"]["n_rows"])]),
        *_family("wall_seconds", "Whole run.", [({}, times["wall_seconds"])]),
        *_family(
            "phase_seconds",
            "Wall seconds by phase.",
            [({"phase": name}, seconds) for name, seconds in sorted(times["phases"].items())],
        ),
        *_family(
            "fit_cpu_seconds",
            "CPU seconds of fits by step.",
            [(_step(name, step), step["fit_cpu_seconds"]) for name, step in steps],
        ),
        *_family(
            "draw_cpu_seconds",
            "CPU seconds of draws by step.",
            [(_step(name, step), step["draw_cpu_seconds"]) for name, step in steps],
        ),
        *_family(
            "peak_memory_bytes", "Largest resident size.", [({}, manifest["peak_memory_bytes"])]
        ),
        *_family("encoded_bytes", "Real data as codes.", [({}, manifest["encoded_bytes"])]),
        *_family(
            "times_resumed", "How often the run was resumed.", [({}, found.get("times_resumed", 0))]
        ),
    ]
    return "\n".join(lines) + "\n"


def write_metrics(path: str | Path, manifest: Mapping[str, Any]) -> None:
    """Write the metrics of a run; the file appears whole or not at all.

    Parameters
    ----------
    path : str or pathlib.Path
        Ending in ``.prom`` for the node exporter's collector of text files.
    manifest : mapping

    Raises
    ------
    OutputError
    """
    write_bytes_atomic(path, metrics_text(manifest).encode())


def _step(name: str, step: Mapping[str, Any]) -> dict[str, str]:
    return {"column": name, "part": str(step["part"]), "step": str(step["number"])}


def _family(
    name: str, meaning: str, samples: Iterable[tuple[Mapping[str, str], float]]
) -> list[str]:
    full = _PREFIX + name
    return [
        f"# HELP {full} {meaning}",
        f"# TYPE {full} gauge",
        *(f"{full}{_labels(labels)} {value:.17g}" for labels, value in samples),
    ]


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
