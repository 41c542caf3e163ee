"""Coded tables made up for tests of disclosure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpusynth.evaluate.coded import CodedColumn, CodedTable, CommonCodes


def levels(name: str, n_codes: int, n_missing: int = 0) -> CodedColumn:
    labels = tuple(f"{name}{code}" for code in range(n_codes))
    return CodedColumn(name, labels, has_null=False, n_missing=n_missing)


def number(name: str, n_apart: int, n_bins: int) -> CodedColumn:
    labels = tuple(f"apart{code}" for code in range(n_apart))
    cuts = np.arange(n_bins - 1, dtype=np.float64)
    return CodedColumn(name, labels, has_null=False, n_missing=0, cuts=cuts)


def table(columns: Sequence[CodedColumn], rows: Sequence[Sequence[int]]) -> CodedTable:
    """Rows of codes, one sequence a row."""
    codes = np.array(rows, np.int64).reshape(len(rows), len(columns))
    return CodedTable(
        tuple(columns),
        tuple(
            codes[:, i].astype(np.uint8 if column.n_codes <= 256 else np.uint16)
            for i, column in enumerate(columns)
        ),
        len(rows),
    )


def mixed(n_columns: int = 9) -> tuple[CodedColumn, ...]:
    """Levels of several numbers of codes, a wide one, and numbers with and without missing."""
    kinds = [
        levels("a", 2),
        levels("b", 4),
        number("c", 2, 20),
        levels("d", 3),
        levels("e", 700),
        number("f", 0, 5),
        levels("g", 1),
        number("h", 1, 300),
        levels("i", 12),
    ]
    extra = [levels(f"x{i}", 3) for i in range(max(n_columns - len(kinds), 0))]
    return tuple((*kinds, *extra)[:n_columns])


def population(columns: Sequence[CodedColumn], n_rows: int, seed: int) -> CodedTable:
    """Rows of a population with common and rare answers, correlated by a hidden class."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 5, n_rows)
    codes = []
    for i, column in enumerate(columns):
        centre = np.random.default_rng(1000 + i).integers(0, column.n_codes, 5)[group]
        spread = rng.geometric(0.5, n_rows) - 1
        codes.append((centre + spread) % column.n_codes)
    return table(columns, np.stack(codes, axis=1))


def common(real: CodedTable, *synthetic: CodedTable, holdout=None) -> CommonCodes:
    return CommonCodes(real, synthetic, holdout=holdout)


def plain_distances(first: CodedTable, second: CodedTable, unit: int = 840) -> np.ndarray:
    """Distances in units of every row of `first` to every row of `second`, by the definition."""
    total = np.zeros((first.n_rows, second.n_rows), np.int64)
    for column, left, right in zip(first.columns, first.codes, second.codes, strict=True):
        x, y = left.astype(int)[:, None], right.astype(int)[None, :]
        part = np.where(x == y, 0, unit)
        if column.cuts is not None:
            n_apart, n_bins = len(column.labels), len(column.cuts) + 1
            places = np.floor(np.arange(n_bins) * unit / max(n_bins - 1, 1) + 0.5)
            places = np.concatenate((np.zeros(n_apart), places)).astype(int)
            both = (x >= n_apart) & (y >= n_apart)
            part = np.where(both, np.abs(places[x] - places[y]), part)
        total += part
    return total
