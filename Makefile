# `make demo` and `make test` are the two commands of a new machine; both prepare .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
STUBS := $(foreach port,unix stm32 rp2 esp32,$(VENV)/typings/$(port))

.PHONY: bench-mqtt demo test test-long test-nightly fuzz release deb test-package test-faults vectors docs bench bench-board bench-evidence bench-log bench-health bench-can bench-passport bench-hil bench-archive bench-line bench-hour bench-day bench-native bench-cortex-m native native-check clean

demo: $(READY)
	@$(BIN)/packseal demo $(DEMO)

test: $(READY) $(STUBS)
	@$(BIN)/python tests/run_checks.py

# the same faults, for as long as they last on a site; every bit of twenty bundles; 100,000 power cuts, replays and answers
test-long: $(READY)
	@PACKSEAL_BROKER_GONE_S=60 PACKSEAL_LONG=1 $(BIN)/python -m pytest tests/line tests/records/test_flips.py
	@PACKSEAL_LONG=1 $(BIN)/python -m pytest tests/attacks/test_replayed.py tests/apps/test_canary.py tests/firmware/test_long_life.py
	@PACKSEAL_CUTS=100000 $(BIN)/python -m pytest -s tests/firmware/test_power_cuts.py

# every night, about four hours: two of the fault laboratory, as root (docs/faults.md); ten years of a logger's life; half
# an hour: a million power cuts
test-nightly: $(READY)
	@PACKSEAL_NIGHTLY=1 $(BIN)/python -m pytest tests/firmware/test_long_life.py
	@PACKSEAL_NIGHTLY=1 $(BIN)/python -m pytest tests/hil/test_stories_run.py -k chip
	@PACKSEAL_NIGHTLY=1 $(BIN)/python -m pytest tests/apps/test_reload.py tests/security tests/scale
	@PACKSEAL_NIGHTLY=1 $(BIN)/python -m pytest tests/faults
	@PACKSEAL_CUTS=1000000 $(BIN)/python -m pytest -s tests/firmware/test_power_cuts.py

# every night: ten minutes of processor time, guided by coverage; a finding belongs into a test
fuzz: $(READY)
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@$(BIN)/python tests/attacks/fuzz.py $(FUZZ)

# the Debian package, in dist/ (docs/install.md). Needs debhelper, dpkg-dev and binutils
deb: $(READY)
	@$(BIN)/python packaging/build_deb.py $(ARGS)

# the package installed, started, killed, upgraded and removed under systemd (docs/install.md)
test-package: $(READY)
	@PACKSEAL_NIGHTLY=1 $(BIN)/python -m pytest -s tests/packaging

# the fault laboratory's long run (docs/faults.md): an hour and a half, as root
test-faults: $(READY)
	@$(BIN)/python -m tests.faults --long $(FAULTS)

# wheel, source, bill of materials and signed digests: KEY=file of an OpenSSH key (docs/security.md)
release: $(READY)
	@$(BIN)/python packaging/release/make_release.py $(if $(KEY),--key $(KEY)) $(ARGS)

vectors: $(READY)
	@$(BIN)/python tests/vectors/make_vectors.py

# what is written by a program: docs/commands.md, and the README's picture
docs: $(READY)
	@$(BIN)/python docs/make_commands.py
	@$(BIN)/python docs/make_attributes.py
	@PYTHONPATH=. $(BIN)/python docs/make_exchange.py
	@$(BIN)/python docs/make_scale.py
	@$(BIN)/python docs/make_performance.py
	@$(BIN)/python docs/make_screenshot.py

# the signer in machine code, for every architecture; packages: see the message when one is missing
native: $(READY)
	@$(BIN)/python firmware/native/build.py

# whether the files in firmware/logger/native are what the sources make, byte for byte
native-check: $(READY)
	@$(BIN)/python firmware/native/build.py --check

# every area in turn, two hours, and docs/performance.md made from their figures. An area that cannot run keeps its older
# figures and is named, with what it needs. Needs .venv/bin/pip install --editable '.[bench,health]', and mosquitto,
# nats-server and postgresql of Debian's packages. Each area alone: make bench-board, bench-health, ...
bench: $(READY)
	@$(BIN)/python benchmarks/record.py

# brokers and clients beside each other: two minutes. Needs mosquitto
bench-mqtt: $(READY)
	@$(BIN)/python benchmarks/record.py mqtt

# the whole line over mTLS: sustained, after an outage, with 5,000 boards: twenty minutes. Needs mosquitto and PostgreSQL
bench-line: $(READY)
	@$(BIN)/python benchmarks/record.py line

# 1,000 records a second for an hour; needs the same
bench-hour: $(READY)
	@$(BIN)/python benchmarks/record.py hour

# a hundred records a second for a day, for what grows slowly; needs the same, and a quarter of an hour to sign them
bench-day: $(READY)
	@PYTHONPATH=. $(BIN)/python benchmarks/line/sustained.py --seconds 86400 --rate 100

# instructions of the native signer on emulated processors
bench-native: $(READY)
	@$(BIN)/python benchmarks/bench_native.py

# instructions and heap of the firmware on an emulated Cortex-M; RECORD=--record keeps them as those to compare with
bench-cortex-m: $(READY)
	@$(BIN)/python benchmarks/bench_cortex_m.py $(RECORD)

# the bench's plant against a full electrochemical cell, and its speed: ten minutes. Needs
# .venv/bin/pip install --editable '.[health]'
bench-hil: $(READY)
	@$(BIN)/python benchmarks/record.py hil

bench-board: $(READY)
	@$(BIN)/python benchmarks/record.py board

bench-log: $(READY)
	@$(BIN)/python benchmarks/bench_log.py

# recorded cells, simulated ones, a fleet, alarms, claims: half an hour; FULL=--full for all draws, two hours. Needs
# .venv/bin/pip install --editable '.[bench,health]'
bench-health: $(READY)
	@$(BIN)/python benchmarks/record.py health -- $(FULL)

# decoding, reading, receiving, imports and a live bus beside their peers: twelve minutes. Needs
# .venv/bin/pip install --editable '.[bench]'
bench-can: $(READY)
	@$(BIN)/python benchmarks/record.py can

# ingest, pages, lists, workers and growth to a million batteries: forty minutes. Needs PostgreSQL, mosquitto and
# nats-server
bench-passport: $(READY)
	@$(BIN)/python benchmarks/record.py passport

# the peer's column needs cbor2: .venv/bin/pip install --editable '.[bench]'
bench-evidence: $(READY)
	@$(BIN)/python benchmarks/record.py evidence

# the same, and an archive of a million records built and verified: about five minutes
bench-archive: $(READY)
	@$(BIN)/python benchmarks/bench_evidence.py --archive

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("PackSeal needs Python 3.11 or newer; set PYTHON to one" if sys.version_info < (3, 11) else 0)'
	@echo "setting up $(VENV), once; about a minute"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --disable-pip-version-check --progress-bar off --editable '.[test]' > $(VENV)/install.log & \
		installing=$$!; while kill -0 $$installing 2>/dev/null; do sleep 5; echo "  $$(tail -n 1 $(VENV)/install.log | cut -c 1-100)"; done; \
		wait $$installing || { tail -n 20 $(VENV)/install.log; exit 1; }
	@touch $(READY)

# MicroPython's type stubs, one folder a port, since each port has its own `machine`
$(VENV)/typings/%: $(READY)
	@echo "fetching the type stubs of MicroPython's $* port"
	@$(BIN)/pip install --quiet --disable-pip-version-check --upgrade --target $@ 'micropython-$*-stubs>=1.25,<2'

clean:
	rm -rf $(VENV)
