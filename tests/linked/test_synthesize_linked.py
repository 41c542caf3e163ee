"""Linked files: keys agree, counts hold, bytes depend on the seed alone."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth.io import file_sha256
from gpusynth.linked import Link, synthesize_linked
from gpusynth.methods import Norm
from gpusynth.operations.verify import verify
from gpusynth.plan import Edit, Plan, Rule, Strata

LINK = Link(child="establishments", parent="firms", key="firm_id")
THREE = [
    LINK,
    Link(child="owners", parent="firms", key="firm", parent_key="firm_id", count="owned_by"),
    Link(
        child="products",
        parent="establishments",
        key="establishment",
        parent_key="establishment_id",
    ),
]


def check_link(made: dict[str, pa.Table], link: Link) -> None:
    """Check that no child is an orphan and every parent has as many children as it says."""
    parents = made[link.parent][link.parent_column].to_pylist()
    children = made[link.child][link.key].to_pylist()
    assert len(set(parents)) == len(parents)
    counts = pd.Series(children).value_counts().reindex(parents).fillna(0).astype(int)
    assert set(children) <= set(parents)
    assert counts.tolist() == made[link.parent][link.count_column].to_pylist()


def test_keys_are_new_and_agree_in_all_generations(three):
    made = synthesize_linked(three, THREE, seed=1)
    assert list(made) == list(three)
    for link in THREE:
        check_link(made, link)
    for name, real in three.items():
        counts = [link.count_column for link in THREE if link.parent == name]
        assert made[name].column_names == [*real.column_names, *counts]
        assert [made[name].schema.field(n).type for n in real.column_names] == real.schema.types
    assert not set(made["firms"]["firm_id"].to_pylist()) & set(
        three["firms"]["firm_id"].to_pylist()
    )
    assert made["establishments"]["establishment_id"].to_pylist()[:3] == [1, 2, 3]


def test_real_counts_are_donors(files):
    real = pd.Series(files["establishments"]["firm_id"].to_pylist()).value_counts()
    made = synthesize_linked(files, [LINK], seed=2)
    assert set(made["firms"]["n_establishments"].to_pylist()) <= {0, *real.tolist()}


@pytest.mark.parametrize("proper", ["none", "bootstrap"])
def test_threads_batches_and_order_of_files_change_no_byte(three, proper):
    plans = {name: Plan(proper=proper) for name in three}
    options = {"seed": 5, "n_replicates": 2, "plans": plans}
    first = synthesize_linked(three, THREE, threads=1, **options)
    turned = {name: three[name] for name in reversed(three)}
    again = synthesize_linked(turned, THREE[::-1], threads=2, batch_rows=37, **options)
    for name, tables in first.items():
        assert all(a.equals(b) for a, b in zip(tables, again[name], strict=True))
        assert not tables[0].equals(tables[1])


def test_tables_come_back_as_what_was_given(files):
    frames = {name: table.to_pandas() for name, table in files.items()}
    made = synthesize_linked(frames, [LINK], seed=1)
    plain = synthesize_linked(files, [LINK], seed=1)
    for name, frame in made.items():
        assert isinstance(frame, pd.DataFrame)
        assert frame.dtypes[: len(frames[name].columns)].equals(frames[name].dtypes)
        assert frame.astype(str).equals(plain[name].to_pandas().astype(str))
    polars = synthesize_linked({n: pl.DataFrame(t) for n, t in files.items()}, [LINK], seed=1)
    assert all(isinstance(frame, pl.DataFrame) for frame in polars.values())


def test_rows_of_the_top_file(files):
    made = synthesize_linked(files, [LINK], n_rows=1000, seed=1)
    assert made["firms"].num_rows == 1000
    check_link(made, LINK)
    few = synthesize_linked(files, [LINK], n_rows=1, seed=1)
    check_link(few, LINK)


def test_firms_without_any_children_are_drawn(files):
    """One firm whose draw has no establishment leaves a file with a header and no rows."""
    lonely = [
        made
        for seed in range(20)
        for made in [synthesize_linked(files, [LINK], n_rows=1, seed=seed)]
        if made["establishments"].num_rows == 0
    ]
    assert lonely
    assert lonely[0]["establishments"].schema == files["establishments"].schema


def test_large_families_take_few_rounds(files):
    """One firm with 3,000 establishments; `sequential` decides the rounds, not the keys."""
    ids = files["firms"]["firm_id"]
    extra = pa.table(
        {
            "firm_id": pa.array([ids[0].as_py()] * 3000),
            "establishment_id": pa.array(range(3000)),
            "sector": pa.array(["99"] * 3000),
            "employees": pa.array([7] * 3000),
            "payroll": pa.array(range(3000)),
        }
    )
    large = {**files, "establishments": pa.concat_tables([files["establishments"], extra])}
    links = [LINK.model_copy(update={"sequential": 1})]
    most = large["establishments"]["firm_id"].value_counts().field("counts").to_numpy().max()
    # The rule gives every synthetic firm the large family.
    rule = Rule(target="n_establishments", when="receipts >= 0", value=int(most))
    made = synthesize_linked(large, links, plans={"firms": Plan(rules=[rule])}, n_rows=3, seed=3)
    check_link(made, links[0])
    assert made["establishments"].num_rows == 3 * most


def test_plans_may_name_what_rows_are_told(files):
    """A child's plan uses columns of the parent and of the previous sibling."""
    plan = Plan(
        rules=[Rule(target="payroll", when="`firms.region` = 'south'", value=0)],
        edits=[Edit(holds="employees >= 0", name="staff")],
        predictors={"payroll": ["employees", "previous.payroll"]},
        strata=Strata(columns=["firms.region"]),
    )
    made = synthesize_linked(files, [LINK], plans={"establishments": plan}, seed=1)
    check_link(made, LINK)
    firms, places = made["firms"].to_pandas(), made["establishments"].to_pandas()
    joined = places.merge(firms, on="firm_id")
    assert (joined.payroll[joined.region == "south"] == 0).all()
    assert (joined.payroll[joined.region != "south"] > 0).any()


