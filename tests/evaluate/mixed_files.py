"""Files of mixed columns for tests of measures: categories, numbers, missing codes, spikes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from gpusynth.evaluate.coded import CommonCodes
from gpusynth.evaluate.coding import code_together
from gpusynth.table.schema import Column, Schema
from gpusynth.table.source import TableSource

MIXED = Schema(
    columns=(
        Column(name="sector", kind="categorical", storage="string"),
        Column(name="region", kind="categorical", storage="string"),
        Column(name="staff", kind="integer", storage="int64", missing_codes=(-8,), spikes=(0.0,)),
        Column(name="sales", kind="numeric", storage="double"),
        Column(name="weight", kind="numeric", storage="double", role="weight"),
    )
)


def mixed_table(n_rows: int, seed: int, *, effect: float = 1.0) -> pa.Table:
    """Sector moves staff and sales by `effect`; region is apart; some answers are missing."""
    rng = np.random.default_rng(seed)
    sector = rng.choice(4, n_rows, p=[0.4, 0.3, 0.2, 0.1])
    staff = rng.poisson(1 + effect * 3 * sector)
    staff = np.where(rng.random(n_rows) < 0.05, -8, staff)
    sales = np.exp(rng.normal(effect * sector, 1, n_rows)).round(2)
    return pa.table(
        {
            "sector": pa.array([f"s{code}" for code in sector], mask=rng.random(n_rows) < 0.04),
            "region": pa.array(rng.choice(["N", "S", "W"], n_rows)),
            "staff": pa.array(staff),
            "sales": pa.array(sales, mask=rng.random(n_rows) < 0.1),
            "weight": pa.array(rng.integers(1, 5, n_rows) / 2.0),
        }
    )


def mixed_codes(
    *tables: pa.Table, holdout: pa.Table | None = None, weighted: bool = False, **kwargs
) -> CommonCodes:
    """Code the first table as the real file, the others as synthetic ones."""
    sources = [TableSource(table, name=f"file{i}") for i, table in enumerate(tables)]
    return code_together(
        *sources,
        schema=MIXED,
        holdout=None if holdout is None else TableSource(holdout, name="holdout"),
        weight="weight" if weighted else None,
        columns=kwargs.pop("columns", ("sector", "region", "staff", "sales")),
        **kwargs,
    )


def numbers_of(table: pa.Table, name: str) -> np.ndarray:
    """The numbers of a column, NaN for null and for the missing code -8."""
    values = table[name].to_numpy(zero_copy_only=False).astype(float)
    return np.where(values == -8, np.nan, values)


def weighted_copies(table: pa.Table) -> pa.Table:
    """Repeat each row as often as twice its weight says, with weight 1 each."""
    times = (table["weight"].to_numpy() * 2).astype(int)
    repeated = table.take(np.repeat(np.arange(table.num_rows), times))
    return repeated.set_column(4, "weight", pa.array(np.ones(repeated.num_rows)))
