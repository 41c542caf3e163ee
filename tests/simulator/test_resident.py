"""Drawn columns stay on the simulated device: what crosses to the host, when, and how much."""

from functools import partial

import numpy as np
import pytest

import gpusynth
from gpusynth.datasets import firms
from gpusynth.engine.draw.resident import DeviceRoom, ResidentColumns
from gpusynth.errors import DeviceMemoryError
from gpusynth.plan import Edit, Rule
from gpusynth.streams import StreamKey
from gpusynth.trees import (
    CartParams,
    ClassTarget,
    DeviceDraw,
    DrawTable,
    Predictor,
    PredictorTable,
    grow_tree,
)
from gpusynth.trees.draw_device import draw_codes_on_device
from gpusynth_kernels.cuda import columns, launch
from gpusynth_kernels.cuda.traffic import counted

REAL = firms(220, seed=3, columns=9)
FEW_BYTES = 2_000
"""Of bits, positions and counts that a replicate sends to the device, whatever its rows."""


def synthesize(n_replicates=1, plan=None, **options):
    made = gpusynth.synthesize(
        REAL, plan=plan, seed=7, n_replicates=n_replicates, threads=1, **options
    )
    return [made] if n_replicates == 1 else made


@pytest.fixture
def drawn_there(monkeypatch):
    """The blocks that were left on the device, as (column, part)."""
    seen = []
    put = ResidentColumns.put

    def noting(self, name, first_row, drawn):
        seen.append(name)
        put(self, name, first_row, drawn)

    monkeypatch.setattr(ResidentColumns, "put", noting)
    return seen


def test_a_further_replicate_crosses_once_to_the_host_and_not_back(quick_fits, drawn_there):
    with counted() as one:
        synthesize(device="cuda")
    stayed = set(drawn_there)
    assert len(stayed) == REAL.num_columns - 1  # the first column is drawn without a tree
    drawn_there.clear()
    with counted() as two:
        there = synthesize(2, device="cuda")
    assert all(a.equals(b) for a, b in zip(there, synthesize(2), strict=True))
    fetched, sent = two.bytes_to_host - one.bytes_to_host, two.bytes_to_device - one.bytes_to_device
    assert fetched == one.bytes_to_host > 0
    per_row = one.bytes_to_host / REAL.num_rows
    assert per_row == int(per_row) <= 2 * 9 + 8 * 6  # a code each, and numbers that codes lack
    assert sent <= REAL.num_rows * 2 + FEW_BYTES  # the first column
    launches = (two.launches - one.launches) / (len(drawn_there) / 2)
    assert launches <= 4.5  # walk and draw, codes, numbers, layout


@pytest.mark.parametrize(
    ("options", "stays"),
    [
        ({"rules": [Rule(target="EXPORTS", when="SECTOR = 42", value=1)]}, False),
        ({"edits": [Edit(holds="PAYROLL_NOISY >= 0 or EXPORTS = 1")]}, True),
        ({"smoothing": {"PAYROLL_NOISY": "density"}}, True),
    ],
)
def test_columns_that_others_decide_are_brought(quick_fits, drawn_there, options, stays):
    plan = gpusynth.Plan(**options)
    there = synthesize(plan=plan, device="cuda")
    assert ("EXPORTS" in drawn_there) == stays
    assert there[0].equals(synthesize(plan=plan)[0])


@pytest.mark.parametrize("room", [0, 500])
def test_little_room_brings_columns_early(quick_fits, monkeypatch, room):
    made = DeviceRoom.__init__
    monkeypatch.setattr(DeviceRoom, "__init__", lambda self, _: made(self, room))
    with counted() as seen:
        there = synthesize(2, device="cuda")
    assert all(a.equals(b) for a, b in zip(there, synthesize(2), strict=True))
    assert seen.bytes_to_host > 0


@pytest.mark.parametrize("when", ["once", "always"])
def test_a_device_that_is_full_is_tried_again_and_then_told_of(quick_fits, monkeypatch, when):
    expected = synthesize()[0]
    left = [9]
    empty = launch.empty

    def full(shape, dtype):
        left[0] -= 1
        if left[0] == 0 or (left[0] < 0 and when == "always"):
            raise MemoryError("out of memory")
        return empty(shape, dtype)

    monkeypatch.setattr(launch, "empty", full)
    if when == "once":
        assert synthesize(device="cuda")[0].equals(expected)
        assert left[0] < 0
    else:
        with pytest.raises(DeviceMemoryError, match=r"a draw needs [\d,]+ bytes"):
            synthesize(device="cuda")


def drawn(*codes, values=None):
    numbers = None if values is None else launch.to_device(np.array(values))
    return DeviceDraw(launch.to_device(np.array(codes, np.uint8)), numbers)


