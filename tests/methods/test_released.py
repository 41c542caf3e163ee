"""Draws from the counts of released trees, where numbers are at their limits."""

from types import SimpleNamespace

import numpy as np

from gpusynth.methods.released import ReleasedModel
from gpusynth.trees import Tree


def test_a_share_of_nearly_all_stays_in_its_node():
    """A large running sum and a point just below the node's own counts add up to those counts."""
    tree = Tree(
        predictors=("a",),
        n_codes=np.array([2], np.int32),
        feature=np.array([0, -1, -1], np.int32),
        threshold=np.zeros(3, np.uint16),
        subset=np.full(3, -1, np.int64),
        subset_words=np.zeros(0, np.uint32),
        left=np.array([1, -1, -1], np.int32),
        leaf=np.array([-1, 0, 1], np.int32),
        gain=np.zeros(3),
        n_rows=np.zeros(3, np.int64),
    )
    model = ReleasedModel(
        tree=tree,
        offsets=np.array([0, 1, 2, 4]),
        codes=np.array([0, 1, 0, 2], np.uint16),
        ends=np.array([0, 1, 1, 3], np.uint16),
        counts=np.array([5, 1 << 39, 10, 10]),
        marginal=np.array([4, 4, 4, 4]),
        up=np.zeros(3, np.int64),
        codec=SimpleNamespace(n_codes=4),
        widths=None,
        step=0.0,
    )
    nearly = 1 - 2.0**-53
    shares = np.array([0.0, 0.26, 0.5, nearly])
    assert model._codes(np.full(4, 2), shares.copy()).tolist() == [0, 1, 2, 3]
    assert model._codes(np.full(4, 1), shares.copy()).tolist() == [1, 1, 1, 1]
