"""Where the rows of chains lie: what gives way as a device has less and less room."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpusynth.backends import Backend
from gpusynth.engine import SilentListener, Stopwatch
from gpusynth.engine.checkpoint.given import Given
from gpusynth.engine.device import KEPT_SHARE, working_bytes
from gpusynth.errors import DeviceMemoryError
from gpusynth.imputation import ImputationSettings
from gpusynth.imputation.chain_tables import plan_tables
from gpusynth.imputation.chained import set_up_data
from gpusynth.trees import draw_table_bytes
from gpusynth.trees.record_plan import plan_records


@pytest.fixture(name="setup", scope="module")
def _setup(gaps):
    _, setup = set_up_data(
        gaps,
        Given(None, None),
        ImputationSettings(),
        batch_rows=1000,
        listener=SilentListener(),
        stopwatch=Stopwatch(),
    )
    return setup


@pytest.fixture(name="sizes")
def _sizes(setup):
    """Bytes of the work, of all records, and of the rows that are walked."""
    n_rows, layout = setup.table.n_rows, setup.layout
    records = plan_records(layout.n_codes, n_rows, 1 << 40).n_bytes
    return working_bytes(n_rows, n_rows), records, draw_table_bytes(layout, n_rows)


def test_the_processor_has_room_for_all_chains(setup):
    tables = plan_tables(setup, n_chains=4)
    assert tables.n_chains == 4
    assert not tables.on_device
    made = tables.new(setup.table.codes, setup.cells)
    for name in setup.layout.names:
        assert (made.codes(name) == setup.table.codes[name]).all()


def test_what_gives_way_first(setup, sizes):
    setup = replace(setup, backend=Backend("cuda"))
    working, records, walked = sizes

    def plan(free):
        return plan_tables(setup, n_chains=4, free=int(free))

    plenty = plan(working + 4 * (records + walked) / KEPT_SHARE + 1)
    assert (plenty.n_chains, plenty.words_at_once, plenty.is_walked_there) == (4, None, True)
    assert plenty.complete is None  # nothing is kept on the host
    fewer = plan(working + 2.5 * (records + walked) / KEPT_SHARE)
    assert (fewer.n_chains, fewer.words_at_once, fewer.is_walked_there) == (2, None, True)
    one = plan(working + walked + records / 0.8 + 2)
    assert (one.n_chains, one.words_at_once, one.is_walked_there) == (1, None, True)
    by_host = plan(working + records / 0.8 + 2)
    assert (by_host.n_chains, by_host.words_at_once, by_host.is_walked_there) == (1, None, False)
    assert by_host.complete is not None
    paged = plan(working + records / 2)
    assert (paged.n_chains, paged.is_walked_there) == (1, False)
    assert paged.words_at_once < plan_records(setup.layout.n_codes, 1, 1 << 40).n_words
    with pytest.raises(DeviceMemoryError, match=r"this imputation needs [\d,]+ bytes .* are free"):
        plan(working)


def test_cuml_takes_rows_from_the_host(setup, sizes):
    setup = replace(setup, backend=Backend("cuda", "cuml"))
    working, _, walked = sizes
    tables = plan_tables(setup, n_chains=4, free=int(working + 3.5 * walked / KEPT_SHARE))
    assert (tables.n_chains, tables.words_at_once, tables.is_walked_there) == (3, 0, True)
    assert tables.complete is not None
    tables = plan_tables(setup, n_chains=4, free=working)
    assert (tables.n_chains, tables.is_walked_there) == (1, False)
