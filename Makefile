# Each target sets up what it needs: a virtual environment in .venv, filled anew when setup.cfg changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# What a user of the package gets, and what its developers need on top.
RUNTIME := $(VENV)/installed
DEV := $(VENV)/installed-dev

.PHONY: help demo test check format bench clean

help:
	@echo "make demo    install, start the embedded API server and do the main job on it"
	@echo "make test    install and run the tests"
	@echo "make check   format, lint, strict types, layering"
	@echo "make bench   measure against the floor and the other clients"
	@echo "make format  put the source into the form make check asks for"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "dynkube needs Python 3.10 or newer: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): setup.cfg pyproject.toml | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(DEV): setup.cfg pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[dev]'
	@touch $@ $(RUNTIME)

demo: $(RUNTIME)
	@$(BIN)/dynkube demo

test: $(DEV)
	$(BIN)/python -m pytest -n auto --dist worksteal

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layering.py tests/test_public_names.py

format: $(DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DEV)
	$(PIP) --editable '.[bench]'
	$(BIN)/python -m benchmarks $(BENCH)

clean:
	rm -rf $(VENV) build dist *.egg-info
