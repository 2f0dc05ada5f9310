"""docs/api.md: its examples run, in their order, against a desk that is served, with a battery that answers."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from packseal.apps.api.changes import MAX_STREAMS, MAX_STREAMS_OF_ONE
from packseal.apps.life_desk import NewPassport
from packseal.apps.webhooks import LEASE_MS, LONGEST_WAIT_S, SIGNATURE, signature
from packseal.records.bundle import Bundle
from packseal.records.checkpoint import unverified_size
from tests.apps.answering import Battery
from tests.apps.desk_api import MAKER, reader_key, served
from tests.passport.board import key_of

PAGE = (Path(__file__).parents[2] / "docs/api.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def battery(tmp_path: Path) -> Iterator[Battery]:
    made = Battery()
    with served(tmp_path, ask_fresh=made.ask) as service:
        service.of(MAKER).create(NewPassport("ev-1", "EV", "Pack 1", rated_capacity_mah=60_000))
        made.begin(service)
        yield made


def test_the_examples_run(battery: Battery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("maker.key").write_bytes(bytes(key_of(MAKER)))
    Path("maker.key").chmod(0o600)
    known: dict[str, Any] = {"URL": battery.service.url, "KEY": reader_key("operator")}
    for number, example in enumerate(EXAMPLES, 1):
        exec(compile(example, f"docs/api.md, example {number}", "exec"), known)  # noqa: S102 - what the page says
    assert known["status"] == 200, known["answer"]
    answer, bundle = known["answer"], Bundle.from_bytes(Path("now.bundle").read_bytes())
    assert unverified_size(bundle.checkpoint) == battery.board.size
    assert (answer["seq"], answer["nonce"]) == (battery.board.size - 1, known["nonce"])
    secret, body, now_unix_s = b"0123456789abcdef", b"{}", int(time.time())
    signed = signature(secret, now_unix_s, body)
    assert known["is_ours"](signed, body, secret, now_unix_s)
    for other in ((signed, body, b"another secret", now_unix_s), (signed, b"{ }", secret, now_unix_s),
                  (signed, body, secret, now_unix_s + 301)):  # fmt: skip
        assert not known["is_ours"](*other)


def test_every_route_is_named(battery: Battery) -> None:
    known: dict[str, Any] = {"URL": battery.service.url}
    exec(EXAMPLES[0], known)  # noqa: S102
    _, _, content = known["ask"]("/openapi.json")
    routes = {
        f"{method.upper()} {path}" for path, methods in json.loads(content)["paths"].items() for method in methods
    }
    assert routes == set(re.findall(r"`((?:GET|POST) /[^`]*)`", PAGE))


def test_its_figures_are_those_of_the_program() -> None:
    assert f"at most {MAX_STREAMS} streams, {MAX_STREAMS_OF_ONE} for one reader" in PAGE
    assert f"at most {LONGEST_WAIT_S:.0f} seconds, for ever" in PAGE
    assert f"another goes on after {LEASE_MS // 1000} s" in PAGE
    assert f"`{SIGNATURE}: t=" in PAGE
