"""Siblings: their order within a parent, and the rounds in which they are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array, code_dtype
from gpusynth.linked.memory import Memory

__all__ = ["Round", "Siblings", "real_memory", "rounds"]


@dataclass(frozen=True, slots=True)
class Siblings:
    """Rows with parents in order and siblings in order, one after the other.

    Attributes
    ----------
    rows : array of int64, shape (n,)
        Row in the file, by place.
    number : array of int64, shape (n,)
        Sibling number from 1, by place.
    first : array of int64, shape (n,)
        Place of the first sibling, by place.
    """

    rows: Array
    number: Array
    first: Array

    @classmethod
    def of(cls, parent_row: Array, n_children: Array, keys: Sequence[Array] = ()) -> Siblings:
        """Put real rows in order.

        Parameters
        ----------
        parent_row : array of int64, shape (n,)
        n_children : array of int64, shape (n_parents,)
        keys : sequence of array, shape (n,)
            What siblings are ordered by, the first the most; then file order.

        Returns
        -------
        Siblings
        """
        rows = np.lexsort((*reversed(keys), parent_row))
        first = np.repeat(np.cumsum(n_children) - n_children, n_children)
        return cls(rows, np.arange(len(rows)) - first + 1, first)


def real_memory(memory: Memory, siblings: Siblings, codes: Array) -> dict[str, Array]:
    """Return what every real row is told of its earlier siblings in one column.

    Parameters
    ----------
    memory : Memory
    siblings : Siblings
    codes : array of uint8 or uint16, shape (n,)
        In file order.

    Returns
    -------
    dict of str to array, shape (n,)
        In file order.
    """
    answers = memory.answers(codes[siblings.rows])
    has_earlier = siblings.number > 1
    previous = np.where(has_earlier, np.roll(answers, 1), 0)
    if memory.is_ordered:
        ranks, counts = memory.ranks(answers)
        sums = [np.cumsum(each) - each for each in (ranks, counts)]
        summary = memory.mean_rank(*(each - each[siblings.first] for each in sums))
    else:
        summary = np.where(has_earlier, answers[siblings.first], 0)
    told: dict[str, Array] = {}
    for name, by_place in ((memory.previous_name, previous), (memory.summary_name, summary)):
        told[name] = np.empty(len(codes), code_dtype(memory.codecs()[name].n_codes))
        told[name][siblings.rows] = by_place
    return told


@dataclass(frozen=True, slots=True)
class Round:
    """Siblings that are drawn side by side.

    Attributes
    ----------
    number : int
        From 1.
    first, last : int
        Sibling numbers, from 1.
    """

    number: int
    first: int
    last: int

    @property
    def step(self) -> int:
        """How far back the sibling stands that is told as the previous one."""
        return self.last - self.first + 1 if self.first == self.last else self.first - 1

    def places(self, n_children: Array) -> tuple[Array, Array, Array]:
        """Return the rows of the round.

        Parameters
        ----------
        n_children : array of int64, shape (n_parents,)

        Returns
        -------
        tuple of (parents (n,), places (n,), numbers (n,)), all int64
            Row of the parent, row of the child, sibling number.
        """
        offsets = np.cumsum(n_children) - n_children
        parents = np.flatnonzero(n_children >= self.first)
        sizes = np.minimum(n_children[parents], self.last) - self.first + 1
        within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        parents = np.repeat(parents, sizes)
        numbers = self.first + within
        return parents, offsets[parents] + numbers - 1, numbers


def rounds(most: int, sequential: int) -> Iterator[Round]:
    """Yield the rounds that draw families of up to `most` siblings.

    One sibling a round up to `sequential`, then each round as many as all before: 5,000 siblings
    take ``sequential + 9`` rounds with 16.

    Parameters
    ----------
    most : int
    sequential : int
    """
    number, first = 0, 1
    while first <= most:
        number += 1
        last = first if first <= sequential else min(2 * (first - 1), most)
        yield Round(number, first, last)
        first = last + 1
