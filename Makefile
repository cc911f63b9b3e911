# Dropforge. `make demo` shows it; `make test` proves it. Each installs what it needs into .venv.

SHELL := /bin/bash
PYTHON ?= $(firstword $(foreach p,python3.13 python3.12 python3.11 python3,$(if $(shell $(p) -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo yes),$(p),)))
BIN := .venv/bin
READY := .venv/.ready
AUDIT := .venv/audit
BROWSER := .venv/.browser
RIVALS := .venv/.rivals

.DEFAULT_GOAL := help
.PHONY: help demo test lint audit simulate storm bench cloud lock clean

# List the recipes.
help:
	@awk '/^# /{c=substr($$0,3)} /^[a-z-]+:/{sub(/:.*/,"",$$1); printf "  make %-8s %s\n",$$1,c}' $(MAKEFILE_LIST)

$(READY): pyproject.toml requirements.txt
	@$(or $(PYTHON),false) -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || { echo "Dropforge needs Python 3.11, 3.12 or 3.13 with venv: install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up .venv with $$($(PYTHON) --version): once, some 750 MB, about two minutes"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@command -v terraform >/dev/null || $(BIN)/python -m pip install -qq --disable-pip-version-check -r tests/terraform/requirements.txt || echo "There is no Terraform for this machine: tests/terraform will fail until you install it"
	@touch $@

# Run the whole chain on this machine: drop, validate, tune, measure, deploy, predict.
demo: $(READY)
	@$(BIN)/dropforge local demo

# Check style and types, then run every test.
test: lint $(BROWSER)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Check style and types only.
lint: $(READY)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

# What drives a browser for tests/browser, and Debian's own browser where that may be installed.
$(BROWSER): tests/browser/requirements.txt $(READY)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r tests/browser/requirements.txt
	@command -v chromium chromium-browser google-chrome >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing Debian's chromium for tests/browser: once" && { apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium; } >/dev/null 2>&1; } || echo "There is no Chromium: tests/browser will be skipped until you install it"
	@touch $@

$(AUDIT)/.ready: tests/terraform/audit.txt $(READY)
	@echo "Setting up checkov in an environment of its own: once, some 310 MB, half a minute"
	@$(BIN)/python -m venv --clear $(AUDIT)
	@$(AUDIT)/bin/python -m pip install -qq --disable-pip-version-check -r tests/terraform/audit.txt
	@touch $@

# Check the Terraform configuration with checkov; every exception stands there with its reason.
audit: $(AUDIT)/.ready
	@$(AUDIT)/bin/checkov --directory deploy/terraform --framework terraform --quiet --compact --skip-download

# Live through some 57,000 worlds of faults in virtual time (docs/reliability.md): some fifteen minutes.
simulate: $(READY)
	@$(BIN)/python tests/faults/reliability.py --write docs/reliability.md

# Kill, flood and cut off the real processes on this machine (docs/reliability.md): some half an hour.
storm: $(READY)
	@PYTHONPATH=tests $(BIN)/python -m faults.storms all --full --write docs/reliability.md

$(RIVALS): tests/bench/requirements.txt $(READY)
	@echo "Installing what Dropforge is measured beside: once, some 480 MB, half a minute"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps -r tests/bench/requirements.txt
	@touch $@

# Measure it all on this machine (docs/performance.md): some fifteen minutes, and nothing else should run meanwhile.
bench: $(RIVALS)
	@$(BIN)/python tests/bench/all.py --write docs/performance.md

# Rehearse it all in a Google Cloud project, PROJECT=ID, and remove it again; says first what that costs (deploy/terraform/README.md).
cloud: $(READY)
	@$(BIN)/python tests/cloud/rehearse.py --project "$(PROJECT)" $(MORE)

# Pin the dependencies anew (requirements.txt) after a change to pyproject.toml.
lock: $(READY)
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --extra dev pyproject.toml --output-file requirements.txt

# Remove what these recipes made; a stack of yours in .dropforge stays.
clean:
	@rm -rf .venv .dropforge/demo .mypy_cache .ruff_cache .pytest_cache
