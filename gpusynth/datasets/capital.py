"""Capital: how the firm was started and how it grew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpusynth.arrays import Array
from gpusynth.datasets.sheet import Sheet

__all__ = ["fill_capital"]

_STARTUP = (
    "SCASSETS SCEQUITY SCCREDIT SCGOVTLOAN SCGOVTGUAR SCBANKLOAN SCFAMLOAN SCVENTURE SCGRANT "
    "SCOTHER"
)
_EXPANSION = (
    "ECASSETS ECEQUITY ECCREDIT ECGOVTLOAN ECGOVTGUAR ECBANKLOAN ECFAMLOAN ECVENTURE ECSAVINGS "
    "ECGRANT ECOTHER ECNOACCESS"
)


def _at_least_one(
    sheet: Sheet, names: Sequence[str], last: str, told: Array, closed: Array
) -> dict[str, Array]:
    """Draw sources of capital; who names none of the others names the last one.

    In `closed` rows an answer that excludes all sources was given.
    """
    sources = {name: sheet.yes(name, told, never=closed) for name in names}
    named = np.logical_or.reduce(tuple(sources.values()))
    sources[last] = sheet.yes(last, told, forced=told & ~named, never=closed)
    return sources


def _fill_startup(sheet: Sheet, sent: Array) -> None:
    told = sheet.reported("startup-capital", sent)
    none = sheet.yes("SCNONENEEDED", told)
    unknown = sheet.yes("SCDONTKNOW", told, never=none)
    sources = _at_least_one(sheet, _STARTUP.split(), "SCSAVINGS", told, none | unknown)
    sources |= {"SCNONENEEDED": none, "SCDONTKNOW": unknown}
    for name, yes in sources.items():
        sheet.write_yes_no(name, yes, told, sent)
    sheet.write_flag("SCNOTREPORTED", ~told, sent)
    sheet.know(
        startup_savings=sources["SCSAVINGS"],
        startup_bank=sources["SCBANKLOAN"],
        startup_unknown=unknown,
    )

    # The amount is not applicable (A) exactly where none was needed.
    needed = told & ~none
    told = sheet.reported("SCAMOUNT", needed)
    unknown = sheet.yes("SCAMOUNT unknown", told)
    level, _, _ = sheet.level("SCAMOUNT", told & ~unknown)
    amount = np.where(told, np.where(unknown, 9, level + 1), 0)
    sheet.write("SCAMOUNT", np.where(none, 10, amount), sent)


def _fill_expansion(sheet: Sheet, sent: Array) -> None:
    told = sheet.reported("expansion-capital", sent)
    none = sheet.yes("ECNOEXPAND", told)
    unknown = sheet.yes("ECDONTKNOW", told, never=none)
    sources = _at_least_one(sheet, _EXPANSION.split(), "ECPROFITS", told, none | unknown)
    sources |= {"ECNOEXPAND": none, "ECDONTKNOW": unknown}
    for name, yes in sources.items():
        sheet.write_yes_no(name, yes, told, sent)
    sheet.write_flag("ECNOTREPORTED", ~told, sent)


def fill_capital(sheet: Sheet, sent: Array) -> None:
    """Fill in sources and amount of capital.

    Parameters
    ----------
    sheet : Sheet
    sent : array of bool, shape (n_rows,)
    """
    _fill_startup(sheet, sent)
    _fill_expansion(sheet, sent)
