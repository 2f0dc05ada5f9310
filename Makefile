# `make demo` and `make test` are the two commands of a new machine; both prepare .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check vectors bench bench-board clean

demo: $(READY)
	@$(BIN)/packseal demo

test: $(READY)
	@$(BIN)/python tests/run_checks.py

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "PackSeal needs Python 3.11 or newer; set PYTHON=/path/to/it")'
	@echo "setting up $(VENV) (about a minute, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --disable-pip-version-check --progress-bar off --editable '.[test]' | grep --line-buffered -E '^(Collecting|Successfully|ERROR)' || true
	@$(BIN)/packseal --version
	@touch $(READY)

clean:
	rm -rf $(VENV)
