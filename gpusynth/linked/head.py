"""Head of a run of linked files: what is pinned when it begins."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from gpusynth.engine.checkpoint.head import Head
from gpusynth.engine.checkpoint.pins import codec_fingerprint
from gpusynth.linked.link import Link
from gpusynth.linked.prepared_family import PreparedFamily

__all__ = ["LinkedHead", "family_pins", "input_pin"]


class LinkedHead(Head):
    """The first line of the journal of a run of linked files.

    Parameters
    ----------
    names : tuple of str
        Of the files, as given.
    links : tuple of Link
    n_replicates : int
    data_paths : dict of str to str
        By name, absolute; empty where tables in memory were given.
    given : dict of str to str
        Files of schemas and plans in the work directory -> SHA-256.
    """

    kind: Literal["linked"] = "linked"
    names: tuple[str, ...] = Field(min_length=1)
    links: tuple[Link, ...]
    n_replicates: int = Field(ge=1)
    data_paths: dict[str, str] = Field(default_factory=dict)
    given: dict[str, str] = Field(default_factory=dict)


def input_pin(name: str) -> str:
    """Return the name of the pin of a file's data."""
    return f"input data of {name}"


def family_pins(prepared: PreparedFamily, links: Sequence[Link]) -> dict[str, str]:
    """Return the fingerprints of what a run of linked files computes on.

    Parameters
    ----------
    prepared : PreparedFamily
    links : sequence of Link

    Returns
    -------
    dict of str to str
    """
    told = json.dumps([link.model_dump(mode="json") for link in links], sort_keys=True)
    pins = {"links": hashlib.sha256(told.encode()).hexdigest()}
    for name, own in prepared.inputs.items():
        ready = prepared.prepared(name)
        pins |= {
            input_pin(name): own.fingerprint,
            f"number of rows of {name}": str(ready.table.n_rows),
            f"schema of {name}": ready.resolved.schema.fingerprint(),
            f"plan of {name}": ready.plan.fingerprint(),
            f"codes of {name}": codec_fingerprint(ready.table.codecs),
        }
    return pins
