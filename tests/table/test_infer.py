"""The stated rules, each on a column made for it; reasons show no value of the data."""

import datetime as dt
import re

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.errors import DataError
from gpusynth.table import (
    encode_table,
    fit_codecs,
    infer_schema,
    output_schema,
    parse_storage,
)
from gpusynth.table.counts import ValueCounts
from gpusynth.table.encode import decode_batch
from gpusynth.table.infer.number_rules import binary_decimals, negative_codes, propose_spikes

N_ROWS = 1_000
RNG = np.random.default_rng(11)


def spread(low, high):
    """Whole numbers that no rule but the last one fits."""
    return RNG.integers(low, high, N_ROWS)


def texts_of(values):
    return [str(value) for value in values.tolist()]


def column_of(source):
    inferred = infer_schema(source)
    (column,) = inferred.schema.columns
    return column, inferred.reasons[column.name]


@pytest.mark.parametrize(
    ("texts", "kind", "storage"),
    [
        (texts_of(spread(0, 500)), "integer", "int64"),
        ([*texts_of(spread(0, 500)), "N"], "integer", "string"),
        ([*texts_of(spread(0, 500)), None], "integer", "int64"),
        (texts_of(spread(0, 500) / 100), "numeric", "double"),
        (["1", "2", "2"] * 50, "categorical", "int64"),
        (["1.0", "2.0", "2.0"] * 50, "categorical", "string"),
        (["01", "02", "10"] * 50, "categorical", "string"),
        ([*texts_of(spread(0, 500)), "007"], "categorical", "string"),
        (["true", "false", None], "boolean", "bool"),
        (["TRUE", "FALSE", None], "boolean", "string"),
        (["2012-12-31", "1999-01-01"] * 5, "date", "date32[day]"),
        (["2012-12-31", "2012-02-30"] * 5, "categorical", "string"),
        (["2012-12-31 10:00:00", "2012-12-31T10:00"] * 5, "timestamp", "timestamp[us]"),
        (["yes", "no"] * 5, "categorical", "string"),
        ([None, None], "categorical", "string"),
    ],
)
def test_kinds_and_storages_of_text(text_columns, texts, kind, storage):
    column, _ = column_of(text_columns(x=texts))
    assert (column.kind, column.storage, column.role) == (kind, storage, "synthesize")


def test_typed_columns_keep_their_storage(typed_columns):
    days = pa.array([dt.date(2000, 1, 1) + dt.timedelta(int(d)) for d in spread(0, 90)])
    source = typed_columns(
        small=pa.array(spread(0, 4), pa.int8()),
        amount=pa.array(spread(0, 500), pa.uint32()),
        whole=pa.array(spread(0, 500).astype(float)),
        share=pa.array(spread(0, 500) / 1000),
        money=pa.array(spread(0, 500)).cast(pa.decimal128(21, 2)),
        day=days,
        yes=pa.array(spread(0, 2).astype(bool)),
        level=pa.array(texts_of(spread(0, 4))).dictionary_encode(),
        text=pa.array(texts_of(spread(0, 500)), pa.large_string()),
        lists=pa.array([[1]] * N_ROWS),
        nothing=pa.nulls(N_ROWS),
    )
    inferred = infer_schema(source)
    assert {column.name: column.kind for column in inferred.schema.columns} == {
        "small": "categorical",
        "amount": "integer",
        "whole": "integer",
        "share": "numeric",
        "money": "numeric",
        "day": "date",
        "yes": "boolean",
        "level": "categorical",
        "text": "categorical",
        "lists": "categorical",
        "nothing": "categorical",
    }
    for column in inferred.schema.columns:
        assert column.storage == str(source.arrow_schema.field(column.name).type)
    assert inferred.schema["share"].decimals == 3
    assert inferred.schema["money"].decimals == 2
    assert inferred.schema["lists"].role == "drop"
    assert "stored as text" in inferred.reasons["text"]


