"""Stored models: the same draws after a round trip, and no altered one is ever drawn from."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.errors import DataError, ModelFileError, PlanError
from gpusynth.io import read_model_file, write_model_file
from gpusynth.methods import (
    METHODS,
    Block,
    DrawnColumns,
    FittedModel,
    GroupedModel,
    Keep,
    KeepModel,
    StepTarget,
    TargetColumn,
    group_rows,
    parse_method,
    register_method,
)
from gpusynth.methods.stored import (
    ModelContext,
    StoredModels,
    decode_models,
    encode_models,
    is_storable,
)
from gpusynth.methods.stored.forms import Record
from gpusynth.methods.stored.models import FORMS
from gpusynth.methods.stored.parts import PARTS
from gpusynth.table import Table
from tests.methods.method_cases import Draws, firms
from tests.methods.test_every_method import CASES, Case, same

MORE = [
    Case("sample", "sales", ()),
    Case({"method": "sample", "weighted": True}, "staff", (), "value"),
    Case({"method": "cart", "weighted": True}, "sales"),
    Case("cart", "staff", part="state"),
    Case("cart", "staff", part="value"),
    Case("cart", "region"),
    Case({"method": "cart", "max_depth": 0}, "region"),
    Case("forest", "staff", part="state"),
    Case({"method": "catall", "prior": 0.0}, "legal", ("sector", "region")),
    Case(
        {
            "method": "catall",
            "prior": 5.0,
            "structural_zeros": ("sector = '20' and legal = 'plc'",),
        },
        "legal",
        ("sector",),
    ),
    Case({"method": "passive", "expression": "sales * 2", "verify": False}, "profit", ("sales",)),
    Case(
        {
            "method": "passive",
            "expression": "if(sales > mean(sales), 'Ltd', 'sole')",
            "verify": False,
        },
        "legal",
        ("sales",),
    ),
]
ALL = [*dict.fromkeys(map(str, CASES + MORE))]
BY_NAME = {str(case): case for case in CASES + MORE}


@pytest.fixture(scope="module")
def survey() -> Table:
    table = firms(1500)
    table.codes["legal"][(table.codes["sector"] == 0) & (table.codes["legal"] == 1)] = 0  # type: ignore[index]
    return table


@pytest.fixture(scope="module")
def weight(survey) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 5, survey.n_rows).astype(float)


def fitted(case: Case, survey: Table, weight: np.ndarray) -> FittedModel:
    return parse_method(case.method).fit(case.data(survey, weight=weight))


def through_json(stored: StoredModels) -> StoredModels:
    return StoredModels(json.loads(json.dumps(stored.document, allow_nan=False)), stored.arrays)


def again(model: FittedModel, column: str, context: ModelContext) -> FittedModel:
    stored = through_json(encode_models([model], column, context))
    (read,) = decode_models(stored, column, context)
    return read


def test_every_method_is_stored_or_refused():
    stored = {BY_NAME[name].name for name in ALL} | {"keep", "follow", "constant"}
    own = {name for name, method in METHODS.items() if not method.whole_file}
    assert stored == own


@pytest.mark.parametrize("form", [f for f in (*FORMS.values(), *PARTS) if isinstance(f, Record)])
def test_a_form_has_all_fields_of_its_class(form):
    given = (field for field in dataclasses.fields(form.of) if field.init)
    assert set(form.fields) == {field.name for field in given}


@pytest.mark.parametrize("name", ALL)
def test_the_same_draws_after_a_round_trip(survey, weight, name):
    case = BY_NAME[name]
    model = fitted(case, survey, weight)
    assert is_storable(model)
    read = again(model, case.target, ModelContext(survey))
    assert type(read) is type(model)
    assert read.size == model.size
    before, after = (Draws(m, survey, case.predictors) for m in (model, read))
    assert same(before(), after())
    some = np.array([1, 5, 900], np.int32)
    assert same(before(positions=some, attempt=2), after(positions=some, attempt=2))


def test_real_columns_are_named_and_not_copied(survey, weight):
    for name in ALL:
        case = BY_NAME[name]
        stored = encode_models([fitted(case, survey, weight)], case.target, ModelContext(survey))
        columns = [*survey.codes.values(), *survey.values.values()]
        for array in stored.arrays:
            assert not any(array.shape == c.shape and (array == c).all() for c in columns)


def test_a_column_that_no_table_has_is_stored_itself(survey, weight):
    data = Case("cart", "sales").data(survey)
    changed = np.maximum(data.target.goal.values, 5.0)
    target = StepTarget("sales", data.target.codes, changed, data.target.goal)
    model = parse_method("cart").fit(dataclasses.replace(data, target=target))
    read: Any = again(model, "sales", ModelContext(survey))
    assert np.array_equal(read.target.values, changed)


def test_kept_columns_come_from_the_start_table(survey):
    start = firms(300, seed=9)
    target = TargetColumn("sales", start.codes["sales"], start.values.get("sales"))
    model = Keep().fit(
        dataclasses.replace(
            Case("sample", "sales", ()).data(survey),
            target=StepTarget("sales", target.codes, target.values, None),  # type: ignore[arg-type]
        )
    )
    context = ModelContext(survey, start=start)
    stored = encode_models([model], "sales", context)
    assert stored.arrays == ()
    (read,) = decode_models(stored, "sales", context)
    assert isinstance(read, KeepModel)
    assert read.target.codes is start.codes["sales"]


def _by_region(drawn: DrawnColumns, block: Block) -> np.ndarray:
    return block.take(drawn.read("region")[0])


def test_strata_are_given_again_and_shared_models_stay_shared(survey):
    data = Case("cart", "sales", ("sector",)).data(survey)
    groups = group_rows(survey.codes["region"], survey.codecs["region"].n_codes)
    models = {
        group: parse_method("cart").fit(dataclasses.replace(data, rows=groups.rows_of(group)))
        for group in np.flatnonzero(groups.sizes()).tolist()
    }
    models[0] = models[1]
    model = GroupedModel(models, _by_region, "sales")
    context = ModelContext(survey, group_of=_by_region)
    stored = through_json(encode_models([model], "sales", context))
    (read,) = decode_models(stored, "sales", context)
    assert read.models[0] is read.models[1]
    assert read.size == model.size
    predictors = ("sector", "region")
    assert same(Draws(model, survey, predictors)(), Draws(read, survey, predictors)())
    with pytest.raises(ModelFileError, match="the plan has none"):
        decode_models(stored, "sales", ModelContext(survey))


def test_a_user_written_method_is_refused_by_name(survey):
    @register_method("stored_test_method")
    def same_again(target, predictors, synthetic, uniforms):
        return np.resize(target, len(uniforms))

    model = parse_method("stored_test_method").fit(Case("sample", "sales", ()).data(survey))
    assert not is_storable(model)
    with pytest.raises(PlanError, match="'sales' cannot be stored: its method is user-written"):
        encode_models([model], "sales", ModelContext(survey))


def test_models_of_other_data_are_refused(survey, weight):
    model = fitted(Case("cart", "industry", ("sector",)), survey, weight)
    stored = encode_models([model], "industry", ModelContext(survey))
    fewer = dataclasses.replace(
        survey, codes={name: codes[:700] for name, codes in survey.codes.items()}, n_rows=700
    )
    with pytest.raises(ModelFileError, match="no row of the data"):
        decode_models(stored, "industry", ModelContext(fewer))
    with pytest.raises(ModelFileError, match="'industry' cannot be used: a predictor has other"):
        other = dataclasses.replace(
            survey, codecs={**survey.codecs, "sector": survey.codecs["industry"]}
        )
        decode_models(stored, "industry", ModelContext(other))


def altered(array: np.ndarray, place: int, to: int) -> np.ndarray:
    changed = array.copy()
    kind = np.iinfo(array.dtype) if array.dtype.kind in "iu" else None
    number = to if kind is None else int(np.clip(to, kind.min, kind.max))
    changed.reshape(-1)[place % changed.size] = number
    return changed


NAMED = [name for name in ALL if "passive" not in name]


@pytest.mark.parametrize("name", NAMED)
@given(
    which=st.integers(0, 50),
    place=st.integers(0, 5000),
    to=st.sampled_from(
        [-(2**62), -(2**31), -2, -1, 0, 1, 2, 7, 255, 1499, 1500, 65535, 2**31, 2**62]
    ),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_an_altered_array_is_refused_or_harmless(survey, weight, name, which, place, to):
    """Whatever number is altered: an error, or draws of codes that the column has.

    A row may then find no model or donor, which is an error of its own.
    """
    case = BY_NAME[name]
    if name not in _stored:
        context = ModelContext(survey)
        _stored[name] = encode_models([fitted(case, survey, weight)], case.target, context)
    stored = _stored[name]
    arrays = list(stored.arrays)
    filled = [at for at, array in enumerate(arrays) if array.size]
    if not filled:
        return
    at = filled[which % len(filled)]
    arrays[at] = altered(arrays[at], place, to)
    try:
        (read,) = decode_models(
            StoredModels(stored.document, tuple(arrays)), case.target, ModelContext(survey)
        )
        codes, _ = Draws(read, survey, case.predictors)()
    except (ModelFileError, DataError):
        return
    assert len(codes) == survey.n_rows
    assert codes.max() < survey.codecs[case.target].n_codes


_stored: dict[str, StoredModels] = {}


def every_place(document: Any, path: tuple = ()):
    yield path
    items = document.items() if isinstance(document, dict) else ()
    items = enumerate(document) if isinstance(document, list) else items
    for key, value in items:
        yield from every_place(value, (*path, key))


@pytest.mark.parametrize("name", ["cart-region-whole", "pmm-sales-whole", "satcat-sales-whole"])
@pytest.mark.parametrize("to", [None, -1, 10**30, "x", [], {}, 0.5, True, [[[[[]]]]]], ids=repr)
def test_an_altered_document_is_refused_or_harmless(survey, weight, name, to):
    case = BY_NAME[name]
    context = ModelContext(survey)
    stored = through_json(encode_models([fitted(case, survey, weight)], case.target, context))
    places = list(every_place(stored.document))
    refused = 0
    for path in places[1 : 60 if len(places) > 60 else None]:
        document = copy.deepcopy(stored.document)
        inner = document
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = to
        try:
            (read,) = decode_models(StoredModels(document, stored.arrays), case.target, context)
        except ModelFileError:
            refused += 1
        else:
            Draws(read, survey, case.predictors)()
    assert refused


def test_groups_are_not_nested_without_end(survey):
    model: Any = {"model": "keep", "fields": {"target": {"table": "real", "part": "whole"}}}
    arrays = (np.zeros(1, np.int64),)
    for _ in range(9):
        fields = {"groups": 0, "numbers": 0, "models": [model], "by": "region"}
        model = {"model": "grouped", "fields": fields}
    with pytest.raises(ModelFileError, match="too deeply"):
        decode_models(StoredModels([model], arrays), "sales", ModelContext(survey))


def test_models_in_a_file(survey, weight, tmp_path):
    case = Case({"method": "cart", "weighted": True}, "sales")
    model = fitted(case, survey, weight)
    context = ModelContext(survey)
    stored = encode_models([model, model], "sales", context)
    path = tmp_path / "sales.model"
    write_model_file(path, stored.document, stored.arrays, kind="step", mark="", version="1")
    file = read_model_file(path, kind="step", memory_map=True)
    read = decode_models(StoredModels(file.document, file.arrays), "sales", context)
    for other in read:
        assert same(
            Draws(model, survey, case.predictors)(), Draws(other, survey, case.predictors)()
        )
