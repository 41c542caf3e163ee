"""Promise: calibrated weights meet their margins in every replicate, and are positive."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Calibrate, Column, DataError, Edit, MarginChoice, Plan, PlanError, Schema
from tests.behaviour.plan_survey import SCHEMA, survey

WEIGHTED = Schema(
    columns=(
        *SCHEMA.columns,
        Column(name="weight", kind="numeric", storage="double", role="weight", spikes=(1,)),
    )
)
MARGINS = (
    MarginChoice(columns=("state",)),
    MarginChoice(columns=("sector", "marital")),
    MarginChoice(columns=("job",)),
    MarginChoice(columns=("sector",), number="income"),
)


def weighted(n: int = 800, seed: int = 1, storage: pa.DataType | None = None) -> pa.Table:
    random = np.random.default_rng(seed + 50)
    weight = np.where(random.random(n) < 0.1, 1, np.round(random.exponential(40, n) + 2))
    return survey(n, seed).append_column("weight", pa.array(weight, storage or pa.float64()))


def totals(table: pa.Table, margin: MarginChoice) -> dict:
    """Weighted totals of a table, by pandas; a missing code counts as nothing."""
    frame = table.to_pandas().fillna({"job": "none"})
    number = frame["weight"].astype(float)
    if margin.number is not None:
        number = number * frame[margin.number].clip(lower=0)
    return number.groupby([frame[name] for name in margin.columns]).sum().to_dict()


def meets(real: pa.Table, synthetic: pa.Table, relative: float = 1e-8) -> bool:
    assert pc.min(synthetic["weight"]).as_py() > 0
    return all(
        totals(synthetic, margin) == pytest.approx(totals(real, margin), rel=relative)
        for margin in MARGINS
    )


@pytest.mark.parametrize("method", ["raking", "linear", "logit"])
@pytest.mark.parametrize("of_weight", ["cart", "sample", "keep"])
def test_every_replicate_meets_the_real_totals(method, of_weight):
    real = weighted()
    bounds = None if method == "raking" else (0.02, 20.0)
    entry = Calibrate(margins=MARGINS, method=method, bounds=bounds)
    plan = Plan(methods={"weight": of_weight}, calibrate=[entry])
    plain = Plan(methods={"weight": of_weight})
    replicates = gpusynth.synthesize(real, WEIGHTED, plan, seed=1, n_replicates=2, n_rows=1000)
    drawn = gpusynth.synthesize(real, WEIGHTED, plain, seed=1, n_replicates=2, n_rows=1000)
    for synthetic, before in zip(replicates, drawn, strict=True):
        assert meets(real, synthetic)
        assert not meets(real, before, 1e-3)
        assert synthetic.drop_columns("weight") == before.drop_columns("weight")


@pytest.mark.parametrize("storage", [pa.int64(), pa.float32(), pa.decimal128(8, 2), pa.uint8()])
def test_weights_of_every_type_become_double(storage):
    real = weighted()
    small = np.random.default_rng(3).integers(1, 9, 800)
    number = real.column_names.index("weight")
    whole = pa.array(small).cast(pa.decimal128(21, 2))
    given = whole.cast(storage) if pa.types.is_decimal(storage) else pa.array(small).cast(storage)
    real = real.set_column(number, "weight", given)
    kind = "integer" if pa.types.is_integer(storage) else "numeric"
    column = Column(name="weight", kind=kind, storage=str(storage))
    schema = Schema(columns=(*SCHEMA.columns, column))
    plan = Plan(calibrate=[Calibrate(margins=MARGINS, weight="weight")])
    synthetic = gpusynth.synthesize(real, schema, plan, seed=1)
    assert synthetic.schema.field("weight").type == pa.float64()
    assert totals(synthetic, MARGINS[1]) == pytest.approx(totals(real, MARGINS[1]), rel=1e-8)


def test_pandas_and_polars_frames_come_back_with_exact_weights():
    real = weighted(storage=pa.int64())
    plan = Plan(calibrate=[Calibrate(margins=MARGINS, weight="weight")])
    wanted = gpusynth.synthesize(real, plan=plan, seed=6)["weight"].to_numpy()
    for frame in (real.to_pandas(), pl.DataFrame(real)):
        synthetic = gpusynth.synthesize(frame, plan=plan, seed=6)
        assert type(synthetic) is type(frame)
        assert synthetic["weight"].to_numpy().dtype == np.float64
        if isinstance(frame, pl.DataFrame):  # pandas has NaN for null in a column of text
            assert np.allclose(synthetic["weight"].to_numpy(), wanted)


def test_files_say_what_was_done(tmp_path):
    real = weighted(storage=pa.int64())
    csv = tmp_path / "published.csv"
    published = {"TX": 5000.0, "IL": 3000.0, "MA": 2000.5, "AK": 200.0}
    csv.write_text("state,total\n" + "".join(f"{s},{t}\n" for s, t in published.items()))
    entry = Calibrate(margins=[{"file": str(csv)}, {"number": "pay"}], weight="weight")
    plan = Plan(calibrate=[entry], output={"shuffle_rows": True, "suffix": "_syn"})
    run = gpusynth.synthesize(real, None, plan, n_replicates=2, output=tmp_path / "out")
    for replicate in run.replicates:
        frame = pd.read_parquet(replicate.path)
        found = frame.groupby("state_syn")["weight_syn"].sum().to_dict()
        assert found == pytest.approx(published, rel=1e-8)
        pay = (real["weight"].to_numpy() * real["pay"].to_numpy()).sum()
        assert (frame["weight_syn"] * frame["pay_syn"]).sum() == pytest.approx(pay, rel=1e-8)
    (said,) = json.loads((tmp_path / "out" / "manifest.json").read_text())["calibration"]
    assert list(said["margin_files"]) == ["published.csv"]
    for of_replicate in said["replicates"]:
        assert of_replicate["lowest_factor"] > 0
        titles = [margin["margin"] for margin in of_replicate["margins"]]
        assert titles == ["state", "total of pay"]
        for margin in of_replicate["margins"]:
            assert margin["worst_deviation_after"] < 1.1e-9 < margin["worst_deviation_before"]
    stored = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert stored["calibrate"][0]["weight"] == "weight"
    fingerprint = stored.pop("fingerprint")
    assert gpusynth.SynthesisPlan.from_json(stored).fingerprint() == fingerprint


def test_text_files_keep_all_digits(tmp_path):
    real = weighted()
    pa.csv.write_csv(real, tmp_path / "real.csv")
    entry = Calibrate(margins=MARGINS[:3], weight="weight")
    run = gpusynth.synthesize(
        tmp_path / "real.csv", None, Plan(calibrate=[entry]), output=tmp_path / "out", format="csv"
    )
    synthetic = pa.csv.read_csv(run.replicates[0].path)
    found, wanted = totals(synthetic, MARGINS[0]), totals(real, MARGINS[0])
    assert found == pytest.approx(wanted, rel=1e-8)


def test_rows_drawn_by_weight_start_from_one_weight():
    real = weighted()
    plan = Plan(
        default={"method": "cart", "weighted": True},
        calibrate=[Calibrate(margins=MARGINS, start="equal", method="linear", bounds=(0.1, 6))],
    )
    synthetic = gpusynth.synthesize(real, WEIGHTED, plan, seed=2)
    assert meets(real, synthetic)
    spread = np.std(synthetic["weight"].to_numpy()) / np.mean(synthetic["weight"].to_numpy())
    assert spread < 0.7  # the drawn ones have 0.95


def test_a_plan_without_calibration_says_nothing_of_it():
    resolved = gpusynth.resolve_plan(weighted(200), WEIGHTED, Plan())
    assert not {"calibrate", "together"} & set(resolved.to_json())
    plan = Plan(calibrate=[Calibrate(margins=MARGINS)])
    other = gpusynth.resolve_plan(weighted(200), WEIGHTED, plan)
    assert other.calibrate[0].weight == "weight"
    assert gpusynth.SynthesisPlan.from_json(other.to_json()) == other
    assert other.fingerprint() != resolved.fingerprint()


def with_weights(values: list) -> pa.Table:
    table = weighted()
    number = table.column_names.index("weight")
    return table.set_column(number, "weight", pa.array(values, pa.float64()))


ONES = [2.0] * 799
PLAIN = Column(name="weight", kind="numeric", storage="double")
BAD_PLANS = {
    "no weight": (
        {"calibrate": [{"margins": [{}]}]},
        "no column has the role weight",
        Schema(columns=(*SCHEMA.columns, PLAIN)),
    ),
    "unknown column": ({"calibrate": [{"margins": [{"columns": ["x"]}]}]}, "column 'x'", WEIGHTED),
    "level as number": (
        {"calibrate": [{"margins": [{"number": "state"}]}]},
        "its kind is categorical",
        WEIGHTED,
    ),
    "number as level": (
        {"calibrate": [{"margins": [{"columns": ["cost"]}]}], "smoothing": {"cost": "density"}},
        "has new numbers",
        WEIGHTED,
    ),
    "the weight itself": (
        {"calibrate": [{"margins": [{"number": "weight"}]}]},
        "names the weight 'weight' itself",
        WEIGHTED,
    ),
    "edited": (
        {"calibrate": [{"margins": [{}]}], "edits": [Edit(holds="weight < 900")]},
        "edit 'weight < 900' names the weight",
        WEIGHTED,
    ),
    "twice": ({"calibrate": [{"margins": [{}]}] * 2}, "is calibrated twice", WEIGHTED),
    "file and columns": (
        {"calibrate": [{"margins": [{"file": "a.csv", "columns": ["state"]}]}]},
        "not both",
        WEIGHTED,
    ),
    "no margins": ({"calibrate": [{"margins": []}]}, "at least 1", WEIGHTED),
    "bounds": ({"calibrate": [{"margins": [{}], "bounds": [2, 3]}]}, "around 1", WEIGHTED),
}


@pytest.mark.parametrize("what", BAD_PLANS)
def test_calibrations_that_cannot_be_carried_out(what, tmp_path):
    choices, expected, schema = BAD_PLANS[what]
    with pytest.raises(PlanError, match=expected):
        plan = Plan.from_mapping(choices)
        gpusynth.synthesize(weighted(), schema, plan, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


FILES = {
    "unknown level": ("state,total\nTX,1\nIL,1\nMA,1\nAK,1\nZZ,5\n", PlanError, "level 'ZZ'"),
    "missing level": ("state,total\nTX,1\nIL,1\nMA,1\n", DataError, "replicate 1: .* in no cell"),
    "unknown column": ("county2,total\nTX,1\n", PlanError, "unknown column 'county2'"),
    "contradiction": (
        "state,total\nTX,1\nIL,1\nMA,1\nAK,1\n",
        PlanError,
        r"margin population and margin state \(m.csv\) contradict each other",
    ),
    "bounds": ("state,total\nTX,1\nIL,1\nMA,1\nAK,900\n", DataError, "AK needs"),
}


@pytest.mark.parametrize("what", FILES)
def test_margin_files_that_cannot_be_met(what, tmp_path):
    text, error, expected = FILES[what]
    file = tmp_path / "m.csv"
    file.write_text(text)
    margins = [{"file": str(file)}]
    if what == "contradiction":
        margins = [{}, *margins]
    bounds = [0.5, 2.0] if what == "bounds" else None
    plan = Plan(calibrate=[{"margins": margins, "bounds": bounds}])
    with pytest.raises(error, match=expected) as caught:
        gpusynth.synthesize(weighted(), WEIGHTED, plan, output=tmp_path / "out")
    assert str(int(sum(weighted()["weight"].to_pylist()))) not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([*ONES, -1.0], "but 1 rows have none .* first in data row 800"),
        ([None, *ONES], "first in data row 1"),
        ([0.0] * 800, "every weight is zero"),
    ],
)
def test_bad_real_weights_are_found_before_anything_is_fitted(values, expected, tmp_path):
    plan = Plan(calibrate=[Calibrate(margins=MARGINS, weight="weight")])
    schema = Schema(columns=(*SCHEMA.columns, PLAIN))
    file: Path = tmp_path / "real.parquet"
    pq.write_table(with_weights(values), file)
    with pytest.raises(DataError, match=expected) as caught:
        gpusynth.synthesize(file, schema, plan, output=tmp_path / "out")
    assert "real.parquet: column 'weight'" in str(caught.value)
    assert not (tmp_path / "out").exists()
