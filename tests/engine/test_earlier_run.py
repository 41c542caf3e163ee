"""What an earlier run left is removed, and nothing else."""

from __future__ import annotations

from gpusynth.engine.files.earlier_run import remove_earlier_run


def test_overwriting_removes_only_own_files(tmp_path):
    own = [
        "replicate_001.parquet",
        "replicate_002.csv",
        "plan.json",
        "manifest.json",
        "schema.toml",
    ]
    own += ["replicate_003.parquet.partial"]
    others = ["notes.txt", "survey.parquet", "replicates.csv", "replicate_001.parquet.bak"]
    for name in own + others:
        (tmp_path / name).touch()
    (tmp_path / "replicate_9.csv").mkdir()
    remove_earlier_run(tmp_path, keep=frozenset(), has_new_models=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "replicate_9.csv"])