def test_a_block_counts_on_the_device_until_the_host_asks():
    held = ResidentColumns(DeviceRoom(1000))
    held.codes.data["a"], held.values.data["a"] = np.zeros(5, np.uint8), np.zeros(5)
    held.put("a", 3, drawn(7, 8, values=[0.5, 1.5]))
    held.put("a", 0, drawn(1, 2, 3, values=[1.0, 2.0, 3.0]))
    assert held.get("a", 3).codes.tolist() == [7, 8]
    assert "a" in held.codes
    assert held.codes.data["a"].tolist() == [0] * 5
    assert held.codes["a"].tolist() == [1, 2, 3, 7, 8]
    assert held.get("a", 3) is None
    assert held.values.data["a"].tolist() == [1.0, 2.0, 3.0, 0.5, 1.5]
    held.codes["a"][0] = 9
    assert held.codes.get("a").tolist() == [9, 2, 3, 7, 8]
    assert held.codes.get("b") is None


def test_blocks_are_joined_where_all_of_them_lie_there():
    room = DeviceRoom(1000)
    held = ResidentColumns(room)
    held.codes.data["a"], held.values.data["a"] = np.zeros(5, np.uint8), np.zeros(5)
    held.put("a", 3, drawn(7, 8, values=[0.5, 1.5]))
    assert held.whole("a", 5) is None
    held.put("a", 0, drawn(1, 2, 3, values=[1.0, 2.0, 3.0]))
    whole = held.whole("a", 5)
    assert whole.codes.tolist() == [1, 2, 3, 7, 8]
    assert whole.values.tolist() == [1.0, 2.0, 3.0, 0.5, 1.5]
    assert held.whole("a", 5) is whole
    order = np.array([4, 4, 0])
    assert held.count_codes("a", 10, n_rows=5, order=order).tolist() == [0, 1, *[0] * 6, 2, 0]
    assert held.count_codes("a", 9, n_rows=5, order=None)[1:4].tolist() == [1, 1, 1]
    assert room.let_go() and not room.let_go()
    assert held.whole("a", 5) is None
    assert held.count_codes("a", 9, n_rows=5, order=None) is None
    assert held.codes.data["a"].tolist() == [1, 2, 3, 7, 8]
    held.put("a", 0, drawn(9, 9))
    held.forget("a")
    assert held.codes["a"].tolist() == [1, 2, 3, 7, 8]
    assert room.let_go() is False


def test_room_is_made_by_what_was_drawn_first():
    room = DeviceRoom(6)
    one, two = ResidentColumns(room), ResidentColumns(room)
    for each in (one, two):
        each.codes.data["a"] = np.zeros(4, np.uint8)
    one.put("a", 0, drawn(1, 2, 3, 4))
    one.put("a", 0, drawn(4, 3, 2, 1))  # in place of the block before
    assert one.get("a", 0).codes.tolist() == [4, 3, 2, 1]
    two.put("a", 0, drawn(5, 6, 7, 8))
    assert one.get("a", 0) is None
    assert one.codes.data["a"].tolist() == [4, 3, 2, 1]
    two.codes.data["b"] = np.zeros(9, np.uint8)
    two.put("b", 0, drawn(*range(9)))  # more than there is
    assert two.get("b", 0) is None
    assert two.codes.data["b"].tolist() == list(range(9))
    assert room.let_go() is False
    two.put("a", 0, drawn(1, 1))
    two.clear()
    assert room.let_go() is False


def test_states_are_kept_when_a_draw_is_done_again(monkeypatch):
    codes, values = np.array([3, 4, 5, 6], np.uint8), np.array([0.5, 1.5, 2.5, 3.5])
    table = PredictorTable.of([Predictor("a", np.arange(4, dtype=np.uint8), 4, is_ordered=True)])
    tree, donors = grow_tree(table, ClassTarget(np.arange(4, dtype=np.uint8), 4), CartParams(1))
    rows = DrawTable(table.layout, 4)
    rows.fill({"a": table.codes("a")})
    draw = partial(draw_codes_on_device, tree, donors, rows, StreamKey(1), 0)
    whole = draw(columns=(codes, values))
    states = drawn(0, 3, 2, 3)
    take, left = columns.take_at.over, [2]

    def full(*given):
        left[0] -= 1
        if left[0] == 0:
            raise MemoryError("out of memory")  # codes are there, numbers are not
        take(*given)

    monkeypatch.setattr(columns.take_at, "over", full)
    found = draw(columns=(codes, values), ordinary=(states, 3))
    assert found.codes.tolist() == [0, whole.codes[1], 2, whole.codes[3]]
    assert found.values.tolist() == [0.0, whole.values[1], 0.0, whole.values[3]]


def test_memory_that_is_short_is_had_from_drawn_columns(monkeypatch):
    from gpusynth.backends import memory, need

    own = ResidentColumns(DeviceRoom(1 << 20))
    own.codes.data["a"] = np.zeros(1000, np.uint8)
    own.put("a", 0, drawn(*[1] * 1000))
    held = launch.simulated_memory.held
    monkeypatch.setattr(launch, "_SIMULATED_BYTES", held + memory._SPARE + 100)
    need(600, "a test")
    assert own.get("a", 0) is None
    assert own.codes.data["a"].sum() == 1000
