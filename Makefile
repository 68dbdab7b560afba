# Everything a newcomer needs: `make demo`. Only Python >= 3.11 and a network are assumed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo up down status test test-slow check lock bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    watch a real attack being stopped (4 minutes, unattended)"
	@echo "make up      start the spine;  make down  stop it;  make status  see it"
	@echo "make test    the tests (make test-slow: the long ones);  make check  lint, types, layers, docs"

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	touch $@

demo: $(VENV)/.installed
	@$(BIN)/opsspine demo $(ARGS)

up: $(VENV)/.installed
	@$(BIN)/opsspine up

down: $(VENV)/.installed
	@$(BIN)/opsspine down

status: $(VENV)/.installed
	@$(BIN)/opsspine status

test: $(VENV)/.installed
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-slow: $(VENV)/.installed
	$(BIN)/python -m pytest -m slow $(ARGS)

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m deployments.docs --check

lock: $(VENV)/.installed
	$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --quiet \
		--group dev pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
