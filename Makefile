# Every target sets up what it needs: a virtual environment in .venv with the versions of
# constraints.txt. PYTHON names the interpreter to build it from.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test lint types quick bench clean

help:  ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-7s %s\n", $$1, $$2}'

demo: $(STAMP)  ## learn a real table, make rows that break none of its rules, report
	$(BIN)/synthtab demo

test: $(STAMP)  ## run the test suite
	$(BIN)/python -m pytest -n 2 -q

lint: $(STAMP)  ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## check types
	$(BIN)/mypy

quick: $(STAMP)  ## hold ratios against bench/ratchet.json (2 minutes)
	$(BIN)/python -m bench quick

bench: $(STAMP)  ## measure what docs/results.md reports (needs ../shared/data)
	$(BIN)/python -m bench adult

clean:  ## remove what make made
	rm -rf $(VENV) demo-out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: there is no '$(PYTHON)'; install Python 3.11 or newer, or say make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or newer is needed, '$(PYTHON)' is $$($(PYTHON) -V 2>&1); say make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt annoy 2>/dev/null || echo "make: annoy cannot be compiled (is there a C++ compiler?): retrieval is left out, and its tests are skipped" >&2
	@touch $@
