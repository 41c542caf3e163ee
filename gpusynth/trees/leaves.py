"""LeafDonors: the real rows of each leaf, and how one is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gpusynth.arrays import Array

__all__ = ["LeafDonors"]


@dataclass(frozen=True, slots=True)
class LeafDonors:
    """Real rows grouped by leaf, in compressed sparse row form.

    Attributes
    ----------
    offsets : array of int64, shape (n_leaves + 1,)
        Donors of leaf l are ``rows[offsets[l]:offsets[l + 1]]``.
    rows : array of int32 (int64 from 2^31 rows on), shape (n_donors,)
        Row numbers of the whole table.
    cumulative : array of int64, shape (n_donors,), or None
        Running sums within each leaf of the donors' weights in fixed point: integers, so that a
        draw in proportion to weight is exact and the same on every device. None: equal weights.
    fewest : int
        Donors of the smallest leaf; 0 without leaves.
    """

    offsets: Array
    rows: Array
    cumulative: Array | None
    fewest: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Once: every draw of every block asks for it.
        object.__setattr__(self, "fewest", int(self.sizes().min()) if self.n_leaves > 0 else 0)

    @property
    def n_leaves(self) -> int:
        """Number of leaves."""
        return int(self.offsets.shape[0]) - 1

    def sizes(self) -> Array:
        """Return the number of donors of each leaf, int64."""
        return np.diff(self.offsets)

    def to_arrays(self) -> Mapping[str, Array]:
        """Return the arrays by name; `cumulative` is left out when there is none."""
        arrays = {"offsets": self.offsets, "rows": self.rows}
        return arrays if self.cumulative is None else {**arrays, "cumulative": self.cumulative}
