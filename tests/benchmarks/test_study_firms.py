"""The study of firms: its measures find faults, its settings run, its document is up to date."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from benchmarks.results_files import read_results
from benchmarks.studies import firms as study_of_firms
from benchmarks.studies.firms_document import blocks, with_blocks
from benchmarks.studies.firms_measures import (
    analysis_table,
    model_results,
    rare_answers,
    utility,
)
from benchmarks.studies.firms_settings import CELL, SETTINGS, study_file
from gpusynth import Column, Schema, synthesize
from gpusynth.datasets import STUDY_MODELS, firms, study_variables

ROOT = Path(__file__).resolve().parents[2]
ROWS = 3_000


@pytest.fixture(scope="module")
def real() -> pa.Table:
    return study_file(ROWS, 40, seed=7)[0]


@pytest.fixture(scope="module")
def replicates() -> list[pa.Table]:
    """Other files of the same population, as a perfect synthesizer would make them."""
    return [firms(ROWS, seed, 40, rare_outcome=True) for seed in (8, 9)]


@pytest.fixture(scope="module")
def line() -> dict:
    """One line of the study: the setting that needs most of the machinery."""
    return study_of_firms.study(
        SETTINGS["combined"], rows=ROWS, columns=40, replicates=2, seed=7, threads=2
    )


def _shuffled(table: pa.Table, name: str) -> pa.Table:
    order = np.random.default_rng(1).permutation(table.num_rows)
    return table.set_column(table.column_names.index(name), name, table[name].take(order))


def test_rows_of_a_file_are_kept_and_others_blank(real: pa.Table) -> None:
    table = analysis_table(real)
    assert table.num_rows == ROWS
    assert table.drop_null().num_rows == study_variables(real).num_rows < ROWS


def test_files_of_one_population_agree_and_a_broken_one_does_not(
    real: pa.Table, replicates: list[pa.Table]
) -> None:
    def exports(files: list[pa.Table]) -> dict:
        found = model_results(analysis_table(real), [analysis_table(one) for one in files], (2,))
        assert [one["rule"] for one in found] == ["raab_simple", "reiter_partial"] * 7
        assert [one["model"] for one in found[::2]] == [one.name for one in STUDY_MODELS]
        return found[0]

    good = exports(replicates)
    # z of each term is about normal with variance 1.5: beyond 5 in one of 10,000 sets of 23 terms.
    assert good["largest_difference"] < 5 * np.sqrt(1.5)
    assert good["intersect"] >= 20
    assert good["n_estimated"] == good["n_terms"] == 23
    assert {one["term"] for one in good["terms"]} >= {"immigrant", "immigrant:size"}
    bad = exports([_shuffled(one, "EXPORTS") for one in replicates])
    assert bad["largest_difference"] > 1.5 * good["largest_difference"]
    assert bad["synthetic_covers"] < good["synthetic_covers"]
    assert bad["lack_of_fit"] > good["lack_of_fit"]


def test_rare_answers() -> None:
    names = ("first", "answer", "JOBSABROAD")
    schema = Schema(
        columns=tuple(Column(name=name, kind="categorical", storage="string") for name in names)
    )

    def survey(rare: int) -> pa.Table:
        answers = ["x"] * rare + ["y"] * (10_000 - rare)
        moved = ["1"] * 60 + ["2"] * 9_940
        return pa.table(dict(zip(names, (answers, answers, moved), strict=True)))

    same = rare_answers(survey(100), [survey(100)] * 2, schema)
    assert (same["n_levels"], same["rms_z"], same["outcome_z"]) == (2, 0.0, 0.0)
    more = rare_answers(survey(100), [survey(130), survey(150)], schema)
    # The mean is 40 too many; the first column is left out.
    z = 40 / np.sqrt(100 * 0.99 / 2)
    assert more["worst"][0] == ["answer", "x", round(z, 2)]
    assert (more["n_levels"], more["too_often"], more["too_seldom"]) == (2, 1, 0)
    fewer = rare_answers(survey(100), [survey(50), survey(70)], schema)
    assert (fewer["too_often"], fewer["too_seldom"]) == (0, 1)


def test_rare_answers_of_a_file_without_any() -> None:
    schema = Schema(columns=(Column(name="a", kind="categorical", storage="string"),))
    table = pa.table({"a": ["x", "y"]})
    found = rare_answers(table, [table], schema)
    assert (found["n_levels"], found["rms_z"], found["outcome_z"]) == (0, None, None)


def test_utility_has_its_baselines(real: pa.Table, replicates: list[pa.Table]) -> None:
    schema = study_file(10, 40, seed=7)[1]
    found = utility(real, replicates[0], schema, seed=1)
    for k in (2, 3):
        score = found[f"kmarginal_{k}"]
        assert 0 < score["score"] < score["expected"] < 1000
        # Two samples of one population differ by sqrt(2) of what a file and its resample do.
        lost = (1000 - score["score"]) / (1000 - score["expected"])
        assert 1.3 < lost < 1.6
    assert sum(found["components"]["explained_real"]) < 1
    worse = utility(real, _shuffled(replicates[0], "SECTOR"), schema, seed=1)
    assert worse["kmarginal_2"]["score"] < found["kmarginal_2"]["score"]


@pytest.mark.parametrize("name", ["targeted", "combined"])
def test_the_cell_is_the_same_in_real_and_synthetic_rows(name: str) -> None:
    setting = SETTINGS[name]
    table, schema = study_file(ROWS, 40, seed=7, has_cell=True)
    made = synthesize(table, schema, setting.plan(tuple(table.column_names)), seed=1)
    for one in (table, made):
        assert set(one[CELL].to_pylist()) <= set(range(9))
        all_three = pc.equal(one[CELL], 7)
        assert pc.sum(all_three).as_py() > 0
        chosen = one.filter(all_three)
        assert set(chosen["BORNUS1"].to_pylist()) == {2}
        assert set(chosen["EDUC1"].to_pylist()) <= {6, 7}
        assert set(chosen["EXPORTS"].to_pylist()) <= set(range(2, 9))


def test_every_setting_is_a_plan_for_the_file() -> None:
    from gpusynth import resolve_plan

    for setting in SETTINGS.values():
        table, schema = study_file(200, 40, seed=7, has_cell=setting.has_cell)
        plan = resolve_plan(table, schema, setting.plan(tuple(table.column_names)))
        visited = plan.visit
        place = {name: position for position, name in enumerate(visited)}
        assert len(visited) == table.num_columns
        assert place["EXPORTS"] < place["JOBSABROAD"]
        if setting.first:
            assert visited[: len(setting.first)] == setting.first


def test_a_line_and_the_document_of_it(line: dict, tmp_path: Path) -> None:
    assert line["setting"] == "combined"
    assert line["columns"] == 41
    assert "--columns 40 --replicates 2 --settings combined" in line["command"]
    assert json.loads(json.dumps(line, allow_nan=False)) == line
    models = [one for one in line["models"] if one["rule"] == "raab_simple"]
    assert [one["model"] for one in models] == [one.name for one in STUDY_MODELS]
    for one in models:
        assert 0 <= one["synthetic_covers"] <= one["n_estimated"] <= one["n_terms"]
        assert one["same_sign"] <= one["n_clear"]
    results, document = tmp_path / "results.json", tmp_path / "study.md"
    results.write_text(json.dumps(line) + "\n", encoding="utf-8")
    names = tuple(blocks([]))
    document.write_text(
        "".join(f"<!-- firms: {x} -->\nstale words\n<!-- /firms: {x} -->\n" for x in names)
    )
    study_of_firms.main(["--write", "--results", str(results), "--document", str(document)])
    text = document.read_text(encoding="utf-8")
    assert "stale words" not in text
    assert "| exports | immigrant x size | 1.28 |" in text  # exp(0.25)
    assert f"{ROWS:,} firms, 41 columns" in text
    for table in blocks([line]).values():
        lengths = {
            row.count("|")
            for part in table.split("\n\n")
            for row in part.splitlines()
            if "|" in row
        }
        assert not table or len(lengths) <= 1


def test_places_are_needed() -> None:
    with pytest.raises(ValueError, match="firms: rare"):
        with_blocks("no place", {"rare": "table"})


def test_unknown_setting_is_refused() -> None:
    with pytest.raises(SystemExit, match="no setting is called 'best'"):
        study_of_firms.main(["--settings", "default,best"])


def test_the_document_is_up_to_date() -> None:
    text = (ROOT / "docs" / "study-firms.md").read_text(encoding="utf-8")
    results = read_results([ROOT / "benchmarks" / "results" / "study_firms.json"])
    assert with_blocks(text, blocks(results)) == text
