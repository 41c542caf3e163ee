"""A file of 200,000 simulated firms, and where the published tables may lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.datasets import firms

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "data" / "sbo_published"
N_ROWS = 200_000


@pytest.fixture(scope="session")
def table() -> pa.Table:
    return firms(N_ROWS, seed=11)


@pytest.fixture(scope="session")
def survey(table: pa.Table) -> dict[str, np.ndarray]:
    """Columns as arrays: answers as integers with -1 for null, text with "" for null."""
    columns = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            columns[name] = column.fill_null(-1).to_numpy()
        else:
            text = column.cast(pa.string()).fill_null("")
            columns[name] = np.asarray(text.to_pylist(), dtype=str)
    return columns


@pytest.fixture(scope="session")
def published() -> Path:
    if not PUBLISHED.is_dir():
        pytest.skip("the published tables are not here")
    return PUBLISHED
