"""k-marginal scores: golden values of SDNist and CenSyn, hand-made cases, blocks, baselines."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.baselines import LADDER, bootstrap_rows, subsample_rows
from gpusynth.evaluate.coding import code_together
from gpusynth.evaluate.marginals import all_combinations, lay_out, sampled_combinations
from gpusynth.evaluate.metric import measure
from gpusynth.evaluate.utility.kmarginal import KMarginal, kmarginal, worst_marginals
from gpusynth.evaluate.utility.kmarginal_groups import kmarginal_by_group
from gpusynth.streams import Purpose, StreamKey
from gpusynth.table.schema import Column, Schema
from gpusynth.table.source import TableSource

FOUR = ("sector", "state", "immig", "exports")


def small(real: dict, synthetic: dict, **kwargs):
    schema = Schema(
        columns=tuple(Column(name=n, kind="categorical", storage="string") for n in real)
    )
    sources = [TableSource(pa.table(rows), name=n) for n, rows in (("r", real), ("s", synthetic))]
    return code_together(*sources, schema=schema, **kwargs)


@pytest.fixture(scope="module")
def four(firms, firm_schema):
    return code_together(*firms, schema=firm_schema, columns=FOUR)


@pytest.fixture(scope="module")
def made_up(made_up_firms, firm_schema):
    return code_together(*made_up_firms, schema=firm_schema, columns=FOUR)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_censyn_golden(four, expected, k):
    raw, score = expected["kmarginal"][f"k{k}"]
    (result,) = kmarginal(four, k)
    assert result.value == pytest.approx(score, rel=1e-9)
    assert 2 * result.breakdown["total_variation"].mean() == pytest.approx(raw, rel=1e-9)


def test_censyn_weighted_golden(firms, firm_schema, expected):
    sources = []
    for source in firms:
        table = pa.Table.from_batches(source.batches())
        weight = pa.array([1 + i % 7 for i in range(table.num_rows)])
        sources.append(TableSource(table.append_column("w", weight), name=source.name))
    weight_column = Column(name="w", kind="integer", storage="int64", role="weight")
    schema = Schema(columns=(*firm_schema.columns, weight_column))
    codes = code_together(*sources, schema=schema, columns=FOUR, weight="w")
    raw, score = expected["kmarginal"]["k2_weight_1_plus_i_mod7"]
    (result,) = kmarginal(codes, 2)
    assert result.value == pytest.approx(score, rel=1e-9)
    assert 2 * result.breakdown["total_variation"].mean() == pytest.approx(raw, rel=1e-9)


def test_sdnist_golden(four, expected):
    (result,) = kmarginal(four, 2)
    assert result.value == pytest.approx(expected["kmarginal"]["sdnist_ungrouped"], rel=1e-9)


def test_sdnist_group_golden(four, expected):
    result = kmarginal_by_group(four.real, four.synthetic[0], "state")
    assert result.value == pytest.approx(expected["kmarginal"]["sdnist_group_state"], rel=1e-9)
    by_state = dict(
        zip(result.breakdown["group_label"], result.breakdown["group_score"], strict=True)
    )
    assert by_state == pytest.approx(expected["kmarginal"]["sdnist_group_state_scores"], rel=1e-9)


def test_by_hand():
    """p = (3, 1)/4 against (1, 1)/2: |diff| = 1/4 + 1/4, score (2 - 1/2) * 500."""
    codes = small({"x": ["a", "a", "a", "b"]}, {"x": ["a", "b"]})
    (result,) = kmarginal(codes, 1, n_bootstraps=0)
    assert result.value == 750.0
    assert result.expected is None
    assert worst_marginals(result, 1) == [(("x",), 0.25)]


def test_disjoint_and_equal_files_are_the_ends_of_the_scale():
    same = {"x": ["a", "b", None], "y": ["1", "1", "2"]}
    (equal,) = kmarginal(small(same, same), 2)
    assert equal.value == 1000.0
    (disjoint,) = kmarginal(small(same, {"x": ["c"], "y": ["3"]}), 2)
    assert disjoint.value == 0.0


def test_null_as_level_or_dropped():
    """Half of x is null in the real file, none in the synthetic (inventory D.1: .25 not .5)."""
    real = {"x": ["a", None], "y": ["u", "u"]}
    synthetic = {"x": ["a", "a"], "y": ["u", "u"]}
    level, dropped = (
        kmarginal(small(real, synthetic), 1, missing=missing)[0].breakdown["total_variation"]
        for missing in ("level", "drop")
    )
    assert 2 * level.mean() == pytest.approx(0.5)
    assert 2 * dropped.mean() == pytest.approx(0.25)


def test_dropped_null_in_pairs_equals_pandas():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(1)
    frames = [
        pd.DataFrame(
            {
                "x": rng.choice(["a", "b", None], n),
                "y": rng.choice(["u", None], n),
                "z": rng.choice(["1", "2"], n),
            },
            dtype=object,
        )
        for n in (90, 70)
    ]
    a, b = (frame.groupby(["x", "y"]).size() / len(frame) for frame in frames)
    raw = a.subtract(b, fill_value=0).abs().sum()
    codes = small(*({c: list(f[c].where(f[c].notna(), None)) for c in f} for f in frames))
    (result,) = kmarginal(codes, 2, missing="drop", marginals=[("x", "y")])
    assert result.value == pytest.approx((2 - raw) * 500, rel=1e-12)


@pytest.mark.parametrize("block", [1, 7, 64])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_blocks_change_nothing(made_up, k, block):
    real, synthetic = made_up.real, made_up.synthetic[0]
    layout = lay_out(real.n_codes, all_combinations(4, k), n_rows=real.n_rows)
    metric = KMarginal(layout, real.names)
    whole = measure(metric, [(real, synthetic)])
    empty = real.take(slice(0, 0))
    blocks = [(rows, empty) for rows in real.take(slice(0, 99)).blocks(block)]
    blocks += [(empty, rows) for rows in synthetic.blocks(200)]
    blocks.append((real.take(slice(99, None)), empty))
    assert measure(metric, blocks).value == whole.value


def test_sparse_tables_equal_dense_ones(monkeypatch):
    rng = np.random.default_rng(4)
    rows = [{c: [str(v) for v in rng.integers(0, 9, n)] for c in "xyz"} for n in (80, 70)]
    rows[0]["x"][:20] = [None] * 20
    codes = small(*rows)
    found = []
    for cells in (1 << 16, 0):
        monkeypatch.setattr("gpusynth.evaluate.marginals._DENSE_CELLS", cells)
        monkeypatch.setattr("gpusynth.evaluate.marginals._CELLS_PER_ROW", 0)
        for missing in ("level", "drop"):
            (result,) = kmarginal(codes, 2, missing=missing)
            found.append(result.breakdown["total_variation"])
    assert np.allclose(found[0], found[2], rtol=0, atol=1e-12)
    assert np.allclose(found[1], found[3], rtol=0, atol=1e-12)
    assert not np.allclose(found[0], found[1])


@pytest.mark.parametrize("n", [400, 100])
def test_bootstrap_baseline_is_near_its_expectation(n):
    """With one column of two equal levels, E|p* - p| of n draws is about sqrt(2 / (pi n)) / 2.

    1000 resamples of 400 real rows, as many as the synthetic file has: the mean distance has
    standard error 0.0096 / sqrt(n), so a band of four of them raises a false alarm less than once
    in 10,000 seeds.
    """
    codes = small({"x": ["a", "b"] * 200}, {"x": ["a", "b"] * (n // 2)})
    (result,) = kmarginal(codes, 1, n_bootstraps=1000, seed=9)
    expected = np.sqrt(2 / (np.pi * n)) / 2
    distance = result.breakdown["expected_total_variation"][0]
    assert distance == pytest.approx(expected, abs=4 * 0.0096 / np.sqrt(n))
    assert result.expected == pytest.approx(1000 * (1 - distance))


def test_ladder_rises_to_the_whole_file(made_up):
    (result,) = kmarginal(made_up, 2, ladder=(*LADDER, 1.0))
    scores = result.breakdown["ladder_score"]
    assert scores[-1] == 1000.0
    assert scores[0] < scores[5] < scores[-2]
    assert len(result.breakdown["ladder_share"]) == 12


def test_subsamples_are_nested_and_have_no_row_twice():
    small_one, large = subsample_rows(1000, (0.1, 0.5), seed=3)
    assert len(small_one) == 100
    assert len(np.unique(large)) == 500
    assert set(small_one) < set(large)
    with pytest.raises(ValueError, match="share"):
        subsample_rows(10, (0.0,), seed=1)


def test_bootstrap_rows_depend_on_seed_and_replicate_only():
    first = bootstrap_rows(100, 50, seed=1)
    assert np.array_equal(first, bootstrap_rows(100, 80, seed=1)[:50])
    assert not np.array_equal(first, bootstrap_rows(100, 50, seed=1, replicate=1))
    assert not np.array_equal(first, bootstrap_rows(100, 50, seed=2))
    assert first.min() >= 0
    assert first.max() < 100


def test_sampled_marginals_are_distinct_and_uniform():
    key = StreamKey(5, purpose=Purpose.EVALUATE)
    tables = sampled_combinations(12, 3, 150, key)
    assert len(np.unique(tables, axis=0)) == len(tables) == 150
    assert (np.diff(tables, axis=1) > 0).all()
    assert len(sampled_combinations(5, 2, 99, key)) == 10
    # 20 of 220 subsets, 200 seeds: a column is in 1/4 of them; se of the share 0.0068 at most,
    # and five of them for the worst of 12 columns: a false alarm in 10^5
    share = np.mean(
        [
            np.bincount(sampled_combinations(12, 3, 20, StreamKey(s)).ravel(), minlength=12) / 20
            for s in range(200)
        ],
        axis=0,
    )
    assert np.abs(share - 0.25).max() < 5 * 0.0068


def test_a_column_may_meet_itself(made_up):
    (pair,) = kmarginal(made_up, 2, marginals=[("state", "state")])
    (single,) = kmarginal(made_up, 1, marginals=[("state",)])
    assert pair.value == single.value


def test_given_marginals_in_any_order(made_up):
    (a,) = kmarginal(made_up, 2, marginals=[("state", "sector")])
    (b,) = kmarginal(made_up, 2, marginals=[("sector", "state")])
    assert a.value == pytest.approx(b.value, rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 2, "marginals": [("x", "nothing")]}, "'nothing'"),
        ({"k": 2, "marginals": [("x",)]}, "k is 2"),
        ({"k": 3}, "3-way marginals need 3 columns"),
    ],
)
def test_what_cannot_be_computed_says_why(arguments, message):
    codes = small({"x": ["a"], "y": ["b"]}, {"x": ["a"], "y": ["b"]})
    with pytest.raises(IncomputableMetricError, match=message):
        kmarginal(codes, **arguments)


def test_no_blocks_is_an_error(made_up):
    metric = KMarginal(lay_out([2], np.zeros((1, 1)), n_rows=1), ("x",))
    with pytest.raises(IncomputableMetricError, match="no rows"):
        measure(metric, [])


@pytest.mark.parametrize("definition", ["sdnist", "censyn"])
def test_groups_of_sparse_tables_equal_dense_ones(made_up, monkeypatch, definition):
    found = []
    for cells in (1 << 16, 0):
        monkeypatch.setattr("gpusynth.evaluate.marginals._DENSE_CELLS", cells)
        monkeypatch.setattr("gpusynth.evaluate.marginals._CELLS_PER_ROW", 0)
        result = kmarginal_by_group(
            made_up.real, made_up.synthetic[0], "state", definition=definition
        )
        found.append((result.value, *result.breakdown["group_score"]))
    assert found[0] == pytest.approx(found[1], rel=1e-12)


def test_censyn_groups_by_hand():
    """One group equal, one shifted: D_b = 1/4 + 1/4 of shares 1/2 + 1/2, score 500 * (2 - 1)."""
    real = {"g": ["a", "a", "b", "b"], "x": ["1", "1", "1", "1"]}
    synthetic = {"g": ["a", "a", "b", "b"], "x": ["1", "1", "1", "2"]}
    codes = small(real, synthetic)
    result = kmarginal_by_group(codes.real, codes.synthetic[0], "g", 1, definition="censyn")
    assert list(result.breakdown["group_score"]) == [1000.0, 500.0]
