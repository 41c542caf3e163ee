"""The library's call: synthesize several linked files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gpusynth.backends import DeviceName, FitterName
from gpusynth.engine import Listener, SilentListener, Stopwatch
from gpusynth.engine.checkpoint.given import Given, settle_given
from gpusynth.engine.delivery.output import check_checkpoints
from gpusynth.engine.delivery.output_columns import output_sources
from gpusynth.engine.files.directory import run_directory
from gpusynth.engine.settings import OutputFormat, RunSettings
from gpusynth.engine.synthesis import load_kernels
from gpusynth.errors import OutputError, PlanError
from gpusynth.io import like_input
from gpusynth.linked.link import Link, parse_link
from gpusynth.linked.output import linked_table
from gpusynth.linked.prepared_family import prepare_family
from gpusynth.linked.resuming import begin_linked
from gpusynth.linked.run import write_family
from gpusynth.linked.synthesis import synthesize_family
from gpusynth.plan import Plan
from gpusynth.table import BATCH_ROWS, InferredSchema, Schema

__all__ = ["synthesize_linked"]


def synthesize_linked(
    data: Mapping[str, Any],
    links: Sequence[Link | Mapping[str, Any]],
    *,
    plans: Mapping[str, Plan | str | Path] | None = None,
    schemas: Mapping[str, Schema | InferredSchema | str | Path] | None = None,
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
    device: DeviceName = "cpu",
    fitter: FitterName = "auto",
    listener: Listener | None = None,
) -> Any:
    """Make synthetic replicates of several files whose rows belong to each other.

    Parents come first, with the numbers of their children as columns; then their children, given
    the parents' columns and the siblings before. Keys are made anew and agree.

    Parameters
    ----------
    data : mapping of str to path or table
        Name of a file -> what `synthesize` takes. All are paths or none is.
    links : sequence of Link
        Which file's rows belong to which other's.
    plans : mapping of str to Plan or path, optional
        By name; CART for every column in file order by default.
    schemas : mapping of str to Schema, InferredSchema or path, optional
        By name; inferred by default. Of the files as they are, without counts.
    n_replicates : int
    n_rows : int, optional
        Rows of each replicate of the file on top; as many as it has by default.
    seed : int
        The same seed, data, schemas, plans and links give the same bytes, whatever the number of
        threads.
    threads : int, optional
        All available by default.
    output : str or pathlib.Path, optional
        Run directory to write; needed when `data` are paths.
    format : {"parquet", "csv"}
        Of the files in `output`.
    overwrite : bool
        Replace an earlier run in `output`.
    batch_rows : int
        Rows read at a time; never changes a byte.
    checkpoints : bool
        Put down finished work in `output`, so that `resume_linked` can go on when the run is cut
        short. What is put down is as confidential as the data.
    keep_models : bool
        Leave the fitted models in `output`, marked confidential; needs `checkpoints`.
    device : {"cpu", "cuda", "auto"}
        Where trees are grown and walked; never changes a byte.
    fitter : {"histogram", "cuml", "auto"}
        What grows the trees, as for `synthesize`; cuML's are others, and need a GPU.
    listener : Listener, optional
        Told of the progress.

    Returns
    -------
    LinkedRun, or dict of str to table or list of tables
        A `LinkedRun` when `output` is given. Otherwise by name what was given: pandas, polars or
        pyarrow tables, and lists of them when `n_replicates` is more than 1.

    Raises
    ------
    GpusynthError
        One clear message; `output` is then as it was found, but for the hidden work directory of
        a run that can be resumed. Among the causes: orphans, keys that
        are missing or stand twice, key columns of different types, unknown files or columns, a
        circle of links, a child with two parents, a column with the name of a count.

    Examples
    --------
    >>> import gpusynth, pyarrow as pa
    >>> firms = pa.table({"firm": list(range(50)), "region": ["N", "S"] * 25})
    >>> plants = pa.table({"firm": [0, 0, *range(49)], "staff": [1, 2, 5] * 17})
    >>> made = gpusynth.synthesize_linked(
    ...     {"firms": firms, "plants": plants},
    ...     [gpusynth.Link(child="plants", parent="firms", key="firm")],
    ... )
    >>> sum(made["firms"]["n_plants"].to_pylist()) == made["plants"].num_rows
    True
    """
    settings = RunSettings(
        n_replicates,
        n_rows,
        seed,
        threads,
        batch_rows,
        format,
        checkpoints=checkpoints,
        keep_models=keep_models,
        device=device,
        fitter=fitter,
    )
    checked = [parse_link(link, place="links") for link in links]
    _check_output(data, output)
    check_checkpoints(settings, output)
    given = _given(data, schemas or {}, plans or {})
    listener = SilentListener() if listener is None else listener
    stopwatch = Stopwatch()
    inputs = (*data.values(), *(schemas or {}).values(), *(plans or {}).values())
    with run_directory(output, overwrite=overwrite, inputs=inputs) as directory:
        prepared = prepare_family(
            data,
            checked,
            given=given,
            settings=settings,
            listener=listener,
            stopwatch=stopwatch,
        )
        load_kernels(listener, stopwatch, prepared.backend)
        if directory is not None:
            if checkpoints:
                begin_linked(directory, prepared, checked, settings, data=data, given=given)
            return write_family(prepared, checked, settings, directory, listener, stopwatch)
        made: dict[str, list[Any]] = {name: [] for name in data}

        def keep(drawn: Any) -> None:
            resolved = prepared.output(drawn.name)
            counts = prepared.inputs[drawn.name].counts
            sources = {
                new: old for new, old in output_sources(resolved).items() if old not in counts
            }
            table = linked_table(drawn, resolved, batch_rows=settings.batch_rows)
            made[drawn.name].append(like_input(table, data[drawn.name], sources=sources))

        synthesize_family(prepared, settings, listener, stopwatch, keep)
        return {name: each if n_replicates > 1 else each[0] for name, each in made.items()}


def _given(
    data: Mapping[str, Any],
    schemas: Mapping[str, Schema | InferredSchema | str | Path],
    plans: Mapping[str, Plan | str | Path],
) -> dict[str, Given]:
    for what, names in (("schemas", schemas), ("plans", plans)):
        for name in names:
            if name not in data:
                raise PlanError(f"{what} name the unknown file {name!r}. Correct the name.")
    return {name: settle_given(schemas.get(name), plans.get(name), name=name) for name in data}


def _check_output(data: Mapping[str, Any], output: str | Path | None) -> None:
    paths = [isinstance(given, (str, os.PathLike)) for given in data.values()]
    if any(paths) and not all(paths):
        raise PlanError("some files are paths and some are tables. Give all of one kind.")
    if output is None and any(paths):
        raise OutputError(
            "files are synthesized into a directory: name it with output=. "
            "To get tables back, give tables."
        )
