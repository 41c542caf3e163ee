"""Turns: how many trees grow on a device at a time.

A level of a tree is work of the device and then of the host, which keeps the nodes: while the host
works for one tree, kernels of another may run. Where memory is plenty a few trees take turns so;
each is promised its share of it. Which trees meet decides the speed only.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gpusynth.backends import device_memory

__all__ = ["DeviceTurns"]

_MOST = 3
"""Trees at a time: with more the host's part, of one interpreter, would take all the time."""

_PLENTY = 6
"""Memory is plenty where so many times what a tree's rows take is free."""


class DeviceTurns:
    """Who may grow a tree; safe for threads."""

    def __init__(self) -> None:
        self._active = 0
        self._is_alone = False
        self._changed = threading.Condition()

    @property
    def active(self) -> int:
        """How many trees grow."""
        return self._active

    @contextmanager
    def take(self, n_bytes: int, *, alone: bool = False) -> Iterator[int]:
        """Wait for a turn.

        Parameters
        ----------
        n_bytes : int
            Of the tree's rows.
        alone : bool
            Whether no other tree may grow meanwhile.

        Yields
        ------
        int
            Bytes of the device that the tree may take.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._may_begin(n_bytes, alone=alone))
            free = device_memory()
            is_plenty = not alone and free > _PLENTY * n_bytes
            # Where it is not, what is free now is promised to this tree, and others wait.
            self._begin(alone=not is_plenty)
        try:
            yield free // _MOST if is_plenty else free
        finally:
            self._end()

    @contextmanager
    def take_all(self) -> Iterator[None]:
        """Wait until no tree grows, and let none begin meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: not self._active)
            self._begin(alone=True)
        try:
            yield
        finally:
            self._end()

    def _begin(self, *, alone: bool) -> None:
        self._is_alone = alone
        self._active += 1

    def _end(self) -> None:
        with self._changed:
            self._active -= 1
            self._is_alone = False
            self._changed.notify_all()

    def _may_begin(self, n_bytes: int, *, alone: bool) -> bool:
        if not self._active:
            return True
        if alone or self._is_alone or self._active == _MOST:
            return False
        return device_memory() > _PLENTY * n_bytes
