"""Tasks: what a worker is asked for, and what it answers; paths, numbers and texts only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gpusynth.backends import DeviceName
from gpusynth.engine.real.prepared import Prepared
from gpusynth.engine.settings import OutputFormat, RunSettings
from gpusynth.plan import Step

__all__ = ["FitTask", "RunSite", "fit_tasks", "needs_fit", "wanted_models"]

_SMALLEST_SHARE = 16
"""Strata are put together until a task has one 16th of the rows: a task costs milliseconds."""


@dataclass(frozen=True, slots=True)
class RunSite:
    """Where a run is and what it is, for workers.

    Attributes
    ----------
    files : str
        Directory of the checkpoints.
    staging : str
        Directory of the finished replicates.
    digest : str
        Of the shared table.
    seed : int
    n_replicates : int
    n_rows : int or None
        Of each replicate, where the run asks for a number.
    format : {"parquet", "csv"}
    device : {"cpu", "cuda", "auto"}
    unneeded : sequence of int
        Steps that are drawn in all replicates: their models are not asked for.
    """

    files: str
    staging: str
    digest: str
    seed: int
    n_replicates: int
    n_rows: int | None
    format: OutputFormat
    device: DeviceName
    unneeded: Sequence[int] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return a dict of texts and numbers, which is what goes over the network."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**plain, "unneeded": list(self.unneeded)}

    def settings(self, threads: int) -> RunSettings:
        """Return the settings with which a replicate is drawn."""
        return RunSettings(self.n_replicates, self.n_rows, self.seed, threads)


@dataclass(frozen=True, slots=True)
class FitTask:
    """Models of one step to fit.

    Attributes
    ----------
    step : int
    replicate : int
        0 for all of them.
    strata : tuple of int
        Groups of strata; (0,) without any.
    cost : int
        Rows times predictors: the longest tasks go first.
    """

    step: int
    replicate: int
    strata: tuple[int, ...]
    cost: int


def needs_fit(step: Step) -> bool:
    """Return whether a step has models that take a fit."""
    return step.method.is_fitted and step.method.name != "keep"


def fit_tasks(
    prepared: Prepared, n_replicates: int, known: Mapping[int, Sequence[tuple[int, int]]]
) -> list[FitTask]:
    """Return the fits of a run, the longest first.

    Parameters
    ----------
    prepared : Prepared
    n_replicates : int
    known : mapping of int to sequence of (int, int)
        Step -> (replicate, stratum) of models that are there.

    Returns
    -------
    list of FitTask
    """
    tasks = []
    for step in prepared.plan.steps:
        if not needs_fit(step):
            continue
        there = set(known.get(step.number, ()))
        for replicate in _replicates(prepared, n_replicates):
            sizes = {
                stratum: rows
                for stratum, rows in _strata(prepared).items()
                if (replicate, stratum) not in there
            }
            for strata in _together(sizes, prepared.table.n_rows // _SMALLEST_SHARE):
                rows = sum(sizes[stratum] for stratum in strata)
                cost = rows * (1 + len(step.predictors))
                tasks.append(FitTask(step.number, replicate, strata, cost))
    return sorted(tasks, key=lambda task: (-task.cost, task.step, task.replicate, task.strata))


def wanted_models(prepared: Prepared, n_replicates: int) -> list[tuple[int, int]]:
    """Return (replicate, stratum) of the models that every fitted step has.

    Returns
    -------
    list of (int, int)
    """
    return [(r, s) for r in _replicates(prepared, n_replicates) for s in _strata(prepared)]


def _replicates(prepared: Prepared, n_replicates: int) -> Sequence[int]:
    return (0,) if prepared.plan.proper == "none" else range(1, n_replicates + 1)


def _strata(prepared: Prepared) -> dict[int, int]:
    """Return the number of each group of strata and its rows."""
    if prepared.groups is None:
        return {0: prepared.table.n_rows}
    groups = prepared.groups
    return {group.number: len(groups.training_rows(group, None)) for group in groups.groups}


def _together(sizes: Mapping[int, int], enough: int) -> list[tuple[int, ...]]:
    """Put strata together until they have enough rows."""
    found, part, rows = [], [], 0
    for stratum, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        part.append(stratum)
        rows += size
        if rows >= enough:
            found.append(tuple(part))
            part, rows = [], 0
    return [*found, tuple(part)] if part else found
