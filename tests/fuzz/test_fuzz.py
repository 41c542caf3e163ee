"""The corpus and a fixed number of its mutations: nothing but `GpusynthError`, and soon."""

from __future__ import annotations

import time

import pytest

from gpusynth.calibration.margin_file import read_margins
from gpusynth.evaluate.results import read_comparisons, read_evaluation
from gpusynth.inference.model_file import read_models
from gpusynth.plan import read_plan
from gpusynth.table import read_schema
from gpusynth.table.expression import parse_expression
from tests.fuzz.mutations import mutated, seeds
from tests.fuzz.targets import TARGETS

N_MUTATIONS = {"expression": 1500, "codec": 500, "comparisons": 200, "journal": 100, "model": 20}


@pytest.mark.parametrize("name", TARGETS)
def test_mutations(name):
    for content in mutated(name, N_MUTATIONS.get(name, 60), seed=0):
        began = time.process_time()
        TARGETS[name](content)
        assert time.process_time() - began < 20  # a guard against quadratic work only


READERS = {
    "plan.toml": read_plan,
    "schema.toml": read_schema,
    "models.toml": read_models,
    "margins_toml.toml": read_margins,
    "margins_csv.csv": read_margins,
    "evaluation.json": read_evaluation,
    "comparisons.json": read_comparisons,
}


@pytest.mark.parametrize("file", READERS)
def test_the_corpus_itself_is_good(file, tmp_path):
    """Mutations of what is refused at its first word would find nothing."""
    path = tmp_path / file
    for content in seeds(path.stem):
        path.write_bytes(content)
        assert READERS[file](path) is not None


def test_expressions_of_the_corpus_are_good():
    for content in seeds("expression"):
        assert parse_expression(content.decode())
