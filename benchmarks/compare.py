"""Compare the results of two versions: what became slower?

    python -m benchmarks.compare base.json head.json

A phase has regressed when it is slower by more than 10 % and by more than 0.05 s: less than either
is noise. Measure both versions on one machine, one after the other. Ends with exit code 1 when
anything has regressed, and 2 when there was nothing to compare.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results_files import read_results

__all__ = ["LEAST_SECONDS", "LEAST_SHARE", "Change", "compare", "main"]

LEAST_SHARE = 0.10
LEAST_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Change:
    """One phase of one case by one clock, in both versions."""

    case: str
    phase: str
    clock: str
    base: float
    head: float

    @property
    def regressed(self) -> bool:
        """Whether the head is slower by both limits."""
        slower = self.head - self.base
        return slower > LEAST_SECONDS and slower > LEAST_SHARE * self.base

    def __str__(self) -> str:
        change = f"{self.head / self.base - 1.0:+.1%}" if self.base else "from nothing"
        verdict = "  REGRESSED" if self.regressed else ""
        return (
            f"{self.case}: {self.phase}, {self.clock}: "
            f"{self.base:.3f} s -> {self.head:.3f} s ({change}){verdict}"
        )


def _name(result: Mapping[str, Any]) -> str:
    return f"{result['benchmark']} {json.dumps(result['case'], sort_keys=True)}"


def compare(base: Sequence[Mapping[str, Any]], head: Sequence[Mapping[str, Any]]) -> list[Change]:
    """Return the changes of all phases that both have; of equal cases the last one counts.

    Results without phases (other benchmarks) are left out.
    """
    before = {_name(result): result["phases"] for result in base if "phases" in result}
    after = {_name(result): result["phases"] for result in head if "phases" in result}
    return [
        Change(case, phase, clock, before[case][phase][clock], seconds)
        for case, phases in after.items()
        for phase, clocks in phases.items()
        for clock, seconds in clocks.items()
        if clock in before.get(case, {}).get(phase, {})
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Print every change and end with the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", type=Path)
    parser.add_argument("head", type=Path)
    arguments = parser.parse_args(argv)
    changes = compare(read_results([arguments.base]), read_results([arguments.head]))
    for change in changes:
        print(change)
    if not changes:
        print("the two have no case in common")
        raise SystemExit(2)
    if any(change.regressed for change in changes):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
