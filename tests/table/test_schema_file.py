import traceback

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpusynth.errors import OutputError, SchemaError
from gpusynth.table import (
    Column,
    Schema,
    check_schema,
    infer_schema,
    read_schema,
    schema_from_toml,
    schema_to_toml,
    write_schema,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = TEXTS.filter(bool)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
LIMIT = st.none() | NUMBERS


@st.composite
def columns(draw, name):
    is_number = draw(st.booleans())
    kinds = ("integer", "numeric", "date", "timestamp") if is_number else ("categorical", "ordered")
    codes = draw(
        st.lists(TEXTS | st.integers(-(2**63), 2**63 - 1) | NUMBERS, max_size=4, unique=True)
    )
    more = {}
    if is_number:
        numbers = {code for code in codes if not isinstance(code, str)}
        spikes = draw(st.lists(NUMBERS, max_size=3, unique=True))
        more["spikes"] = [spike for spike in spikes if spike not in numbers]
        more["decimals"] = draw(st.none() | st.integers(0, 18))
        low, high = draw(LIMIT), draw(LIMIT)
        if low is not None and high is not None:
            low, high = sorted((low, high))
        more["bounds"] = draw(st.sampled_from([None, (low, high)]))
        more["trailing_zeros"] = more["decimals"] is not None and draw(st.booleans())
    else:
        more["levels"] = draw(st.none() | st.lists(TEXTS, max_size=30, unique=True))
    return Column(
        name=name,
        kind=draw(st.sampled_from(kinds)),
        storage=draw(NAMES),
        role=draw(st.sampled_from(["synthesize", "keep", "drop"])),
        missing_codes=codes,
        labels=draw(st.dictionaries(TEXTS, TEXTS, max_size=3)),
        note=draw(TEXTS),
        **more,
    )


@st.composite
def schemas(draw):
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    return Schema(columns=[draw(columns(name)) for name in names])


@given(schemas(), TEXTS.map(lambda text: text.replace("\x7f", "")))
def test_round_trip_is_exact(schema, reason):
    printable = "".join(letter for letter in reason if letter.isprintable())
    text = schema_to_toml(schema, dict.fromkeys(schema.names, printable))
    again = schema_from_toml(text)
    assert again == schema
    assert again.fingerprint() == schema.fingerprint()


def test_real_schemas_come_back(real_source, tmp_path):
    inferred = infer_schema(real_source)
    path = tmp_path / "schema.toml"
    write_schema(inferred.schema, path, inferred.reasons)
    assert read_schema(path) == inferred.schema
    text = path.read_text(encoding="utf-8")
    assert text.count("[[columns]]") == len(inferred.schema)
    assert all(f"# {reason}" in text for reason in inferred.reasons.values())


def test_one_error_lists_every_problem():
    text = """
[[columns]]
name = "a"
kind = "number"
storage = "int64"
levls = ["x"]

[[columns]]
name = "b"
kind = "integer"
storage = "int64"
levels = ["1"]

[[columns]]
kind = "integer"
"""
    with pytest.raises(SchemaError) as error:
        schema_from_toml(text, "my.toml")
    lines = str(error.value).splitlines()
    assert lines[0] == "my.toml is not a valid schema:"
    assert lines[1].startswith("- column 'a': 'kind' should be 'categorical', 'ordered'")
    assert lines[2] == (
        "- column 'a': 'levls' is not a key that a schema knows; remove it or correct its spelling"
    )
    assert lines[3] == "- column 'b': is integer and cannot list levels"
    assert lines[4] == "- column number 3: 'name' is missing; add it"
    assert lines[5] == "- column number 3: 'storage' is missing; add it"
    assert len(lines) == 6


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[columns]\nname = 'secret'", r"my.toml is not valid TOML: error at line 1, column 10"),
        ("", r"'columns' is missing; add it"),
        ("columns = []", r"'columns' should have at least 1 item"),
        ("columns = 3", r"'columns' should be a list"),
        *(
            (f"[[columns]]\nname='a'\nkind='integer'\nstorage='int64'\nbounds={bounds}", says)
            for bounds, says in (
                ("{lo=1}", "column 'a': 'bounds' needs a lowest and a highest number: { low"),
                ("[1]", "column 'a': 'bounds' needs a lowest and a highest number: { low"),
                ("[1, 0]", "- column 'a': lower bound above upper bound"),
            )
        ),
        (
            "[[columns]]\nname='a'\nkind='integer'\nstorage='int64'\nspikes=['secret']",
            "column 'a': 'spikes' should be a valid number",
        ),
    ],
)
def test_refusals_show_no_content(text, says):
    with pytest.raises(SchemaError, match=says) as error:
        schema_from_toml(text, "my.toml")
    assert "secret" not in "".join(traceback.format_exception(error.value))


