"""Prepared family: all files opened, checked, encoded, and set beside their parents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from gpusynth.backends import Backend, choose_backend, share_memory
from gpusynth.engine import Listener, Prepared, Resolved, Stopwatch, prepare, resolve_input
from gpusynth.engine.checkpoint.given import Given
from gpusynth.engine.delivery.output_columns import check_keys, number_keys, output_schema
from gpusynth.engine.settings import RunSettings
from gpusynth.errors import PlanError
from gpusynth.io import open_source
from gpusynth.linked.child import Child, prepare_child
from gpusynth.linked.file_rows import FileRows, inherited_name
from gpusynth.linked.keys import Parentage, find_parents
from gpusynth.linked.link import Family, Link, arrange, file_numbers
from gpusynth.linked.linked_input import LinkedInput, open_input
from gpusynth.plan import Plan
from gpusynth.table import Codec, InferredSchema

__all__ = ["PreparedFamily", "prepare_family"]


_DEFAULTS = Given(None, Plan())


@dataclass(frozen=True, slots=True)
class PreparedFamily:
    """Everything that fits and draws need.

    Attributes
    ----------
    family : Family
    inputs : mapping of str to LinkedInput
    tops : mapping of str to Prepared
        Files without a parent.
    children : mapping of str to Child
    numbers : mapping of str to int
        Number of each file, for its seeds: from 1 in the order of the names.
    """

    family: Family
    inputs: Mapping[str, LinkedInput]
    tops: Mapping[str, Prepared]
    children: Mapping[str, Child]
    numbers: Mapping[str, int]

    def prepared(self, name: str) -> Prepared:
        """Return what a file is fitted on."""
        return self.tops[name] if name in self.tops else self.children[name].prepared

    @property
    def backend(self) -> Backend:
        """Where all files are fitted and drawn."""
        return next(iter(self.tops.values())).backend

    def on(self, backend: Backend) -> PreparedFamily:
        """Return the same, to be fitted and drawn elsewhere."""
        notes = (backend.note,) if backend.note else ()
        tops = {
            name: replace(own, backend=backend, notes=(*own.notes, *notes))
            for name, own in self.tops.items()
        }
        children = {
            name: replace(own, prepared=replace(own.prepared, backend=backend))
            for name, own in self.children.items()
        }
        return replace(self, tops=tops, children=children)

    def output(self, name: str) -> Resolved:
        """Return how a file is put out."""
        return self.tops[name].resolved if name in self.tops else self.children[name].output


def prepare_family(
    data: Mapping[str, Any],
    links: Sequence[Link],
    *,
    given: Mapping[str, Given],
    settings: RunSettings,
    listener: Listener,
    stopwatch: Stopwatch,
) -> PreparedFamily:
    """Open all files, match keys, encode, and check all that can be wrong.

    Parameters
    ----------
    data : mapping of str to path or table
    links : sequence of Link
    given : mapping of str to Given
        By file; what is not there has its defaults.
    settings : RunSettings
    listener : Listener
    stopwatch : Stopwatch

    Returns
    -------
    PreparedFamily

    Raises
    ------
    GpusynthError
    """
    backend = choose_backend(settings.device, settings.fitter)
    share_memory(backend)
    family = arrange(tuple(data), links)
    if settings.n_rows is not None and len(family.tops) > 1:
        raise PlanError(
            f"n_rows is for the one file on top, but there are {len(family.tops)}: "
            f"{', '.join(family.tops)}. Leave it out."
        )
    inputs = _open_all(
        family,
        data,
        given,
        settings=settings,
        listener=listener,
        stopwatch=stopwatch,
    )
    tops: dict[str, Prepared] = {}
    children: dict[str, Child] = {}
    rows: dict[str, FileRows] = {}
    codecs: dict[str, dict[str, Codec]] = {}
    for name in family.order:
        own = inputs[name]
        if own.link is None:
            with _naming(name):
                tops[name] = _prepare_top(own, settings, listener, stopwatch)
            table = tops[name].table
            rows[name] = FileRows(name, table.n_rows, dict(table.codes), dict(table.values))
            above, known = {}, dict(table.codecs)
        else:
            above = codecs[own.link.parent]
            with _naming(name):
                children[name] = prepare_child(
                    own,
                    rows[own.link.parent],
                    above,
                    batch_rows=settings.batch_rows,
                    listener=listener,
                    stopwatch=stopwatch,
                )
            rows[name], known = children[name].rows, dict(children[name].output.codecs)
        codecs[name] = {
            **above,
            **{
                inherited_name(name, column): codec
                for column, codec in known.items()
                if column not in own.choices.never_predict
            },
        }
    prepared = PreparedFamily(family, inputs, tops, children, file_numbers(data))
    _check_numbering(prepared, settings)
    return prepared.on(backend)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Let errors of a plan say which of the files it is of."""
    try:
        yield
    except PlanError as error:
        if name not in str(error):
            error.args = (f"{name}: {error}", *error.args[1:])
        raise


