"""Imputations on the simulated device: completed files and traces are those of the processor."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Plan, Rule
from gpusynth.backends import Backend, memory
from gpusynth.cli.main import main
from gpusynth.engine.delivery import resident_output
from gpusynth.engine.device import KEPT_SHARE, working_bytes
from gpusynth.errors import DeviceMemoryError
from gpusynth.imputation import chained, chains
from gpusynth.imputation.chain import Chain
from gpusynth.trees import (
    ChangingTable,
    DrawTable,
    Layout,
    Predictor,
    PredictorTable,
    draw_table_bytes,
    grow_tree,
)
from gpusynth.trees.device_pages import PagedTable
from gpusynth.trees.record_plan import plan_records
from gpusynth_kernels.cuda import launch
from gpusynth_kernels.cuda.traffic import counted
from tests.imputation.conftest import BMI, people
from tests.io import cudf_stand_in

GAPS = people(150)[1]
WEIGHTED = Plan(default={"method": "cart", "weighted": True})
CASES = {
    "bootstrap": {},
    "as they are, in file order": {"proper": "none", "visit": "file", "iterations": 3},
    "formulas and rules": {
        "plan": Plan(
            methods=BMI, rules=(Rule(target="works", when="income > 3000", value="true"),)
        ),
    },
    "other methods": {
        "methods": {
            "height": {"method": "forest", "n_trees": 2},
            "region": {"method": "cart", "min_distinct_values": 2},
            "weight": "norm",
            "bmi": "pmm",
            "income": "sample",
        },
        "predictors": {"region": ["age", "works"]},
    },
    "weights": {"plan": WEIGHTED, "methods": {"region": {"method": "bag", "weighted": True}}},
}
FEW_BYTES = 600
"""Of trees and small arrays that a fit and a draw of one column take there and back."""


def plain(array):
    """Copy an array to the host without being counted."""
    room = np.empty(array.shape, array.dtype)
    if hasattr(array, "get"):
        array.get(out=room)
    else:
        np.copyto(room, array)
    return room


def decoded(table):
    """Return the codes that lie on the device, page by page where they do."""
    columns = []
    for place, name in enumerate(table.layout.names):
        records = table.page(int(table.page_of[place]))
        codes = plain(records)[:, table.word[place]] >> np.uint32(table.shift[place])
        codes = (codes & np.uint32(table.mask[place])).astype(np.uint16)
        n_codes, is_ordered = table.layout.n_codes[place], table.layout.is_ordered[place]
        columns.append(Predictor(name, codes, int(n_codes), bool(is_ordered)))
    return PredictorTable.of(columns, table.n_rows)


@pytest.fixture
def quick_growth(monkeypatch):
    """Grow on the processor, from what lies on the device: the grower has tests of its own."""
    grown = []

    def grow(table, *given, turn, **options):
        grown.append(table)
        with turn:
            return grow_tree(decoded(table), *given, **options)

    monkeypatch.setattr("gpusynth.trees.grow_cuda.grow_tree_on_device", grow)
    return grown


def weights(table):
    names = [*table.column_names, "grossing"]
    table = pa.table([*table.columns, [1.0 + 0.37 * (row % 7) for row in range(len(table))]], names)
    columns = gpusynth.infer_schema(table).schema.columns
    last = columns[-1].model_copy(update={"role": "weight"})
    return table, gpusynth.Schema(columns=(*columns[:-1], last))


def impute(device, *, plan=None, data=GAPS, schema=None, **options):
    asked = {"n_imputations": 2, "iterations": 2, "seed": 3, **options}
    return gpusynth.impute(data, schema, plan, device=device, **asked)


def same(there, here):
    tables = zip(there.tables(), here.tables(), strict=True)
    return there.traces == here.traces and all(a.equals(b) for a, b in tables)


@pytest.mark.parametrize("case", CASES)
def test_imputations_are_those_of_the_processor(quick_growth, case):
    options = dict(CASES[case])
    if case == "weights":
        options["data"], options["schema"] = weights(GAPS)
    with counted() as seen:
        there = impute("cuda", **options)
    assert len(quick_growth) >= 4
    assert seen.launches > 20
    with counted() as seen:
        here = impute("cpu", **options)
    assert seen.launches == 0
    assert same(there, here)
    assert there.setup.backend.device == "cuda"


def test_trees_grow_on_what_has_changed_there():
    tiny = GAPS.slice(0, 30).select(["age", "region", "works"])
    options = {"data": tiny, "threads": 1, "n_imputations": 1}
    assert same(impute("cuda", **options), impute("cpu", **options))


def test_a_further_round_sends_what_was_drawn_and_not_what_predicts(quick_growth):
    """The grower's own traffic (12 bytes a row of a fit and more) is left out here."""
    crossed = []
    for iterations in (1, 2):
        with counted() as seen:
            made = impute("cuda", threads=1, n_imputations=1, iterations=iterations)
        crossed.append(seen)
    missing = sum(made.n_imputed.values())
    n_draws = len(quick_growth) / 3  # of one round
    sent, fetched = (
        getattr(crossed[1], name) - getattr(crossed[0], name)
        for name in ("bytes_to_device", "bytes_to_host")
    )
    donors = n_draws * GAPS.num_rows * (4 + 8)  # rows of the leaves, and trees of many leaves
    assert sent <= missing * 2 + donors + n_draws * FEW_BYTES
    assert fetched <= missing * (2 + 8)


