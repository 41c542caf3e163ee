"""Order of columns in which each comes after what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gpusynth.errors import PlanError

__all__ = ["dependency_order"]


def dependency_order(
    names: Iterable[str], requires: Mapping[str, Iterable[str]]
) -> tuple[str, ...]:
    """Return names in an order in which each comes after those that it needs.

    The given order is kept as far as it can be: a name that needs a later one moves back to the
    place right after the last that it needs, nothing else moves.

    Parameters
    ----------
    names : iterable of str
        In the order wished for.
    requires : mapping of str to iterable of str
        Name -> names that must come before it; those that are not among `names` are passed over.

    Returns
    -------
    tuple of str

    Raises
    ------
    PlanError
        If names need each other in a circle; the message names the whole circle.
    """
    wished = tuple(dict.fromkeys(names))
    known = set(wished)
    needs = {
        name: [n for n in dict.fromkeys(requires.get(name, ())) if n in known] for name in wished
    }
    _refuse_circles(wished, needs)
    position = {name: place for place, name in enumerate(wished)}
    waiting: dict[str, list[str]] = {}
    order: dict[str, None] = {}
    for name in wished:
        # A stack: what a placed name has held up comes right after it, in the order wished for.
        ready = [name]
        while ready:
            current = ready.pop()
            blocker = next((need for need in needs[current] if need not in order), None)
            if blocker is None:
                order[current] = None
                held_up = waiting.pop(current, [])
                ready.extend(sorted(held_up, key=position.__getitem__, reverse=True))
            else:
                waiting.setdefault(blocker, []).append(current)
    return tuple(order)


def _refuse_circles(names: tuple[str, ...], needs: Mapping[str, list[str]]) -> None:
    """Walk along the needs of every name without recursion; a name met again closes a circle."""
    done: set[str] = set()
    for first in names:
        path: list[str] = []
        on_path: set[str] = set()
        rest = [[first]]
        while rest:
            if not rest[-1]:
                rest.pop()
                if path:
                    done.add(path[-1])
                    on_path.discard(path.pop())
                continue
            name = rest[-1].pop(0)
            if name in on_path:
                raise _circle([*path[path.index(name) :], name])
            if name in done:
                continue
            path.append(name)
            on_path.add(name)
            rest.append(list(needs[name]))


def _circle(path: list[str]) -> PlanError:
    return PlanError(
        f"circular: {' needs '.join(map(repr, path))}; no order of the columns can meet that, "
        "take one of these needs away"
    )
