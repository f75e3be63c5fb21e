# Every command a developer or CI needs. `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin
TOOLS := .venv-tools
SITE := .venv-site
LOCKED := --universal --python-version 3.11 --generate-hashes --no-annotate --no-strip-extras --no-emit-index-url
DAYS ?= 15
COMPANIES ?= 4
PORT ?= 3000
WORKERS ?= 3
SPEED ?= 24
ROUNDS ?= 1
# compiled modules are kept, whatever the shell says: each of the tests' processes would compile 36,000 lines again
unexport PYTHONDONTWRITEBYTECODE
# temporary files in memory, where there are 4 GB of it: the tests make some 30,000 files and hundreds of databases
IN_MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 {print "TMPDIR=/dev/shm"}')
TESTS := $(IN_MEMORY) $(BIN)/python -m pytest
IN_ORDER := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
CAMPAIGN := SEQUEL_TEST_SCALE=campaign $(TESTS) -n 2 --dist load --timeout 14400

.DEFAULT_GOAL := help
.PHONY: help install demo dev check test durations lint format lock audit dist project docs campaigns kills worlds insights faults properties scenarios drill bench forged chaos soak cluster screenshots site clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/.installed ## make .venv with pinned versions, each file known by its hash (PostgreSQL's driver and the tests' tools included)

# pip first: the one that comes with Python 3.11 takes twice as long. A module is compiled when it is first imported: most never are
.venv/.installed: requirements-pip.txt requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "sequel_assets needs Python 3.11 or newer; this is " + sys.version.split()[0] + "; try: make PYTHON=python3.11")'
	@echo "Installing into .venv, once, in some one or two minutes"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-pip.txt
	@($(BIN)/pip install --no-compile --require-hashes -r requirements.txt; echo "ended with $$?") | awk \
		'/^Collecting/ && ++n % 20 == 0 {print "  " n " packages are here"; fflush()} \
		/^Installing collected/ {print "  " n " packages are here; installing them"; fflush()} /^ended with/ {code = $$3} END {exit code}'
	@PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --no-compile --no-deps --no-build-isolation --config-settings editable_mode=compat -e .
	@touch $@

demo: install ## sandbox, backfill, tables, then Dagster's UI until Ctrl-C; ONCE=1 ends after the tables, NO_BROWSER=1 opens none
	@exec $(BIN)/sequel-assets demo --days $(DAYS) --companies $(COMPANIES) --port $(PORT) $(if $(ONCE),--once) $(if $(NO_BROWSER),--no-browser)

dev: install ## Dagster's UI and daemon on your own account (.env), home in .sequel/dagster
	@$(BIN)/sequel-assets migrate
	@exec $(BIN)/sequel-assets serve ui --port $(PORT)

check: install lint ## in under a minute: lint, then the tests that need no database, no process and no Dagster
	$(TESTS) -q -m light -n 2 --dist loadfile --no-loadscope-reorder

test: install ## lint, then the tests, on SQLite and PostgreSQL
	@$(BIN)/python -m pytest -q --collect-only > /dev/null 2>&1 & $(MAKE) --no-print-directory lint  # the tests are compiled meanwhile
	$(TESTS) $(IN_ORDER)

durations: install ## run every test and record how long each file takes, by which `make test` orders them
	SEQUEL_TEST_DURATIONS=1 $(TESTS) -q $(IN_ORDER)

lint: install ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: install ## let ruff repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(TOOLS)/.installed ## make requirements.txt from pyproject.toml, versions kept; UPGRADE=1 takes the newest, UPGRADE=name of one
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(TOOLS)/bin/uv pip compile --quiet --extra postgres --extra dev $(LOCKED) $(if $(UPGRADE),$(if $(filter 1,$(UPGRADE)),--upgrade,--upgrade-package $(UPGRADE))) pyproject.toml -o requirements.txt
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(TOOLS)/bin/uv pip compile --quiet --extra postgres $(LOCKED) -c requirements.txt pyproject.toml deploy/build.in -o deploy/requirements.txt
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(TOOLS)/bin/uv pip compile --quiet $(LOCKED) $(if $(filter 1,$(UPGRADE)),--upgrade) requirements-site.in -o requirements-site.txt
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(TOOLS)/bin/uv pip compile --quiet $(LOCKED) $(if $(filter 1,$(UPGRADE)),--upgrade) requirements-tools.in -o requirements-tools.txt
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(TOOLS)/bin/uv pip compile --quiet $(LOCKED) $(if $(filter 1,$(UPGRADE)),--upgrade) requirements-pip.in -o requirements-pip.txt