@pytest.mark.parametrize("threads", [1, 3])
def test_chains_side_by_side(quick_growth, threads):
    options = {"n_imputations": 3, "iterations": 1}
    there = impute("cuda", threads=threads, **options)
    assert same(there, impute("cpu", threads=2, **options))


def test_cuml_fits_on_rows_of_the_host_that_follow(monkeypatch):
    """The processor's trees stand for cuML's; what it sees and who walks is looked at."""
    backend = Backend("cuda", "cuml", "a GPU", "other bytes")
    monkeypatch.setattr(chained, "choose_backend", lambda *_: backend)
    monkeypatch.setattr(chained, "share_memory", lambda _: None)
    seen = []

    def fit(table, target, params, **options):
        assert isinstance(table, PredictorTable)
        columns = PredictorTable(table.layout, table.n_rows)
        columns.fill({name: table.codes(name) for name in table.layout.names})
        assert np.array_equal(columns.records, table.records)
        seen.append(table)
        return grow_tree(table, target, params, **options)

    monkeypatch.setattr("gpusynth.trees.cuml.fit_with_cuml", fit)
    with counted() as crossed:
        there = impute("cuda", threads=1)
    assert crossed.launches > 20
    assert len(set(map(id, seen))) == 2
    monkeypatch.undo()
    assert same(there, impute("cpu"))


@pytest.mark.parametrize("when", ["once", "always"])
def test_a_device_that_is_full_is_tried_again_and_then_told_of(quick_growth, monkeypatch, when):
    change, left = DrawTable.change, [5]

    def full(self, *given):
        left[0] -= 1
        if left[0] == 0 or (left[0] < 0 and when == "always"):
            raise MemoryError("out of memory")
        change(self, *given)

    monkeypatch.setattr(DrawTable, "change", full)
    if when == "once":
        assert same(impute("cuda", threads=1), impute("cpu"))
        assert left[0] < 0
    else:
        with pytest.raises(DeviceMemoryError, match=r"a column needs [\d,]+ bytes"):
            impute("cuda", threads=1)


@pytest.fixture
def little_room(monkeypatch):
    """Let the plan of memory be another."""
    planned = chains.plan_tables
    seen = []

    def set_up(**changed):
        def plan(setup, **given):
            tables = planned(setup, **given)
            host = planned(replace(setup, backend=gpusynth.backends.CPU), **given).complete
            seen.append(replace(tables, complete=host, **changed))
            return seen[-1]

        monkeypatch.setattr(chains, "plan_tables", plan)
        return seen

    return set_up


