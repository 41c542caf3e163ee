"""Checks of kernels that work on rows against their plain definitions."""

from __future__ import annotations

import mmap
import re
from pathlib import Path

import numpy as np

from gpusynth.trees import Predictor, PredictorTable
from gpusynth_kernels import reference, reference_splits, reference_tree
from gpusynth_kernels.cpu import (
    compress,
    cuts,
    finish,
    gather,
    kinds,
    lanes,
    offer,
    pages,
    partition,
    random,
    vertical,
)
from gpusynth_kernels.cpu import node as nodes
from tests.kernels.node_cases import TABLE, random_column, random_node
from tests.kernels.scalar_proofs import unsigned, words

MODES = {
    "gini": kinds.CLASSES_BY_GINI,
    "entropy": kinds.CLASSES_BY_ENTROPY,
    "weighted gini": kinds.WEIGHTED_CLASSES,
    "variance": kinds.NUMBERS,
}


def prove_fill_bits(rng: np.random.Generator) -> None:
    seed, stream, first = *words(rng, 2), words(rng, 1, 62)[0]
    out = np.empty((5, 2), np.uint64)
    random.fill_bits(np.uint64(seed), np.uint64(stream), np.uint64(first), out)
    expected = [list(reference.philox_pair(seed, stream, first + i)) for i in range(5)]
    assert out.tolist() == expected


def prove_lane_bit(rng: np.random.Generator) -> None:
    lane = int(rng.integers(0, 64))
    assert reference.lane_of(int(lanes.lane_bit(lane))) == lane


def unpacked(records: np.ndarray) -> np.ndarray:
    """Return the lanes of records as booleans (n, 64 words)."""
    lanes_of_bits = [reference.lane_of(bit) for bit in range(64)]
    out = np.zeros((records.shape[0], 64 * records.shape[1]), np.bool_)
    for word in range(records.shape[1]):
        for bit, lane in enumerate(lanes_of_bits):
            out[:, 64 * word + lane] = records[:, word] >> np.uint64(bit) & np.uint64(1) == 1
    return out


def prove_pack_lanes(rng: np.random.Generator) -> None:
    """Narrow columns have a lane a split, middling ones a lane a code."""
    predictors = []
    for i in range(int(rng.integers(1, 14))):
        ordered = bool(rng.random() < 0.5)
        n_codes = int(rng.choice((2, 5, 8, 9, 32) if ordered else (2, 3, 4, 5, 17, 64)))
        predictors.append(Predictor(f"c{i}", random_column(rng, n_codes, 40), n_codes, ordered))
    table = PredictorTable.of(predictors)
    expected = np.zeros((40, 64 * table.layout.n_words), np.bool_)
    for i, p in enumerate(predictors):
        first = max(table.layout.first_lane[i], table.layout.first_mark[i])
        narrow = table.layout.first_lane[i] >= 0
        sides = (
            reference.lanes(p.n_codes, is_ordered=p.is_ordered)
            if narrow
            else [{code} for code in range(p.n_codes)]
        )
        for lane, codes in enumerate(sides):
            expected[:, first + lane] = np.isin(p.codes, list(codes))
    assert np.array_equal(unpacked(table.records), expected)


def prove_count_bits(rng: np.random.Generator) -> None:
    """Runs below and above sixteen rows, and above what a byte counts; any number of words."""
    n = int(rng.choice([1, 15, 16, 255, 700, vertical.MOST_ROWS + 40]))
    n_all = int(rng.integers(1, 20))
    n_words = int(rng.integers(1, n_all + 1))
    records = rng.integers(0, 2**64, (n, n_all), dtype=np.uint64)
    records[:, 0] |= np.uint64(0xFFFF)  # a bit that all rows have
    order = rng.integers(0, n, n).astype(np.uint64) | np.uint64(5 << 32)
    begin, end = sorted(rng.integers(0, n + 1, 2).tolist()) if rng.random() < 0.5 else (0, n)
    end = max(end, begin + 1) if begin < n else n
    begin = min(begin, n - 1)
    counts = np.full(64 * n_words + 3, -1, np.int32)
    vertical.count_bits(records, n_words, order, begin, end, np.empty(128, np.uint64), counts)
    rows = (order[begin:end] & np.uint64(0xFFFFFFFF)).astype(np.int64)
    expected = unpacked(records[rows][:, :n_words]).sum(axis=0).tolist()
    assert counts.tolist() == [*expected, -1, -1, -1]


