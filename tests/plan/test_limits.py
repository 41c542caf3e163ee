"""What a plan, a schema and a file may have: the limit is taken, and above it an error says so."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gpusynth import Column, Link, Schema
from gpusynth.errors import DataError, PlanError, SchemaError
from gpusynth.io import open_source
from gpusynth.linked.link import MOST_FILES, MOST_NAME, arrange
from gpusynth.plan import Plan
from gpusynth.plan.limits import MOST_CALIBRATIONS, MOST_CONDITIONS, MOST_MARGINS, MOST_STRATA
from gpusynth.table.limits import MOST_COLUMNS, MOST_LEVELS
from gpusynth.table.schema_file import schema_from_toml, schema_to_toml


def listed(entry: str, n: int) -> dict:
    """Return a plan that lists so many entries."""
    margins = [{"columns": ["region"]}]
    if entry == "strata":
        sizes = [{"levels": [str(number)], "rows": 1} for number in range(n)]
        return {"strata": {"columns": ["region"], "sizes": sizes}}
    if entry == "margins":
        return {"calibrate": [{"margins": margins * n}]}
    one = {
        "rules": {"target": "x", "when": "y > 0", "value": 1},
        "edits": {"holds": "x > 0"},
        "calibrate": {"margins": margins},
    }
    return {entry: [one[entry]] * n}


@pytest.mark.parametrize(
    ("entry", "most"),
    [
        ("rules", MOST_CONDITIONS),
        ("edits", MOST_CONDITIONS),
        ("strata", MOST_STRATA),
        ("calibrate", MOST_CALIBRATIONS),
        ("margins", MOST_MARGINS),
    ],
)
def test_lists_of_a_plan(entry, most):
    Plan.from_mapping(listed(entry, most))
    with pytest.raises(PlanError, match=rf"{most:,}.* the most"):
        Plan.from_mapping(listed(entry, most + 1))


def test_columns_of_a_file():
    table = pa.table({f"c{number}": [1] for number in range(MOST_COLUMNS)})
    assert len(open_source(table).arrow_schema.names) == MOST_COLUMNS
    with pytest.raises(DataError, match=rf"{MOST_COLUMNS + 1:,} columns, and {MOST_COLUMNS:,}"):
        open_source(table.append_column("one more", pa.array([1])))


def test_columns_of_a_schema():
    text = "".join(
        f'[[columns]]\nname = "c{number}"\nkind = "numeric"\nstorage = "double"\n'
        for number in range(MOST_COLUMNS + 1)
    )
    with pytest.raises(SchemaError, match=rf"more than {MOST_COLUMNS:,}"):
        schema_from_toml(text)
    assert len(schema_from_toml(text.rpartition("[[columns]]")[0])) == MOST_COLUMNS


def test_levels_of_a_column():
    levels = tuple(str(number) for number in range(MOST_LEVELS))
    column = {"name": "x", "kind": "categorical", "storage": "string"}
    schema = Schema(columns=(Column(**column, levels=levels),))
    # Written and read in a time that does not grow with the square of their number.
    assert schema_from_toml(schema_to_toml(schema)) == schema
    with pytest.raises(ValueError, match=rf"more than {MOST_LEVELS:,} levels"):
        Column(**column, levels=(*levels, "one more"))


def test_linked_files():
    names = ["top", *(f"f{number}" for number in range(1, MOST_FILES))]
    links = [Link(child=name, parent="top", key="key") for name in names[1:]]
    assert len(arrange(names, links).order) == MOST_FILES
    with pytest.raises(PlanError, match=rf"{MOST_FILES + 1} files, and {MOST_FILES} are"):
        arrange([*names, "more"], [*links, Link(child="more", parent="top", key="key")])


def test_the_name_of_a_linked_file():
    longest = "f" * MOST_NAME
    link = Link(child="c", parent=longest, key="key")
    assert arrange([longest, "c"], [link]).tops == (longest,)
    with pytest.raises(PlanError, match=rf"{MOST_NAME} signs at most"):
        arrange([longest + "f", "c"], [link])