def _open_all(
    family: Family,
    data: Mapping[str, Any],
    given: Mapping[str, Given],
    *,
    settings: RunSettings,
    listener: Listener,
    stopwatch: Stopwatch,
) -> dict[str, LinkedInput]:
    with stopwatch.phase("open"):
        sources = {name: open_source(given) for name, given in data.items()}
    with stopwatch.phase("match keys"):
        listener.start("match keys", len(family.parent))
        parentage: dict[str, Parentage] = {}
        for name, link in family.parent.items():
            parentage[name] = find_parents(
                link, sources[name], sources[link.parent], batch_rows=settings.batch_rows
            )
            listener.advance(name, work=1, rows=len(parentage[name].parent_row))
    inputs = {}
    with stopwatch.phase("infer schema"):
        listener.start("infer schema", len(family.order))
        for name in family.order:
            below = family.children.get(name, ())
            columns = [link.count_column for link in below]
            if len(set(columns)) < len(columns):
                raise PlanError(
                    f"{name}: two links count children in the same column. Name another with count."
                )
            counts = {link.count_column: parentage[link.child].n_children for link in below}
            inputs[name] = open_input(
                name,
                data[name],
                sources[name],
                given=given.get(name, _DEFAULTS),
                link=family.parent.get(name),
                parentage=parentage.get(name),
                children=below,
                counts=counts,
                batch_rows=settings.batch_rows,
            )
            listener.advance(name, work=1, rows=0)
    return inputs


def _prepare_top(
    own: LinkedInput, settings: RunSettings, listener: Listener, stopwatch: Stopwatch
) -> Prepared:
    given: Any = own.schema
    if own.sketches is not None:
        given = InferredSchema(own.schema, own.reasons, own.sketches)
    resolved = resolve_input(
        own.source,
        given,
        own.choices,
        batch_rows=settings.batch_rows,
        listener=listener,
        stopwatch=stopwatch,
        n_threads=settings.n_threads,
    )
    return prepare(
        resolved,
        batch_rows=settings.batch_rows,
        listener=listener,
        stopwatch=stopwatch,
        n_threads=settings.n_threads,
    )


def _check_numbering(prepared: PreparedFamily, settings: RunSettings) -> None:
    """Check that keys can count as far as is known: drawn files may be a little longer."""
    for name in prepared.family.order:
        own, output = prepared.inputs[name], prepared.output(name)
        n_rows = prepared.prepared(name).table.n_rows
        if own.link is None:
            check_keys(output, settings.n_rows or n_rows)
            continue
        check_keys(output, n_rows)
        new_name = output.plan.output.new_name(own.link.key)
        n_parents = prepared.prepared(own.link.parent).table.n_rows
        storage = output_schema(output).field(new_name).type
        number_keys(own.link.key, storage, n_parents - 1, 1, n_parents)
