"""Trade: the web, customers, exports and operations abroad, languages."""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array
from gpusynth.datasets.sheet import NULL, Sheet

__all__ = ["fill_abroad", "fill_trade"]

_LANGUAGES = (
    "ARABIC CHINESE FRENCH GERMAN GREEK HINDI ITALIAN JAPANESE KOREAN POLISH PORTUGUESE RUSSIAN "
    "SPANISH TAGALOG VIETNAMESE LANGOTHER"
)


def _single(sheet: Sheet, name: str, sent: Array) -> Array:
    """Fill in a yes/no question that stands alone; who said yes."""
    told = sheet.reported(name, sent)
    yes = sheet.yes(name, told)
    sheet.write_yes_no(name, yes, told, sent)
    return yes


def fill_abroad(sheet: Sheet, sent: Array) -> None:
    """Draw trade abroad from observed predictors only.

    So a logit of "some exports" (codes 2 to 8 against 1), of OPSOUTSIDE or of OUTSOURCE on the
    predictors in `COEFFICIENTS` estimates those coefficients.

    Parameters
    ----------
    sheet : Sheet
    sent : array of bool, shape (n_rows,)
    """
    sheet.know(immigrant_size=sheet.known("immigrant") * sheet.known("log_employment"))
    blank = sheet.yes("EXPORTS blank", sent)
    told = sheet.reported("EXPORTS", sent & ~blank)
    unknown = sheet.yes("EXPORTS unknown", told)
    level, _, _ = sheet.level("EXPORTS", told & ~unknown)
    codes = np.where(told, np.where(unknown, 9, level + 1), 0)
    sheet.write("EXPORTS", np.where(blank, NULL, codes), sent)
    # An exporter by the answer that a user sees, so the coefficient is one of an observed answer.
    sheet.know(exporter=told & ~unknown & (level > 0))
    sheet.know(operations_abroad=_single(sheet, "OPSOUTSIDE", sent))
    _single(sheet, "OUTSOURCE", sent)


def _fill_customers(sheet: Sheet, sent: Array) -> None:
    """At least one kind of customer: individuals where there is no other."""
    told = sheet.reported("customers", sent)
    kinds = {name: sheet.yes(name, told) for name in ("FEDERAL", "STATELOCAL", "OTHERBUS")}
    sheet.know(sells_to_firms=kinds["OTHERBUS"])
    others = kinds["FEDERAL"] | kinds["STATELOCAL"] | kinds["OTHERBUS"]
    kinds["INDIVIDUALS"] = sheet.yes("INDIVIDUALS", told, forced=told & ~others)
    for name, yes in kinds.items():
        sheet.write_yes_no(name, yes, told, sent)
    sheet.write_flag("CUSTNR", ~told, sent)


def _fill_languages(sheet: Sheet, sent: Array) -> None:
    """At least one language: English where there is no other."""
    told = sheet.reported("languages", sent)
    spoken = {name: sheet.yes(name, told) for name in _LANGUAGES.split()}
    other = np.logical_or.reduce(tuple(spoken.values()))
    spoken["ENGLISH"] = sheet.yes("ENGLISH", told, forced=told & ~other)
    for name, yes in spoken.items():
        sheet.write_yes_no(name, yes, told, sent)
    sheet.write_flag("LANGNR", ~told, sent)


def _fill_web(sheet: Sheet, sent: Array) -> None:
    """Electronic sales and their share of receipts.

    The published counts have code 9 of the share where there are no such sales, and the dictionary
    calls it "do not know"; here it is the former.
    """
    told = sheet.reported("ECOMMPCT", sent)
    sells = sheet.yes("ECOMMERCE", told)
    level, _, _ = sheet.level("ECOMMPCT", sells)
    sheet.write("ECOMMPCT", np.where(told, np.where(sells, level + 1, 9), 0), sent)
    sheet.write_yes_no("ECOMMERCE", sells, told, sent)
    _single(sheet, "ONLINEPURCH", sent)


def fill_trade(sheet: Sheet, sent: Array) -> None:
    """Fill in customers, trade abroad, languages and use of the web.

    Parameters
    ----------
    sheet : Sheet
    sent : array of bool, shape (n_rows,)
    """
    _fill_customers(sheet, sent)
    fill_abroad(sheet, sent)
    sheet.know(website=_single(sheet, "WEBSITE", sent))
    _fill_web(sheet, sent)
    _fill_languages(sheet, sent)
