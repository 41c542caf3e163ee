"""Workers: a Dask client whose workers have the same code, see the run's directory and answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any
from uuid import uuid4

import gpusynth.errors
from gpusynth.engine.checkpoint.pins import code_pins, pin_differences
from gpusynth.engine.cluster.worker import describe_worker, wait_until_idle
from gpusynth.errors import BackendUnavailableError, ClusterError, GpusynthError
from gpusynth.io import write_bytes_atomic
from gpusynth.trees import warm_up

__all__ = ["Task", "Workers"]

_WAIT_SECONDS = 120
_STOP_SECONDS = 5.0
_MOST_ATTEMPTS = 3  # at a task that the scheduler forgets; one that fails is not tried again
_LOST_SECONDS = 2.0
_LOST = (
    "the connection to the cluster's scheduler was lost. Start the scheduler and its workers again"
)


@dataclass(frozen=True, slots=True)
class Task:
    """One call of a worker's function.

    Attributes
    ----------
    name : str
        Unique in its run.
    about : str
        For messages.
    arguments : mapping
        Texts and numbers.
    machine : str
        Where it had best be carried out; empty for anywhere.
    """

    name: str
    about: str
    arguments: Mapping[str, Any]
    machine: str = ""


class Workers:
    """The workers of a client that belongs to the caller.

    Parameters
    ----------
    client : distributed.Client

    Raises
    ------
    BackendUnavailableError
        If Dask is not installed.
    ClusterError
        If it is no client, or one for asynchronous code.
    """

    def __init__(self, client: Any) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise BackendUnavailableError(
                'a cluster needs Dask. Install it: pip install "gpusynth[dask]"'
            ) from None
        if not isinstance(client, Client) or client.asynchronous:
            raise ClusterError(
                "client must be a dask.distributed.Client that is not asynchronous, "
                f"not {type(client).__qualname__}."
            )
        self._client = client
        self._token = uuid4().hex

    def wake(self) -> None:
        """Let workers load their kernels while this process reads the data; wait for nothing."""
        from distributed import fire_and_forget

        with _connected():
            for number, address in enumerate(self._client.nthreads()):
                key = f"gpusynth-wake-{number}-{self._token}"
                place = {"workers": [address], "allow_other_workers": True}
                fire_and_forget(self._client.submit(warm_up, key=key, pure=False, **place))

    def check(self, directory: Path) -> None:
        """Check that workers are there, have this process' versions and see a directory.

        Parameters
        ----------
        directory : pathlib.Path
            A file is written into it for a moment.

        Raises
        ------
        ClusterError
            Naming the worker and what differs.
        """
        token_file = directory.resolve() / f"token_{self._token}"
        with _connected():
            write_bytes_atomic(token_file, self._token.encode(), private=True)
            try:
                found = self._described(str(token_file))
            finally:
                token_file.unlink(missing_ok=True)
        for address, answer in found.items():
            _check_answer(address, answer, token=self._token, directory=directory)

    def _described(self, token_file: str) -> Mapping[str, Any]:
        """Ask all workers what they are; those that die meanwhile are not waited for."""
        for _ in range(_MOST_ATTEMPTS):
            if not self._client.nthreads():
                self._wait()
            found: dict[str, Any] = self._client.run(describe_worker, token_file, on_error="return")
            lost = [one for one, answer in found.items() if isinstance(answer, OSError)]
            if found and not lost:
                return found
            sleep(_LOST_SECONDS)  # until the scheduler knows, too, and another took its place
        raise ClusterError(
            f"workers are lost as soon as they are asked: {', '.join(lost) or 'all of them'}. Look "
            "at what they have written, and at the memory that they have"
        )

    def machines(self) -> dict[str, int]:
        """Return how many tasks each machine carries out at a time.

        Returns
        -------
        dict of str to int
            By the machine's address; one machine of one task where no worker is there just now.
        """
        found: dict[str, int] = {}
        for address, threads in sorted(self._client.nthreads().items()):
            machine = _machine(address)
            found[machine] = found.get(machine, 0) + threads
        return found or {"": 1}

    def answers(
        self, function: Callable[..., dict[str, Any]], tasks: Sequence[Task]
    ) -> Iterator[tuple[Task, dict[str, Any]]]:
        """Carry tasks out, the first ones first, and yield each answer when it comes.

        Parameters
        ----------
        function : callable
            Of `gpusynth.engine.cluster.worker`.
        tasks : sequence of Task

        Yields
        ------
        tuple of Task and dict

        Raises
        ------
        GpusynthError
            What a worker raised; `ClusterError` where workers or the scheduler were lost.
        """
        from distributed import as_completed

        with _connected():
            futures = {
                self._submit(function, task, place, attempt=0): (task, place, 0)
                for place, task in enumerate(tasks)
            }
        under_way = as_completed(list(futures), loop=self._client.loop)
        try:
            for future in under_way:
                task, place, attempt = futures.pop(future)
                if self._was_forgotten(future) and attempt < _MOST_ATTEMPTS:
                    with _connected():
                        again = self._submit(function, task, place, attempt=attempt + 1)
                    futures[again] = (task, place, attempt + 1)
                    under_way.add(again)
                    continue
                yield task, self._answer(future, task)
                future.release()
        finally:
            left = [future for future in futures if not future.done()]
            if left:
                self._stop(left)

    def _submit(
        self, function: Callable[..., dict[str, Any]], task: Task, place: int, *, attempt: int
    ) -> Any:
        place_of: dict[str, Any] = {}
        if task.machine:
            near = [one for one in self._client.nthreads() if _machine(one) == task.machine]
            place_of = {"workers": near, "allow_other_workers": True} if near else {}
        return self._client.submit(
            function,
            **task.arguments,
            **place_of,
            key=f"gpusynth-{task.name}-{self._token}-{attempt}",
            priority=-place,
            pure=False,
        )

    def _was_forgotten(self, future: Any) -> bool:
        """Return whether the scheduler lost a task that has not failed.

        It may, when a worker dies that holds an answer which nobody has fetched yet. The task has
        left its files by then or not; carried out again it leaves the same.
        """
        if self._client.status != "running":
            return False
        if future.status == "finished":
            try:
                future.result()
            except Exception as error:  # noqa: BLE001 - Dask's own class of it has moved about
                return "Cancelled" in type(error).__name__
        return future.status not in ("finished", "error")

    def _stop(self, futures: Sequence[Any]) -> None:
        """Call tasks off; those that run already cannot be stopped, but mostly end soon."""
        if self._client.status != "running":
            return
        with suppress(OSError, TimeoutError):
            self._client.cancel(futures, force=True)
            self._client.run(wait_until_idle, _STOP_SECONDS, on_error="ignore")

    def _answer(self, future: Any, task: Task) -> dict[str, Any]:
        if future.status == "error":
            error = future.exception()
            if type(error).__name__ == "KilledWorker":
                raise ClusterError(
                    f"{task.about}: several workers died at it, probably for lack of memory. "
                    "Give workers more memory, or start fewer of them on a machine"
                )
            raise ClusterError(f"{task.about}: a worker failed with {type(error).__name__}")
        if future.status != "finished":
            raise ClusterError(_LOST)
        with _connected():
            answer: dict[str, Any] = future.result()
        if "error" in answer:
            raise _error_of(answer, task)
        return answer

    def _wait(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=_WAIT_SECONDS)
        except TimeoutError:
            raise ClusterError(
                f"no worker joined the cluster within {_WAIT_SECONDS} seconds. Start workers "
                "(dask worker SCHEDULER) before the run"
            ) from None


@contextmanager
def _connected() -> Iterator[None]:
    """Turn what Dask raises when a connection breaks into one `ClusterError`."""
    try:
        yield
    except GpusynthError:
        raise
    except Exception as error:
        name = type(error).__name__
        is_lost = isinstance(error, (OSError, TimeoutError)) or "Cancelled" in name
        if is_lost or "closed" in str(error).lower():
            raise ClusterError(_LOST) from None
        raise


def _check_answer(address: str, answer: Any, *, token: str, directory: Path) -> None:
    if not isinstance(answer, dict) or not isinstance(answer.get("code"), dict):
        raise ClusterError(
            f"the worker {address} cannot run gpusynth ({type(answer).__name__}). Install the "
            f"same version of gpusynth there ({gpusynth.__version__}), with the extra dask."
        )
    different = pin_differences(answer["code"], code_pins(), ("there", "here"))
    if different:
        raise ClusterError(
            f"the worker {address} would not give the same bytes: {different}. "
            "Install the same versions everywhere."
        )
    if answer.get("token") != token:
        raise ClusterError(
            f"the worker {address} does not see {directory}. Choose an output directory that all "
            "workers share under the same name, and start them as the same user."
        )


def _machine(address: str) -> str:
    """Return the machine of a worker's address; workers that are threads are all on this one."""
    return "inproc" if address.startswith("inproc") else address.rpartition(":")[0]


def _error_of(answer: Mapping[str, Any], task: Task) -> Exception:
    """Return a worker's error as this process' own."""
    name, message = str(answer["error"]), str(answer.get("message", ""))
    if name == "MemoryError":
        return ClusterError(
            f"{task.about}: a worker has not enough memory. Give workers more, or start fewer of "
            "them on a machine"
        )
    known = getattr(gpusynth.errors, name, None)
    if isinstance(known, type) and issubclass(known, GpusynthError):
        return known(message)
    return ClusterError(
        f"{task.about}: a fault in gpusynth in a worker: {message}. Please report it"
    )
