"""Verify: whether a run directory still is what its manifest says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpusynth.engine import Run, read_run
from gpusynth.errors import GpusynthError, OutputError
from gpusynth.io import file_sha256
from gpusynth.table import read_schema
from gpusynth.table.run_files import own_file, read_run_json

__all__ = ["Check", "run_kind", "verify"]

_REPLICATES = r"replicate_.*"
_IMPUTATION_FILES = r"(imputation|synthesis)_.*"


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
        One a file, then the fingerprints of plan and schema, then files that no run wrote. Of
        linked files and imputations without fingerprints: their manifest lists these files too.

    Raises
    ------
    OutputError
        If no finished run is there, or its manifest cannot be read.
    """
    listed = _listed(Path(path))
    if listed is not None:
        checks = [_file(Path(path), name, sha256) for name, sha256 in listed[0].items()]
        return (*checks, *_strays(Path(path), *listed))
    run = read_run(Path(path))
    manifest = run.manifest
    hashes = {replicate.path.name: replicate.sha256 for replicate in run.replicates}
    others = manifest.get("files")
    if isinstance(others, Mapping):
        hashes |= {str(name): str(sha256) for name, sha256 in others.items()}
    checks = [_file(run.path, name, sha256) for name, sha256 in hashes.items()]
    checks += _fingerprints(run, manifest)
    return (*checks, *_strays(run.path, hashes, _REPLICATES))


def run_kind(directory: Path) -> str | None:
    """Return the kind of a finished run that is not of one file.

    Parameters
    ----------
    directory : pathlib.Path

    Returns
    -------
    str or None
        "linked" or "imputation"; None for a run of one file, and where no manifest can be read:
        what reads a run of one file says why.
    """
    try:
        kind = read_run_json(directory, "manifest.json", OutputError).get("kind")
    except (GpusynthError, AttributeError):
        return None
    return kind if kind in ("linked", "imputation") else None


def _listed(directory: Path) -> tuple[dict[str, str], str] | None:
    """Return what a manifest of linked files or an imputation lists, and how files are called.

    None for a run of one file.

    Raises
    ------
    OutputError
        If it is the manifest of such a run and yet not as it was left.
    """
    kind = run_kind(directory)
    if kind is None:
        return None
    manifest = read_run_json(directory, "manifest.json", OutputError)
    try:
        outputs = {str(entry["file"]): str(entry["sha256"]) for entry in manifest["outputs"]}
        hashes = {str(name): str(sha256) for name, sha256 in manifest["files"].items()}
        names = "|".join(re.escape(str(name)) for name in manifest.get("inputs", ()))
    except (KeyError, TypeError, AttributeError):
        raise OutputError(
            f"{directory}: manifest.json is not as a run leaves it. Make the run again."
        ) from None
    return outputs | hashes, rf"({names})_\d{{3,}}" if kind == "linked" else _IMPUTATION_FILES


def _strays(directory: Path, listed: Mapping[str, str], called: str) -> list[Check]:
    """Return a check for each file that is called as a file of rows and that no run wrote."""
    names = [
        file.name
        for file in sorted(directory.iterdir())
        if file.name not in listed and re.fullmatch(rf"{called}\.(parquet|csv)", file.name)
    ]
    return [
        Check(name, "listed in the manifest", "no run wrote it", is_good=False) for name in names
    ]


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
