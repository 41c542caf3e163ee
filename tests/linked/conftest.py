"""Small firms with establishments, and establishments with products."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.datasets import firms_and_establishments
from gpusynth.linked import Link

LINK = Link(child="establishments", parent="firms", key="firm_id")


@pytest.fixture(name="files", scope="session")
def _files() -> dict[str, pa.Table]:
    firms, establishments = firms_and_establishments(400, seed=3)
    return {"firms": firms, "establishments": establishments}


@pytest.fixture(name="three", scope="session")
def _three(files) -> dict[str, pa.Table]:
    """Firms, their establishments and owners, and the products of establishments."""
    random = np.random.default_rng(8)
    places = files["establishments"]["establishment_id"].to_numpy()
    owners = files["firms"]["firm_id"].to_numpy(zero_copy_only=False)
    of_place = np.repeat(places, random.integers(0, 4, len(places)))
    of_firm = np.repeat(owners, random.integers(1, 3, len(owners)))
    return {
        **files,
        "products": pa.table(
            {
                "establishment": random.permutation(of_place),
                "value": random.lognormal(3, 1, len(of_place)).round(2),
            }
        ),
        "owners": pa.table(
            {"firm": of_firm, "age": random.integers(20, 90, len(of_firm)).astype(np.int16)}
        ),
    }