def test_counts_are_whole_numbers_whatever_the_default_method(files):
    plans = {"firms": Plan(default=Norm(), methods={"sector": "cart", "region": "cart"})}
    made = synthesize_linked(files, [LINK], plans=plans, seed=1)
    check_link(made, LINK)


@pytest.mark.parametrize("preset", [None, "release"])
def test_shuffled_files_agree(three, preset):
    plans = {name: Plan(preset=preset, output={"shuffle_rows": True}) for name in three}
    made = synthesize_linked(three, THREE, plans=plans, seed=4, batch_rows=50)
    for link in THREE:
        check_link(made, link)
    keys = made["establishments"]["firm_id"].to_pylist()
    assert keys != sorted(keys)
    # Each product still has its own establishment's answers: what it was drawn by.
    if preset is None:
        straight = synthesize_linked(three, THREE, seed=4)
        pairs = []
        for each in (made, straight):
            frames = {name: table.to_pandas() for name, table in each.items()}
            joined = frames["establishments"].merge(frames["firms"], on="firm_id")
            pairs.append((joined.sector_x == joined.sector_y).mean())
        assert pairs[0] == pytest.approx(pairs[1], abs=0.03)


def test_siblings_follow_a_named_column():
    """Months in any order in the file: the previous sibling is the month before."""
    random = np.random.default_rng(4)
    month = np.tile(np.arange(1, 7), 300)
    firm = np.repeat(np.arange(300), 6)
    level = np.repeat(random.normal(0, 1, 300), 6)
    stock = (1000 + 100 * level + 50 * month).astype(int)
    mixed = random.permutation(1800)
    files = {
        "firms": pa.table({"firm": np.arange(300), "region": ["N", "S", "W"] * 100}),
        "months": pa.table({"firm": firm[mixed], "month": month[mixed], "stock": stock[mixed]}),
    }
    link = Link(child="months", parent="firms", key="firm", order="month")
    made = synthesize_linked(files, [link], seed=1)["months"].to_pandas()
    assert (
        made.groupby("firm").month.apply(list).map(lambda m: m == [1, 2, 3, 4, 5, 6]).mean() > 0.95
    )
    steps = made.groupby("firm").stock.diff().dropna()
    assert steps.median() == pytest.approx(50, abs=15)


