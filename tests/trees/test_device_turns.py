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
    """Begin a tree in a thread; return (what ends it, whether it has begun after a moment)."""
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

    return end, has_begun.wait(0.2)


def test_three_trees_grow_where_memory_is_plenty(free):
    turns = DeviceTurns()
    ends, here = zip(*(begun(turns, 100) for _ in range(4)), strict=True)
    assert here == (True, True, True, False)
    assert turns.active == 3
    assert [end() for end in ends] == [333] * 4
    assert turns.active == 0


def test_one_grows_where_it_is_not_and_has_all_of_it(free):
    turns = DeviceTurns()
    free["free"] = 599
    end, here = begun(turns, 100)
    free["free"] = 10_000  # the first was promised it
    other, waits = begun(turns, 1)
    assert (here, waits) == (True, False)
    assert end() == 599
    assert other() == 3333


def test_who_must_be_alone_waits_and_is_waited_for(free):
    turns = DeviceTurns()
    first, _ = begun(turns, 1)
    alone, here = begun(turns, 1, alone=True)
    assert not here
    first()
    later, waits = begun(turns, 1)
    assert not waits
    assert alone() == 1000
    assert later() == 333
