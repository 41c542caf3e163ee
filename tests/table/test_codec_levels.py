import traceback

import pyarrow as pa
import pytest

from gpusynth.errors import CodecError
from gpusynth.table import Column


def test_codes_follow_null_missing_codes_levels(fitted):
    array = pa.array(["b", None, "N", "a", "b"])
    column = Column(
        name="x", kind="ordered", storage="string", levels=("b", "a"), missing_codes=("N",)
    )
    codec = fitted(column, array)
    codes, values = codec.encode(array)
    assert codes.tolist() == [2, 0, 1, 3, 2]
    assert values is None
    assert (codec.n_special, codec.n_codes, codec.is_ordered) == (2, 4, True)


def test_levels_of_the_schema_are_kept_when_unused(fitted):
    column = Column(name="x", kind="categorical", storage="string", levels=("a", "b", "c"))
    assert fitted(column, pa.array(["c"])).encode(pa.array(["c"]))[0].tolist() == [2]


def test_a_value_outside_the_schema_is_named_by_row_only(fitted):
    column = Column(name="sex", kind="categorical", storage="string", levels=("F", "M"))
    codec = fitted(column, pa.array(["F"]))
    with pytest.raises(
        CodecError, match=r"column 'sex', row 13: .* none of the column's 2 levels"
    ) as e:
        codec.encode(pa.array(["F", "M", "secret"]), first_row=10)
    assert "secret" not in str(e.value)


def test_a_value_outside_the_schema_in_a_dictionary(fitted):
    array = pa.array(["F", "secret"]).dictionary_encode()
    column = Column(name="sex", kind="categorical", storage=str(array.type), levels=("F",))
    with pytest.raises(CodecError, match="column 'sex', row 2") as e:
        fitted(column, array).encode(array)
    assert "secret" not in str(e.value)


def test_numeric_missing_code_of_coded_integers(fitted):
    array = pa.array([1, 2, -9, None], pa.int8())
    for code in (-9, -9.0, "-9"):
        column = Column(name="x", kind="categorical", storage="int8", missing_codes=(code,))
        codec = fitted(column, array)
        assert codec.encode(array)[0].tolist() == [2, 3, 1, 0]
        assert codec.decode(codec.encode(array)[0]).equals(array)


def test_text_of_a_text_file_decodes_to_its_storage(fitted):
    array = pa.array(["true", None, "false"])
    column = Column(name="x", kind="boolean", storage="bool", levels=("false", "true"))
    codec = fitted(column, array)
    assert codec.decode(codec.encode(array)[0]).equals(pa.array([True, None, False]))


def test_levels_that_are_no_values_of_the_storage(fitted):
    column = Column(name="x", kind="categorical", storage="int8", levels=("1", "secret"))
    with pytest.raises(
        CodecError, match=r"column 'x': level 2 of the schema is no value of the storage int8"
    ) as e:
        fitted(column, pa.array([1], pa.int8()))
    assert "secret" not in "".join(traceback.format_exception(e.value))


def test_nan_in_categories_is_a_state_apart_from_null(fitted):
    array = pa.array([1.0, float("nan"), None, 1.0], from_pandas=False)
    codec = fitted(Column(name="x", kind="categorical", storage="double"), array)
    codes, _ = codec.encode(array)
    assert codes.tolist() == [2, 1, 0, 2]
    assert repr(codec.decode(codes).to_pylist()) == "[1.0, nan, None, 1.0]"


def test_too_many_levels(fitted):
    array = pa.array([f"id{i}" for i in range(65_537)])
    with pytest.raises(CodecError, match="more than 65,536 levels; make it coarser"):
        fitted(Column(name="x", kind="categorical", storage="string"), array)


def test_a_missing_answer_where_there_was_none(fitted):
    column = Column(name="x", kind="categorical", storage="string")
    codec = fitted(column, pa.array(["a", "b"]))
    with pytest.raises(CodecError, match="'x', row 12: the answer is missing, but none was"):
        codec.encode(pa.array(["a", None]), first_row=10)
