"""Utility at a glance: the few figures that a run's summary shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from gpusynth.evaluate.bins import Binning
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.coding import code_together
from gpusynth.evaluate.common_columns import find_common_columns
from gpusynth.evaluate.metric import MetricResult
from gpusynth.evaluate.utility.kmarginal import kmarginal, score
from gpusynth.io import Source, open_source
from gpusynth.table.asked_schema import known_schema
from gpusynth.table.infer import InferredSchema
from gpusynth.table.schema import Schema

__all__ = ["ColumnGlance", "UtilityGlance", "glance_at_codes", "utility_at_a_glance"]

_N_WORST = 5

_COLUMNS_AT_A_TIME = 16
"""Whose numbers are in memory; each reading of a Parquet file takes only what it asks for."""


@dataclass(frozen=True, slots=True)
class ColumnGlance:
    """How well one column is reproduced, by total variation distances.

    Attributes
    ----------
    name : str
    one_way : float
        Of the column's own marginal.
    two_way : float
        Mean over its two-way marginals with every other column.
    bootstrap_two_way : float
        The same for a bootstrap resample of the real file.
    """

    name: str
    one_way: float
    two_way: float
    bootstrap_two_way: float


@dataclass(frozen=True, slots=True)
class UtilityGlance:
    """How close a synthetic file is to the real one; distances are total variation, 0 to 1.

    Attributes
    ----------
    n_real, n_synthetic, n_columns : int
    one_way, two_way : float
        Mean distance of all one-way and of all two-way marginals.
    bootstrap_one_way, bootstrap_two_way : float
        The same for a bootstrap resample of the real file of the synthetic file's size: what
        sampling error alone does.
    score, bootstrap_score : float
        k-marginal score, k = 2, all pairs: 1000 is equal. The formula and the bins of numbers are
        SDNist's; spikes that the schema names are levels of their own besides.
    worst_columns : tuple of ColumnGlance
        The five that exceed their baseline most.
    only_real, only_synthetic : tuple of str
        Columns that could not be compared.
    """

    n_real: int
    n_synthetic: int
    n_columns: int
    one_way: float
    bootstrap_one_way: float
    two_way: float
    bootstrap_two_way: float
    score: float
    bootstrap_score: float
    worst_columns: tuple[ColumnGlance, ...]
    only_real: tuple[str, ...] = ()
    only_synthetic: tuple[str, ...] = ()

    @property
    def two_way_ratio(self) -> float:
        """`two_way` over `bootstrap_two_way`: 1 is as good as a resample; infinite for 0 / 0."""
        if self.bootstrap_two_way == 0.0:
            return float("inf") if self.two_way > 0.0 else 1.0
        return self.two_way / self.bootstrap_two_way

    def to_json(self) -> Mapping[str, Any]:
        """Return the figures as JSON types; an infinite ratio is None."""
        ratio = self.two_way_ratio
        return {**asdict(self), "two_way_ratio": ratio if isfinite(ratio) else None}


def utility_at_a_glance(
    real: Any,
    synthetic: Any,
    *,
    schema: Schema | InferredSchema | str | Path | None = None,
    weight: str | None = None,
    binning: Binning | None = None,
    seed: int = 0,
) -> UtilityGlance:
    """Compare a synthetic file with the real one by its one- and two-way marginals.

    Parameters
    ----------
    real, synthetic : path, table or Source
        Anything that `gpusynth.io.open_source` reads.
    schema : Schema, InferredSchema or path, optional
        Of the real file; inferred when not given.
    weight : str, optional
        Weight column that both files have; without it every row counts 1.
    binning : Binning, optional
        SDNist's rule with 20 bins and spikes apart by default.
    seed : int
        Of the bootstrap resample.

    Raises
    ------
    IncomputableMetricError
        If the files have fewer than two columns in common, or one has no rows.
    DataError
        If a file cannot be read.
    SchemaError
        If the schema cannot be read, or does not fit the file.
    """
    real_source, synthetic_source = open_source(real), open_source(synthetic)
    codes = _code_in_groups(
        real_source,
        synthetic_source,
        schema=known_schema(schema, real_source),
        weight=weight,
        binning=binning,
    )
    return glance_at_codes(codes, seed=seed)


def _code_in_groups(
    real: Source,
    synthetic: Source,
    *,
    schema: Schema,
    weight: str | None,
    binning: Binning | None,
) -> CommonCodes:
    """Code a few columns at a time, and without exact numbers, which take most of the memory.

    A text file is read once, since every reading takes all of its columns.
    """
    common = find_common_columns((real, synthetic), schema, weight=weight)
    n_columns = len(common.names)
    size = n_columns if real.is_text or synthetic.is_text else _COLUMNS_AT_A_TIME
    files: list[list[CodedTable]] = [[], []]
    for first in range(0, n_columns, size):
        names = common.names[first : first + size]
        part = code_together(
            real, synthetic, schema=schema, columns=names, weight=weight, binning=binning
        )
        for file, table in zip(files, (part.real, *part.synthetic), strict=True):
            file.append(replace(table, number_codes=()))
    real_table, synthetic_table = map(_side_by_side, files)
    return CommonCodes(real_table, (synthetic_table,), common.only_real, common.only_synthetic)


def _side_by_side(parts: Sequence[CodedTable]) -> CodedTable:
    """Return one table of the columns of several tables of the same rows."""
    return replace(
        parts[0],
        columns=tuple(column for part in parts for column in part.columns),
        codes=tuple(codes for part in parts for codes in part.codes),
    )


def glance_at_codes(codes: CommonCodes, *, seed: int = 0) -> UtilityGlance:
    """Compare the first synthetic file of `codes` with the real one; see `utility_at_a_glance`."""
    first = CommonCodes(codes.real, codes.synthetic[:1], codes.only_real, codes.only_synthetic)
    (one_way,) = kmarginal(first, 1, seed=seed)
    (two_way,) = kmarginal(first, 2, seed=seed)
    return UtilityGlance(
        n_real=codes.real.n_rows,
        n_synthetic=codes.synthetic[0].n_rows,
        n_columns=len(codes.real.columns),
        one_way=float(one_way.breakdown["total_variation"].mean()),
        bootstrap_one_way=float(one_way.breakdown["expected_total_variation"].mean()),
        two_way=float(two_way.breakdown["total_variation"].mean()),
        bootstrap_two_way=float(two_way.breakdown["expected_total_variation"].mean()),
        score=two_way.value,
        bootstrap_score=score(2.0 * two_way.breakdown["expected_total_variation"]),
        worst_columns=_worst_columns(one_way, two_way),
        only_real=codes.only_real,
        only_synthetic=codes.only_synthetic,
    )


def _worst_columns(one_way: MetricResult, two_way: MetricResult) -> tuple[ColumnGlance, ...]:
    columns = two_way.breakdown["columns"]
    found = []
    for name, distance in zip(
        one_way.breakdown["columns"][:, 0], one_way.breakdown["total_variation"], strict=True
    ):
        rows = np.flatnonzero((columns == name).any(axis=1))
        found.append(
            ColumnGlance(
                name=str(name),
                one_way=float(distance),
                two_way=float(two_way.breakdown["total_variation"][rows].mean()),
                bootstrap_two_way=float(two_way.breakdown["expected_total_variation"][rows].mean()),
            )
        )
    found.sort(key=lambda column: column.bootstrap_two_way - column.two_way)
    return tuple(found[:_N_WORST])
