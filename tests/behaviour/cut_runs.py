"""Runs that are cut short, and what they leave."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import gpusynth
from gpusynth import Cart, Edit, Plan, Rule
from tests.behaviour.plan_survey import SCHEMA

WORK = ".gpusynth-work"
CHOICES = {"n_replicates": 2, "seed": 5, "threads": 2}
PLANS = {
    "plain": Plan(),
    "edits": Plan(
        rules=(Rule(target="marital", when="age < 18", value="single"),),
        edits=(Edit(holds="pay <= 90 * staff"), Edit(holds="income <= 3000 or age > 30")),
        smoothing={"cost": "density"},
    ),
    "proper": Plan(proper="bootstrap", default=Cart(min_leaf=20)),
    "partial": Plan(
        strata={"columns": ["sector"], "min_rows": 50},
        partial={"columns": ["pay", "income"], "rows": "staff > 3"},
    ),
    "protected": Plan(
        default=Cart(min_distinct_values=3),
        methods={"cost": Cart(max_donor_uses=2)},
        smoothing={"staff": "rmean"},
        tails={"profit": {"kind": "swap", "share": 0.1}},
        replicated_uniques={"keys": ["sector", "staff", "pay"], "attempts": 2},
        output={"shuffle_rows": True},
    ),
}


class Cut:
    """A listener that interrupts the run at its n-th word."""

    def __init__(self, after: int) -> None:
        self.left = after

    def start(self, phase: str, work: int | None) -> None:
        self._hear()

    def advance(self, label: str, *, work: int, rows: int) -> None:
        self._hear()

    def _hear(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def files(directory: Path) -> dict[str, bytes]:
    """All that a run leaves, but what tells of time and memory."""
    own = [p for p in directory.iterdir() if p.name != "manifest.json"]
    return {p.name: p.read_bytes() for p in own}


def lasting(directory: Path) -> dict:
    manifest = json.loads((directory / "manifest.json").read_text())
    for name in ("timings", "peak_memory_bytes", "checkpoints", "threads", "settings"):
        manifest.pop(name)
    for variable in manifest["variables"]:
        for step in variable["steps"]:
            for name in [name for name in step if name.endswith("seconds")]:
                del step[name]
    return manifest


def begin(
    data: Path, out: Path, plan: Plan, *, after: int | None = None, overwrite: bool = False
) -> None:
    """Run with checkpoints, and cut the run at the n-th word that it says."""
    listener = None if after is None else Cut(after)
    gpusynth.synthesize(
        data,
        SCHEMA,
        plan,
        output=out,
        checkpoints=True,
        listener=listener,
        overwrite=overwrite,
        **CHOICES,
    )


@contextmanager
def cut_when_moved(out: Path, moved: int) -> Iterator[None]:
    """Interrupt the run inside when so many files have been moved into its directory."""
    replaced = Path.replace
    left = moved

    def replace(self: Path, target: Path) -> Path:
        nonlocal left
        if Path(target).parent == out:
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
        return replaced(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            yield


def draws(out: Path) -> list[Path]:
    return sorted((out / WORK / "files").glob("draw_*"))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])
