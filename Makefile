# SPDX-License-Identifier: MPL-2.0
# `make demo` and `make test` need Python 3.11 or newer and make; everything else comes into .venv, at pinned versions.

UV_VERSION = 0.13.9
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
OUR = jobtrappen jobtrappen-referral jobtrappen-matching jobtrappen-followup jobtrappen-partners
PROJECTS = pyproject.toml shared/pyproject.toml $(wildcard services/*/pyproject.toml)
BIN = .venv/bin
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	--no-header --custom-compile-command "make lock" $(foreach name,$(OUR),--no-emit-package $(name)) $(LOCK_FLAGS) pyproject.toml

# Without kept bytecode each of the suite's processes would compile all that it imports, anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo test chaos lint audit bench docs assets pictures lock secrets clean
help: ## these targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

install: .venv/.dev-installed ## everything, also what tests and linting need

demo: .venv/.installed ## the four services with a fictional municipality; prints the address and the log-ins
	$(BIN)/jobtrappen demo $(ARGS)

test: .venv/.dev-installed ## every test that this machine can run, a file for each core at a time; says what was skipped, and how to have it
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

chaos: .venv/.dev-installed ## everything killed at random under load, docs/chaos.md; ARGS="--kills 1000 --kill-seed 7"
	$(BIN)/python -m pytest tests/chaos -s --show-capture=no $(ARGS)

lint: .venv/.dev-installed ## ruff, mypy and the walls between the rooms
	$(BIN)/ruff check .
	$(BIN)/mypy shared/jobtrappen
	$(BIN)/lint-imports --no-cache

audit: .venv/.dev-installed ## known weaknesses of the pinned packages, by osv.dev; says so when it cannot be reached
	$(BIN)/python -m tests.support.advisories

bench: .venv/.dev-installed ## the ratios of docs/performance.md on this machine
	$(BIN)/python -m pytest tests/bench -s $(ARGS)

docs: .venv/.installed ## contracts, docs/lifecycles.md, docs/visibility.md and docs/api/ from the code
	$(BIN)/python -m jobtrappen.contracts
	$(BIN)/python -m jobtrappen.docs

assets: ## the pages' theme anew, from the design system; needs Node
	cd frontend && npm ci --ignore-scripts --no-audit --no-fund
	$(PYTHON) frontend/build.py

pictures: .venv/.dev-installed ## the pictures of the README and docs/guide/ anew, from the demo; needs Chromium
	$(BIN)/python -m tests.browser.pictures $(ARGS)

lock: .venv/.uv-$(UV_VERSION) ## requirements*.lock anew; LOCK_FLAGS=--upgrade for newer versions
	$(COMPILE) --group build --output-file requirements.lock
	$(COMPILE) --group build --group dev --constraints requirements.lock --output-file requirements-dev.lock

secrets: ## passwords and keys for docker-compose.yml, made once, in deploy/secrets/
	@$(PYTHON) deploy/make_secrets.py

clean: ## what the targets made; the demo's data too
	rm -rf .venv .jobtrappen .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	rm -rf shared/*.egg-info shared/build services/*/*.egg-info services/*/build
	find shared services tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps make a second `make` a no-op; they are older than what they were made from when a pin or a project changes.
.venv/.uv-$(UV_VERSION):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed (Debian: apt-get install python3 python3-venv), or name it: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv module is missing (Debian: apt-get install python3-venv), or name another Python: make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	@touch $@

.venv/.installed: .venv/.uv-$(UV_VERSION) requirements.lock $(PROJECTS)
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-deps --no-build-isolation $(foreach folder,shared $(sort $(dir $(wildcard services/*/pyproject.toml))),-e ./$(folder))
	@$(BIN)/python -m compileall -q shared services # a dozen processes start at once; each would compile for itself
	@touch $@

.venv/.dev-installed: .venv/.installed requirements-dev.lock
	$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@
