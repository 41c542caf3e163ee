from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.datasets import firms, firms_schema
from gpusynth.evaluate.evaluation import evaluate
from gpusynth.evaluate.figures import Comparison
from gpusynth.evaluate.results import Evaluation

HOSTILE = "</script><script>alert(1)</script>"


@pytest.fixture(scope="session")
def wide() -> Evaluation:
    """All columns of firms: other draws stand for synthetic files and for the holdout."""
    names = ("SECTOR", "FIPST", "ESTABLISHED")
    return evaluate(
        firms(3000, seed=1),
        [firms(3000, seed=2), firms(3000, seed=4)],
        holdout=firms(2000, seed=3),
        schema=firms_schema(),
        keys=names,
        quick=True,
    )


def hostile_table(seed: int, n_rows: int = 400) -> pa.Table:
    """Names and levels that try to be markup, in every place where they are shown."""
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 4, n_rows)
    return pa.table(
        {
            HOSTILE: pa.array([f'"><img src=x onerror=alert({code})>' for code in level]),
            "a|b`*_\n{{ 7 * 7 }}": pa.array([f"{{% raw %}}'{code % 3}" for code in level]),
            "number": pa.array(rng.normal(level, 1.0, n_rows)),
            "empty": pa.array([None] * n_rows, pa.int64()),
            "constant": pa.array(["always"] * n_rows),
        }
    )


@pytest.fixture(scope="session")
def hostile() -> Evaluation:
    found = evaluate(hostile_table(1), hostile_table(2), keys=[HOSTILE], quick=True)
    comparison = Comparison(
        name=HOSTILE,
        term="<b>bold</b>",
        real=1.0,
        real_interval=(0.5, 1.5),
        synthetic=1.2,
        synthetic_interval=(0.7, 1.7),
        overlap=0.8,
    )
    return found.model_copy(update={"comparisons": (comparison,)})
