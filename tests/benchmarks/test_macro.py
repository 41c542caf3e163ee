import json
import math
import sys
from pathlib import Path

import pytest

from benchmarks.clock import Seconds, Stopwatch, median_seconds
from benchmarks.macro import growth, run
from benchmarks.macro.workload import synthesize_in_memory
from gpusynth.engine.real.prepared import Prepared

_CLOCKS = {"cpu", "wall"}


def test_in_memory_with_peer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "result.json"
    options = "--rows 500 --columns 8 --threads 2 --replicates 2 --repeat 3 --peer sklearn"
    run.main([*options.split(), "--min-split", "2", "15", "--output", str(file)])
    printed = capsys.readouterr().out
    assert file.read_text(encoding="utf-8") == printed
    assert printed.count("\n") == 1
    result = json.loads(printed)
    assert result["benchmark"] == "memory"
    assert result["case"] == {
        "rows": 500,
        "columns": 8,
        "threads": 2,
        "replicates": 2,
        "schema": "inferred",
        "seed": 0,
    }
    phases = result["phases"]
    assert phases.keys() == {"pack", "fit", "draw", "further replicates", "total"}
    assert all(clocks.keys() == _CLOCKS for clocks in phases.values())
    assert result["rows_per_second"] == pytest.approx(500 / phases["total"]["wall"], rel=0.02)
    assert [peer["min_samples_split"] for peer in result["peers"]] == [2, 15]
    for peer in result["peers"]:
        for clock in _CLOCKS:
            quotient = peer["phases"]["total"][clock] / phases["total"][clock]
            # Both seconds are rounded to 0.0001 s.
            assert peer["over_ours"][clock] == pytest.approx(quotient, rel=0.05)
    assert result["encoded_bytes"] >= 500 * 8
    assert result["peak_memory_bytes"] > 10_000_000
    assert result["leaves"] > 8
    assert {"gpusynth", "numpy", "numba", "scikit-learn"} <= result["versions"].keys()
    assert result["machine"]["cores"] >= 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs wait4")
def test_file_to_file(capfd: pytest.CaptureFixture[str]) -> None:
    run.main(["--rows", "400", "--columns", "6", "--threads", "1", "--replicates", "2", "--files"])
    result = json.loads(capfd.readouterr().out)
    assert result["benchmark"] == "files"
    phases = result["phases"]
    assert {"fit and draw", "write", "encode", "start and end", "total"} <= phases.keys()
    assert phases["total"]["cpu"] >= phases["fit"]["cpu"]
    assert 0 < result["before_first_fit"] < phases["total"]["wall"]
    assert result["peak_memory_bytes"] > 10_000_000
    assert result["input_bytes"] > 0
    limit = 2.5 * result["encoded_bytes"] + 500e6
    assert result["peak_over_target"] == pytest.approx(
        result["peak_memory_bytes"] / limit, abs=0.001
    )


@pytest.mark.parametrize(
    "options", ["--files --peer sklearn", "--files --schema given", "--rows 0", "--repeat 0"]
)
def test_options_that_make_no_sense_are_refused(
    options: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run.arguments_of(options.split())
    assert "error:" in capsys.readouterr().err


def test_further_replicates_are_timed_apart(small_firms: Prepared) -> None:
    phases = []
    leaves = []
    for replicates in (1, 3):
        stopwatch = Stopwatch()
        leaves.append(
            synthesize_in_memory(small_firms, threads=1, replicates=replicates, stopwatch=stopwatch)
        )
        phases.append(set(stopwatch.phases))
    assert phases == [{"pack", "fit", "draw"}, {"pack", "fit", "draw", "further replicates"}]
    assert leaves[0] == leaves[1]


def test_median_is_taken_by_each_clock() -> None:
    runs = [Seconds(1.0, 9.0), Seconds(3.0, 2.0), Seconds(2.0, 4.0)]
    assert median_seconds(runs) == Seconds(2.0, 4.0)


def test_exponent() -> None:
    assert growth.exponent(2.0, 20.0, 10.0) == pytest.approx(1.0)
    assert growth.exponent(2.0, 2.0 * 10**1.5, 10.0) == pytest.approx(1.5)


def test_growth_puts_two_runs_together(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured(rows: int, _: object) -> dict[str, object]:
        total = {"cpu": rows / 100, "wall": (rows / 100) ** 2}
        return {
            "phases": {"total": total},
            "peak_memory_bytes": rows,
            "machine": {},
            "versions": {},
        }

    monkeypatch.setattr(growth, "_run", measured)
    growth.main(["--rows", "1000", "100", "--columns", "5"])
    result = json.loads(capsys.readouterr().out)
    assert result["case"]["rows"] == [100, 1000]
    assert result["exponent"] == {"cpu": 1.0, "wall": 2.0}
    assert result["peak_memory_bytes"] == [100, 1000]
    assert math.isclose(result["phases"]["large"]["wall"], 100.0)


def test_growth_refuses_equal_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        growth.main(["--rows", "100", "100"])
    assert "two different numbers" in capsys.readouterr().err
