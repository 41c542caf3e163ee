"""Finishing: what is done to a replicate once all its columns are drawn, and what is said of it.

Replicated uniques are removed, then rows are put into the order of the file, then weights are
calibrated to their margins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpusynth.engine.delivery.released import output_order
from gpusynth.engine.draw.calibrating import calibrate_replicate
from gpusynth.engine.draw.edits import EditCounts
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.draw.uniques import remove_replicated
from gpusynth.engine.measure import Stopwatch
from gpusynth.engine.progress import Listener
from gpusynth.engine.real.prepared import Prepared

__all__ = ["Finished", "finish_replicates"]

_COUNTS = "counts"
_CALIBRATIONS = "calibrations"


@dataclass(slots=True)
class Finished:
    """What was done to replicates, for the manifest.

    Attributes
    ----------
    counts : EditCounts
        Of the run; takes the rows that are removed.
    calibrations : dict of int to list of dict
        Number of the replicate -> what the manifest says of each calibration, as in the plan.
    """

    counts: EditCounts
    calibrations: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    _own_counts: dict[int, dict[str, dict[str, int]]] = field(default_factory=dict)

    def add_counts(self, replicate: int, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Add what was counted of one replicate."""
        self._own_counts[replicate] = {what: dict(own) for what, own in counts.items()}
        self.counts.add_counts(counts)

    def details(self, replicate: int) -> dict[str, Any]:
        """Return what a journal keeps of a replicate; `restore` takes it.

        Returns
        -------
        dict of str to object
        """
        return {
            _COUNTS: self._own_counts.get(replicate, {}),
            _CALIBRATIONS: self.calibrations.get(replicate, []),
        }

    def restore(self, replicate: int, details: Mapping[str, Any]) -> None:
        """Take what `details` returned of a replicate that an earlier process has written."""
        self.add_counts(replicate, details.get(_COUNTS, {}))
        if details.get(_CALIBRATIONS):
            self.calibrations[replicate] = list(details[_CALIBRATIONS])


def finish_replicates(
    prepared: Prepared,
    replicates: Sequence[SyntheticRows],
    finished: Finished,
    *,
    seed: int,
    listener: Listener,
    stopwatch: Stopwatch,
) -> None:
    """Make replicates ready to be put out.

    Parameters
    ----------
    prepared : Prepared
    replicates : sequence of SyntheticRows
        All columns are drawn.
    finished : Finished
        Takes what was done.
    seed : int
    listener : Listener
    stopwatch : Stopwatch

    Raises
    ------
    PlanError
        If every row of a replicate would be removed.
    DataError
        If no weights meet the margins.
    """
    choice, records = prepared.plan.replicated_uniques, prepared.uniques
    for rows in replicates:
        rows.finish_drawing()
        if choice is not None and records is not None and choice.action == "remove":
            own = EditCounts()
            remove_replicated(rows, records, choice, own)
            finished.add_counts(rows.number, own.counts())
        rows.order = output_order(rows, prepared.plan.output, seed)
    if not prepared.calibrations:
        return
    listener.start("calibrate", len(replicates))
    with stopwatch.phase("calibrate"):
        for rows in replicates:
            finished.calibrations[rows.number] = [
                calibrate_replicate(bound, prepared.table.codecs, rows).to_json()
                for bound in prepared.calibrations
            ]
            listener.advance("calibrate", work=1, rows=rows.n_rows)
