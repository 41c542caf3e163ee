"""The first owner: what every record has, and the answers about him or her."""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array
from gpusynth.datasets.amounts import OWNERSHIP_VALUES
from gpusynth.datasets.contingency import RACES, SECTORS, cumulative_tables, pick
from gpusynth.datasets.sheet import NULL, Sheet

__all__ = ["fill_owner", "fill_owner_answers"]

# Period of acquisition (counted from 0) in which each period of establishment lies.
_ACQUIRED_NO_EARLIER = np.asarray((0, 1, 2, 3, 3, 3, 4, 5, 6), np.int64)
# HUSBWIFE codes of the ordered draw from "primarily husband" to "primarily wife".
_COUPLE_CODES = np.asarray((2, 1, 3), np.int64)
# 99 rather than 100 %: three owners of 33 % each hold the whole of a firm.
_WHOLE = 99


def _fill_demography(sheet: Sheet) -> None:
    draws = sheet.draws
    _, _, by_place = cumulative_tables()
    sector = np.searchsorted(np.asarray(SECTORS), sheet.columns["SECTOR"])
    cell = sheet.columns["FIPST"].astype(np.int64) * len(SECTORS) + sector
    race = pick(by_place, cell, draws.uniform("RACE1"), len(RACES))
    sheet.columns["RACE1"] = race.astype(np.int8)
    for name, letter in (("black", "B"), ("asian", "A"), ("native", "I")):
        sheet.know(**{name: np.asarray([letter in code for code in RACES])[race]})
    hispanic = sheet.yes("hispanic", sheet.everyone)
    sheet.know(hispanic=hispanic)
    female = sheet.yes("female", sheet.everyone)
    sheet.know(female=female)
    veteran = sheet.yes("VET1", sheet.everyone)
    sheet.know(veteran=veteran)
    sheet.columns["ETH1"] = np.where(hispanic, 0, 1).astype(np.int8)
    sheet.columns["SEX1"] = np.where(female, 0, 1).astype(np.int8)
    sheet.columns["VET1"] = np.where(veteran, 1, 2).astype(np.int8)


def _fill_ownership(sheet: Sheet) -> None:
    level, _, _ = sheet.level("PCT1", sheet.everyone)
    share = np.asarray(OWNERSHIP_VALUES, np.int64)[level]
    sheet.columns["PCT1"] = share
    sheet.know(no_owner=share == 0, sole_owner=share == 100)


def fill_owner(sheet: Sheet) -> Array:
    """Fill in what every record has about the owner, and draw who was sent questions.

    Parameters
    ----------
    sheet : Sheet

    Returns
    -------
    array of bool, shape (n_rows,)
        Records with a questionnaire; in all others every answer is blank.
    """
    _fill_demography(sheet)
    _fill_ownership(sheet)
    sent: Array = ~sheet.yes("blank", sheet.everyone)
    return sent


def _fill_beginnings(sheet: Sheet, sent: Array, known: Array) -> None:
    """Year of establishment, way and year of acquisition (never before the establishment)."""
    immigrant = sheet.yes("immigrant", sent)
    sheet.know(
        immigrant=immigrant,
        immigrant_trade=immigrant & np.isin(sheet.columns["SECTOR"], (31, 42)),
    )
    told = sheet.reported("BORNUS1", known)
    sheet.write_yes_no("BORNUS1", ~immigrant, told, sent)

    period, _, _ = sheet.level("ESTABLISHED", sent)
    sheet.know(recent=period - 2)
    told = sheet.reported("ways-of-acquiring", known)
    ways = {name: sheet.yes(name, told) for name in ("PURCHASED1", "INHERITED1", "RECEIVED1")}
    others = ways["PURCHASED1"] | ways["INHERITED1"] | ways["RECEIVED1"]
    ways["FOUNDED1"] = sheet.yes("FOUNDED1", told, forced=told & ~others)
    for name, yes in ways.items():
        sheet.write_yes_no(name, yes, told, sent)
    sheet.write_flag("ACQUIRENR1", ~told, sent)
    sheet.know(founder=ways["FOUNDED1"])

    told = sheet.reported("ESTABLISHED", sent)
    unknown = sheet.yes("ESTABLISHED unknown", told)
    sheet.write("ESTABLISHED", np.where(told, np.where(unknown, 10, period + 1), 0), sent)

    blank = sheet.yes("ACQYR1 blank", sent)
    told = sheet.reported("ACQYR1", known)
    unknown = sheet.yes("ACQYR1 unknown", told)
    acquired, _, _ = sheet.level("ACQYR1", told & ~unknown, _ACQUIRED_NO_EARLIER[period])
    codes = np.where(told, np.where(unknown, 8, acquired + 1), 0)
    sheet.write("ACQYR1", np.where(blank, NULL, codes), sent)


