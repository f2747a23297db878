# Fresh machine: Python 3.11+ with venv, make, and nothing else.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
CLI := $(VENV)/bin/credit-warehouse
export WAREHOUSE_HOME ?= $(CURDIR)/.warehouse

.PHONY: run up down test matrix bench bench-feeds bench-identity docs check clean

run: $(READY)  ## three simulated business days through the real DAGs, then stop
	$(CLI) simulate

up: $(READY)  ## the same stack as long-running services with the Airflow UI
	$(CLI) start --sandbox

down: $(READY)  ## stop what `up` started
	$(CLI) stop

test: $(READY)  ## every test, two at a time
	$(VENV)/bin/pytest --numprocesses=2 --dist=loadscope --no-loadscope-reorder

matrix: $(READY)  ## every fault, order and moment of a kill (hours); writes the table of docs/reliability.md
	rm -f .matrix.jsonl
	MATRIX_RESULTS=$(CURDIR)/.matrix.jsonl $(VENV)/bin/pytest -m 'matrix or not matrix' tests/integration/test_fault_matrix.py; \
	MATRIX_RESULTS=$(CURDIR)/.matrix.jsonl $(VENV)/bin/pytest -m matrix --ignore=tests/integration/test_fault_matrix.py; \
	$(VENV)/bin/python tests/matrix.py .matrix.jsonl

bench: $(READY)  ## how long a withdrawal takes to leave every feed; LISTINGS=100000
	$(VENV)/bin/python tests/bench/takedown.py $(or $(LISTINGS),100000)

bench-identity: $(READY)  ## who is taken for whom, against the truth; RECORDS=1000000; CURVE=... for the cost of a day
	$(VENV)/bin/python tests/bench/identity.py $(if $(CURVE),curve $(CURVE),$(or $(RECORDS),1000000))

bench-feeds: $(READY)  ## how long feeds take by how much changed; DIRECTIVES=300000 FEEDS=100
	$(VENV)/bin/python tests/bench/feeds.py $(or $(DIRECTIVES),300000) $(or $(FEEDS),100)

docs: $(READY)  ## the data dictionary with a search, and dbt's docs; the stack must be up
	$(CLI) dictionary --html --dbt

check: $(READY)  ## what CI runs beside the tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/sqlfluff lint dbt_project/models
	$(CLI) check-declarations

# --no-deps: the lock names every package; pip's resolver has nothing to add and would ask for extras without hashes.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.lock
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

clean: ## remove the environment and all state of this checkout
	rm -rf $(VENV) .warehouse
