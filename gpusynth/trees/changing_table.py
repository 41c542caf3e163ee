"""ChangingTable: rows whose columns change from one fit to the next, where a CUDA device computes.

A table of real rows is fitted on many times and stays as it is, so its copy on the device serves
all fits. Where columns change in between (chained equations impute them anew, round after round)
the copies follow: only the rows that changed are sent, and put in their places on the device.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from gpusynth.arrays import Array
from gpusynth.backends import upload, with_room
from gpusynth.errors import CodecError
from gpusynth.trees.draw_table import DrawTable
from gpusynth.trees.predictors import Layout, PredictorTable

if TYPE_CHECKING:
    from gpusynth.trees.device_pages import PagedTable
    from gpusynth.trees.device_table import DeviceTable

__all__ = ["ChangingTable"]


class ChangingTable:
    """Rows that trees are grown on and walked with, in every form that they are wanted in.

    Parameters
    ----------
    layout : Layout
    columns : mapping of str to array of uint8 or uint16, shape (n_rows,)
        Codes of all columns that the layout names, on the host.
    n_rows : int
    host : PredictorTable, optional
        The same rows on the host: for fits by cuML, which makes a copy of its own, for pages, and
        for walks where the device has no room for the rows.
    words_at_once : int, optional
        Words of a record that trees are grown on (`gpusynth.trees.record_plan`) on the device at a
        time; all by default, and none where it is 0.
    is_walked_there : bool
        Whether trees are walked on the device, too.

    Attributes
    ----------
    layout : Layout
    n_rows : int

    Raises
    ------
    CodecError
        If a code is not below the column's number of codes.
    DeviceMemoryError
    """

    def __init__(
        self,
        layout: Layout,
        columns: Mapping[str, Array],
        n_rows: int,
        *,
        host: PredictorTable | None = None,
        words_at_once: int | None = None,
        is_walked_there: bool = True,
    ) -> None:
        self.layout, self.n_rows = layout, n_rows
        self._host = host
        self._pages: PagedTable | None = None
        self._grown: DeviceTable | None = None
        self._walked: DrawTable | None = None
        n_bytes = sum(columns[name].nbytes for name in layout.names)
        if words_at_once is None:
            self._grown = with_room(partial(self._copy, columns), "a table of predictors", n_bytes)
        elif words_at_once:
            self._pages = with_room(partial(self._cut, words_at_once), "a page", 4 * n_rows)
        if is_walked_there:
            self._walked = with_room(partial(self._lay, columns), "a table of rows", n_bytes)

    def _copy(self, columns: Mapping[str, Array]) -> DeviceTable:
        from gpusynth.trees.device_table import DeviceTable

        table = DeviceTable(self.layout, self.n_rows)
        for name in self.layout.names:
            table.fill({name: columns[name]})
        return table

    def _cut(self, words_at_once: int) -> PagedTable:
        from gpusynth.trees.device_pages import PagedTable

        return PagedTable(self.host, words_at_once)

    def _lay(self, columns: Mapping[str, Array]) -> DrawTable:
        table = DrawTable(self.layout, self.n_rows)
        for name in self.layout.names:
            table.fill({name: columns[name]})
        return table

    @property
    def host(self) -> PredictorTable:
        """The rows on the host."""
        if self._host is None:
            raise TypeError("the rows are on the device alone")
        return self._host

    @property
    def grown(self) -> DeviceTable | PagedTable:
        """What trees are grown on, on the device."""
        table = self._pages if self._grown is None else self._grown
        if table is None:
            raise TypeError("the rows are on the host alone")
        return table

    @property
    def walked(self) -> PredictorTable | DrawTable:
        """What trees are walked with: on the host where the device has no room."""
        return self.host if self._walked is None else self._walked

    def change(self, name: str, rows: Array, codes: Array) -> None:
        """Give some rows other codes of a column.

        Parameters
        ----------
        name : str
        rows : array of int32 or int64, shape (n,)
            Distinct. The array does not change while it lives: its copy is kept on the device.
        codes : array of uint8 or uint16, shape (n,)

        Raises
        ------
        CodecError
            If a code is not below the column's number of codes.
        DeviceMemoryError
        """
        count = int(self.layout.n_codes[self.layout.position[name]])
        if len(codes) and int(codes.max()) >= count:
            raise CodecError(f"column {name!r} holds a code that is not below {count}")
        for table in (self._host, self._pages):
            if table is not None:
                table.change(name, rows, codes)
        if len(rows) and not (self._grown is None and self._walked is None):
            with_room(partial(self._change, name, rows, codes), "a column", codes.nbytes)

    def _change(self, name: str, rows: Array, codes: Array) -> None:
        """Change what lies on the device; to do it again does no harm."""
        at, sent = upload(rows, keep=True), upload(codes)
        for table in (self._grown, self._walked):
            if table is not None:
                table.change(name, at, sent)
