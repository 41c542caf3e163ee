"""Shared run: what workers need of a run, in one file that they map into memory.

The file holds the encoded real table, schema, codecs and resolved plan. A worker derives the rest
by what a single process uses itself (`gpusynth.engine.real.prepare.settle`).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gpusynth
from gpusynth.arrays import Array
from gpusynth.backends import DeviceName, choose_backend, share_memory
from gpusynth.engine.files.step_files import CONFIDENTIAL
from gpusynth.engine.models.saved import saved_start, start_to_json
from gpusynth.engine.models.saved_table import Saved, codecs_to_json, source_to_json, table_to_json
from gpusynth.engine.real.prepare import settle
from gpusynth.engine.real.prepared import Prepared, Resolved
from gpusynth.errors import ModelFileError
from gpusynth.io import read_model_file, write_model_file
from gpusynth.plan import SynthesisPlan
from gpusynth.table import BATCH_ROWS
from gpusynth.trees import warm_up

__all__ = ["TABLE_NAME", "open_shared", "write_shared"]

TABLE_NAME = "table.gpusynth"
"""Of the file, among the checkpoints."""

_KIND = "encoded table of a run"
_LOCK = threading.Lock()


@dataclass(slots=True)
class _Opened:
    """The run that this process has open: a worker serves one after the other."""

    path: str = ""
    digest: str = ""
    device: str = ""
    prepared: Prepared | None = None


_OPENED = _Opened()


def write_shared(path: Path, prepared: Prepared) -> str:
    """Write what workers need; readable for its owner only, and there as a whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
    prepared : Prepared

    Returns
    -------
    str
        Digest of the file.

    Raises
    ------
    OutputError
    """
    resolved = prepared.resolved
    arrays: list[Array] = []
    document: dict[str, Any] = {
        "schema": resolved.schema.model_dump_json(),
        "plan": resolved.plan.to_json(),
        "source": source_to_json(resolved.source, prepared.fingerprint, arrays),
        "codecs": codecs_to_json(resolved.codecs, arrays),
        "table": table_to_json(prepared.table, arrays),
        "start": start_to_json(prepared.start, arrays),
    }
    if prepared.units is not None:
        document["units"] = len(arrays)
        arrays.append(prepared.units)
    return write_model_file(
        path,
        document,
        arrays,
        kind=_KIND,
        mark=CONFIDENTIAL,
        version=gpusynth.__version__,
        overwrite=True,
    )


def open_shared(path: str, digest: str, device: DeviceName) -> Prepared:
    """Return a run that was shared; a process keeps the last one open.

    Parameters
    ----------
    path : str
    digest : str
        As `write_shared` returned it.
    device : {"cpu", "cuda", "auto"}
        Where this process grows and walks trees.

    Returns
    -------
    Prepared
        Calibrated weights are left to whoever shared it.

    Raises
    ------
    DataError
        If the file cannot be read here.
    ModelFileError
        If it is another file than was shared, or damaged.
    BackendUnavailableError
        If this process has no such device.
    """
    with _LOCK:
        opened = (_OPENED.path, _OPENED.digest, _OPENED.device)
        if _OPENED.prepared is None or opened != (path, digest, device):
            _OPENED.prepared = None  # let go before the next is read
            backend = choose_backend(device)
            share_memory(backend)
            _OPENED.prepared = replace(_read(Path(path), digest), backend=backend)
            _OPENED.path, _OPENED.digest, _OPENED.device = path, digest, device
            warm_up(backend)
        return _OPENED.prepared


def _read(path: Path, digest: str) -> Prepared:
    file = read_model_file(path, kind=_KIND, memory_map=True)
    if file.digest != digest:
        raise ModelFileError(f"{path} is not the table of this run. Start the run again.")
    document = file.document if isinstance(file.document, dict) else {}
    saved = Saved(path, document, file.arrays)
    schema = saved.schema()
    codecs = saved.codecs(schema)
    table = saved.part("table").table(schema, codecs)
    source = saved.source()
    with saved.rebuilding("its plan"):
        plan = SynthesisPlan.from_json(saved.get("plan", dict))
        units = saved.array("units", "int64") if "units" in document else None
        return settle(
            Resolved(source, schema, {}, codecs, plan),
            table,
            fingerprint=source.fingerprint(),
            units=units,
            start=saved_start(saved, schema=schema, codecs=codecs),
            is_calibrated=False,
            batch_rows=BATCH_ROWS,
        )
