# The verbs of the house. Every verb creates the environment first, when it is missing or old.
# `make test args="tests/store -k rows"` runs a part of the tests, without the coverage gate.

SHELL := bash
BIN := .venv/bin
STAMP := .venv/.made
BENCHMARKS := $(if $(wildcard benchmarks/__main__.py),benchmarks)
# what `make check` leaves to `make test`: it starts servers and browsers, or takes its time
LATER := contract plugin calibration browser http cli faults docs notebooks
PYTEST := $(BIN)/pytest -n auto --dist worksteal
args ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo serve run-server fmt check lint unit test slow bench bench-quick docs sbom chromium postgres

# tests run in as many processes as there are cores, so each gets one thread for linear algebra
unit test slow: export OMP_NUM_THREADS := 1
unit test slow: export OPENBLAS_NUM_THREADS := 1

help: ## say what the verbs do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' \
	  | awk -F'|' '{ printf "  make %-12s %s\n", $$1, $$2 }'

setup: $(STAMP) ## create the environment (every other verb calls it)

$(STAMP): uv.lock pyproject.toml .python-version scripts/setup.sh
	@bash scripts/setup.sh
	@touch $@

demo: $(STAMP) ## start the product with real example data, from nothing
	@$(BIN)/vibes demo $(args)

serve: $(STAMP) ## server and pages on this machine
	@$(BIN)/vibes serve $(args)

run-server: $(STAMP) ## the same, started again when a source file changes
	@$(BIN)/vibes serve --reload $(args)

fmt: $(STAMP) ## format and fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint unit ## lint, types, contracts, spelling, unit tests: at most 90 s

lint: $(STAMP) ## the part of `check` that runs no test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check --no-cache .
	$(BIN)/mypy src scripts examples/plugin/src examples/mix_client.py $(BENCHMARKS)
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell

unit: $(STAMP) ## the part of `check` that runs tests
	$(PYTEST) -q -m "not slow" $(LATER:%=--ignore=tests/%)

test: $(STAMP) ## everything but `slow`, with coverage; installs a browser and PostgreSQL if missing
	@chromium="$$($(BIN)/python -m scripts.chromium --install)" && export VIBES_CHROMIUM="$$chromium" && \
	  postgres="$$($(BIN)/python -m scripts.postgres --install)" && export VIBES_POSTGRES="$$postgres" && \
	  if [ -n '$(args)' ]; then \
	    $(BIN)/pytest -m "not slow" $(args); \
	  else \
	    rm -f .coverage .coverage.*; \
	    $(PYTEST) -m "not slow" --cov --cov-report=term:skip-covered --durations=10; \
	  fi

slow: $(STAMP) ## long calibration: before an issue that touches a model is closed
	$(PYTEST) -m slow $(args)

bench: $(STAMP) ## measure us and the peers side by side
	$(BIN)/python -m benchmarks $(args)

bench-quick: $(STAMP) ## the same on little data: proves that the benchmarks work
	$(BIN)/python -m benchmarks --quick $(args)

docs: $(STAMP) ## build the documentation into site/; a warning or a broken link is an error
	@$(BIN)/python -m scripts.site $(args)

sbom: $(STAMP) ## list every library that the wheel needs, with version and source (CycloneDX)
	@PATH="$$PWD/.bootstrap/bin:$$HOME/.local/bin:$$PATH" uv export --frozen --no-dev --all-extras --format cyclonedx1.5 --quiet

chromium: $(STAMP) ## find a browser for the tests, or install one
	@$(BIN)/python -m scripts.chromium --install

postgres: $(STAMP) ## find a PostgreSQL server for the tests, or install one
	@$(BIN)/python -m scripts.postgres --install
