"""Replay: make a run again from the real data, wholly or in part, and compare what comes out.

A whole replay compares the hashes of the files. A partial one draws the first steps of the plan
and compares their columns, value by value. A step cannot be replayed alone: it needs the columns
before it as they were when it was drawn, and a released file may have lost that (rows shuffled or
removed, columns left out, answers repaired later). The first steps need nothing but the data.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth.engine import (
    Listener,
    Prepared,
    Run,
    RunSettings,
    SilentListener,
    Stopwatch,
    prepare,
    read_run,
    resolve_input,
    synthesize,
)
from gpusynth.engine.delivery.output_columns import output_schema, output_sources
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.synthesis import Synthesis
from gpusynth.errors import OutputError, PlanError
from gpusynth.io import open_source
from gpusynth.operations.verify import Check, run_kind
from gpusynth.plan import SynthesisPlan
from gpusynth.table import BATCH_ROWS, decode_batch, read_schema

__all__ = ["replay"]

_LATER_CHOICES = ("replicated_uniques", "calibrate")
"""Entries of a plan that change columns after all have been drawn."""


def replay(
    path: str | Path,
    data: Any,
    *,
    n_steps: int | None = None,
    threads: int | None = None,
    listener: Listener | None = None,
) -> tuple[Check, ...]:
    """Synthesize again what a run directory says and compare.

    Parameters
    ----------
    path : str or pathlib.Path
        The run directory; it is only read.
    data : path or table
        The real data of the run.
    n_steps : int, optional
        Only this many steps, the first in visit order; the whole run by default.
    threads : int, optional
    listener : Listener, optional

    Returns
    -------
    tuple of Check
        The data, then one a file, or one a column of a file.

    Raises
    ------
    OutputError
        If no finished run is there.
    PlanError
        If only a whole replay can be compared, or the run was drawn from a released model.
    GpusynthError
        As for `synthesize`.
    """
    check_replayable(Path(path))
    run = read_run(Path(path))
    wanted = run.manifest.get("input", {}).get("sha256")
    if wanted == "":
        raise PlanError(
            f"{path}: the run was drawn from a released model, which does not say from which data, "
            "so it cannot be replayed. Sample the model again into another directory and compare "
            "the hashes in the manifests."
        )
    if open_source(data).fingerprint() != wanted:
        return (Check("input data", "SHA-256", "not the data of the run", is_good=False),)
    checks = [Check("input data", "SHA-256", "the same", is_good=True)]
    settings = _settings(run, threads)
    heard = SilentListener() if listener is None else listener
    if n_steps is None:
        checks += _whole(run, data, settings, heard)
    else:
        checks += _first_steps(run, data, settings, heard, n_steps=n_steps)
    return tuple(checks)


def check_replayable(path: Path) -> None:
    """Check that a directory is that of a run of one file; other kinds cannot be replayed.

    Parameters
    ----------
    path : pathlib.Path

    Raises
    ------
    PlanError
    """
    kind = run_kind(path)
    if kind is not None:
        what = "of linked files" if kind == "linked" else "an imputation"
        raise PlanError(
            f"{path}: the run is {what}, and only runs of one file can be replayed. Make it again "
            "into another directory and compare the hashes in the manifests."
        )


def _settings(run: Run, threads: int | None) -> RunSettings:
    if run.manifest.get("backend", {}).get("fitter") == "cuml":
        raise PlanError(
            f"{run.path}: cuML grew the trees of this run, and need not grow the same ones again, "
            "so it cannot be replayed. Hashes of its files can be checked without a replay."
        )
    try:
        given = run.manifest["settings"]
        return RunSettings(
            int(given["n_replicates"]),
            given["n_rows"],
            int(given["seed"]),
            threads,
            BATCH_ROWS,
            given["format"],
            io=given.get("io", "arrow"),
        )
    except (KeyError, TypeError, ValueError):
        raise OutputError(
            f"{run.path}: the manifest does not say with which settings the run was made, so it "
            "cannot be replayed. It was made by another version of gpusynth."
        ) from None


def _whole(run: Run, data: Any, settings: RunSettings, listener: Listener) -> list[Check]:
    with tempfile.TemporaryDirectory(prefix="gpusynth-replay-") as directory:
        again = synthesize(
            data,
            read_schema(run.path / "schema.toml"),
            run.plan,
            n_replicates=settings.n_replicates,
            n_rows=settings.n_rows,
            seed=settings.seed,
            threads=settings.threads,
            output=Path(directory) / "run",
            format=settings.format,
            io=settings.io,
            listener=listener,
        )
    return [
        Check(
            one.path.name,
            "SHA-256 of the replay",
            "the same" if one.sha256 == two.sha256 else "differs",
            is_good=one.sha256 == two.sha256,
        )
        for one, two in zip(run.replicates, again.replicates, strict=True)
    ]


def _first_steps(
    run: Run, data: Any, settings: RunSettings, listener: Listener, *, n_steps: int
) -> list[Check]:
    plan = run.plan
    _check_steps(plan, settings, n_steps)
    stopwatch = Stopwatch()
    resolved = resolve_input(
        data,
        read_schema(run.path / "schema.toml"),
        plan,
        batch_rows=settings.batch_rows,
        listener=listener,
        stopwatch=stopwatch,
        n_threads=settings.n_threads,
    )
    prepared = prepare(
        resolved,
        batch_rows=settings.batch_rows,
        listener=listener,
        stopwatch=stopwatch,
        n_threads=settings.n_threads,
    )
    replicates = Synthesis(prepared, listener, stopwatch).draw(settings, n_steps=n_steps)
    columns = _settled(prepared, n_steps)
    return [
        check
        for rows, replicate in zip(replicates, run.replicates, strict=True)
        for check in _compare(rows, prepared, replicate.path, columns)
    ]


def _check_steps(plan: SynthesisPlan, settings: RunSettings, n_steps: int) -> None:
    if not 1 <= n_steps <= len(plan.steps):
        raise PlanError(f"steps must be from 1 to {len(plan.steps)}, got {n_steps}")
    content = plan.to_json()
    later = [name for name in _LATER_CHOICES if content.get(name)]
    if settings.format != "parquet":
        later.append("CSV files, whose text is written at once")
    if later:
        raise PlanError(
            f"this run cannot be replayed in part, because of {', '.join(later)}. "
            "Replay it as a whole: leave the number of steps out."
        )


def _settled(prepared: Prepared, n_steps: int) -> list[str]:
    """Return the columns that the first steps complete and that no later step repairs."""
    done = {step.target for step in prepared.plan.steps[:n_steps]}
    done -= {step.target for step in prepared.plan.steps[n_steps:]}
    for step in prepared.plan.steps[n_steps:]:
        for edit in prepared.conditions.edits.get(step.number, ()):
            done -= set(prepared.repair_groups.columns_of[edit.target])
    return [name for name in prepared.plan.visit if name in done]


def _compare(
    rows: SyntheticRows, prepared: Prepared, file: Path, columns: list[str]
) -> list[Check]:
    resolved = prepared.resolved
    new_name = {real: new for new, real in output_sources(resolved).items()}
    schema = output_schema(resolved)
    released: Mapping[str, Any] = _read(file, [new_name[c] for c in columns if c in new_name])
    checks = []
    for column in columns:
        if column not in new_name:
            continue
        field = schema.field(new_name[column]).with_name(column)
        order = slice(None) if rows.order is None else rows.order
        values = {name: array[order] for name, array in rows.values.items() if name == column}
        batch = decode_batch(
            resolved.schema,
            resolved.codecs,
            {column: rows.codes[column][order]},
            values,
            pa.schema([field]),
        )
        same = _is_same(batch.column(0), released[new_name[column]])
        found = "the same" if same else "differs"
        checks.append(Check(f"{file.name}: {column}", "values of the replay", found, is_good=same))
    return checks


def _read(file: Path, names: list[str]) -> dict[str, Any]:
    source = open_source(file)
    batches = list(source.batches(names))
    table = pa.Table.from_batches(batches)
    return {name: table.column(name).combine_chunks() for name in names}


def _is_same(drawn: Any, released: Any) -> bool:
    """Return whether two columns hold the same values, whatever the type of their storage."""
    one, two = (_plain(array) for array in (drawn, released))
    if len(one) != len(two):
        return False
    if one.type != two.type:
        try:
            two = two.cast(one.type)
        except pa.ArrowInvalid:
            return False
    if pa.types.is_floating(one.type):
        # Bit for bit, as NaN is not equal to itself.
        left, right = (a.to_numpy(zero_copy_only=False) for a in (one, two))
        return bool(np.array_equal(left, right, equal_nan=True))
    return bool(one.equals(two))


def _plain(array: Any) -> Any:
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        return pc.take(array.dictionary, array.indices)
    return array
