"""Small coded surveys, steps on them, and what every method's draws must keep."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from gpusynth.methods import Block, DrawnColumns, FittedModel, StepData, StepTarget
from gpusynth.streams import StreamKey
from gpusynth.table import (
    Column,
    Schema,
    Table,
    TableSource,
    as_numbers,
    encode_table,
    fit_codecs,
)
from gpusynth.trees import ClassTarget, NumberTarget, Predictor, PredictorTable

KEY = StreamKey(seed=11, replicate=1, step=3)


def coded(table: pa.Table, columns: tuple[Column, ...]) -> Table:
    """Encode a survey as the engine does."""
    schema = Schema(columns=columns)
    source = TableSource(table, name="survey")
    return encode_table(schema, fit_codecs(schema, source), source)


def step(
    table: Table,
    target: str,
    predictors: tuple[str, ...] = (),
    *,
    part: str = "whole",
    rows: np.ndarray | None = None,
    weight: np.ndarray | None = None,
) -> StepData:
    """What the engine hands to a method (gpusynth.engine.fitting)."""
    codec, codes, values = table.codecs[target], table.codes[target], table.values.get(target)
    ordinary = codec.n_codes - codec.n_special
    if part == "state":
        codes, values = np.minimum(codes, codes.dtype.type(codec.n_special)), None
        goal = ClassTarget(codes, codec.n_special + 1)
    elif codec.column.is_number and ordinary and (part == "value" or codec.n_special == 0):
        goal = NumberTarget(as_numbers(codec, codes, values))
    else:
        goal = ClassTarget(codes, codec.n_codes)
    if part == "value":
        of_value = np.flatnonzero(codes >= codec.n_special).astype(np.int32)
        rows = of_value if rows is None else rows[codes[rows] >= codec.n_special]
    return StepData(
        predictors=predictor_table(table, predictors),
        columns=predictors,
        target=StepTarget(target, codes, values, goal),
        rows=rows,
        weight=weight,
        n_real=table.n_rows,
        table=table,
    )


def predictor_table(table: Table, names, part=slice(None)) -> PredictorTable:
    n_rows = len(range(*part.indices(table.n_rows)))
    return PredictorTable.of(
        [
            Predictor(name, table.codes[name][part], table.codecs[name].n_codes, codec.is_ordered)
            for name in names
            for codec in (table.codecs[name],)
        ],
        n_rows,
    )


@dataclass
class Draws:
    """Draw from a model with the rows of a coded survey as the synthetic rows."""

    model: FittedModel
    table: Table
    predictors: tuple[str, ...] = ()
    key: StreamKey = field(default=KEY)

    def columns(self, first: int, n: int) -> DrawnColumns:
        part = slice(first, first + n)

        def read(name):
            values = self.table.values.get(name)
            return self.table.codes[name][part], None if values is None else values[part]

        return DrawnColumns(predictor_table(self.table, self.predictors, part), read)

    def __call__(self, first=0, n=None, *, positions=None, attempt=0, replicate=None):
        n = self.table.n_rows - first if n is None else n
        key = self.key if replicate is None else self.key.at(replicate=replicate)
        block = Block(first, n, self.table.n_rows, positions, attempt)
        return self.model.draw(self.columns(first, n), key, block)


def firms(n_rows: int = 2000, seed: int = 5) -> Table:
    """A survey with levels, ordered levels, numbers, missing codes, spikes and nested codes."""
    random = np.random.default_rng(seed)
    sector = random.choice(5, n_rows, p=[0.4, 0.3, 0.2, 0.07, 0.03])
    industry = sector * 4 + np.minimum(random.geometric(0.5, n_rows) - 1, 3)
    staff = np.where(random.random(n_rows) < 0.25, 0, random.poisson(2 + 4 * sector))
    staff = np.where(random.random(n_rows) < 0.08, -9, staff)
    sales = np.round(np.exp(random.normal(2 + sector / 2 + np.maximum(staff, 0) / 10, 0.7)), 2)
    age = random.integers(0, 40, n_rows)
    exports = random.random(n_rows) < 1 / (1 + np.exp(3 - 0.5 * sector - 0.03 * age))
    size = np.digitize(sales + random.normal(0, 5, n_rows), [8, 20, 60])
    table = pa.table(
        {
            "sector": pa.array([f"{20 + s}" for s in sector]),
            "industry": pa.array([f"{20 + i // 4}{i % 4}" for i in industry]),
            "region": pa.array(
                random.choice(["N", "S", "W"], n_rows), mask=random.random(n_rows) < 0.1
            ),
            "age": pa.array(age),
            "staff": pa.array(staff),
            "sales": pa.array(sales),
            "exports": pa.array(exports),
            "size": pa.array([("s", "m", "l", "xl")[at] for at in size]),
            "profit": pa.array(np.round(sales * random.normal(0.1, 0.2, n_rows), 2)),
            "legal": pa.array([("Ltd", "plc", "sole")[at] for at in random.integers(0, 3, n_rows)]),
        }
    )  # fmt: skip
    columns = (
        Column(name="sector", kind="categorical", storage="string"),
        Column(name="industry", kind="categorical", storage="string"),
        Column(name="region", kind="categorical", storage="string"),
        Column(name="age", kind="integer", storage="int64", bounds=(0, None)),
        Column(name="staff", kind="integer", storage="int64", missing_codes=(-9,), spikes=(0.0,)),
        Column(name="sales", kind="numeric", storage="double", decimals=2, bounds=(0.0, None)),
        Column(name="exports", kind="boolean", storage="bool"),
        Column(name="size", kind="ordered", storage="string", levels=("s", "m", "l", "xl")),
        Column(name="profit", kind="numeric", storage="double", decimals=2),
        Column(name="legal", kind="categorical", storage="string"),
    )
    return coded(table, columns)


def sums_of(model, table, columns) -> np.ndarray:
    draws = Draws(model, table, columns)
    return model.predictor.sums(draws.columns(0, table.n_rows).read, table.n_rows)
