"""Files and tables in and out: what comes in is streamed, what goes out is whole or not there.

Stands on the table floor; knows nothing of plans, trees or engines.
"""

from gpusynth.io.csv_text import CsvStyle
from gpusynth.io.cudf import is_cudf
from gpusynth.io.digest import file_sha256
from gpusynth.io.frames import like_input
from gpusynth.io.metadata import ReplicateMetadata, read_metadata
from gpusynth.io.model_file import ModelFile, check_model_path, read_model_file, write_model_file
from gpusynth.io.output import (
    output_error,
    prepare_output_directory,
    write_bytes_atomic,
    write_json_atomic,
    writing,
)
from gpusynth.io.source import IoName, open_source
from gpusynth.io.write import ReplicateWriter
from gpusynth.table.source import Source

__all__ = [
    "CsvStyle",
    "IoName",
    "ModelFile",
    "ReplicateMetadata",
    "ReplicateWriter",
    "Source",
    "check_model_path",
    "file_sha256",
    "is_cudf",
    "like_input",
    "open_source",
    "output_error",
    "prepare_output_directory",
    "read_metadata",
    "read_model_file",
    "write_bytes_atomic",
    "write_json_atomic",
    "write_model_file",
    "writing",
]
