"""Promise on surveys: weighted totals within 0.1 % of the margins, every weight positive."""

from __future__ import annotations

import numpy as np
import pytest

import gpusynth
from gpusynth import Calibrate, Column, MarginChoice, Plan, Schema
from gpusynth.datasets import firms
from gpusynth.table import Schema as TableSchema


def worst(real, synthetic, weight: str, columns: list[str], number: str | None = None) -> float:
    """Largest relative difference of weighted totals, by pandas."""
    found = []
    for table in (real, synthetic):
        frame = table.to_pandas()
        terms = frame[weight].astype(float)
        if number is not None:
            terms = terms * frame[number]
        keys = [frame[name].astype(str) for name in columns]
        found.append(terms.groupby(keys).sum())
    assert set(found[0].index) == set(found[1].index)
    return float((found[1] / found[0] - 1).abs().max())


def test_firms_keep_their_weighted_totals():
    real = firms(20_000, seed=1, columns=12)
    margins = (["FIPST"], ["SECTOR"], ["FIPST", "SEX1"])
    entry = Calibrate(
        weight="TABWGT",
        margins=[
            *(MarginChoice(columns=tuple(names)) for names in margins),
            MarginChoice(columns=("FIPST",), number="RECEIPTS_NOISY"),
        ],
        method="logit",
        bounds=(0.05, 20),
    )
    plan = Plan(together=[["TABWGT", "RG"]], calibrate=[entry])
    synthetic = gpusynth.synthesize(real, plan=plan, seed=3)
    assert synthetic["TABWGT"].to_numpy().min() > 0
    for names in margins:
        assert worst(real, synthetic, "TABWGT", names) < 1e-8
    assert worst(real, synthetic, "TABWGT", ["FIPST"], "RECEIPTS_NOISY") < 1e-8


@pytest.mark.parametrize("method", ["raking", "linear"])
def test_the_person_weights_of_the_acs_meet_real_margins(method, shared_data, tmp_path):
    """PWGTP is a whole number; its calibrated weights are not, or small cells would be missed."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    path = shared_data("nist_acs/national2018.csv")
    names = ["PUMA", "AGEP", "SEX", "RAC1P", "EDU", "PINCP", "PWGTP"]
    given = pa.csv.read_csv(path, convert_options=_as_text(names)).select(names)
    file = tmp_path / "acs.csv"
    pa.csv.write_csv(given, file)
    inferred: TableSchema = gpusynth.infer_schema(file).schema
    columns = [
        Column(name="PWGTP", kind="integer", storage="int64", role="weight")
        if column.name == "PWGTP"
        else column
        for column in inferred.columns
    ]
    margins = (["PUMA"], ["RAC1P", "SEX"], ["EDU"])
    entry = Calibrate(
        margins=[{"columns": columns} for columns in margins],
        method=method,
        bounds=None if method == "raking" else (0.1, 10),
    )
    run = gpusynth.synthesize(
        file, Schema(columns=tuple(columns)), Plan(calibrate=[entry]), output=tmp_path / "out"
    )
    synthetic = pq.read_table(run.replicates[0].path)
    real = given.set_column(6, "PWGTP", given["PWGTP"].cast(pa.float64()))
    assert np.min(synthetic["PWGTP"].to_numpy()) > 0
    for names in margins:
        assert worst(real, synthetic, "PWGTP", names) < 1e-8


def _as_text(names: list[str]):
    import pyarrow as pa
    import pyarrow.csv

    return pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
