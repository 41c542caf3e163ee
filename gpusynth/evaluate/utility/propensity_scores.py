"""Statistics of propensity scores: how far a model can tell synthetic rows from real ones.

The rows of both files are stacked, t = 1 for synthetic ones, c their share, N their number, and a
model gives each row a probability p of being synthetic. With w = 1 (or weights scaled so that each
file's add up to its number of rows):

====================  =====================================================================
statistic             formula
====================  =====================================================================
pMSE                  ``sum w (p - c)^2 / N``
its ratio, S_pMSE     pMSE over what is expected when the synthetic rows are right; the model
                      says how that is known
SPECKS                Kolmogorov-Smirnov distance of p between the files
PO50                  ``100 (share of w with p > 1/2 and t = 1, or p <= 1/2 and t = 0) - 50``
U                     Wilcoxon's rank sum statistic of the synthetic rows, ties one half
AUC                   ``U / (n_real n_synthetic)``: the chance that a synthetic row has a
                      higher p than a real one
====================  =====================================================================

Probabilities are compared to 12 decimals, so that rounding does not undo ties. The interval of
the AUC is Hanley and McNeil's, with Kish's effective numbers of rows where there are weights.

References
----------
.. [1] Woo, M.-J., Reiter, J. P., Oganian, A., Karr, A. F. (2009). Global measures of data utility
       for microdata masked for disclosure limitation. Journal of Privacy and Confidentiality 1(1).
.. [2] Snoke, J., Raab, G. M., Nowok, B., Dibben, C., Slavkovic, A. (2018). General and specific
       utility measures for synthetic data. JRSS A 181, 663-688.
.. [3] synthpop 1.9-2, R/utility.syn.r, `utility.gen`.
.. [4] Hanley, J. A., McNeil, B. J. (1982). The meaning and use of the area under a receiver
       operating characteristic (ROC) curve. Radiology 143, 29-36.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError

__all__ = ["ScoreStatistics", "score_statistics"]

_DECIMALS = 12


@dataclass(frozen=True, slots=True)
class ScoreStatistics:
    """What probabilities say of two files; see the table of formulas above."""

    pmse: float
    specks: float
    po50: float
    u: float
    auc: float
    auc_interval: tuple[float, float]


def score_statistics(
    probability: Array, is_synthetic: Array, weight: Array | None = None
) -> ScoreStatistics:
    """Return all statistics of the probabilities that a model gives.

    Parameters
    ----------
    probability : array of float64, shape (n_rows,)
    is_synthetic : array of bool, shape (n_rows,)
    weight : array of float64, shape (n_rows,), optional

    Raises
    ------
    IncomputableMetricError
        If one of the files has no rows.
    """
    w = np.ones(len(probability)) if weight is None else weight
    synthetic_weight, real_weight = w[is_synthetic].sum(), w[~is_synthetic].sum()
    if synthetic_weight == 0.0 or real_weight == 0.0:
        raise IncomputableMetricError(
            "one of the files has no rows; there is nothing to tell apart"
        )
    n = synthetic_weight + real_weight
    share = synthetic_weight / n
    distinct, group = np.unique(np.round(probability, _DECIMALS), return_inverse=True)
    s = np.bincount(group, w * is_synthetic, len(distinct))
    d = np.bincount(group, w * ~is_synthetic, len(distinct))
    below = np.cumsum(d) - d / 2.0
    gap = np.abs(np.cumsum(s) / synthetic_weight - np.cumsum(d) / real_weight)
    u = float(np.sum(s * below))
    high = distinct > 0.5
    auc = u / (synthetic_weight * real_weight)
    return ScoreStatistics(
        pmse=float(np.sum(w * (probability - share) ** 2) / n),
        specks=float(gap.max()),
        po50=float(100.0 * (s[high].sum() + d[~high].sum()) / n - 50.0),
        u=u,
        auc=float(auc),
        auc_interval=_auc_interval(
            float(auc), _effective(w[is_synthetic]), _effective(w[~is_synthetic])
        ),
    )


def _effective(weight: Array) -> float:
    return float(weight.sum() ** 2 / np.sum(weight**2))


def _auc_interval(auc: float, n_synthetic: float, n_real: float) -> tuple[float, float]:
    """Return the 95 % interval of Hanley and McNeil (1982), equation 1."""
    both_synthetic = auc / (2.0 - auc)
    both_real = 2.0 * auc**2 / (1.0 + auc)
    variance = (
        auc * (1.0 - auc)
        + (n_synthetic - 1.0) * (both_synthetic - auc**2)
        + (n_real - 1.0) * (both_real - auc**2)
    ) / (n_synthetic * n_real)
    half = 1.959963984540054 * np.sqrt(max(variance, 0.0))
    return float(max(auc - half, 0.0)), float(min(auc + half, 1.0))
