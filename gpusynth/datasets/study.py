"""A study of immigrant-owned firms with its true answers: variables, formulas, coefficients.

The shape of the study is that of Wang and Liu [1]_, which others repeated on synthetic files:
logits of exporting, establishments abroad and outsourcing, and least squares of log employment,
payroll and receipts on immigrant ownership x transnational activity with sector and state effects.
Here the truth is known, so that a synthetic file can be judged by it and not only by one real file.

- The logits are the draws of the simulator themselves: true coefficients by construction.
- Amounts follow published bins and precede trade, so no linear model made them. Their truth is the
  least squares fit to the whole (infinite) population of simulated firms, to which that of a file
  tends as it grows; it was computed from 67 million firms and has a small error, which is given.
- Moving jobs abroad, a made-up outcome of one in 200 firms, depends on a three-way interaction.

References
----------
.. [1] Wang, Q. & Liu, C. Y. (2015). Transnational activities of immigrant-owned firms and their
   performances in the USA. Small Business Economics 44(2), 345-359.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth.arrays import Array
from gpusynth.datasets.calibration import CUTS
from gpusynth.datasets.coefficients import COEFFICIENTS
from gpusynth.datasets.firm import EMPLOYMENT_CENTRE, SECTOR_GROUPS, STATE_NAMES
from gpusynth.datasets.rare import RARE_OUTCOME
from gpusynth.datasets.study_projections import PROJECTIONS
from gpusynth.errors import DataError

__all__ = ["STUDY_COLUMNS", "STUDY_MODELS", "StudyModel", "study_variables"]

_FIRST_SECTOR, _FIRST_STATE = "all other", "alabama"  # first by alphabet too: the reference levels
_QUESTIONS = ("BORNUS1", "EDUC1", "OPSOUTSIDE", "OUTSOURCE")
_AMOUNTS = ("EMPLOYMENT_NOISY", "PAYROLL_NOISY", "RECEIPTS_NOISY")
_NUMBERS = ("SECTOR", *_AMOUNTS, "EXPORTS", *_QUESTIONS)
_TEXTS = ("FIPST", "SEX1")

STUDY_COLUMNS = (*_NUMBERS, *_TEXTS)
"""Columns of the survey that the study needs, besides the rare outcome."""

_TERMS = {
    "log_employment": "size",
    "exporter": "exports",
    "operations_abroad": "abroad",
    "immigrant_trade": "immigrant:trade_sector",
    "immigrant_size": "immigrant:size",
    "immigrant_college": "immigrant:college",
    "immigrant_exporter": "immigrant:exports",
    "college_exporter": "college:exports",
    "immigrant_college_exporter": "immigrant:college:exports",
    **{name: f"sector[T.{name}]" for name in SECTOR_GROUPS},
    **{name: f"state[T.{name}]" for name in STATE_NAMES.values()},
}
"""Predictor of a draw -> term of the formula; others have one name in both."""


@dataclass(frozen=True, slots=True)
class StudyModel:
    """One regression of the study.

    Attributes
    ----------
    name : str
        Its outcome.
    model : {"logit", "ols"}
    formula : str
        On the variables of `study_variables`.
    truth : mapping of str to float
        Term, as formulaic names it -> true coefficient (log odds ratio, or log points); all terms.
    error : mapping of str to float
        Term -> standard error of that truth: 0 where it holds by construction.
    """

    name: str
    model: Literal["logit", "ols"]
    formula: str
    truth: Mapping[str, float]
    error: Mapping[str, float]


def _logit(name: str, draw: str, predictors: str) -> StudyModel:
    """Return the logit that a draw is."""
    truth = {"Intercept": -CUTS[draw][0]}
    truth |= {_TERMS[group]: 0.0 for group in (*SECTOR_GROUPS, *STATE_NAMES.values())}
    truth |= {_TERMS.get(term, term): value for term, value in COEFFICIENTS[draw].items()}
    formula = f"{name} ~ {predictors} + sector + state"
    return StudyModel(
        name,
        "logit",
        formula,
        MappingProxyType(truth),
        MappingProxyType(dict.fromkeys(truth, 0.0)),
    )


def _least_squares(name: str) -> StudyModel:
    found = PROJECTIONS[name]
    return StudyModel(
        name,
        "ols",
        f"{name} ~ immigrant * transnational + sector + state",
        MappingProxyType({term: value for term, (value, _) in found.items()}),
        MappingProxyType({term: error for term, (_, error) in found.items()}),
    )


STUDY_MODELS: tuple[StudyModel, ...] = (
    _logit(
        "exports",
        "EXPORTS",
        "immigrant + immigrant:trade_sector + immigrant:size + size + college + female",
    ),
    _logit("abroad", "OPSOUTSIDE", "immigrant + exports + size + college"),
    _logit("outsources", "OUTSOURCE", "immigrant + exports + abroad + size + college"),
    *(_least_squares(name) for name in PROJECTIONS),
    _logit("jobs_abroad", RARE_OUTCOME.name, "immigrant * college * exports + size"),
)
"""The regressions of the study and their true coefficients; the last one needs the rare outcome."""


def study_variables(survey: pa.Table) -> pa.Table:
    """Derive the variables of the study from a file of firms, real or synthetic.

    Only firms are kept that answered all questions it asks: birthplace, education, exports (not "do
    not know"), operations and outsourcing abroad. Given the predictors of a logit,
    who answers does not depend on its outcome; the least squares fits are those of the firms that
    answered.

    Parameters
    ----------
    survey : pyarrow.Table
        With the columns that `gpusynth.datasets.firms` makes, in their types or as text.

    Returns
    -------
    pyarrow.Table
        Columns of float64, 0 or 1: ``immigrant``, ``college``, ``female``, ``exports``, ``abroad``
        (has establishments there), ``outsources``, ``transnational`` (any of these three),
        ``trade_sector`` (manufacturing or wholesale), and ``jobs_abroad`` if the survey has it;
        float64: ``size`` (log(1 + employment) - 1.7), ``log_employment``, ``log_payroll``,
        ``log_receipts`` (log(1 + x)); string: ``sector`` (12 groups), ``state``.

    Raises
    ------
    DataError
        If a column is missing or is not made of whole numbers.
    """
    missing = [name for name in STUDY_COLUMNS if name not in survey.column_names]
    if missing:
        raise DataError(
            f"the survey lacks columns of the study: {', '.join(missing)}. "
            "Make or read it with all 130 columns, or at least with these."
        )
    asked = [*_NUMBERS, *(name for name in (RARE_OUTCOME.name,) if name in survey.column_names)]
    numbers = {name: _whole_numbers(survey, name) for name in asked}
    told = (numbers["EXPORTS"] >= 1) & (numbers["EXPORTS"] <= 8)
    for name in (*_QUESTIONS, *asked[len(_NUMBERS) :]):
        told &= numbers[name] >= 1
    known = {name: values[told] for name, values in numbers.items()}
    texts = {name: survey[name].cast(pa.string()).filter(pa.array(told)) for name in _TEXTS}
    columns: dict[str, Any] = {
        name: pa.array(yes.astype(np.float64)) for name, yes in _answers(known).items()
    }
    columns["female"] = pc.equal(texts["SEX1"], "F").cast(pa.float64())
    for amount in ("employment", "payroll", "receipts"):
        columns[f"log_{amount}"] = pa.array(np.log1p(known[f"{amount.upper()}_NOISY"]))
    columns["size"] = pa.array(np.log1p(known["EMPLOYMENT_NOISY"]) - EMPLOYMENT_CENTRE)
    columns["sector"] = pa.array([*SECTOR_GROUPS, _FIRST_SECTOR]).take(
        pa.array(_sector_groups(known["SECTOR"]))
    )
    places = pc.fill_null(pc.index_in(texts["FIPST"], pa.array(STATE_NAMES)), len(STATE_NAMES))
    columns["state"] = pa.array([*STATE_NAMES.values(), _FIRST_STATE]).take(places)
    return pa.table(columns)


def _whole_numbers(survey: pa.Table, name: str) -> Array:
    """Return a column as int64, -1 where it is blank."""
    try:
        numbers = survey[name].cast(pa.int64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Not chained: Arrow's message shows the value.
        raise DataError(
            f"column {name!r} does not hold whole numbers only, as files of firms do"
        ) from None
    return pc.fill_null(numbers, -1).to_numpy()


def _answers(known: Mapping[str, Array]) -> dict[str, Array]:
    """Return the yes/no variables of firms that answered."""
    yes = {
        "immigrant": known["BORNUS1"] == 2,
        "college": known["EDUC1"] >= 6,
        "exports": known["EXPORTS"] >= 2,
        "abroad": known["OPSOUTSIDE"] == 1,
        "outsources": known["OUTSOURCE"] == 1,
        "trade_sector": np.isin(known["SECTOR"], (31, 42)),
    }
    yes["transnational"] = yes["exports"] | yes["abroad"] | yes["outsources"]
    if RARE_OUTCOME.name in known:
        yes["jobs_abroad"] = known[RARE_OUTCOME.name] == 1
    return yes


def _sector_groups(sectors: Array) -> Array:
    """Return the number of each sector's group; all other sectors have the number after them."""
    groups = np.full(len(sectors), len(SECTOR_GROUPS), np.int32)
    for number, codes in enumerate(SECTOR_GROUPS.values()):
        groups[np.isin(sectors, codes)] = number
    return groups
