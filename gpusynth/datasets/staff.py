"""Staff, benefits, kind of operation, and why firms closed."""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array
from gpusynth.datasets.sheet import Sheet

__all__ = ["fill_staff"]

_REASONS = "RETIRED DECEASED ONETIME LOWSALES NOBUSCRED NOPERSCRED STARTANOTHER SOLDBUS CEASEOTHER"


def _fill_workers(sheet: Sheet, sent: Array) -> None:
    told = sheet.reported("staff", sent)
    for name in ("FULLTIME", "PARTTIME", "DAYLABOR", "TEMPSTAFF", "LEASED"):
        sheet.write_yes_no(name, sheet.yes(name, told), told, sent)
    contractors = sheet.reported("CONTRACTORS", told)
    sheet.write_yes_no("CONTRACTORS", sheet.yes("CONTRACTORS", contractors), contractors, sent)
    sheet.write_flag("EMPNR", ~told, sent)


def _fill_benefits(sheet: Sheet, sent: Array) -> None:
    """None of the above exactly where none of four; paid holidays where none of the other three."""
    told = sheet.reported("benefits", sent)
    some = sheet.yes("any benefit", told)
    benefits = {name: sheet.yes(name, told, never=~some) for name in ("HEALTHINS", "RETIREMENT")}
    sheet.know(retired_plan=benefits["RETIREMENT"])
    benefits["PROFITSHARE"] = sheet.yes("PROFITSHARE", told, never=~some)
    others = np.logical_or.reduce(tuple(benefits.values()))
    benefits["HOLIDAYS"] = sheet.yes("HOLIDAYS", told, forced=some & ~others, never=~some)
    benefits["BENENABV"] = told & ~some
    for name, yes in benefits.items():
        sheet.write_yes_no(name, yes, told, sent)
    sheet.write_flag("BENENR", ~told, sent)


def _fill_franchise(sheet: Sheet, sent: Array) -> None:
    """Only a franchise is asked who owns it: 0 elsewhere."""
    told = sheet.reported("FRANCHISE", sent)
    franchise = sheet.yes("FRANCHISE", told)
    sheet.write_yes_no("FRANCHISE", franchise, told, sent)
    sheet.write_yes_no("FRANCHISER50", sheet.yes("FRANCHISER50", franchise), franchise, sent)


def _fill_activity(sheet: Sheet, sent: Array) -> None:
    told = sheet.reported("HOMEBASED", sent)
    homebased = sheet.yes("HOMEBASED", told)
    sheet.write_yes_no("HOMEBASED", homebased, told, sent)
    sheet.know(homebased=homebased)
    told = sheet.reported("activities", sent)
    kinds = {"LT40HOURS": sheet.yes("LT40HOURS", told)}
    sheet.know(part_week=kinds["LT40HOURS"])
    kinds |= {name: sheet.yes(name, told) for name in ("LT12MONTHS", "SEASONAL", "OCCASIONALLY")}
    sheet.know(seasonal=kinds["SEASONAL"])
    kinds["ACTIVITYNABV"] = told & ~np.logical_or.reduce(tuple(kinds.values()))
    for name, yes in kinds.items():
        sheet.write_yes_no(name, yes, told, sent)
    sheet.write_flag("ACTIVITYNR", ~told, sent)


def _fill_closing(sheet: Sheet, sent: Array) -> None:
    """Reasons are asked of closed firms: 0 for all others, not applicable while operating."""
    told = sheet.reported("OPERATING", sent)
    operating = sheet.yes("OPERATING", told)
    sheet.write_yes_no("OPERATING", operating, told, sent)
    explained = sheet.reported("ceasing", told & ~operating)
    reasons = {name: sheet.yes(name, explained) for name in ("RETIRED", "DECEASED", "ONETIME")}
    reasons["LOWSALES"] = sheet.yes("LOWSALES", explained)
    sheet.know(low_sales=reasons["LOWSALES"])
    reasons["NOBUSCRED"] = sheet.yes("NOBUSCRED", explained)
    sheet.know(no_business_credit=reasons["NOBUSCRED"])
    reasons |= {name: sheet.yes(name, explained) for name in _REASONS.split()[5:8]}
    named = np.logical_or.reduce(tuple(reasons.values()))
    reasons["CEASEOTHER"] = sheet.yes("CEASEOTHER", explained, forced=explained & ~named)
    for name, yes in reasons.items():
        sheet.write_yes_no(name, yes, explained, sent)
    sheet.write_flag("CEASENR", sent & ~operating & ~explained, sent)
    sheet.write_flag("CEASENA", operating, sent)


def fill_staff(sheet: Sheet, sent: Array) -> None:
    """Fill in staff, benefits, kind of operation and closing.

    Parameters
    ----------
    sheet : Sheet
    sent : array of bool, shape (n_rows,)
    """
    _fill_workers(sheet, sent)
    _fill_benefits(sheet, sent)
    _fill_franchise(sheet, sent)
    _fill_activity(sheet, sent)
    _fill_closing(sheet, sent)
