# make run · make test · make slow · make bench · make lint: each sets up .venv by itself.
PYTHON ?= python3
BIN := .venv/bin
# One process for each core: most tests use one; files stay together until a process has nothing left.
PARALLEL := -n auto --maxprocesses 8 --dist worksteal
SPEC := data/open_waveguide.toml
OUT := results/open_waveguide.h5

.PHONY: run test slow bench lint clean

run: .venv/ready
	@mkdir -p results
	$(BIN)/jumpsim run $(SPEC) -o $(OUT)
	$(BIN)/jumpsim compare $(OUT)

test: .venv/ready
	$(BIN)/python -m pytest -m "not slow" $(PARALLEL)

slow: .venv/ready
	$(BIN)/python -m pytest -m slow

bench: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python scripts/bench.py
	$(BIN)/python scripts/bench_scaling.py
	$(BIN)/python scripts/bench_peers.py

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Installed again when the metadata changed, or when the environment is gone.
.venv/ready: setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "jumpsim needs Python 3.11 or newer, but $(PYTHON) is " + sys.version.split()[0])'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

clean:
	rm -rf .venv build results *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
