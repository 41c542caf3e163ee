"""Verify: whether a run directory still is what its manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpusynth.engine import Run, read_run
from gpusynth.errors import GpusynthError, OutputError
from gpusynth.io import file_sha256
from gpusynth.table import read_schema
from gpusynth.table.run_files import own_file, read_run_json

__all__ = ["Check", "verify"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was compared.

    Attributes
    ----------
    what : str
        File, or column of a file.
    compared : str
        What of it.
    found : str
        In a few words; never a value of the data.
    is_good : bool
    """

    what: str
    compared: str
    found: str
    is_good: bool


def verify(path: str | Path) -> tuple[Check, ...]:
    """Hash every file of a finished run again and compare it with the manifest.

    Parameters
    ----------
    path : str or pathlib.Path
        The run directory.

    Returns
    -------
    tuple of Check
        One a file, then the fingerprints of plan and schema, then files that no run wrote. Of a run
        of linked files one a file.

    Raises
    ------
    OutputError
        If no finished run is there, or its manifest cannot be read.
    """
    linked = _linked_hashes(Path(path))
    if linked is not None:
        return tuple(_file(Path(path), name, sha256) for name, sha256 in linked.items())
    run = read_run(Path(path))
    manifest = run.manifest
    hashes = {replicate.path.name: replicate.sha256 for replicate in run.replicates}
    others = manifest.get("files")
    if isinstance(others, Mapping):
        hashes |= {str(name): str(sha256) for name, sha256 in others.items()}
    checks = [_file(run.path, name, sha256) for name, sha256 in hashes.items()]
    checks += _fingerprints(run, manifest)
    found = {f.name for kind in ("parquet", "csv") for f in run.path.glob(f"replicate_*.{kind}")}
    checks += [
        Check(name, "listed in the manifest", "no run wrote it", is_good=False)
        for name in sorted(found - hashes.keys())
    ]
    return tuple(checks)


def _linked_hashes(directory: Path) -> dict[str, str] | None:
    """Return what the manifest of a run of linked files lists; None for any other directory."""
    try:
        manifest = read_run_json(directory, "manifest.json", OutputError)
        if manifest["kind"] != "linked":
            return None
        outputs = {str(entry["file"]): str(entry["sha256"]) for entry in manifest["outputs"]}
        return outputs | {str(name): str(sha256) for name, sha256 in manifest["files"].items()}
    except (GpusynthError, KeyError, TypeError, AttributeError):
        return None


def _file(directory: Path, name: str, sha256: str) -> Check:
    path = directory / name
    if Path(name).name != name or path.is_symlink():
        return Check(name, "SHA-256", "not a file of this directory", is_good=False)
    if not path.is_file():
        return Check(name, "SHA-256", "missing", is_good=False)
    try:
        same = file_sha256(path) == sha256
    except GpusynthError as error:
        return Check(name, "SHA-256", str(error), is_good=False)
    return Check(name, "SHA-256", "the same" if same else "altered", is_good=same)


def _fingerprints(run: Run, manifest: Mapping[str, Any]) -> list[Check]:
    checks = [
        _same("plan.json", "fingerprint", run.plan.fingerprint(), manifest.get("plan_fingerprint"))
    ]
    pinned = manifest.get("schema_fingerprint")
    try:
        schema = read_schema(own_file(run.path, "schema.toml", OutputError))
        checks.append(_same("schema.toml", "fingerprint", schema.fingerprint(), pinned))
    except GpusynthError as error:
        checks.append(Check("schema.toml", "fingerprint", str(error), is_good=False))
    return checks


def _same(what: str, compared: str, found: str, wanted: object) -> Check:
    same = found == wanted
    return Check(what, compared, "the same" if same else "differs", is_good=same)
