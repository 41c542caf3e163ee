"""Equal rows are counted once, and different rows are never taken for equal."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gpusynth.inference.cells import count_cells


def test_sums_over_equal_rows():
    sector = pd.Categorical(["a", "b", "a", None, "a", "b", None, "a"])
    frame = pd.DataFrame({"sector": sector, "size": [1.0, 2.0, 1.0, 5.0, 1.0, 2.0, 5.0, 1.0]})
    weight = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    found = count_cells(frame, weight=weight, extra=-weight[:, None], combine=True)
    assert found.frame["size"].tolist() == [5.0, 1.0, 2.0]
    assert found.frame["sector"].tolist()[1:] == ["a", "b"]
    assert found.count.tolist() == [2.0, 4.0, 2.0]
    assert found.weight.tolist() == [11.0, 17.0, 8.0]
    assert found.squared.tolist() == [65.0, 99.0, 40.0]
    assert found.extra.tolist() == [[-11.0], [-17.0], [-8.0]]
    assert found.n_rows == 8
    apart = count_cells(frame, weight=weight, extra=-weight[:, None], combine=False)
    assert apart.weight.tolist() == weight.tolist()


def test_more_combinations_than_an_int64_can_number():
    """Of 65 columns of two values the first would be lost in 64 bits: two cells, not one."""
    frame = pd.DataFrame(np.zeros((8, 65), dtype=np.int64), columns=[f"x{i}" for i in range(65)])
    frame.iloc[4:, 0] = 1
    frame.iloc[0, 1:] = 1  # so that every column has two values
    found = count_cells(frame, weight=None, extra=np.empty((8, 0)), combine=True)
    sums = found.frame.assign(count=found.count).groupby("x0")["count"].sum()
    assert sums.tolist() == [4.0, 4.0]
