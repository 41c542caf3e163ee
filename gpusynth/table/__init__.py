"""The table floor: what the columns of a survey file are, and their codes.

Schema (inferred, written, read, checked), sketches, codecs and the encoded `Table`. It may import
`gpusynth.errors`, `gpusynth.streams`, `gpusynth.arrays` and `gpusynth_kernels`, nothing above.
"""

from gpusynth.table.as_numbers import as_numbers, code_numbers, exact_numbers, rounding_step
from gpusynth.table.asked_schema import asked_schema, known_schema, plain_schema
from gpusynth.table.check import check_schema
from gpusynth.table.codecs import (
    answer_texts,
    codec_from_json,
    coded_columns,
    fit_codec,
    fit_codecs,
)
from gpusynth.table.encode import coded_dtypes, decode_batch, encode_table
from gpusynth.table.infer import InferredSchema, infer_schema
from gpusynth.table.reading import Read, read_rows, read_table
from gpusynth.table.schema import Column, Kind, Role, Schema
from gpusynth.table.schema_file import (
    read_schema,
    schema_from_toml,
    schema_to_toml,
    write_schema,
)
from gpusynth.table.sketch import ColumnSketch, sketch_columns
from gpusynth.table.source import BATCH_ROWS, Source, TableSource
from gpusynth.table.storage import DECIMALS_METADATA, output_schema, parse_storage
from gpusynth.table.table import Codec, Table

__all__ = [
    "BATCH_ROWS",
    "DECIMALS_METADATA",
    "Codec",
    "Column",
    "ColumnSketch",
    "InferredSchema",
    "Kind",
    "Read",
    "Role",
    "Schema",
    "Source",
    "Table",
    "TableSource",
    "answer_texts",
    "as_numbers",
    "asked_schema",
    "check_schema",
    "code_numbers",
    "codec_from_json",
    "coded_columns",
    "coded_dtypes",
    "decode_batch",
    "encode_table",
    "exact_numbers",
    "fit_codec",
    "fit_codecs",
    "infer_schema",
    "known_schema",
    "output_schema",
    "parse_storage",
    "plain_schema",
    "read_rows",
    "read_schema",
    "read_table",
    "rounding_step",
    "schema_from_toml",
    "schema_to_toml",
    "sketch_columns",
    "write_schema",
]
