"""What is new: asked for by index, and as a stream that clients leave, come back to, and do not read."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from packseal.apps.api.changes import MAX_STREAMS, MAX_STREAMS_OF_ONE
from packseal.apps.life_desk import NewPassport
from packseal.apps.pages import passport_app
from packseal.apps.readers import Readers
from packseal.io.access_settings import AccessTable
from packseal.io.http_server import HTTPServer
from packseal.io.ports import free_port
from packseal.records.statement_bodies import NoteKind
from tests.apps.asking import Answer, ask
from tests.apps.desk_api import MAKER, Service, reader_key, reader_table, served
from tests.waiting import until

OPERATORS = tuple(f"operator-{number}" for number in range(MAX_STREAMS // MAX_STREAMS_OF_ONE))
STREAM = "/api/v1/changes/stream"
TIMEOUT_S = 30


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    more = [reader_table(name, role="operator") for name in OPERATORS]
    owner = reader_table("depot", role="owner", batteries=("ev-2",))
    with served(tmp_path, more_readers=[*more, owner]) as running:
        yield running


def port_of(service: Service) -> int:
    return int(service.url.rpartition(":")[2])


def asked(service: Service, path: str, name: str = "operator") -> Answer:
    return ask(port_of(service), *([f"Bearer {reader_key(name)}"] if name else []), path=f"/api/v1/{path}")


def noted(service: Service, passport: bytes, count: int) -> list[int]:
    maker = service.of(MAKER)
    return [maker.note(passport, NoteKind.OTHER, f"note {number}", 1_790_000_000_000, []) for number in range(count)]


def created(service: Service, battery: str = "ev-1") -> tuple[bytes, int]:
    return service.of(MAKER).create(NewPassport(battery, "EV", "Pack"))


class Stream:
    """As a program follows it: events as (id, data)."""

    def __init__(self, service: Service, name: str = "operator", after: int = -1, last_id: int | None = None) -> None:
        self._connection = HTTPConnection("127.0.0.1", port_of(service), timeout=TIMEOUT_S)
        headers = {"Authorization": f"Bearer {reader_key(name)}"}
        headers |= {} if last_id is None else {"Last-Event-ID": str(last_id)}
        self._connection.request("GET", f"{STREAM}?after={after}", headers=headers)
        self.answer: HTTPResponse = self._connection.getresponse()
        self.status = self.answer.status

    def events(self) -> Iterator[tuple[int, dict[str, Any]]]:
        fields: dict[str, str] = {}
        while line := self.answer.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if line != b"\n":
                fields[name] = value
            else:
                if "data" in fields:
                    yield int(fields["id"]), json.loads(fields["data"])
                fields = {}

    def close(self) -> None:
        self.answer.close()
        self._connection.close()


def test_pages_of_changes_are_whole_and_in_order(service: Service) -> None:
    passport, first = created(service)
    indices = [first, *noted(service, passport, 6)]
    found, after, sizes = [], -1, []
    while items := asked(service, f"changes?after={after}&limit=3").json["items"]:
        found += [(one["index"], one["passport"], one["kind"]) for one in items]
        after = found[-1][0]
        sizes.append(len(items))
    assert found == [(index, passport.hex(), "statement") for index in indices]
    assert sizes == [3, 3, 1]
    assert asked(service, f"changes?after={after}").json == {"items": [], "next": after}


def test_an_owner_is_told_of_its_own_battery(service: Service) -> None:
    created(service)
    own, index = created(service, "ev-2")
    noted(service, created(service, "ev-3")[0], 2)
    answer = asked(service, "changes", "depot").json
    assert [one["index"] for one in answer["items"]] == [index]
    assert answer["next"] > index, "whoever asks again does not look at the others' again"
    with closing(Stream(service, "depot")) as stream:
        assert next(stream.events()) == (index, {"index": index, "passport": own.hex(), "kind": "statement"})


@pytest.mark.parametrize("name", ["", "authority", "legitimate-interest"])
def test_who_is_not_responsible_follows_nothing(service: Service, name: str) -> None:
    for path in ("changes", "changes/stream"):
        assert asked(service, path, name).status == 403
        assert "operators and owners" in asked(service, path, name).detail


def test_who_comes_back_misses_nothing_and_hears_nothing_twice(service: Service) -> None:
    passport, first = created(service)
    expected = [first]
    writer = threading.Thread(target=lambda: expected.extend(noted(service, passport, 40)))
    heard: list[int] = []
    writer.start()
    while len(heard) < 41:
        with closing(Stream(service, last_id=heard[-1] if heard else None)) as stream:
            events = stream.events()
            heard += [next(events)[0] for _ in range(min(7, 41 - len(heard)))]
    writer.join(TIMEOUT_S)
    assert heard == expected


def test_who_was_told_an_index_asks_from_the_later_of_both(service: Service) -> None:
    passport, _ = created(service)
    indices = noted(service, passport, 3)
    for after, last_id in ((indices[0], indices[1]), (indices[1], indices[0]), (indices[1], None)):
        with closing(Stream(service, after=after, last_id=last_id)) as stream:
            assert next(stream.events())[0] == indices[2]


def test_streams_are_bounded_for_one_reader_and_for_all(service: Service) -> None:
    created(service)
    with ExitStack() as opened:
        streams = [opened.enter_context(closing(Stream(service, OPERATORS[0]))) for _ in range(MAX_STREAMS_OF_ONE)]
        assert {one.status for one in streams} == {200}
        refused = asked(service, "changes/stream", OPERATORS[0])
        assert (refused.status, refused.headers["retry-after"]) == (503, "30")
        assert "try again later" in refused.detail
        for name in OPERATORS[1:]:
            streams += [opened.enter_context(closing(Stream(service, name))) for _ in range(MAX_STREAMS_OF_ONE)]
        assert {one.status for one in streams} == {200}
        assert asked(service, "changes/stream").status == 503
        assert asked(service, "changes").status == 200, "and asking goes on"
        streams[0].close()

        def is_taken() -> bool:
            with closing(Stream(service)) as stream:
                return stream.status == 200

        until(is_taken, "a place")


def test_a_service_that_ends_ends_its_streams(tmp_path: Path) -> None:
    with served(tmp_path) as service:
        address = f"127.0.0.1:{free_port()}"
        readers = Readers(AccessTable(requests_per_minute=0), [reader_table("operator")])
        server = HTTPServer(address)
        server.start(passport_app(service.desk.service, service.desk.tiles, service.desk.policy, readers=readers))
        index = created(service)[1]
        with closing(Stream(Service(service.desk, f"http://{address}"))) as stream:
            events = stream.events()
            assert next(events)[0] == index
            server.stop()
            assert server._thread is not None
            assert not server._thread.is_alive()
            assert list(events) == [], "it ended, as an answer does"


def test_who_does_not_read_holds_up_nobody(service: Service) -> None:
    """Through the interface of the application itself, where it is certain that nothing is read."""
    created(service)
    readers = Readers(AccessTable(requests_per_minute=0), [reader_table("operator")])
    app = passport_app(service.desk.service, service.desk.tiles, service.desk.policy, readers=readers)
    answered: list[int] = []

    async def never_read(_message: Any) -> None:
        stuck.set()
        await asyncio.Event().wait()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def read(message: Any) -> None:
        answered.extend([message["status"]] if "status" in message else [])

    async def both() -> None:
        streams = [asyncio.create_task(app(scope(STREAM), receive, never_read)) for _ in range(MAX_STREAMS_OF_ONE)]
        await stuck.wait()
        await app(scope("/api/v1/changes"), receive, read)
        for one in streams:
            one.cancel()
        await asyncio.gather(*streams, return_exceptions=True)

    def scope(path: str) -> dict[str, Any]:
        authorization = f"Bearer {reader_key('operator')}".encode()
        return {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
            "scheme": "http", "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"",
            "headers": [(b"authorization", authorization)], "client": None, "server": ("passport.example", 80),
        }  # fmt: skip

    stuck = asyncio.Event()
    asyncio.run(asyncio.wait_for(both(), TIMEOUT_S))
    assert answered == [200]
