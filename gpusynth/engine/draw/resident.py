"""Resident: drawn columns that lie on a CUDA device until the host asks for them.

A block of a column is drawn on the device, packed there into the layout of trees, and stays there.
What reads the column on the host (a rule, an edit, a formula, a checkpoint, the writer) brings it
once; from then on the host's copy counts. When the device has no room left for more, the blocks
that were drawn first are brought to the host.
"""

from __future__ import annotations

import threading
from collections import UserDict
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.backends import holds_memory, upload, with_room
from gpusynth.trees import DeviceDraw

__all__ = ["DeviceRoom", "HostColumns", "ResidentColumns"]


class DeviceRoom:
    """Room on the device for drawn blocks of all replicates of a run; safe for threads.

    Parameters
    ----------
    n_bytes : int
    """

    def __init__(self, n_bytes: int) -> None:
        self._room = n_bytes
        self._held: dict[tuple[int, str, int], tuple[ResidentColumns, int]] = {}
        self.lock = threading.RLock()
        holds_memory(self)

    def take(self, owner: ResidentColumns, name: str, first_row: int, n_bytes: int) -> bool:
        """Count a block in; those that were drawn first make room for it, if they can."""
        with self.lock:
            self.free(owner, name, first_row)
            while n_bytes > self._room and self.let_go():
                pass
            fits = n_bytes <= self._room
            if fits:
                self._room -= n_bytes
                self._held[id(owner), name, first_row] = owner, n_bytes
            return fits

    def free(self, owner: ResidentColumns, name: str, first_row: int) -> None:
        """Count a block out."""
        with self.lock:
            _, n_bytes = self._held.pop((id(owner), name, first_row), (owner, 0))
            self._room += n_bytes

    def let_go(self) -> bool:
        """Bring the block that was drawn first to the host; return whether there was one."""
        with self.lock:
            if not self._held:
                return False
            (_, name, first_row), (owner, _) = next(iter(self._held.items()))
            owner.bring_block(name, first_row)
            return True


class ResidentColumns:
    """The blocks of one replicate's columns that lie on the device.

    Parameters
    ----------
    room : DeviceRoom

    Attributes
    ----------
    codes, values : HostColumns
        The columns on the host; asking for one brings its blocks.
    """

    def __init__(self, room: DeviceRoom) -> None:
        self._room = room
        self._blocks: dict[str, dict[int, DeviceDraw]] = {}
        self.codes = HostColumns(self)
        self.values = HostColumns(self)

    def put(self, name: str, first_row: int, drawn: DeviceDraw) -> None:
        """Take a block: the device's copy counts until the host asks for it."""
        with self._room.lock:
            fits = self._room.take(self, name, first_row, drawn.n_bytes)
            self._blocks.setdefault(name, {})[first_row] = drawn
            if not fits:
                self.bring_block(name, first_row)

    def get(self, name: str, first_row: int) -> DeviceDraw | None:
        """Return a block that lies on the device; None where the host's copy counts."""
        with self._room.lock:
            return self._blocks.get(name, {}).get(first_row)

    def whole(self, name: str, n_rows: int) -> DeviceDraw | None:
        """Return a column that lies on the device as a whole, its blocks joined.

        Parameters
        ----------
        name : str
        n_rows : int
            Of the replicate.

        Returns
        -------
        DeviceDraw or None
            None where some of the column, or all, lies on the host.

        Raises
        ------
        MemoryError
            If there is no room to join the blocks.
        """
        with self._room.lock:
            blocks = self._blocks.get(name, {})
            if sum(block.codes.shape[0] for block in blocks.values()) != n_rows:
                return None
            if len(blocks) > 1:
                joined = _joined([blocks[first_row] for first_row in sorted(blocks)])
                self.forget(name)
                self.put(name, 0, joined)
            return self.get(name, 0)

    def count_codes(
        self, name: str, n_codes: int, *, n_rows: int, order: Array | None
    ) -> Array | None:
        """Count the codes of a column that lies on the device as a whole.

        Parameters
        ----------
        name : str
        n_codes : int
            More than any code.
        n_rows : int
            Of the replicate.
        order : array of int64, shape (n_output,), or None
            The rows to count; None for all.

        Returns
        -------
        array of int64 on the host, shape (n_codes,), or None
            None where some of the column, or all, lies on the host.

        Raises
        ------
        DeviceMemoryError
        """
        from gpusynth_kernels.cuda.launch import arrays, to_host

        def count() -> Array | None:
            drawn = self.whole(name, n_rows)
            if drawn is None:
                return None
            codes = drawn.codes if order is None else drawn.codes[upload(order, keep=True)]
            return to_host(arrays().bincount(codes.astype(np.int64), minlength=n_codes))

        counts: Array | None = with_room(count, "a count of codes", 8 * n_rows)
        return counts

    def bring(self, name: str) -> None:
        """Bring all blocks of a column to the host."""
        with self._room.lock:
            for first_row in list(self._blocks.get(name, ())):
                self.bring_block(name, first_row)

    def bring_block(self, name: str, first_row: int) -> None:
        """Bring one block to the host."""
        from gpusynth_kernels.cuda.launch import fetch

        with self._room.lock:
            drawn = self._blocks[name][first_row]
            part = slice(first_row, first_row + drawn.codes.shape[0])
            fetch(drawn.codes, self.codes.data[name][part])
            if drawn.values is not None and name in self.values.data:
                fetch(drawn.values, self.values.data[name][part])
            # Not earlier: a thread that finds no block takes the host's copy as complete.
            del self._blocks[name][first_row]
            if not self._blocks[name]:
                del self._blocks[name]
            self._room.free(self, name, first_row)

    def forget(self, name: str) -> None:
        """Let all blocks of a column go; the host does not have them."""
        with self._room.lock:
            for first_row in self._blocks.pop(name, ()):
                self._room.free(self, name, first_row)

    def clear(self) -> None:
        """Let all blocks go."""
        with self._room.lock:
            for name in list(self._blocks):
                self.forget(name)


def _joined(blocks: list[DeviceDraw]) -> DeviceDraw:
    """Return blocks as one."""
    from gpusynth_kernels.cuda.launch import arrays

    values = [block.values for block in blocks if block.values is not None]
    return DeviceDraw(
        arrays().concatenate([block.codes for block in blocks]),
        arrays().concatenate(values) if len(values) == len(blocks) else None,
    )


class HostColumns(UserDict[str, Array]):
    """Columns of one replicate on the host, by name; one that is asked for is brought first."""

    def __init__(self, resident: ResidentColumns) -> None:
        super().__init__()
        self._resident = resident

    def __getitem__(self, name: str) -> Array:
        self._resident.bring(name)
        return self.data[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a column that is brought first, or `default`."""
        return self[name] if name in self.data else default

    def clear(self) -> None:
        """Let the columns go, without bringing them."""
        self.data.clear()
