"""Trees floor: grow CARTs on coded predictors, walk them, draw donors from their leaves.

May import the table, io and lower floors and the kernels; knows nothing of methods or plans.
"""

from gpusynth.trees.changing_table import ChangingTable
from gpusynth.trees.deal import DonorPool, deal_surplus
from gpusynth.trees.draw_device import DeviceDraw
from gpusynth.trees.draw_table import DrawTable, draw_table_bytes
from gpusynth.trees.fitters import fit_tree
from gpusynth.trees.grow import grow_tree
from gpusynth.trees.leaves import LeafDonors
from gpusynth.trees.minimums import LeafMinimum, count_distinct, hold_minimums
from gpusynth.trees.params import CartParams
from gpusynth.trees.predictors import Layout, Predictor, PredictorTable
from gpusynth.trees.target import ClassTarget, NumberTarget, Target
from gpusynth.trees.tree import Tree
from gpusynth.trees.walk import draw_rows, draw_values, walk
from gpusynth.trees.warm import warm_up

__all__ = [
    "CartParams",
    "ChangingTable",
    "ClassTarget",
    "DeviceDraw",
    "DonorPool",
    "DrawTable",
    "Layout",
    "LeafDonors",
    "LeafMinimum",
    "NumberTarget",
    "Predictor",
    "PredictorTable",
    "Target",
    "Tree",
    "count_distinct",
    "deal_surplus",
    "draw_rows",
    "draw_table_bytes",
    "draw_values",
    "fit_tree",
    "grow_tree",
    "hold_minimums",
    "walk",
    "warm_up",
]
