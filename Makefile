# Every target sets up first; set-up does nothing where all is current (setup/setup.py).
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup setup-tests run test test-all check format tck bench pictures lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## everything that running needs
	@$(PYTHON) setup/setup.py

setup-tests: ## the same, and what the tests need of the system
	@$(PYTHON) setup/setup.py --tests

run: setup ## the demo on http://127.0.0.1:8168
	@exec $(BIN)/lvze serve --demo

test: setup-tests ## all tests; the engine's on SQLite and PostgreSQL
	$(BIN)/pytest -n 3 --dist worksteal

test-all: setup-tests ## all tests, everything on both databases
	$(BIN)/pytest -n 3 --dist worksteal --databases=all

check: setup ## lint, format, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup ## let ruff format and repair
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

tck: setup ## the cases of the DMN TCK, as a table; KIT=folder for another kit
	$(BIN)/python -m tests.conformance.tck $(KIT)

bench: setup ## the benchmarks, as a table
	$(BIN)/python -m tests.bench

pictures: setup-tests ## screenshots of the main pages into docs/pictures
	$(BIN)/python -m tests.pictures

lock: setup ## for maintainers: renew requirements.lock from pyproject.toml
	$(BIN)/python setup/lock.py

clean: ## remove what set-up and tests made, but not the data in var/
	rm -rf .venv .setup.log web/frontend/node_modules web/static/dist .pytest_cache .mypy_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