dist: $(TOOLS)/.installed ## build sdist and wheel into dist/, check them, install the wheel outside of the checkout and run its demo (some 5 minutes)
	@$(TOOLS)/bin/python tools/dist.py

project: dist ## walk docs/in-your-dagster-project.md with that wheel: a new Dagster project, a green slice, a second instance (some 5 minutes more)
	@$(TOOLS)/bin/python tools/project_walk.py

audit: $(TOOLS)/.installed ## ask for known weaknesses of the pinned versions: 0 none, 1 some (named), 2 it could not be asked
	@$(TOOLS)/bin/python tools/audit.py $(TOOLS)/bin/pip-audit requirements-pip.txt requirements.txt requirements-tools.txt requirements-site.txt

$(TOOLS)/.installed: requirements-tools.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-tools.txt
	@touch $@

docs: install ## write docs/datasets.md and docs/settings.md
	$(BIN)/python -m tools.docs

campaigns: kills worlds insights faults properties scenarios forged chaos soak ## everything that `make test` has a small version of (several hours)

kills: install ## 300 kill -9 on each database, 10 of a real backfill; prints what is asked again (half an hour or more)
	$(CAMPAIGN) -rP sequel_assets_tests/pipeline/faults/test_kills.py

worlds: install ## 2,000 random worlds and orders of refreshes, half on each database (some 40 minutes)
	$(CAMPAIGN) sequel_assets_tests/pipeline/test_worlds.py -k any_order

insights: install ## each insight against the obvious computation: 500 random stories and 100 worlds of the sandbox, half on each database, and 100 worlds of the lake (more than half an hour)
	$(CAMPAIGN) sequel_assets_tests/insights sequel_assets_tests/pipeline/test_events.py

faults: install ## 1,000 faults of every kind at random places of small backfills (some minutes)
	$(CAMPAIGN) sequel_assets_tests/pipeline/faults/test_campaign.py

properties: install ## each property with 1,000 examples, each parameter on both databases (some minutes)
	$(CAMPAIGN) -m campaign --ignore sequel_assets_tests/insights --ignore sequel_assets_tests/pipeline/test_worlds.py \
		--ignore sequel_assets_tests/pipeline/faults

scenarios: install ## what `make test` leaves out: longer worlds, real processes, a browser, nights of hours (some 20 minutes)
	SEQUEL_TEST_SCALE=scenarios $(TESTS) $(IN_ORDER)

drill: install ## back up and restore on both databases by the commands of docs/deployment.md, to a moment too (half a minute)
	SEQUEL_TEST_SCALE=scenarios $(BIN)/python -m pytest -n 0 -v sequel_assets_tests/deployment/test_drill.py

bench: install ## print the benchmarks' tables
	$(BIN)/python -m bench

soak: install ## five hours of a real Dagster on a clock that runs fast: some 16 minutes (needs a C compiler)
	$(BIN)/python -m sequel_assets_tests.campaigns.soak --speed $(SPEED)

forged: install ## send 100,000 forged webhook deliveries to the receiver and print how they were answered
	$(BIN)/python -m sequel_assets_tests.webhooks.receiver.forged 100000

chaos: install ## 20,000 webhooks that go wrong, receiver and daemon killed at random, on both databases
	$(BIN)/python -m sequel_assets_tests.campaigns.chaos

cluster: install ## an hour of 200 companies over several hosts (network namespaces), and what goes wrong between them (half an hour; needs root, redis-server, a C compiler)
	$(BIN)/python -m sequel_assets_tests.campaigns.cluster --rounds $(ROUNDS)

screenshots: install ## make docs/images (needs Debian's chromium and chromium-driver)
	$(BIN)/python -m sequel_assets_tests.browser.screenshots

site: $(SITE)/.installed ## build the documentation as a site in site/; a broken link or anchor fails it
	$(SITE)/bin/python -m tools.site build/site
	$(SITE)/bin/zensical build --strict --clean

$(SITE)/.installed: requirements-site.txt
	$(PYTHON) -m venv $(SITE)
	$(SITE)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-site.txt
	@touch $@

clean: ## remove .venv and everything that runs have left
	rm -rf .venv .venv-tools .venv-site .sequel site build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
