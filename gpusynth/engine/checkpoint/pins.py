"""Pins: fingerprints and versions of all that the bytes of a run depend on."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import gpusynth
import gpusynth_kernels
from gpusynth.engine.measure import versions
from gpusynth.engine.real.prepared import Prepared
from gpusynth.table import Codec

__all__ = ["CODECS_PIN", "code_pins", "codec_fingerprint", "data_pins", "pin_differences"]

CODECS_PIN = "codes of the columns"
"""Name of the pin that `codec_fingerprint` gives."""

_PINNED_PACKAGES = ("gpusynth", "numpy", "numba", "pyarrow")


@cache
def code_pins() -> dict[str, str]:
    """Return the versions of what computes, and the fingerprint of the code itself.

    Returns
    -------
    dict of str to str
    """
    known = versions()
    return {
        **{f"version of {name}": known[name] for name in _PINNED_PACKAGES},
        "code of gpusynth": _code_fingerprint(),
        "kind of processor": platform.machine(),
    }


def data_pins(prepared: Prepared) -> dict[str, str]:
    """Return the fingerprints of what a run computes on.

    Parameters
    ----------
    prepared : Prepared

    Returns
    -------
    dict of str to str
    """
    resolved = prepared.resolved
    return {
        "input data": prepared.fingerprint,
        "number of rows": str(prepared.table.n_rows),
        "schema": resolved.schema.fingerprint(),
        "plan": resolved.plan.fingerprint(),
        CODECS_PIN: codec_fingerprint(prepared.table.codecs),
        "start table": prepared.start.fingerprint or "none",
    }


def codec_fingerprint(codecs: Mapping[str, Codec]) -> str:
    """Return the hash of how columns are coded.

    Parameters
    ----------
    codecs : mapping of str to Codec

    Returns
    -------
    str
    """
    content = {name: codec.to_json() for name, codec in codecs.items()}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def pin_differences(
    pinned: Mapping[str, str], other: Mapping[str, str], words: tuple[str, str]
) -> str:
    """Say which pins differ; nothing where all agree.

    Parameters
    ----------
    pinned, other : mapping of str to str
        Name -> fingerprint or version.
    words : tuple of str
        Where, or when, each of the two is.

    Returns
    -------
    str
    """
    return "; ".join(
        f"{name}: {_short(pinned.get(name))} {words[0]}, {_short(other.get(name))} {words[1]}"
        for name in dict.fromkeys((*pinned, *other))
        if pinned.get(name) != other.get(name)
    )


def _short(text: str | None) -> str:
    if text is None:
        return "nothing"
    return f"{text[:12]}..." if len(text) == hashlib.sha256().digest_size * 2 else text


def _code_fingerprint() -> str:
    """Return the hash of all sources; a version number does not tell two checkouts apart."""
    digest = hashlib.sha256()
    for package in (gpusynth, gpusynth_kernels):
        root = Path(str(package.__file__)).parent
        for file in sorted(root.rglob("*.py")):
            digest.update(f"{package.__name__}/{file.relative_to(root).as_posix()}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