def test_ordered_dictionaries_are_ordered(typed_columns):
    array = pa.array(["low", "high"]).dictionary_encode()
    array = pa.DictionaryArray.from_arrays(array.indices, array.dictionary, ordered=True)
    column, reason = column_of(typed_columns(x=array))
    assert (column.kind, column.levels) == ("ordered", ("low", "high"))
    assert reason.startswith("ordered: an ordered Arrow dictionary of 2 levels")


@pytest.mark.parametrize(
    ("name", "numbers", "kind"),
    [
        ("amount", spread(10_000, 99_999).repeat(20), "integer"),  # rounded or not: see below
        ("Zip", spread(59_000, 59_400), "categorical"),
        ("place", np.arange(59_001, 59_091, 3).repeat(30), "categorical"),
        ("income", np.arange(20_000, 80_000, 500).repeat(30), "integer"),
        ("NAICSCode", spread(111_110, 928_120), "categorical"),
        ("age", spread(0, 90), "integer"),
        ("sector", spread(11, 30), "categorical"),
        ("zipper", spread(0, 500), "integer"),
    ],
)
def test_codes_are_told_from_quantities(text_columns, name, numbers, kind):
    if name == "amount":
        numbers = numbers // 100 * 100
    column, _ = column_of(text_columns(**{name: texts_of(numbers)}))
    assert column.kind == kind


@pytest.mark.parametrize(
    ("name", "texts", "role"),
    [
        ("x", texts_of(np.arange(100, 200)), "key"),
        ("x", texts_of(np.arange(100, 200) * 7), "synthesize"),
        ("firm_id", texts_of(np.arange(100, 200) * 7), "key"),
        ("x", [f"firm {i}" for i in range(100)], "key"),
        ("x", [f"firm {i}" for i in range(10)], "synthesize"),
        ("x", texts_of(np.arange(100) + 0.5), "synthesize"),
    ],
)
def test_keys(text_columns, name, texts, role):
    column, _ = column_of(text_columns(**{name: texts}))
    assert column.role == role


def test_numbers_whose_distance_has_more_than_64_bits(typed_columns):
    column, _ = column_of(typed_columns(x=pa.array([-(2**63) + 7, *range(98), 2**63 - 1])))
    assert (column.kind, column.role) == ("integer", "synthesize")


@pytest.mark.parametrize(
    ("others", "said"), [(["A"], "1 other text"), (["A", "B"], "2 other texts")]
)
def test_texts_beside_codes_are_counted(text_columns, others, said):
    texts = [str(row % 20) for row in range(N_ROWS)]
    _, reason = column_of(text_columns(x=[*texts, *others * 50]))
    assert said in reason.split("; ")


def test_too_many_texts_are_dropped_with_a_remedy(text_columns):
    column, reason = column_of(text_columns(x=[f"firm {i}" for i in range(65_537)]))
    assert column.role == "drop"
    assert "65,536" in reason
    assert "role key" in reason


def test_long_level_lists_are_left_to_the_data(text_columns):
    texts = [f"place {i}" for i in range(1_001)] * 2
    column, reason = column_of(text_columns(x=texts))
    assert column.levels is None
    assert "taken from the data" in reason


def test_missing_codes_and_spikes_are_proposed(text_columns):
    numbers = np.concatenate([spread(1, 500), np.zeros(200, int), np.full(50, -8)])
    column, reason = column_of(text_columns(x=[*texts_of(numbers), "N", "."]))
    assert column.missing_codes == (".", "N", -8)
    assert column.spikes == (0.0,)
    assert "2 texts are proposed as missing code (0.2 % of rows)" in reason
    assert "1 negative number is proposed" in reason
    assert "1 number is proposed as spike (16.7 % of answers)" in reason


