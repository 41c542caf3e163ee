"""Checks of kernels that work on whole trees against their plain definitions."""

from __future__ import annotations

import numpy as np

from gpusynth_kernels import reference, reference_tree
from gpusynth_kernels.cpu import (
    finish,
)


def random_tree(rng: np.random.Generator, most: int = 20) -> list[int]:
    """Return left children, -1 in a leaf, in the order in which leaves were split."""
    left = [-1]
    for _ in range(int(rng.integers(0, most))):
        leaf = int(rng.choice([i for i, child in enumerate(left) if child < 0]))
        left[leaf] = len(left)
        left += [-1, -1]
    return left


def plain_nodes(left: list[int], gain: list[float]) -> list[reference_tree.Node]:
    """Return the same tree as nodes that carry their number as their only row."""
    nodes = [reference_tree.Node([i], gain=amount) for i, amount in enumerate(gain)]
    for node, child in zip(nodes, left, strict=True):
        if child >= 0:
            node.children = [nodes[child], nodes[child + 1]]
    return nodes


def prove_prune(rng: np.random.Generator) -> None:
    """Many trees at once: the order in which children collapse changes one in a hundred."""
    for _ in range(20):
        _prove_one_prune(rng)


def _prove_one_prune(rng: np.random.Generator) -> None:
    """Risks are small whole numbers, so that complexities are often equal, also to the limit."""
    left = random_tree(rng, 60)
    risks = np.zeros(len(left))
    for node in range(len(left) - 1, -1, -1):
        below = 0 if left[node] < 0 else risks[left[node] : left[node] + 2].sum()
        risks[node] = below + rng.integers(0, 4)
    alpha = float(rng.choice([0.0, 0.5, 1.0, 1.5, 2.0, 2.1, 3.0]))
    nodes = plain_nodes(left, [0.0] * len(left))
    reference_tree.prune_by_complexity(nodes[0], lambda node: risks[node.rows[0]], alpha)
    fast = np.array(left, np.int32)
    finish.prune_by_complexity(fast, risks, alpha)
    reached = [node.rows[0] for node in reference_tree.breadth_first(nodes[0])]
    assert finish.number_breadth_first(fast)[0].tolist() == reached


def prove_collapse(rng: np.random.Generator) -> None:
    nodes, new_left = reference.breadth_first_numbers(random_tree(rng, 40))
    gain = np.where(np.array(new_left) < 0, 0.0, rng.integers(1, 5, len(nodes)))
    most = int(rng.integers(1, len(nodes) + 2))
    plain = plain_nodes(new_left, gain.tolist())
    reference_tree.collapse_to_leaves(plain[0], most)
    fast = np.array(new_left, np.int32)
    finish.collapse_to_leaves(fast, gain, most)
    reached = [node.rows[0] for node in reference_tree.breadth_first(plain[0])]
    assert finish.number_breadth_first(fast)[0].tolist() == reached


def prove_breadth_first(rng: np.random.Generator) -> None:
    left = random_tree(rng)
    for node in rng.integers(0, len(left), 2):
        left[node] = -1
    nodes, new_left = finish.number_breadth_first(np.array(left, np.int32))
    assert (nodes.tolist(), new_left.tolist()) == reference.breadth_first_numbers(left)
