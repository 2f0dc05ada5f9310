"""What a command sends has its line before its bytes leave, and the line says what, where to and when, and no value."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from packseal.errors import ConfigError, UnavailableError
from packseal.io.partner_http import PartnerHTTP
from packseal.io.sent_log import Sent, SentLog, log_path, read_sent
from tests.sim.server import served

AT_UNIX_MS = 1_800_000_000_000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=5), one, max_size=3),
    max_leaves=8,
)


def log_of(path: Path) -> SentLog:
    return SentLog(path, lambda: AT_UNIX_MS)


def test_the_log_is_beside_its_settings() -> None:
    assert log_path(Path("/etc/p/catenax.toml")) == Path("/etc/p/catenax.sent.jsonl")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(JSON, min_size=1, max_size=4), st.integers(1, 5))
def test_lines_come_back_newest_first(tmp_path: Path, bodies: list[object], limit: int) -> None:
    path = tmp_path / "a.sent.jsonl"
    path.unlink(missing_ok=True)
    contents = [json.dumps(body).encode() for body in bodies]
    for number, content in enumerate(contents):
        log_of(path).add("PUT", f"https://registry.example/{number}", content)
    digests = [hashlib.sha256(content).hexdigest() for content in contents]
    assert [one.sha256 for one in read_sent(path, limit)] == digests[::-1][:limit]


def test_a_line_names_what_was_sent_and_tells_no_value(tmp_path: Path) -> None:
    path = tmp_path / "a.sent.jsonl"
    content = json.dumps({"id": "secret-1", "parts": [{"name": "secret-2", "note": None}]}).encode()
    log_of(path).add("POST", "https://registry.example/shells", content)
    digest = hashlib.sha256(content).hexdigest()
    url = "https://registry.example/shells"
    assert read_sent(path, 10) == [Sent(AT_UNIX_MS, "POST", url, ("id", "name", "parts"), digest, len(content))]
    assert "secret" not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_where_nothing_was_sent_there_is_nothing(tmp_path: Path) -> None:
    assert read_sent(tmp_path / "a.sent.jsonl", 10) == []


@pytest.mark.parametrize("line", ["{", "[]", '{"unix_ms": 1}', "[" * 100_000])
def test_a_line_that_was_changed_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.sent.jsonl"
    log_of(path).add("POST", "https://registry.example/", b"{}")
    with path.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(ConfigError, match="line 2: no line of this log"):
        read_sent(path, 10)


async def _taken(_request: Request) -> Response:
    return JSONResponse({})


def test_what_cannot_be_logged_is_not_sent(tmp_path: Path) -> None:
    with served(Starlette(routes=[Route("/x", _taken, methods=["GET", "POST"])])) as server:
        http = PartnerHTTP(server.url, is_private_allowed=True, before=log_of(tmp_path / "none" / "a.jsonl").add)
        with pytest.raises(UnavailableError, match="so nothing was sent"):
            http.request("POST", "/x", body={"a": 1})
        assert server.asked == []
        http.request("GET", "/x")
        assert len(server.asked) == 1


def test_a_body_that_is_repeated_has_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.sent.jsonl"
    with served(Starlette(routes=[Route("/x", _taken, methods=["PUT"])])) as server:
        server.fail(503)
        http = PartnerHTTP(server.url, is_private_allowed=True, before=log_of(path).add, wait=lambda _s: None)
        http.request("PUT", "/x", body={"a": 1})
        assert len(server.asked) == 2
    assert [one.names for one in read_sent(path, 10)] == [("a",)]
