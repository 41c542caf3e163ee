"""methods: how one variable is synthesized; a file a method, a registry that names them.

A method's specification is pure (its parameters); fitting it on real data gives a model that can
draw. May import trees and the floors below.
"""

from gpusynth.methods.cart import Cart, CartModel
from gpusynth.methods.constant import Constant, ConstantModel
from gpusynth.methods.device_model import DeviceModel
from gpusynth.methods.follow import Follow
from gpusynth.methods.forest import Bag, Forest, ForestModel
from gpusynth.methods.grouped import GroupedModel, RowGroups, group_rows
from gpusynth.methods.keep import Keep, KeepModel
from gpusynth.methods.logreg import LogReg
from gpusynth.methods.lookup import Lookup
from gpusynth.methods.model import (
    ATTEMPT_BITS,
    Block,
    DrawnColumns,
    FittedModel,
    Method,
    MethodSpecification,
    ModelSize,
    StepData,
    StepTarget,
    TargetColumn,
)
from gpusynth.methods.nested import GroupByCode, Nested
from gpusynth.methods.norm import CubeRootNorm, LogNorm, Norm, SqrtNorm
from gpusynth.methods.normrank import NormRank
from gpusynth.methods.parametric import Parametric
from gpusynth.methods.passive import Passive
from gpusynth.methods.pmm import Pmm
from gpusynth.methods.polr import Polr
from gpusynth.methods.polyreg import PolyReg
from gpusynth.methods.registry import METHODS, method_to_json, parse_method
from gpusynth.methods.sample import Sample, SampleModel
from gpusynth.methods.saturated import SatCat
from gpusynth.methods.saturated_table import CatAll
from gpusynth.methods.suitable import check_suitable
from gpusynth.methods.user import register_method

__all__ = [
    "ATTEMPT_BITS",
    "METHODS",
    "Bag",
    "Block",
    "Cart",
    "CartModel",
    "CatAll",
    "Constant",
    "ConstantModel",
    "CubeRootNorm",
    "DeviceModel",
    "DrawnColumns",
    "FittedModel",
    "Follow",
    "Forest",
    "ForestModel",
    "GroupByCode",
    "GroupedModel",
    "Keep",
    "KeepModel",
    "LogNorm",
    "LogReg",
    "Lookup",
    "Method",
    "MethodSpecification",
    "ModelSize",
    "Nested",
    "Norm",
    "NormRank",
    "Parametric",
    "Passive",
    "Pmm",
    "Polr",
    "PolyReg",
    "RowGroups",
    "Sample",
    "SampleModel",
    "SatCat",
    "SqrtNorm",
    "StepData",
    "StepTarget",
    "TargetColumn",
    "check_suitable",
    "group_rows",
    "method_to_json",
    "parse_method",
    "register_method",
]
