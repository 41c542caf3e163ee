"""Parts: rounds, memory, keys of many types, and the counted source."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpusynth
from gpusynth.linked import Link, synthesize_linked
from gpusynth.linked.counted import CountedSource
from gpusynth.linked.keys import find_parents
from gpusynth.linked.memory import remember
from gpusynth.linked.seeds import file_seed, round_seed
from gpusynth.linked.siblings import Siblings, real_memory, rounds
from gpusynth.methods import Cart
from gpusynth.plan import Plan
from gpusynth.table import Column, Schema, TableSource, encode_table, fit_codecs


@given(st.integers(0, 6000), st.integers(1, 40))
def test_rounds_draw_every_sibling_once(most, sequential):
    every = list(rounds(most, sequential))
    numbers = [n for each in every for n in range(each.first, each.last + 1)]
    assert numbers == list(range(1, most + 1))
    assert len(every) <= sequential + 13
    for each in every[1:]:
        assert each.first - each.step >= 1
        assert each.last - each.step < each.first  # the sibling is drawn before


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.integers(1, 5))
def test_rounds_fill_every_place_once(sizes, sequential):
    n_children = np.asarray(sizes, np.int64)
    filled = []
    for each in rounds(int(n_children.max()), sequential):
        parents, places, numbers = each.places(n_children)
        assert (np.repeat(np.arange(len(sizes)), sizes)[places] == parents).all()
        assert ((numbers >= each.first) & (numbers <= each.last)).all()
        filled += places.tolist()
    assert sorted(filled) == list(range(int(n_children.sum())))


@pytest.mark.parametrize("kind", ["integer", "categorical"])
@given(families=st.lists(st.lists(st.sampled_from([1, 2, 3, None]), max_size=6), min_size=2))
def test_memory_of_real_rows(kind, families):
    """What rows are told, against the plain definition."""
    answers = [answer for family in families for answer in family]
    if len({*answers}) < 2 or None not in answers:
        return
    column = Column(name="x", kind=kind, storage="int64")
    schema, source = (
        Schema(columns=(column,)),
        TableSource(pa.table({"x": pa.array(answers, pa.int64())})),
    )
    codecs = fit_codecs(schema, source)
    codes = encode_table(schema, codecs, source).codes["x"]
    memory = remember("x", codecs["x"], codes)
    assert memory is not None
    parent = np.repeat(np.arange(len(families)), [len(family) for family in families])
    siblings = Siblings.of(parent, np.bincount(parent, minlength=len(families)))
    told = real_memory(memory, siblings, codes)
    known = sorted({answer for answer in answers if answer is not None})
    row = 0
    for family in families:
        for place in range(len(family)):
            earlier = family[:place]
            before = told[memory.previous_name][row]
            assert (before == 0) == (not earlier)
            if earlier:
                expected = 1 if earlier[-1] is None else 2 + known.index(earlier[-1])
                assert before == expected
            ranks = [known.index(answer) for answer in earlier if answer is not None]
            summary = told[memory.summary_name][row]
            if kind == "integer":
                most = max(len(known) - 1, 1)
                mean = 128 * sum(ranks) // (len(ranks) * most) if ranks else None
                assert summary == (0 if mean is None else 1 + mean)
            else:
                first = told[memory.previous_name][row - place + 1] if earlier else 0
                assert summary == first
            row += 1


def test_many_answers_are_told_in_percentiles():
    schema = Schema(columns=(Column(name="x", kind="integer", storage="int64"),))
    source = TableSource(pa.table({"x": pa.array(range(5000))}))
    codecs = fit_codecs(schema, source)
    codes = encode_table(schema, codecs, source).codes["x"]
    memory = remember("x", codecs["x"], codes)
    assert memory is not None
    assert memory.n_groups == 100
    assert np.bincount(memory.answers(codes))[1:].tolist() == [50] * 100


def test_seeds_differ():
    seeds = {file_seed(1, number) for number in (1, 2)}
    seeds |= {
        round_seed(1, file, replicate=replicate, number=number)
        for file in (1, 2)
        for replicate in (1, 2)
        for number in (1, 2, 3)
    }
    assert len(seeds) == 14
    assert file_seed(1, 1) != file_seed(2, 1)


@pytest.mark.parametrize(
    ("of_parent", "of_child"),
    [
        (pa.int64(), pa.int16()),
        (pa.uint8(), pa.int64()),
        (pa.string(), pa.large_string()),
        (pa.dictionary(pa.int8(), pa.string()), pa.string()),
        (pa.string(), pa.dictionary(pa.int32(), pa.string())),
        (pa.large_string(), pa.string()),
    ],
)
def test_types_of_keys(of_parent, of_child):
    """Keys match whatever their width and storage, and every column keeps its own type."""
    numbers = pa.array(range(60))
    if not pa.types.is_integer(of_parent):
        numbers = numbers.cast(pa.string())
    of_places = numbers.take(pa.array([row // 2 for row in range(120)]))
    firms = pa.table({"id": numbers.cast(of_parent), "region": ["N", "S", "W"] * 20})
    places = pa.table({"firm": of_places.cast(of_child), "staff": [1, 2, 3, 4] * 30})
    link = Link(child="places", parent="firms", key="firm", parent_key="id")
    made = synthesize_linked({"firms": firms, "places": places}, [link], seed=1)
    assert made["firms"].schema.field("id").type == of_parent
    assert made["places"].schema.field("firm").type == of_child
    assert made["firms"]["n_places"].to_pylist() == [2] * 60
    ids = made["firms"]["id"].to_pylist()
    assert made["places"]["firm"].to_pylist() == [key for key in ids for _ in range(2)]


def test_find_parents():
    firms = TableSource(pa.table({"k": ["a", "b", "c"]}))
    places = TableSource(pa.table({"k": ["c", "a", "c"]}))
    found = find_parents(Link(child="p", parent="f", key="k"), places, firms, batch_rows=2)
    assert found.parent_row.tolist() == [2, 0, 2]
    assert found.n_children.tolist() == [1, 0, 2]


def test_counted_source_gives_columns_in_any_order():
    counts = np.array([2, 0, 1])
    source = CountedSource(TableSource(pa.table({"a": [1, 2, 3]})), {"n": counts}, name="firms")
    batches = list(source.batches(["n"], batch_rows=2))
    assert [batch.column(0).to_pylist() for batch in batches] == [[2, 0], [1]]
    (batch,) = source.batches(["n", "a"])
    assert batch.to_pydict() == {"n": [2, 0, 1], "a": [1, 2, 3]}
    other = CountedSource(TableSource(pa.table({"a": [1, 2, 3]})), {"n": counts + 1}, name="firms")
    assert source.fingerprint() != other.fingerprint()


def test_levels_that_only_childless_parents_have():
    """A synthetic parent may have such a level and children: nothing is looked up by it."""
    level = [f"l{row % 7}" for row in range(140)]
    firms = pa.table({"id": range(140), "level": level, "size": [row % 3 for row in range(140)]})
    kept = [row for row in range(140) if row % 7 for _ in range(1 + row % 2)]
    places = pa.table(
        {
            "id": kept,
            "level": [level[row] for row in kept],
            "x": [1, 2] * (len(kept) // 2) + [1] * (len(kept) % 2),
        }
    )
    link = Link(child="places", parent="firms", key="id")
    # Few leaves, so that firms of all levels have children.
    plans = {"firms": Plan(default=Cart(min_leaf=60))}
    made = synthesize_linked({"firms": firms, "places": places}, [link], plans=plans, seed=3)
    joined = made["places"].to_pandas().merge(made["firms"].to_pandas(), on="id")
    assert "l0" in set(joined.level_y)
    assert "l0" not in set(joined.level_x)


def test_columns_that_repeat_the_parent_agree_with_it():
    """A column that the firm says already is looked up: no establishment contradicts its firm."""
    level = [f"l{row % 50}" for row in range(400)]
    firms = pa.table({"id": range(400), "level": level})
    rows = [row for row in range(400) for _ in range(1 + row % 3)]
    places = pa.table(
        {"id": rows, "copy": [level[row].upper() for row in rows], "x": [row % 5 for row in rows]}
    )
    link = Link(child="places", parent="firms", key="id")
    made = synthesize_linked({"firms": firms, "places": places}, [link], seed=3)
    joined = made["places"].to_pandas().merge(made["firms"].to_pandas(), on="id")
    assert (joined["copy"] == joined.level.str.upper()).all()


def test_weights_and_strata(files):
    weighted = files["establishments"].append_column(
        "weight", pa.array(np.arange(files["establishments"].num_rows) % 97 + 0.5)
    )
    inferred = gpusynth.infer_schema(weighted).schema
    schema = Schema(
        columns=tuple(
            column.model_copy(update={"role": "weight"}) if column.name == "weight" else column
            for column in inferred.columns
        )
    )
    link = Link(child="establishments", parent="firms", key="firm_id")
    made = synthesize_linked(
        {**files, "establishments": weighted},
        [link],
        schemas={"establishments": schema},
        plans={
            "establishments": Plan(default=Cart(weighted=True)),
            "firms": Plan(preset="release", strata=["region"]),
        },
        seed=2,
    )
    assert sum(made["firms"]["n_establishments"].to_pylist()) == made["establishments"].num_rows
