# Two commands do everything: `make demo` and `make test`. Both need Python 3.11 or newer with pip.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEEDS ?= 1000
CORE_SEEDS ?= 2200
SECONDS ?= 300

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-faults lint types layers sim model determinism fuzz test-api-fuzz audit-deps bench reference lock clean

help:
	@echo "make demo       four guarantor nodes play the reference scenario (KEEP=DIR leaves them running)"
	@echo "make test       the test suite"
	@echo "make test-all   lint, types, layers, tests with coverage, $(SEEDS) simulated clusters"
	@echo "make test-faults  real nodes in network namespaces under every fault (SEED=N MINUTES=M)"
	@echo "make model      every state of the consensus rules and core within two views"
	@echo "make audit-deps known vulnerabilities of what the lock files name"
	@echo "make bench      the settlement benchmark"
	@echo "make reference  generate docs/reference from the code"
	@echo "make lock       renew the lock files after a change of pyproject.toml"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Python 3.11 or newer is needed; try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing the locked dependencies …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "installing the locked test dependencies …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.runtime
	@$(BIN)/iic demo $(if $(KEEP),--keep $(KEEP)) $(ARGS)

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

test-faults: $(VENV)/.dev
	@$(if $(SEED),SEED=$(SEED)) $(if $(MINUTES),MINUTES=$(MINUTES)) $(BIN)/python -m tests.faults $(ARGS)

test-all: lint types layers $(VENV)/.dev
	@$(BIN)/python -m pytest -n auto --dist loadgroup --cov --cov-report=term:skip-covered $(ARGS)
	@$(MAKE) --no-print-directory sim

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.dev
	@$(BIN)/mypy

layers: $(VENV)/.dev
	@$(BIN)/lint-imports

sim: $(VENV)/.dev
	@$(BIN)/iic sim --seeds $(SEEDS)
	@$(BIN)/iic sim --core --seeds $(CORE_SEEDS)
	@$(BIN)/iic sim --twins 3
	@$(BIN)/iic sim --seeds 20 --invariants

determinism: $(VENV)/.dev
	@$(BIN)/python -m tests.determinism.compare

model: $(VENV)/.dev
	@$(BIN)/iic model check --rules
	@$(BIN)/iic model check

fuzz: $(VENV)/.dev
	@$(BIN)/python -m tests.fuzz.run --seconds $(SECONDS)

test-api-fuzz: $(VENV)/.dev
	@$(BIN)/python tests/node/api/fuzz.py $(ARGS)

audit-deps: $(VENV)/.dev
	@$(BIN)/python -m tests.supply.audit

bench: $(VENV)/.runtime
	@$(BIN)/iic bench settle $(ARGS)

reference: $(VENV)/.runtime
	@$(BIN)/python -m contracts.reference
	@$(BIN)/python -m cli.reference

lock: $(VENV)/.dev
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		--extra build --extra audit pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		--extra build --extra audit --extra dev --extra solver pyproject.toml -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
