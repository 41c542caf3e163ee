"""Plain definitions of the kernels: what they mean, in Python integers, however slow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gpusynth_kernels.reference_splits import Target, candidates

__all__ = [
    "arrived",
    "best_cut",
    "breadth_first_numbers",
    "class_ends",
    "class_entries",
    "lane_of",
    "lanes",
    "mark_counts",
    "philox",
    "philox_pair",
    "pick_donor",
    "scaled",
    "sort_by_code",
    "stable_order",
    "walk",
]

_WORD = 1 << 32


def philox(counter: Sequence[int], key: Sequence[int]) -> list[int]:
    """Return four 32-bit words of Philox4x32-10 (Salmon et al. 2011, section 3.3)."""
    c, k = list(counter), list(key)
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], _WORD)
        high1, low1 = divmod(0xCD9E8D57 * c[2], _WORD)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) % _WORD, (k[1] + 0xBB67AE85) % _WORD]
    return c


def philox_pair(seed: int, stream: int, counter: int) -> tuple[int, int]:
    """Return the two 64-bit numbers of one counter of a stream; the seed is the key."""
    c = [counter % _WORD, counter // _WORD, stream % _WORD, stream // _WORD]
    r = philox(c, [seed % _WORD, seed // _WORD])
    return r[0] + r[1] * _WORD, r[2] + r[3] * _WORD


def scaled(bits: int, n: int) -> int:
    """Return floor(bits n / 2^64)."""
    return bits * n >> 64


def pick_donor(bits: int, n_donors: int, cumulative: Sequence[int] | None) -> int:
    """Return the place of a donor within its leaf, evenly or by its running sum of weights."""
    if cumulative is None:
        return scaled(bits, n_donors)
    at = scaled(bits, cumulative[-1])
    return next(place for place, running in enumerate(cumulative) if running > at)


def class_entries(codes: Sequence[int], rows: Sequence[int]) -> list[int]:
    """Return ``class * 2^32 + row`` in order of (class, row)."""
    return sorted(codes[row] * _WORD + row for row in rows)


def class_ends(entries: Sequence[int]) -> list[int]:
    """Return where each class of a node's entries ends; the entries are in order of the class."""
    classes = [entry >> 32 & 0xFFFF for entry in entries]
    return [i + 1 for i, k in enumerate(classes) if i + 1 == len(classes) or classes[i + 1] != k]


def stable_order(keys: Sequence[float]) -> list[int]:
    """Return the places in ascending order of their key; equal keys keep their order."""
    return sorted(range(len(keys)), key=lambda place: keys[place])


def sort_by_code(codes: Sequence[int], entries: Sequence[int]) -> list[int]:
    """Return the entries with their code in the upper 16 bits, stably sorted by it."""
    coded = [(codes[entry % _WORD] << 48) | entry % (1 << 48) for entry in entries]
    return sorted(coded, key=lambda entry: entry >> 48)


def lanes(n_codes: int, *, is_ordered: bool) -> list[set[int]]:
    """Return the codes that go right in each candidate split of a narrow column."""
    if is_ordered:
        return [set(range(threshold + 1, n_codes)) for threshold in range(n_codes - 1)]
    return [
        {code for code in range(1, n_codes) if m >> code - 1 & 1}
        for m in range(1, 1 << (n_codes - 1))
    ]


def lane_of(bit: int) -> int:
    """Return the lane that a bit of a record's word belongs to."""
    return bit % 8 * 8 + bit // 8


def mark_counts(
    target: Target, codes: Sequence[int], n_codes: int, rows: Sequence[int]
) -> tuple[list[int], list[list[int]]]:
    """Return the rows by code, and by code the class weights or (sum, weight) of the numbers."""
    of_code: list[list[int]] = [[] for _ in range(n_codes)]
    for row in rows:
        of_code[codes[row]].append(row)
    sums = []
    for some in of_code:
        if target.criterion == "variance":
            amounts = [target.amount(row) for row in some]
            total = sum(target.numbers[r] * a for r, a in zip(some, amounts, strict=True))
            sums.append([total, sum(amounts)])
        else:
            by_class = [0] * target.n_classes
            for row in some:
                by_class[target.classes[row]] += target.amount(row)
            sums.append(by_class)
    return [len(some) for some in of_code], sums


def best_cut(
    target: Target, rows: Sequence[int], column: Any, min_leaf: int
) -> tuple[float, frozenset[int]]:
    """Return the best score of a column's cuts and the codes on the left; -1 when there is none."""
    best, left = -1.0, frozenset[int]()
    for split in candidates(target, rows, column, 0, min_leaf):
        if split.score > best:
            best, left = split.score, split.left_codes
    return best, left


def walk(tree: Mapping[str, Any], codes: Sequence[Sequence[int]], row: int) -> int:
    """Return the leaf of a row; `codes` by predictor of the tree."""
    node = 0
    while tree["left"][node] >= 0:
        code = int(codes[int(tree["feature"][node])][row])
        place = int(tree["subset"][node])
        if place < 0:
            goes_left = code <= int(tree["threshold"][node])
        else:
            goes_left = bool(int(tree["subset_words"][place + code // 32]) >> code % 32 & 1)
        node = int(tree["left"][node]) + (0 if goes_left else 1)
    return int(tree["leaf"][node])


def arrived(
    children: Sequence[int], rows: Sequence[int], slots: Sequence[int]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the rows, with their slots, that are in a leaf, its own child, and the others."""
    there = [(row, slot) for row, slot in zip(rows, slots, strict=True) if children[slot] == slot]
    others = [(row, slot) for row, slot in zip(rows, slots, strict=True) if children[slot] != slot]
    return there, others


def breadth_first_numbers(left: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the nodes that the root reaches, breadth first, and their new left children."""
    nodes = [0]
    for node in nodes:
        if left[node] >= 0:
            nodes += [left[node], left[node] + 1]
    place = {node: i for i, node in enumerate(nodes)}
    return nodes, [place[left[node]] if left[node] >= 0 else -1 for node in nodes]
