.DEFAULT_GOAL := help
.PHONY: help run test check coverage lint types spec fuzz crashtest bench bench-docs format lock clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps
EDITABLE := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
SOURCES := handlers gateway providers catalog blobs tests bench gunicorn.conf.py
LOCK := --quiet --upgrade --strip-extras --generate-hashes --allow-unsafe --no-annotate --no-header --no-emit-options
PARALLEL := --numprocesses auto --dist loadfile --no-loadscope-reorder
CYCLES ?= 25
EXAMPLES ?= 200
BENCH ?= all
NAME ?= $(shell date -u +%Y-%m-%d)$(if $(filter-out all,$(BENCH)),-part)

help:  ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/run  ## Serve on http://127.0.0.1:8080 (HOST, PORT and BERTH_* change that)
	@exec $(BIN)/berth serve

test: .venv/dev  ## Run all tests
	$(BIN)/python -m pytest $(PARALLEL)

check: lint types spec test  ## Check everything: what CI runs

coverage: .venv/dev  ## Run all tests and show which lines they miss
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report term

lint: .venv/dev  ## Check style
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: .venv/dev  ## Check types
	$(BIN)/mypy $(SOURCES)

spec: .venv/dev  ## Check the OpenAPI document
	$(BIN)/openapi-spec-validator openapi.yaml
	$(BIN)/python -m pytest --quiet tests/test_openapi.py

fuzz: .venv/dev  ## Fuzz every operation at length (EXAMPLES=200)
	BERTH_FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/fuzz

crashtest: .venv/dev  ## Kill the server under load and look for losses (CYCLES=25)
	BERTH_CRASH_CYCLES=$(CYCLES) $(BIN)/python -m pytest -s tests/test_crash.py

bench: .venv/run .bench/plot  ## Measure Berth and others (BENCH=hosted,big NAME=2026-01-31 ARGS=)
	@$(BIN)/python -m bench run --parts $(BENCH) --name $(NAME) $(ARGS); failed=$$?; \
	test ! -e bench/results/$(NAME).json || .bench/plot/bin/python -m bench.plot $(NAME); exit $$failed

bench-docs: .venv/run .bench/plot  ## Put the measurements NAME into the pages that show them
	$(BIN)/python -m bench docs $(NAME)
	.bench/plot/bin/python -m bench.plot $(NAME)

format: .venv/dev  ## Format the code
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

lock: .venv/dev  ## Pin all dependencies anew, to their newest versions
	$(BIN)/pip-compile $(LOCK) --output-file requirements/run.txt pyproject.toml
	$(BIN)/pip-compile $(LOCK) --extra dev --output-file requirements/dev.txt pyproject.toml
	$(BIN)/pip-compile $(LOCK) --output-file requirements/bench.txt requirements/bench.in

clean:  ## Remove what was installed; data stays
	rm -rf .venv .bench .mypy_cache .pytest_cache .ruff_cache berth.egg-info

.venv/run: requirements/run.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing what Berth runs with ..."
	@$(INSTALL) -r requirements/run.txt
	@$(EDITABLE)
	@touch $@

.venv/dev: requirements/dev.txt .venv/run
	@echo "Installing what Berth is developed with ..."
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

.bench/plot: requirements/bench.txt
	@echo "Installing what measurements are drawn with ..."
	@$(PYTHON) -m venv --clear $@
	@$@/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@
