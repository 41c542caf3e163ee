"""Marginals that the calibration meets: published ones from the counts, the others ours.

A share is conditional on the rows among which its draw is made (the ``where`` of the draw): those
who answered the question, or for "not reported" those who were sent it. Among the answers that are
not published (74 columns), the shares in `OURS` are plausible for employer firms of 2007 and no
more than that.
"""

from __future__ import annotations

from collections.abc import Mapping

from gpusynth.datasets.amounts import AMOUNT_COUNTS
from gpusynth.datasets.facts_columns import COLUMN_NAMES
from gpusynth.datasets.facts_counts import BLANK, COUNTS, N_RECORDS

__all__ = ["AUXILIARY_NAMES", "LEVEL_SHARES", "OURS", "RARE_SHARE", "TRAITS", "YES_SHARES"]

TRAITS = ("careless", "digital", "borrower", "generous")

# fmt: off
OURS: Mapping[str, float] = {
    "female": 0.22, "hispanic": 0.075, "VET1": 0.13, "immigrant": 0.13, "DISVET1": 0.06,
    "FOUNDED1": 0.76, "PURCHASED1": 0.20, "INHERITED1": 0.07, "RECEIVED1": 0.06, "PRMINC1": 0.70,
    "SCASSETS": 0.11, "SCEQUITY": 0.09, "SCCREDIT": 0.10, "SCGOVTLOAN": 0.010, "SCGOVTGUAR": 0.020,
    "SCFAMLOAN": 0.06, "SCVENTURE": 0.007, "SCGRANT": 0.003, "SCDONTKNOW": 0.06,
    "HOMEBASED": 0.26, "FRANCHISE": 0.05, "FRANCHISER50": 0.15,
    "FEDERAL": 0.06, "STATELOCAL": 0.12, "OUTSOURCE": 0.020,
    "ENGLISH": 0.985, "ARABIC": 0.007, "CHINESE": 0.017, "GERMAN": 0.008, "GREEK": 0.003,
    "HINDI": 0.010, "ITALIAN": 0.006, "JAPANESE": 0.006, "KOREAN": 0.008, "POLISH": 0.009,
    "PORTUGUESE": 0.008, "RUSSIAN": 0.006, "SPANISH": 0.20, "TAGALOG": 0.004, "VIETNAMESE": 0.007,
    "LANGOTHER": 0.022,
    "FULLTIME": 0.80, "DAYLABOR": 0.05, "TEMPSTAFF": 0.11, "LEASED": 0.025, "PROFITSHARE": 0.13,
    "LT40HOURS": 0.13, "LT12MONTHS": 0.05, "SEASONAL": 0.07, "OCCASIONALLY": 0.02,
    "OPERATING": 0.94, "RETIRED": 0.15, "DECEASED": 0.03, "ONETIME": 0.04, "LOWSALES": 0.35,
    "NOBUSCRED": 0.06, "NOPERSCRED": 0.05, "STARTANOTHER": 0.08, "SOLDBUS": 0.25,
    "CEASEOTHER": 0.42,
}
# fmt: on
"""Share of "yes" among those who answered."""

RARE_SHARE = 0.005
"""Of firms with a questionnaire, those that moved jobs abroad: made up, and not published."""

_OWNER_MISSING = 8_480
"""Records whose questions about owner 1 are all unanswered: ours, just under the 8,508 published
for the least often omitted question."""

_SENT = N_RECORDS - COUNTS["AGE1"][BLANK]
_OWNER = _SENT - _OWNER_MISSING


def _records(name: str, codes: str) -> tuple[int, ...]:
    return tuple(COUNTS[name][code] for code in codes)


def _published_yes() -> dict[str, float]:
    """Share of 1 among 1 and 2, for all published answers of that form."""
    shares: dict[str, float] = {}
    for name, counts in COUNTS.items():
        if set(counts) == {BLANK, "0", "1", "2"}:
            yes, no = _records(name, "12")
            shares[name] = yes / (yes + no)
    # Drawn the other way round: any benefit rather than none of them.
    shares["any benefit"] = 1.0 - shares.pop("BENENABV")
    return shares


