from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

from gpusynth.table import TableSource, fit_codec
from gpusynth.table.sketch import sketch_batch

REAL = Path(__file__).resolve().parents[3] / "shared" / "data"


def text_source(path):
    """Read a CSV as text, as a text source does (the readers themselves are of the io floor)."""
    names = pa.csv.open_csv(path).schema.names
    options = pa.csv.ConvertOptions(
        column_types={name: pa.string() for name in names},
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
    )
    table = pa.csv.read_csv(path, convert_options=options)
    return TableSource(table.combine_chunks(), name=path.name, is_text=True)


@pytest.fixture(
    params=[
        "nist_acs/national2018.csv",
        "firm/ppp_mt_small.csv",
        "wide/gss2012.csv",
        "sd2011.csv",
        "boys.csv",
    ]
)
def real_source(request):
    path = REAL / request.param
    if not path.exists():
        pytest.skip(f"{request.param} is not here")
    return text_source(path)


@pytest.fixture
def fitted():
    """Return a function: (column, array) -> its codec."""

    def fit(column, array):
        return fit_codec(column, sketch_batch(array).finalize())

    return fit


@pytest.fixture
def text_columns():
    """Return a function: columns of texts -> a text source."""

    def make(**columns):
        table = pa.table({name: pa.array(texts, pa.string()) for name, texts in columns.items()})
        return TableSource(table, name="survey.csv", is_text=True)

    return make


@pytest.fixture
def typed_columns():
    """Return a function: columns of arrays -> a typed source."""

    def make(**columns):
        return TableSource(pa.table(columns), name="survey.parquet")

    return make
