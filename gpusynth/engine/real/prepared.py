"""Prepared: real data as a run holds them, from a resolved plan to codes ready to fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpusynth.arrays import Array
from gpusynth.backends import CPU, Backend
from gpusynth.engine.draw.calibrating import BoundCalibration
from gpusynth.engine.draw.uniques import redraw_window
from gpusynth.engine.real.conditions import Conditions
from gpusynth.engine.real.repair import RepairGroups
from gpusynth.engine.real.start import Start
from gpusynth.engine.real.strata import StratumGroups
from gpusynth.engine.real.unique_records import UniqueRecords
from gpusynth.errors import DataError
from gpusynth.io.stamp import FileStamp
from gpusynth.methods.tails import TailTreatment
from gpusynth.plan import Plan, SynthesisPlan
from gpusynth.table import Codec, Schema, Source, Table
from gpusynth.trees import PredictorTable

__all__ = ["Prepared", "Resolved", "changed_input"]


@dataclass(frozen=True, slots=True)
class Resolved:
    """Real data that were looked at once: what the columns are and what will be done with them.

    Attributes
    ----------
    source : Source
    schema : Schema
    reasons : mapping of str to str
        Why each column's kind was chosen; empty when the schema was given.
    codecs : mapping of str to Codec
    plan : SynthesisPlan
    choices : Plan or None
        What the plan was resolved from; None where a resolved plan was given.
    stamp : FileStamp or None
        Of the file before it was read; None for a table in memory.
    """

    source: Source
    schema: Schema
    reasons: Mapping[str, str]
    codecs: Mapping[str, Codec]
    plan: SynthesisPlan
    choices: Plan | None = None
    stamp: FileStamp | None = None

    @property
    def left_out(self) -> tuple[str, ...]:
        """Notes on columns that inference dropped, which nobody has asked for."""
        dropped = "dropped: "
        return tuple(
            f"column {column.name!r} is left out of the output: {reason.removeprefix(dropped)}"
            for column in self.schema.columns
            if column.role == "drop"
            and (reason := self.reasons.get(column.name, "")).startswith(dropped)
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """Real data as codes, ready to fit.

    Attributes
    ----------
    resolved : Resolved
    table : Table
    predictors : PredictorTable
    weight : array of float64, shape (n_rows,), or None
    fingerprint : str
        SHA-256 of the data as they were given.
    encoded_bytes : int
        Of codes and values.
    conditions : Conditions
    repair_groups : RepairGroups
    start : Start
    groups : StratumGroups or None
        Where strata are fitted apart.
    pooling : sequence of mapping
        Strata that are too small to be fitted by themselves, and on what they are fitted.
    notes : tuple of str
        What was noticed and settled on the way; column names and counts, no values.
    units : array of int64, shape (n_rows,), or None
        Number of each row's unit; None where rows are units.
    tails : mapping of str to TailTreatment
        By column.
    uniques : UniqueRecords or None
        Unique real rows, where synthetic rows must not replicate them.
    calibrations : tuple of BoundCalibration
        With the margins of the real rows added up.
    backend : Backend
        Where it is fitted and drawn.
    """

    resolved: Resolved
    table: Table
    predictors: PredictorTable
    weight: Array | None
    fingerprint: str
    encoded_bytes: int
    conditions: Conditions
    repair_groups: RepairGroups
    start: Start
    groups: StratumGroups | None
    pooling: Sequence[Mapping[str, Any]]
    notes: tuple[str, ...]
    units: Array | None = None
    tails: Mapping[str, TailTreatment] = field(default_factory=dict)
    uniques: UniqueRecords | None = None
    calibrations: tuple[BoundCalibration, ...] = ()
    backend: Backend = CPU

    @property
    def plan(self) -> SynthesisPlan:
        """The steps."""
        return self.resolved.plan

    def last_uses(self) -> dict[int, list[str]]:
        """Return step number -> real columns that nothing needs once that step is drawn."""
        last: dict[str, int] = {}
        ties = self.plan.ties()
        final = self.plan.steps[-1].number
        for step in self.plan.steps:
            used = {step.target, *ties.get(step.target, ())}
            if step.method.reads_columns:
                used |= {*step.predictors, *step.method.required_columns}
            last.update(dict.fromkeys(used, step.number))
        last.update(dict.fromkeys(self.repair_groups.columns, final))
        window = redraw_window(self.plan)
        for step in self.plan.steps:
            if step.number in window:
                last[step.target] = max(last[step.target], window[-1])
        uses: dict[int, list[str]] = {}
        for column, number in last.items():
            uses.setdefault(number, []).append(column)
        return uses

    def check_input(self) -> None:
        """Check that the file is still the one that was read.

        Raises
        ------
        DataError
            If it holds other bytes now: what the manifest says of it would be wrong.
        """
        stamp, source = self.resolved.stamp, self.resolved.source
        if stamp is not None and stamp.was_touched() and source.fingerprint() != self.fingerprint:
            raise changed_input(source.name, "was synthesized")

    def release(self, column: str) -> None:
        """Let go the codes and values of a column that no fit and no model needs any more.

        As its synthetic column has been drawn by then, both together stay as large as one table.
        """
        for arrays in (self.table.codes, self.table.values):
            if isinstance(arrays, dict):
                arrays.pop(column, None)


def changed_input(name: str, while_it: str) -> DataError:
    """Return the error for a file that is no longer the one that was read.

    Parameters
    ----------
    name : str
    while_it : str
        When that was, such as "was read".

    Returns
    -------
    DataError
    """
    return DataError(
        f"{name} was changed while it {while_it}; nothing was written. "
        "Run again on a file that nobody writes to."
    )
