"""Trees that the CUDA kernels grow are those of the CPU, array by array and bit by bit."""

from importlib import import_module

import numpy as np
import pytest

from gpusynth.backends import choose_backend
from gpusynth.errors import CodecError, DataError, DeviceMemoryError, PlanError
from gpusynth.streams import StreamKey
from gpusynth.trees import (
    CartParams,
    ClassTarget,
    Layout,
    NumberTarget,
    Predictor,
    PredictorTable,
    device_groups,
    device_search,
    grow_tree,
)
from gpusynth.trees.device_pages import PagedTable
from gpusynth.trees.device_table import DeviceTable
from gpusynth.trees.grow_cuda import grow_tree_on_device
from gpusynth.trees.warm import warm_device
from gpusynth_kernels.cuda import choose, launch
from gpusynth_kernels.cuda.search_rows import search_rows
from gpusynth_kernels.cuda.traffic import counted
from tests.trees.tree_cases import (
    Case,
    described,
    described_plain,
    plain_tree,
    random_case,
)

KEY = StreamKey(3, step=2)
SEARCHES = ("search_cuts", "search_few", "search_rows", "search_tables")
WAYS = {"by size": choose.PAIRS_PER_CELL, "tables": 0, "rows": 1 << 40}


def search_by(way, monkeypatch):
    """Search by tables, by blocks that compare rows, or as sizes tell (threads compare few)."""
    monkeypatch.setattr(choose, "PAIRS_PER_CELL", WAYS[way])
    monkeypatch.setattr(search_rows, "_compiled", None)
    if way != "by size":
        monkeypatch.setattr(choose, "FEW_ROWS", 0)
        monkeypatch.setattr(choose, "FEW_ROWS_OF_FEW_CODES", 0)


def column(name, codes, n_codes, ordered=True):
    return Predictor(
        name, np.asarray(codes).astype(np.uint8 if n_codes <= 256 else np.uint16), n_codes, ordered
    )


def mixed_columns(rng, n_rows):
    """Return a column of every kind of width; each tells something of the signal."""
    signal = rng.normal(size=n_rows)
    rank = np.argsort(np.argsort(signal)) / n_rows
    widths = [(2, True), (3, False), (5, False), (9, True), (40, True), (70, False), (300, False)]
    columns = []
    for i, (n_codes, ordered) in enumerate(widths):
        noisy = (rank + 0.4 * rng.random(n_rows)) / 1.4 * n_codes
        shuffled = np.arange(n_codes) if ordered else rng.permutation(n_codes)
        columns.append(column(f"c{i}", shuffled[noisy.astype(int)], n_codes, ordered))
    return columns, signal


