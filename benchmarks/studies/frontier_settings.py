"""The files of the frontier study and the plans that protect them, from none to all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

import gpusynth
from gpusynth import Cart, Plan, Schema
from gpusynth.datasets import firms, firms_schema
from gpusynth.plan import ReplicatedUniques

__all__ = ["FILES", "StudyFile", "halves", "settings"]


@dataclass(frozen=True, slots=True)
class StudyFile:
    """One file of the study.

    Attributes
    ----------
    name, title : str
    keys : tuple of str
        What an intruder knows of a record: columns on which records are matched.
    smoothed : tuple of str
        Columns that the setting "smoothing" smooths.
    """

    name: str
    title: str
    keys: tuple[str, ...]
    smoothed: tuple[str, ...]


FILES = {
    "national2018": StudyFile(
        "national2018",
        "NIST ACS excerpts, national 2018",
        ("PUMA", "AGEP", "SEX", "MSP", "RAC1P", "OWN_RENT", "EDU", "INDP_CAT"),
        ("AGEP", "PINCP", "POVPIP"),
    ),
    "firms": StudyFile(
        "firms",
        "simulated firms",
        ("FIPST", "SECTOR", "EMPLOYMENT_NOISY", "SEX1", "RACE1", "ETH1", "AGE1", "EDUC1"),
        ("EMPLOYMENT_NOISY", "PAYROLL_NOISY", "RECEIPTS_NOISY"),
    ),
}


def halves(
    file: StudyFile, data: Path | None, *, rows: int, columns: int, seed: int
) -> tuple[pa.Table, pa.Table, Schema]:
    """Return the half that is synthesized, the half that is not, and the schema of both.

    Parameters
    ----------
    file : StudyFile
    data : pathlib.Path, optional
        Of a file that is not simulated.
    rows, columns : int
        Of a simulated file.
    seed : int
        Of the simulation and of the halves.

    Returns
    -------
    tuple of pyarrow.Table, pyarrow.Table, Schema
    """
    if data is None:
        table = firms(rows, seed, columns)
        names = set(table.column_names)
        schema = firms_schema()
        schema = Schema(columns=tuple(c for c in schema.columns if c.name in names))
    else:
        table = pc.read_csv(data, convert_options=pc.ConvertOptions(strings_can_be_null=False))
        schema = gpusynth.infer_schema(table).schema
    order = np.random.default_rng(seed).permutation(table.num_rows)
    half = table.num_rows // 2
    return table.take(np.sort(order[:half])), table.take(np.sort(order[half : 2 * half])), schema


def settings(file: StudyFile) -> Mapping[str, Plan]:
    """Return the plans, by the name that the tables give them.

    Parameters
    ----------
    file : StudyFile

    Returns
    -------
    dict of str to Plan
    """
    plans = {"default": Plan()}
    for rows in (10, 15, 20, 30, 50):
        plans[f"min_leaf {rows}"] = Plan(default=Cart(min_leaf=rows))
    for least in (2, 3, 5):
        plans[f"distinct values {least}"] = Plan(default=Cart(min_distinct_values=least))
    plans["distinct values 2, classes too"] = Plan(
        default=Cart(min_distinct_values=2, distinct_in="all")
    )
    plans["donor cap 2"] = Plan(default=Cart(max_donor_uses=2))
    plans["smoothing"] = Plan(smoothing=dict.fromkeys(file.smoothed, "density"))
    again = ReplicatedUniques(keys=file.keys)
    plans["redraw of the keys"] = Plan(replicated_uniques=again)
    plans["min_leaf 15, redraw of the keys"] = Plan(
        default=Cart(min_leaf=15), replicated_uniques=again
    )
    plans["preset release"] = Plan(preset="release")
    return plans
