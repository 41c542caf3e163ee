"""DrawTable: synthetic rows in the layout of trees, in the memory of a CUDA device."""

from __future__ import annotations

from functools import partial

import numpy as np

from gpusynth.arrays import Array
from gpusynth.backends import upload, with_room
from gpusynth.errors import CodecError
from gpusynth.trees.predictors import Layout
from gpusynth_kernels.cuda.traffic import traffic

__all__ = ["DrawTable", "draw_table_bytes"]


def draw_table_bytes(layout: Layout, n_rows: int) -> int:
    """Return the bytes of so many rows in a layout.

    Parameters
    ----------
    layout : Layout
    n_rows : int

    Returns
    -------
    int
    """
    return n_rows * (8 * layout.n_words + 2 * layout.n_wide)


class DrawTable:
    """Rows that trees are walked with on a device; what `PredictorTable` is on the host.

    Parameters
    ----------
    layout : Layout
    n_rows : int

    Attributes
    ----------
    records : array of uint64 on the device, shape (n_rows, n_words)
    wide : array of uint16 on the device, shape (n_wide, n_rows)
    """

    def __init__(self, layout: Layout, n_rows: int) -> None:
        from gpusynth_kernels.cuda.launch import zeros

        self.layout = layout
        self.n_rows = n_rows
        self.records = zeros((n_rows, layout.n_words), np.uint64)
        self.wide = zeros((max(layout.n_wide, 1), n_rows if layout.n_wide else 0), np.uint16)

    def fill(self, columns: dict[str, Array], first_row: int = 0) -> None:
        """Put codes of some columns into rows ``first_row ...`` that hold zeros so far.

        Parameters
        ----------
        columns : dict of array of uint8 or uint16, shape (n,)
            On the host.
        first_row : int

        Raises
        ------
        CodecError
            If a code is not below the column's number of codes.
        DeviceMemoryError
        """
        for name, codes in columns.items():
            place = self.layout.position[name]
            count = int(self.layout.n_codes[place])
            if len(codes) and int(codes.max()) >= count:
                raise CodecError(f"column {name!r} holds a code that is not below {count}")
            if count > 1:
                there = with_room(partial(upload, codes), "a column", codes.nbytes)
                self.put(name, there, first_row)

    def put(self, name: str, codes: Array, first_row: int = 0) -> None:
        """Put codes that lie on the device into rows ``first_row ...`` that hold zeros so far.

        Parameters
        ----------
        name : str
        codes : array of uint8 or uint16 on the device, shape (n,)
            All below the column's number of codes: those of real rows.
        first_row : int

        Raises
        ------
        DeviceMemoryError
        """
        from gpusynth_kernels.cuda.columns import pack_lanes, put_wide

        place, n = self.layout.position[name], codes.shape[0]
        wide_row, word = int(self.layout.wide_row[place]), self.layout.word(place)
        if wide_row >= 0:
            put_wide.over(n, codes, wide_row, first_row, self.wide)
        elif word >= 0:
            bits = upload(self.layout.bits(place), keep=True)
            pack_lanes.over(n, codes, bits, word, first_row, self.records)

    def change(self, name: str, rows: Array, codes: Array) -> None:
        """Give some rows other codes of a column.

        Parameters
        ----------
        name : str
        rows : array of int32 or int64 on the device, shape (n,)
            Distinct.
        codes : array of uint8 or uint16 on the device, shape (n,)
            All below the column's number of codes.
        """
        place = self.layout.position[name]
        wide_row, word = int(self.layout.wide_row[place]), self.layout.word(place)
        if wide_row >= 0:
            self.wide[wide_row, rows] = codes
            traffic.operations += 1
        elif word >= 0:
            bits = upload(self.layout.bits(place), keep=True)
            kept = self.records[rows, word] & np.uint64(~self.layout.used_bits(place))
            self.records[rows, word] = kept | bits[codes]
            traffic.operations += 5

    def take_out(self, name: str) -> None:
        """Set a column's bits to zero in all rows, so that it can be filled again."""
        from gpusynth_kernels.cuda.columns import clear_lanes

        place = self.layout.position[name]
        word = self.layout.word(place)
        if word >= 0:
            kept = np.uint64(~self.layout.used_bits(place))
            clear_lanes.over(self.n_rows, word, kept, self.records)
