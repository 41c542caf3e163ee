"""The simulator: fill in one block of firms, from the firm to its answers."""

from __future__ import annotations

from gpusynth.arrays import Array
from gpusynth.datasets.capital import fill_capital
from gpusynth.datasets.draws import Draws
from gpusynth.datasets.firm import fill_firm
from gpusynth.datasets.owners import fill_owner, fill_owner_answers
from gpusynth.datasets.rare import fill_rare
from gpusynth.datasets.sheet import Sheet
from gpusynth.datasets.staff import fill_staff
from gpusynth.datasets.trade import fill_trade

__all__ = ["simulate"]


def simulate(draws: Draws) -> dict[str, Array]:
    """Simulate the rows of `draws`.

    Parameters
    ----------
    draws : Draws

    Returns
    -------
    dict of str to array, shape (n_rows,)
        All columns, and the rare outcome: codes as int8 with -1 for blank, amounts as int64 or
        float64.
    """
    sheet = Sheet(draws)
    fill_firm(sheet)
    sent = fill_owner(sheet)
    fill_owner_answers(sheet, sent)
    fill_capital(sheet, sent)
    fill_trade(sheet, sent)
    fill_staff(sheet, sent)
    fill_rare(sheet, sent)
    return sheet.columns
