# Two commands on a fresh machine: `make demo` and `make test`. The rest is for working on leakcheck.

PYTHON ?= python3
VENV ?= .venv
ROWS ?= 100000
ENVS ?= .leakcheck/envs
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SAMPLE := naive or iterator or retained or outbox or debug_queries

.PHONY: demo demo-databases story test test-all check format docs bench mutants sample clean help

help:  ## Show the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMP): pyproject.toml leakcheck/_version.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "leakcheck needs Python 3.11 or later; this is `$(PYTHON) --version`. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(STAMP)  ## Replay the newsletter send, strategy by strategy, and show what its gate says.
	@$(BIN)/leakcheck demo

demo-databases: $(STAMP)  ## Strategy by database: peak, growth, first row, what drivers buffer. ROWS=100000
	@echo "PostgreSQL and MariaDB take part where their programs are installed; mysqlclient where it can be built."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[databases]' >/dev/null 2>&1 || true
	@$(BIN)/python -m scenarios.newsletter.matrix --rows $(ROWS)

story: $(STAMP)  ## The incident's table, naive against iterator under a memory limit, from a run made now.
	@$(BIN)/python -m scenarios.newsletter.story

test: $(STAMP)  ## Run the tests, two at a time.
	$(BIN)/python -m pytest -n 2

test-all: $(STAMP)  ## Run the slow tests too.
	$(BIN)/python -m pytest -n 2 -m "slow or not slow"

check: $(STAMP)  ## Format, lint and strict types: all that must be quiet before a commit.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP)  ## Put the code into shape.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP)  ## Build the guide into build/docs; a warning is an error.
	$(BIN)/python -m sphinx --fresh-env --nitpicky --fail-on-warning --keep-going --quiet --jobs 2 docs build/docs
	@echo "The guide is in build/docs/index.html"

bench: $(STAMP)  ## Beside the tools that people use, what it costs, and docs/benchmarks.md of it. Takes half an hour.
	$(BIN)/python benchmarks/beside.py --envs $(ENVS) --json benchmarks/results/beside.json
	$(BIN)/python benchmarks/cost.py --envs $(ENVS) --json benchmarks/results/cost.json
	$(BIN)/python benchmarks/page.py
	$(BIN)/python benchmarks/accuracy.py --envs $(ENVS)

mutants: $(STAMP)  ## Move each tuned number of analysis and probe by half; a test is to notice. MODULE=analysis/gate
	$(BIN)/python benchmarks/mutants.py $(if $(MODULE),--module $(MODULE))

sample: $(STAMP)  ## Measure the run in reports/sample anew, and draw it, for the README too.
	@mkdir -p reports/sample
	@$(BIN)/leakcheck run scenarios/newsletter -k "$(SAMPLE)" --json reports/sample/run.json; code=$$?; [ $$code -eq 1 ] || exit $$code
	$(BIN)/leakcheck plot reports/sample --output reports/sample
	$(BIN)/leakcheck show reports/sample --svg docs/images/newsletter.svg

clean:  ## Remove the environment and what runs have left behind.
	rm -rf $(VENV) .leakcheck build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
