"""The interface against its own OpenAPI document: schemathesis asks a served desk all that it can think of."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from packseal.apps.life_desk import NewPassport
from packseal.records.statement_bodies import Stage
from tests.apps.desk_api import MAKER, Service, reader_key, served
from tests.apps.test_life_journey import STATIC, bind
from tests.passport.board import Board

PROGRAM = str(Path(sys.executable).with_name("schemathesis"))
NIGHTLY = bool(os.environ.get("PACKSEAL_NIGHTLY"))
EXAMPLES = 100 if NIGHTLY else 10  # of each operation and phase; what the coverage phase asks is the same always
SEED, OPERATIONS = "1", 12
TIMEOUT_S = 3_000 if NIGHTLY else 400

HOOKS = 'import schemathesis\nschemathesis.serializer.alias("application/cose", "application/octet-stream")\n'
# A stream has no end, so it is left. What nobody signed is never taken, so positive_data_acceptance cannot hold there;
# that what is signed is taken is test_life_journey.py's part. This service has no broker, so that a fresh read ends in
# 503; tests/line/test_fresh.py has one that a battery answers.
CONFIGURATION = """\
max-stream-events = 1

[dictionaries]
names = {{ values = ["{passport}", "{passport}", "{unknown}"] }}

starts = {{ values = [-1, 0] }}

[parameters]
"path.name" = {{ dictionary = "names", probability = 0.8 }}

[[operations]]
include-path = "/changes/stream"
request-timeout = 3
[operations.parameters]
"query.after" = {{ dictionary = "starts", probability = 0.9 }}
"header.last-event-id" = {{ dictionary = "starts", probability = 0.9 }}

[[operations]]
include-path = ["/statements", "/acts"]
checks = {{ positive_data_acceptance = {{ enabled = false }} }}

[[operations]]
include-path = "/passports/{{name}}/fresh"
checks = {{ not_a_server_error = {{ expected-statuses = ["2xx", "3xx", "4xx", "503"] }} }}
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str]]:
    with served(tmp_path_factory.mktemp("service")) as running:
        maker = running.of(MAKER)
        made, _ = maker.create(NewPassport("ev-1", "EV", "Pack 1", rated_capacity_mah=60_000, chemistry="nmc"))
        board = Board("ev board")
        bind(running, board, "ev-1", MAKER)
        maker.state(made, STATIC)
        maker.change_stage(made, Stage.ORIGINAL, "", [])
        board.boot()
        board.windows(5)
        board.state_of_health(9100)
        running.desk.receipt(board.delivery().to_bytes())
        yield running, made.hex()


@pytest.mark.parametrize("role", ["", "operator", "authority"])
def test_the_interface_is_what_its_document_says(service: tuple[Service, str], role: str, tmp_path: Path) -> None:
    running, passport = service
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIGURATION.format(passport=passport, unknown="0" * 32))
    (tmp_path / "hooks.py").write_text(HOOKS)
    command = [
        PROGRAM, "--config-file", str(config), "run", f"{running.url}/api/v1/openapi.json",
        "--max-examples", str(EXAMPLES), "--seed", SEED, "--no-color", "--continue-on-failure",
        "--generation-database", "none",
    ]  # fmt: skip
    if role:
        command += ["--header", f"Authorization: Bearer {reader_key(role)}"]
    env = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, cwd=tmp_path, env=env
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Operations:       {OPERATIONS} selected" in done.stdout, done.stdout
    assert re.search(r"[1-9]\d{2,} generated, [1-9]\d{2,} passed\n", done.stdout), done.stdout
