"""Put several files on common codes: levels united, numbers binned, missing answers kept.

The real file decides nothing but the bins (by the rule asked for): a level that only a synthetic
file has is a level like any other, so a synthesizer that invents answers is found out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.bins import Binning
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.common_columns import find_common_columns
from gpusynth.evaluate.gathered import GatheredColumn
from gpusynth.evaluate.level_order import OTHER
from gpusynth.evaluate.weights import fixed_point, read_weights
from gpusynth.table.schema import Schema
from gpusynth.table.source import Source

__all__ = ["OTHER", "code_together"]


def code_together(
    real: Source,
    *synthetic: Source,
    schema: Schema,
    holdout: Source | None = None,
    columns: Sequence[str] | None = None,
    weight: str | None = None,
    binning: Binning | None = None,
) -> CommonCodes:
    """Read the real file and synthetic ones, each once, and put them on common codes.

    Memory: one or two bytes an answer, and one to four more for each answer in a column of numbers;
    while files are read, also eight for each distinct number of a batch.

    Parameters
    ----------
    real : Source
    *synthetic : Source
        One or more.
    schema : Schema
        Of the real file: kinds, missing codes, spikes, and the order of levels.
    holdout : Source, optional
        Rows of the same population that the synthesizer never saw: a baseline. It decides no bin.
    columns : sequence of str, optional
        Columns to compare; by default all that every file has, except keys and dropped ones.
    weight : str, optional
        Weight column that every file has; it is then not compared itself.
    binning : Binning, optional
        SDNist's rule with 20 bins and spikes apart by default.

    Raises
    ------
    IncomputableMetricError
        If no synthetic file is given, the files have no column in common, or one has no rows, or
        a named column is not in all of them.
    DataError
        If a weight is missing, negative or no number, or answers cannot be compared.
    """
    if not synthetic:
        raise IncomputableMetricError(
            f"there is nothing to compare {real.name} with; name one synthetic file or more"
        )
    binning = binning or Binning()
    files = (real, *synthetic, *(() if holdout is None else (holdout,)))
    common = find_common_columns(files, schema, columns=columns, weight=weight)
    gathered = [GatheredColumn(schema[name], binning.spikes_apart) for name in common.names]
    n_rows, weights = [], []
    for number, source in enumerate(files):
        for one in gathered:
            one.begin_file(is_compared=number <= len(synthetic))
        count, file_weights = _read_file(source, gathered, common.names, weight)
        if count == 0:
            raise IncomputableMetricError(f"{source.name} has no rows; there is nothing to compare")
        n_rows.append(count)
        weights.append(file_weights)
    fixed = fixed_point(weights) if weight else [None] * len(files)
    finished = [one.finish(binning) for one in gathered]
    tables = [
        CodedTable(
            tuple(one.column for one in finished),
            tuple(one.codes[number] for one in finished),
            n_rows[number],
            fixed[number],
            tuple(one.number_codes[number] for one in finished),
        )
        for number in range(len(files))
    ]
    return CommonCodes(
        real=tables[0],
        synthetic=tuple(tables[1 : len(synthetic) + 1]),
        only_real=common.only_real,
        only_synthetic=common.only_synthetic,
        holdout=None if holdout is None else tables[-1],
        different_types=common.different_types,
    )


def _read_file(
    source: Source, gathered: Sequence[GatheredColumn], names: Sequence[str], weight: str | None
) -> tuple[int, Array]:
    """Read one file into `gathered`; return its number of rows and its weights, if any."""
    weights = []
    n_rows = 0
    wanted = list(dict.fromkeys([*names, weight] if weight else names))  # a weight may be compared
    for batch in source.batches(wanted):
        for position, one in enumerate(gathered):
            one.read(batch.column(position), source.name)
        if weight:
            weights.append(read_weights(batch.column(weight), weight, source.name, n_rows))
        n_rows += batch.num_rows
    return n_rows, np.concatenate(weights) if weights else np.empty(0)
