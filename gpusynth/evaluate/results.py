"""Evaluation: everything that was measured, as frozen models that are the published JSON.

The models hold counts, shares and figures, never a record. `gpusynth.evaluate.suppression` decides
which labels may be named. No figure is NaN or infinite: what could not be computed is None, and
`Evaluation.not_computed` says why.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from gpusynth.errors import DataError
from gpusynth.evaluate.details import (
    Cell,
    ColumnResult,
    KMarginalResult,
    PairMatrices,
    PrincipalComponents,
)
from gpusynth.evaluate.figures import Comparison, Count, FigureGroup, Result
from gpusynth.io import write_json_atomic
from gpusynth.io.input_file import check_input_file
from gpusynth.table.text_file import parse_json, read_text

__all__ = [
    "VERSION",
    "Evaluation",
    "Fact",
    "FileSummary",
    "Making",
    "MakingCounts",
    "NotComputed",
    "Settings",
    "VariableMaking",
    "read_comparisons",
    "read_evaluation",
    "write_evaluation",
]

VERSION: Literal[1] = 1
"""Of the JSON layout; a reader refuses a version that it does not know."""


class FileSummary(Result):
    """One file that was compared: its name without its directory, and its size."""

    role: Literal["real", "synthetic", "holdout"]
    name: str
    n_rows: Count
    n_columns: Count
    sha256: str | None = None


class Settings(Result):
    """What was asked for.

    Parameters
    ----------
    weight : str, optional
    keys, targets : tuple of str
        Of the disclosure measures.
    n_bins : int
        Of numbers.
    n_marginals : int
        How many marginals of more than two columns are drawn at most.
    minimum_cell : int
        Cells with fewer real rows are not named.
    seed : int
        Of resamples and draws of marginals.
    """

    weight: str | None
    keys: tuple[str, ...]
    targets: tuple[str, ...]
    n_bins: Count
    n_marginals: Count
    minimum_cell: Count
    seed: Count


class NotComputed(Result):
    """A measure that has no result, and why."""

    measure: str
    reason: str


class VariableMaking(Result):
    """How one column was made: its role, and the methods of its steps."""

    name: str
    kind: str = ""
    role: str = ""
    methods: tuple[str, ...] = ()
    n_leaves: Count = 0


class Fact(Result):
    """One line about the making: its name and what it is."""

    name: str
    value: str


class MakingCounts(Result):
    """What was counted while the files were made: edits, pooled levels and the like."""

    name: str
    counts: tuple[Fact, ...]


class Making(Result):
    """How the synthetic files were made, as their run directory says.

    Parameters
    ----------
    facts : tuple of Fact
        Seed, fingerprints, versions, sizes.
    counts : tuple of MakingCounts
    notes : tuple of str
        What the run noted about its plan.
    variables : tuple of VariableMaking
    """

    facts: tuple[Fact, ...]
    counts: tuple[MakingCounts, ...] = ()
    notes: tuple[str, ...] = ()
    variables: tuple[VariableMaking, ...] = ()


class Evaluation(Result):
    """All results of one evaluation.

    Parameters
    ----------
    format, version
        Of this JSON.
    gpusynth : str
        Version that measured.
    settings : Settings
    files : tuple of FileSummary
        The real file first, then synthetic ones, then the holdout.
    only_real, only_synthetic : tuple of str
        Columns that were not compared.
    type_differences : tuple of str
        Columns whose types differ, as sentences.
    kmarginals : tuple of KMarginalResult
    columns : tuple of ColumnResult
    pairs : PairMatrices, optional
    components : PrincipalComponents, optional
    worst_cells : tuple of Cell
    utility, disclosure : tuple of FigureGroup
    comparisons : tuple of Comparison
    making : Making, optional
    not_computed : tuple of NotComputed
    """

    format: Literal["gpusynth-evaluation"] = "gpusynth-evaluation"
    version: Literal[1] = VERSION
    gpusynth: str
    settings: Settings
    files: tuple[FileSummary, ...]
    only_real: tuple[str, ...] = ()
    only_synthetic: tuple[str, ...] = ()
    type_differences: tuple[str, ...] = ()
    kmarginals: tuple[KMarginalResult, ...] = ()
    columns: tuple[ColumnResult, ...] = ()
    pairs: PairMatrices | None = None
    components: PrincipalComponents | None = None
    worst_cells: tuple[Cell, ...] = ()
    utility: tuple[FigureGroup, ...] = ()
    disclosure: tuple[FigureGroup, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    making: Making | None = None
    not_computed: tuple[NotComputed, ...] = ()

    @property
    def real(self) -> FileSummary:
        """The real file."""
        return self.files[0]

    @property
    def synthetic(self) -> tuple[FileSummary, ...]:
        """The synthetic files."""
        return tuple(file for file in self.files if file.role == "synthetic")

    def group(self, name: str) -> FigureGroup | None:
        """Return the group of figures of that name, None where there is none."""
        groups = (*self.utility, *self.disclosure)
        return next((group for group in groups if group.name == name), None)


def write_evaluation(evaluation: Evaluation, path: str | Path) -> None:
    """Write the results as JSON.

    Parameters
    ----------
    evaluation : Evaluation
    path : str or pathlib.Path

    Raises
    ------
    OutputError
        If the file cannot be written; nothing half-written is left.
    """
    write_json_atomic(path, evaluation.model_dump(mode="json"))


def read_evaluation(path: str | Path) -> Evaluation:
    """Read the results that `write_evaluation` wrote.

    Parameters
    ----------
    path : str or pathlib.Path

    Returns
    -------
    Evaluation

    Raises
    ------
    DataError
        If there is no such file, or it is no evaluation of a known version; the message names the
        first place that does not fit.
    """
    path = Path(path)
    check_input_file(path)
    text = read_text(path, "file", DataError)
    try:
        return Evaluation.model_validate_json(text)
    except ValidationError as error:
        raise DataError(f"{path.name} is no evaluation: {_first_fault(error)}") from None


def read_comparisons(path: str | Path) -> tuple[Comparison, ...]:
    """Read the estimates that ``gpusynth replicate --json`` wrote.

    Parameters
    ----------
    path : str or pathlib.Path

    Returns
    -------
    tuple of Comparison

    Raises
    ------
    DataError
        If there is no such file, or it holds no estimates.
    """
    path = Path(path)
    check_input_file(path)
    content = parse_json(read_text(path, "file", DataError), path.name, DataError)
    try:
        return tuple(Comparison.model_validate(one) for one in content["comparisons"])
    except (ValueError, KeyError, TypeError):
        raise DataError(
            f"{path.name} holds no estimates. Give a file that gpusynth replicate --json wrote."
        ) from None


def _first_fault(error: ValidationError) -> str:
    """Say where the first fault is; never what stands there."""
    first: Any = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the file"
    return f"{place}: {first['type']}. Give a file that gpusynth evaluate (version 1) wrote."
