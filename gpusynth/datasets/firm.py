"""The firm itself: state, sector, weight, random group, size, and who was sent questions."""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array
from gpusynth.datasets.amounts import employment_of_level, money_of_score, weight_of_score
from gpusynth.datasets.contingency import SECTORS, STATES, cumulative_tables, pick
from gpusynth.datasets.sheet import Sheet
from gpusynth.datasets.targets import TRAITS

__all__ = ["EMPLOYMENT_CENTRE", "SECTOR_GROUPS", "STATE_NAMES", "fill_firm"]

STATE_NAMES = {
    "17": "illinois",
    "25": "massachusetts",
    "40": "oklahoma",
    "48": "texas",
    "S1": "alaska_wyoming",
}
SECTOR_GROUPS = {
    "primary": (11, 21, 22),
    "construction": (23,),
    "manufacturing": (31,),
    "wholesale": (42,),
    "retail": (44,),
    "transport": (48,),
    "professional": (51, 54),
    "finance": (52, 53),
    "management": (55,),
    "health": (61, 62),
    "food": (72,),
}

EMPLOYMENT_CENTRE = 1.7
"""Subtracted from log(1 + employment), about its mean, so that coefficients act around a typical
firm; so are the two below."""

_PAYROLL_CENTRE, _RECEIPTS_CENTRE = 4.8, 6.3


def _fill_place(sheet: Sheet) -> None:
    states, sectors, _ = cumulative_tables()
    draws = sheet.draws
    state = pick(states, np.zeros(draws.n_rows, np.int64), draws.uniform("FIPST"), len(STATES))
    sector = pick(sectors, state, draws.uniform("SECTOR"), len(SECTORS))
    sheet.columns["FIPST"] = state.astype(np.int8)
    sheet.columns["SECTOR"] = np.asarray(SECTORS, np.int64)[sector]
    sheet.columns["N07_EMPLOYER"] = np.zeros(draws.n_rows, np.int8)
    sheet.know(**{name: state == STATES.index(code) for code, name in STATE_NAMES.items()})
    for name, codes in SECTOR_GROUPS.items():
        sheet.know(**{name: np.isin(sheet.columns["SECTOR"], codes)})
    sheet.know(**{trait: draws.trait(trait) for trait in TRAITS})


def _fill_weight(sheet: Sheet) -> None:
    """Certainty firms have weight 1 and random group 0; all others more, and a group."""
    certain = sheet.yes("certain", sheet.everyone)
    group, _, _ = sheet.level("RG", ~certain)
    weight = weight_of_score(*sheet.level("TABWGT", ~certain))
    sheet.columns["RG"] = np.where(certain, 0, group + 1)
    sheet.columns["TABWGT"] = np.where(certain, 1.0, weight)
    sheet.know(certain=certain, log_weight=np.log(sheet.columns["TABWGT"]))


def _fill_size(sheet: Sheet) -> None:
    """Payroll only with employees: zero employment means zero payroll."""
    employment = employment_of_level(*sheet.level("EMPLOYMENT_NOISY", sheet.everyone))
    sheet.know(log_employment=np.log1p(employment) - EMPLOYMENT_CENTRE)
    staffed: Array = employment > 0
    payroll = money_of_score("PAYROLL_NOISY", *sheet.level("PAYROLL_NOISY", staffed))
    payroll = np.where(staffed, payroll, 0)
    sheet.know(log_payroll=np.log1p(payroll) - _PAYROLL_CENTRE)
    receipts = money_of_score("RECEIPTS_NOISY", *sheet.level("RECEIPTS_NOISY", sheet.everyone))
    sheet.know(log_receipts=np.log1p(receipts) - _RECEIPTS_CENTRE)
    sheet.columns["EMPLOYMENT_NOISY"] = employment
    sheet.columns["PAYROLL_NOISY"] = payroll
    sheet.columns["RECEIPTS_NOISY"] = receipts


def fill_firm(sheet: Sheet) -> None:
    """Fill in place, weight and size.

    Parameters
    ----------
    sheet : Sheet
    """
    _fill_place(sheet)
    _fill_weight(sheet)
    _fill_size(sheet)
