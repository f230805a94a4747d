# Everything a newcomer needs is a target here; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PINNED := --generate-hashes --no-emit-index-url --no-header --no-annotate

.DEFAULT_GOAL := help
.PHONY: help setup demo test soak attack lint check advisories format bench screenshots lock release postgres clean

help: ## Show the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-12s %s\n", $$1, $$2}'

# By whichever Python is new enough: once there is an environment, its own is.
setup: ## Make the virtual environment with everything pinned in constraints-dev.txt
	@for python in "$(PYTHON)" $(BIN)/python; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && exec "$$python" tools/set_up.py; \
	done; echo "Python 3.11 or later is needed, and \`$(PYTHON)\` is not that: install one, and name it if it has another name" \
	  "(make PYTHON=python3.12 setup)." >&2; exit 1

demo: setup ## Serve a sample base on an embedded SQLite file, and print how to try it
	@$(BIN)/onefold demo

postgres: setup
	@$(BIN)/python -m tests.provide_postgres

test: setup postgres ## Run every test, on SQLite and PostgreSQL
	@$(BIN)/python -m pytest -n 4 -m "not soak"

soak: setup postgres ## Run the long tests too
	@$(BIN)/python -m pytest -n 2 -m soak

attack: setup ## Attack a real process on loopback, some minutes: what comes of it, how others fare, its memory
	@$(BIN)/python -m tests.attack

lint: setup ## Check format, lint, types, import directions and declared dependencies
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/deptry src

check: lint test ## All of that, and every test

advisories: setup ## Ask the package index which of the pinned libraries have a known weakness
	@$(BIN)/python -m pip install -q --upgrade --target var/advisories pip-audit
	@PYTHONPATH=var/advisories $(BIN)/python -m pip_audit --strict --disable-pip --require-hashes -r constraints.txt

format: setup ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup postgres ## Measure, each figure beside its baseline (see docs/benchmarks.md)
	@$(BIN)/python -m benchmarks

screenshots: setup ## Draw every page of the console into docs/screenshots
	@$(BIN)/python -m tests.browser.screenshots

lock: setup ## Pin the newest versions: constraints.txt to run it, constraints-dev.txt to work on it
	@$(BIN)/python -m pip install -q uv
	@$(BIN)/uv pip compile -q pyproject.toml --group dev --upgrade $(PINNED) -o constraints-dev.txt
	@$(BIN)/uv pip compile -q pyproject.toml -c constraints-dev.txt $(PINNED) -o constraints.txt
	@echo virtualenv | $(BIN)/uv pip compile -q - --upgrade --universal --python-version 3.11 $(PINNED) -o tools/virtualenv.txt

release: setup ## Build the wheel, the same bytes each time, with a list of all it runs on (CycloneDX), into dist
	@rm -rf dist && SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m hatchling build -t wheel -d dist
	@$(BIN)/cyclonedx-py requirements --output-reproducible --pyproject pyproject.toml -o dist/sbom.cdx.json constraints.txt
	@cp constraints.txt dist

clean: ## Remove what was made here
	rm -rf $(VENV) var build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
