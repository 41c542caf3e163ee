"""cuDF frames in and out: the contract with a stand-in, and with cuDF where it is."""

import sys
import types

import numpy as np
import pyarrow as pa
import pytest

import gpusynth
from gpusynth.errors import BackendUnavailableError
from gpusynth.io import like_input
from gpusynth.io.memory import arrow_table

REAL = pa.table(
    {
        "region": pa.array(["N", "S", None, "E"] * 20).dictionary_encode(),
        "staff": pa.array([1, 2, 3, None] * 20, pa.int32()),
        "sales": np.arange(80.0),
    }
)


class _Column:
    def __init__(self, array):
        self.dtype = array.type


class _Frame:
    """What gpusynth asks of a cuDF data frame."""

    def __init__(self, table):
        self.table = table

    def to_arrow(self, *, preserve_index):
        assert preserve_index is False
        return self.table.replace_schema_metadata({"pandas": "of no use"})

    @classmethod
    def from_arrow(cls, table):
        return cls(table)

    def astype(self, dtypes):
        fields = [
            pa.field(name, dtypes.get(name, self.table[name].type))
            for name in self.table.column_names
        ]
        return type(self)(self.table.cast(pa.schema(fields)))

    def __getitem__(self, name):
        return _Column(self.table[name])


@pytest.fixture
def stand_in(monkeypatch):
    module = types.ModuleType("cudf")
    module.DataFrame = _Frame
    monkeypatch.setitem(sys.modules, "cudf", module)
    return module


def test_dictionaries_and_nulls_pass_through(stand_in):
    table = arrow_table(_Frame(REAL))
    assert table.equals(REAL)
    assert table.schema.metadata is None
    back = like_input(table, _Frame(REAL))
    assert isinstance(back, _Frame)
    assert back.table.equals(REAL)


def test_synthesize_gives_back_what_it_was_given(stand_in):
    synthetic = gpusynth.synthesize(_Frame(REAL), seed=5)
    assert isinstance(synthetic, _Frame)
    assert synthetic.table.schema.types == REAL.schema.types
    expected = gpusynth.synthesize(REAL, seed=5)
    assert synthetic.table.to_pylist() == expected.to_pylist()


def test_a_gpu_that_is_gone_is_said(stand_in, monkeypatch):
    def broken(table):
        raise RuntimeError("CUDA error: no device")

    frame = _Frame(REAL)
    monkeypatch.setattr(_Frame, "from_arrow", broken)
    with pytest.raises(BackendUnavailableError, match="no device"):
        like_input(REAL, frame)


@pytest.mark.rapids
def test_with_cudf_itself():
    cudf = pytest.importorskip("cudf")
    try:
        frame = cudf.DataFrame.from_arrow(REAL)
    except Exception as error:  # noqa: BLE001 - cuDF has many ways to say so
        pytest.skip(f"cuDF is installed and has no GPU: {type(error).__name__}")
    synthetic = gpusynth.synthesize(frame, seed=5)
    assert isinstance(synthetic, cudf.DataFrame)
    assert (synthetic.dtypes == frame.dtypes).all()
    expected = gpusynth.synthesize(REAL, seed=5)
    assert synthetic.to_arrow(preserve_index=False).to_pylist() == expected.to_pylist()
