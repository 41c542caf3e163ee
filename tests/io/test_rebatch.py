from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpusynth.io.rebatch import rebatch


@given(
    lengths=st.lists(st.integers(0, 20), max_size=12),
    n_rows=st.integers(1, 25),
)
def test_any_cut_gives_the_same_rows_in_batches_of_the_asked_length(lengths, n_rows):
    total = sum(lengths)
    table = pa.table({"x": pa.array(range(total), pa.int64())})
    batches, start = [], 0
    for length in lengths:
        batches += table.slice(start, length).to_batches() or [
            pa.RecordBatch.from_pydict({"x": []}, schema=table.schema)
        ]
        start += length
    cut = list(rebatch(batches, n_rows))
    assert pa.Table.from_batches(cut, table.schema).equals(table)
    assert [batch.num_rows for batch in cut[:-1]] == [n_rows] * (len(cut) - 1)
    assert all(0 < batch.num_rows <= n_rows for batch in cut)


def test_dictionaries_that_differ_are_unified():
    first = pa.RecordBatch.from_pydict({"x": pa.array(["a", "b"]).dictionary_encode()})
    second = pa.RecordBatch.from_pydict({"x": pa.array(["c", None, "a"]).dictionary_encode()})
    (joined,) = rebatch([first, second], 10)
    assert joined.column("x").to_pylist() == ["a", "b", "c", None, "a"]
    assert joined.column("x").dictionary.to_pylist() == ["a", "b", "c"]


def test_a_batch_without_rows_cannot_be_asked_for():
    with pytest.raises(ValueError, match="at least one row"):
        list(rebatch([], 0))
