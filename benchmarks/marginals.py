"""All one- and two-way marginals of two coded files, against a loop of pandas group-bys.

    python benchmarks/marginals.py [--rows N] [--columns P] [--peer-pairs K] [--threads T]

The peer is the loop of SDNist's k-marginal: ``groupby(pair).size() / n`` on both files, subtract
with ``fill_value=0``, sum the absolute values. It is timed on `K` pairs spread over all of them and
scaled to all; both sides start from integer codes in memory and must agree to 1e-9. One JSON line
is printed.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numba
import numpy as np
import pandas as pd

from gpusynth.evaluate.coded import CodedColumn, CodedTable
from gpusynth.evaluate.marginals import (
    absolute_differences,
    all_combinations,
    count_marginals,
    lay_out,
)

N_CODES = (*[3] * 24, *[22] * 6, 2, 8, 20, 51, 260, 1000)
"""Codes of the first columns, shaped like a business-owner survey: answers yes, no or missing,
numbers in bins, sectors, states, counties; further columns have 3."""


def simulated(n_rows: int, n_columns: int, seed: int) -> CodedTable:
    """Independent skewed columns, the same shares in every file."""
    rng = np.random.default_rng(seed)
    columns, codes = [], []
    for number in range(n_columns):
        n_codes = N_CODES[number] if number < len(N_CODES) else 3
        shares = np.random.default_rng(number).dirichlet(np.full(n_codes, 0.5))
        dtype = np.uint8 if n_codes <= 256 else np.uint16
        codes.append(rng.choice(n_codes, n_rows, p=shares).astype(dtype))
        labels = tuple(map(str, range(n_codes)))
        columns.append(CodedColumn(f"c{number}", labels, has_null=False, n_missing=0))
    return CodedTable(tuple(columns), tuple(codes), n_rows)


class Clock:
    """Wall and CPU seconds since it was made."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        return {"wall": time.perf_counter() - self.wall, "cpu": time.process_time() - self.cpu}


def ours(real: CodedTable, synthetic: CodedTable, k: int) -> tuple[dict, np.ndarray, np.ndarray]:
    clock = Clock()
    tables = all_combinations(len(real.columns), k)
    layout = lay_out(real.n_codes, tables, n_rows=real.n_rows)
    raw = absolute_differences(count_marginals(real, layout), count_marginals(synthetic, layout))
    return clock.read(), tables, raw


def peer(real: CodedTable, synthetic: CodedTable, tables: np.ndarray) -> tuple[dict, np.ndarray]:
    frames = [
        pd.DataFrame(dict(zip(file.names, file.codes, strict=True))) for file in (real, synthetic)
    ]
    clock = Clock()
    raw = []
    for columns in tables:
        names = [real.names[column] for column in columns]
        shares = [frame.groupby(names).size() / len(frame) for frame in frames]
        raw.append(shares[0].subtract(shares[1], fill_value=0).abs().sum())
    return clock.read(), np.array(raw)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--columns", type=int, default=130)
    parser.add_argument("--peer-pairs", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    numba.set_num_threads(min(arguments.threads, numba.config.NUMBA_NUM_THREADS))
    warm = [simulated(2_000, 12, seed) for seed in (1, 2)]
    for k in (1, 2, 3):
        ours(*warm, k)
    real, synthetic = (simulated(arguments.rows, arguments.columns, seed) for seed in (1, 2))
    one_way, _, _ = ours(real, synthetic, 1)
    two_way, tables, raw = ours(real, synthetic, 2)
    chosen = np.unique(np.linspace(0, len(tables) - 1, arguments.peer_pairs).astype(int))
    peer_seconds, peer_raw = peer(real, synthetic, tables[chosen])
    if not np.allclose(peer_raw, raw[chosen], rtol=0, atol=1e-9):
        raise SystemExit("the two ways disagree")
    scale = len(tables) / len(chosen)
    rounded = {
        name: {clock: round(value * factor, 3) for clock, value in seconds.items()}
        for name, seconds, factor in (
            ("one_way_seconds", one_way, 1.0),
            ("two_way_seconds", two_way, 1.0),
            ("peer_two_way_seconds_scaled", peer_seconds, scale),
        )
    }
    print(
        json.dumps(
            {
                "benchmark": "marginals",
                "rows": arguments.rows,
                "columns": arguments.columns,
                "threads": numba.get_num_threads(),
                "two_way_tables": len(tables),
                "peer_pairs_timed": len(chosen),
                **rounded,
                "peer_over_ours": {
                    clock: round(peer_seconds[clock] * scale / two_way[clock], 1)
                    for clock in two_way
                },
                "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                "pandas": pd.__version__,
                "numba": numba.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
