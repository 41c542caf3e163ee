"""How good a split is, from exact integer sums.

Every function ends in at most two divisions and one addition (or multiplications only), so no
compiler can fuse a multiplication with an addition: CPU and CUDA give the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit

__all__ = ["gini_score", "variance_gain"]


@jit(inline="always")
def gini_score(squares_left: Any, n_left: Any, squares_right: Any, n_right: Any) -> Any:
    """Return ``sum(l_k^2)/n_l + sum(r_k^2)/n_r``: the node's rows minus both children's Gini risk.

    The Gini risk of a node is ``n (1 - sum p_k^2) = n - sum(c_k^2)/n`` (Breiman et al. 1984,
    eq. 4.9, times n), so the impurity decrease is this score minus ``sum(c_k^2)/n`` of the parent.
    """
    return np.float64(squares_left) / np.float64(n_left) + np.float64(squares_right) / np.float64(
        n_right
    )


@jit(inline="always")
def variance_gain(sum_left: Any, n_left: Any, sum_right: Any, n_right: Any) -> Any:
    """Return the decrease of the within sum of squares, ``(mean_l - mean_r)^2 n_l n_r / n``.

    Equal to rpart's ``anova`` improvement times the root's sum of squares (Breiman et al. 1984,
    eq. 8.14), in the form that does not cancel when the mean is far from zero. `n_left` and
    `n_right` are counts, or sums of weights.
    """
    left, right = np.float64(n_left), np.float64(n_right)
    difference = np.float64(sum_left) / left - np.float64(sum_right) / right
    return (difference * difference) * (left * (right / (left + right)))