@pytest.mark.parametrize(
    "changed",
    [
        {"is_walked_there": False, "n_chains": 1},
        {"is_walked_there": False, "n_chains": 1, "words_at_once": 1},
        {"words_at_once": 1},
    ],
)
def test_what_finds_no_room_changes_nothing(quick_growth, little_room, monkeypatch, changed):
    pages = []
    made = PagedTable.page

    def noting(self, number):
        pages.append(number)
        return made(self, number)

    monkeypatch.setattr(PagedTable, "page", noting)
    planned = little_room(**changed)
    there = impute("cuda")
    assert len(planned) == 1
    assert (len(set(pages)) > 1) == ("words_at_once" in changed)
    assert same(there, impute("cpu"))


def test_a_run_that_cannot_fit_says_how_many_bytes_it_needs(tmp_path, monkeypatch):
    monkeypatch.setattr("gpusynth_kernels.cuda.launch._SIMULATED_BYTES", memory._SPARE + 1000)
    asked = {"n_imputations": 1, "output": tmp_path / "run", "device": "cuda"}
    with pytest.raises(DeviceMemoryError, match=r"this imputation needs [\d,]+ bytes .* are free"):
        gpusynth.impute_and_synthesize(GAPS, **asked)
    assert list(tmp_path.iterdir()) == []


def test_codes_change_in_every_form_of_a_table():
    rng = np.random.default_rng(5)
    sizes = {"narrow": 3, "middling": 20, "wide": 300, "subset": 40, "constant": 1}
    ordered = [True, True, True, False, True]
    columns = {name: rng.integers(0, n, 60).astype(np.uint16) for name, n in sizes.items()}
    layout = Layout(list(sizes), list(sizes.values()), ordered)
    host = PredictorTable(layout, 60)
    host.fill(columns)
    both = ChangingTable(layout, columns, 60)
    pages = ChangingTable(layout, columns, 60, host=host, words_at_once=1, is_walked_there=False)
    pages.grown.page(0)
    for name, n_codes in sizes.items():
        rows = np.sort(rng.choice(60, 25, replace=False)).astype(np.int32)
        codes = rng.integers(0, n_codes, 25).astype(np.uint16)
        columns[name][rows] = codes
        both.change(name, rows, codes)
        pages.change(name, rows, codes)
    wanted = PredictorTable(layout, 60)
    wanted.fill(columns)
    for found in (both.walked, pages.walked, decoded(both.grown), decoded(pages.grown)):
        assert np.array_equal(plain(found.records), wanted.records)
        assert np.array_equal(plain(found.wide), wanted.wide)


@pytest.mark.parametrize(("first", "then"), [("cuda", "cpu"), ("cpu", "cuda"), ("cuda", None)])
def test_a_resumed_run_goes_on_anywhere(tmp_path, quick_growth, monkeypatch, first, then):
    iterate = Chain.iterate

    def full(self, iteration):
        if iteration == 2:
            raise DeviceMemoryError.needs("a tree", 2, 1)
        return iterate(self, iteration)

    asked = {"n_imputations": 1, "n_syntheses": 1, "iterations": 2, "seed": 4, "threads": 1}
    asked["plan"] = Plan(strata={"columns": ["works"], "min_rows": 30})
    out = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(DeviceMemoryError):
        patch.setattr(Chain, "iterate", full)
        gpusynth.impute_and_synthesize(GAPS, output=out, device=first, checkpoints=True, **asked)
    with counted() as seen:
        run = gpusynth.resume_imputation(out, GAPS, device=then, threads=1)
    assert (seen.launches > 10) == (then != "cpu")
    assert run.manifest["backend"]["device"] == (then or "cuda")
    here = gpusynth.impute_and_synthesize(GAPS, output=tmp_path / "cpu", **asked)
    assert [file.sha256 for file in run.files] == [file.sha256 for file in here.files]