def classes_of(signal, n_classes):
    ranks = np.argsort(np.argsort(signal))
    return ClassTarget((ranks * n_classes // len(signal)).astype(np.uint16), n_classes)


def assert_same(case, **keywords):
    """Check a case against the CPU's tree; return the tree."""
    expected = grow_tree(case.predictors, case.target, case.params, **case.keywords)
    found = grow_tree_on_device(
        case.predictors, case.target, case.params, **{**case.keywords, **keywords}
    )
    for here, there in zip(found, expected, strict=True):
        arrays, others = here.to_arrays(), there.to_arrays()
        assert arrays.keys() == others.keys()
        for name, array in arrays.items():
            assert array.dtype == others[name].dtype
            assert array.tobytes() == others[name].tobytes(), name
    assert found[0].predictors == expected[0].predictors
    return found[0]


def case_of(kind, n_rows, params, seed=1):
    rng = np.random.default_rng(seed)
    columns, signal = mixed_columns(rng, n_rows)
    weight = np.exp(rng.normal(size=n_rows)) if kind.startswith("weighted") else None
    kind = kind.removeprefix("weighted ")
    target = (
        NumberTarget(np.exp(signal)) if kind == "numbers" else classes_of(signal, int(kind[:-8]))
    )
    return Case(columns, target, params, weight=weight, key=KEY)


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    search_by(request.param, monkeypatch)
    return request.param


@pytest.mark.parametrize("kind", ["2 classes", "5 classes", "weighted 3 classes", "numbers"])
def test_every_width_both_ways(kind, way):
    params = CartParams(min_leaf=3, max_depth=3)
    tree = assert_same(case_of(kind, 50, params))
    assert tree.n_nodes > 3


def test_entropy(way):
    tree = assert_same(case_of("3 classes", 50, CartParams(3, max_depth=2, criterion="entropy")))
    assert tree.n_nodes > 3


def test_weighted_numbers(way):
    assert assert_same(case_of("weighted numbers", 40, CartParams(3, max_depth=2))).n_nodes > 3


@pytest.mark.parametrize(
    "params",
    [
        CartParams(3, prune="rpart", cp=0.02),
        CartParams(3, max_leaves=4),
        CartParams(3, columns_per_split=2),
        CartParams(3, max_depth=0),
        CartParams(30),
    ],
)
def test_rules_of_growth(params):
    assert_same(case_of("3 classes", 40, params))


@pytest.mark.parametrize("n_classes", [50, 300])
def test_many_classes(n_classes):
    rng = np.random.default_rng(2)
    n_rows = 2 * n_classes if n_classes < 100 else n_classes + 30
    signal = rng.normal(size=n_rows)
    columns = [
        column("few", np.digitize(signal, [-1.0, -0.3, 0.3, 1.0]), 5, False),
        column("wide", np.argsort(np.argsort(signal + 0.1 * rng.normal(size=n_rows))), 700),
    ]
    tree = assert_same(
        Case(
            columns,
            classes_of(signal, n_classes),
            CartParams(20, max_depth=3 if n_classes < 100 else 1),
        )
    )
    assert tree.n_nodes >= 3


@pytest.mark.parametrize("criterion", ["gini", "entropy"])
def test_threads_share_out_many_classes(criterion):
    rng = np.random.default_rng(5)
    signal = rng.normal(size=90)
    rank = np.argsort(np.argsort(signal))
    columns = [
        column("subset", rng.permutation(4)[rank * 4 // 90], 4, False),
        column("levels", rng.permutation(7)[rank * 7 // 90], 7, False),
        column("short", np.minimum(rank * 12 // 90, 9), 10),
        column("long", rank // 2 + 20 * (rank > 50), 70),
    ]
    params = CartParams(12, max_depth=2, criterion=criterion)
    for held in range(len(columns)):  # each of them splits the root where it stands alone
        tree = assert_same(Case(columns[held:], classes_of(signal, 30), params))
        alone = assert_same(Case([columns[held]], classes_of(signal, 30), params))
        assert tree.n_nodes >= 3 <= alone.n_nodes


def test_as_many_codes_as_there_can_be():
    codes = np.concatenate([np.arange(65_535 - 20, 65_535), np.arange(20), [300, 40_000]])
    values = np.where(codes > 65_525, 50.0, np.where(codes < 9, 20.0, 0.0))
    columns = [
        column("ordered", codes, 65_535),
        column("levels", codes, 65_536, False),
        column("one", 0 * codes, 1),
    ]
    tree = assert_same(Case(columns, NumberTarget(values), CartParams(1, min_split=2)))
    assert tree.n_leaves == 3


@pytest.mark.parametrize("seed", range(8))
def test_random_tables(seed):
    kind = (2, "real", 3, "few", 12, "whole", 5, "two sizes")[seed]
    weight = ("none", "real", "some zero", "whole")[seed % 4]
    case = random_case(100 + seed, 24, 4, kind, weight)
    assert_same(case)
    found = grow_tree_on_device(case.predictors, case.target, case.params, **case.keywords)
    names = [p.name for p in case.predictors]
    assert described(*found) == described_plain(plain_tree(case), names)


@pytest.mark.parametrize("n_rows", [1, 2, 30])
def test_nothing_to_split(n_rows):
    x = [column("c", np.arange(n_rows), 40), column("d", np.zeros(n_rows), 3, False)]
    constant = ClassTarget(np.ones(n_rows, np.uint8), 3)
    assert assert_same(Case(x, constant, CartParams(1))).n_nodes == 1
    assert assert_same(Case(x, NumberTarget(np.full(n_rows, 0.1)), CartParams(1))).n_nodes == 1
    halves = ClassTarget((np.arange(n_rows) % 2).astype(np.uint8), 2)
    assert assert_same(Case([], halves, CartParams(1))).n_nodes == 1


def test_rows_and_columns_that_take_part():
    case = case_of("2 classes", 60, CartParams(3, max_depth=3))
    bootstrap = np.sort(np.random.default_rng(5).integers(0, 60, 60))
    some = Case(case.predictors, case.target, case.params, ["c4", "c1"], rows=bootstrap, key=KEY)
    assert assert_same(some).predictors == ("c1", "c4")


def test_tables_of_the_host_serve_as_they_are():
    case = case_of("2 classes", 40, CartParams(3, max_depth=2))
    table = PredictorTable.of(case.predictors)
    expected = grow_tree(table, case.target, case.params)
    found = grow_tree_on_device(table, case.target, case.params)
    assert described(*found) == described(*expected)
    resident, decoded = DeviceTable.of(case.predictors), DeviceTable.of(table)
    assert np.array_equal(launch.to_host(resident.records), launch.to_host(decoded.records))
    assert described(*grow_tree_on_device(resident, case.target, case.params)) == described(*found)


@pytest.mark.parametrize("kind", ["5 classes", "weighted 3 classes", "numbers", "weighted numbers"])
def test_tables_of_larger_children_are_worked_out(kind, monkeypatch):
    """With the same result when the memory has no room for tables of the level before."""
    search_by("tables", monkeypatch)
    derived = []
    subtract = device_search.subtract_siblings.over

    def over(n, *arguments):
        derived.append(n)
        subtract(n, *arguments)

    monkeypatch.setattr(device_search.subtract_siblings, "over", over)
    case = case_of(kind, 60, CartParams(3, max_depth=4))
    assert_same(case)
    assert derived
    derived.clear()
    monkeypatch.setattr(device_search, "_SHARE_OF_KEPT_TABLES", 0.0)
    assert_same(case)
    assert not derived


def test_a_level_in_two_batches_is_nobodys_parents(monkeypatch):
    """The level below comes in one batch, and must not read the tables of half its parents."""
    search_by("tables", monkeypatch)
    numbers = []

    def batches(self, nodes):
        numbers.append(len(nodes))
        if len(numbers) != 3:
            yield nodes
        else:
            yield nodes.some(slice(0, -1))
            yield nodes.some(slice(len(nodes) - 1, None))

    monkeypatch.setattr(device_search.Search, "_batches", batches)
    assert_same(case_of("5 classes", 200, CartParams(3, max_depth=4)))
    assert numbers == [1, 2, 4, 5]  # two of the five have the third and fourth for parents


@pytest.mark.parametrize("kind", ["5 classes", "numbers", "weighted numbers"])
@pytest.mark.parametrize("block_bytes", [device_groups.BLOCK_BYTES, 512])
def test_nodes_counted_in_many_items(kind, block_bytes, monkeypatch):
    """By several blocks each, in shared memory or, where that is too small, without it."""
    search_by("tables", monkeypatch)
    monkeypatch.setattr(device_search, "MOST_ITEM_ROWS", 7)
    for module in (device_groups, device_search):
        monkeypatch.setattr(module, "BLOCK_BYTES", block_bytes)
    assert assert_same(case_of(kind, 50, CartParams(3, max_depth=2))).n_nodes > 3


@pytest.mark.parametrize("kind", ["5 classes", "weighted 3 classes", "numbers"])
def test_a_table_in_pages_gives_the_same_tree(kind, way):
    case = case_of(kind, 50, CartParams(3, max_depth=3))
    table = PredictorTable.of(case.predictors)
    pages = PagedTable(table, 1)
    expected = grow_tree(table, case.target, case.params, **case.keywords)
    with counted() as seen:
        found = grow_tree_on_device(pages, case.target, case.params, **case.keywords)
    assert described(*found) == described(*expected)
    assert found[0].n_nodes > 3
    assert seen.bytes_to_device > 3 * 50 * 4  # the pages come again at every level
    assert pages.page(0).nbytes == 50 * 4


def test_less_memory_gives_the_same_tree_until_it_is_too_little():
    case = case_of("5 classes", 50, CartParams(3, max_depth=2))
    assert_same(case, free_bytes=400_000)
    with pytest.raises(DeviceMemoryError, match=r"needs [0-9,]+ bytes"):
        assert_same(case, free_bytes=1_000)


def test_a_level_waits_twice_and_launches_a_known_number_of_kernels():
    """The table of docs/gpu.md: 7 columns of 6 widths, subsets wide and narrow among the splits."""
    seen = {}
    for depth in (2, 3, 4):
        case = case_of("5 classes", 60, CartParams(3, max_depth=depth))
        with counted() as seen[depth]:
            grow_tree_on_device(case.predictors, case.target, case.params)
    for shallow, deep in ((seen[2], seen[3]), (seen[3], seen[4])):
        assert deep.synchronisations - shallow.synchronisations == 2
        assert deep.launches - shallow.launches <= 11
        assert deep.operations - shallow.operations == 2
        assert deep.copies_to_device - shallow.copies_to_device <= 4
    assert seen[2].synchronisations == 2 * 2 + 2  # subsets and donors, at the end


def test_calls_that_cannot_be_answered():
    x = [column("c", [0, 1, 0, 1], 2)]
    two = ClassTarget(np.array([0, 1, 0, 1], np.uint8), 2)
    with pytest.raises(PlanError, match="needs a key"):
        grow_tree_on_device(x, two, CartParams(1, columns_per_split=1))
    with pytest.raises(DataError, match="at least one row"):
        grow_tree_on_device(x, two, rows=np.zeros(0, np.int64))
    with pytest.raises(CodecError, match=r"'c'.*not below 2"):
        DeviceTable.of([column("c", [0, 1, 2], 2)])
    with pytest.raises(CodecError, match="too many for one device"):
        DeviceTable(DeviceTable.of(x).layout, 1 << 31)
    with pytest.raises(CodecError, match="too many for one device"):
        PagedTable(PredictorTable(Layout([], [], []), 1 << 31), 1)


def test_a_warm_up_reaches_every_kernel_of_the_grower():
    warm_device(choose_backend("cuda"))
    modules = ("choose", "histogram", "partition", "runs", *SEARCHES)
    kernels = {
        name: kernel
        for module in modules
        for name, kernel in vars(import_module(f"gpusynth_kernels.cuda.{module}")).items()
        if isinstance(kernel, launch.Kernel)
    }
    assert {name for name, kernel in kernels.items() if kernel._compiled is None} <= {
        "weights_in_order"  # weights alone; a second to compile
    }
