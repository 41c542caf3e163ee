"""The firms simulator: tables and files of any length in the shape of a business-owner survey."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gpusynth.arrays import Array
from gpusynth.datasets.calibration import CUTS
from gpusynth.datasets.coefficients import COEFFICIENTS
from gpusynth.datasets.contingency import RACES, STATES
from gpusynth.datasets.draws import Draws
from gpusynth.datasets.facts_columns import COLUMN_NAMES, select_columns
from gpusynth.datasets.facts_labels import VALUE_LABELS
from gpusynth.datasets.rare import RARE_OUTCOME
from gpusynth.datasets.simulation import simulate
from gpusynth.errors import DataError, OutputError
from gpusynth.io.csv_text import CsvStyle, csv_header, csv_lines
from gpusynth.io.output import atomic_file, writing

__all__ = ["BLOCK_ROWS", "arrow_column", "arrow_type", "firms", "firms_truth", "write_firms"]

BLOCK_ROWS = 1 << 16
"""Rows simulated together; also the row groups of a file. It changes speed, never a row."""

# int32 indices, since a Parquet file gives these back whatever was written.
_DICTIONARY = pa.dictionary(pa.int32(), pa.string())
_NUMBER_TYPES = {
    "SECTOR": pa.int16(),
    "RG": pa.int16(),
    "TABWGT": pa.float64(),
    "EMPLOYMENT_NOISY": pa.int64(),
    "PAYROLL_NOISY": pa.int64(),
    "RECEIPTS_NOISY": pa.int64(),
    "PCT1": pa.int16(),
}
_TEXT_LEVELS: Mapping[str, tuple[str, ...]] = {
    "FIPST": STATES,
    "N07_EMPLOYER": ("E",),
    "ETH1": ("H", "N"),
    "RACE1": RACES,
    "SEX1": ("F", "M"),
    "ESTABLISHED": tuple(VALUE_LABELS["ESTABLISHED"]),
    "SCAMOUNT": tuple(VALUE_LABELS["SCAMOUNT"]),
}
_DICTIONARIES = ("FIPST", "RACE1")


def arrow_type(name: str) -> pa.DataType:
    """Return the storage type of a column.

    Parameters
    ----------
    name : str

    Returns
    -------
    pyarrow.DataType
        Dictionary for state and race, string for the other codes that are text, int16 or int64 for
        numbers, float64 for the weight, int8 (with nulls) for answers.
    """
    if name in _DICTIONARIES:
        return _DICTIONARY
    if name in _TEXT_LEVELS:
        return pa.string()
    return _NUMBER_TYPES.get(name, pa.int8())


def arrow_column(name: str, values: Array) -> pa.Array:
    """Return a column of `gpusynth.datasets.simulation.simulate` as it is stored.

    Parameters
    ----------
    name : str
    values : array, shape (n_rows,)

    Returns
    -------
    pyarrow.Array
        Of the type that `arrow_type` says.
    """
    if name in _NUMBER_TYPES:
        return pa.array(values, _NUMBER_TYPES[name])
    codes = pa.array(values, pa.int8(), mask=values < 0)
    if name not in _TEXT_LEVELS:
        return codes
    levels = pa.array(_TEXT_LEVELS[name], pa.string())
    encoded = pa.DictionaryArray.from_arrays(codes.cast(pa.int32()), levels)
    return encoded if name in _DICTIONARIES else encoded.cast(pa.string())


def _blocks(n_rows: int, seed: int, names: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    schema = pa.schema([(name, arrow_type(name)) for name in names])
    for first in range(0, n_rows, BLOCK_ROWS):
        columns = simulate(Draws(seed, first, min(BLOCK_ROWS, n_rows - first), cuts=CUTS))
        arrays = [arrow_column(name, columns[name]) for name in names]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _checked(n_rows: int, seed: int, columns: int, *, rare_outcome: bool) -> tuple[str, ...]:
    if n_rows < 0:
        raise DataError(f"n_rows must not be negative, got {n_rows}")
    if not 0 <= seed < 1 << 64:
        raise DataError(f"seed must be in [0, 2^64), got {seed}")
    if not 1 <= columns <= len(COLUMN_NAMES):
        raise DataError(f"columns must be from 1 to {len(COLUMN_NAMES)}, got {columns}")
    chosen = select_columns(columns)
    return (*chosen, RARE_OUTCOME.name) if rare_outcome else chosen


def firms(
    n_rows: int, seed: int = 0, columns: int = 130, *, rare_outcome: bool = False
) -> pa.Table:
    """Simulate firms in the shape of the 2007 Survey of Business Owners microdata.

    One row is an employer firm in a state and industry. Names, codes and the marginals of 56
    columns are those published for NIST's excerpt of six states [1]_, [2]_; the other marginals
    (`gpusynth.datasets.targets`) and the whole joint structure (`gpusynth.datasets.coefficients`)
    are ours: nobody's data, and no source of findings about real firms.

    What always holds:

    - firms of random group 0, and only they, have weight 1 (certainty firms);
    - payroll above 0 only with employment above 0;
    - the first owner has at most 100 % and all of it exactly where there is one owner; nobody has
      more than the first: ``PCT1`` times the largest possible number of owners is at least 99;
    - 23.08 % of the rows have a blank (null) questionnaire: all answers but ``DISVET1`` (3, "not
      applicable", for everyone who is no veteran) are null together; ``ACQYR1`` and ``EXPORTS`` are
      blank in a few more rows;
    - an unanswered block is 0 throughout and its flag (``*NR``, ``*NOTREPORTED``) is 1; answers
      that exclude others do so, and where one of several must apply, one does;
    - ``SCAMOUNT`` is "A" exactly where no capital was needed; no acquisition (``ACQYR1``) before
      the establishment; ``ECOMMPCT`` is 9 exactly without electronic sales; couples
      (``HUSBWIFE`` 1 to 3) are family businesses, and these have several owners; reasons for
      closing are 0 in firms that operate.

    Row ``i`` depends on the seed and ``i`` only: a longer table begins with the shorter one, and a
    selection of columns is part of the whole. The same bytes come out for any number of threads; on
    another processor the last digit of a logarithm may differ, and with it, very rarely, a value.

    Parameters
    ----------
    n_rows : int
    seed : int
        64 bits.
    columns : int
        130, or fewer for the most analytic ones (`gpusynth.datasets.select_columns`).
    rare_outcome : bool
        Append ``JOBSABROAD`` (1 yes, 2 no, blank without a questionnaire), which no survey asked:
        0.5 % moved jobs abroad, and an interaction of immigrant ownership, college and exports
        decides who. `gpusynth.datasets.STUDY_MODELS` has its coefficients.

    Returns
    -------
    pyarrow.Table
        Chunks of 65,536 rows; types as `arrow_type` says.

    Raises
    ------
    DataError
        If an argument is out of range.

    Notes
    -----
    Marginals are met in expectation, to about 0.0005. By chance alone the total variation distance
    of a file's marginal to one of 20 even bins has mean 0.0055 and standard deviation 0.0010 at
    100,000 rows, 0.0039 and 0.0007 at 200,000; all other published marginals vary less.

    Five columns are published in bins; `gpusynth.datasets.facts_counts` says why they are closed on
    the right. Read that way, the first bins of employment (0 and 1) and payroll (0 and 10) leave
    room for "payroll only with employment". The shares of 0 inside them are ours.

    References
    ----------
    .. [1] US Census Bureau (2012). 2007 Survey of Business Owners, Public Use Microdata Sample.
    .. [2] NIST, SDNist: benchmark data and evaluation tools, SBO data excerpts.
    """
    names = _checked(n_rows, seed, columns, rare_outcome=rare_outcome)
    schema = pa.schema([(name, arrow_type(name)) for name in names])
    return pa.Table.from_batches(_blocks(n_rows, seed, names), schema)


def write_firms(
    path: str | Path, n_rows: int, seed: int = 0, columns: int = 130, *, rare_outcome: bool = False
) -> None:
    """Simulate firms into a Parquet or CSV file, block by block in bounded memory.

    Parameters
    ----------
    path : str or path
        Ending in ``.parquet`` or ``.csv``. Written under a temporary name and renamed, so it is
        whole or not there.
    n_rows, seed, columns : int
        As for `firms`.
    rare_outcome : bool
        As for `firms`.

    Raises
    ------
    DataError
        If an argument is out of range.
    OutputError
        If the suffix is another one, or the file cannot be written.
    """
    names = _checked(n_rows, seed, columns, rare_outcome=rare_outcome)
    suffix = Path(path).suffix
    if suffix not in (".parquet", ".csv"):
        raise OutputError(
            f"{path}: the format is not known from the name. Use one of .parquet, .csv."
        )
    schema = pa.schema([(name, arrow_type(name)) for name in names])
    with atomic_file(path) as file, writing(path):
        if suffix == ".csv":
            file.write(csv_header(names))
            for block in _blocks(n_rows, seed, names):
                file.write(csv_lines(block, CsvStyle()))
            return
        with pq.ParquetWriter(file, schema) as writer:
            for block in _blocks(n_rows, seed, names):
                writer.write_batch(block)


def firms_truth() -> Mapping[str, Mapping[str, float]]:
    """Return the true coefficients of every draw behind `firms`.

    For trade abroad they are those of a logit on observed columns: of "exports" (``EXPORTS`` 2 to 8
    against 1) under ``EXPORTS``, of ``OPSOUTSIDE``, ``OUTSOURCE`` and ``JOBSABROAD`` (1 against 2),
    among rows that answered. Predictors: ``immigrant`` (``BORNUS1`` is 2), ``immigrant_trade``
    (immigrant in sector 31 or 42), ``log_employment`` (log(1 + employment) - 1.7),
    ``immigrant_size`` (immigrant times that), ``college`` (``EDUC1`` 6 or 7), ``female``, sectors
    and states as in `gpusynth.datasets.coefficients`, ``exporter`` (``EXPORTS`` 2 to 8) and
    ``operations_abroad`` (``OPSOUTSIDE`` 1). `gpusynth.datasets.STUDY_MODELS` states the same as
    regression formulas, with intercepts, and adds those of amounts.

    Returns
    -------
    mapping of str to mapping of str to float
        Name of a draw -> predictor -> log odds ratio.
    """
    return COEFFICIENTS
