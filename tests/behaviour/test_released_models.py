"""Released models hold what enough units share and round edges of bins, and they still draw."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Column, Plan, Rule, Schema, Strata
from gpusynth.datasets import firms
from gpusynth.engine import fit_released
from gpusynth.errors import DataError, GpusynthError, ModelFileError, OutputError, PlanError
from gpusynth.io import read_model_file, write_model_file

N = 3000
KIND = "released synthesis"


def planted() -> tuple[pa.Table, Schema, list[str], list[int], list[float]]:
    """A survey whose rare levels, codes and numbers are tokens that nothing else looks like."""
    random = np.random.default_rng(11)
    texts = [f"tok{number:06d}x" for number in random.choice(10**6, 900, replace=False)]
    whole = random.choice(10**9, 1200, replace=False) + 10**9 + 7
    whole = whole[whole % 1000 != 0]
    broken = np.round(random.uniform(1e5, 1e9, 1200), 4)
    group = random.choice(["a", "b", "c"], N)
    rare = np.where(np.arange(N) < 300, texts[:300] + ["-"] * (N - 300), group)
    staff = np.where(random.random(N) < 0.5, random.integers(0, 20, N), 0)
    sales = np.where(random.random(N) < 0.6, staff * 10, 0)
    sales[:1000] = whole[:1000]
    money = np.round(np.exp(random.normal(5, 2, N)), 2)
    money[:1000] = broken[:1000]
    table = pa.table(
        {
            "key": pa.array([f"tok{n:06d}x" for n in range(N)]),
            "dropped": pa.array((texts[300:600] * 10)[:N]),
            "group": group,
            "rare": rare,
            "dictionary": pa.array([*texts[600:609], *group[9:]]).dictionary_encode(),
            "staff": np.where(np.arange(N) < 3, -987654321, staff),
            "sales": sales,
            "money": money,
        }
    )  # fmt: skip
    schema = Schema(
        columns=(
            Column(name="key", kind="categorical", storage="string", role="key"),
            Column(
                name="dropped",
                kind="categorical",
                storage="string",
                role="drop",
                levels=tuple(sorted(texts[300:600])),
            ),
            Column(name="group", kind="categorical", storage="string"),
            Column(
                name="rare",
                kind="categorical",
                storage="string",
                levels=(*texts[:300], "a", "b", "c"),
                labels={texts[0]: texts[610], "a": "the first"},
                note=texts[611],
            ),
            Column(
                name="dictionary",
                kind="categorical",
                storage="dictionary<values=string, indices=int32, ordered=0>",
            ),
            Column(
                name="staff",
                kind="integer",
                storage="int64",
                missing_codes=(-987654321,),
                spikes=(0,),
            ),
            Column(name="sales", kind="integer", storage="int64", bounds=(0, int(whole.max()))),
            Column(name="money", kind="numeric", storage="double", decimals=4),
        )
    )
    assert "tok" not in "".join(set(group))
    return table, schema, texts, [int(n) for n in whole[:1000]], [float(n) for n in broken[:1000]]


def forms_of(number: float) -> list[bytes]:
    """Return a number as text and in every width in which eight or four bytes can hold it."""
    forms = [repr(number).encode(), struct.pack("<d", number), struct.pack(">d", number)]
    if number == int(number):
        forms += [str(int(number)).encode(), struct.pack("<q", int(number))]
        forms += [struct.pack(">q", int(number))]
        if abs(number) < 2**31:
            forms += [struct.pack("<i", int(number)), struct.pack(">i", int(number))]
    return [form for form in forms if len(form) >= 4]


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    table, schema, *tokens = planted()
    path = tmp_path_factory.mktemp("released") / "a.model"
    fitted = gpusynth.fit(table, schema)
    fitted.release(path, min_units=10)
    fitted.save(path.with_name("whole.model"))
    return path, table, tokens


def found_in(path: Path, tokens) -> tuple[int, int, int]:
    """Return how many text, whole and broken tokens a model file holds, uncompressed as it is."""
    content = path.read_bytes()
    texts, whole, broken = tokens
    arrays = read_model_file(path, kind=(KIND, "fitted synthesis")).arrays
    numbers = set(np.concatenate([a.astype(np.float64).reshape(-1) for a in arrays]).tolist())
    return (
        sum(text.encode() in content for text in texts),
        sum(n in numbers or any(form in content for form in forms_of(n)) for n in whole),
        sum(n in numbers or any(form in content for form in forms_of(n)) for n in broken),
    )


def test_no_unique_token_is_in_the_file(released):
    path, _, tokens = released
    assert found_in(path, tokens) == (0, 0, 0)
    content = path.read_bytes()
    assert not any(form in content for form in forms_of(-987654321))
    # The scan does find them where they are.
    texts, whole, broken = found_in(path.with_name("whole.model"), tokens)
    assert texts >= 300
    assert whole == 1000
    assert broken == 1000


def test_counts_are_of_enough_units(released):
    path, *_ = released
    loaded = gpusynth.load(path)
    for models in loaded._models.values():
        (model,) = models.models
        assert (model.counts >= 5).all()
        assert (model.counts % 5 == 0).all()
        assert not model.tree.n_rows.any()
        assert not model.tree.gain.any()
    for codes in loaded._synthesis.prepared.table.codes.values():
        assert len(codes) == 0


def test_it_draws_any_size_and_only_what_is_shared(released):
    path, table, _ = released
    loaded = gpusynth.load(path)
    synthetic = loaded.sample(5000, seed=4)
    assert synthetic.schema.names == [name for name in table.schema.names if name != "dropped"]
    assert synthetic.schema.field("money").type == pa.float64()
    assert set(synthetic["rare"].to_pylist()) == {"-", "a", "b", "c"} - {"-"}
    assert set(synthetic["dictionary"].to_pylist()) <= {"a", "b", "c"}
    staff = synthetic["staff"].to_numpy()
    assert staff.min() >= 0
    assert abs((staff == 0).mean() - 0.5) < 0.05
    assert loaded.sample(5000, seed=4).equals(synthetic)
    assert loaded.sample(7, 2, seed=4)[1].num_rows == 7


def test_the_same_for_any_number_of_threads_and_from_files(released, tmp_path):
    loaded = gpusynth.load(released[0])
    one = loaded.sample(3000, 2, seed=1, threads=1, output=tmp_path / "1")
    two = loaded.sample(3000, 2, seed=1, threads=2, output=tmp_path / "2", batch_rows=100)
    assert one.replicates[1].sha256 == two.replicates[1].sha256


def test_fits_by_any_number_of_threads(tmp_path):
    real = firms(2000, columns=6, seed=2)
    for threads in (1, 3):
        fit_released(real, tmp_path / str(threads), threads=threads)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "3").read_bytes()


def test_utility_stays(tmp_path):
    """Two-way marginals of the released model lose less than 25 points to the model with donors."""
    from gpusynth.evaluate import utility_at_a_glance

    real = firms(6000, columns=12, seed=3)
    fitted = gpusynth.fit(real)
    fitted.release(tmp_path / "a.model")
    pq.write_table(real, tmp_path / "real.parquet")
    scores = []
    for name, model in [("donors", fitted), ("counts", gpusynth.load(tmp_path / "a.model"))]:
        pq.write_table(model.sample(seed=2), tmp_path / f"{name}.parquet")
        glance = utility_at_a_glance(tmp_path / "real.parquet", tmp_path / f"{name}.parquet")
        scores.append(glance.score)
    assert scores[1] > scores[0] - 25


def test_units_are_counted_and_not_rows(tmp_path):
    """A level of 40 rows of one firm is not shared."""
    random = np.random.default_rng(0)
    firm = np.repeat(np.arange(200), 5)
    place = np.where(firm < 8, "rarely", random.choice(["here", "there"], 1000))
    size = np.where(firm < 8, 123457, random.integers(0, 50, 1000))
    table = pa.table({"firm": firm, "place": place, "size": size})
    schema = Schema(
        columns=(
            Column(name="firm", kind="integer", storage="int64", role="drop"),
            Column(name="place", kind="categorical", storage="string"),
            Column(name="size", kind="integer", storage="int64"),
        )
    )
    for plan, unit, held in [
        (Plan(), None, True),
        (Plan(), "firm", False),
        (Plan(unit="firm"), None, False),
    ]:
        path = tmp_path / "a.model"
        gpusynth.fit(table, schema, plan).release(path, unit=unit, overwrite=True)
        content = path.read_bytes()
        assert (b"rarely" in content) is held
        assert (struct.pack("<q", 123457) in content) is held


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Plan(methods={"group": "forest"}), r"step 1 \(column 'group'\): models of the method"),
        (Plan(methods={"sales": "norm"}), "of the method (norm|parametric) cannot be released"),
        (Plan(methods={"group": "keep"}), "of the method keep cannot be released"),
        (Plan(rules=(Rule(target="sales", when="staff = 0", value=0),)), "the plan's rules cannot"),
        (Plan(strata=Strata(columns=("group",))), "the plan's strata|method keep"),
        (Plan(smoothing={"money": "density"}), "the plan's smoothing cannot"),
        (Plan(tails={"money": {"kind": "code", "share": 0.1}}), "the plan's tails cannot"),
        (Plan(replicated_uniques={"keys": "all"}), "the plan's replicated_uniques cannot"),
        (Plan(preset="release"), "replicated_uniques = false where a preset has it"),
        (
            Plan(calibrate=[{"weight": "money", "margins": [{"columns": ["group"]}]}]),
            "the plan's calibrate cannot",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_released_is_refused_by_name(plan, message, tmp_path):
    table, *_ = planted()
    fitted = gpusynth.fit(table.select(["group", "staff", "sales", "money"]), None, plan)
    with pytest.raises(PlanError, match=message):
        fitted.release(tmp_path / "a.model")
    assert list(tmp_path.iterdir()) == []


def test_a_preset_and_a_cap_on_donors(tmp_path):
    """What a released model keeps of them: leaves have units enough, and no donors to count."""
    table, *_ = planted()
    plan = Plan(
        preset="release",
        replicated_uniques=False,
        methods={"sales": gpusynth.Cart(max_donor_uses=1)},
    )
    path = tmp_path / "a.model"
    gpusynth.fit(table.select(["group", "staff", "sales"]), None, plan).release(path)
    assert gpusynth.load(path).sample(n_rows=table.num_rows * 2).num_rows == table.num_rows * 2


def test_formulas_hold_in_what_a_released_model_draws(tmp_path):
    random = np.random.default_rng(1)
    staff, owners = random.integers(0, 500, N), random.integers(0, 300, N)
    size = np.where(staff > 250, "large", "small")
    table = pa.table({"staff": staff, "owners": owners, "all": staff + owners, "size": size})
    methods = {
        "all": gpusynth.Passive(expression="staff + owners"),
        "size": gpusynth.Passive(expression="if(staff > 250, 'large', 'small')"),
    }
    path = tmp_path / "a.model"
    gpusynth.fit(table, None, Plan(methods=methods)).release(path)
    drawn = gpusynth.load(path).sample(4000, seed=1)
    staff = drawn["staff"].to_numpy()
    assert (drawn["all"].to_numpy() == staff + drawn["owners"].to_numpy()).all()
    assert drawn["size"].to_pylist() == np.where(staff > 250, "large", "small").tolist()
    statistic = gpusynth.Passive(expression="mean(staff) + owners", verify=False)
    asked = gpusynth.fit(table, None, Plan(methods={"all": statistic}))
    with pytest.raises(PlanError, match=r"'all'\): the formula asks for a statistic of the real"):
        asked.release(tmp_path / "b.model")


def test_bad_input(released, tmp_path):
    path, table, _ = released
    fitted = gpusynth.fit(table.select(["group", "staff"]).slice(0, 9))
    with pytest.raises(DataError, match="9 units, fewer than min_units = 10"):
        fitted.release(tmp_path / "a.model")
    with pytest.raises(PlanError, match="min_units must be 2"):
        fitted.release(tmp_path / "a.model", min_units=1)
    with pytest.raises(PlanError, match="no column 'firm'"):
        fitted.release(tmp_path / "a.model", unit="firm")
    names = Schema(columns=(Column(name="name", kind="categorical", storage="string"),))
    unique = gpusynth.fit(pa.table({"name": [f"n{i}" for i in range(50)]}), names)
    with pytest.raises(GpusynthError, match="'name': no answer is shared by 10 units"):
        unique.release(tmp_path / "a.model")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="exists"):
        fitted.release(path)
    loaded = gpusynth.load(path)
    for call in (loaded.save, loaded.release):
        with pytest.raises(PlanError, match="holds no data and cannot be"):
            call(tmp_path / "b.model")


@pytest.mark.parametrize("place", range(0, 4000, 97))
def test_altered_arrays_are_refused_or_harmless(released, tmp_path, place):
    file = read_model_file(released[0], kind=KIND)
    arrays = [array.copy() for array in file.arrays]
    at = place % len(arrays)
    if not arrays[at].size or arrays[at].dtype == np.uint8:
        return
    flat = arrays[at].reshape(-1)
    wrong = [-1, 0, 1 << 40, 70000][place % 4]
    if flat.dtype.kind in "iu":
        wrong = int(np.clip(wrong, np.iinfo(flat.dtype).min, np.iinfo(flat.dtype).max))
    flat[place % flat.size] = wrong
    path = tmp_path / "a.model"
    document = json.loads(json.dumps(file.document))
    write_model_file(path, document, arrays, kind=KIND, mark="", version="1")
    with suppress(ModelFileError, DataError):
        assert gpusynth.load(path).sample(200, seed=1).num_rows == 200
