"""Blocks that replicates are drawn in: even, in order, all rows."""

from __future__ import annotations

import pytest

from gpusynth.engine.draw.replicate import BLOCK_ROWS, SyntheticRows


@pytest.mark.parametrize("n_rows", [0, 1, 7, BLOCK_ROWS, BLOCK_ROWS + 1, 200_000, 1_000_003])
def test_blocks_cover_the_rows_and_are_even(n_rows):
    blocks = list(SyntheticRows(1, n_rows).blocks())
    assert [block.first_row for block in blocks] == [
        sum(block.n_rows for block in blocks[:number]) for number in range(len(blocks))
    ]
    sizes = [block.n_rows for block in blocks]
    assert sum(sizes) == n_rows
    assert len(sizes) == -(-n_rows // BLOCK_ROWS)
    assert max(sizes, default=0) - min(sizes, default=0) < max(len(sizes), 1)
