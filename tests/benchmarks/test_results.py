"""Comparing results, and README's tables of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import compare, tables
from benchmarks.results_files import read_results


def _result(rows: int = 1_000, cpu: float = 2.0, **more: Any) -> dict[str, Any]:
    return {
        "benchmark": "memory",
        "case": {"rows": rows, "columns": 40, "threads": 2, "replicates": 1},
        "phases": {"total": {"cpu": cpu, "wall": cpu / 2}},
        "peak_memory_bytes": 300_000_000,
        "machine": {"processor": "Abacus 9", "cores": 2},
        "versions": {"python": "3.11.7", "numpy": "2.4.6", "numba": "0.68.1"},
        **more,
    }


_PEER = {
    "peer": "sklearn",
    "min_samples_split": 2,
    "phases": {"total": {"cpu": 123.4, "wall": 124.0}},
    "over_ours": {"cpu": 61.7, "wall": 124.0},
}


@pytest.mark.parametrize(
    ("base", "head", "regressed"),
    [
        (1.0, 1.2, True),
        (1.0, 1.09, False),  # less than 10 %
        (0.1, 0.14, False),  # less than 0.05 s
        (0.1, 0.16, True),
        (1.0, 0.5, False),
        (0.0, 0.06, True),
    ],
)
def test_a_regression_is_slower_by_both_limits(base: float, head: float, regressed: bool) -> None:
    change = compare.Change("case", "fit", "cpu", base, head)
    assert change.regressed is regressed
    assert ("REGRESSED" in str(change)) is regressed


def test_equal_cases_are_compared_phase_by_phase() -> None:
    base, head = [_result(1_000, 2.0), _result(5_000, 9.0)], [_result(1_000, 3.0), _result(7, 1.0)]
    changes = compare.compare(base, head)
    assert [(c.phase, c.clock, c.base, c.head) for c in changes] == [
        ("total", "cpu", 2.0, 3.0),
        ("total", "wall", 1.0, 1.5),
    ]


@pytest.mark.parametrize(("cpu", "rows", "code"), [(2.0, 1_000, 0), (2.5, 1_000, 1), (2.0, 9, 2)])
def test_exit_code(
    tmp_path: Path, cpu: float, rows: int, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "base.json", tmp_path / "head.json"]
    for file, result in zip(files, (_result(), _result(rows, cpu)), strict=True):
        file.write_text(json.dumps(result), encoding="utf-8")
    if code == 0:
        compare.main([str(file) for file in files])
    else:
        with pytest.raises(SystemExit) as ended:
            compare.main([str(file) for file in files])
        assert ended.value.code == code
    assert capsys.readouterr().out


def test_bad_result_files_are_named(tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text('{"benchmark": "memory"}\n{\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"bad\.json, line 2: not JSON"):
        read_results([tmp_path])
    file.write_text("[1]\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 1: a result is an object"):
        read_results([file])


def test_table_holds_the_figures() -> None:
    made = tables.tables([_result(peers=[_PEER], further_replicate_over_fit=0.064), _result(9)])
    head, line, small, large, *_ = made.splitlines()[2:]
    assert head.count("|") == line.count("|") == small.count("|") == large.count("|")
    assert (
        "1,000 x 40 | 2 | 2.00 | 1.00 | 123 (min_samples_split=2) | 124 | 61.7 x | 124.0 x" in large
    )
    assert "| 6% | 300 |" in large
    assert small.startswith("| 9 x 40 |")
    assert made.endswith("Measured on Abacus 9, 2 cores, Python 3.11.7, NumPy 2.4.6, Numba 0.68.1.")


def test_every_sort_of_result_has_its_table() -> None:
    files = _result(
        benchmark="files", before_first_fit=1.5, encoded_bytes=50_000_000, phases=_PEER["phases"]
    )
    growth = _result(benchmark="growth", exponent={"cpu": 1.046, "wall": 1.1})
    growth["case"]["rows"] = [200_000, 2_000_000]
    seconds = {"cpu": 1.0, "wall": 0.5}
    marginals = {
        "benchmark": "marginals",
        "rows": 200_000,
        "columns": 130,
        "threads": 2,
        "two_way_tables": 8_385,
        "two_way_seconds": seconds,
        "peer_two_way_seconds_scaled": {"cpu": 300.0, "wall": 301.0},
        "peer_over_ours": {"cpu": 300.0, "wall": 602.0},
    }
    results = [_result(), _result(cpu=3.0), files, growth, marginals]
    made = tables.tables(results)
    assert made == tables.tables(results[::-1])
    for text in (
        "| 1.50 | 300 | 50 |",
        "| 200,000 -> 2,000,000 | 40 | 2 | 1.05 | 1.10 |",
        "602.0 x",
    ):
        assert text in made


def test_unknown_benchmark_is_refused() -> None:
    with pytest.raises(ValueError, match="no table for the benchmarks"):
        tables.tables([_result(benchmark="astrology")])


@pytest.mark.parametrize("text", ["no markers", f"{tables.END}\n{tables.BEGIN}", tables.BEGIN * 2])
def test_markers_are_needed(text: str) -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        tables.with_tables(text, "table")


def test_write_then_check_then_a_new_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, readme = tmp_path / "results", tmp_path / "README.md"
    results.mkdir()
    (results / "a.json").write_text(json.dumps(_result()), encoding="utf-8")
    readme.write_text(f"above\n{tables.BEGIN}\nold\n{tables.END}\nbelow\n", encoding="utf-8")
    options = ["--results", str(results), "--readme", str(readme)]
    with pytest.raises(SystemExit):
        tables.main([*options, "--check"])
    tables.main([*options, "--write"])
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("above\n")
    assert text.endswith("below\n")
    assert "old" not in text
    assert "| 1,000 x 40 |" in text
    tables.main([*options, "--check"])
    (results / "b.json").write_text(json.dumps(_result(5_000)), encoding="utf-8")
    with pytest.raises(SystemExit):
        tables.main([*options, "--check"])
    assert "run --write" in capsys.readouterr().out
