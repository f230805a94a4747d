# Everything a newcomer needs is a target here; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test soak check format bench screenshots lock postgres clean

help: ## Show the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(READY) ## Make the virtual environment with everything pinned in constraints.txt

$(READY): constraints.txt pyproject.toml
	@echo "Setting up $(VENV) (once; a minute or two) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) 2>/dev/null || \
	  { rm -rf $(VENV); $(PYTHON) -m pip install -q --user virtualenv && $(PYTHON) -m virtualenv -q $(VENV); }
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r constraints.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY) ## Serve a sample base on an embedded SQLite file, and print how to try it
	@$(BIN)/onefold demo

postgres: $(READY)
	@$(BIN)/python -m tests.provide_postgres

test: $(READY) postgres ## Run every test, on SQLite and PostgreSQL
	@$(BIN)/python -m pytest -n 4 --dist loadgroup -m "not soak"

soak: $(READY) postgres ## Run the long tests too
	@$(BIN)/python -m pytest -m soak

check: $(READY) ## Format, lint, types, import directions, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(MAKE) --no-print-directory test

format: $(READY) ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) postgres ## Measure, each figure beside its floor (see docs/benchmarks.md)
	@$(BIN)/python -m benchmarks

screenshots: $(READY) ## Draw every page of the console into docs/screenshots
	@$(BIN)/python -m tests.browser.screenshots

lock: $(READY) ## Pin the newest versions in constraints.txt
	@$(BIN)/python -m pip install -q uv
	@$(BIN)/uv pip compile -q pyproject.toml --group dev --upgrade --generate-hashes --no-emit-index-url --no-header \
	  --no-annotate -o constraints.txt

clean: ## Remove what was made here
	rm -rf $(VENV) var build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
