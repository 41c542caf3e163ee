"""Items that are worked at by several threads come out as if one had worked at them."""

import threading

import pytest

from gpusynth.table.side_by_side import in_order, side_by_side

THREADS = [1, 3]


@pytest.mark.parametrize("n_threads", THREADS)
def test_answers_have_the_order_of_the_items(n_threads):
    with side_by_side(n_threads) as each:
        assert each(lambda item: item * item, range(50)) == [item * item for item in range(50)]


@pytest.mark.parametrize("n_threads", THREADS)
def test_the_error_is_that_of_the_first_item(n_threads):
    def fail(item):
        if item in (5, 20):
            raise ValueError(str(item))

    with side_by_side(n_threads) as each, pytest.raises(ValueError, match=r"^5$"):
        each(fail, range(50))


@pytest.mark.parametrize("n_threads", THREADS)
def test_few_answers_wait(n_threads):
    lock, made, most, taken = threading.Lock(), 0, 0, []

    def make(item):
        nonlocal made, most
        with lock:
            made += 1
            most = max(most, made)
        return item

    def take(item):
        nonlocal made
        taken.append((item, threading.current_thread() is threading.main_thread()))
        with lock:
            made -= 1

    in_order(make, range(60), take, n_threads=n_threads)
    assert taken == [(item, True) for item in range(60)]
    assert most <= n_threads


@pytest.mark.parametrize("n_threads", THREADS)
@pytest.mark.parametrize("culprit", ["make", "take"])
def test_an_error_ends_the_work(n_threads, culprit):
    made = []

    def make(item):
        made.append(item)
        if culprit == "make" and item == 2:
            raise KeyError(item)
        return item

    def take(item):
        if culprit == "take" and item == 2:
            raise KeyError(item)

    with pytest.raises(KeyError):
        in_order(make, range(1000), take, n_threads=n_threads)
    assert len(made) < 10
    assert not any(thread.name.startswith("gpusynth") for thread in threading.enumerate())