def _fill_person(sheet: Sheet, sent: Array, known: Array) -> None:
    age, _, _ = sheet.level("AGE1", known)
    sheet.know(age=age - 3)
    sheet.write("AGE1", np.where(sheet.reported("AGE1", known), age + 1, 0), sent)
    education, _, _ = sheet.level("EDUC1", known)
    sheet.know(college=education >= 5)
    sheet.write("EDUC1", np.where(sheet.reported("EDUC1", known), education + 1, 0), sent)

    told = sheet.reported("functions", known)
    provides = sheet.yes("PROVIDE1", told)
    manages = sheet.yes("MANAGE1", told)
    sheet.know(manages=manages)
    controls = sheet.yes("FINANCIAL1", told)
    for name, yes in (("PROVIDE1", provides), ("MANAGE1", manages), ("FINANCIAL1", controls)):
        sheet.write_yes_no(name, yes, told, sent)
    sheet.write_yes_no("FNCTNABV1", ~(provides | manages | controls), told, sent)
    sheet.write_flag("FNCTNR1", ~told, sent)

    hours, _, _ = sheet.level("HOURS1", known)
    sheet.know(hours=hours - 3)
    sheet.write("HOURS1", np.where(sheet.reported("HOURS1", known), hours + 1, 0), sent)
    for name in ("PRMINC1", "SELFEMP1"):
        told = sheet.reported(name, known)
        sheet.write_yes_no(name, sheet.yes(name, told), told, sent)


def _fill_disability(sheet: Sheet, sent: Array, known: Array) -> None:
    """Not applicable (3) to anyone who did not serve, whether sent questions or not."""
    veteran = sheet.columns["VET1"] == 1
    told = sheet.reported("DISVET1", known & veteran)
    disabled = sheet.yes("DISVET1", told)
    codes = np.where(told, np.where(disabled, 1, 2), 0)
    sheet.write("DISVET1", np.where(veteran, codes, 3), sent | ~veteran)


def _fewest_owners(share: Array) -> Array:
    """Return the lowest level of NUMOWNERS (0: two owners) if nobody has more than the first."""
    owners = np.maximum(-(-_WHOLE // np.maximum(share, 1)), 2)
    # Levels: 2, 3, 4, 5 to 9, 10 to 49, 50 or more; a first owner without a share is one of many.
    return np.where(owners <= 4, owners - 2, np.where(owners <= 9, 3, 4))


def _fill_owners(sheet: Sheet, sent: Array, known: Array) -> None:
    """Fill in number of owners, couples, families: couples are families, families several."""
    share = sheet.columns["PCT1"]
    several = known & (share < 100)
    told = sheet.reported("NUMOWNERS", known)
    unknown = sheet.yes("NUMOWNERS unknown", told)
    level, _, _ = sheet.level("NUMOWNERS", several & told & ~unknown, _fewest_owners(share))
    number = np.where(several, level + 2, 1)
    sheet.write("NUMOWNERS", np.where(told, np.where(unknown, 8, number), 0), sent)

    told = sheet.reported("HUSBWIFE", known)
    married = sheet.yes("married", told, never=~several)
    role, _, _ = sheet.level("HUSBWIFE", married)
    couple = np.where(married, _COUPLE_CODES[role], 4)
    sheet.write("HUSBWIFE", np.where(told, couple, 0), sent)
    told = sheet.reported("FAMILYBUS", known)
    family = sheet.yes("FAMILYBUS", told, forced=married, never=~several)
    sheet.write_yes_no("FAMILYBUS", family, told, sent)


def fill_owner_answers(sheet: Sheet, sent: Array) -> None:
    """Fill in all answers about owners.

    Parameters
    ----------
    sheet : Sheet
    sent : array of bool, shape (n_rows,)
    """
    known = sheet.reported("owner", sent)
    _fill_beginnings(sheet, sent, known)
    _fill_person(sheet, sent, known)
    _fill_disability(sheet, sent, known)
    _fill_owners(sheet, sent, known)
