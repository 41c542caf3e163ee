"""Head: what a run is, pinned when it begins, so that only the same run is resumed."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import gpusynth
import gpusynth_kernels
from gpusynth.backends import DeviceName, FitterName
from gpusynth.engine.measure import versions
from gpusynth.engine.prepared import Prepared
from gpusynth.engine.settings import OutputFormat, RunSettings
from gpusynth.errors import CheckpointMismatchError
from gpusynth.table import Codec

__all__ = ["CODECS_PIN", "RunHead", "code_pins", "codec_fingerprint", "data_pins"]

CODECS_PIN = "codes of the columns"
"""Name of the pin that `codec_fingerprint` gives."""

_FORMAT = 1
_PINNED_PACKAGES = ("gpusynth", "numpy", "numba", "pyarrow")


class RunHead(BaseModel):
    """The first line of a journal.

    Parameters
    ----------
    format : int
        Of the journal.
    code, data : dict of str to str
        Name -> fingerprint or version of what the bytes depend on.
    n_replicates, n_rows, seed, output_format : the run's settings
        `n_rows` is None where the data or the plan decide it; the seed is text, since JSON readers
        lose digits.
    overwrite : bool
        Whether an earlier run's files are replaced.
    keep_models : bool
    device, fitter : str
        As they were asked for.
    data_path : str or None
        Absolute; None where a table in memory was given.
    notes : tuple of str
        What was settled when the plan was resolved.
    reasons : dict of str to str
        Why each column's kind was chosen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    code: dict[str, str]
    data: dict[str, str]
    n_replicates: int = Field(ge=1)
    n_rows: int | None = None
    seed: str = Field(pattern=r"^[0-9]{1,20}$")
    output_format: OutputFormat
    overwrite: bool = False
    keep_models: bool = False
    device: DeviceName = "cpu"
    fitter: FitterName = "auto"
    data_path: str | None = None
    notes: tuple[str, ...] = ()
    reasons: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def of(
        cls,
        prepared: Prepared,
        settings: RunSettings,
        *,
        overwrite: bool,
        data_path: Path | None,
    ) -> RunHead:
        """Pin a run that begins.

        Returns
        -------
        RunHead
        """
        return cls(
            code=code_pins(),
            data=data_pins(prepared),
            n_replicates=settings.n_replicates,
            n_rows=settings.n_rows,
            seed=str(settings.seed),
            output_format=settings.format,
            overwrite=overwrite,
            keep_models=settings.keep_models,
            device=settings.device,
            fitter=settings.fitter,
            data_path=None if data_path is None else str(data_path.resolve()),
            notes=prepared.notes,
            reasons=dict(prepared.resolved.reasons),
        )

    @classmethod
    def read(cls, content: Mapping[str, Any], place: Path) -> RunHead:
        """Read the first line of a journal.

        Raises
        ------
        CheckpointMismatchError
            If another version wrote it.
        """
        try:
            return cls.model_validate(content)
        except ValidationError:
            raise CheckpointMismatchError(
                f"{place}: the unfinished run was begun by a version of gpusynth whose journal "
                "this version does not read. Resume it with that version, or start again with "
                "--overwrite."
            ) from None

    def check_code(self, place: Path) -> None:
        """Refuse to go on with other versions than the run began with.

        Raises
        ------
        CheckpointMismatchError
            Naming what differs.
        """
        _compare(self.code, code_pins(), place)

    def check_data(self, pins: Mapping[str, str], place: Path) -> None:
        """Refuse to go on with other data or another plan.

        Raises
        ------
        CheckpointMismatchError
            Naming what differs.
        """
        _compare(self.data, pins, place)


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


def _compare(pinned: Mapping[str, str], now: Mapping[str, str], place: Path) -> None:
    names = dict.fromkeys((*pinned, *now))
    different = [name for name in names if pinned.get(name) != now.get(name)]
    if not different:
        return
    shown = "; ".join(
        f"{name}: {_short(pinned.get(name))} then, {_short(now.get(name))} now"
        for name in different
    )
    raise CheckpointMismatchError(
        f"{place}: the unfinished run cannot be resumed, because this is not what it began with: "
        f"{shown}. Bring that back, or start again with --overwrite."
    )


def _short(text: str | None) -> str:
    if text is None:
        return "nothing"
    return f"{text[:12]}..." if len(text) == hashlib.sha256().digest_size * 2 else text


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


def _code_fingerprint() -> str:
    """Return the hash of all sources; a version number does not tell two checkouts apart."""
    digest = hashlib.sha256()
    for package in (gpusynth, gpusynth_kernels):
        root = Path(str(package.__file__)).parent
        for file in sorted(root.rglob("*.py")):
            digest.update(f"{package.__name__}/{file.relative_to(root).as_posix()}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
