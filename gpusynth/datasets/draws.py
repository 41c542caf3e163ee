"""Random draws of the simulator: one stream per name, ordered logits cut at calibrated points.

Row ``i`` of a stream depends on the seed, the name and ``i`` only, so neither the number of rows
nor the size of a block changes a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gpusynth.arrays import Array
from gpusynth.datasets.facts_columns import COLUMN_NAMES
from gpusynth.datasets.targets import AUXILIARY_NAMES
from gpusynth.streams import Purpose, StreamKey, random_bits

__all__ = ["STREAM_NUMBERS", "Draws", "expit", "logit"]

STREAM_NUMBERS: Mapping[str, int] = {
    **{name: number for number, name in enumerate(COLUMN_NAMES, start=1)},
    **{name: number for number, name in enumerate(AUXILIARY_NAMES, start=201)},
}
"""Name of a draw -> step of its stream: a column's place in the file, or 201 and up."""

_LARGEST = 1.0 - 2.0**-53
_UNIT_VARIANCE = float(np.sqrt(3.0) / np.pi)


def expit(x: Array) -> Array:
    """Return the logistic distribution function, ``1 / (1 + exp(-x))``.

    Parameters
    ----------
    x : array of float64, shape (n,)

    Returns
    -------
    array of float64, shape (n,)
    """
    return 1.0 / (1.0 + np.exp(-x))


def logit(probability: Array) -> Array:
    """Return ``log(p / (1 - p))``, the inverse of `expit`.

    Parameters
    ----------
    probability : array of float64, shape (n,)
        In the open interval (0, 1).

    Returns
    -------
    array of float64, shape (n,)
    """
    return np.log(probability / (1.0 - probability))


class Draws:
    """Draws for the rows ``[first_row, first_row + n_rows)`` of one simulation.

    Parameters
    ----------
    seed : int
        64 bits.
    first_row, n_rows : int
    cuts : mapping of str to sequence of float
        Cut points of each draw, ascending.
    replicate : int
        0 for simulations; 1 keeps the calibration's numbers apart.
    """

    def __init__(
        self,
        seed: int,
        first_row: int,
        n_rows: int,
        *,
        cuts: Mapping[str, Sequence[float]],
        replicate: int = 0,
    ) -> None:
        self.first_row = first_row
        self.n_rows = n_rows
        self._cuts = cuts
        self._key = StreamKey(seed, replicate=replicate, purpose=Purpose.SIMULATE)

    def uniform(self, name: str, lane: int = 0) -> Array:
        """Return uniform numbers in the open interval (0, 1).

        Parameters
        ----------
        name : str
            A key of `STREAM_NUMBERS`.
        lane : int
            0 or 1: two independent numbers a row.

        Returns
        -------
        array of float64, shape (n_rows,)
            Odd multiples of 2^-53, exact: 0 and 1 cannot occur, so logits are finite.
        """
        key = self._key.at(step=STREAM_NUMBERS[name])
        bits = random_bits(key, self.first_row, self.n_rows)[:, lane] >> np.uint64(12)
        return (bits.astype(np.float64) + 0.5) * 2.0**-52

    def trait(self, name: str) -> Array:
        """Return a latent trait: standard logistic, scaled to variance 1.

        Parameters
        ----------
        name : str

        Returns
        -------
        array of float64, shape (n_rows,)
        """
        return logit(self.uniform(name)) * _UNIT_VARIANCE

    def cuts_of_levels(
        self, name: str, predictor: Array, where: Array, lowest: Array | None
    ) -> Array:
        """Return the cut points of an ordered draw.

        Parameters
        ----------
        name : str
        predictor : array of float64, shape (n_rows,)
            Linear predictor.
        where : array of bool, shape (n_rows,)
            Rows that the marginal is about.
        lowest : array of int64, shape (n_rows,), optional
            Lowest level that a row may have.

        Returns
        -------
        array of float64, shape (n_levels - 1,)
        """
        return np.asarray(self._cuts[name], np.float64)

    def cut_of_yes(
        self, name: str, predictor: Array, where: Array, forced: Array, never: Array
    ) -> float:
        """Return the cut point of a yes/no draw.

        Parameters
        ----------
        name : str
        predictor : array of float64, shape (n_rows,)
        where, forced, never : array of bool, shape (n_rows,)
            Rows that the marginal is about; among them, rows that are "yes" or "no" anyway.

        Returns
        -------
        float
        """
        return float(self._cuts[name][0])

    def level(
        self, name: str, predictor: Array, where: Array, lowest: Array | None = None
    ) -> tuple[Array, Array, Array]:
        """Draw an ordered logit, cut off below `lowest` where given.

        Parameters
        ----------
        name : str
        predictor : array of float64, shape (n_rows,)
        where : array of bool, shape (n_rows,)
        lowest : array of int64, shape (n_rows,), optional

        Returns
        -------
        level : array of int64, shape (n_rows,)
            Counted from 0; also outside `where`, without meaning there.
        score : array of float64, shape (n_rows,)
            ``predictor + logistic noise``: level k has its score in ``(cuts[k-1], cuts[k]]``.
        cuts : array of float64, shape (n_levels - 1,)
        """
        cuts = self.cuts_of_levels(name, predictor, where, lowest)
        uniform = self.uniform(name)
        if lowest is not None:
            # Draw from the distribution above the cut below `lowest` (inverse of its function).
            edges = np.concatenate(([-np.inf], cuts))
            below = expit(edges[lowest] - predictor)
            uniform = np.minimum(below + uniform * (1.0 - below), _LARGEST)
        score = predictor + logit(uniform)
        level = np.searchsorted(cuts, score)
        if lowest is not None:
            level = np.maximum(level, lowest)
        return level, score, cuts

    def yes(self, name: str, predictor: Array, where: Array, forced: Array, never: Array) -> Array:
        """Draw a logit.

        Parameters
        ----------
        name : str
        predictor : array of float64, shape (n_rows,)
        where, forced, never : array of bool, shape (n_rows,)
            See `cut_of_yes`.

        Returns
        -------
        array of bool, shape (n_rows,)
            False outside `where`.
        """
        cut = self.cut_of_yes(name, predictor, where, forced, never)
        drawn = predictor + logit(self.uniform(name)) > cut
        result: Array = (drawn | forced) & ~never & where
        return result
