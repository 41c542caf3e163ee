"""A small survey for plans: fake codecs that say only how many codes there are."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gpusynth.table import Column, Schema


@dataclass(frozen=True)
class FakeCodec:
    column: Column
    n_codes: int
    n_special: int = 0
    is_ordered: bool = False
    is_exact: bool = True


def survey(**roles: str):
    columns = (
        Column(name="firm", kind="integer", storage="int64", role="key"),
        Column(name="state", kind="categorical", storage="string"),
        Column(name="sector", kind="categorical", storage="string"),
        Column(name="staff", kind="integer", storage="int64", spikes=(0.0,)),
        Column(name="sales", kind="numeric", storage="double", missing_codes=(-8, -9)),
        Column(name="fax", kind="categorical", storage="string"),
        Column(name="weight", kind="numeric", storage="double", role="weight"),
    )
    columns = tuple(
        c.model_copy(update={"role": roles[c.name]}) if c.name in roles else c for c in columns
    )
    schema = Schema(columns=columns)
    sizes = {
        "state": (51, 0, True),
        "sector": (20, 1, True),
        "staff": (300, 2, True),
        "sales": (5000, 3, False),
        "fax": (1, 1, True),
        "weight": (900, 0, False),
    }
    codecs = {
        name: FakeCodec(schema[name], n_codes, n_special, schema[name].is_number, is_exact)
        for name, (n_codes, n_special, is_exact) in sizes.items()
        if schema[name].role not in ("drop", "key")
    }
    return schema, codecs


@pytest.fixture(name="survey")
def _survey():
    return survey
