"""One block of firms while it is being filled in: what is known, what is drawn from it."""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array
from gpusynth.datasets.coefficients import COEFFICIENTS
from gpusynth.datasets.draws import Draws

__all__ = ["NULL", "Sheet"]

NULL = -1
"""Code of a blank answer while a block is being filled in; it becomes null in the table."""


class Sheet:
    """Answers and predictors of a block of rows.

    Parameters
    ----------
    draws : Draws

    Attributes
    ----------
    columns : dict of str to array, shape (n_rows,)
        Finished columns: codes as int8, amounts as int64 or float64.
    """

    def __init__(self, draws: Draws) -> None:
        self.draws = draws
        self.columns: dict[str, Array] = {}
        self.everyone: Array = np.ones(draws.n_rows, bool)
        self._nobody: Array = np.zeros(draws.n_rows, bool)
        self._predictors: dict[str, Array] = {}

    def know(self, **predictors: Array) -> None:
        """Make predictors known to all later draws.

        Parameters
        ----------
        **predictors : array of bool or number, shape (n_rows,)
        """
        for name, values in predictors.items():
            self._predictors[name] = values.astype(np.float64)

    def known(self, name: str) -> Array:
        """Return a predictor that is known.

        Parameters
        ----------
        name : str

        Returns
        -------
        array of float64, shape (n_rows,)
        """
        return self._predictors[name]

    def predictor(self, name: str) -> Array:
        """Return the linear predictor of a draw: its terms added in the order of their listing.

        Parameters
        ----------
        name : str

        Returns
        -------
        array of float64, shape (n_rows,)
        """
        total = np.zeros(self.draws.n_rows)
        for term, coefficient in COEFFICIENTS.get(name, {}).items():
            total += coefficient * self._predictors[term]
        return total

    def level(
        self, name: str, where: Array, lowest: Array | None = None
    ) -> tuple[Array, Array, Array]:
        """Draw an ordered answer; see `Draws.level`.

        Parameters
        ----------
        name : str
        where : array of bool, shape (n_rows,)
        lowest : array of int64, shape (n_rows,), optional

        Returns
        -------
        level, score, cuts : array
        """
        return self.draws.level(name, self.predictor(name), where, lowest)

    def yes(
        self, name: str, where: Array, *, forced: Array | None = None, never: Array | None = None
    ) -> Array:
        """Draw a yes/no answer; see `Draws.yes`.

        Parameters
        ----------
        name : str
        where : array of bool, shape (n_rows,)
            Rows that the marginal is about.
        forced, never : array of bool, shape (n_rows,), optional
            Rows whose answer follows from other answers; `never` wins.

        Returns
        -------
        array of bool, shape (n_rows,)
        """
        forced = self._nobody if forced is None else forced
        never = self._nobody if never is None else never
        return self.draws.yes(name, self.predictor(name), where, forced, never)

    def write(self, name: str, codes: Array, asked: Array) -> None:
        """Enter a finished column of codes, blank where the question was not asked.

        Parameters
        ----------
        name : str
        codes : array of int, shape (n_rows,)
        asked : array of bool, shape (n_rows,)
        """
        self.columns[name] = np.where(asked, codes, NULL).astype(np.int8)

    def write_yes_no(self, name: str, yes: Array, answered: Array, asked: Array) -> None:
        """Enter a yes/no column: 1 yes, 2 no, 0 asked but not answered, blank not asked.

        Parameters
        ----------
        name : str
        yes, answered, asked : array of bool, shape (n_rows,)
        """
        self.write(name, np.where(answered, np.where(yes, 1, 2), 0), asked)

    def write_flag(self, name: str, yes: Array, asked: Array) -> None:
        """Enter a flag: 1 yes, 2 no, blank not asked.

        Parameters
        ----------
        name : str
        yes, asked : array of bool, shape (n_rows,)
        """
        self.write(name, np.where(yes, 1, 2), asked)

    def reported(self, question: str, asked: Array) -> Array:
        """Draw who of those asked leaves a question (or a block of questions) unanswered.

        Parameters
        ----------
        question : str
        asked : array of bool, shape (n_rows,)

        Returns
        -------
        array of bool, shape (n_rows,)
            Asked, and not left out.
        """
        result: Array = asked & ~self.yes(f"{question} not reported", asked)
        return result
