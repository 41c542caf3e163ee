"""The models that can be stored, by name: a closed list, the only classes that a file can make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from gpusynth.errors import PlanError
from gpusynth.methods.cart import CartModel
from gpusynth.methods.class_model import ClassModel
from gpusynth.methods.constant import ConstantModel
from gpusynth.methods.forest import ForestModel
from gpusynth.methods.grouped import GroupedModel
from gpusynth.methods.keep import KeepModel
from gpusynth.methods.lookup import LookupModel
from gpusynth.methods.model import FittedModel
from gpusynth.methods.nested import GroupByCode
from gpusynth.methods.norm import NormModel
from gpusynth.methods.normrank import NormRankModel
from gpusynth.methods.passive import PassiveModel, bind_passive
from gpusynth.methods.pmm import PmmModel
from gpusynth.methods.released import ReleasedModel
from gpusynth.methods.sample import SampleModel
from gpusynth.methods.saturated import SatCatModel
from gpusynth.methods.saturated_table import CatAllModel
from gpusynth.methods.stored import check_models as check
from gpusynth.methods.stored.context import ModelContext, Reader, StoredModels, Writer
from gpusynth.methods.stored.fields import (
    ArrayOf,
    CodecOf,
    Integer,
    Many,
    Number,
    NumpyScalar,
    Optional,
    Part,
    Row,
    Target,
    Text,
)
from gpusynth.methods.stored.forms import Form, Record
from gpusynth.methods.stored.parts import (
    CELLS,
    COLUMN,
    COUNTS,
    DONORS,
    LINEAR,
    NUMBERS,
    POSSIBLE,
    ROWS,
    TREE,
    no_more,
)

__all__ = ["FORMS", "decode_models", "encode_models", "is_storable"]

_MOST_NESTED = 8
"""Groups within groups: strata, nested columns, and room."""

_TRANSFORMS = ("norm", "lognorm", "sqrtnorm", "cubertnorm")


@dataclass(frozen=True, slots=True)
class _PassiveForm:
    """A formula is stored as text and bound anew."""

    of: type = PassiveModel

    def write(self, value: Any, writer: Writer) -> dict[str, Any]:
        return {"expression": value.expression.text}

    def read(self, given: Any, reader: Reader) -> Any:
        reader.require(isinstance(given, dict) and set(given) == {"expression"}, "a formula")
        text = Text().read(given["expression"], reader)
        try:
            return bind_passive(text, reader.column, reader.context.real)
        except PlanError as error:
            reader.wrong(f"its formula does not fit the columns ({error})")


@dataclass(frozen=True, slots=True)
class _GroupedForm:
    """One model a group; a model that groups share is stored once."""

    of: type = GroupedModel

    def write(self, value: Any, writer: Writer) -> dict[str, Any]:
        distinct = {id(model): model for model in value.models.values()}
        number_of = {model: number for number, model in enumerate(distinct)}
        numbers = [number_of[id(model)] for model in value.models.values()]
        by = value.group_of.column if isinstance(value.group_of, GroupByCode) else None
        if by is None and type(value.group_of) is not type(writer.context.group_of):
            writer.refuse("its groups are neither strata nor codes")
        return {
            "groups": writer.add(np.array(list(value.models), np.int64)),
            "numbers": writer.add(np.array(numbers, np.int64)),
            "models": [_write(model, writer) for model in distinct.values()],
            "by": by,
        }

    def read(self, given: Any, reader: Reader) -> Any:
        names = {"groups", "numbers", "models", "by"}
        reader.require(isinstance(given, dict) and set(given) == names, "its groups")
        groups, numbers = (COUNTS.read(given[name], reader) for name in ("groups", "numbers"))
        reader.require(isinstance(given["models"], list), "its groups")
        models = [_read(model, reader) for model in given["models"]]
        places = len(groups) and numbers.min() >= 0 and numbers.max() < len(models)
        reader.require(places and len(numbers) == len(groups), "a group has no model")
        by = given["by"]
        group_of = reader.context.group_of if by is None else GroupByCode(COLUMN.read(by, reader))
        if group_of is None:
            reader.wrong("it was fitted by strata, and the plan has none")
        by_group = zip(groups.tolist(), numbers.tolist(), strict=True)
        own = {group: models[number] for group, number in by_group}
        return GroupedModel(own, group_of, reader.column)


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "cart": Record(
            CartModel,
            {"tree": Part(TREE), "donors": Part(DONORS), "target": Target()},
            check.check_cart,
        ),
        "forest": Record(
            ForestModel,
            {"trees": Many(Row((Part(TREE), Part(DONORS)))), "target": Target()},
            check.check_forest,
        ),
        "sample": Record(
            SampleModel,
            {
                "rows": Optional(ROWS),
                "cumulative": Optional(NUMBERS),
                "target": Target(),
                "n_part": Integer(),
            },
            check.check_sample,
        ),
        "constant": Record(
            ConstantModel,
            {
                "code": NumpyScalar(("uint8", "uint16")),
                "value": Optional(NumpyScalar(("int64", "float64"))),
            },
            check.check_constant,
        ),
        "keep": Record(KeepModel, {"target": Target()}, no_more),
        "lookup": Record(
            LookupModel,
            {"column": COLUMN, "row_of": COUNTS, "target": Target()},
            check.check_lookup,
        ),
        "passive": _PassiveForm(),
        "grouped": _GroupedForm(),
        "norm": Record(
            NormModel,
            {
                "transform": Text(among=_TRANSFORMS),
                "predictor": Part(LINEAR),
                "sigma": Number(low=0.0),
                "shift": Number(low=0.0),
                "centre": Number(),
                "codec": CodecOf(),
            },
            check.check_norm,
        ),
        "normrank": Record(
            NormRankModel,
            {
                "predictor": Part(LINEAR),
                "sigma": Number(low=0.0),
                "rows": ROWS,
                "cumulative": Optional(NUMBERS),
                "target": Target(),
            },
            check.check_normrank,
        ),
        "pmm": Record(
            PmmModel,
            {
                "predictor": Part(LINEAR),
                "predicted": NUMBERS,
                "offsets": COUNTS,
                "rows": ROWS,
                "cumulative": Optional(NUMBERS),
                "target": Target(),
                "n_donors": Integer(low=1),
            },
            check.check_pmm,
        ),
        "classes": Record(
            ClassModel,
            {
                "donors": ROWS,
                "predictor": Optional(Part(LINEAR)),
                "thresholds": Optional(NUMBERS),
                "target": Target(),
                "note": Text(),
            },
            check.check_classes,
        ),
        "released": Record(
            ReleasedModel,
            {
                "tree": Part(TREE),
                "offsets": COUNTS,
                "codes": ArrayOf(("uint16",)),
                "ends": ArrayOf(("uint16",)),
                "counts": COUNTS,
                "marginal": COUNTS,
                "up": COUNTS,
                "codec": CodecOf(),
                "widths": Optional(NUMBERS),
                "step": Number(low=0.0),
            },
            check.check_released,
        ),
        "satcat": Record(
            SatCatModel, {"cells": Part(CELLS), "target": Target()}, check.check_satcat
        ),
        "catall": Record(
            CatAllModel,
            {
                "cells": Part(CELLS),
                "possible": Part(POSSIBLE),
                "n_codes": Integer(low=1),
                "target": Target(),
            },
            check.check_catall,
        ),
    }
)
"""Name in files -> how models of a class are stored. A new model is one entry here."""

_NAMES: Mapping[type, str] = MappingProxyType({form.of: name for name, form in FORMS.items()})


def is_storable(model: FittedModel) -> bool:
    """Return whether a model can be stored: all but those of user-written methods.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    bool
    """
    if isinstance(model, GroupedModel):
        return all(is_storable(part) for part in model.models.values())
    return type(model) in _NAMES


def encode_models(
    models: Sequence[FittedModel], column: str, context: ModelContext
) -> StoredModels:
    """Turn fitted models of one column into a document and arrays.

    Parameters
    ----------
    models : sequence of FittedModel
    column : str
        That they draw.
    context : ModelContext
        What they were fitted on: real columns are named, not stored.

    Returns
    -------
    StoredModels

    Raises
    ------
    PlanError
        If a model is of a user-written method; the message names column and remedy.
    """
    writer = Writer(context, column)
    document = [_write(model, writer) for model in models]
    return StoredModels(document, tuple(writer.arrays))


def decode_models(
    stored: StoredModels, column: str, context: ModelContext
) -> tuple[FittedModel, ...]:
    """Rebuild fitted models, and check all that a draw relies on.

    Parameters
    ----------
    stored : StoredModels
        Its arrays must not change afterwards.
    column : str
    context : ModelContext
        The same data that the models were fitted on.

    Returns
    -------
    tuple of FittedModel
        They draw the same bytes as those that were stored.

    Raises
    ------
    ModelFileError
        If the document or an array is not what `encode_models` makes, or the data are others.
    """
    reader = Reader(context, column, stored.arrays)
    reader.require(isinstance(stored.document, list), "it is no list of models")
    return tuple(_read(model, reader) for model in stored.document)


def _write(model: Any, writer: Writer) -> dict[str, Any]:
    name = _NAMES.get(type(model))
    if name is None:
        writer.refuse(
            "its method is user-written, and code is not kept in files. Choose one of gpusynth's "
            "own methods for it"
        )
    return {"model": name, "fields": FORMS[name].write(model, writer)}


def _read(given: Any, reader: Reader) -> FittedModel:
    known = isinstance(given, dict) and set(given) == {"model", "fields"}
    reader.require(known, "it is no model")
    form = FORMS.get(given["model"]) if isinstance(given["model"], str) else None
    if form is None:
        reader.wrong("it is a model of an unknown kind")
    reader.depth += 1
    reader.require(reader.depth <= _MOST_NESTED, "its groups are nested too deeply")
    model: FittedModel = form.read(given["fields"], reader)
    reader.depth -= 1
    return model
