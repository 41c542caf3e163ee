# make demo   install and synthesize a simulated survey of firms; shows what came out
# make test   install the test extra; lint, types, layers, tests
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ROWS ?= 50000

export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test lint clean

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/test: $(VENV)/installed
	$(BIN)/pip install --quiet --group lint --group test --group ptx
	@touch $@

demo: $(VENV)/installed
	@mkdir -p demo
	$(BIN)/gpusynth simulate-firms --rows $(ROWS) --output demo/firms.parquet --seed 1 --overwrite
	$(BIN)/gpusynth run --data demo/firms.parquet --output demo/synthetic --replicates 2 --seed 1 --overwrite

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=.:kernels $(BIN)/lint-imports
	$(BIN)/python -m benchmarks.tables --check
	$(BIN)/python -m benchmarks.scale --check

test: lint
	$(BIN)/pytest -q

clean:
	rm -rf $(VENV) demo
