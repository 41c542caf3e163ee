"""Every kernel once: what it is for, which plain definition it must equal, and how closely.

From this list come the property tests (`tests/kernels`), and the table of `kernels/README.md`:

    python -m gpusynth_kernels.spec

prints it. Arguments with their dtypes and shapes are in the kernels' own docstrings.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

__all__ = ["KERNELS", "KernelSpec", "table"]

Tier = Literal["scalar", "map", "collective"]


@dataclass(frozen=True, slots=True)
class KernelSpec:
    """One kernel.

    Attributes
    ----------
    name : str
        ``module.function`` below ``gpusynth_kernels``.
    tier : {"scalar", "map", "collective"}
        A function of scalars, of each row by itself, or of many rows together.
    definition : str
        The plain definition, ``module.function`` below ``gpusynth_kernels``.
    exactness : {"bit"} or str
        How closely the two agree: to the last bit, or a tolerance.
    purpose : str
    """

    name: str
    tier: Tier
    definition: str
    exactness: str
    purpose: str

    def kernel(self) -> Any:
        """Return the compiled function."""
        return _find(self.name)

    def plain(self) -> Any:
        """Return the plain definition."""
        return _find(self.definition)


def _find(name: str) -> Any:
    module, function = name.rsplit(".", 1)
    return getattr(import_module(f"gpusynth_kernels.{module}"), function)


def _specs(*rows: tuple[str, Tier, str, str]) -> tuple[KernelSpec, ...]:
    return tuple(
        KernelSpec(name, tier, definition, "bit", purpose)
        for name, tier, definition, purpose in rows
    )


_SCALAR = _specs(
    (
        "scalar.philox.philox",
        "scalar",
        "reference.philox",
        "128 random bits of a counter and a key",
    ),
    ("scalar.philox.philox_pair", "scalar", "reference.philox_pair", "two 64-bit random numbers"),
    ("scalar.philox.scaled", "scalar", "reference.scaled", "random bits to a number below n"),
    ("scalar.pick.pick_donor", "scalar", "reference.pick_donor", "a donor, evenly or by weight"),
    ("scalar.gain.gini_score", "scalar", "reference_splits.gini", "score of a split, classes"),
    ("scalar.gain.variance_gain", "scalar", "reference_splits.variance", "the same, numbers"),
    ("scalar.entropy.log2_fixed", "scalar", "reference_splits.log2_fixed", "log2 in fixed point"),
    ("scalar.entropy.c_log_c", "scalar", "reference_splits.c_log_c", "c log2 c in fixed point"),
    ("scalar.entropy.entropy_score", "scalar", "reference_splits.entropy", "score by entropy"),
    (
        "scalar.principal.principal_order",
        "scalar",
        "reference_splits.principal_scores",
        "levels on the first principal component of their class proportions",
    ),
)

_MAP = _specs(
    ("cpu.random.fill_bits", "map", "reference.philox_pair", "random numbers of a run of rows"),
    ("cpu.lanes.lane_bit", "map", "reference.lane_of", "bit of a lane within its word"),
    ("cpu.lanes.pack_lanes", "map", "reference.lanes", "codes of a column to bits of the records"),
    ("cpu.lay_out.lay_out_tree", "map", "reference.walk", "a tree as the words that walks read"),
    ("cpu.arrivals.part_arrived", "map", "reference.arrived", "rows in a leaf from the others"),
    ("cpu.walk.walk_rows", "map", "reference.walk", "rows to their leaves"),
    ("cpu.walk.draw_rows", "map", "reference.pick_donor", "a donor for each row"),
    ("cpu.walk.draw_answers", "map", "reference.pick_donor", "the answer of a donor for each row"),
)

_COLUMNS = _specs(
    ("cpu.vertical.count_bits", "collective", "reference.lanes", "rows by lane, all words"),
    ("cpu.vertical.sum_by_lane", "collective", "reference.lanes", "amounts by lane"),
    ("cpu.tables.count_node", "collective", "reference.mark_counts", "the table of a node"),
    ("cpu.tables.subtract_node", "collective", "reference.mark_counts", "of a sibling"),
    ("cpu.tables.scan_codes", "collective", "reference.best_cut", "wide ordered, large nodes"),
    ("cpu.tables.scan_sums", "collective", "reference.best_cut", "also, numbers"),
    ("cpu.offer.offer_columns", "collective", "reference_tree.offered_columns", "drawn columns"),
    ("cpu.offer.offer_lanes", "collective", "reference_tree.offered_columns", "their lanes"),
    ("cpu.offer.path_of_child", "scalar", "reference_tree.path_of_child", "names a node"),
    ("cpu.lanes.class_runs", "collective", "reference.class_ends", "where each class ends"),
    ("cpu.lanes.best_class_lane", "collective", "reference.best_cut", "narrow columns, Gini"),
    ("cpu.lanes.best_entropy_lane", "collective", "reference.best_cut", "narrow columns, entropy"),
    (
        "cpu.lanes.best_weighted_class_lane",
        "collective",
        "reference.best_cut",
        "narrow columns, weighted classes",
    ),
    ("cpu.lanes.best_number_lane", "collective", "reference.best_cut", "narrow columns, numbers"),
    ("cpu.marks.mark_class_counts", "collective", "reference.mark_counts", "classes by code"),
    ("cpu.marks.mark_number_sums", "collective", "reference.mark_counts", "numbers by code"),
    ("cpu.marks.bound_of", "collective", "reference.best_cut", "bound on a column's best cut"),
    ("cpu.cuts.order_by_key", "collective", "reference.stable_order", "levels in order of a key"),
    ("cpu.cuts.best_class_cut", "collective", "reference.best_cut", "a table of codes by classes"),
    ("cpu.cuts.best_number_cut", "collective", "reference.best_cut", "a table of codes by sums"),
    ("cpu.scan.sort_by_code", "collective", "reference.sort_by_code", "a node's rows by code"),
    ("cpu.scan.scan_classes", "collective", "reference.best_cut", "wide ordered columns, Gini"),
    ("cpu.sixteen.scan_few_classes", "collective", "reference.best_cut", "also, a few classes"),
    ("cpu.scan.scan_entropy", "collective", "reference.best_cut", "also, entropy"),
    ("cpu.scan.scan_weighted_classes", "collective", "reference.best_cut", "also, weighted"),
    ("cpu.scan.scan_numbers", "collective", "reference.best_cut", "also, numbers"),
    (
        "cpu.subsets.subset_split_classes",
        "collective",
        "reference.best_cut",
        "wide unordered columns, classes",
    ),
    (
        "cpu.subsets.subset_split_numbers",
        "collective",
        "reference.best_cut",
        "wide unordered columns, numbers",
    ),
)

_TREES = _specs(
    ("cpu.choose.choose_split", "collective", "reference_splits.best_split", "all columns"),
    ("cpu.node.node_score", "collective", "reference_splits.score_of_node", "unsplit node"),
    ("cpu.node.node_risk", "collective", "reference_tree.risk", "risk of a node"),
    ("cpu.node.sum_of_squares", "collective", "reference_tree.sum_of_squares", "of numbers"),
    ("cpu.partition.is_pure", "collective", "reference_tree.grow", "whether a node can be split"),
    ("cpu.partition.may_split", "collective", "reference_tree.grow", "by its rows and depth too"),
    ("cpu.partition.codes_of", "collective", "reference_tree.grow", "the codes that a split reads"),
    ("cpu.partition.set_sides", "collective", "reference_tree.grow", "the side of each row"),
    ("cpu.partition.partition", "collective", "reference_tree.grow", "rows to their sides, stably"),
    ("cpu.partition.flags_of", "collective", "reference_tree.grow", "sides in another order"),
    ("cpu.compress.divide_blocks", "collective", "reference_tree.grow", "eight rows at a time"),
    ("cpu.compress.keep_left_blocks", "collective", "reference_tree.grow", "one side of them"),
    ("cpu.partition.keep_left", "collective", "reference_tree.grow", "rows of one side only"),
    ("cpu.partition.keep_right", "collective", "reference_tree.grow", "the same"),
    ("cpu.partition.with_absent", "collective", "reference_tree.grow", "sides of absent levels"),
    ("cpu.partition.put_mask", "collective", "reference_tree.grow", "a subset as words"),
    ("cpu.ahead.ask_for_words", "collective", "reference_tree.grow", "records that come next"),
    ("cpu.pages.ask_for_large_pages", "collective", "reference_tree.grow", "for large arrays"),
    ("cpu.gather.copy_words", "collective", "reference_tree.grow", "records of a small node"),
    ("cpu.twig.take_twig", "collective", "reference_tree.grow", "a small node as its own block"),
    ("cpu.grow.grow_block", "collective", "reference_tree.grow", "a tree on a block of rows"),
    ("cpu.grow.grow_nodes", "collective", "reference_tree.grow", "the same in given arrays"),
    ("cpu.space.make_nodes", "collective", "reference_tree.grow", "arrays of nodes"),
    ("cpu.space.make_space", "collective", "reference_tree.grow", "arrays to work in"),
    ("cpu.space.words_used", "collective", "reference_tree.grow", "how many words are counted"),
    ("cpu.rowsets.turn_words", "collective", "reference.lanes", "lanes as sets of rows"),
    ("cpu.rowsets.keep_sets", "collective", "reference_sets.kept_sets", "sets within a node"),
    ("cpu.rowsets.keep_sets_singly", "collective", "reference_sets.kept_sets", "the same"),
    ("cpu.set_scores.best_set", "collective", "reference_sets.best_set", "the best of sets"),
    ("cpu.set_scores.bound_levels", "collective", "reference_sets.bound", "bound by code"),
    ("cpu.set_scores.share_of_levels", "collective", "reference_sets.share", "keys of codes"),
    ("cpu.set_scores.cut_levels", "collective", "reference_sets.cut_sets", "cuts as sets"),
    ("cpu.candidates.name_candidates", "collective", "reference_tree.grow", "names of sets"),
    ("cpu.candidates.collect_candidates", "collective", "reference_tree.grow", "sets of a node"),
    ("cpu.candidates.threshold_of_lane", "collective", "reference_tree.grow", "a set's split"),
    ("cpu.candidates.subset_of_lane", "collective", "reference_tree.grow", "a set's split"),
    ("cpu.candidates.middle_of_levels", "collective", "reference_tree.grow", "a set's split"),
    ("cpu.candidates.middle_of_codes", "collective", "reference_tree.grow", "a set's split"),
    ("cpu.candidates.subset_of_levels", "collective", "reference_tree.grow", "a set's split"),
    ("cpu.candidates.flag_levels", "collective", "reference_tree.grow", "a set's split"),
    ("cpu.sprig_space.make_sprig_space", "collective", "reference_tree.grow", "arrays to work in"),
    ("cpu.sprig_space.bare_space", "collective", "reference_tree.grow", "the same, not counted"),
    ("cpu.sprig.grow_sprig", "collective", "reference_tree.grow", "a node as sets"),
    ("cpu.twig.grow_twigs", "collective", "reference_tree.grow", "trees on small nodes"),
    ("cpu.twig.put_back", "collective", "reference_tree.grow", "rows of a twig to the whole"),
    ("cpu.finish.class_entries", "collective", "reference.class_entries", "rows by class"),
    ("cpu.finish.join_twigs", "collective", "reference_tree.grow", "twigs in place of nodes"),
    ("cpu.finish.rpart_risks", "collective", "reference_tree.rpart_risk", "risks as in rpart"),
    ("cpu.finish.prune_by_complexity", "collective", "reference_tree.grow", "rpart's pruning"),
    (
        "cpu.finish.collapse_to_leaves",
        "collective",
        "reference_tree.grow",
        "at most so many leaves",
    ),
    (
        "cpu.finish.number_breadth_first",
        "collective",
        "reference.breadth_first_numbers",
        "numbers of the nodes that are left",
    ),
)

_COUNTS = (
    *_specs(
        ("cpu.counts.count_cells", "collective", "reference_counts.count_cells", "k-way tables"),
        ("cpu.counts.count_pairs", "collective", "reference_counts.count_pairs", "all pairs"),
    ),
    KernelSpec(
        "cpu.counts.sum_absolute_differences",
        "collective",
        "reference_counts.sum_absolute_differences",
        "1e-12: NumPy adds in another order",
        "distance of two sets of tables",
    ),
)

_DISTANCES = _specs(
    ("cpu.distance.cluster_rows", "collective", "reference_distance.cluster_rows", "alike rows"),
    ("cpu.distance.nearest_rows", "collective", "reference_distance.nearest_rows", "neighbours"),
)

KERNELS: tuple[KernelSpec, ...] = (*_SCALAR, *_MAP, *_COLUMNS, *_TREES, *_COUNTS, *_DISTANCES)


def table() -> str:
    """Return all kernels as a Markdown table."""
    head = "| kernel | tier | plain definition | equal to | what for |\n|---|---|---|---|---|\n"
    rows = (
        f"| `{k.name}` | {k.tier} | `{k.definition}` | {k.exactness} | {k.purpose} |"
        for k in KERNELS
    )
    return head + "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
