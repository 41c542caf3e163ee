"""Schema of the simulated survey: kinds, levels, missing codes, labels and notes."""

from __future__ import annotations

from collections.abc import Mapping

from gpusynth.datasets.contingency import RACES, SECTORS, STATES
from gpusynth.datasets.facts_columns import COLUMNS, ColumnFact, select_columns
from gpusynth.datasets.facts_labels import VALUE_LABELS
from gpusynth.datasets.firms import arrow_type
from gpusynth.datasets.rare import RARE_OUTCOME
from gpusynth.table.schema import Column, Schema

__all__ = ["firms_schema"]

_NUMBERS: Mapping[str, Mapping[str, object]] = {
    "TABWGT": {"kind": "numeric", "spikes": (1.0,), "bounds": (1, 999.999), "decimals": 3},
    "EMPLOYMENT_NOISY": {"kind": "integer", "spikes": (0.0,), "bounds": (0, None)},
    "PAYROLL_NOISY": {"kind": "integer", "spikes": (0.0,), "bounds": (0, None)},
    "RECEIPTS_NOISY": {"kind": "integer", "spikes": (0.0,), "bounds": (0, None)},
    "PCT1": {"kind": "integer", "spikes": (0.0, 50.0, 100.0), "bounds": (0, 100)},
}
_ORDERED = frozenset(
    ("ACQYR1", "HOURS1", "EDUC1", "AGE1", "ESTABLISHED", "SCAMOUNT", "EXPORTS", "ECOMMPCT")
) | {"NUMOWNERS"}
# Codes besides 0 ("not reported") that are no answer on the column's scale.
_OFF_SCALE: Mapping[str, str] = {
    "ACQYR1": "8",
    "ESTABLISHED": "A",
    "SCAMOUNT": "9A",
    "EXPORTS": "9",
    "ECOMMPCT": "9",
    "NUMOWNERS": "8",
}
_CODES: Mapping[str, tuple[str, ...]] = {
    "FIPST": STATES,
    "SECTOR": tuple(str(code) for code in SECTORS),
    "RG": tuple(str(group) for group in range(11)),
    "RACE1": RACES,
}
_NO_MISSING_CODES = frozenset(_CODES)
_LABELS_OF: Mapping[str, str] = {"ECOMMPCT": "EXPORTS"}


def _column(fact: ColumnFact) -> Column:
    """Describe one column."""
    storage = str(arrow_type(fact.name))
    if fact.name in _NUMBERS:
        content = {"name": fact.name, "storage": storage, "note": fact.label}
        return Column.model_validate({**content, **_NUMBERS[fact.name]})
    form = fact.name if fact.form == "coded" else fact.form
    labels = VALUE_LABELS[_LABELS_OF.get(form, form)]
    codes = _CODES.get(fact.name, tuple(labels))
    off_scale = "" if fact.name in _NO_MISSING_CODES else "0" + _OFF_SCALE.get(fact.name, "")
    missing = tuple(code for code in codes if code in off_scale)
    as_text = "string" in storage
    return Column(
        name=fact.name,
        kind="ordered" if fact.name in _ORDERED else "categorical",
        storage=storage,
        levels=tuple(code for code in codes if code not in missing),
        labels=dict(labels),
        missing_codes=missing if as_text else tuple(int(code) for code in missing),
        note=fact.label,
    )


def firms_schema(columns: int = 130, *, rare_outcome: bool = False) -> Schema:
    """Describe the table that `gpusynth.datasets.firms` makes.

    Every column has the role "synthesize". "Not reported" and "do not know" are missing codes;
    null, where it occurs, is one by itself.

    Parameters
    ----------
    columns : int
        As for `gpusynth.datasets.firms`.
    rare_outcome : bool
        As for `gpusynth.datasets.firms`.

    Returns
    -------
    Schema
    """
    chosen = select_columns(columns)
    facts = [fact for fact in COLUMNS if fact.name in chosen]
    if rare_outcome:
        facts.append(RARE_OUTCOME)
    return Schema(columns=tuple(map(_column, facts)))
