"""Evaluate: one call that measures utility and disclosure of synthetic files."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from gpusynth.backends import DeviceName, choose_backend, share_memory
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.assess_disclosure import assess_disclosure
from gpusynth.evaluate.assess_utility import assess_utility
from gpusynth.evaluate.attempts import Attempts, Listener
from gpusynth.evaluate.bins import Binning
from gpusynth.evaluate.coded import CodedTable, CommonCodes, TypeDifference
from gpusynth.evaluate.coding import code_together
from gpusynth.evaluate.device_counts import counting_on
from gpusynth.evaluate.files import EvaluationFiles, open_files
from gpusynth.evaluate.results import Evaluation, FileSummary, Settings
from gpusynth.io import Source

__all__ = ["evaluate"]


def evaluate(
    real: Any,
    synthetic: Any,
    *,
    holdout: Any = None,
    schema: Any = None,
    weight: str | None = None,
    keys: Sequence[str] = (),
    targets: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    group: str | None = None,
    k: int = 3,
    n_marginals: int = 500,
    minimum_cell: int = 3,
    quick: bool = False,
    seed: int = 0,
    device: DeviceName = "cpu",
    listener: Listener | None = None,
) -> Evaluation:
    """Measure how useful synthetic files are, and how much they disclose.

    Any synthesizer's files will do. Everything is measured that these files allow; what they do
    not allow is listed with its reason in `Evaluation.not_computed`.

    Parameters
    ----------
    real : path, table or Source
        The confidential file: Parquet, CSV, Arrow, or a pandas, polars or pyarrow table.
    synthetic : the same, or a list of them, or the directory of a finished run
        Several files (replicates) give bands.
    holdout : path, table or Source, optional
        Real rows that no synthetic file was made from: the baseline of the disclosure measures.
    schema : Schema, InferredSchema or path, optional
        Of the real file; that of the run directory by default, else inferred.
    weight : str, optional
        Weight column that all files have; by default rows count alike.
    keys : sequence of str
        Columns that an intruder knows.
    targets : sequence of str
        Columns that an intruder wants to learn; all that are not keys by default.
    columns : sequence of str, optional
        Columns to compare; all that the files have in common by default.
    group : str, optional
        Column (state, sector) for each level of which the k-marginal score is given too.
    k : int
        Marginals of up to so many columns are compared, 1 to 4.
    n_marginals : int
        How many marginals of three columns, and of four, are compared at most.
    minimum_cell : int
        Levels and cells with fewer real rows are not named; see `gpusynth.evaluate.suppression`.
    quick : bool
        Leave out what takes most of the time: models, distances and attacks.
    seed : int
        Of resamples and of draws of marginals.
    device : {"cpu", "cuda", "auto"}
        Where rows are counted into tables; never changes a result. See docs/gpu.md.
    listener : Listener, optional
        Told what is being measured.

    Returns
    -------
    Evaluation

    Raises
    ------
    IncomputableMetricError
        If the files have no column in common, a named column is missing or named twice, or keys
        and targets overlap.
    DataError
        If a file cannot be read, or a weight is missing or negative.
    BackendUnavailableError
        If there is no such device.
    ValueError
        If `k`, `n_marginals` or `minimum_cell` is out of range.

    Examples
    --------
    >>> import gpusynth.evaluate
    >>> import pyarrow as pa
    >>> real = pa.table({"region": ["N", "S", "S", "W"] * 25, "staff": list(range(100))})
    >>> found = gpusynth.evaluate(real, real)
    >>> found.kmarginals[1].score.mean
    1000.0
    """
    if not 1 <= k <= 4:
        raise ValueError(f"k must be 1, 2, 3 or 4, got {k}")
    if n_marginals < 1:
        raise ValueError(f"n_marginals must be at least 1, got {n_marginals}")
    if minimum_cell < 0:
        raise ValueError(f"minimum_cell must be 0 or more, got {minimum_cell}")
    _check_named_once("column", columns or ())
    backend = choose_backend(device)
    share_memory(backend)
    attempts = Attempts(listener)
    if listener is not None:
        listener.start("read files", None)
    files = open_files(real, synthetic, holdout, schema)
    binning = Binning()
    codes = _code(files, columns, weight, binning)
    chosen = _check_keys(codes.real, keys, targets)
    codes.real.positions([group] if group is not None else [])
    with counting_on(backend):
        utility = assess_utility(
            codes,
            files.schema,
            group=group,
            k=k,
            n_marginals=n_marginals,
            minimum_cell=minimum_cell,
            quick=quick,
            seed=seed,
            attempts=attempts,
        )
    disclosure = assess_disclosure(codes, keys, chosen, quick=quick, seed=seed, attempts=attempts)
    return Evaluation(
        gpusynth=_version(),
        settings=Settings(
            weight=weight,
            keys=tuple(keys),
            targets=chosen,
            n_bins=binning.n_bins,
            n_marginals=n_marginals,
            minimum_cell=minimum_cell,
            seed=seed,
        ),
        files=_summaries(files, codes),
        only_real=codes.only_real,
        only_synthetic=codes.only_synthetic,
        type_differences=tuple(_type_difference(one) for one in codes.different_types),
        kmarginals=utility.kmarginals,
        columns=utility.columns,
        pairs=utility.pairs,
        components=utility.components,
        worst_cells=utility.worst_cells,
        utility=utility.groups,
        disclosure=disclosure,
        making=files.making,
        not_computed=tuple(attempts.not_computed),
    )


def _version() -> str:
    # by name: a plain import would make this floor depend on everything that the package offers
    return str(importlib.import_module("gpusynth").__version__)


def _code(
    files: EvaluationFiles, columns: Sequence[str] | None, weight: str | None, binning: Binning
) -> CommonCodes:
    """Put all files on common codes."""
    if files.holdout is not None:
        lacking = sorted(set(files.real.arrow_schema.names) - set(files.holdout.arrow_schema.names))
        if lacking:
            raise IncomputableMetricError(
                f"the holdout {files.holdout.name} lacks columns of the real file: "
                f"{', '.join(map(repr, lacking[:12]))}. Give rows of the same survey."
            )
    return code_together(
        files.real,
        *files.synthetic,
        schema=files.schema,
        holdout=files.holdout,
        columns=columns,
        weight=weight,
        binning=binning,
    )


def _type_difference(one: TypeDifference) -> str:
    return (
        f"{one.column!r} is {one.real_type} in the real file and {one.other_type} in {one.file}; "
        "answers were compared as numbers or text"
    )


def _check_keys(real: CodedTable, keys: Sequence[str], targets: Sequence[str]) -> tuple[str, ...]:
    """Check keys and targets before anything is measured; return the targets."""
    _check_named_once("key", keys)
    _check_named_once("target", targets)
    real.positions([*keys, *targets])
    both = [name for name in targets if name in keys]
    if both:
        raise IncomputableMetricError(
            f"{', '.join(map(repr, both))} cannot be a key and a target at once"
        )
    if targets and not keys:
        raise IncomputableMetricError("targets need keys: name what an intruder knows")
    if keys and len(keys) >= len(real.columns):
        raise IncomputableMetricError(
            f"all {len(keys)} columns are keys, so nothing is left to learn; name fewer keys"
        )
    return tuple(targets) or tuple(n for n in real.names if keys and n not in keys)


def _check_named_once(what: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise IncomputableMetricError(
            f"a {what} is named twice: {', '.join(map(repr, twice))}; name each once"
        )


def _summaries(files: EvaluationFiles, codes: CommonCodes) -> tuple[FileSummary, ...]:
    listed: list[tuple[Any, Source, CodedTable]] = [("real", files.real, codes.real)]
    listed += [
        ("synthetic", source, table)
        for source, table in zip(files.synthetic, codes.synthetic, strict=True)
    ]
    if files.holdout is not None and codes.holdout is not None:
        listed.append(("holdout", files.holdout, codes.holdout))
    return tuple(
        FileSummary(
            role=role,
            name=source.name,
            n_rows=table.n_rows,
            n_columns=len(source.arrow_schema.names),
        )
        for role, source, table in listed
    )
