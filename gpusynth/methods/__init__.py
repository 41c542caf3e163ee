"""methods: how one variable is synthesized; a file a method, a registry that names them.

A method's specification is pure (its parameters); fitting it on real data gives a model that can
draw. May import trees and the floors below.
"""

from gpusynth.methods.cart import Cart, CartModel
from gpusynth.methods.constant import Constant, ConstantModel
from gpusynth.methods.keep import Keep, KeepModel, start_rows
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
)
from gpusynth.methods.registry import METHODS, method_to_json, parse_method
from gpusynth.methods.sample import Sample, SampleModel

__all__ = [
    "ATTEMPT_BITS",
    "METHODS",
    "Block",
    "Cart",
    "CartModel",
    "Constant",
    "ConstantModel",
    "DrawnColumns",
    "FittedModel",
    "Keep",
    "KeepModel",
    "Method",
    "MethodSpecification",
    "ModelSize",
    "Sample",
    "SampleModel",
    "StepData",
    "StepTarget",
    "method_to_json",
    "parse_method",
    "start_rows",
]
