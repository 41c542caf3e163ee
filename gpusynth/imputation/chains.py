"""Chains: all imputations, side by side on the threads that there are."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from threading import Event

from gpusynth.engine import Listener
from gpusynth.engine.checkpoint.checkpoints import Checkpoints
from gpusynth.imputation.chain import run_chain
from gpusynth.imputation.chain_files import Cells
from gpusynth.imputation.chain_tables import plan_tables
from gpusynth.imputation.settings import ImputationSettings
from gpusynth.imputation.setup import Setup
from gpusynth.imputation.traces import TraceRow

__all__ = ["run_chains"]

_Result = tuple[Cells, list[TraceRow]]


def run_chains(
    setup: Setup,
    settings: ImputationSettings,
    *,
    listener: Listener,
    checkpoints: Checkpoints | None = None,
) -> tuple[list[Cells], list[TraceRow]]:
    """Run every imputation.

    Chains share nothing that changes, and every random number is a function of its key and
    counter, so that results do not depend on how many run at a time.

    Parameters
    ----------
    setup : Setup
    settings : ImputationSettings
    listener : Listener
        Told in this thread of each iteration.
    checkpoints : Checkpoints, optional
        Of the run, where every iteration is put down and found.

    Returns
    -------
    tuple of (list of dict, list of TraceRow)
        Imputed cells of each imputation, and all traces by imputation and iteration.

    Raises
    ------
    DeviceMemoryError
        If one fit does not fit the device; the message says how many bytes it needs.
    """
    tables = plan_tables(setup, n_chains=min(settings.n_threads, settings.n_imputations))
    workers = tables.n_chains
    n_threads = max(settings.n_threads // workers, 1)
    listener.start("impute", settings.n_imputations * settings.iterations)
    told: SimpleQueue[Future[_Result] | None] = SimpleQueue()
    stopped = Event()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="gpusynth")
    try:
        futures = []
        for number in range(1, settings.n_imputations + 1):
            future = pool.submit(
                run_chain,
                setup,
                settings,
                number,
                tables=tables,
                n_threads=n_threads,
                done=partial(told.put, None),
                stopped=stopped,
                checkpoints=checkpoints,
            )
            future.add_done_callback(told.put)
            futures.append(future)
        n_running = len(futures)
        while n_running:
            finished = told.get()
            if finished is None:
                listener.advance("iteration", work=1, rows=setup.table.n_rows)
            else:
                finished.result()  # the first error stops the others
                n_running -= 1
    finally:
        # After an error or Ctrl-C chains end with the iteration that is under way, unheard.
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)
    results = [future.result() for future in futures]
    return [cells for cells, _ in results], [row for _, rows in results for row in rows]
