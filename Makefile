# Everything runs in .venv, which the first call makes; later calls reuse it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup shell demo test check format clean

help:
	@echo "make demo    train on handwritten digits and write runs/demo/report.html"
	@echo "make test    run the tests"
	@echo "make setup   only the set-up that both do by themselves"
	@echo "make shell   a shell in which the command cordsnet is found"
	@echo "make check   format, lint and types"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cordsnet needs Python 3.11 or later, got " + sys.version.split()[0] + "; call make with PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

shell: $(READY)
	@PATH="$(CURDIR)/$(BIN):$$PATH" VIRTUAL_ENV="$(CURDIR)/$(VENV)" exec "$${SHELL:-/bin/sh}"

demo: $(READY)
	$(BIN)/cordsnet demo

# One thread each: two processes of two threads wait for one another on two cores.
# Each process takes neighbouring tests, which share fixtures, and then half of what the other has left.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal --quiet

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist src/*.egg-info
