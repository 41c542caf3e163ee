"""Small numbers that kernels pass for words: modes of a fit, kinds of a node."""

from __future__ import annotations

__all__ = [
    "CLASSES_BY_ENTROPY",
    "CLASSES_BY_GINI",
    "DEFERRED",
    "LEAF",
    "NUMBERS",
    "SUBSET",
    "THRESHOLD",
    "WEIGHTED_CLASSES",
]

CLASSES_BY_GINI = 0
CLASSES_BY_ENTROPY = 1
WEIGHTED_CLASSES = 2
NUMBERS = 3
"""Modes: what the target is and what a split is scored by."""

LEAF = 0
THRESHOLD = 1
SUBSET = 2
DEFERRED = 3
"""Kinds of node: not split, split by one, or a node of the trunk that a twig will replace."""
