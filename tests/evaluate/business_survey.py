"""A small survey of businesses of four columns, and its schema."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from gpusynth.table.schema import Column, Schema

__all__ = ["SCHEMA", "survey"]


def survey(n_rows: int, seed: int) -> pa.Table:
    """Sector decides state and receipts; receipts have a spike at 0 and nulls."""
    rng = np.random.default_rng(seed)
    sector = rng.integers(0, 4, n_rows)
    receipts = np.where(rng.random(n_rows) < 0.3, 0, np.exp(rng.normal(sector, 1, n_rows)) * 100)
    return pa.table(
        {
            "sector": pa.array([f"s{code}" for code in sector]),
            "state": pa.array((sector + (rng.random(n_rows) < 0.2)) % 4),
            "receipts": pa.array(receipts.round(), mask=rng.random(n_rows) < 0.1),
            "online": pa.array(rng.random(n_rows) < 0.1 + 0.2 * sector),
        }
    )


SCHEMA = Schema(
    columns=(
        Column(name="sector", kind="categorical", storage="string", labels={"s1": "mining"}),
        Column(name="state", kind="categorical", storage="int64"),
        Column(name="receipts", kind="numeric", storage="double", spikes=(0.0,)),
        Column(name="online", kind="boolean", storage="bool"),
    )
)
