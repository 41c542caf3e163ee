"""Variances on small arrays, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gpusynth.errors import DataError
from gpusynth.inference import RandomGroups
from gpusynth.inference.variances import clustered_covariance, group_weights

PLAN = RandomGroups(column="group")


def test_two_clusters_are_enough():
    """One parameter, bread 0.5, weighted scores 1, 4 | 9: (5^2 + 9^2) / 4 times G/(G-1) = 2."""
    arguments = {"weight": np.array([1.0, 2.0, 3.0]), "n_rows": 3}
    bread, scores = np.array([[0.5]]), np.array([[1.0], [2.0], [3.0]])
    found = clustered_covariance(bread, scores, clusters=np.array([4, 4, 7]), **arguments)
    assert found.tolist() == [[(25.0 + 81.0) / 4 * 2.0]]
    with pytest.raises(DataError, match="at least 2 clusters"):
        clustered_covariance(bread, scores, clusters=np.array([4, 4, 4]), **arguments)


def test_weights_of_random_groups():
    """G w sqrt(1 - 1/w) in the own group, 0 elsewhere; 0 for weights of 0 and 1 as well."""
    groups = np.array([1.0, 2.0, 2.0, np.nan, 1.0])
    found = group_weights(groups, np.array([4.0, 1.0, 2.0, 9.0, 0.0]), PLAN, "real")
    expected = [[8 * np.sqrt(0.75), 0], [0, 0], [0, 4 * np.sqrt(0.5)], [0, 0], [0, 0]]
    np.testing.assert_allclose(found, expected)
    with pytest.raises(DataError, match="2 weights are below 1"):
        group_weights(groups, np.array([4.0, 0.5, 0.9, 9.0, 0.0]), PLAN, "real")


def test_a_thousand_random_groups_at_most():
    numbers = np.arange(1001.0)
    assert group_weights(numbers[:1000], np.full(1000, 2.0), PLAN, "real").shape == (1000, 1000)
    with pytest.raises(DataError, match="1001 different values, which are no random groups"):
        group_weights(numbers, np.full(1001, 2.0), PLAN, "real")
