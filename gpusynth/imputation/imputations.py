"""Imputations: the result of `gpusynth.impute`, from which completed files are made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import pyarrow as pa

from gpusynth.engine import Resolved, Stopwatch
from gpusynth.engine.files.directory import RunDirectory
from gpusynth.engine.real.prepared import changed_input
from gpusynth.engine.settings import OutputFormat
from gpusynth.imputation.chain_files import Cells
from gpusynth.imputation.completed import completed_batches, completed_schema
from gpusynth.imputation.settings import ImputationSettings
from gpusynth.imputation.setup import Setup
from gpusynth.imputation.traces import Traces
from gpusynth.io import like_input
from gpusynth.table import BATCH_ROWS, Schema

__all__ = ["Imputations"]


class Imputations:
    """Imputed answers of one file; made by `gpusynth.impute`.

    It holds the real data and is as confidential as they are.

    Parameters
    ----------
    data : object
        As the user gave it.
    resolved : Resolved
    setup : Setup
    settings : ImputationSettings
    cells : list of dict
        Imputed cells, one of each imputation.
    traces : Traces
    stopwatch : Stopwatch
    fingerprint : str, optional
        SHA-256 of the data as they were read; found when it is needed where it is not given.
    """

    def __init__(
        self,
        data: Any,
        resolved: Resolved,
        setup: Setup,
        settings: ImputationSettings,
        *,
        cells: list[Cells],
        traces: Traces,
        stopwatch: Stopwatch,
        fingerprint: str | None = None,
    ) -> None:
        self._data = data
        self._cells = cells
        self._fingerprint = fingerprint
        self.resolved = resolved
        self.setup = setup
        self.settings = settings
        self.traces = traces
        self.stopwatch = stopwatch

    def __len__(self) -> int:
        """Return the number of imputations."""
        return len(self._cells)

    def __repr__(self) -> str:
        """Say how many imputations of which columns."""
        columns = ", ".join(f"{name} ({count:,})" for name, count in self.n_imputed.items())
        return f"<{len(self)} imputations of {self.resolved.source.name}: {columns}>"

    @property
    def schema(self) -> Schema:
        """What the columns are."""
        return self.resolved.schema

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the data."""
        if self._fingerprint is None:
            self._fingerprint = self.resolved.source.fingerprint()
        return self._fingerprint

    def check_input(self) -> None:
        """Check that the file is still the one that was read.

        Raises
        ------
        DataError
        """
        stamp, source = self.resolved.stamp, self.resolved.source
        if stamp is None or not stamp.was_touched():
            return
        known = self._fingerprint
        if stamp.has_new_content() if known is None else source.fingerprint() != known:
            raise changed_input(source.name, "was imputed")

    @property
    def n_imputed(self) -> dict[str, int]:
        """Imputed answers of each column, in file order."""
        return {name: len(rows) for name, rows in self.setup.cells.items()}

    @property
    def n_left(self) -> dict[str, int]:
        """Answers of each column that are missing still in the first imputation.

        Those that a rule or a formula leaves missing, or that a model drew as a missing code.
        """
        codecs = self.setup.table.codecs
        left = {}
        for name, (codes, _) in self._cells[0].items():
            n_missing = codecs[name].n_special - len(codecs[name].column.spikes)
            left[name] = int((codes < n_missing).sum())
        return left

    def batches(self, number: int, *, batch_rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Yield a completed file, a batch at a time.

        Parameters
        ----------
        number : int
            Of the imputation, from 1.
        batch_rows : int

        Yields
        ------
        pyarrow.RecordBatch
        """
        yield from completed_batches(
            self.resolved,
            self.setup.table,
            self.setup.cells,
            self._cells[number - 1],
            batch_rows=batch_rows,
        )

    def arrow(self, number: int) -> pa.Table:
        """Return a completed file as a `pyarrow.Table`.

        Parameters
        ----------
        number : int
            Of the imputation, from 1.

        Returns
        -------
        pyarrow.Table
        """
        return pa.Table.from_batches(self.batches(number), completed_schema(self.resolved))

    def tables(self) -> list[Any]:
        """Return all completed files.

        Returns
        -------
        list of tables
            Of the kind that was given: pandas (with its index, since rows are those that were
            given), polars or pyarrow; pyarrow for files.
        """
        tables = [like_input(self.arrow(number), self._data) for number in range(1, len(self) + 1)]
        if nw.dependencies.is_pandas_dataframe(self._data):
            for table in tables:
                table.index = self._data.index
        return tables

    def save(
        self,
        output: str | Path,
        *,
        format: OutputFormat = "parquet",
        overwrite: bool = False,
        batch_rows: int = BATCH_ROWS,
    ) -> Any:
        """Write completed files, traces and a manifest into a directory.

        Parameters
        ----------
        output : str or pathlib.Path
        format : {"parquet", "csv"}
        overwrite : bool
            Replace an earlier run there.
        batch_rows : int
            Rows written at a time; never changes a byte.

        Returns
        -------
        ImputationRun

        Raises
        ------
        OutputError
            If the directory cannot be written; it is then as it was found.
        """
        from gpusynth.imputation.run import write_imputations

        with RunDirectory(output, overwrite=overwrite, inputs=(self._data,)) as directory:
            return write_imputations(self, directory, format=format, batch_rows=batch_rows)