def test_inherit_limits_what_children_are_told(files, tmp_path):
    for name, table in files.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    link = LINK.model_copy(update={"inherit": ("sector",)})
    run = synthesize_linked(
        {name: tmp_path / f"{name}.parquet" for name in files}, [link], output=tmp_path / "run"
    )
    plan = json.loads((run.path / "establishments_plan.json").read_text())
    told = set(plan["predict_only"])
    assert {"firms.sector", "firms.n_establishments", "siblings.number"} <= told
    assert "firms.receipts" not in told


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_run_directory(three, tmp_path, format):
    paths = {}
    for name, table in three.items():
        paths[name] = tmp_path / f"{name}.{format}"
        if format == "csv":
            pa_csv.write_csv(table, paths[name])
        else:
            pq.write_table(table, paths[name])
    options = {"n_replicates": 2, "seed": 4, "format": format}
    run = synthesize_linked(paths, THREE, output=tmp_path / "run", **options)
    assert [file.path.name for file in run.files if file.name == "firms"] == [
        f"firms_001.{format}",
        f"firms_002.{format}",
    ]
    manifest = json.loads((run.path / "manifest.json").read_text())
    assert manifest["kind"] == "linked"
    for entry in manifest["outputs"]:
        assert file_sha256(run.path / entry["file"]) == entry["sha256"]
    for name, sha256 in manifest["files"].items():
        assert file_sha256(run.path / name) == sha256
    for name, entry in manifest["inputs"].items():
        assert entry["input"]["sha256"] == file_sha256(paths[name])
    read = pq.read_table if format == "parquet" else pa_csv.read_csv
    for replicate in range(2):
        made = {name: read(run.paths(name)[replicate]) for name in three}
        for link in THREE:
            check_link(made, link)
    assert not [
        p
        for p in run.path.iterdir()
        if p.name
        not in {
            "manifest.json",
            *(entry["file"] for entry in manifest["outputs"]),
            *manifest["files"],
        }
    ]
    again = synthesize_linked(
        paths, THREE, output=tmp_path / "run", overwrite=True, **{**options, "n_replicates": 1}
    )
    assert again.files[0].sha256 == run.files[0].sha256
    assert not list(run.path.glob("*_002*"))


def test_no_real_key_is_in_any_file(files, tmp_path):
    for name, table in files.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    paths = {name: tmp_path / f"{name}.parquet" for name in files}
    run = synthesize_linked(paths, [LINK], output=tmp_path / "run", format="csv", seed=6)
    written = "\n".join(file.read_text() for file in run.path.iterdir())
    real = files["firms"]["firm_id"].to_pylist()
    assert not [key for key in real if key in written]


def test_run_directory_is_verified_and_replaced(files, tmp_path):
    for name, table in files.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    paths = {name: tmp_path / f"{name}.parquet" for name in files}
    run = synthesize_linked(paths, [LINK], output=tmp_path / "run", n_replicates=2)
    checks = verify(run.path)
    assert len(checks) == 8
    assert all(check.is_good for check in checks)
    run.paths("firms")[1].write_bytes(b"altered")
    assert [check.what for check in verify(run.path) if not check.is_good] == ["firms_002.parquet"]
    (run.path / "mine_001.parquet").write_bytes(b"not of the run")
    gpusynth.synthesize(paths["firms"], output=run.path, overwrite=True)
    left = {file.name for file in run.path.iterdir()}
    assert left == {
        *("mine_001.parquet", "replicate_001.parquet"),
        *("plan.json", "schema.toml", "manifest.json"),
    }
    again = synthesize_linked(paths, [LINK], output=run.path, overwrite=True)
    assert not list(again.path.glob("replicate_*"))


def test_files_say_how_tails_were_treated(files, tmp_path):
    for name, table in files.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    plans = {"establishments": Plan(tails={"payroll": {"kind": "swap", "share": 0.1}})}
    run = synthesize_linked(
        {name: tmp_path / f"{name}.parquet" for name in files},
        [LINK],
        plans=plans,
        output=tmp_path / "run",
    )
    said = pq.read_schema(run.paths("establishments")[0]).metadata[b"gpusynth.schema"]
    notes = {column["name"]: column["note"] for column in json.loads(said)["columns"]}
    assert "exchanged" in notes["payroll"]
    assert list(notes) == files["establishments"].column_names


def test_it_is_part_of_the_package():
    assert gpusynth.Link is Link
    assert gpusynth.synthesize_linked is synthesize_linked