def test_files_that_cannot_be_read_or_written(tmp_path):
    with pytest.raises(SchemaError, match=r"schema file not found: .*none\.toml"):
        read_schema(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xff")
    with pytest.raises(SchemaError, match=r"latin\.toml is not UTF-8 \(byte 2\)"):
        read_schema(tmp_path / "latin.toml")
    schema = Schema(columns=[Column(name="a", kind="integer", storage="int64")])
    with pytest.raises(OutputError, match=r"schema file s\.toml cannot be written"):
        write_schema(schema, tmp_path / "nowhere" / "s.toml")
    (tmp_path / "taken.toml").mkdir()
    with pytest.raises(OutputError):
        write_schema(schema, tmp_path / "taken.toml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latin.toml", "taken.toml"]


def column(name="a", kind="integer", storage="int64", **more):
    return Column(name=name, kind=kind, storage=storage, **more)


FILE = pa.schema([("a", pa.int64()), ("b", pa.large_string())])


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ([column()], "columns of the file that the schema lacks: 'b'"),
        ([column(), column("c")], "unknown columns, not in the file: 'c'"),
        (
            [column("b", "categorical", "large_string"), column()],
            "the columns are in another order",
        ),
        ([column(storage="int32")], "column 'a': storage 'int32' is not the file's type 'int64'"),
        ([column(storage="number")], "column 'a': storage 'number' is not the name"),
        ([column(kind="date")], "column 'a': date cannot be stored as int64"),
        ([column(missing_codes=["N"])], "column 'a': missing code 1 is text"),
        ([column(spikes=[0.5])], "column 'a': spike 1 is not a whole number"),
        (
            [column(kind="categorical", levels=["1", "-9"], missing_codes=[-9])],
            "column 'a': 1 missing codes are also levels",
        ),
    ],
)
def test_check_names_each_problem(columns, says):
    with pytest.raises(SchemaError, match=says) as error:
        check_schema(Schema(columns=columns), FILE, "firms.parquet")
    assert str(error.value).startswith("the schema does not fit firms.parquet:\n- ")


def test_check_lists_all_problems_at_once():
    schema = Schema(columns=[column("c"), column(kind="date")])
    with pytest.raises(SchemaError) as error:
        check_schema(schema, FILE, "firms.parquet")
    assert len(str(error.value).splitlines()) == 4


def test_check_of_a_fitting_schema():
    schema = Schema(columns=[column(), column("b", "categorical", "large_string")])
    check_schema(schema, FILE, "firms.parquet")


def test_check_of_duplicate_names_in_the_file():
    doubled = pa.schema([("a", pa.int64()), ("a", pa.int64())])
    with pytest.raises(SchemaError, match="several columns of the same name: 'a'; rename"):
        check_schema(Schema(columns=[column()]), doubled, "firms.parquet")


def test_check_of_a_text_file():
    text = pa.schema([("a", pa.string())])
    check_schema(Schema(columns=[column()]), text, "firms.csv", is_text=True)
    check_schema(Schema(columns=[column()]), text, "firms.csv")
    with pytest.raises(SchemaError, match="storage 'int8' is not one of a text file"):
        check_schema(Schema(columns=[column(storage="int8")]), text, "firms.csv", is_text=True)
    with pytest.raises(SchemaError, match="is not the file's type"):
        check_schema(Schema(columns=[column()]), text, "firms.parquet", is_text=False)


def test_check_of_real_schemas(real_source):
    inferred = infer_schema(real_source)
    check_schema(inferred.schema, real_source.arrow_schema, real_source.name, is_text=True)
