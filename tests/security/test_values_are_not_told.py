"""No answer of the real file is in what people and programs are told about a run.

The survey's answers are tokens that nothing else looks like. Files that may hold levels of the data
are schema.toml and what is written as a table; the list is in SECURITY.md.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gpusynth.cli.main import main

N = 240


def tokens() -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(77)
    texts = [f"zq{number:06d}k" for number in rng.choice(10**6, N, replace=False)]
    numbers = [str(number) for number in rng.choice(8 * 10**8, N, replace=False) + 10**8]
    return texts, numbers


TEXTS, NUMBERS = tokens()


def survey() -> pa.Table:
    """Every answer of `name`, `rare` and `sales` is unlike any other."""
    rng = np.random.default_rng(1)
    numbers = np.array([int(number) for number in NUMBERS])
    return pa.table(
        {
            "name": TEXTS,
            "rare": [TEXTS[i] if i < 40 else "ab"[i % 2] for i in range(N)],
            "sales": numbers,
            "profit": numbers * 1.0 + 0.25,
            "staff": rng.integers(0, 9, N),
            "holes": pa.array([None if i % 7 == 0 else int(i % 5) for i in range(N)]),
        }
    )


@pytest.fixture(name="place")
def _place(tmp_path):
    pq.write_table(survey(), tmp_path / "real.parquet")
    (tmp_path / "schema.toml").write_text(
        "".join(
            f'[[columns]]\nname = "{name}"\nkind = "{kind}"\nstorage = "{storage}"\n{more}\n'
            for name, kind, storage, more in [
                ("name", "categorical", "string", 'role = "key"'),
                ("rare", "categorical", "string", ""),
                ("sales", "integer", "int64", ""),
                ("profit", "numeric", "double", ""),
                ("staff", "integer", "int64", ""),
                ("holes", "integer", "int64", ""),
            ]
        )
    )
    (tmp_path / "plan.toml").write_text('[smoothing]\nsales = "density"\n')
    return tmp_path


def told(*texts: str) -> set[str]:
    """Return the tokens that texts hold."""
    whole = "\n".join(texts)
    return {token for token in (*TEXTS, *NUMBERS) if token in whole}


def contents(*files: Path) -> list[str]:
    return [file.read_bytes().decode("latin-1") for file in files]


def command(place: Path, capsys, *arguments: str, code: int = 0) -> str:
    """Run the command line and return all that it prints."""
    options = [option.replace("@", f"{place}/") for option in arguments]
    assert main(options) == code, capsys.readouterr().err
    shown = capsys.readouterr()
    return shown.out + shown.err


BASE = ("--data", "@real.parquet", "--schema", "@schema.toml", "--plan", "@plan.toml")


def test_the_scan_finds():
    assert told(f"column 'rare': {TEXTS[3]}") == {TEXTS[3]}
    assert told(json.dumps({"max": int(NUMBERS[5])})) == {NUMBERS[5]}


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_run_verify_and_resume(quiet, place, capsys, monkeypatch):
    monkeypatch.setenv("GPUSYNTH_TRACEBACK", "1")
    more = ("--log", "@log.jsonl", "--metrics", "@run.prom", "--keep-models", "--replicates", "2")
    shown = command(place, capsys, "run", *BASE, "--output", "@run", *more, *quiet)
    shown += command(place, capsys, "verify", "@run", "--replay", "--data", "@real.parquet")
    shown += command(place, capsys, "resume", "@run", code=2)
    shown += command(place, capsys, "run", *BASE, "--output", "@run", code=2)
    run = place / "run"
    files = [run / "manifest.json", run / "plan.json", place / "log.jsonl", place / "run.prom"]
    assert told(shown, *contents(*files)) == set()


def test_plan_estimate_and_doctor(place, capsys):
    shown = command(place, capsys, "plan", *BASE, "--output", "@choices.toml")
    shown += command(place, capsys, "estimate", *BASE, code=2)  # too few rows
    shown += command(place, capsys, "doctor")
    assert told(shown, *contents(place / "choices.toml")) == set()


def test_fit_and_sample(place, capsys):
    schema = ("--schema", "@schema.toml")
    shown = command(place, capsys, "fit", "@real.parquet", *schema, "--output", "@a.model")
    shown += command(place, capsys, "sample", "@a.model", "--output", "@made")
    made = place / "made"
    assert told(shown, *contents(made / "manifest.json", made / "plan.json")) == set()


def test_impute(place, capsys):
    shown = command(
        place,
        capsys,
        *("impute", "@real.parquet", "--schema", "@schema.toml", "--output", "@imputed"),
        *("--imputations", "2", "--iterations", "2"),
    )
    made = place / "imputed"
    files = [made / "manifest.json", made / "plan.json", *made.glob("traces.*")]
    assert told(shown, *contents(*files)) == set()


def test_evaluate_and_report(place, capsys):
    """Also the page: nothing that only one unit has is shown."""
    command(place, capsys, "run", *BASE, "--output", "@run", "--quiet")
    shown = command(
        place,
        capsys,
        *("evaluate", "--real", "@real.parquet", "--synthetic", "@run", "--json", "@e.json"),
        *("--keys", "staff,holes", "--quiet"),
    )
    shown += command(place, capsys, "report", "@e.json", "--output", "@e.html")
    assert told(shown, *contents(place / "e.json", place / "e.html")) == set()


FAULTS = {
    "a level that the schema does not know": ("rare", 'levels = ["a", "b"]'),
    "numbers out of bounds": ("sales", "bounds = [0, 5]"),
    "text where numbers are": ("rare", 'kind = "integer"'),
    "decimals": ("profit", "decimals = 0"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_errors_of_the_data(fault, place, capsys, monkeypatch):
    """With the traceback, which shows lines of code and messages, never values."""
    monkeypatch.setenv("GPUSYNTH_TRACEBACK", "1")
    name, entry = FAULTS[fault]
    text = (place / "schema.toml").read_text()
    head, _, tail = text.partition(f'name = "{name}"\n')
    if entry.startswith("kind"):
        tail = tail.replace('kind = "categorical"\n', "", 1)
    (place / "schema.toml").write_text(f'{head}name = "{name}"\n{entry}\n{tail}')
    code = main(
        [option.replace("@", f"{place}/") for option in ("run", *BASE)]
        + ["--output", str(place / "run"), "--log", str(place / "log.jsonl")]
    )
    shown = capsys.readouterr()
    assert code in (0, 2)
    assert told(shown.out, shown.err, *contents(place / "log.jsonl")) == set()


@pytest.mark.parametrize("where", ["sales == 'zq'", "rare > 5", "nothing == 1"])
def test_errors_of_the_plan(where, place, capsys):
    (place / "plan.toml").write_text(f'[[rules]]\ntarget = "staff"\nwhen = "{where}"\nvalue = 0\n')
    shown = command(place, capsys, "run", *BASE, "--output", "@run", code=2)
    assert told(shown) == set()


def test_a_broken_csv_file(place, capsys):
    lines = [f"{text},{number}" for text, number in zip(TEXTS, NUMBERS, strict=True)]
    (place / "real.csv").write_text("\n".join(["a,b", *lines, f"{TEXTS[0]},1,2,{NUMBERS[0]}"]))
    shown = command(place, capsys, "run", "--data", "@real.csv", "--output", "@run", code=2)
    assert told(shown) == set()
