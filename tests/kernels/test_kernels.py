"""Each kernel of `spec.py` equals its plain definition, on random inputs, to the last bit."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpusynth_kernels.cpu
import gpusynth_kernels.scalar
from gpusynth_kernels import spec
from gpusynth_kernels.cpu import rowsets
from gpusynth_kernels.scalar.philox import philox
from tests.kernels import row_proofs as rows
from tests.kernels import scalar_proofs as scalars
from tests.kernels import set_proofs as sets
from tests.kernels import split_proofs as splits
from tests.kernels import tree_proofs as trees
from tests.kernels import walk_proofs as walks

PROOFS = {
    "scalar.philox.philox": scalars.prove_philox,
    "scalar.philox.philox_pair": scalars.prove_philox_pair,
    "scalar.philox.scaled": scalars.prove_scaled,
    "scalar.pick.pick_donor": scalars.prove_pick_donor,
    "scalar.gain.gini_score": scalars.prove_gini,
    "scalar.gain.variance_gain": scalars.prove_variance,
    "scalar.entropy.log2_fixed": scalars.prove_log2,
    "scalar.entropy.c_log_c": scalars.prove_c_log_c,
    "scalar.entropy.entropy_score": scalars.prove_entropy,
    "scalar.principal.principal_order": scalars.prove_principal,
    "cpu.random.fill_bits": rows.prove_fill_bits,
    "cpu.lanes.lane_bit": rows.prove_lane_bit,
    "cpu.lanes.pack_lanes": rows.prove_pack_lanes,
    "cpu.vertical.count_bits": rows.prove_count_bits,
    "cpu.vertical.sum_by_lane": rows.prove_sum_by_lane,
    "cpu.tables.count_node": splits.prove_count_node,
    "cpu.tables.subtract_node": splits.prove_count_node,
    "cpu.tables.scan_codes": splits.prove_scan_codes("gini"),
    "cpu.tables.scan_codes, entropy": splits.prove_scan_codes("entropy"),
    "cpu.tables.scan_sums": splits.prove_scan_sums,
    "cpu.offer.offer_columns": rows.prove_offer,
    "cpu.offer.path_of_child": rows.prove_offer,
    "cpu.offer.offer_lanes": rows.prove_offer_lanes,
    "cpu.lanes.class_runs": rows.prove_class_runs,
    "cpu.lanes.best_class_lane": splits.prove_lanes("gini"),
    "cpu.lanes.best_entropy_lane": splits.prove_lanes("entropy"),
    "cpu.lanes.best_weighted_class_lane": splits.prove_lanes("weighted gini"),
    "cpu.lanes.best_number_lane": splits.prove_lanes("variance"),
    "cpu.marks.mark_class_counts": splits.prove_mark_counts("gini"),
    "cpu.marks.mark_class_counts, weighted": splits.prove_mark_counts("weighted gini"),
    "cpu.marks.mark_number_sums": splits.prove_mark_counts("variance"),
    "cpu.marks.bound_of": splits.prove_cuts("gini"),
    "cpu.cuts.order_by_key": rows.prove_order_by_key,
    "cpu.cuts.best_class_cut": splits.prove_cuts("gini"),
    "cpu.cuts.best_class_cut, entropy": splits.prove_cuts("entropy"),
    "cpu.cuts.best_class_cut, weighted": splits.prove_cuts("weighted gini"),
    "cpu.cuts.best_number_cut": splits.prove_cuts("variance"),
    "cpu.scan.sort_by_code": splits.prove_scan("gini"),
    "cpu.scan.scan_classes": splits.prove_scan("gini"),
    "cpu.sixteen.scan_few_classes": splits.prove_scan("gini"),
    "cpu.scan.scan_entropy": splits.prove_scan("entropy"),
    "cpu.scan.scan_weighted_classes": splits.prove_scan("weighted gini"),
    "cpu.scan.scan_numbers": splits.prove_scan("variance"),
    "cpu.subsets.subset_split_classes": splits.prove_subsets("gini"),
    "cpu.subsets.subset_split_classes, entropy": splits.prove_subsets("entropy"),
    "cpu.subsets.subset_split_classes, weighted": splits.prove_subsets("weighted gini"),
    "cpu.subsets.subset_split_numbers": splits.prove_subsets("variance"),
    "cpu.ahead.ask_for_words": rows.prove_sides,
    "cpu.partition.set_sides": rows.prove_sides,
    "cpu.partition.flags_of": rows.prove_partition,
    "cpu.partition.partition": rows.prove_partition,
    "cpu.partition.keep_left": rows.prove_partition,
    "cpu.partition.keep_right": rows.prove_partition,
    "cpu.compress.divide_blocks": rows.prove_partition,
    "cpu.compress.keep_left_blocks": rows.prove_partition,
    "cpu.arrivals.part_arrived": walks.prove_part_arrived,
    "cpu.pages.ask_for_large_pages": rows.prove_large_pages,
    "cpu.gather.copy_words": rows.prove_copy_words,
    "cpu.node.node_score": rows.prove_node_measures,
    "cpu.node.node_risk": rows.prove_node_measures,
    "cpu.node.sum_of_squares": rows.prove_node_measures,
    "cpu.finish.rpart_risks": rows.prove_node_measures,
    "cpu.finish.class_entries": rows.prove_class_entries,
    "cpu.finish.number_breadth_first": trees.prove_breadth_first,
    "cpu.finish.prune_by_complexity": trees.prove_prune,
    "cpu.finish.collapse_to_leaves": trees.prove_collapse,
    "cpu.rowsets.turn_words": sets.prove_turn_words,
    "cpu.rowsets.keep_sets": sets.prove_keep(rowsets.keep_sets),
    "cpu.rowsets.keep_sets_singly": sets.prove_keep(rowsets.keep_sets_singly),
    "cpu.set_scores.best_set": sets.prove_best_set,
    "cpu.set_scores.bound_levels": sets.prove_levels,
    "cpu.set_scores.share_of_levels": sets.prove_levels,
    "cpu.set_scores.cut_levels": sets.prove_cut_levels,
}

PROVEN_BY_WHOLE_TREES = {
    "cpu.choose.choose_split",
    "cpu.partition.codes_of",
    "cpu.partition.may_split",
    "cpu.partition.is_pure",
    "cpu.partition.put_mask",
    "cpu.partition.with_absent",
    "cpu.space.make_nodes",
    "cpu.space.make_space",
    "cpu.space.words_used",
    "cpu.candidates.name_candidates",
    "cpu.candidates.collect_candidates",
    "cpu.candidates.threshold_of_lane",
    "cpu.candidates.subset_of_lane",
    "cpu.candidates.middle_of_levels",
    "cpu.candidates.middle_of_codes",
    "cpu.candidates.subset_of_levels",
    "cpu.candidates.flag_levels",
    "cpu.sprig_space.make_sprig_space",
    "cpu.sprig_space.bare_space",
    "cpu.sprig.grow_sprig",
    "cpu.twig.take_twig",
    "cpu.twig.grow_twigs",
    "cpu.grow.grow_block",
    "cpu.grow.grow_nodes",
    "cpu.twig.put_back",
    "cpu.finish.join_twigs",
    "cpu.lay_out.lay_out_tree",
    "cpu.walk.walk_rows",
    "cpu.walk.draw_rows",
    "cpu.walk.draw_answers",
}
"""tests/trees compares trees and draws with the plain grower's."""


