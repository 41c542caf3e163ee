"""SDNist's k-marginal as a loop of pandas group-bys, restated from its formula.

For each pair of columns both files are grouped and counted, shares are subtracted (a cell that one
file lacks counts 0) and absolute differences added up; the score is ``(2 - mean) * 500``. SDNist
draws pairs where there are 30 columns or more; here the caller says which pairs, so that a slice of
all of them can be timed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from gpusynth.evaluate import CodedTable

__all__ = ["absolute_differences", "as_frame", "read_and_number", "score"]


def read_and_number(*paths: Path) -> list[pd.DataFrame]:
    """Read files with pandas and number the answers of each column, the files' alike.

    It is what the loop needs before it can begin; numbers stay unbinned, which costs it nothing.
    """
    together = pd.concat([pd.read_parquet(path) for path in paths], keys=range(len(paths)))
    for name in together.columns:
        together[name] = pd.factorize(together[name])[0]
    return [together.loc[number] for number in range(len(paths))]


def as_frame(table: CodedTable) -> pd.DataFrame:
    """Return the codes of a file as the whole numbers that SDNist's binned files hold."""
    columns = (codes.astype(np.int64) for codes in table.codes)
    return pd.DataFrame(dict(zip(table.names, columns, strict=True)))


def absolute_differences(
    real: pd.DataFrame, synthetic: pd.DataFrame, pairs: Iterable[tuple[str, str]]
) -> np.ndarray:
    """Return the sum of absolute differences of shares of each pair of columns."""
    found = []
    for pair in pairs:
        shares = [frame.groupby(list(pair)).size() / len(frame) for frame in (real, synthetic)]
        found.append(shares[0].subtract(shares[1], fill_value=0).abs().sum())
    return np.array(found)


def score(differences: np.ndarray) -> float:
    """Return the k-marginal score."""
    return float((2.0 - differences.mean()) * 500.0)
