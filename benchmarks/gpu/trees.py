"""Trees of a GPU at size: growth, walk and draw, timed and compared with the processor's."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.gpu.measure import copy_rates, median_seconds, timed_kernels
from gpusynth.arrays import Array
from gpusynth.backends import Backend
from gpusynth.streams import StreamKey
from gpusynth.trees import (
    CartParams,
    ClassTarget,
    DrawTable,
    LeafDonors,
    Predictor,
    PredictorTable,
    Tree,
    draw_rows,
    fit_tree,
    grow_tree,
)
from gpusynth.trees.fit import prepare_fit
from gpusynth_kernels.cuda import launch
from gpusynth_kernels.cuda.traffic import counted

__all__ = ["TreeSizes", "check_draw", "check_tree"]

_WIDTHS = (2, 3, 6, 20, 50, 200)


@dataclass(frozen=True, slots=True)
class TreeSizes:
    """How large the trees are that are grown."""

    rows: int
    columns: int
    depth: int
    repeats: int
    threads: int


def predictors(sizes: TreeSizes) -> PredictorTable:
    """Return columns of codes of every width, skewed as amounts are."""
    rng = np.random.default_rng(1)
    columns = []
    for at in range(sizes.columns):
        n = _WIDTHS[at % len(_WIDTHS)]
        skewed = np.floor(n * rng.random(sizes.rows, np.float32) ** 3).astype(np.uint8)
        columns.append(Predictor(f"c{at}", np.minimum(skewed, n - 1), n, is_ordered=at % 3 > 0))
    return PredictorTable.of(columns)


def target_of(table: PredictorTable, n_classes: int) -> ClassTarget:
    """Return classes that two columns decide for seven rows in ten."""
    rng = np.random.default_rng(2)
    score = table.codes("c0").astype(np.int64) * 3 + table.codes("c1")
    noise = rng.integers(0, n_classes, table.n_rows)
    known = rng.random(table.n_rows, np.float32) < 0.7
    return ClassTarget(np.where(known, score % n_classes, noise).astype(np.uint16), n_classes)


def _equal(first: Tree | LeafDonors, second: Tree | LeafDonors) -> bool:
    ours, theirs = first.to_arrays(), second.to_arrays()
    return ours.keys() == theirs.keys() and all(
        np.array_equal(array, theirs[name]) for name, array in ours.items()
    )


def check_tree(backend: Backend, sizes: TreeSizes, n_classes: int) -> dict[str, Any]:
    """Grow a tree on the device and by the processor; compare both, and time each part."""
    table = predictors(sizes)
    target, params = target_of(table, n_classes), CartParams(max_depth=sizes.depth)
    grown: list[tuple[Tree, LeafDonors]] = []

    def grow() -> None:
        grown[:] = [fit_tree(table, target, params, backend=backend)]

    start = time.perf_counter()
    grow()
    result: dict[str, Any] = {
        "fitter": backend.fitter,
        "n_classes": n_classes,
        "first_seconds": time.perf_counter() - start,
        "seconds": median_seconds(grow, sizes.repeats),
    }
    tree, donors = grown[0]
    result |= {"leaves": int(tree.n_leaves), "nodes": int(tree.n_nodes)}
    if backend.fitter != "histogram":
        return result
    result["host_seconds_before"] = median_seconds(
        lambda: prepare_fit(target, params, None, None), sizes.repeats
    )
    with counted() as traffic:
        grow()
    result["traffic"] = asdict(traffic)
    with timed_kernels() as times:
        grow()
    result["kernels"] = times.to_json()
    result["kernel_seconds"] = sum(row["milliseconds"] for row in result["kernels"]) / 1000.0
    start = time.perf_counter()
    own_tree, own_donors = grow_tree(table, target, params, n_threads=sizes.threads)
    result["cpu_seconds"] = time.perf_counter() - start
    result["same_tree"] = _equal(own_tree, tree)
    result["same_donors"] = _equal(own_donors, donors)
    return result


def check_draw(backend: Backend, sizes: TreeSizes) -> dict[str, Any]:
    """Walk a weighted tree and draw donors; compare the seconds with those of a copy."""
    from gpusynth.trees.draw_device import draw_on_device

    table = predictors(sizes)
    weight = np.random.default_rng(3).integers(1, 9, sizes.rows).astype(float)
    params = CartParams(max_depth=sizes.depth)
    tree, donors = fit_tree(table, target_of(table, 2), params, weight=weight, backend=backend)
    there = DrawTable(table.layout, table.n_rows)
    for name in table.layout.names:
        there.fill({name: table.codes(name)})
    key, drawn = StreamKey(3), []

    def draw() -> Array:
        drawn[:] = [draw_on_device(tree, donors, there, key)]

    seconds = median_seconds(draw, sizes.repeats)
    expected = draw_rows(tree, donors, table, key)
    # the words and wide codes of a row are read once, its donor is written once
    row_bytes = 8 * table.layout.n_words + 2 * table.layout.n_wide + donors.rows.itemsize
    rates = copy_rates() if not launch.SIMULATED else copy_rates(1 << 16)
    floor = table.n_rows * row_bytes / rates["device_copy"]
    with timed_kernels() as times:
        draw()
    return {
        "same_draw": np.array_equal(launch.to_host(drawn[0]), expected),
        "seconds": seconds,
        "row_bytes": row_bytes,
        "floor_seconds": floor,
        "share_of_floor": floor / seconds,
        "bytes_per_second": rates,
        "leaves": int(tree.n_leaves),
        "kernels": times.to_json(),
    }
