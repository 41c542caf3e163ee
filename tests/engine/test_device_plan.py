"""The memory of a device is planned before a run: what lies there at every size of it."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpusynth.engine.device import DEVICE_BLOCK_ROWS, plan_device, result_bytes
from gpusynth.errors import DeviceMemoryError
from gpusynth.trees import Layout, draw_table_bytes
from gpusynth.trees.record_plan import place_columns, plan_records

COUNTS = [2, 5, 300, 40, 7, 65_000, 256, 3]
LAYOUT = Layout([f"c{i}" for i in range(8)], COUNTS, [True] * 8)


def prepared(n_real):
    return SimpleNamespace(
        predictors=SimpleNamespace(layout=LAYOUT), table=SimpleNamespace(n_rows=n_real)
    )


def plan(n_real, n_rows, free, n_replicates=1):
    return plan_device(prepared(n_real), n_rows, n_replicates=n_replicates, free=free)


def test_all_lies_there_where_there_is_room():
    found = plan(10_000_000, 10_000_000, 40 << 30, n_replicates=2)
    assert found.n_column_groups == 1
    assert found.record_bytes == 10_000_000 * 12  # six columns of a byte, two of half a word
    assert found.block_rows == DEVICE_BLOCK_ROWS
    assert found.n_tables == 2 * 5
    assert found.room_bytes > 20 << 30


@pytest.mark.parametrize(
    ("megabytes", "tables", "block_rows", "groups"),
    [
        (8000, 5, 1 << 21, 1),
        (2000, 5, 1 << 21, 1),
        (1800, 2, 1 << 21, 1),
        (1740, 3, 1 << 20, 1),
        (1700, 4, 1 << 19, 1),
        (1660, 41, 1 << 16, 2),
        (1580, 10, 1 << 16, 3),
    ],
)
def test_less_memory_takes_rows_then_larger_blocks_then_codes(
    megabytes, tables, block_rows, groups
):
    found = plan(10_000_000, 10_000_000, megabytes << 20)
    assert (found.n_tables, found.block_rows) == (tables, block_rows)
    assert found.n_column_groups == groups


def test_too_little_says_how_many_bytes_are_needed():
    with pytest.raises(DeviceMemoryError, match=r"this run needs ([\d,]+) bytes") as caught:
        plan(10_000_000, 10_000_000, 1 << 30)
    needed = int(str(caught.value).split("needs ")[1].split(" bytes")[0].replace(",", ""))
    with pytest.raises(DeviceMemoryError):
        plan(10_000_000, 10_000_000, needed - 1)
    found = plan(10_000_000, 10_000_000, needed)
    assert found.block_rows == 1 << 16
    assert found.n_column_groups == 3


@given(
    n_real=st.integers(1, 10**8),
    n_rows=st.integers(1, 10**8),
    free=st.integers(0, 1 << 40),
    n_replicates=st.integers(1, 9),
)
def test_a_plan_never_takes_more_than_there_is(n_real, n_rows, free, n_replicates):
    try:
        found = plan(n_real, n_rows, free, n_replicates)
    except DeviceMemoryError as error:
        assert f"{free:,} are free" in str(error)
        return
    rows = found.n_tables * draw_table_bytes(LAYOUT, min(found.block_rows, n_rows))
    assert found.working_bytes + found.record_bytes + rows + found.room_bytes <= free


@given(
    st.lists(st.integers(1, 65_536), min_size=1, max_size=40),
    st.integers(1, 10**6),
    st.integers(0, 1 << 34),
)
def test_columns_lie_apart_and_words_fit(counts, n_rows, free):
    word, shift, mask, n_words = place_columns(np.array(counts))
    taken = np.zeros(n_words, np.uint64)
    for w, s, m, count in zip(word, shift, mask, counts, strict=True):
        bits = np.uint64(int(m) << int(s))
        assert count - 1 <= m
        assert bits < 1 << 32
        assert taken[w] & bits == 0
        taken[w] |= bits
    found = plan_records(np.array(counts), n_rows, free)
    assert 1 <= found.words_at_once <= n_words
    assert found.n_bytes <= free or found.words_at_once == 1
    assert found.n_groups * found.words_at_once >= n_words


SCHEMA = pa.schema(
    [("id", pa.int64()), ("flag", pa.bool_()), ("region", pa.dictionary(pa.int8(), pa.string()))]
)


def test_what_is_made_of_columns_leaves_them_less_room():
    n_rows = 10_000_000
    frames = result_bytes(SCHEMA, 2 * n_rows, as_frames=True)
    assert frames == 2 * n_rows * ((8 + 1 + 1) + 3 + 2 * 8)
    free = plan(n_rows, n_rows, 40 << 30, n_replicates=2)

    def room(result, free_bytes=40 << 30):
        found = plan_device(
            prepared(n_rows), n_rows, n_replicates=2, result_bytes=result, free=free_bytes
        )
        assert found.record_bytes + found.room_bytes + result <= free_bytes
        return found.room_bytes

    assert room(frames) == free.room_bytes  # rows in the layout of trees are gone by then
    assert 0 < room(25 << 30) < free.room_bytes
    assert room(39 << 30, 50 << 30) == 0


def test_files_take_what_some_row_groups_take():
    whole = result_bytes(SCHEMA, 10**8, as_frames=False)
    assert whole == result_bytes(SCHEMA, 10**6, as_frames=False) == 4 * 131_072 * 13 * 4
    assert result_bytes(SCHEMA, 1000, as_frames=False) == 1000 * 13 * 4
