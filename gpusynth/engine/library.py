"""The library's calls: synthesize in one, or fit first and sample later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gpusynth.backends import DeviceName, FitterName, choose_backend, share_memory
from gpusynth.engine.delivery.delivering import deliver
from gpusynth.engine.delivery.output import check_checkpoints, check_destination
from gpusynth.engine.delivery.output_columns import check_keys
from gpusynth.engine.files.directory import run_directory
from gpusynth.engine.measure import Stopwatch
from gpusynth.engine.memory import Memory
from gpusynth.engine.models.fitted import FittedSynthesis
from gpusynth.engine.models.release import release
from gpusynth.engine.progress import Listener, SilentListener
from gpusynth.engine.real.prepare import prepare, resolve_input
from gpusynth.engine.real.prepared import Prepared
from gpusynth.engine.resuming import begin_checkpoints
from gpusynth.engine.settings import OutputFormat, RunSettings, check_cluster
from gpusynth.engine.synthesis import Synthesis, load_kernels
from gpusynth.engine.waking import wake
from gpusynth.io import IoName, is_cudf
from gpusynth.plan import Plan, SynthesisPlan
from gpusynth.table import BATCH_ROWS, InferredSchema, Schema

__all__ = ["fit", "fit_released", "synthesize"]


def synthesize(
    data: Any,
    schema: Schema | InferredSchema | str | Path | None = None,
    plan: Plan | SynthesisPlan | str | Path | None = None,
    *,
    n_replicates: int = 1,
    n_rows: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    output: str | Path | None = None,
    format: OutputFormat = "parquet",
    overwrite: bool = False,
    batch_rows: int = BATCH_ROWS,
    checkpoints: bool = False,
    keep_models: bool = False,
    memory_bytes: int | None = None,
    device: DeviceName = "cpu",
    fitter: FitterName = "auto",
    io: IoName = "arrow",
    client: Any = None,
    listener: Listener | None = None,
) -> Any:
    """Make synthetic replicates of a survey file or table.

    Parameters
    ----------
    data : path, or pandas, polars, cuDF or pyarrow table, or object with ``__arrow_c_stream__``
    schema : Schema, InferredSchema or path of a TOML file, optional
        Inferred from the data by default.
    plan : Plan, SynthesisPlan or path of a TOML file, optional
        CART for every column in file order by default.
    n_replicates : int
    n_rows : int, optional
        Rows of each replicate; as many as `data` has by default.
    seed : int
        The same seed, data, schema and plan give the same bytes, whatever the number of threads.
    threads : int, optional
        All available by default.
    output : str or pathlib.Path, optional
        Run directory to write; needed when `data` is a path.
    format : {"parquet", "csv"}
        Of the files in `output`.
    overwrite : bool
        Replace an earlier run in `output`.
    batch_rows : int
        Rows read at a time; never changes a byte.
    checkpoints : bool
        Put down finished work in `output`, so that `resume` can go on when the run is cut short.
        What is put down is as confidential as the data.
    keep_models : bool
        Leave the fitted models in `output`, marked confidential; needs `checkpoints`.
    memory_bytes : int, optional
        Most memory to take, all that is available by default. Where more would be needed, columns
        go to files in `output` and fewer fits run side by side; never changes a byte.
    device : {"cpu", "cuda", "auto"}
        Where trees are grown and walked; never changes a byte. auto: an NVIDIA GPU where one can be
        used, else the processor, with a note that says why. See docs/gpu.md.
    fitter : {"histogram", "cuml", "auto"}
        What grows trees. auto is histogram; cuml (on a GPU only) grows other, coarser trees.
    io : {"arrow", "cudf"}
        What reads and writes Parquet files. cudf does it on a GPU: the same rows, types and
        metadata, in files of other bytes.
    client : distributed.Client, optional
        Workers of this cluster fit and draw; all must see `output`. Implies `checkpoints`.
    listener : Listener, optional
        Told of the progress.

    Returns
    -------
    Run, table, or list of tables
        A `Run` when `output` is given. Otherwise what was given: a pandas, polars, cuDF or pyarrow
        table (pyarrow for other objects), and a list of them when `n_replicates` is more than 1.

    Raises
    ------
    GpusynthError
        One clear message; `output` is then as it was found, but for the hidden work directory of
        a run that can be resumed.

    Examples
    --------
    >>> import gpusynth, pyarrow as pa
    >>> real = pa.table({"region": ["N", "S"] * 50, "staff": list(range(100))})
    >>> gpusynth.synthesize(real, seed=1).num_rows
    100
    """
    settings = RunSettings(
        n_replicates,
        n_rows,
        seed,
        threads,
        batch_rows,
        format,
        checkpoints=checkpoints or client is not None,
        keep_models=keep_models,
        memory_bytes=memory_bytes,
        device=device,
        fitter=fitter,
        io=io,
    )
    checkpoints = settings.checkpoints
    check_cluster(settings, client)
    wake(client)
    check_destination(data, output)
    check_checkpoints(settings, output)
    listener = SilentListener() if listener is None else listener
    stopwatch = Stopwatch()
    inputs = (data, schema, plan)
    with run_directory(output, overwrite=overwrite, inputs=inputs) as directory:
        scratch = None if directory is None else directory.staging
        prepared = _prepare(data, schema, plan, settings, listener, stopwatch, scratch=scratch)
        if client is None:
            load_kernels(listener, stopwatch, prepared.backend)
        gives_cudf = directory is None and is_cudf(data)
        synthesis = Synthesis(prepared, listener, stopwatch, gives_cudf=gives_cudf)
        if checkpoints and directory is not None:
            synthesis.checkpoints = begin_checkpoints(
                directory, prepared, settings, data, is_shared=client is not None
            )
        if client is not None and directory is not None:
            from gpusynth.engine.cluster.distribute import draw_on

            replicates = draw_on(client, synthesis, settings, directory)
        else:
            replicates = synthesis.draw(settings, scratch=scratch)
        return deliver(synthesis, replicates, settings, directory, data)


def fit(
    data: Any,
    schema: Schema | InferredSchema | str | Path | None = None,
    plan: Plan | SynthesisPlan | str | Path | None = None,
    *,
    threads: int | None = None,
    batch_rows: int = BATCH_ROWS,
    device: DeviceName = "cpu",
    fitter: FitterName = "auto",
    listener: Listener | None = None,
) -> FittedSynthesis:
    """Fit every step once; `FittedSynthesis.sample` then draws as often as wanted.

    Parameters
    ----------
    data, schema, plan, threads, batch_rows, device, fitter, listener : as for `synthesize`

    Returns
    -------
    FittedSynthesis
        It refers to real rows and is as confidential as the data.

    Raises
    ------
    GpusynthError
    """
    settings = RunSettings(threads=threads, batch_rows=batch_rows, device=device, fitter=fitter)
    listener = SilentListener() if listener is None else listener
    stopwatch = Stopwatch()
    prepared = _prepare(data, schema, plan, settings, listener, stopwatch)
    load_kernels(listener, stopwatch, prepared.backend)
    synthesis = Synthesis(prepared, listener, stopwatch)
    return FittedSynthesis(data, synthesis, synthesis.fit(settings.n_threads))


def fit_released(
    data: Any,
    path: str | Path,
    schema: Schema | InferredSchema | str | Path | None = None,
    plan: Plan | SynthesisPlan | str | Path | None = None,
    *,
    min_units: int = 10,
    unit: str | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    batch_rows: int = BATCH_ROWS,
    device: DeviceName = "cpu",
    fitter: FitterName = "auto",
    listener: Listener | None = None,
) -> SynthesisPlan:
    """Write a model without microdata, having refused first what cannot be released.

    The same file as that of ``fit(...).release(...)``, without the fits to the real columns, which
    such a file does not need.

    Parameters
    ----------
    data : as for `synthesize`
    path : as for `FittedSynthesis.release`
    schema, plan : as for `synthesize`
    min_units, unit, overwrite : as for `FittedSynthesis.release`
    threads, batch_rows, device, fitter, listener : as for `synthesize`

    Returns
    -------
    SynthesisPlan
        Whose steps were fitted.

    Raises
    ------
    GpusynthError
    """
    listener = SilentListener() if listener is None else listener
    stopwatch = Stopwatch()
    settings = RunSettings(threads=threads, batch_rows=batch_rows, device=device, fitter=fitter)
    prepared = _prepare(data, schema, plan, settings, listener, stopwatch)
    load_kernels(listener, stopwatch, prepared.backend)
    release(
        prepared,
        path,
        min_units=min_units,
        unit=unit,
        overwrite=overwrite,
        n_threads=settings.n_threads,
        listener=listener,
    )
    return prepared.plan


def _prepare(
    data: Any,
    schema: Schema | InferredSchema | str | Path | None,
    plan: Plan | SynthesisPlan | str | Path | None,
    settings: RunSettings,
    listener: Listener,
    stopwatch: Stopwatch,
    *,
    scratch: Path | None = None,
) -> Prepared:
    backend = choose_backend(settings.device, settings.fitter)
    share_memory(backend, has_frames=settings.io == "cudf")
    resolved = resolve_input(
        data,
        schema,
        plan,
        batch_rows=settings.batch_rows,
        listener=listener,
        stopwatch=stopwatch,
        reader=settings.io,
        n_threads=settings.n_threads,
    )
    prepared = prepare(
        resolved,
        batch_rows=settings.batch_rows,
        listener=listener,
        stopwatch=stopwatch,
        memory=Memory(settings.memory_bytes, scratch),
        n_threads=settings.n_threads,
    )
    # In front: those of the conditions stay the last ones, which a saved model leaves out.
    notes = (backend.note, *prepared.notes) if backend.note else prepared.notes
    prepared = replace(prepared, backend=backend, notes=notes)
    synthesis = Synthesis(prepared, listener, stopwatch)
    check_keys(prepared.resolved, synthesis.n_rows(settings))
    return prepared
