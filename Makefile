.DEFAULT_GOAL := help
.PHONY: help serve test test-shards test-citus compiled on-embedded on-another in-shards check types lint layers words format clients bench bench-versions soak fuzz clean

VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?= $(shell command -v python3.11 >/dev/null 2>&1 && python3.11 -c '' 2>/dev/null && echo python3.11 || echo python3)

# Tests start some hundred processes: compiled modules are kept, as they are where the service runs.
unexport PYTHONDONTWRITEBYTECODE

# Processes, each with a server of its own: one more than cores here, as many tests wait for something; one that has
# nothing left takes tests of another. One more computes the tests of the other PostgreSQL meanwhile.
SIDE_BY_SIDE := --numprocesses=3 --dist=worksteal

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(VENV)/.installed ## Install, migrate and serve on 127.0.0.1:8000, with an embedded PostgreSQL
	@exec $(BIN)/spanstats serve

test: $(VENV)/.installed-dev ## Run everything that CI runs: checks and tests, with those of SQL on another PostgreSQL as well
	@$(MAKE) --no-print-directory --jobs=2 compiled lint layers
	@$(MAKE) --no-print-directory --jobs=3 on-embedded types on-another in-shards

test-shards: $(VENV)/.installed-dev ## Run all tests with two shards, where tenants live in the second
	env -u SPANSTATS_TEST_DATABASE_URL SPANSTATS_TEST_SHARDS=1 $(BIN)/pytest $(SIDE_BY_SIDE)

test-citus: $(VENV)/.installed-dev ## Run the tests on a Citus cluster, in distributed schemas (ADDRESS=postgresql://... of its coordinator)
	$(BIN)/python -m tests.on_citus "$(ADDRESS)" $(ARGS)

# Once, before five processes would each rewrite the assertions of all tests. Words are looked at by one of the tests.
compiled: $(VENV)/.collected

$(VENV)/.collected: $(VENV)/.installed-dev $(shell find src tests -name '*.py')
	@$(BIN)/pytest --collect-only --quiet >$@.new || { cat $@.new; false; }
	@mv $@.new $@

on-embedded: $(VENV)/.installed-dev
	env -u SPANSTATS_TEST_DATABASE_URL $(BIN)/pytest $(SIDE_BY_SIDE)

on-another: $(VENV)/.installed-dev
	$(BIN)/python -m tests.installed

# A few tests of several layers, with tenants in a second shard: some seconds.
in-shards: $(VENV)/.installed-dev
	env -u SPANSTATS_TEST_DATABASE_URL SPANSTATS_TEST_SHARDS=1 $(BIN)/pytest --quiet tests/api/test_replay.py \
		tests/api/test_parea_datasets.py tests/stats/test_summary.py

check: $(VENV)/.installed-dev ## Lint, formatting, types, layers, words
	@$(MAKE) --no-print-directory --jobs=2 types lint layers words

# Types take as long as all the others together.
types: $(VENV)/.installed-dev
	$(BIN)/mypy

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

layers: $(VENV)/.installed-dev
	$(BIN)/lint-imports

words: $(VENV)/.installed-dev
	$(BIN)/python -m tests.words

format: $(VENV)/.installed-dev ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clients: $(VENV)/.installed ## Run the vendors' unmodified clients against a real server
	$(BIN)/python clients/run.py

bench: $(VENV)/.installed-bench ## Measure ingest and both answers against floors (ARGS="--short" for minutes)
	$(BIN)/python -m benchmarks $(ARGS)

bench-versions: $(VENV)/.installed-bench ## Compare the processor time of this tree with that of BASE=<commit>, in one run
	$(BIN)/python -m benchmarks versions $(or $(BASE),HEAD~1) --out benchmarks/versions.md $(ARGS)

soak: $(VENV)/.installed-dev ## Load the service for ten minutes, then check it for leaks and exactness (SECONDS=60 for less)
	$(BIN)/python -m benchmarks.soak $(or $(SECONDS),600)

fuzz: export SPANSTATS_FUZZ_EXAMPLES := $(or $(EXAMPLES),200)
fuzz: $(VENV)/.installed-dev ## Try the served description and every property at length (EXAMPLES=1000 for each)
	$(BIN)/pytest tests/api/test_described.py tests/test_state_machine.py tests/comparison/test_false_alarms.py
	$(BIN)/pytest $(SIDE_BY_SIDE) -m hypothesis

$(VENV)/.installed-bench: requirements-bench.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@touch $@

clean: ## Remove what was built; data in .spanstats stays
	rm -rf $(VENV) .clients build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements-tracing.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
