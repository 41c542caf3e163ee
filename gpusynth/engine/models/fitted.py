"""Fitted synthesis: all models of a plan, to draw from, to save and to release."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gpusynth.backends import DeviceName, choose_backend
from gpusynth.engine.delivery.delivering import deliver
from gpusynth.engine.delivery.output import check_destination
from gpusynth.engine.delivery.output_columns import check_keys
from gpusynth.engine.files.directory import run_directory
from gpusynth.engine.fitting import StepModels
from gpusynth.engine.measure import Stopwatch
from gpusynth.engine.progress import Listener, SilentListener
from gpusynth.engine.real.prepared import Prepared
from gpusynth.engine.settings import OutputFormat, RunSettings, available_threads
from gpusynth.engine.synthesis import Synthesis, load_kernels
from gpusynth.errors import PlanError
from gpusynth.io import is_cudf
from gpusynth.plan import SynthesisPlan
from gpusynth.table import BATCH_ROWS, Schema

__all__ = ["FittedSynthesis", "load"]


def load(path: str | Path) -> FittedSynthesis:
    """Read a model that `FittedSynthesis.save` wrote; it draws without the original file.

    Parameters
    ----------
    path : str or pathlib.Path

    Returns
    -------
    FittedSynthesis
        It draws the same bytes as the one that was saved; tables that it returns are pyarrow's.

    Raises
    ------
    DataError
        If there is no such file, or it cannot be read.
    ModelFileError
        If it is no saved model, of another version, truncated or altered.
    """
    from gpusynth.engine.models.saved import read_synthesis

    listener, stopwatch = SilentListener(), Stopwatch()
    prepared, models = read_synthesis(path)
    sizes = {number: model.size for number, model in models.items()}
    notes = {number: model.note for number, model in models.items() if model.note}
    load_kernels(listener, stopwatch)
    synthesis = Synthesis(prepared, listener, stopwatch, sizes, fit_notes=notes)
    return FittedSynthesis(None, synthesis, models)


class FittedSynthesis:
    """All models of a plan, fitted on one file; made by `fit` or read by `load`.

    It holds the real data as codes and is as confidential as they are.
    """

    def __init__(self, data: Any, synthesis: Synthesis, models: dict[int, StepModels]) -> None:
        self._data = data
        self._synthesis = synthesis
        self._models = models

    @property
    def schema(self) -> Schema:
        """What the columns are."""
        return self._synthesis.prepared.resolved.schema

    @property
    def plan(self) -> SynthesisPlan:
        """The steps that were fitted."""
        return self._synthesis.prepared.resolved.plan

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write schema, plan, models and the real data as codes to one file.

        The file is as confidential as the data: it is readable for its owner only (0600), and its
        first lines say so.

        Parameters
        ----------
        path : str or pathlib.Path
        overwrite : bool
            Replace the file if it exists.

        Raises
        ------
        PlanError
            If a method is user-written: code is not kept in files.
        OutputError
            If the file exists or cannot be written; nothing half-written stays.
        """
        from gpusynth.engine.models.saved import write_synthesis

        self._refuse_released("saved")
        write_synthesis(path, self._synthesis.prepared, self._models, overwrite=overwrite)

    def release(
        self,
        path: str | Path,
        *,
        min_units: int = 10,
        unit: str | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write a model without microdata, which may leave the place where the data are.

        The steps are fitted anew on coarse columns: every level, missing code, spike and number in
        the file is shared by at least `min_units` units, other numbers are in bins of as many, and
        leaves hold rounded counts in place of donors. `load` reads it.

        Parameters
        ----------
        path : str or pathlib.Path
        min_units : int
        unit : str, optional
            Column whose distinct values are the units (a firm's key); the plan's `unit` by default,
            else rows.
        overwrite : bool
            Replace the file if it exists.

        Raises
        ------
        PlanError
            If a method, or something else in the plan, cannot be released; names the step.
        DataError
            If the data have fewer units than `min_units`.
        OutputError
            If the file exists or cannot be written; nothing half-written stays.
        """
        from gpusynth.engine.models.release import release

        self._refuse_released("released")
        prepared = self._synthesis.prepared
        release(
            prepared,
            path,
            min_units=min_units,
            unit=unit,
            overwrite=overwrite,
            n_threads=available_threads(),
        )

    def _on(self, device: DeviceName, listener: Listener) -> Prepared:
        """Return what was prepared, to be drawn on a device, whose kernels are loaded."""
        fitted = self._synthesis
        backend = replace(choose_backend(device), fitter=fitted.prepared.backend.fitter)
        load_kernels(listener, Stopwatch(), backend)
        notes = (*fitted.prepared.notes, backend.note) if backend.note else fitted.prepared.notes
        return replace(fitted.prepared, backend=backend, notes=notes)

    def _refuse_released(self, what: str) -> None:
        table = self._synthesis.prepared.table
        if any(len(codes) != table.n_rows for codes in table.codes.values()):
            raise PlanError(
                f"a released model holds no data and cannot be {what} again. Copy its file."
            )

    def sample(
        self,
        n_rows: int | None = None,
        n_replicates: int = 1,
        seed: int = 0,
        *,
        threads: int | None = None,
        output: str | Path | None = None,
        format: OutputFormat = "parquet",
        overwrite: bool = False,
        batch_rows: int = BATCH_ROWS,
        device: DeviceName | None = None,
        listener: Listener | None = None,
    ) -> Any:
        """Draw replicates: the same bytes as `synthesize` gives with the same seed.

        It can be called any number of times, with other seeds and sizes.

        Parameters
        ----------
        n_rows, n_replicates, seed, threads, output, format, overwrite, batch_rows : see there
        device : {"cpu", "cuda", "auto"}, optional
            Where trees are walked; by default where the model was fitted, and the processor for one
            that was loaded. Never changes a byte.
        listener : Listener, optional
            Told of progress; by default the one that was told of the fit.

        Returns
        -------
        Run, table, or list of tables
            As for `synthesize`.

        Raises
        ------
        GpusynthError
        """
        fitted = self._synthesis
        settings = RunSettings(n_replicates, n_rows, seed, threads, batch_rows, format)
        check_destination(self._data, output)
        listener = fitted.listener if listener is None else listener
        prepared = fitted.prepared if device is None else self._on(device, listener)
        synthesis = Synthesis(
            prepared,
            listener,
            Stopwatch(),
            dict(fitted.sizes),
            fit_notes=dict(fitted.fit_notes),
            gives_cudf=output is None and is_cudf(self._data),
        )
        if settings.n_rows is not None:
            check_keys(fitted.prepared.resolved, synthesis.n_rows(settings))
        with run_directory(output, overwrite=overwrite) as directory:
            scratch = None if directory is None else directory.staging
            replicates = synthesis.draw(settings, models=self._models, scratch=scratch)
            return deliver(synthesis, replicates, settings, directory, self._data)
