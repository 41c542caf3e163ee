"""The library's calls: impute missing values, and impute and synthesize in one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gpusynth.engine import Listener, SilentListener, Stopwatch, resolve_input
from gpusynth.engine.directory import RunDirectory
from gpusynth.engine.settings import OutputFormat, RunSettings
from gpusynth.engine.synthesis import load_kernels
from gpusynth.errors import OutputError, PlanError
from gpusynth.imputation.chains import run_chains
from gpusynth.imputation.imputations import Imputations
from gpusynth.imputation.run import ImputationRun, write_imputations
from gpusynth.imputation.settings import (
    ImputationSettings,
    ImputationVisit,
    MissingCodes,
    ProperImputation,
)
from gpusynth.imputation.setup import set_up
from gpusynth.imputation.syntheses import synthesis_tables, write_syntheses
from gpusynth.imputation.traces import Traces
from gpusynth.methods import parse_method
from gpusynth.plan import Plan
from gpusynth.table import BATCH_ROWS, InferredSchema, Schema

__all__ = ["ImputedSyntheses", "impute", "impute_and_synthesize"]


def impute(
    data: Any,
    schema: Schema | InferredSchema | str | Path | None = None,
    plan: Plan | str | Path | None = None,
    *,
    n_imputations: int = 5,
    iterations: int = 10,
    seed: int = 0,
    impute: Mapping[str, MissingCodes] | None = None,
    methods: Mapping[str, Any] | None = None,
    predictors: Mapping[str, Sequence[str]] | None = None,
    visit: ImputationVisit | Sequence[str] = "missing",
    proper: ProperImputation = "bootstrap",
    threads: int | None = None,
    batch_rows: int = BATCH_ROWS,
    listener: Listener | None = None,
) -> Imputations:
    """Impute missing values several times, by chained equations with trees.

    Parameters
    ----------
    data : path, or pandas, polars or pyarrow table, or any object with ``__arrow_c_stream__``
    schema : Schema, InferredSchema or path of a TOML file, optional
        Inferred from the data by default.
    plan : Plan or path of a TOML file, optional
        Its methods, formulas, rules and `never_predict` hold; the rest is for synthesis.
    n_imputations : int
        Completed files.
    iterations : int
        Rounds over all incomplete columns.
    seed : int
        The same seed, data, schema and plan give the same bytes, whatever the number of threads.
    impute : mapping of str to sequence, optional
        Column -> its missing codes that are to be imputed, None for a blank. What is not named
        is an answer and stays. By default all blanks (null and NaN) of all columns.
    methods : mapping of str to Method, str or dict, optional
        Column -> method where the imputation is to use another than the plan.
    predictors : mapping of str to sequence of str, optional
        Column -> columns that predict it. By default all others, but no formula of it.
    visit : {"missing", "file"} or sequence of str
        Order of the columns in a round: by ascending number of missing answers, or in file order.
    proper : {"bootstrap", "none"}
        Fit on a bootstrap sample of the answered rows, or on the rows as they are.
    threads : int, optional
        All available by default.
    batch_rows : int
        Rows read at a time; never changes a byte.
    listener : Listener, optional
        Told of the progress.

    Returns
    -------
    Imputations
        The completed files and how the chains went.

    Raises
    ------
    GpusynthError
        One clear message: an unknown column or code, nothing to impute, a column without any
        answer, formulas in a circle.

    References
    ----------
    .. [1] van Buuren, S. and Groothuis-Oudshoorn, K. (2011). mice: Multivariate Imputation by
       Chained Equations in R. Journal of Statistical Software 45(3).
    .. [2] Burgette, L. F. and Reiter, J. P. (2010). Multiple Imputation for Missing Data via
       Sequential Regression Trees. American Journal of Epidemiology 172(9), 1070-1076.

    Examples
    --------
    >>> import gpusynth, pyarrow as pa
    >>> real = pa.table({"region": ["N", "S"] * 50, "staff": [None, *range(99)]})
    >>> imputations = gpusynth.impute(real, n_imputations=2, iterations=2, seed=1)
    >>> [table["staff"].null_count for table in imputations.tables()]
    [0, 0]
    """
    chosen = {name: parse_method(method) for name, method in (methods or {}).items()}
    settings = ImputationSettings(
        n_imputations=n_imputations,
        iterations=iterations,
        seed=seed,
        impute=impute,
        methods=chosen,
        predictors=predictors or {},
        visit=visit,
        proper=proper,
        threads=threads,
    )
    listener = SilentListener() if listener is None else listener
    stopwatch = Stopwatch()
    _check_plan(plan)
    resolved = resolve_input(
        data, schema, plan, batch_rows=batch_rows, listener=listener, stopwatch=stopwatch
    )
    setup = set_up(
        resolved, settings, batch_rows=batch_rows, listener=listener, stopwatch=stopwatch
    )
    load_kernels(listener, stopwatch)
    with stopwatch.phase("impute"):
        cells, rows = run_chains(setup, settings, listener=listener)
    return Imputations(
        data,
        resolved,
        setup,
        settings,
        cells=cells,
        traces=Traces(tuple(rows)),
        stopwatch=stopwatch,
    )


@dataclass(frozen=True, slots=True, eq=False)
class ImputedSyntheses:
    """Imputations of a table and syntheses of each, in memory.

    Attributes
    ----------
    imputations : Imputations
        As confidential as the data.
    syntheses : list of list of tables
        Of each imputation its syntheses; tables are of the kind that was given.
    """

    imputations: Imputations
    syntheses: list[list[Any]]


def impute_and_synthesize(
    data: Any,
    schema: Schema | InferredSchema | str | Path | None = None,
    plan: Plan | str | Path | None = None,
    *,
    n_imputations: int = 5,
    n_syntheses: int = 5,
    n_rows: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    output: str | Path | None = None,
    format: OutputFormat = "parquet",
    overwrite: bool = False,
    keep_imputations: bool = True,
    batch_rows: int = BATCH_ROWS,
    listener: Listener | None = None,
    **choices: Any,
) -> Any:
    """Impute missing values and synthesize each completed file: two stages for two sorts of error.

    Estimates from the syntheses are combined with
    ``gpusynth.inference.pool(..., rule="reiter_two_stage")``.

    Parameters
    ----------
    data, schema, plan, n_imputations : as for `impute`
        The plan is that of the synthesis as well.
    n_syntheses : int
        Synthetic files of each imputation (r), 0 for none. The two-stage rule needs 2 or more, and
        5 or more for intervals of a steady width.
    n_rows : int, optional
        Rows of each; as many as `data` has by default.
    seed, threads : as for `impute`
    output : str or pathlib.Path, optional
        Run directory to write; needed when `data` is a path.
    format : {"parquet", "csv"}
        Of the files in `output`.
    overwrite : bool
        Replace an earlier run in `output`.
    keep_imputations : bool
        Write the completed files too; they hold real rows.
    batch_rows, listener : as for `impute`
    **choices
        As for `impute`: iterations, impute, methods, predictors, visit and proper.

    Returns
    -------
    ImputationRun or ImputedSyntheses
        The first when `output` is given.

    Raises
    ------
    GpusynthError
        One clear message; `output` is then as it was found.

    References
    ----------
    .. [1] Reiter, J. P. (2004). Simultaneous use of multiple imputation for missing data and
       disclosure limitation. Survey Methodology 30(2), 235-242.
    """
    if n_syntheses < 0:
        raise PlanError("n_syntheses must be a whole number, 0 or more")
    # Without syntheses the settings are checked all the same.
    settings = RunSettings(max(n_syntheses, 1), n_rows, seed, threads, batch_rows, format)
    listener = SilentListener() if listener is None else listener
    given: dict[str, Any] = {"n_imputations": n_imputations, "seed": seed, "threads": threads}
    given |= {"batch_rows": batch_rows, "listener": listener, **choices}
    if output is None:
        if isinstance(data, (str, os.PathLike)):
            raise OutputError(
                "a file is imputed and synthesized into a directory: name it with output=. "
                "To get tables back, give a table."
            )
        imputations = impute(data, schema, plan, **given)
        syntheses = [
            synthesis_tables(imputations, number, settings, listener, data)
            for number in range(1, len(imputations) + 1)
            if n_syntheses
        ]
        return ImputedSyntheses(imputations, syntheses)
    with RunDirectory(output, overwrite=overwrite) as directory:
        imputations = impute(data, schema, plan, **given)
        run: ImputationRun = write_imputations(
            imputations,
            directory,
            format=format,
            batch_rows=batch_rows,
            synthesize=partial(write_syntheses, imputations, settings, listener)
            if n_syntheses
            else None,
            n_syntheses=n_syntheses,
            keep_imputations=keep_imputations,
        )
        return run


def _check_plan(plan: Any) -> None:
    if plan is not None and not isinstance(plan, (Plan, str, Path)):
        raise PlanError(
            f"an imputation takes a Plan or the path of one, not a {type(plan).__name__}."
        )
