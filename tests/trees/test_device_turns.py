"""Trees that grow on a device side by side: as many as memory promises each its share."""

import threading

import pytest

from gpusynth.trees import device_turns
from gpusynth.trees.device_turns import DeviceTurns


@pytest.fixture
def free(monkeypatch):
    """Free bytes of the device, to be set."""
    memory = {"free": 1000}
    monkeypatch.setattr(device_turns, "device_memory", lambda: memory["free"])
    return memory


def begun(turns, n_bytes, *, alone=False):
    """Begin a tree in a thread; return (what ends it, an event: it has begun)."""
    may_end, has_begun, promised = threading.Event(), threading.Event(), []

    def grow():
        with turns.take(n_bytes, alone=alone) as room:
            promised.append(room)
            has_begun.set()
            may_end.wait(10)

    thread = threading.Thread(target=grow)
    thread.start()

    def end():
        may_end.set()
        thread.join(10)
        return promised[0]

    return end, has_begun


def at_once(event):
    """Return whether it happens within a moment."""
    return event.wait(0.2)


def test_three_trees_grow_where_memory_is_plenty(free):
    turns = DeviceTurns()
    ends = []
    for place in range(4):
        end, has_begun = begun(turns, 100)
        ends.append(end)
        assert has_begun.wait(10) if place < 3 else not at_once(has_begun)
    assert turns.active == 3
    assert [end() for end in ends] == [333] * 4
    assert turns.active == 0


def test_one_grows_where_it_is_not_and_has_all_of_it(free):
    turns = DeviceTurns()
    free["free"] = 599
    end, has_begun = begun(turns, 100)
    assert has_begun.wait(10)
    free["free"] = 10_000  # the first was promised it
    other, has_other = begun(turns, 1)
    assert not at_once(has_other)
    assert end() == 599
    assert other() == 3333


def test_who_must_be_alone_waits_and_is_waited_for(free):
    turns = DeviceTurns()
    first, has_first = begun(turns, 1)
    assert has_first.wait(10)
    alone, is_alone = begun(turns, 1, alone=True)
    assert not at_once(is_alone)
    first()
    assert is_alone.wait(10)
    later, has_later = begun(turns, 1)
    assert not at_once(has_later)
    assert alone() == 1000
    assert later() == 333
