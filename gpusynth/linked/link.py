"""Link: which file's rows belong to which rows of another, and the order that follows from it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gpusynth.errors import PlanError

__all__ = [
    "MOST_FILES",
    "MOST_NAME",
    "Family",
    "Link",
    "arrange",
    "file_numbers",
    "parse_link",
]

MOST_FILES = 100
"""Files of one run; all of them are in memory at once."""

MOST_NAME = 100
"""Longest name of a file: with a replicate's number and a suffix it must be a name on any disk."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class Link(BaseModel):
    """One file's rows belong to rows of another file.

    Parameters
    ----------
    child : str
        Name of the file with many rows for one of the parent, such as "establishments".
    parent : str
        Name of the file that they belong to, such as "firms".
    key : str
        Column of the child that names the parent's row.
    parent_key : str, optional
        Column of the parent that says it; the name of `key` by default.
    count : str, optional
        Name of the column of the synthetic parent file with the number of its children; "n_" and
        the child's name by default.
    order : str, optional
        Column of the child by which siblings follow each other; file order by default.
    inherit : tuple of str, optional
        Columns of the parent, or inherited by it, that predict the child's; all by default.
    sequential : int
        Siblings up to this number are drawn one after the other, each given the one before; later
        ones in rounds, each as large as all before, given the sibling as far back as that.

    Raises
    ------
    pydantic.ValidationError
        If a name is empty, or a file is its own parent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    child: Annotated[str, Field(min_length=1)]
    parent: Annotated[str, Field(min_length=1)]
    key: Annotated[str, Field(min_length=1)]
    parent_key: str | None = None
    count: str | None = None
    order: str | None = None
    inherit: tuple[str, ...] | None = None
    sequential: Annotated[int, Field(ge=1, le=1000)] = 16

    @model_validator(mode="after")
    def _check(self) -> Link:
        for name in ("parent_key", "count", "order"):
            if getattr(self, name) == "":
                raise ValueError(f"{name} must be the name of a column")
        return self

    @property
    def parent_column(self) -> str:
        """Key column of the parent."""
        return self.key if self.parent_key is None else self.parent_key

    @property
    def count_column(self) -> str:
        """Column of the synthetic parent file with the number of children."""
        return f"n_{self.child}" if self.count is None else self.count


def parse_link(given: Link | Mapping[str, object], *, place: str) -> Link:
    """Build a link from a mapping; a link is returned as it is.

    Parameters
    ----------
    given : Link or mapping
    place : str
        For messages.

    Returns
    -------
    Link

    Raises
    ------
    PlanError
    """
    if isinstance(given, Link):
        return given
    try:
        return Link.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        raise PlanError(f"{place}: {where}: {message}. A link has child, parent and key.") from None


@dataclass(frozen=True, slots=True)
class Family:
    """Files in the order in which they are synthesized.

    Attributes
    ----------
    order : tuple of str
        Every parent before its children; otherwise as given.
    parent : mapping of str to Link
        Child -> its link; files on top have none.
    children : mapping of str to tuple of Link
        Parent -> its links, by the children's names.
    """

    order: tuple[str, ...]
    parent: Mapping[str, Link]
    children: Mapping[str, tuple[Link, ...]]

    @property
    def tops(self) -> tuple[str, ...]:
        """Files without a parent."""
        return tuple(name for name in self.order if name not in self.parent)


def arrange(names: Collection[str], links: Sequence[Link]) -> Family:
    """Check the links and put the files in order.

    Parameters
    ----------
    names : collection of str
        Of all files.
    links : sequence of Link

    Returns
    -------
    Family

    Raises
    ------
    PlanError
        If a name cannot begin a file's name, a link names an unknown file, a child has two parents
        files are each other's children in a circle, a file has no link, or a key is that of a
        parent and of a child.
    """
    for name in names:
        if not _NAME.fullmatch(name) or len(name) > MOST_NAME:
            shown = repr(name) if len(name) <= MOST_NAME else f"{name[:MOST_NAME]!r}..."
            raise PlanError(
                f"{shown} cannot name a file: use a letter, then letters, digits, _ and -, "
                f"{MOST_NAME} signs at most."
            )
    if len(names) > MOST_FILES:
        raise PlanError(
            f"there are {len(names):,} files, and {MOST_FILES} are the most of a run. "
            "Join some, or synthesize some by themselves."
        )
    if not links:
        raise PlanError("there are no links. Name at least one child and its parent.")
    known = ", ".join(map(repr, names))
    parent: dict[str, Link] = {}
    for link in links:
        for name in (link.child, link.parent):
            if name not in names:
                raise PlanError(f"a link names the unknown file {name!r}. Known are {known}.")
        if link.child in parent:
            raise PlanError(
                f"{link.child!r} has two parents, {parent[link.child].parent!r} and "
                f"{link.parent!r}; a child can have one. Remove a link, and join what the other "
                "file says to the child's rows."
            )
        parent[link.child] = link
    order = _sorted(tuple(names), parent)
    children = {
        name: tuple(sorted((link for link in links if link.parent == name), key=_child_name))
        for name in names
        if any(link.parent == name for link in links)
    }
    for link in links:
        if link.parent in parent and parent[link.parent].key == link.parent_column:
            raise PlanError(
                f"{link.parent}: column {link.parent_column!r} is the key of its parent and of its "
                f"child {link.child!r}. Give its rows a key of their own."
            )
    alone = [name for name in names if name not in parent and name not in children]
    if alone:
        raise PlanError(f"no link names the file {alone[0]!r}. Synthesize it by itself.")
    return Family(order, parent, children)


def file_numbers(names: Collection[str]) -> dict[str, int]:
    """Return the number of each file, which names its random streams and its part of the work.

    Parameters
    ----------
    names : collection of str

    Returns
    -------
    dict of str to int
        From 1, in alphabetical order: the order in which files are given changes nothing.
    """
    return {name: number for number, name in enumerate(sorted(names), start=1)}


def _child_name(link: Link) -> str:
    return link.child


def _sorted(names: tuple[str, ...], parent: Mapping[str, Link]) -> tuple[str, ...]:
    """Put parents before children."""
    done: list[str] = []
    left = list(names)
    while left:
        ready = [name for name in left if name not in parent or parent[name].parent in done]
        if not ready:
            raise PlanError(
                f"the links go in a circle: {', '.join(map(repr, left))} are each other's "
                "children. Remove a link."
            )
        done += ready
        left = [name for name in left if name not in ready]
    return tuple(done)