def test_negative_codes_of_coded_answers_keep_their_text(text_columns):
    column, _ = column_of(text_columns(x=["1.0", "2.0", "3.0", "-9.0"] * 30))
    assert (column.levels, column.missing_codes) == (("1.0", "2.0", "3.0"), ("-9.0",))


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([-9, -8, 0, 1, 2, 3], (-9, -8)),
        ([-1, 0, 1, 2, 3], ()),
        ([-1, 5, 6, 7], (-1,)),
        ([-8.5, 0, 1, 2], ()),
        ([-50, -8, 0, 1, 2, 3], ()),
        ([-8, -7, -6, -5, -4, -3, *range(10)], ()),
        ([-9, -8, 3], ()),
        ([-99.0, 0.5, 1.5], (-99,)),
    ],
)
def test_negative_codes(values, codes):
    values = np.array(values)
    assert negative_codes(ValueCounts(values, np.ones(values.size, int))) == codes


@pytest.mark.parametrize(
    ("values", "counts", "spikes"),
    [
        (range(100), [300, *[10] * 99], (0.0,)),
        (range(100), [25, *[10] * 99], ()),
        (range(1, 101), [*[10] * 99, 500], (100.0,)),
        (range(1, 101), [*[10] * 99, 90], ()),
        (range(100), [40, 20, *[10] * 98], ()),
        # Heaping: 1,000 and 2,000 are far above their neighbours, but not above each other.
        ([990, 1000, 1010, 1990, 2000, 2010], [10, 300, 10, 10, 250, 10], ()),
        ([0.0], [100], ()),
        ([], [], ()),
    ],
)
def test_spikes(values, counts, spikes):
    counts = ValueCounts(np.array(list(values), float), np.array(counts, int))
    assert propose_spikes(counts) == spikes


def test_decimals_of_floats():
    assert binary_decimals(np.array([0.1, 0.25])) == 2
    assert binary_decimals(np.array([1.0, 2.0])) == 0
    assert binary_decimals(np.array([1 / 3])) is None


def test_fixed_decimals_are_found(text_columns):
    column, _ = column_of(text_columns(x=[f"{number}.0" for number in spread(0, 5_000).tolist()]))
    assert (column.kind, column.storage) == ("integer", "double")
    assert (column.decimals, column.trailing_zeros) == (1, True)
    source = text_columns(x=[f"{number}.0" for number in spread(0, 5_000).tolist()])
    field = output_schema(infer_schema(source).schema, source.arrow_schema).field("x")
    assert field.metadata == {b"gpusynth.decimals": b"1"}


def test_dates_in_another_form_are_pointed_out(text_columns):
    column, reason = column_of(text_columns(x=["4/4/20", "12/31/19"] * 20))
    assert column.kind == "categorical"
    assert "write them as 2012-12-31" in reason


def test_no_rows(text_columns):
    with pytest.raises(DataError, match=r"survey\.csv: no rows"):
        infer_schema(text_columns(x=[]))


def test_inference_does_not_depend_on_batches(real_source):
    assert infer_schema(real_source, batch_rows=1_999).schema == infer_schema(real_source).schema


def test_reasons_of_real_files_show_no_value(real_source):
    inferred = infer_schema(real_source)
    assert list(inferred.reasons) == real_source.arrow_schema.names
    for name, reason in inferred.reasons.items():
        column = inferred.schema[name]
        assert reason.startswith((f"{column.kind}: ", f"{column.role}: ", "dropped: "))
        for level in column.levels or ():
            # Words of the rules themselves (as "text") are no values.
            if re.fullmatch(r"[A-Z][A-Za-z -]{4,}", level):
                assert level not in reason


def test_real_files_come_back_from_their_codes(real_source):
    inferred = infer_schema(real_source)
    codecs = fit_codecs(inferred.schema, real_source, sketches=inferred.sketches)
    table = encode_table(inferred.schema, codecs, real_source)
    output = output_schema(inferred.schema, real_source.arrow_schema)
    batch = decode_batch(inferred.schema, codecs, table.codes, table.values, output)
    (original,) = real_source.batches(batch_rows=table.n_rows)
    for field in output:
        expected = original.column(field.name).cast(parse_storage(str(field.type)))
        assert batch.column(field.name).equals(expected), field.name