def _not_reported() -> dict[str, float]:
    """Share of code 0 among those sent the question (and with anything about the owner)."""
    questions = {name: COUNTS[name]["0"] for name in ("ESTABLISHED", "EXPORTS", "OPSOUTSIDE")}
    questions |= {name: COUNTS[name]["0"] for name in ("WEBSITE", "ECOMMPCT", "ONLINEPURCH")}
    questions |= {"HOMEBASED": 2_400, "FRANCHISE": 2_300, "OUTSOURCE": 2_300, "OPERATING": 1_500}
    questions |= {
        "startup-capital": COUNTS["SCSAVINGS"]["0"],
        "expansion-capital": COUNTS["ECSAVINGS"]["0"],
        "customers": COUNTS["OTHERBUS"]["0"],
        "languages": COUNTS["FRENCH"]["0"],
        "staff": COUNTS["PARTTIME"]["0"],
        "benefits": COUNTS["HEALTHINS"]["0"],
        "activities": 2_600,
    }
    owner = {name: COUNTS[name]["0"] for name in ("ACQYR1", "HOURS1", "SELFEMP1", "EDUC1", "AGE1")}
    owner |= {name: COUNTS[name]["0"] for name in ("HUSBWIFE", "FAMILYBUS", "NUMOWNERS")}
    owner |= {"functions": COUNTS["PROVIDE1"]["0"], "ways-of-acquiring": 8_600}
    owner |= {"PRMINC1": 9_000, "BORNUS1": 8_900}
    startup = COUNTS["SCSAVINGS"]["0"]
    shares = {name: count / _SENT for name, count in questions.items()}
    shares |= {name: (count - _OWNER_MISSING) / _OWNER for name, count in owner.items()}
    shares["CONTRACTORS"] = (COUNTS["CONTRACTORS"]["0"] - questions["staff"]) / (
        _SENT - questions["staff"]
    )
    shares["SCAMOUNT"] = (COUNTS["SCAMOUNT"]["0"] - startup) / (
        _SENT - startup - COUNTS["SCAMOUNT"]["A"]
    )
    shares |= {"DISVET1": 0.02, "ceasing": 0.03}
    return {f"{name} not reported": share for name, share in shares.items()}


def _unknown(name: str, code: str, *others: str) -> float:
    """Share of "do not know" among answers other than blank, not reported and `others`."""
    counts = COUNTS[name]
    excluded = sum(counts[other] for other in (BLANK, "0", *others))
    return counts[code] / (N_RECORDS - excluded)


_EXTRA_BLANKS = (COUNTS["ACQYR1"][BLANK] - COUNTS["AGE1"][BLANK]) / _SENT
_MARRIED = _records("HUSBWIFE", "213")
_ONLINE = sum(_records("ECOMMPCT", "12345678"))

YES_SHARES: Mapping[str, float] = {
    "certain": COUNTS["RG"]["0"] / N_RECORDS,
    "blank": COUNTS["AGE1"][BLANK] / N_RECORDS,
    "ACQYR1 blank": _EXTRA_BLANKS,
    "EXPORTS blank": _EXTRA_BLANKS,
    "owner not reported": _OWNER_MISSING / _SENT,
    **OURS,
    **_published_yes(),
    **_not_reported(),
    "ESTABLISHED unknown": _unknown("ESTABLISHED", "A"),
    "ACQYR1 unknown": _unknown("ACQYR1", "8"),
    "NUMOWNERS unknown": _unknown("NUMOWNERS", "8"),
    "EXPORTS unknown": _unknown("EXPORTS", "9"),
    "SCAMOUNT unknown": _unknown("SCAMOUNT", "9", "A"),
    "ECOMMERCE": _ONLINE / (_ONLINE + COUNTS["ECOMMPCT"]["9"]),
    "married": sum(_MARRIED) / (sum(_MARRIED) + COUNTS["HUSBWIFE"]["4"]),
    "JOBSABROAD": RARE_SHARE,
}
"""Name of a yes/no draw -> share of "yes" among its rows."""

_LEVEL_RECORDS: Mapping[str, tuple[int, ...]] = {
    **AMOUNT_COUNTS,
    "RG": tuple(COUNTS["RG"][str(group)] for group in range(1, 11)),
    "ESTABLISHED": _records("ESTABLISHED", "123456789"),
    "ACQYR1": _records("ACQYR1", "1234567"),
    "HOURS1": _records("HOURS1", "123456"),
    "EDUC1": _records("EDUC1", "1234567"),
    "AGE1": _records("AGE1", "123456"),
    "SCAMOUNT": _records("SCAMOUNT", "12345678"),
    "EXPORTS": _records("EXPORTS", "12345678"),
    "ECOMMPCT": _records("ECOMMPCT", "12345678"),
    "HUSBWIFE": _MARRIED,
    "NUMOWNERS": _records("NUMOWNERS", "234567"),
}

LEVEL_SHARES: Mapping[str, tuple[float, ...]] = {
    name: tuple(count / sum(counts) for count in counts) for name, counts in _LEVEL_RECORDS.items()
}
"""Name of an ordered draw -> share of each level among its rows."""

AUXILIARY_NAMES: tuple[str, ...] = (
    *TRAITS,
    *(name for name in (*YES_SHARES, *LEVEL_SHARES) if name not in COLUMN_NAMES),
)
"""Draws that are not columns, in the order of their streams: a new one goes to the end of its
mapping, and still moves the numbers of those after it."""
