"""Promise: two-way tables of a synthetic file are near those of the real one.

The yardstick is a bootstrap resample of the real rows: the sampling error that any file of this
size has. The mean total variation over all pairs of columns may be at most 1.5 times as large.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest

import gpusynth
from gpusynth.io import open_source
from gpusynth.table import Schema, encode_table, fit_codecs


def binned_codes(tables: list[pa.Table], schema: Schema) -> list[np.ndarray]:
    """Codes of each table, numbers in 20 bins of equal real counts besides their special codes."""
    codecs = fit_codecs(schema, open_source(tables[0]))
    coded = []
    for table in tables:
        encoded = encode_table(schema, codecs, open_source(table))
        coded.append([encoded.codes[name].astype(np.int64) for name in codecs])
    for position, codec in enumerate(codecs.values()):
        if codec.is_ordered and codec.n_codes > 20 + codec.n_special:
            real = coded[0][position]
            ordinary = real[real >= codec.n_special]
            inner = np.unique(np.quantile(ordinary, np.linspace(0, 1, 21)[1:-1], method="lower"))
            edges = np.concatenate([np.arange(codec.n_special), inner])
            for codes in coded:
                codes[position] = np.searchsorted(edges, codes[position])
    return [np.array(codes) for codes in coded]


def mean_total_variation(first: np.ndarray, second: np.ndarray) -> float:
    distances = []
    for i, j in combinations(range(len(first)), 2):
        width = 1 + max(first[j].max(), second[j].max())
        cells = [codes[i] * width + codes[j] for codes in (first, second)]
        size = 1 + max(cell.max() for cell in cells)
        shares = [np.bincount(cell, minlength=size) / len(cell) for cell in cells]
        distances.append(np.abs(shares[0] - shares[1]).sum() / 2)
    return float(np.mean(distances))


@pytest.mark.parametrize("name", ["nist_acs/national2018.csv", "sd2011.csv"])
def test_total_variation_beside_a_bootstrap(shared_data, tmp_path, name):
    data = shared_data(name)
    schema = gpusynth.infer_schema(data).schema
    run = gpusynth.synthesize(data, schema, output=tmp_path, format="csv")
    files = (data, run.replicates[0].path)
    real, synthetic = (pa.Table.from_batches(open_source(file).batches()) for file in files)
    real_codes, synthetic_codes = binned_codes([real, synthetic], schema)
    n = real_codes.shape[1]
    resampled = real_codes[:, np.random.default_rng(1).integers(0, n, n)]
    distance = mean_total_variation(real_codes, synthetic_codes)
    yardstick = mean_total_variation(real_codes, resampled)
    assert distance <= 1.5 * yardstick, f"{distance:.4f} against {yardstick:.4f} of a bootstrap"
