"""synthpop's disclosure measures: golden values, one file by hand, blocks, many keys."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedColumn, CodedTable
from gpusynth.evaluate.coding import code_together
from gpusynth.evaluate.disclosure.attribute import AttributeDisclosure, attribute_disclosure
from gpusynth.evaluate.metric import measure
from gpusynth.evaluate.records import record_keys
from gpusynth.table.schema import Column, Schema
from gpusynth.table.source import TableSource

KEYS = ("sector", "state", "immig")


@pytest.fixture(scope="module")
def codes(firms, firm_schema):
    return code_together(*firms, schema=firm_schema, columns=(*KEYS, "exports"))


@pytest.fixture(scope="module")
def made_up(made_up_firms, firm_schema):
    return code_together(*made_up_firms, schema=firm_schema, columns=(*KEYS, "exports"))


@pytest.mark.parametrize("block", ["ident", "attrib", "allCAPs"])
def test_synthpop_golden(codes, expected, block):
    golden = expected["disclosure"][block]
    golden = golden[0] if isinstance(golden, list) else golden
    ((result,),) = attribute_disclosure(codes, KEYS, ["exports"])
    found = {name: result.breakdown[name][0] for name in golden}
    assert found == pytest.approx(golden, rel=1e-9)
    assert result.value == result.breakdown["DiSCO"][0]


def small(real: list[str], synthetic: list[str]):
    """Rows are written key + target, such as "a1"."""
    schema = Schema(
        columns=tuple(Column(name=n, kind="categorical", storage="string") for n in "qt")
    )
    files = [
        TableSource(pa.table({"q": [r[0] for r in rows], "t": [r[1] for r in rows]}), name=name)
        for name, rows in (("real", real), ("synthetic", synthetic))
    ]
    return code_together(*files, schema=schema)


def test_by_hand():
    """Real: a is unique, b has two targets, c one. Synthetic: a right, b determined, c missing."""
    codes = small(["a1", "b1", "b1", "b2", "c2", "c2"], ["a1", "b1", "d1", "d2"])
    ((result,),) = attribute_disclosure(codes, ["q"], ["t"])
    found = {name: values[0] for name, values in result.breakdown.items()}
    sixth = 100 / 6
    assert found == pytest.approx(
        {
            "UiO": sixth,
            "UiS": 50,
            "UiOiS": sixth,
            "repU": sixth,
            "Dorig": 3 * sixth,
            "Dsyn": 50,
            "iS": 4 * sixth,
            "DiS": 4 * sixth,
            "DiSCO": 3 * sixth,
            "DiSDiO": sixth,
            "max_denom": 2,
            "mean_denom": 1.5,
            "baseCAPd": 50,
            "CAPd": sixth * (1 + 2 / 3 * 2 + 1 / 3 + 2),
            "CAPs": 25 * (1 + 1 + 1 / 2 + 1 / 2),
            "DCAP": sixth * (1 + 2),
            "DCAPs": 25 * (1 + 2),
            "DCAPb": 50 * (1 + 2),
            "TCAP": 75,
            "TCAPd": 75,
            "TCAPs": 75,
            "TCAPb": 150,
        }
    )


def test_no_key_in_common():
    ((result,),) = attribute_disclosure(small(["a1"], ["b1"]), ["q"], ["t"])
    assert result.value == 0.0
    assert result.breakdown["mean_denom"][0] == 0.0
    for name in ("TCAP", "TCAPd", "TCAPb", "DCAPb"):
        assert np.isnan(result.breakdown[name][0])


def test_a_copy_discloses_what_the_real_file_does(made_up):
    metric = AttributeDisclosure(KEYS, "exports")
    copy = measure(metric, [(made_up.real, made_up.real)]).breakdown
    assert copy["repU"] == copy["UiO"] == copy["UiOiS"]
    assert copy["DiSCO"] == copy["Dorig"] == copy["DiSDiO"]
    assert copy["iS"][0] == 100
    assert copy["DCAP"] == pytest.approx(copy["CAPd"])


@pytest.mark.parametrize("rows", [1, 37, 600])
def test_blocks_change_nothing(made_up, rows):
    metric = AttributeDisclosure(KEYS, "exports")
    real, synthetic = made_up.real, made_up.synthetic[0]
    whole = measure(metric, [(real, synthetic)]).breakdown
    blocks = zip(
        real.take(slice(0, 90)).blocks(rows), synthetic.take(slice(0, 90)).blocks(rows), strict=True
    )
    rest = (real.take(slice(90, None)), synthetic.take(slice(90, None)))
    parts = measure(metric, [*blocks, rest]).breakdown
    assert {k: v[0] for k, v in parts.items()} == {k: v[0] for k, v in whole.items()}


@settings(deadline=None, max_examples=30)
@given(
    n_codes=st.lists(st.sampled_from([1, 2, 3, 200, 60_000]), min_size=1, max_size=12),
    seed=st.integers(0, 99),
)
def test_keys_are_equal_exactly_when_all_codes_are(n_codes, seed):
    rng = np.random.default_rng(seed)
    columns = tuple(
        CodedColumn(f"c{i}", tuple(map(str, range(n))), has_null=False, n_missing=0)
        for i, n in enumerate(n_codes)
    )
    # few distinct codes, large ones among them, so that equal rows occur
    codes = tuple((rng.integers(0, 2, 40) * (n - 1)).astype(np.uint16) for n in n_codes)
    keys = record_keys(CodedTable(columns, codes, 40), range(len(n_codes)))
    _, numbers = np.unique(keys, return_inverse=True)
    _, rows = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)
    assert np.array_equal(numbers, rows.ravel())


@pytest.mark.parametrize(
    ("keys", "target"), [((), "t"), (("q", "q"), "t"), (("q", "t"), "t")], ids=str
)
def test_keys_and_target_must_differ(keys, target):
    with pytest.raises(IncomputableMetricError, match="distinct keys"):
        AttributeDisclosure(keys, target)


def test_unknown_columns_are_named():
    with pytest.raises(IncomputableMetricError, match="no column 'z'"):
        attribute_disclosure(small(["a1"], ["b1"]), ["z"], ["t"])
