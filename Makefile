# `make` alone says what there is. Everything installs into one .venv, from locked, hashed files;
# the developers' lock holds all of the run lock, so the two share it.

PYTHON ?= python3
ARGS   ?=

SHELL := /bin/bash
VENV  := .venv
BIN   := $(VENV)/bin
TYPED := gateway adapters tests $(wildcard bench)

INSTALL := VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-progress --compile-bytecode
PROJECT := $(INSTALL) --no-deps --no-build-isolation --editable .
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
           --no-emit-index-url --no-header --no-annotate

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check lint format bench soak lock clean python FORCE

help:  ## say what there is
	@sed -n 's/^\([a-z]*\):.*##  *\(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
	@echo '  PYTHON=python3.12 chooses the interpreter, ARGS="..." goes on to the command.'

run: $(VENV)/run.stamp  ## install what is missing and start the gateway
	@exec $(BIN)/gateway run $(ARGS)

test: $(VENV)/dev.stamp  ## run the tests, in parallel
	@$(BIN)/python -m pytest -n auto $(ARGS)

check: lint test  ## everything CI runs

lint: $(VENV)/dev.stamp  ## format, rules, types and the direction of imports, changing nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(TYPED)
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp  ## put the code in order
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/dev.stamp  ## measure against the floor
	@$(BIN)/python -m bench $(ARGS)

soak: $(VENV)/dev.stamp  ## the long tests, which `make test` leaves out
	@$(BIN)/python -m pytest -m soak --timeout 0 $(ARGS)

lock: $(BIN)/uv  ## lock again (ARGS=--upgrade takes newer releases)
	$(COMPILE) $(ARGS) --group installer --output-file requirements/uv.txt >/dev/null
	$(COMPILE) $(ARGS) pyproject.toml --group build --output-file requirements/run.txt >/dev/null
	$(COMPILE) $(ARGS) pyproject.toml --group build --group dev \
	  --constraint requirements/run.txt --output-file requirements/dev.txt >/dev/null

clean:  ## remove what was installed and cached; data/ stays
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "chat-gateway needs Python 3.11 or newer, and $(PYTHON) is not: try PYTHON=python3.12" >&2; \
	  exit 1; }

# A .venv that was moved here from another folder, or whose Python is not the one asked for, is made anew.
VERSION := import sys; print(*sys.version_info[:2], sep=".")
MADE_BY := $(shell cat $(VENV)/made-by 2>/dev/null)
WANTED  := $(CURDIR) $(if $(filter file,$(origin PYTHON)),$(lastword $(MADE_BY)),$(shell $(PYTHON) -c '$(VERSION)' 2>/dev/null))
ifneq ($(MADE_BY),$(WANTED))
$(VENV)/made-by: FORCE
endif

$(VENV)/made-by: | python
	@echo "Creating $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@echo "$(CURDIR) $$($(BIN)/python -c '$(VERSION)')" >$@

$(BIN)/uv: requirements/uv.txt $(VENV)/made-by
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/run.stamp: requirements/run.txt pyproject.toml $(BIN)/uv
	@echo "Installing what the gateway runs with ..."
	@$(INSTALL) --require-hashes -r $<
	@$(PROJECT)
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt pyproject.toml $(BIN)/uv
	@echo "Installing what the tests and checks need ..."
	@$(INSTALL) --require-hashes -r $<
	@$(PROJECT)
	@touch $@ $(VENV)/run.stamp
