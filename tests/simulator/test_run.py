"""A whole run on the simulated device: the files are byte for byte those of the processor."""

from dataclasses import replace

import pyarrow as pa
import pytest

import gpusynth
from gpusynth.backends import memory
from gpusynth.datasets import firms
from gpusynth.engine import device
from gpusynth.errors import DeviceMemoryError
from gpusynth.methods import Forest
from gpusynth.trees import DrawTable
from gpusynth.trees.device_pages import PagedTable
from gpusynth.trees.record_plan import plan_records
from gpusynth_kernels.cuda.traffic import counted

REAL = firms(220, seed=3, columns=9)
TINY = REAL.slice(0, 40).select(["FIPST", "SECTOR", "EMPLOYMENT_NOISY"])
PLANS = {
    "defaults": {},
    "proper and weighted": {"proper": "bayesian"},
    "forest": {"default": Forest(n_trees=3)},
}


def files(tmp_path, name, plan, real=REAL, **options):
    run = gpusynth.synthesize(
        real, plan=plan, seed=7, n_replicates=2, output=tmp_path / name, **options
    )
    return [replicate.sha256 for replicate in run.replicates], run.manifest


@pytest.mark.parametrize("case", PLANS)
def test_files_are_those_of_the_processor(tmp_path, monkeypatch, quick_fits, case):
    tables = []
    made = DrawTable.__init__

    def counting(self, layout, n_rows):
        tables.append(n_rows)
        made(self, layout, n_rows)

    monkeypatch.setattr(DrawTable, "__init__", counting)
    monkeypatch.setattr(device, "DEVICE_BLOCK_ROWS", 150)
    plan = gpusynth.Plan(**PLANS[case])
    there, manifest = files(tmp_path, "cuda", plan, device="cuda")
    assert tables == [110] * 4
    here, _ = files(tmp_path, "cpu", plan)
    assert there == here
    assert manifest["backend"]["device"] == "cuda"


def test_trees_grow_on_the_device_too(tmp_path):
    there, _ = files(tmp_path, "cuda", None, TINY, device="cuda", threads=1)
    here, _ = files(tmp_path, "cpu", None, TINY)
    assert there == here


def test_codes_without_room_go_in_pages(tmp_path, monkeypatch):
    pages = []
    made = PagedTable.page

    def noting(self, number):
        pages.append(number)
        return made(self, number)

    def one_word(n_codes, n_rows, free):
        return replace(plan_records(n_codes, n_rows, free), words_at_once=1)

    monkeypatch.setattr("gpusynth.trees.fitters.plan_records", one_word)
    monkeypatch.setattr(PagedTable, "page", noting)
    real = REAL.slice(0, 40).select(REAL.column_names[:6])
    there, _ = files(tmp_path, "cuda", None, real, device="cuda", threads=1)
    here, _ = files(tmp_path, "cpu", None, real)
    assert there == here
    assert set(pages) == {0, 1}


def test_a_saved_model_draws_on_the_device(tmp_path, quick_fits):
    gpusynth.fit(REAL, device="cuda").save(tmp_path / "model")
    loaded = gpusynth.load(tmp_path / "model")
    with counted() as seen:
        there = loaded.sample(100, seed=3, device="cuda")
    assert seen.launches > 20
    with counted() as seen:
        here = loaded.sample(100, seed=3)
    assert seen.launches == 0
    assert there.equals(here)


def test_linked_files_are_those_of_the_processor(tmp_path, quick_fits):
    tops = REAL.slice(0, 60).append_column("firm", pa.array(range(60)))
    plants = pa.table({"firm": [n % 40 for n in range(90)], "staff": [n % 7 for n in range(90)]})
    given = {"firms": tops.select([*REAL.column_names[:4], "firm"]), "plants": plants}
    links = [gpusynth.Link(child="plants", parent="firms", key="firm")]
    with counted() as seen:
        there = gpusynth.synthesize_linked(
            given, links, seed=2, output=tmp_path / "a", device="cuda", checkpoints=True
        )
    assert seen.launches > 20
    here = gpusynth.synthesize_linked(given, links, seed=2, output=tmp_path / "b")
    assert [file.sha256 for file in there.files] == [file.sha256 for file in here.files]


def test_blocks_without_room_stay_on_the_host(tmp_path, monkeypatch, quick_fits):

    def some(*given, **options):
        return replace(planned(*given, **options), n_tables=1, room_bytes=200)

    planned = device.plan_device
    monkeypatch.setattr("gpusynth.engine.draw.allocation.plan_device", some)
    there, _ = files(tmp_path, "cuda", None, device="cuda")
    here, _ = files(tmp_path, "cpu", None)
    assert there == here


def test_a_run_that_cannot_fit_says_how_many_bytes_it_needs(tmp_path, monkeypatch):
    monkeypatch.setattr("gpusynth_kernels.cuda.launch._SIMULATED_BYTES", memory._SPARE + 1000)
    with pytest.raises(DeviceMemoryError, match=r"this run needs [\d,]+ bytes .* \d+ are free"):
        files(tmp_path, "cuda", None, device="cuda")
    assert list(tmp_path.iterdir()) == []
