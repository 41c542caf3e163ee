"""Nothing that reads data, plans or models can run code from them: no pickle, eval or shell."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted([*(ROOT / "gpusynth").rglob("*.py"), *(ROOT / "kernels").rglob("*.py")])

FORBIDDEN_MODULES = {
    *("pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "joblib", "jsonpickle"),
    *("yaml", "code", "codeop", "runpy", "xml", "lxml"),
}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_ATTRIBUTES = {
    *("os.system", "os.popen", "os.execv", "np.load", "numpy.load", "pd.read_pickle", "pd.eval"),
    *("pa.deserialize", "pandas.read_pickle", "pandas.eval", "ast.unparse"),
}
FORBIDDEN_ARGUMENTS = {"allow_pickle", "shell"}


def faults(source: str) -> list[str]:
    """Return what a module does that reads code from data, with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            names = []
        found += [
            f"line {node.lineno}: import {name}"
            for name in names
            if name.split(".")[0] in FORBIDDEN_MODULES
        ]
        if isinstance(node, ast.Attribute) and ast.unparse(node) in FORBIDDEN_ATTRIBUTES:
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
                found.append(f"line {node.lineno}: {node.func.id}()")
            for argument in node.keywords:
                if argument.arg in FORBIDDEN_ARGUMENTS and not (
                    isinstance(argument.value, ast.Constant) and argument.value.value is False
                ):
                    found.append(f"line {node.lineno}: {argument.arg}=")
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_from_data(module):
    assert faults(module.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from marshal import loads",
        "import numpy as np\nnp.load(file, allow_pickle=True)",
        "eval(text)",
        "exec(text)",
        "import subprocess\nsubprocess.run(text, shell=True)",
        "import os\nos.system(text)",
        "import cloudpickle.compat",
    ],
)
def test_the_scan_finds(source):
    assert faults(source)


def test_all_modules_are_scanned():
    assert len(MODULES) > 300
