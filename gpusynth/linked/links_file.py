"""Links file: TOML that names files, schemas, plans and links."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gpusynth.errors import PlanError
from gpusynth.linked.link import MOST_FILES, Link
from gpusynth.plan.limits import said
from gpusynth.table.text_file import read_toml

__all__ = ["LinksFile", "read_links"]


class _FileEntry(BaseModel):
    """One file as the links file names it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Annotated[str, Field(min_length=1)]
    schema_file: Annotated[str | None, Field(alias="schema")] = None
    plan: str | None = None


class _Document(BaseModel):
    """The whole links file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: Annotated[dict[str, _FileEntry], Field(min_length=1, max_length=MOST_FILES)]
    links: Annotated[tuple[Link, ...], Field(min_length=1, max_length=MOST_FILES)]


@dataclass(frozen=True, slots=True)
class LinksFile:
    """What a links file says; all paths are complete.

    Attributes
    ----------
    data : dict of str to pathlib.Path
    schemas : dict of str to pathlib.Path
    plans : dict of str to pathlib.Path
    links : tuple of Link
    """

    data: dict[str, Path]
    schemas: dict[str, Path]
    plans: dict[str, Path]
    links: tuple[Link, ...]


def read_links(path: str | Path) -> LinksFile:
    """Read a links file.

    Parameters
    ----------
    path : str or pathlib.Path
        A TOML file with a table ``[files.NAME]`` for each file (data, and if wanted schema and
        plan) and one ``[[links]]`` for each link. Paths are relative to it.

    Returns
    -------
    LinksFile

    Raises
    ------
    PlanError
        If the file cannot be read, is not TOML, or says something that it cannot say.
    """
    given = read_toml(path, "links file", PlanError)
    try:
        document = _Document.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        message = said(message, problem["type"], problem.get("ctx", {}))
        raise PlanError(
            f"{path}: {where}: {message}. A links file has [files.NAME] with data, schema and "
            "plan, and [[links]] with child, parent and key."
        ) from None
    here = Path(path).parent
    files = document.files
    return LinksFile(
        {name: here / entry.data for name, entry in files.items()},
        {n: here / entry.schema_file for n, entry in files.items() if entry.schema_file},
        {n: here / entry.plan for n, entry in files.items() if entry.plan},
        document.links,
    )
