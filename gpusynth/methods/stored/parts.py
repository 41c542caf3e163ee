"""Parts of models: trees, donors, regressions and cells, and the fields that models share."""

from __future__ import annotations

from gpusynth.methods.design import Term
from gpusynth.methods.design_effects import LinearPredictor
from gpusynth.methods.possible_cells import PossibleCells
from gpusynth.methods.saturated_cells import Cells
from gpusynth.methods.stored import check_models as check
from gpusynth.methods.stored.check_trees import check_tree
from gpusynth.methods.stored.context import Reader
from gpusynth.methods.stored.fields import (
    ArrayOf,
    CodecOf,
    Integer,
    Many,
    Number,
    Optional,
    Part,
    Row,
    Text,
)
from gpusynth.methods.stored.forms import Record
from gpusynth.trees import LeafDonors, Tree

__all__ = [
    "CELLS",
    "COLUMN",
    "COUNTS",
    "DONORS",
    "LINEAR",
    "NUMBERS",
    "PARTS",
    "POSSIBLE",
    "ROWS",
    "TREE",
    "no_more",
]

ROWS = ArrayOf(("int32", "int64"))
NUMBERS = ArrayOf(("float64",))
COUNTS = ArrayOf(("int64",))
COLUMN = Text(is_column=True)


def no_more(_value: object, _reader: Reader) -> None:
    """Ask for nothing: the fields say all."""


TREE = Record(
    Tree,
    {
        "predictors": Many(COLUMN),
        "n_codes": ArrayOf(("int32",)),
        "feature": ArrayOf(("int32",)),
        "threshold": ArrayOf(("uint16",)),
        "subset": COUNTS,
        "subset_words": ArrayOf(("uint32",)),
        "left": ArrayOf(("int32",)),
        "leaf": ArrayOf(("int32",)),
        "gain": NUMBERS,
        "n_rows": COUNTS,
    },
    check_tree,
)
DONORS = Record(
    LeafDonors,
    {"offsets": COUNTS, "rows": ROWS, "cumulative": Optional(COUNTS)},
    no_more,  # checked with the tree
)
_TERM = Record(
    Term,
    {
        "codec": CodecOf(),
        "places": ArrayOf(("int32",)),
        "slope": Integer(low=-1),
        "centre": Number(),
        "scale": Number(low=0.0),
    },
    check.check_term,
)
LINEAR = Record(
    LinearPredictor,
    {
        "intercept": NUMBERS,
        "terms": Many(Row((COLUMN, Part(_TERM), ArrayOf(("float64",), 2), Optional(NUMBERS)))),
    },
    check.check_linear,
)
CELLS = Record(
    Cells,
    {
        "columns": Many(COLUMN),
        "n_codes": Many(Integer(low=1)),
        "keys": Many(COUNTS),
        "offsets": Many(COUNTS),
        "rows": ROWS,
        "cumulative": Optional(NUMBERS),
    },
    check.check_cells,
)
POSSIBLE = Record(
    PossibleCells,
    {
        "columns": Many(COLUMN),
        "n_codes": Many(Integer(low=1)),
        "share": Number(low=0.0),
        "cumulative": Optional(NUMBERS),
    },
    check.check_possible,
)

PARTS: tuple[Record, ...] = (TREE, DONORS, _TERM, LINEAR, CELLS, POSSIBLE)
"""What models are made of."""