def test_the_command_line_goes_on_elsewhere(tmp_path, quick_growth, monkeypatch, capsys):
    data, out = tmp_path / "people.parquet", tmp_path / "run"
    pq.write_table(GAPS, data)
    iterate = Chain.iterate

    def full(self, iteration):
        if iteration == 2:
            raise DeviceMemoryError.needs("a tree", 2, 1)
        return iterate(self, iteration)

    asked = ["--imputations", "1", "--iterations", "2", "--quiet"]
    with monkeypatch.context() as patch:
        patch.setattr(Chain, "iterate", full)
        assert main(["impute", str(data), "--output", str(out), "--device", "cuda", *asked]) != 0
    assert "a tree needs 2 bytes of device memory" in capsys.readouterr().err
    assert main(["resume", str(out), "--device", "cpu", "--quiet"]) == 0
    assert json.loads((out / "manifest.json").read_text())["backend"]["device"] == "cpu"
    assert main(["impute", str(data), "--output", str(tmp_path / "cpu"), *asked]) == 0
    completed = "imputation_001.parquet"
    assert (out / completed).read_bytes() == (tmp_path / "cpu" / completed).read_bytes()


def test_command_line(tmp_path, quick_growth):
    data, files = tmp_path / "people.parquet", []
    pq.write_table(GAPS, data)
    few = ["--imputations", "1", "--iterations", "1", "--syntheses", "1", "--quiet"]
    for device in ("cuda", "cpu"):
        out = tmp_path / device
        asked = ["--output", str(out), "--device", device, "--fitter", "histogram"]
        assert main(["impute", str(data), *asked, *few]) == 0
        assert json.loads((out / "manifest.json").read_text())["backend"]["device"] == device
        files.append({path.name: path.read_bytes() for path in sorted(out.iterdir())})
        del files[-1]["manifest.json"]
    assert files[0] == files[1]


def test_syntheses_of_a_frame_are_made_where_they_were_drawn(quick_growth, monkeypatch):
    cudf_stand_in.install(monkeypatch)
    frame = cudf_stand_in.Frame(GAPS.slice(0, 60).select(["age", "region", "works"]))
    made, put_out = [], resident_output.made_series

    def noting(column):
        made.append(column)
        return put_out(column)

    monkeypatch.setattr(resident_output, "made_series", noting)
    asked = {"n_imputations": 1, "n_syntheses": 2, "iterations": 1, "seed": 3, "threads": 1}
    found = []
    for device in ("cuda", "cpu"):
        run = gpusynth.impute_and_synthesize(frame, device=device, **asked)
        found.append([synthetic.table for synthetic in run.syntheses[0]])
        assert len(made) == 2 * 3
    assert all(there.equals(here) for there, here in zip(*found, strict=True))


def test_little_room_lets_fewer_chains_run(quick_growth, monkeypatch):
    here = impute("cpu", iterations=1)
    n_rows, layout = here.setup.table.n_rows, here.setup.layout
    each = draw_table_bytes(layout, n_rows) + plan_records(layout.n_codes, n_rows, 1 << 40).n_bytes
    free = working_bytes(n_rows, n_rows) + int(1.5 * each / KEPT_SHARE)
    held = launch.simulated_memory.held
    monkeypatch.setattr(launch, "_SIMULATED_BYTES", held + memory._SPARE + free)
    planned = chains.plan_tables
    seen = []

    def noting(*given, **options):
        seen.append(planned(*given, **options))
        return seen[-1]

    monkeypatch.setattr(chains, "plan_tables", noting)
    assert same(impute("cuda", iterations=1, threads=2), here)
    assert [tables.n_chains for tables in seen] == [1]
