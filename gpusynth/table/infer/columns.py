"""Inference: what each column is, found from exact counts, with one plain reason a column.

A reason states counts and shapes, never a value of the data. The rules, first match decides:

1. No answers at all: categorical without levels; it stays all missing.
2. Arrow dictionaries are categorical, in the order of the dictionary; ordered ones are ordered.
3. Arrow booleans, and text that is only true and false in one spelling, are boolean.
4. Arrow dates, timestamps and decimals are what their type says; ISO dates and timestamps in text
   too, when at most 8 distinct other texts stand beside at least 10 times as many dates.
5. Whole numbers are a *key* when all are distinct (at least 20) and they count up without a gap or
   the name is or ends with id, key, serial or seq.
6. Whole numbers are *codes*, hence categorical, when at most 20 are distinct and each stands for 10
   rows or more on average; when the name says so (a word such as zip, naics, fips, puma, code)
   and they are at most 5,000; when they have the same number of digits, five or more (see
   `number_rules.is_code_list`); or when a typed file stores them as text with no text code beside,
   at most 5,000 of them.
7. Other whole numbers are integer, other numbers numeric with their decimals (at most 6 digits
   after the point; more is taken for a quotient). Floats that are all whole are integer.
8. Text is a number when plainly written numbers make up all of it but at most 8 distinct other
   texts, with at least 10 times as many distinct numbers, or as many when each other text is
   customary for a missing answer ("N", "NA", ".", ""): the others become missing codes. Text
   with leading zeros is never a number: "01" is a code.
9. Other text is categorical, levels ordered by their bytes; a *key* when it has at least 20
   distinct answers and all are distinct; *dropped* when more than 65,536 are distinct.
10. Types that no rule names (lists, binary) are dropped.

Missing codes and spikes of numbers: see `gpusynth.table.infer.number_rules`. No bounds are
proposed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gpusynth.table.infer.levels import boolean_levels, propose_dictionary, propose_text
from gpusynth.table.infer.number_rules import MISSING_TEXTS
from gpusynth.table.infer.numbers import NumberColumn, propose_number
from gpusynth.table.infer.proposal import Proposal
from gpusynth.table.infer.times import (
    FEWEST_PER_TEXT,
    MOST_TEXT_CODES,
    propose_text_times,
    propose_typed_time,
)
from gpusynth.table.schema import Column, Schema
from gpusynth.table.sketch import ColumnSketch, sketch_columns
from gpusynth.table.source import BATCH_ROWS, Source
from gpusynth.table.storage import family_of

__all__ = ["InferredSchema", "infer_column", "infer_schema"]


@dataclass(frozen=True, slots=True)
class InferredSchema:
    """A proposed schema.

    Attributes
    ----------
    schema : Schema
    reasons : mapping of column name to str
        One plain sentence a column; it holds counts and shapes, no value of the data.
    sketches : mapping of column name to ColumnSketch
        What the reasons rest on; `fit_codecs` takes them to save a second stream.
    """

    schema: Schema
    reasons: Mapping[str, str]
    sketches: Mapping[str, ColumnSketch]


def infer_schema(
    source: Source, *, batch_rows: int = BATCH_ROWS, n_threads: int = 1
) -> InferredSchema:
    """Propose a schema for a survey file, from all rows.

    Parameters
    ----------
    source : Source
    batch_rows : int
        Rows read at a time; the answer does not depend on it.
    n_threads : int
        Columns that are looked at side by side.

    Returns
    -------
    InferredSchema

    Raises
    ------
    DataError
        If the file has no rows or no columns, or a number does not fit 64 bits.
    """
    sketches = sketch_columns(source, batch_rows=batch_rows, n_threads=n_threads)
    proposals = {
        name: infer_column(name, sketch, from_text_file=source.is_text)
        for name, sketch in sketches.items()
    }
    return InferredSchema(
        Schema(columns=tuple(proposal.column for proposal in proposals.values())),
        {name: proposal.reason for name, proposal in proposals.items()},
        sketches,
    )


def infer_column(name: str, sketch: ColumnSketch, *, from_text_file: bool) -> Proposal:
    """Propose what one column is; the rules are this module's docstring.

    Parameters
    ----------
    name : str
    sketch : ColumnSketch
        Finished.
    from_text_file : bool
        True when the storage is to be found out from the text.
    """
    family = family_of(sketch.arrow_type)
    storage = str(sketch.arrow_type)
    if family == "other":
        column = Column(name=name, kind="categorical", storage=storage, role="drop")
        reason = f"dropped: the Arrow type {storage} cannot be synthesized; convert it first"
        return Proposal(column, reason)
    if sketch.dictionary is not None or storage.startswith("dictionary"):
        return propose_dictionary(name, sketch)
    if sketch.n_rows == sketch.n_null:
        column = Column(name=name, kind="categorical", storage=storage, levels=())
        return Proposal(column, "categorical: every row is missing, and stays so")
    if family == "boolean":
        return propose_text(name, sketch)
    if family == "text":
        return _infer_text(name, sketch, from_text_file=from_text_file)
    typed = propose_typed_time(name, sketch)
    if typed is not None or sketch.numbers is None:
        return typed or propose_text(name, sketch)
    return propose_number(NumberColumn(name, sketch, sketch.numbers))


def _infer_text(name: str, sketch: ColumnSketch, *, from_text_file: bool) -> Proposal:
    family = sketch.text_numbers
    if family is not None and not family.stopped:
        codes = tuple(family.others.in_order().texts.to_pylist())
        if _are_numbers(family.numbers.n_distinct, codes):
            column = NumberColumn(name, sketch, family.numbers, codes, family.style, from_text_file)
            return propose_number(column)
    times = propose_text_times(name, sketch, from_text_file=from_text_file)
    if times is not None:
        return times
    proposal = propose_text(name, sketch)
    texts = sketch.texts
    if not from_text_file or texts is None or texts.n_distinct > 2:
        return proposal
    # Only this spelling is what a boolean is written as again.
    if boolean_levels(tuple(texts.texts.to_pylist())) == ("false", "true"):
        typed = proposal.column.model_copy(update={"storage": "bool"})
        return Proposal(typed, proposal.reason)
    return proposal


def _are_numbers(n_distinct: int, codes: tuple[str, ...]) -> bool:
    """Rule 8: enough distinct numbers beside the other texts, none of which is a padded code."""
    if not n_distinct or len(codes) > MOST_TEXT_CODES:
        return False
    padded = any(code[:1] == "0" and code.strip("0123456789") == "" for code in codes)
    if padded:
        return False
    if set(codes) <= MISSING_TEXTS:
        return n_distinct >= len(codes)
    return n_distinct >= FEWEST_PER_TEXT * len(codes)
