"""Put several files on common codes: levels united, numbers binned, missing answers kept.

The real file decides nothing but the bins (by the rule asked for): a level that only a synthetic
file has is a level like any other, so a synthesizer that invents answers is found out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError, IncomputableMetricError
from gpusynth.evaluate.answers import (
    Answers,
    LevelBook,
    missing_text,
    numbers_apart,
    read_levels,
    read_numbers,
)
from gpusynth.evaluate.bins import Binning, Cuts, cut_points
from gpusynth.evaluate.coded import CodedColumn, CodedTable, CommonCodes
from gpusynth.table.schema import Column, Schema
from gpusynth.table.source import Source

__all__ = ["OTHER", "code_together"]

OTHER = "(other)"
"""Label of the level that takes the rarest ones of a column with more than 65,535 levels."""

_MAX_LEVELS = 65_535
_WEIGHT_BITS = 61


@dataclass(slots=True)
class _Gathered:
    """What has been read of one column: one list of blocks for each file."""

    column: Column
    apart: dict[float, str]
    book: LevelBook = field(default_factory=LevelBook)
    files: list[list[Answers]] = field(default_factory=list)

    def read(self, array: object, file: str) -> None:
        if self.column.is_number:
            answers = read_numbers(array, self.column, self.book, self.apart, file)
        else:
            answers = read_levels(array, self.column, self.book, file)
        # one byte a row in the commonest case; blocks of different types are joined as the widest
        narrow = np.min_scalar_type(-max(len(self.book.numbers), 1))
        self.files[-1].append(Answers(answers.levels.astype(narrow), answers.values))


def code_together(
    real: Source,
    *synthetic: Source,
    schema: Schema,
    columns: Sequence[str] | None = None,
    weight: str | None = None,
    binning: Binning | None = None,
) -> CommonCodes:
    """Read the real file and synthetic ones, each once, and put them on common codes.

    Peak memory: one or two bytes an answer, and eight more for each answer in a column of numbers.

    Parameters
    ----------
    real : Source
    *synthetic : Source
        One or more.
    schema : Schema
        Of the real file: kinds, missing codes, spikes, and the order of levels.
    columns : sequence of str, optional
        Columns to compare; by default all that every file has, except keys and dropped ones.
    weight : str, optional
        Weight column that every file has; it is then not compared itself.
    binning : Binning, optional
        SDNist's rule with 20 bins and spikes apart by default.

    Raises
    ------
    IncomputableMetricError
        If the files have no column in common, or one has no rows, or a named column is not in
        all of them.
    DataError
        If a weight is missing, negative or no number, or answers cannot be compared.
    """
    binning = binning or Binning()
    files = (real, *synthetic)
    names, only_real, only_synthetic = _common_columns(files, schema, columns, weight)
    gathered = [
        _Gathered(schema[name], numbers_apart(schema[name], spikes_apart=binning.spikes_apart))
        for name in names
    ]
    n_rows, weights = [], []
    for source in files:
        count, file_weights = _read_file(source, gathered, weight)
        if count == 0:
            raise IncomputableMetricError(f"{source.name} has no rows; there is nothing to compare")
        n_rows.append(count)
        weights.append(file_weights)
        if source is real:
            for one in gathered:
                one.book.n_real = len(one.book.numbers)
    fixed = _fixed_point(weights) if weight else [None] * len(files)
    coded_columns = []
    codes: list[list[Array]] = [[] for _ in files]
    for one in gathered:
        column, per_file = _finish(one, binning)
        coded_columns.append(column)
        for number, file_codes in enumerate(per_file):
            codes[number].append(file_codes)
        one.files.clear()
    tables = [
        CodedTable(tuple(coded_columns), tuple(codes[number]), n_rows[number], fixed[number])
        for number in range(len(files))
    ]
    return CommonCodes(tables[0], tuple(tables[1:]), only_real, only_synthetic)


def _common_columns(
    files: Sequence[Source], schema: Schema, columns: Sequence[str] | None, weight: str | None
) -> tuple[list[str], tuple[str, ...], tuple[str, ...]]:
    have = [set(source.arrow_schema.names) for source in files]
    common = set.intersection(*have, set(schema.names))
    real_names = files[0].arrow_schema.names
    only_real = tuple(name for name in real_names if name not in set.intersection(*have))
    only_synthetic = tuple(sorted(set.union(*have) - have[0]))
    required = [*(columns or ()), *([weight] if weight else ())]
    for name in required:
        if name not in common:
            lacking = [
                source.name for source, names in zip(files, have, strict=True) if name not in names
            ] or ["the schema"]
            raise IncomputableMetricError(
                f"column {name!r} is not in {', '.join(lacking)}; compare columns that all have"
            )
    if columns is None:
        left_out = {column.name for column in schema.with_role("key", "drop")} | {weight}
        columns = [name for name in real_names if name in common and name not in left_out]
    if not columns:
        raise IncomputableMetricError(
            f"{', '.join(source.name for source in files)} have no column in common that the "
            "schema describes; there is nothing to compare"
        )
    return list(columns), only_real, only_synthetic


def _read_file(
    source: Source, gathered: Sequence[_Gathered], weight: str | None
) -> tuple[int, Array]:
    """Read one file into `gathered`; return its number of rows and its weights, if any."""
    for one in gathered:
        one.files.append([])
    names = [one.column.name for one in gathered]
    weights = []
    n_rows = 0
    for batch in source.batches([*names, weight] if weight else names):
        for position, one in enumerate(gathered):
            one.read(batch.column(position), source.name)
        if weight:
            weights.append(_weights(batch.column(len(names)), weight, source.name, n_rows))
        n_rows += batch.num_rows
    return n_rows, _joined(weights, np.float64)


def _weights(array: object, name: str, file: str, first_row: int) -> Array:
    """Read weights as float64; rows in messages count from 1."""
    column = Column(name=name, kind="numeric", storage="double", role="weight")
    answers = read_numbers(array, column, LevelBook(), {}, file)
    bad = np.flatnonzero(answers.levels >= 0)
    if len(bad):
        raise DataError(
            f"{file}: weight {name!r} is missing or no finite number in row "
            f"{first_row + int(bad[0]) + 1}. Give every row a weight, or leave the row out."
        )
    negative = np.flatnonzero(answers.values < 0)
    if len(negative):
        raise DataError(
            f"{file}: weight {name!r} is negative in row {first_row + int(negative[0]) + 1}. "
            "Weights must be zero or more."
        )
    return answers.values


def _fixed_point(weights: Sequence[Array]) -> list[Array]:
    """Scale weights by one power of two so that sums, also of resampled rows, stay below 2^62.

    With a million rows and a largest weight a thousand times the mean, the mean weight keeps 31
    bits: each share is right to about one part in 10^9.
    """
    largest = max(float(w.max()) for w in weights)
    if largest == 0.0:
        raise DataError("all weights are zero; there is nothing to count")
    n_rows = max(len(w) for w in weights)
    bits = _WEIGHT_BITS - int(np.ceil(np.log2(largest))) - int(np.ceil(np.log2(max(n_rows, 2))))
    return [np.rint(np.ldexp(w, bits)).astype(np.int64) for w in weights]


def _finish(one: _Gathered, binning: Binning) -> tuple[CodedColumn, list[Array]]:
    """Decide the codes of one column and encode every file."""
    levels = [_joined([block.levels for block in blocks], np.int32) for blocks in one.files]
    values = [_joined([block.values for block in blocks], np.float64) for blocks in one.files]
    labels, code_of_level, n_missing = _order_levels(one, levels[0])
    has_null = None in one.book.numbers
    cuts: Cuts | None = None
    if one.column.is_number:
        cuts = cut_points(
            values[0],
            _joined(values[1:], np.float64),
            binning,
            n_missing=n_missing,
            is_whole=one.column.kind != "numeric",
        )
        has_values = any(len(v) for v in values)
    column = CodedColumn(
        name=one.column.name,
        labels=labels,
        has_null=has_null,
        n_missing=n_missing,
        cuts=cuts.points if cuts is not None and has_values else None,
        closed=cuts.closed if cuts is not None else "right",
        joins_outside=cuts.joins_outside if cuts is not None and has_values else False,
    )
    dtype = np.uint8 if column.n_codes <= 256 else np.uint16
    codes = []
    for file_levels, file_values in zip(levels, values, strict=True):
        file_codes = code_of_level[file_levels]
        if cuts is not None and len(file_values):
            file_codes[file_levels < 0] = len(labels) + cuts.codes(file_values)
        codes.append(file_codes.astype(dtype))
    return column, codes


def _joined(blocks: Sequence[Array], dtype: type) -> Array:
    return np.concatenate(blocks) if blocks else np.empty(0, dtype)


def _order_levels(one: _Gathered, real_levels: Array) -> tuple[tuple[str, ...], Array, int]:
    """Order the levels: null, missing codes, spikes, the schema's levels, then others by text.

    Returns
    -------
    labels : tuple of str
    code_of_level : array of int64, shape (n_levels + 1,)
        Code of each number of the book; the last entry serves number -1.
    n_missing : int
    """
    column, numbers = one.column, one.book.numbers
    missing = [
        code if isinstance(code, str) and not column.is_number else missing_text(code)
        for code in column.missing_codes
    ]
    known = [*missing, *one.apart.values(), *(column.levels or ())]
    rank: dict[str | None, int] = {None: -1}
    for name in known:
        rank.setdefault(name, len(rank))
    ordered = sorted(numbers, key=lambda text: (rank.get(text, len(rank)), text or ""))
    n_missing = sum(text is None or text in missing for text in ordered)
    labels = ["" if text is None else text for text in ordered]
    code = {text: position for position, text in enumerate(ordered)}
    if len(ordered) > _MAX_LEVELS - 256:
        code, labels = _join_rare(ordered, numbers, real_levels, n_missing)
    table = np.zeros(len(numbers) + 1, np.int64)
    for text, number in numbers.items():
        table[number] = code[text]
    return tuple(labels), table, n_missing


def _join_rare(
    ordered: Sequence[str | None],
    numbers: dict[str | None, int],
    real_levels: Array,
    n_missing: int,
) -> tuple[dict[str | None, int], list[str]]:
    """Keep missing codes and the commonest levels of the real file; the others become `OTHER`."""
    count = np.bincount(real_levels[real_levels >= 0], minlength=len(numbers))
    count[[numbers[text] for text in ordered[:n_missing]]] = len(real_levels) + 1
    by_count = sorted(range(len(ordered)), key=lambda i: (-int(count[numbers[ordered[i]]]), i))
    kept = sorted(by_count[: _MAX_LEVELS - 257])
    code = dict.fromkeys(ordered, len(kept))
    code.update({ordered[i]: position for position, i in enumerate(kept)})
    return code, [*((ordered[i] or "") for i in kept), OTHER]
