# Two commands on a fresh machine: `make demo` and `make test`. The rest is for working on leakcheck.

PYTHON ?= python3
VENV ?= .venv
ROWS ?= 100000
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SAMPLE := naive or iterator or retained or outbox or debug_queries

.PHONY: demo demo-databases story test test-all check format bench sample clean help

help:  ## Show the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMP): pyproject.toml leakcheck/_version.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "leakcheck needs Python 3.11 or later; this is `$(PYTHON) --version`. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(STAMP)  ## Replay the newsletter send, strategy by strategy, and show what its gate says.
	@echo "The newsletter send, replayed: four variants are held over budget on purpose, so the gate says 1."
	@echo "Peaks are of 50,000 subscribers, half of the scenario's own, to be done sooner."
	@$(BIN)/leakcheck run scenarios/newsletter --jobs 2 -o peak.rows=50000; code=$$?; \
		if [ $$code -eq 1 ]; then echo "leakcheck ended with 1, over budget: in CI this build would have failed."; \
		else echo "leakcheck ended with $$code, and 1 was expected."; exit 1; fi

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

bench: $(STAMP)  ## Verdicts against the truth, and the cost over a bare replay. Takes some minutes.
	$(BIN)/python benchmarks/accuracy.py
	$(BIN)/python benchmarks/cost.py --json benchmarks/results/cost.json

sample: $(STAMP)  ## Measure the run in reports/sample anew, and draw it.
	@mkdir -p reports/sample
	@$(BIN)/leakcheck run scenarios/newsletter -k "$(SAMPLE)" --json reports/sample/run.json; code=$$?; [ $$code -eq 1 ] || exit $$code
	$(BIN)/leakcheck plot reports/sample --output reports/sample

clean:  ## Remove the environment and what runs have left behind.
	rm -rf $(VENV) .leakcheck build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
