# Every target sets up .venv first, and again only when pyproject.toml or constraints.txt change. LPIPS's backbone comes with it, once,
# into the user's cache, where a package index can be reached.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := bistnet,bistnet-single,deepexemplar,flow,flow:single,exemplar-hold,gray

.PHONY: run test lint gate bench clean
.DEFAULT_GOAL := run

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	$(BIN)/colorbench weights fetch alexnet || echo 'LPIPS gets no score; everything else works without it.'
	touch $@

# The main job on the embedded demo clips.
run: $(READY)
	$(BIN)/colorbench run --methods $(DEMO) --dataset demo --protocol bistnet --out runs/demo

# The same, beside the scores that are committed: fails where the compact networks color worse.
gate: run
	$(BIN)/colorbench gate runs/demo --against tests/gate/demo.json

test: $(READY)
	$(BIN)/python -m pytest -q

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Side-by-side ratios against the references; COLORBENCH_DATA=... measures on real clips.
bench: $(READY)
	$(BIN)/python -m pytest tests/benchmarks -q -m '' --benchmark-only --benchmark-disable-gc

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .benchmarks runs
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
