"""Released models: trees whose leaves hold counts in place of donors; they refer to no real row.

Classes: a value stands in a node's counts only where at least `min_units` units of the node have
it. What is rarer goes on to the parent, is put together there with what its other leaves left over,
and so on to the root, which has the distribution of all rows.

Numbers: a leaf's counts are of ranges of neighbouring codes, each of at least `min_units` units.
Within a range a code is drawn as often as all rows have it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gpusynth.arrays import Array, code_dtype
from gpusynth.methods.model import Block, DrawnColumns, ModelSize, TargetColumn
from gpusynth.methods.node_counts import parents_of
from gpusynth.table import Codec

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey
    from gpusynth.trees import DeviceDraw, DrawTable, Tree
    from gpusynth.trees.tallies import Tallies

__all__ = ["ReleasedModel"]


@dataclass(frozen=True, slots=True)
class ReleasedModel:
    """A tree with the counts of each node.

    Attributes
    ----------
    tree : Tree
        Without gains and numbers of rows.
    offsets : array of int64, shape (n_nodes + 1,)
        Counts of node i are at ``offsets[i]:offsets[i + 1]``.
    codes, ends : array of uint16, shape (n,)
        First and last code of a range; the same for classes.
    counts : array of int64, shape (n,)
        Rounded.
    marginal : array of int64, shape (n_codes,)
        Rounded count of each code in all rows; it divides ranges.
    up : array of int64, shape (n_nodes,)
        Rounded count that the parent decides; 0 at the root.
    codec : Codec
        Of the target.
    widths : array of float64, shape (n_ordinary,), or None
        Numbers are uniform in ``[low, low + width)``; None where codes say everything.
    step : float
        Unit of the numbers' last digit; 0 if there is none.
    """

    tree: Tree
    offsets: Array
    codes: Array
    ends: Array
    counts: Array
    marginal: Array
    up: Array
    codec: Codec
    widths: Array | None
    step: float
    _tallies: list[Tallies] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def size(self) -> ModelSize:
        """Leaves and depth of the tree."""
        return ModelSize(n_leaves=int(self.tree.n_leaves), depth=int(self.tree.depth))

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Draw a value from the counts of each row's leaf; see `FittedModel.draw`.

        The first random number chooses the value, the second one the place in its bin.

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,) or None)
        """
        from gpusynth.trees import walk

        tree = self.tree
        rows = drawn.for_tree(tree.predictors)
        leaf = walk(tree, rows, positions=block.positions, n_rows=block.n_rows)
        share = block.uniform(key)
        codes = self._codes(self._node_of_leaf()[leaf], share[:, 0].copy())
        return codes, None if self.widths is None else self._numbers(codes, share[:, 1])

    @property
    def target(self) -> TargetColumn:
        """Name and dtypes of what is drawn; there is no real column."""
        codes = np.zeros(0, code_dtype(self.codec.n_codes))
        values = None if self.widths is None else np.zeros(0, self._lows.dtype)
        return TargetColumn(self.codec.column.name, codes, values)

    def draw_on_device(
        self,
        table: DrawTable,
        key: StreamKey,
        block: Block,
        *,
        ordinary: tuple[DeviceDraw, int] | None = None,
    ) -> DeviceDraw:
        """Draw all rows of a block and leave them on the device; see `DeviceModel`.

        Returns
        -------
        DeviceDraw
        """
        from gpusynth.trees.tallies import draw_tallies_on_device

        if not self._tallies:  # kept, so that their copies on the device are kept, too
            self._tallies.append(self._make_tallies())
        return draw_tallies_on_device(
            self.tree,
            self._tallies[0],
            table,
            key,
            block.first_counter,
            dtype=code_dtype(self.codec.n_codes),
            ordinary=ordinary,
        )

    def _make_tallies(self) -> Tallies:
        from gpusynth.trees.tallies import Bins, Tallies

        bins = None
        if self.widths is not None:
            decimals = self.codec.column.decimals
            bins = Bins(
                lows=self._lows,
                factors=self._steps() if self.step else self.widths,
                n_special=self.codec.n_special,
                step=self.step,
                scale=0.0 if decimals is None else 10.0**decimals,
            )
        return Tallies(
            node_of_leaf=self._node_of_leaf(),
            offsets=self.offsets,
            up=self.up,
            parent=parents_of(self.tree),
            running=_running(self.counts),
            firsts=self.codes,
            lasts=self.ends,
            marginal=_running(self.marginal),
            bins=bins,
        )

    @property
    def _lows(self) -> Array:
        """Where the bins of ordinary codes begin."""
        return np.asarray(self.codec.code_values)

    def _steps(self) -> Array:
        """Return how many steps wide bins are."""
        width = np.zeros(len(self._lows)) if self.widths is None else self.widths
        return np.maximum(np.rint(width / self.step), 1.0)

    def _node_of_leaf(self) -> Array:
        node_of_leaf = np.empty(self.tree.n_leaves, np.int64)
        leaves = np.flatnonzero(self.tree.leaf >= 0)
        node_of_leaf[self.tree.leaf[leaves]] = leaves
        return node_of_leaf

    def _codes(self, node: Array, share: Array) -> Array:
        """Return a code for each row; `node` and `share` are changed."""
        running = _running(self.counts)
        parent = parents_of(self.tree)
        codes = np.zeros(len(node), code_dtype(self.codec.n_codes))
        rows = np.arange(len(node))
        while len(rows):
            at = node[rows]
            first = running[self.offsets[at]]
            own = running[self.offsets[at + 1]] - first
            point = share[rows] * (own + self.up[at])
            stays = point < own
            goal = first[stays] + point[stays]
            place = np.searchsorted(running, np.floor(goal), side="right") - 1
            # The sum may be rounded up to the counts of the next node.
            place = np.minimum(place, self.offsets[at[stays] + 1] - 1)
            inside = (goal - running[place]) / self.counts[place]
            codes[rows[stays]] = self._in_range(place, inside)
            rest = rows[~stays]
            above = (point - own)[~stays] / np.maximum(self.up[at[~stays]], 1)
            share[rest] = np.minimum(above, np.nextafter(1.0, 0.0))
            node[rest] = parent[at[~stays]]
            rows = rest
        return codes

    def _in_range(self, place: Array, share: Array) -> Array:
        """Return a code of each range, by the marginal counts of its codes."""
        running = _running(self.marginal)
        first, last = self.codes[place].astype(np.int64), self.ends[place].astype(np.int64)
        low, high = running[first], running[last + 1]
        goal = low + np.floor(share * (high - low))
        code = np.searchsorted(running, goal, side="right") - 1
        return np.clip(code, first, last)

    def _numbers(self, codes: Array, share: Array) -> Array:
        """Return the numbers of codes; 0 at special codes."""
        codec = self.codec
        low = self._lows
        numbers = np.zeros(len(codes), low.dtype)
        ordinary = codes >= codec.n_special
        place = codes[ordinary].astype(np.int64) - codec.n_special
        if self.step:
            moved = np.floor(share[ordinary] * self._steps()[place]) * self.step
        else:
            width = np.zeros(len(low)) if self.widths is None else self.widths
            moved = share[ordinary] * width[place]
        drawn = low[place] + moved.astype(low.dtype)
        decimals = codec.column.decimals
        if low.dtype == np.float64 and decimals is not None:
            drawn = np.round(drawn, decimals)
        numbers[ordinary] = drawn
        return numbers


def _running(counts: Array) -> Array:
    """Return running sums, from 0."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
