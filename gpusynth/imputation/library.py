"""The library's calls: impute missing values, and impute and synthesize in one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpusynth.backends import DeviceName, FitterName
from gpusynth.engine import Listener, SilentListener, Stopwatch
from gpusynth.engine.checkpoint.given import Given, settle_given
from gpusynth.engine.delivery.output import check_checkpoints
from gpusynth.engine.files.directory import RunDirectory
from gpusynth.engine.settings import OutputFormat, RunSettings
from gpusynth.errors import OutputError, PlanError
from gpusynth.imputation.chained import impute_chains, set_up_data
from gpusynth.imputation.imputations import Imputations
from gpusynth.imputation.resuming import impute_into
from gpusynth.imputation.settings import (
    ImputationSettings,
    ImputationVisit,
    MissingCodes,
    ProperImputation,
)
from gpusynth.imputation.syntheses import synthesis_tables
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
    device: DeviceName = "cpu",
    fitter: FitterName = "auto",
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
    device : {"cpu", "cuda", "auto"}
        Where trees are grown and walked; never changes a byte. auto: an NVIDIA GPU where one can be
        used, else the processor, with a note that says why. See docs/gpu.md.
    fitter : {"histogram", "cuml", "auto"}
        What grows trees. auto is histogram; cuml (on a GPU only) grows other, coarser trees.
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
    settings = _settings(
        n_imputations=n_imputations,
        iterations=iterations,
        seed=seed,
        impute=impute,
        methods=methods,
        predictors=predictors,
        visit=visit,
        proper=proper,
        threads=threads,
        device=device,
        fitter=fitter,
    )
    listener = SilentListener() if listener is None else listener
    stopwatch = Stopwatch()
    given = _given(schema, plan)
    resolved, setup = set_up_data(
        data, given, settings, batch_rows=batch_rows, listener=listener, stopwatch=stopwatch
    )
    return impute_chains(data, resolved, setup, settings, listener=listener, stopwatch=stopwatch)


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
    checkpoints: bool = False,
    keep_models: bool = False,
    device: DeviceName = "cpu",
    fitter: FitterName = "auto",
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
    batch_rows : as for `impute`
    checkpoints : bool
        Put down finished work in `output`, so that `resume_imputation` can go on when the run is
        cut short. What is put down is as confidential as the data.
    keep_models : bool
        Leave the fitted models of the syntheses in `output`, marked confidential; needs
        `checkpoints`.
    device, fitter : as for `impute`
        Of the imputations and of their syntheses.
    listener : as for `impute`
    **choices
        As for `impute`: iterations, impute, methods, predictors, visit and proper.

    Returns
    -------
    ImputationRun or ImputedSyntheses
        The first when `output` is given.

    Raises
    ------
    GpusynthError
        One clear message; `output` is then as it was found, but for the hidden work directory of
        a run that can be resumed.

    References
    ----------
    .. [1] Reiter, J. P. (2004). Simultaneous use of multiple imputation for missing data and
       disclosure limitation. Survey Methodology 30(2), 235-242.
    """
    if n_syntheses < 0:
        raise PlanError("n_syntheses must be a whole number, 0 or more")
    # Without syntheses the settings are checked all the same.
    settings = RunSettings(
        max(n_syntheses, 1),
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
    check_checkpoints(settings, output)
    listener = SilentListener() if listener is None else listener
    asked: dict[str, Any] = {"n_imputations": n_imputations, "seed": seed, "threads": threads}
    asked |= {"device": device, "fitter": fitter, **choices}
    if output is not None:
        imputing, given = _settings(**asked), _given(schema, plan)
        inputs = (data, schema, plan)
        with RunDirectory(output, overwrite=overwrite, inputs=inputs) as directory:
            return impute_into(
                directory,
                *(data, given, imputing, settings),
                n_syntheses=n_syntheses,
                keep_imputations=keep_imputations,
                listener=listener,
            )
    if isinstance(data, (str, os.PathLike)):
        raise OutputError(
            "a file is imputed and synthesized into a directory: name it with output=. "
            "To get tables back, give a table."
        )
    imputations = impute(data, schema, plan, batch_rows=batch_rows, listener=listener, **asked)
    syntheses = [
        synthesis_tables(imputations, number, settings, listener, data)
        for number in range(1, len(imputations) + 1)
        if n_syntheses
    ]
    return ImputedSyntheses(imputations, syntheses)


def _settings(
    *,
    methods: Mapping[str, Any] | None = None,
    predictors: Mapping[str, Sequence[str]] | None = None,
    **choices: Any,
) -> ImputationSettings:
    """Check what a caller of `impute` chose."""
    return ImputationSettings(
        methods={name: parse_method(method) for name, method in (methods or {}).items()},
        predictors=predictors or {},
        **choices,
    )


def _given(schema: Schema | InferredSchema | str | Path | None, plan: Any) -> Given:
    if plan is not None and not isinstance(plan, (Plan, str, Path)):
        raise PlanError(
            f"an imputation takes a Plan or the path of one, not a {type(plan).__name__}."
        )
    return settle_given(schema, plan, name="imputation")
