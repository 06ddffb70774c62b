# The README's two commands are `make demo` and `make test`; each sets up what it needs.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
# Node comes with the environment, so that a machine with Python alone can build the console.
NPM := PATH="$(abspath $(BIN)):$$PATH" npm --prefix console
CONSOLE := src/custodes/web/static/console
CONSOLE_MODULES := console/node_modules/.package-lock.json
CONSOLE_SOURCES := console/index.html console/vite.config.ts console/svelte.config.js console/tsconfig.json \
  $(shell find console/src console/messages console/project.inlang/settings.json -type f -not -path '*/generated/*')
RECORD_SECONDS := $(if $(findstring command line,$(origin SECONDS)),$(SECONDS),60)

.PHONY: demo demo-check test lint bench soak setup system lock console console-dev console-types clean

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

$(CONSOLE_MODULES): console/package.json console/package-lock.json console/.npmrc | $(STAMP)
	@echo "fetching what the console is built of …" >&2
	@$(NPM) ci --no-audit --no-fund --loglevel=error >&2
	@touch $@

$(CONSOLE)/index.html: $(CONSOLE_MODULES) $(CONSOLE_SOURCES)
	@echo "building the console …" >&2
	@$(NPM) run --silent build -- --logLevel warn >&2
	@rm -rf $(CONSOLE) && mkdir -p $(CONSOLE) && cp -R console/dist/. $(CONSOLE)/
	@touch $@

# The console's files, where web serves them from; nothing to do when they are newer than their sources.
console: $(CONSOLE)/index.html

# Wire types from the API's document.
console-types: $(CONSOLE_MODULES)
	@$(NPM) run --silent types >&2

# A server of invented cameras, and the console that reloads itself; both on loopback.
console-dev: $(CONSOLE_MODULES)
	@$(BIN)/python -m console.dev & server=$$!; trap "kill $$server" EXIT; $(NPM) run --silent dev

# What tests and benchmarks use of Debian; tests that lack it are skipped by name.
system:
	@tools/system-packages.sh

# Resolve the dependencies again; the lock names packages, versions and hashes, and no host.
lock:
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-package custodes-verify --no-emit-package custodes-simulator --group dev \
	  -o requirements.lock pyproject.toml verify/pyproject.toml simulator/pyproject.toml requirements.build.in

demo: $(STAMP) console
	@$(BIN)/custodes demo

demo-check: $(STAMP)
	@$(BIN)/custodes demo --check --seconds $(RECORD_SECONDS)

lint: $(STAMP) console
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(NPM) run --silent check

test: system lint
	@$(NPM) test --silent
	$(BIN)/pytest

bench: system $(STAMP)
	@$(BIN)/python -m bench

soak: system $(STAMP)
	@$(BIN)/python -m bench.soak

clean:
	rm -rf $(VENV) .build console/node_modules console/dist $(CONSOLE)
