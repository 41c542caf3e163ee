"""Calibration: find the cut points with which the marginals come out as published.

The simulator runs once on a pilot file; at each draw the cut points are solved, in order, so that
the *expected* share of each level among the rows concerned (a mean of probabilities, not of drawn
answers) equals its target, and then used to draw. The result is stored as
`gpusynth.datasets.calibration`, so a simulation solves nothing. To renew it after a change of
coefficients or targets: ``python -m gpusynth.datasets.calibrate PATH/TO/calibration.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from gpusynth.arrays import Array
from gpusynth.datasets.draws import Draws, expit
from gpusynth.datasets.simulation import simulate
from gpusynth.datasets.targets import LEVEL_SHARES, YES_SHARES
from gpusynth.errors import DataError

__all__ = ["PILOT_ROWS", "calibrate"]

PILOT_ROWS = 1 << 20
"""Standard error of a calibrated share: below 0.5 / sqrt(2^20) = 0.0005, and mostly far below."""

_PILOT_SEED = 2007
_BRACKET = (-60.0, 60.0)
_LINE_WIDTH = 100
_STEPS = 48  # halvings: 120 / 2^48 is far below the six digits that are stored


class Calibrator(Draws):
    """Draws that solve their cut points on the rows at hand and remember them."""

    def __init__(self, n_rows: int) -> None:
        self.solved: dict[str, tuple[float, ...]] = {}
        super().__init__(_PILOT_SEED, 0, n_rows, cuts=self.solved, replicate=1)

    def cuts_of_levels(
        self, name: str, predictor: Array, where: Array, lowest: Array | None
    ) -> Array:
        """Solve the cut points from the lowest to the highest; see `Draws`."""
        among = predictor[where]
        least = np.zeros(len(among), np.int64) if lowest is None else lowest[where]
        below = np.zeros(len(among))
        cuts: list[float] = []
        for k, target in enumerate(np.cumsum(LEVEL_SHARES[name])[:-1]):
            if k:
                # Rows that start at level k are cut off below the point just found.
                below[least == k] = expit(cuts[-1] - among[least == k])
            able = least <= k
            base = below[able]
            part = among[able]
            shares = _share_up_to(part, base, len(among))
            cuts.append(_solve(name, shares, float(target)))
        self.solved[name] = tuple(cuts)
        return np.asarray(cuts)

    def cut_of_yes(
        self, name: str, predictor: Array, where: Array, forced: Array, never: Array
    ) -> float:
        """Solve the one cut point; see `Draws`."""
        n_where = int(where.sum())
        among = predictor[where & ~forced & ~never]
        certain = int((where & forced & ~never).sum()) / n_where

        def share_of_no(cut: float) -> float:
            yes = float(expit(among - cut).sum()) / n_where
            return 1.0 - certain - yes

        cut = _solve(name, share_of_no, 1.0 - YES_SHARES[name])
        self.solved[name] = (cut,)
        return cut


def _share_up_to(predictor: Array, below: Array, n_all: int) -> Callable[[float], float]:
    """Return the expected share at or under a cut, each row being cut off below `below`."""

    def share(cut: float) -> float:
        upto = expit(cut - predictor)
        return float(np.maximum((upto - below) / (1.0 - below), 0.0).sum()) / n_all

    return share


def _solve(name: str, share: Callable[[float], float], target: float) -> float:
    low, high = _BRACKET
    if not share(low) < target < share(high):
        raise DataError(
            f"draw {name!r} cannot reach its marginal: {target:.4f} is not between the shares "
            f"{share(low):.4f} and {share(high):.4f} that other answers leave open. "
            "Change the target or the rule that forces answers."
        )
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if share(middle) < target:
            low = middle
        else:
            high = middle
    return round((low + high) / 2, 6)


def calibrate(n_rows: int = PILOT_ROWS) -> Mapping[str, tuple[float, ...]]:
    """Solve the cut points of all draws.

    Parameters
    ----------
    n_rows : int
        Size of the pilot file.

    Returns
    -------
    mapping of str to tuple of float
        Name of a draw -> its cut points, in the order of drawing.

    Raises
    ------
    DataError
        If a marginal cannot be reached under the rules.
    """
    calibrator = Calibrator(n_rows)
    simulate(calibrator)
    return calibrator.solved


def _as_module(cuts: Mapping[str, tuple[float, ...]]) -> str:
    lines = [
        '"""Cut points of all draws: written by `gpusynth.datasets.calibrate`, not by hand."""',
        "",
        "from __future__ import annotations",
        "",
        "from collections.abc import Mapping",
        "",
        '__all__ = ["CUTS"]',
        "",
        "# fmt: off",
        "CUTS: Mapping[str, tuple[float, ...]] = {",
    ]
    for name, values in cuts.items():
        line = f'    "{name}": {values!r},'
        if len(line) <= _LINE_WIDTH:
            lines.append(line)
            continue
        rows = [values[i : i + 8] for i in range(0, len(values), 8)]
        lines.append(f'    "{name}": (')
        lines.extend(f"        {', '.join(map(repr, row))}," for row in rows)
        lines.append("    ),")
    lines += ["}", "# fmt: on", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(_as_module(calibrate()), encoding="utf-8")