@pytest.mark.parametrize("name", PROOFS)
def test_kernel_equals_its_definition(name):
    @settings(deadline=None, max_examples=40, derandomize=True)
    @given(st.integers(0, 2**63 - 1))
    def check(seed):
        PROOFS[name](np.random.default_rng(seed))

    check()


def test_each_kernel_has_a_proof():
    elsewhere = ("cpu.counts.", "cpu.distance.")  # tests/evaluate
    names = {kernel.name for kernel in spec.KERNELS if not kernel.name.startswith(elsewhere)}
    assert names == {name.split(",")[0] for name in PROOFS} | PROVEN_BY_WHOLE_TREES


def test_each_kernel_is_listed_once_and_has_a_definition():
    """All compiled public functions, and those that drive compiled ones."""
    names = [kernel.name for kernel in spec.KERNELS]
    assert len(names) == len(set(names))
    compiled = set()
    for package in (gpusynth_kernels.cpu, gpusynth_kernels.scalar):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            loaded = import_module(module.name)
            short = module.name.removeprefix("gpusynth_kernels.")
            compiled |= {
                f"{short}.{name}"
                for name in getattr(loaded, "__all__", ())
                if hasattr(getattr(loaded, name), "py_func")
            }
    assert compiled <= set(names)
    for kernel in spec.KERNELS:
        module, name = kernel.name.rsplit(".", 1)
        assert name in import_module(f"gpusynth_kernels.{module}").__all__
        assert inspect.getdoc(kernel.plain())
        assert inspect.getdoc(getattr(kernel.kernel(), "py_func", kernel.kernel()))


def test_table_of_the_specification_is_current():
    readme = Path(spec.__file__).parents[1] / "README.md"
    assert spec.table() in readme.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        (
            [0xFFFFFFFF] * 4,
            [0xFFFFFFFF] * 2,
            [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD],
        ),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_known_answers(counter, key, expected):
    """Random123, kat_vectors, philox4x32 10."""
    assert list(philox(*scalars.unsigned(counter + key))) == expected
