"""Firms: whether cells of the synthetic file let a contributor's value be estimated.

Tables of totals (receipts by sector and state) are protected by rules on the contributors of a
cell. Let ``x1 >= x2 >= ...`` be the real contributors' values and X their total.

==================  ================================================================================
rule                a real cell is sensitive when
==================  ================================================================================
few                 it has fewer than three contributors
n-k dominance       ``x1 + ... + xn > k % of X``
p per cent          ``X - x1 - x2 < p % of x1``: the second largest contributor, who knows x2, comes
                    within p % of the largest
==================  ================================================================================

A synthetic file publishes totals of its own. Of the cells that are sensitive by the p % rule:

- *estimable*: the second largest contributor, who takes the synthetic total for the true one, comes
  within p %: ``|S - x2 - x1| <= p % of x1``;
- *reproduced*: a synthetic row of the cell has a value within p % of x1; an intruder who knows who
  dominates the cell will look there.

Contributors are rows with a value above zero. Weights play no part: a heavy weight hides a
contributor only if the totals published are weighted ones. Values are never part of a result.

References
----------
.. [1] Hundepool, A. et al. (2012). Statistical Disclosure Control. Wiley, section 4.2.
.. [2] Federal Committee on Statistical Methodology (2005). Statistical Policy Working Paper 22,
       chapter 4 (linear sensitivity measures).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.disclosure.contributors import Contributors

__all__ = ["CellDominance", "SensitiveCells", "cell_dominance", "sensitive_cells"]

_FEW = 3


@dataclass(frozen=True, slots=True)
class CellDominance:
    """Sensitive cells of the real file, and what one synthetic file tells about them.

    Attributes
    ----------
    keys : tuple of str
        Columns that form the cells.
    n, k, p : int, float, float
        Of the rules; k and p in per cent.
    n_cells : int
        Real cells with a contributor.
    n_few, n_dominated, n_sensitive : int
        Of these, sensitive by number of contributors, by n-k dominance and by the p % rule.
    n_published : int
        Cells sensitive by the p % rule for which the synthetic file has a total above zero.
    n_estimable, n_reproduced : int
        Of the cells sensitive by the p % rule; see above.
    n_reproduced_exactly : int
        Those where a synthetic row has the very value x1.
    n_synthetic_cells, n_synthetic_sensitive : int
        Cells of the synthetic file, and those sensitive by the p % rule if its rows are taken for
        contributors: what a reader of the file will think.
    holdout_reproduced : float or None
        Share of the sensitive cells in which a row of the holdout comes within p % of x1: what to
        expect of rows that know nothing of the real ones. A smaller holdout shows a smaller share.
    """

    keys: tuple[str, ...]
    n: int
    k: float
    p: float
    n_cells: int
    n_few: int
    n_dominated: int
    n_sensitive: int
    n_published: int
    n_estimable: int
    n_reproduced: int
    n_reproduced_exactly: int
    n_synthetic_cells: int
    n_synthetic_sensitive: int
    holdout_reproduced: float | None


@dataclass(frozen=True, slots=True)
class SensitiveCells:
    """The real cells one by one, for those who protect them; itself confidential.

    Attributes
    ----------
    key_codes : array of int64, shape (n_cells, n_keys)
    n_contributors : array of int64, shape (n_cells,)
    is_dominated, is_sensitive, is_estimable, is_reproduced : array of bool, shape (n_cells,)
    """

    key_codes: Array
    n_contributors: Array
    is_dominated: Array
    is_sensitive: Array
    is_estimable: Array
    is_reproduced: Array


def cell_dominance(
    codes: CommonCodes,
    keys: Sequence[str],
    real_values: Array,
    synthetic_values: Sequence[Array],
    *,
    n: int = 2,
    k: float = 85.0,
    p: float = 10.0,
    holdout: CodedTable | None = None,
    holdout_values: Array | None = None,
) -> tuple[CellDominance, ...]:
    """Apply rules of dominance to cells, for each synthetic file.

    Parameters
    ----------
    codes : CommonCodes
    keys : sequence of str
        Columns that form the cells.
    real_values : array of float64, shape (codes.real.n_rows,)
        Values of zero or more; NaN where a row has none.
    synthetic_values : sequence of array of float64
        One for each synthetic file.
    n, k, p : int, float, float
        Of the rules; k and p in per cent.
    holdout : CodedTable, optional
        `codes.holdout` by default.
    holdout_values : array of float64, optional
        Without them the holdout is left out.

    Raises
    ------
    IncomputableMetricError
        If a column is unknown or named twice, values are negative, infinite or not as many as
        rows, no real row contributes, or a parameter of the rules is out of range.
    """
    real, positions = _real_cells(codes, keys, real_values, n, k, p)
    if len(synthetic_values) != len(codes.synthetic):
        raise IncomputableMetricError(
            f"values of {len(synthetic_values)} synthetic files were given for "
            f"{len(codes.synthetic)}"
        )
    sensitive = real.is_sensitive(p)
    holdout = codes.holdout if holdout is None else holdout
    expected = None
    if holdout is not None and holdout_values is not None and sensitive.any():
        _check_values(holdout_values, holdout.n_rows, "the holdout")
        new = Contributors.of(holdout, positions, holdout_values)
        expected = float((_reach(real, new)[sensitive] <= p / 100.0).mean())
    contributors = np.diff(real.first)
    results = []
    for table, values in zip(codes.synthetic, synthetic_values, strict=True):
        _check_values(values, table.n_rows, "a synthetic file")
        made = Contributors.of(table, positions, values)
        reach = _reach(real, made)[sensitive]
        results.append(
            CellDominance(
                keys=tuple(keys),
                n=n,
                k=k,
                p=p,
                n_cells=len(real.keys),
                n_few=int((contributors < _FEW).sum()),
                n_dominated=int((real.top(n) > k / 100.0 * real.total).sum()),
                n_sensitive=int(sensitive.sum()),
                n_published=int((real.find(made) >= 0)[sensitive].sum()),
                n_estimable=int(_estimable(real, made, p)[sensitive].sum()),
                n_reproduced=int((reach <= p / 100.0).sum()),
                n_reproduced_exactly=int((reach == 0.0).sum()),
                n_synthetic_cells=len(made.keys),
                n_synthetic_sensitive=int(made.is_sensitive(p).sum()) if len(made.keys) else 0,
                holdout_reproduced=expected,
            )
        )
    return tuple(results)


def sensitive_cells(
    codes: CommonCodes,
    keys: Sequence[str],
    real_values: Array,
    synthetic_values: Array,
    *,
    synthetic: int = 0,
    n: int = 2,
    k: float = 85.0,
    p: float = 10.0,
) -> SensitiveCells:
    """Return the real cells with their verdicts, by one synthetic file. Confidential.

    Parameters
    ----------
    codes : CommonCodes
    keys : sequence of str
    real_values : array of float64, shape (codes.real.n_rows,)
    synthetic_values : array of float64
    synthetic : int
        Which of the synthetic files.
    n, k, p : int, float, float
        As for `cell_dominance`.

    Raises
    ------
    IncomputableMetricError
        As `cell_dominance`.
    """
    real, positions = _real_cells(codes, keys, real_values, n, k, p)
    table = codes.synthetic[synthetic]
    _check_values(synthetic_values, table.n_rows, "a synthetic file")
    made = Contributors.of(table, positions, synthetic_values)
    leaders = real.rows[real.first[:-1]]
    sensitive = real.is_sensitive(p)
    return SensitiveCells(
        key_codes=np.stack([codes.real.codes[c][leaders] for c in positions], 1).astype(np.int64),
        n_contributors=np.diff(real.first),
        is_dominated=real.top(n) > k / 100.0 * real.total,
        is_sensitive=sensitive,
        is_estimable=sensitive & _estimable(real, made, p),
        is_reproduced=sensitive & (_reach(real, made) <= p / 100.0),
    )


def _real_cells(
    codes: CommonCodes, keys: Sequence[str], values: Array, n: int, k: float, p: float
) -> tuple[Contributors, tuple[int, ...]]:
    if not keys or len(set(keys)) < len(keys):
        raise IncomputableMetricError("cells need one or more distinct columns as keys")
    if n < 1 or not 0 < k < 100 or p <= 0:
        raise IncomputableMetricError(
            f"dominance needs n >= 1, 0 < k < 100 and p > 0; got n = {n}, k = {k}, p = {p}"
        )
    positions = codes.real.positions(keys)
    _check_values(values, codes.real.n_rows, "the real file")
    cells = Contributors.of(codes.real, positions, values)
    if len(cells.keys) == 0:
        raise IncomputableMetricError("no row of the real file has a value above zero")
    return cells, positions


def _check_values(values: Array, n_rows: int, file: str) -> None:
    if values.shape != (n_rows,):
        raise IncomputableMetricError(
            f"{file} has {n_rows} rows, but values of shape {values.shape} were given"
        )
    bad = np.flatnonzero((values < 0) | np.isinf(values))
    if len(bad):
        raise IncomputableMetricError(
            f"{file}: the value in row {int(bad[0]) + 1} is negative or infinite; rules of "
            "dominance are for values of zero or more. Choose another column."
        )


def _reach(real: Contributors, made: Contributors) -> Array:
    """Return how near a synthetic row of the same cell comes to the largest contributor."""
    return made.nearest(real.find(made), real.largest(0))


def _estimable(real: Contributors, made: Contributors, p: float) -> Array:
    place = real.find(made)
    published = np.where(place >= 0, np.append(made.total, 0.0)[place], 0.0)
    error = np.abs(published - real.largest(1) - real.largest(0))
    estimable: Array = (place >= 0) & (error <= p / 100.0 * real.largest(0))
    return estimable
