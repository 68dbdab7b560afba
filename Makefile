# Everything a newcomer needs: `make demo`. Only Python >= 3.11 and a network are assumed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := spine store ml blocks tasks runbooks flows gateway deployments
COMPILE = $(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --quiet pyproject.toml

.PHONY: cluster test-cluster demo up down status test test-slow check docs audit sbom lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    watch a real attack being stopped (4 minutes, unattended)"
	@echo "make up      start the spine;  make down  stop it;  make status  see it"
	@echo "make cluster two of each process, as on many machines (docs/production.md); make down stops it;"
	@echo "             make test-cluster kills them under load"
	@echo "make test    the tests (make test-slow: the long ones);  make check  lint, types, layers, docs, secrets"
	@echo "make docs    the documentation, into build/site;  make audit  known holes;  make sbom  every package"

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	touch $@

# What tests and checks need besides.
$(VENV)/.tools: $(VENV)/.installed requirements-dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements-dev.lock
	touch $@

demo: $(VENV)/.installed
	@$(BIN)/opsspine demo $(ARGS)

up: $(VENV)/.installed
	@$(BIN)/opsspine up

down: $(VENV)/.installed
	@$(BIN)/opsspine down

status: $(VENV)/.installed
	@$(BIN)/opsspine status

cluster: $(VENV)/.installed
	@$(BIN)/opsspine cluster up

test: $(VENV)/.tools
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not cluster" $(ARGS)

test-slow: $(VENV)/.tools
	$(BIN)/python -m pytest -m slow $(ARGS)

test-cluster: $(VENV)/.tools
	$(BIN)/python -m pytest -m cluster $(ARGS)

check: $(VENV)/.tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m deployments.docs --check
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(PACKAGES)
	$(BIN)/python -m deployments.supply.secret
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

docs: $(VENV)/.tools
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

audit: $(VENV)/.tools
	@$(BIN)/python -m deployments.supply.audit $(ARGS)

sbom: $(VENV)/.tools
	@$(BIN)/python -m deployments.supply.sbom

lock: $(VENV)/.tools
	$(COMPILE) --extra cluster -o requirements.lock
	$(COMPILE) --extra cluster --group dev -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis
