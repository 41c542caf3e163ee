"""What is fuzzed: every reader of text that may come from others, as a function of bytes.

A target returns whatever the bytes are; only `GpusynthError` may happen inside. Run one with
``python -m tests.fuzz.run TARGET``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

import gpusynth
from gpusynth.calibration.margin_file import read_margins
from gpusynth.datasets import firms
from gpusynth.engine import read_run
from gpusynth.engine.checkpoint import Journal, RunHead
from gpusynth.engine.checkpoint.journal import _line
from gpusynth.errors import CodecError, GpusynthError
from gpusynth.evaluate.files import open_files
from gpusynth.evaluate.results import read_comparisons, read_evaluation
from gpusynth.inference.model_file import read_models
from gpusynth.io import read_model_file, write_model_file
from gpusynth.operations.verify import verify
from gpusynth.plan import read_plan
from gpusynth.table import read_schema
from gpusynth.table.codecs import codec_from_json
from gpusynth.table.expression import parse_expression
from gpusynth.table.text_file import parse_json

Target = Callable[[bytes], None]

_KIND = "fitted synthesis"


class Scratch:
    """A directory of one process, with a finished run and a saved model, made when first asked."""

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="gpusynth-fuzz-"))
        self._run: Path | None = None
        self._arrays: tuple | None = None

    def file(self, content: bytes, name: str) -> Path:
        path = self.path / name
        path.write_bytes(content)
        return path

    @property
    def run(self) -> Path:
        if self._run is None:
            self._run = self.path / "run"
            gpusynth.synthesize(firms(60, columns=4, seed=1), output=self._run)
        return self._run

    @property
    def model(self) -> tuple:
        if self._arrays is None:
            path = self.path / "seed.model"
            gpusynth.fit(firms(60, columns=4, seed=1)).save(path)
            self._arrays = read_model_file(path, kind=_KIND).arrays
        return self._arrays


SCRATCH = Scratch()


def expression(content: bytes) -> None:
    with suppress(GpusynthError):
        parse_expression(content.decode("utf-8", "replace"))


def reader(read: Callable[[Path], object], name: str) -> Target:
    def target(content: bytes) -> None:
        with suppress(GpusynthError):
            read(SCRATCH.file(content, name))

    return target


def manifest(content: bytes) -> None:
    run = SCRATCH.run
    (run / "manifest.json").write_bytes(content)
    with suppress(GpusynthError):
        read_run(run)
    with suppress(GpusynthError):
        verify(run)
    with suppress(GpusynthError):
        open_files(firms(5, columns=4, seed=1), run, None, None)


def plan_json(content: bytes) -> None:
    run = SCRATCH.run
    manifest_of = json.dumps({"outputs": []})
    (run / "manifest.json").write_text(manifest_of)
    (run / "plan.json").write_bytes(content)
    with suppress(GpusynthError):
        read_run(run)


def journal(content: bytes) -> None:
    """Lines with good checks, since a journal passes over others."""
    lines = []
    for line in content.split(b"\n"):
        try:
            given = json.loads(line)
        except (ValueError, RecursionError):
            given = None
        try:
            lines.append(_line(given) if isinstance(given, dict) else line + b"\n")
        except ValueError:
            lines.append(line + b"\n")
    path = SCRATCH.file(b"".join(lines), "journal.jsonl")
    with suppress(GpusynthError):
        RunHead.read(Journal.open(path).head, path)


def codec(content: bytes) -> None:
    """Codecs are read from JSON by readers that take these errors for damage."""
    with suppress(GpusynthError, KeyError, TypeError, ValueError, AttributeError, OverflowError):
        codec_from_json(parse_json(content.decode("utf-8", "replace"), "codecs", CodecError))


def model(content: bytes) -> None:
    """The document of a saved model, whose digest is right."""
    with suppress(GpusynthError):
        document = parse_json(content.decode("utf-8", "replace"), "document", CodecError)
        path = SCRATCH.path / "fuzz.model"
        try:
            write_model_file(
                path, document, SCRATCH.model, kind=_KIND, mark="", version="1", overwrite=True
            )
        except ValueError:  # NaN
            return
        gpusynth.load(path)


TARGETS: dict[str, Target] = {
    "expression": expression,
    "plan": reader(read_plan, "plan.toml"),
    "schema": reader(read_schema, "schema.toml"),
    "models": reader(read_models, "models.toml"),
    "margins_toml": reader(read_margins, "margins.toml"),
    "margins_csv": reader(read_margins, "margins.csv"),
    "evaluation": reader(read_evaluation, "evaluation.json"),
    "comparisons": reader(read_comparisons, "comparisons.json"),
    "manifest": manifest,
    "plan_json": plan_json,
    "journal": journal,
    "codec": codec,
    "model": model,
}
"""Name, also of the corpus file -> target."""
