"""Head: what a run is, pinned when it begins, so that only the same run is resumed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gpusynth.backends import DeviceName, FitterName
from gpusynth.engine.checkpoint.journal import head_line
from gpusynth.engine.checkpoint.pins import code_pins, data_pins, pin_differences
from gpusynth.engine.checkpoint.work import WorkDirectory
from gpusynth.engine.real.prepared import Prepared
from gpusynth.engine.settings import OutputFormat, RunSettings
from gpusynth.errors import CheckpointMismatchError
from gpusynth.io import IoName

__all__ = [
    "RESUME_CALLS",
    "SEED_PATTERN",
    "Head",
    "RunHead",
    "unfinished_kind",
]

RESUME_CALLS = {
    "synthesis": "gpusynth.resume",
    "linked": "gpusynth.resume_linked",
    "imputation": "gpusynth.resume_imputation",
}
"""Kind of a run -> the call that goes on with it."""

SEED_PATTERN = r"^[0-9]{1,20}$"
"""Of a seed as text: JSON readers lose digits of 64-bit integers."""


class Head(BaseModel):
    """The first line of a journal: what a run of any kind is.

    Parameters
    ----------
    format : int
        Of the journal.
    kind : str
        Of the run; each kind has a head of its own.
    code, data : dict of str to str
        Name -> fingerprint or version of what the bytes depend on.
    overwrite : bool
        Whether an earlier run's files are replaced.
    keep_models : bool
    n_rows, seed, output_format
        Settings of the run. `n_rows` is None where the data or the plan decide it; the seed is
        text, since JSON readers lose digits.
    device, fitter : str
        As they were asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[2] = 2
    kind: str
    code: dict[str, str]
    data: dict[str, str]
    overwrite: bool = False
    keep_models: bool = False
    n_rows: int | None = None
    seed: str = Field(pattern=SEED_PATTERN)
    output_format: OutputFormat
    device: DeviceName = "cpu"
    fitter: FitterName = "auto"

    @classmethod
    def read(cls, content: Mapping[str, Any], place: Path) -> Self:
        """Read the first line of a journal.

        Raises
        ------
        CheckpointMismatchError
            If another version wrote it, or it is of a run of another kind.
        """
        kind, wanted = content.get("kind"), cls.model_fields["kind"].default
        if kind != wanted and kind in RESUME_CALLS:
            raise CheckpointMismatchError(
                f"{place}: the unfinished run is of another kind. Go on with it by "
                f"`gpusynth resume {place}`, or in Python by {RESUME_CALLS[kind]}."
            )
        try:
            return cls.model_validate(content)
        except ValidationError:
            raise CheckpointMismatchError(
                f"{place}: the unfinished run was begun by a version of gpusynth whose journal "
                "this version does not read. Resume it with that version, or start again with "
                "--overwrite."
            ) from None

    def settings(
        self,
        n_replicates: int,
        *,
        threads: int | None,
        batch_rows: int,
        device: DeviceName | None,
        io: IoName = "arrow",
    ) -> RunSettings:
        """Return the settings that the run began with, but for what never changes a byte.

        Parameters
        ----------
        n_replicates : int
        threads : int or None
        batch_rows : int
        device : str or None
            By default what the run began with, or, where the fitter does not need it, "auto": the
            histogram fitter can go on without the GPU that it began with, cuML cannot.
        io : str

        Returns
        -------
        RunSettings
        """
        if device is None:
            stays = self.fitter == "cuml" or self.device == "cpu"
            device = self.device if stays else "auto"
        return RunSettings(
            n_replicates,
            self.n_rows,
            int(self.seed),
            threads,
            batch_rows,
            self.output_format,
            checkpoints=True,
            keep_models=self.keep_models,
            device=device,
            fitter=self.fitter,
            io=io,
        )

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


class RunHead(Head):
    """The head of a synthesis of one file.

    Parameters
    ----------
    n_replicates : int
    io : str
        As it was asked for.
    data_path : str or None
        Absolute; None where a table in memory was given.
    notes : tuple of str
        What was settled when the plan was resolved.
    reasons : dict of str to str
        Why each column's kind was chosen.
    """

    kind: Literal["synthesis"] = "synthesis"
    n_replicates: int = Field(ge=1)
    io: IoName = "arrow"
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
            io=settings.io,
            data_path=None if data_path is None else str(data_path.resolve()),
            notes=prepared.notes,
            reasons=dict(prepared.resolved.reasons),
        )


def unfinished_kind(path: str | Path) -> str | None:
    """Return the kind of the run that was cut short in a directory.

    Parameters
    ----------
    path : str or pathlib.Path
        The run directory.

    Returns
    -------
    str or None
        A key of `RESUME_CALLS`; None where there is no such run, or its journal is damaged.
    """
    kind = head_line(WorkDirectory(Path(path)).journal_file).get("kind")
    return kind if kind in RESUME_CALLS else None


def _compare(pinned: Mapping[str, str], now: Mapping[str, str], place: Path) -> None:
    different = pin_differences(pinned, now, ("then", "now"))
    if different:
        raise CheckpointMismatchError(
            f"{place}: the unfinished run cannot be resumed, because this is not what it began "
            f"with: {different}. Bring that back, or start again with --overwrite."
        )
