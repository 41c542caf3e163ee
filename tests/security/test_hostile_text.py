"""Plans, schemas, regressions, results and manifests that were made to harm: one error, at once."""

from __future__ import annotations

import json
import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpusynth.errors import DataError, GpusynthError, PlanError, SchemaError
from gpusynth.evaluate.files import open_files
from gpusynth.evaluate.results import read_comparisons, read_evaluation
from gpusynth.inference.model_file import read_models
from gpusynth.plan import read_plan
from gpusynth.table import read_schema
from gpusynth.table.expression import parse_expression
from gpusynth.table.text_file import MAX_DEPTH, parse_json, parse_toml, read_text

READERS = {
    "plan": read_plan,
    "schema": read_schema,
    "models": read_models,
    "evaluation": read_evaluation,
    "comparisons": read_comparisons,
}

HOSTILE = {
    "empty": "",
    "deep list": "a = " + "[" * 50_000 + "]" * 50_000,
    "deep table": "a = " + "{b = " * 50_000 + "1" + "}" * 50_000,
    "dotted key": ".".join(["a"] * 20_000) + " = 1",
    "dotted quoted key": ".".join(['"a b"'] * 20_000) + " = 1",
    "deep header": "[" + ".".join(["a"] * 20_000) + "]\nb = 1",
    "deep json": '{"comparisons": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "large integer": "a = " + "9" * 100_000,
    "large json integer": '{"comparisons": ' + "9" * 100_000 + "}",
    "not a date": "a = 2020-13-45",
    "unfinished text": 'a = "' + "x" * 100_000,
    "controls": "a = \x1b[2J\x00",
    "surrogate": 'a = "\\ud800"',
    "many keys": "\n".join(f"k{number} = 1" for number in range(20_000)),
    "many tables": "[[columns]]\n" * 5_000,
    "merge": "<<: *a",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("attack", HOSTILE)
def test_one_error_at_once(reader, attack, tmp_path):
    path = tmp_path / "hostile.toml"
    path.write_text(HOSTILE[attack], encoding="utf-8")
    began = time.process_time()
    if (reader, attack) == ("plan", "empty"):
        assert READERS[reader](path) is not None  # every entry of a plan is optional
    else:
        with pytest.raises(GpusynthError) as error:
            READERS[reader](path)
        assert len(str(error.value)) < 2_000
    assert time.process_time() - began < 20  # a guard against quadratic work, not a measurement


def test_what_people_write_is_no_long_key():
    text = 'a.b."c.d" = [1.5, 2.5, -3.5]\nnote = "' + "e. g. this. " * 100 + '"\n'
    text += "numbers = [" + ", ".join(["1.25"] * 500) + "]\n"
    assert parse_toml(text, "file", DataError)["a"]["b"]["c.d"] == [1.5, 2.5, -3.5]


@pytest.mark.parametrize("reader", READERS)
def test_only_regular_files_are_read(reader, tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, tmp_path / "a\x00b"):
        with pytest.raises(GpusynthError):
            READERS[reader](path)


def test_a_large_file_is_not_read_whole(tmp_path):
    path = tmp_path / "large.toml"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole of a terabyte
    with pytest.raises(PlanError, match="has more than 67108864 bytes"):
        read_plan(path)
    with pytest.raises(SchemaError, match="has more than"):
        read_schema(path)


def test_text_within_limits_is_read_as_it_is(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_bytes("ä\r\n".encode())
    assert read_text(path, "plan file", PlanError) == "ä\r\n"
    assert read_text(path, "plan file", PlanError, max_bytes=4) == "ä\r\n"
    with pytest.raises(PlanError, match="more than 3 bytes"):
        read_text(path, "plan file", PlanError, max_bytes=3)


@pytest.mark.parametrize(
    ("depth", "passes"), [(1, True), (MAX_DEPTH - 1, True), (MAX_DEPTH + 1, False)]
)
def test_the_limit_of_depth(depth, passes):
    nested = "[" * depth + "]" * depth
    for parse, text in ((parse_toml, f"a = {nested}"), (parse_json, f'{{"a": {nested}}}')):
        if passes:
            assert parse(text, "file", DataError)["a"] is not None
        else:
            with pytest.raises(DataError, match="nested deeper than"):
                parse(text, "file", DataError)


def test_a_mistake_is_shown_by_its_place_not_by_its_text(tmp_path):
    path = tmp_path / "models.toml"
    path.write_text("[[models]]\nformula = SECRET-4711\n", encoding="utf-8")
    with pytest.raises(PlanError, match="line 2") as error:
        read_models(path)
    assert "4711" not in str(error.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"outputs": 5}', '{"outputs": [{"file": 7}]}', "{}"])
def test_a_manifest_that_is_none(text, tmp_path):
    (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError):
        open_files(tmp_path / "real.parquet", tmp_path, None, None)


_SMALL_BUDGET = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_WORDS = st.sampled_from(
    [
        *("age", "`a b`", "'x'", "==", "!=", "<=", "in", "not", "and", "or", "missing", "(", ")"),
        *(",", "+", "-", "*", "/", "1", "1e308", "0x1", "[", "]", "is", "null", "true", "\\", '"'),
        *("min(", "log(", "\x00", "\u202e", "🙂", "__import__('os')", "age.__class__", ";", "#"),
    ]
)


@_SMALL_BUDGET
@given(st.one_of(st.lists(_WORDS, max_size=40).map(" ".join), st.text(max_size=200)))
def test_expressions_are_read_or_refused(text):
    try:
        parse_expression(text)
    except GpusynthError as error:
        assert str(error)


_TOML_PIECES = st.sampled_from(
    [
        *("visit", "=", '"file"', "[", "]", "[[", "]]", "{", "}", ",", "\n", "methods", "rules"),
        *("default", ".", "'cart'", "true", "1", "-1", "nan", "inf", "1979-05-27", "columns"),
        *("name", "kind", '"number"', "storage", '"string"', "levels", "edits", "strata", "#"),
    ]
)


@pytest.mark.parametrize("reader", ["plan", "schema", "models"])
@_SMALL_BUDGET
@given(pieces=st.lists(_TOML_PIECES, max_size=40))
def test_toml_is_read_or_refused(reader, pieces, tmp_path):
    path = tmp_path / "fuzz.toml"
    path.write_text(" ".join(pieces), encoding="utf-8")
    try:
        READERS[reader](path)
    except GpusynthError as error:
        assert str(error)


@pytest.mark.parametrize("reader", ["evaluation", "comparisons"])
@_SMALL_BUDGET
@given(
    content=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["comparisons", "version", "columns", "name", "x"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_json_is_read_or_refused(reader, content, tmp_path):
    path = tmp_path / "fuzz.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    try:
        READERS[reader](path)
    except GpusynthError as error:
        assert str(error)
