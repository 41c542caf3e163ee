"""DeviceTable: predictors as row records of codes in the memory of a CUDA device.

Where a column lies in a record is told by `gpusynth.trees.record_plan`. Threads that read one
row's words read one run of memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import CodecError
from gpusynth.trees.predictors import Layout, Predictor, PredictorTable
from gpusynth.trees.record_plan import place_columns
from gpusynth_kernels.cuda import launch
from gpusynth_kernels.cuda.partition import pack_codes
from gpusynth_kernels.cuda.traffic import traffic

__all__ = ["DeviceTable"]

_WORD = 0xFFFFFFFF


class DeviceTable:
    """Rows in the form that the CUDA grower reads.

    Parameters
    ----------
    layout : Layout
    n_rows : int
        At most 2^31 - 1: the running sums of a level have 32 bits.

    Attributes
    ----------
    layout : Layout
    n_rows : int
    word, shift, mask : arrays of int64, shape (n_columns,)
        Where a column lies in a record (of its page), on the host.
    page_of : array of int64, shape (n_columns,)
        Page of a column: there is one; see `gpusynth.trees.device_pages`.
    records : device array of uint32, shape (n_rows, n_words)

    Raises
    ------
    CodecError
        If the table has too many rows for one device.
    """

    def __init__(self, layout: Layout, n_rows: int) -> None:
        if n_rows >= 1 << 31:
            raise CodecError(f"{n_rows} rows are too many for one device: at most {(1 << 31) - 1}")
        self.layout = layout
        self.n_rows = n_rows
        self.word, self.shift, self.mask, n_words = place_columns(layout.n_codes)
        self.page_of = np.zeros(len(self.word), np.int64)
        self.records = launch.zeros((n_rows, n_words), np.uint32)

    @property
    def n_pages(self) -> int:
        """All columns are on one page."""
        return 1

    def page(self, number: int) -> Array:
        """Return the records of a page: all of them."""
        return self.records

    @classmethod
    def of(
        cls, predictors: PredictorTable | Sequence[Predictor], n_rows: int | None = None
    ) -> DeviceTable:
        """Copy predictors to the device; `n_rows` is needed only when there are none.

        Parameters
        ----------
        predictors : PredictorTable or sequence of Predictor
        n_rows : int, optional
        """
        if isinstance(predictors, PredictorTable):
            table = cls(predictors.layout, predictors.n_rows)
            for name in predictors.layout.names:
                table.fill({name: predictors.codes(name)})
            return table
        layout = Layout(
            [p.name for p in predictors],
            [p.n_codes for p in predictors],
            [p.is_ordered for p in predictors],
        )
        table = cls(layout, len(predictors[0].codes) if predictors else int(n_rows or 0))
        table.fill({p.name: p.codes for p in predictors})
        return table

    def fill(self, columns: Mapping[str, Array], first_row: int = 0) -> None:
        """Put codes of some columns into rows ``first_row ...`` that hold zeros so far.

        Parameters
        ----------
        columns : mapping of name to array of uint8 or uint16, shape (n,)
            On the host or on the device.
        first_row : int

        Raises
        ------
        CodecError
            If a code is not below the column's number of codes.
        """
        for name, codes in columns.items():
            i = self.layout.position[name]
            if len(codes) and int(codes.max()) >= self.layout.n_codes[i]:
                raise CodecError(
                    f"column {name!r} holds a code that is not below {self.layout.n_codes[i]}"
                )
        for name, codes in columns.items():
            i = self.layout.position[name]
            place = int(self.word[i]), int(self.shift[i]), first_row
            on_device = launch.to_device(codes) if isinstance(codes, np.ndarray) else codes
            pack_codes.over(len(codes), on_device, *place, self.records)

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
        i = self.layout.position[name]
        word, shift, mask = int(self.word[i]), int(self.shift[i]), int(self.mask[i])
        kept = self.records[rows, word] & np.uint32(_WORD & ~(mask << shift))
        self.records[rows, word] = kept | codes.astype(np.uint32) << np.uint32(shift)
        traffic.operations += 6

    def columns(self, names: Iterable[str]) -> Array:
        """Return the positions (int32) of some columns, ascending: the order that breaks ties."""
        return np.array(sorted(self.layout.position[name] for name in names), np.int32)
