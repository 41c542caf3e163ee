"""The surveys of the study of imputation: samples, gaps, and what is estimated from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from gpusynth import Plan
from gpusynth.methods import Passive

__all__ = ["MECHANISMS", "Mechanism", "Survey", "delete_answers", "draw_sample", "read_survey"]

Array = np.ndarray[Any, Any]
Mechanism = Literal["mcar", "mar"]
MECHANISMS: tuple[Mechanism, ...] = ("mcar", "mar")
Estimates = dict[str, tuple[float, float]]
"""Name -> estimate and its variance."""

_SHARE = 0.2
_LOWEST, _HIGHEST = 0.05, 0.35  # shares of gaps at the lowest and highest rank of the driver
_ACS = ("AGEP", "SEX", "MSP", "HISP", "RAC1P", "OWN_RENT", "EDU", "PINCP", "DPHY", "DREM")


@dataclass(frozen=True, slots=True)
class Survey:
    """A file that stands for a population.

    Attributes
    ----------
    name : str
    population : pyarrow.Table
    n_rows : int
        Of a sample.
    with_replacement : bool
    driver : str
        Column that is never missing, and on which gaps depend.
    incomplete : mapping of str to tuple of str
        Column -> columns that are computed from it, and missing with it.
    plan : Plan
    estimate : callable
        Table without gaps -> `Estimates`.
    analysed : tuple of str
        Columns of the regressions, for a synthesis that visits them first.
    """

    name: str
    population: pa.Table
    n_rows: int
    with_replacement: bool
    driver: str
    incomplete: Mapping[str, Sequence[str]]
    plan: Plan
    estimate: Callable[[pa.Table], Estimates]
    analysed: tuple[str, ...] = ()


def read_survey(name: str, data: Path) -> Survey:
    """Read a survey; `data` is the folder of the real files."""
    if name == "boys":
        bmi = Passive(expression="wgt / (hgt / 100)^2", tolerance=0.02)
        return Survey(
            name,
            pyarrow.csv.read_csv(data / "boys_complete.csv"),
            n_rows=748,
            with_replacement=True,
            driver="age",
            incomplete={
                **{"hgt": ("bmi",), "wgt": ("bmi",), "hc": ()},
                **{"gen": (), "phb": (), "tv": (), "reg": ()},
            },
            plan=Plan(methods={"bmi": bmi}),
            estimate=_boys,
        )
    given = pyarrow.csv.read_csv(
        data / "nist_acs" / "national2018.csv",
        convert_options=pyarrow.csv.ConvertOptions(null_values=["N"], strings_can_be_null=True),
    )
    adults = given.filter(given["PINCP"].is_valid()).select([*_ACS, "DENSITY", "PWGTP"])
    return Survey(
        name,
        adults,
        n_rows=1000,
        with_replacement=False,
        driver="AGEP",
        incomplete=dict.fromkeys(("SEX", "MSP", "OWN_RENT", "EDU", "PINCP", "DPHY"), ()),
        plan=Plan(),
        estimate=_adults,
        analysed=("AGEP", "SEX", "EDU", "PINCP", "DPHY"),
    )


def draw_sample(survey: Survey, random: np.random.Generator) -> pa.Table:
    """Draw the rows of one sample."""
    n_population = survey.population.num_rows
    rows = random.choice(n_population, survey.n_rows, replace=survey.with_replacement)
    return survey.population.take(rows)


def delete_answers(
    survey: Survey, sample: pa.Table, mechanism: Mechanism, random: np.random.Generator
) -> pa.Table:
    """Delete a fifth of the answers of each incomplete column.

    mcar: each with probability 0.2. mar: with a probability that rises from 0.05 at the lowest to
    0.35 at the highest rank of the driver.
    """
    driver = sample[survey.driver].to_numpy()
    rank = np.argsort(np.argsort(driver, kind="stable"), kind="stable") / len(driver)
    chance = _LOWEST + (_HIGHEST - _LOWEST) * rank
    gone: dict[str, Array] = {}
    for name, computed in survey.incomplete.items():
        missing = random.random(len(driver)) < (chance if mechanism == "mar" else _SHARE)
        for column in (name, *computed):
            gone[column] = missing | gone.get(column, np.zeros(len(driver), np.bool_))
    columns = {
        name: pc.if_else(pa.array(gone[name]), pa.scalar(None, column.type), column)
        if name in gone
        else column
        for name, column in zip(sample.column_names, sample.columns, strict=True)
    }
    return pa.table(columns)


def _numbers(table: pa.Table, name: str) -> Array:
    return np.asarray(table[name].to_numpy(), np.float64)


def _mean(values: Array) -> tuple[float, float]:
    return float(values.mean()), float(values.var(ddof=1) / len(values))


def _regress(response: Array, **terms: Array) -> Estimates:
    """Least squares with HC3 variances (MacKinnon and White 1985), right for any error variance."""
    design = np.column_stack([np.ones(len(response)), *terms.values()])
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ response
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    left = (response - design @ coefficients) / (1 - leverage)
    covariance = inverse @ (design.T * left**2) @ design @ inverse
    variances = np.diag(covariance)
    return {
        name: (float(coefficients[place]), float(variances[place]))
        for place, name in enumerate(terms, start=1)
    }


def _named(model: str, estimates: Estimates) -> Estimates:
    return {f"{model}: {name}": value for name, value in estimates.items()}


def _boys(table: pa.Table) -> Estimates:
    column = {name: _numbers(table, name) for name in ("age", "hgt", "wgt", "bmi", "hc", "tv")}
    south = np.array(table["reg"].to_pylist()) == "south"
    last = np.array(table["gen"].to_pylist()) == "G5"
    return {
        **{f"mean {name}": _mean(column[name]) for name in ("hgt", "wgt", "bmi", "hc", "tv")},
        "share south": _mean(south.astype(np.float64)),
        "share G5": _mean(last.astype(np.float64)),
        **_named("wgt", _regress(column["wgt"], age=column["age"], hgt=column["hgt"])),
        **_named("hc", _regress(column["hc"], age=column["age"], hgt=column["hgt"])),
        **_named("bmi", _regress(column["bmi"], age=column["age"], tv=column["tv"])),
    }


def _adults(table: pa.Table) -> Estimates:
    income, years = _numbers(table, "PINCP"), _numbers(table, "EDU")
    age, man = _numbers(table, "AGEP"), (_numbers(table, "SEX") == 1).astype(np.float64)
    married = (_numbers(table, "MSP") == 1).astype(np.float64)
    ill = (_numbers(table, "DPHY") == 1).astype(np.float64)
    logarithm = np.log(np.maximum(income, 0.0) + 1000.0)
    return {
        "mean PINCP": _mean(income),
        "mean EDU": _mean(years),
        "share married": _mean(married),
        "share men": _mean(man),
        "share DPHY": _mean(ill),
        **_named("log PINCP", _regress(logarithm, EDU=years, man=man, AGEP=age)),
        **_named("DPHY", _regress(ill, AGEP=age, EDU=years)),
    }
