"""Plan files: what is written is read back, and what is wrong is said in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpusynth.errors import OutputError, PlanError
from gpusynth.methods import Cart, Constant, Keep, Sample
from gpusynth.plan import Plan, plan_to_toml, read_plan, write_plan

NAMES = st.text(min_size=1, max_size=12).filter(lambda s: "\x00" not in s and s.isprintable())
METHODS = st.one_of(
    st.builds(
        Cart,
        min_leaf=st.integers(1, 100),
        max_leaves=st.none() | st.integers(1, 9),
        cp=st.floats(0, 1),
        prune=st.sampled_from(["impurity", "rpart"]),
        weighted=st.booleans(),
    ),
    st.builds(Sample, weighted=st.booleans()),
    st.just(Constant()),
    st.just(Keep()),
)
PLANS = st.builds(
    Plan,
    visit=st.sampled_from(["file", "levels"]) | st.lists(NAMES, max_size=4).map(tuple),
    default=METHODS,
    methods=st.dictionaries(NAMES, METHODS, max_size=3),
    predictors=st.dictionaries(NAMES, st.lists(NAMES, max_size=3).map(tuple), max_size=3),
)


@given(plan=PLANS)
def test_toml_round_trip(plan, tmp_path_factory):
    path = tmp_path_factory.mktemp("plan") / "plan.toml"
    write_plan(plan, path)
    assert read_plan(path) == plan


def test_an_empty_file_is_every_default(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text("")
    assert read_plan(path) == Plan()


def test_people_write_short_forms(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(
        'visit = "levels"\ndefault = "sample"\n'
        "[methods]\nsales = { method = 'cart', min_leaf = 20 }\n"
        "[predictors]\nsales = ['staff']\n"
    )
    assert read_plan(path) == Plan(
        visit="levels",
        default=Sample(),
        methods={"sales": Cart(min_leaf=20)},
        predictors={"sales": ("staff",)},
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("visit = 3", ["visit"]),
        ("visits = 'file'", ["'visits'", "unknown"]),
        ("default = 'jungle'", ["default", "'jungle'", "cart, bag"]),
        ("default = { min_leaf = 3 }", ["default", "not named"]),
        ("default = 7", ["default"]),
        ("[methods]\nx = { method = 'cart', min_leafs = 3 }", ["methods.x", "'min_leafs'"]),
        ("[methods]\nx = { method = 'cart', min_leaf = 0 }", ["methods.x", "'min_leaf'", "1"]),
        ("[methods]\nx = { method = 'cart', prune = 'no' }", ["methods.x", "'prune'"]),
        ("[methods]\nx = { method = 'cart', cp = nan }", ["methods.x", "'cp'"]),
        ("[methods]\nx = { method = 'constant', a = 1 }", ["methods.x", "'a'", "none"]),
        ("[predictors]\nx = 'y'", ["predictors.x"]),
        ("visit = [", ["not valid TOML", "end of document"]),
        ("visit = 'file'\nvisit = 'levels'", ["not valid TOML"]),
    ],
)
def test_mistakes(tmp_path, text, words):
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(PlanError) as error:
        read_plan(path)
    assert all(word in str(error.value) for word in [str(path), *words])
    assert "\n" not in str(error.value)


def test_no_file(tmp_path):
    with pytest.raises(PlanError, match="not found"):
        read_plan(tmp_path / "plan.toml")


def test_a_file_of_another_editor(tmp_path):
    """With a mark of the byte order and the ends of lines that Windows writes."""
    path = tmp_path / "plan.toml"
    path.write_bytes(b'\xef\xbb\xbfvisit = "levels"\r\n[methods]\r\nsales = "sample"\r\n')
    assert read_plan(path) == Plan(visit="levels", methods={"sales": Sample()})


def test_not_text(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanError, match="is not UTF-8"):
        read_plan(path)


def test_nothing_half_written(tmp_path):
    place = tmp_path / "missing"
    with pytest.raises(OutputError):
        write_plan(Plan(), place / "plan.toml")
    assert not place.exists()


def test_the_file_explains_itself():
    assert "# predictors:" in plan_to_toml(Plan())