def prove_sides(rng: np.random.Generator) -> None:
    """Records that caches hold, and those of a table that they do not."""
    n_words = int(rng.integers(1, 4))
    n_table = int(rng.choice([400, partition.FAR_WORDS // n_words + 1]))
    records, side = np.zeros((n_table, n_words), np.uint64), np.full(n_table, 7, np.uint8)
    begin, n = int(rng.integers(0, 5)), int(rng.choice([1, 63, 64, 65, 128, 300]))
    rows = rng.choice(n_table, begin + n + 3, replace=False)
    order = rows.astype(np.uint64) | np.uint64(3 << 32)
    word, bits = int(rng.integers(0, n_words)), np.uint64(1 << int(rng.integers(0, 64)))
    goes_right = rng.random(len(rows)) < rng.choice([0.0, 0.3, 1.0])
    records[rows[goes_right], word] = bits
    records[rows[~goes_right], word] = ~bits
    flags = np.full(n + 1, 7, np.uint8)
    split = (kinds.SUBSET, np.uint64(0), word, bits)
    n_left = partition.set_sides(
        *(records, np.zeros(1, np.uint16), order, begin, begin + n, split),
        *(np.zeros(1, np.uint8), side, flags),
    )
    right = goes_right[begin : begin + n]
    assert n_left == n - right.sum()
    assert flags.tolist() == [*right, 7]
    assert np.array_equal(side[rows[begin : begin + n]], right)
    assert (side == 7).sum() == n_table - n
    flags[:] = 7
    n_left = partition.set_sides(
        *(records, np.zeros(1, np.uint16), order, begin, begin + n, split),
        *(np.zeros(1, np.uint8), side[:0], flags),
    )
    assert n_left == n - right.sum()
    assert flags.tolist() == [*right, 7]


def prove_partition(rng: np.random.Generator) -> None:
    """Whole blocks of eight and what is left of them; sides of all rows alike, too."""
    n = int(rng.choice([1, 7, 8, 9, 64, 301]))
    begin = int(rng.integers(0, 20))
    end = begin + n
    rows = rng.permutation(n + 40).astype(np.uint64)
    entries = rows | (rng.integers(0, 2**31, len(rows)).astype(np.uint64) << np.uint64(32))
    side = (rng.random(len(rows)) < rng.choice([0.0, 0.1, 0.5, 1.0])).astype(np.uint8)
    flags, spare = np.full(n + 1, 7, np.uint8), np.zeros(n + 1, np.uint64)
    partition.flags_of(entries, begin, end, side, flags)
    assert flags.tolist() == [*side[rows[begin:end]].tolist(), 7]
    here, right = entries[begin:end], flags[:n] == 1
    left_side, right_side = here[~right].tolist(), here[right].tolist()

    both, left, last = entries.copy(), entries.copy(), entries.copy()
    partition.partition(both, begin, end, flags, spare)
    assert both[begin:end].tolist() == left_side + right_side
    partition.keep_left(left, begin, end, flags)
    assert left[begin:][: len(left_side)].tolist() == left_side
    partition.keep_right(last, begin, end, flags)
    assert last[end - len(right_side) : end].tolist() == right_side
    for changed in (both, left, last):
        assert np.array_equal(changed[:begin], entries[:begin])
        assert np.array_equal(changed[end:], entries[end:])
    assert spare[n] == 0

    blocks = entries.copy()
    done = [
        compress.divide_blocks(blocks, begin, n, flags, spare),
        compress.keep_left_blocks(entries.copy(), begin, n, flags, spare),
    ]
    for n_left, n_right in done:
        assert n_left + n_right in (0, n // 8 * 8)
        assert n_right == right[: n_left + n_right].sum()


def prove_copy_words(rng: np.random.Generator) -> None:
    n, n_all = int(rng.integers(1, 30)), int(rng.integers(1, 20))
    n_words = int(rng.integers(0, n_all + 1))
    records = rng.integers(0, 2**64, (n, n_all), dtype=np.uint64)
    records[:, n_all // 2] = 5
    order = rng.integers(0, n, n).astype(np.uint64) | np.uint64(5 << 32)
    begin = int(rng.integers(0, n))
    end = int(rng.integers(begin + 1, n + 1))
    copied, varying = gather.copy_words(records, n_words, order, begin, end)
    rows = (order[begin:end] & np.uint64(0xFFFFFFFF)).astype(np.int64)
    expected = records[rows][:, :n_words]
    assert np.array_equal(copied, expected)
    assert np.array_equal(varying, np.bitwise_or.reduce(expected ^ expected[:1], axis=0))


def _page_flags(address: int) -> list[str]:
    """Return the flags of the mapping that holds an address."""
    here = False
    for line in Path("/proc/self/smaps").read_text(encoding="ascii").splitlines():
        first, _, rest = line.partition(" ")
        if re.fullmatch("[0-9a-f]+-[0-9a-f]+", first):
            low, high = (int(end, 16) for end in first.split("-"))
            here = low <= address < high
        elif here and first == "VmFlags:":
            return rest.split()
    return []


def prove_large_pages(rng: np.random.Generator) -> None:
    """They are asked for where there are any, for large arrays alone, and nothing is lost."""
    n_bytes = int(rng.choice([1 << 21, 1 << 22, 5_000_000]))
    array = np.frombuffer(mmap.mmap(-1, n_bytes), np.uint16)
    places = rng.integers(0, len(array), 5)
    array[places] = 7
    pages.ask_for_large_pages(array)
    assert (array[places] == 7).all()
    assert np.count_nonzero(array) == len(set(places.tolist()))
    if Path("/sys/kernel/mm/transparent_hugepage").exists() and Path("/proc/self/smaps").exists():
        middle = array.ctypes.data + n_bytes // 2
        assert ("hg" in _page_flags(middle)) == (n_bytes >= 1 << 22)


def prove_offer(rng: np.random.Generator) -> None:
    seed, path = words(rng, 2)
    n = int(rng.integers(2, 60))
    columns = np.sort(rng.permutation(80)[:n]).astype(np.int32)
    n_offered = int(rng.integers(1, n))
    is_offered = np.full(80, 7, np.uint8)
    lowest = np.empty(n, np.uint64)
    offer.offer_columns(*unsigned([seed, path]), columns, n_offered, lowest, is_offered)
    places = reference_tree.offered_columns(seed, path, n, n_offered)
    assert len(places) == n_offered
    assert np.flatnonzero(is_offered == 1).tolist() == columns[places].tolist()
    assert (is_offered == 7).sum() == 80 - n
    for side in (0, 1):
        fast = offer.path_of_child(*unsigned([seed, path]), side)
        assert fast == reference_tree.path_of_child(seed, path, side)


def prove_offer_lanes(rng: np.random.Generator) -> None:
    n_words = int(rng.integers(1, 4))
    lane_feature = rng.integers(-1, 9, 64 * 5).astype(np.int32)
    lane_word = rng.permutation(5)[:n_words].astype(np.int32)
    ok = rng.integers(0, 2, 64 * n_words).astype(np.uint8)
    is_offered = rng.integers(0, 2, 9).astype(np.uint8)
    lane_ok = np.empty_like(ok)
    offer.offer_lanes((lane_word, lane_word, ok), lane_feature, is_offered, lane_ok)
    feature = lane_feature.reshape(5, 64)[lane_word].ravel()
    assert lane_ok.tolist() == [
        int(own and f >= 0 and is_offered[f]) for own, f in zip(ok, feature, strict=True)
    ]


def prove_sum_by_lane(rng: np.random.Generator) -> None:
    n = int(rng.choice([1, 7, 300]))
    records = rng.integers(0, 2**64, (n, 3), dtype=np.uint64)
    order = rng.integers(0, n, n).astype(np.uint64) | np.uint64(5 << 32)
    amounts = rng.integers(-(2**50), 2**50, n)
    word, begin = int(rng.integers(0, 3)), int(rng.integers(0, n))
    sums = rng.integers(-100, 100, 80)
    expected = sums.copy()
    rows = (order[begin:] & np.uint64(0xFFFFFFFF)).astype(np.int64)
    expected[6:70] = amounts[rows] @ unpacked(records[rows][:, [word]]).astype(np.int64)
    vertical.sum_by_lane(records, word, order, begin, n, amounts, sums, 6)
    assert np.array_equal(sums, expected)


def prove_class_runs(rng: np.random.Generator) -> None:
    node = random_node(rng, "gini", 300, int(rng.choice([3, 300])))
    ends, classes = np.full((2, node.target.n_classes), -1, np.int64)
    n_runs = lanes.class_runs(node.order, node.begin, node.end, ends, classes)
    assert ends[:n_runs].tolist() == node.runs.tolist()
    assert classes[:n_runs].tolist() == np.flatnonzero(node.by_class).tolist()


def prove_order_by_key(rng: np.random.Generator) -> None:
    m = int(rng.choice([0, 1, 30, 64, 65, 400]))
    keys = np.round(rng.normal(size=m + 1), int(rng.choice([0, 1, 9])))
    places = np.empty(m + 1, np.int64)
    cuts.order_by_key(keys, m, places)
    assert places[:m].tolist() == reference.stable_order(keys[:m].tolist())


def prove_class_entries(rng: np.random.Generator) -> None:
    codes = rng.integers(0, 5, 60).astype(rng.choice(["uint8", "uint16"]))
    rows = np.flatnonzero(rng.random(60) < rng.choice([0.0, 0.6]))
    for given, named in ((rows, rows), (rows[:0], np.arange(60))):
        fast = np.empty(len(named), np.uint64)
        finish.class_entries(codes, given, 6, fast)
        assert fast.tolist() == reference.class_entries(codes.tolist(), named.tolist())


def prove_node_measures(rng: np.random.Generator) -> None:
    criterion = str(rng.choice(list(MODES)))
    node = random_node(rng, criterion, 300, 300)
    mode, target = MODES[criterion], node.target
    arrays = (max(target.n_classes, 1), node.numbers, node.weight, TABLE)
    counts, ends, classes = np.empty((3, arrays[0]), np.int64)
    where = (mode, node.order, node.begin, node.end, arrays)
    score, n_runs = nodes.node_score(*where, counts, ends, classes)
    assert score == reference_splits.score_of_node(target, node.rows)
    if criterion != "variance":
        assert counts.tolist() == node.by_class.tolist()
        assert ends[:n_runs].tolist() == node.runs.tolist()
        assert classes[:n_runs].tolist() == np.flatnonzero(node.by_class).tolist()
    else:
        fast = nodes.sum_of_squares(node.order, node.begin, node.end, node.numbers, node.weight)
        assert fast == reference_tree.sum_of_squares(target, node.rows)
    assert nodes.node_risk(*where, counts) == reference_tree.risk(target, node.rows)
    begin, end = np.array([node.begin]), np.array([node.end])
    risks = finish.rpart_risks(
        mode, node.order, begin, end, target.n_classes, node.numbers, node.weight
    )
    assert risks.tolist() == [reference_tree.rpart_risk(target, node.rows)]
