"""Nothing restricted is in what the public is answered: a service full of canaries, asked in every way that it has."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Coroutine, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice, product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Match, Mount

from packseal.apps.languages import CODES
from packseal.apps.pages import FOLDER, passport_app
from packseal.apps.plots import PLOTS
from packseal.apps.readers import Readers
from packseal.io.access_settings import AccessTable
from packseal.passport.settings import BatterySettings, PassportSettings
from tests.apps.asking import ask
from tests.apps.canaries import (
    LEAK,
    RATED_MAH,
    RECORD_NUMBERS,
    RESTRICTED,
    WORD,
    Aviary,
    filled,
    number_pattern,
    stated,
)
from tests.apps.desk_api import authorities, reader_key, reader_table, served

NIGHTLY, LONG = bool(os.environ.get("PACKSEAL_NIGHTLY")), bool(os.environ.get("PACKSEAL_LONG"))
RESPONSES = 1_000_000 if NIGHTLY else 100_000 if LONG else 20_000
RICH_EVERY = 200  # of the responses one in so many is of a page that is put together from everything
UNKNOWN = "0123456789abcdef0123456789abcdef"
PROCESSES = 2
TURN = 1_000  # responses behind which time goes on
OPERATOR = ((b"authorization", f"Bearer {reader_key('operator')}".encode()),)


@dataclass(frozen=True)
class Asked:
    path: str
    query: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def __str__(self) -> str:
        return f"{self.path}?{self.query} {dict(self.headers)}"


@dataclass(frozen=True)
class Given:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@contextmanager
def opened(folder: Path) -> Iterator[Aviary]:
    settings = PassportSettings((BatterySettings("pack-1", "SBESS", RATED_MAH, "A used pack"),), authorities())
    with served(folder, settings) as service:
        made = filled(service)
        service.desk.publisher.turn()
        yield made


@pytest.fixture(scope="module")
def aviary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aviary]:
    with opened(tmp_path_factory.mktemp("service")) as made:
        yield made


def app_of(aviary: Aviary) -> Starlette:
    desk = aviary.service.desk
    readers = Readers(AccessTable(requests_per_minute=0), [reader_table("operator")])
    return passport_app(desk.service, desk.tiles, desk.policy, readers=readers)


@pytest.fixture(scope="module")
def app(aviary: Aviary) -> Starlette:
    return app_of(aviary)


def the_rich(aviary: Aviary) -> Iterator[Asked]:
    """Pages that are put together from everything, in each language."""
    names = (*aviary.names, UNKNOWN)
    for name, code in product(names, CODES):
        said = ((b"accept-language", code.encode()),)
        yield Asked(f"/battery/{name}", "", said)
        yield Asked(f"/battery/{name}", f"lang={code}")
        yield Asked(f"/battery/{name}/label", f"lang={code}")
        yield Asked(f"/battery/{name}/acts", f"lang={code}")
        for quantity in PLOTS:
            yield Asked(f"/battery/{name}/table", f"quantity={quantity}&lang={code}")
        yield Asked("/compare", f"passport={name}&passport={aviary.names[0]}&lang={code}")
        yield Asked("/compare.pdf", f"passport={name}&lang={code}")
        for path in ("/", "/fleet", "/nothing", "/compare"):
            yield Asked(path, f"lang={code}")


def the_quick(aviary: Aviary) -> Iterator[Asked]:
    names = (*aviary.names, UNKNOWN, "ev-1", "store-1", "x" * 63, f"{WORD.lower()}-1")
    logs = [board.log_id.hex() for board in aviary.boards]
    for name in names:
        one = f"/api/v1/passports/{name}"
        paths = ("", "/validity", "/logs", "/statements", "/reads", "/outgoing", "/fresh")
        yield from (Asked(f"{one}{path}") for path in paths)
        yield Asked(one, headers=((b"if-none-match", b"*"),))
        yield Asked(f"{one}/statements", "after=0&limit=1")
        yield Asked(f"{one}/validity", "as_of_unix_ms=1900000000000")
        yield Asked(f"{one}/validity", f"guidance={WORD.lower()}")
        for path in ("data.json", "policy.json", "qr.svg", "qr.png", "records/x/1.bundle"):
            yield Asked(f"/battery/{name}/{path}")
        for quantity in (*PLOTS, "none"):
            yield Asked(f"/battery/{name}/plot.svg", f"quantity={quantity}")
        for log_id, seq in product(logs, range(0, 14, 3)):
            yield Asked(f"/battery/{name}/records/{log_id}/{seq}.bundle")
        yield Asked("/", f"id={name}")
    for path in ("passports", "changes", "changes/stream", "openapi.json", "statements", "acts", "nothing", ""):
        yield Asked(f"/api/v1/{path}")
    yield Asked("/api/v1/passports", "sort=soh_cpct&words=e")
    yield Asked("/fleet/health.svg")
    yield from (Asked(f"/words/{code}.json") for code in (*CODES, "xx"))
    for path in (
        "healthz",
        "acts",
        "log/checkpoint",
        "log/tile/0/000.p/9",
        "log/tile/entries/000",
        "log/../passport.db",
    ):
        yield Asked(f"/{path}")
    yield Asked(f"/battery/{aviary.names[0]}", headers=((b"authorization", b"Bearer psr_of_nobody"),))
    for file in sorted((FOLDER / "static").rglob("*"))[::4]:
        yield Asked(f"/static/{file.relative_to(FOLDER / 'static')}")


def routes_of(routes: list[BaseRoute], before: str = "") -> Iterator[tuple[str, BaseRoute]]:
    """Everything that answers GET, by its path."""
    for route in routes:
        path = before + getattr(route, "path", "")
        if isinstance(route, Mount) and route.routes:
            yield from routes_of(route.routes, path)
        elif isinstance(route, Mount) or "GET" in (getattr(route, "methods", None) or ()):
            yield path, route


def route_of(app: Starlette, asked: Asked) -> str:
    scope = {"type": "http", "method": "GET", "path": asked.path, "root_path": "", "headers": []}
    for before, routes in (("/api/v1", _mounted(app, "/api/v1")), ("", app.routes)):
        if before and not asked.path.startswith(f"{before}/"):
            continue
        for path, route in routes_of(routes, before):
            if route.matches({**scope, "path": asked.path.removeprefix(before)})[0] is Match.FULL:
                return path
    return ""


def _mounted(app: Starlette, path: str) -> list[BaseRoute]:
    return next(one.routes for one in app.routes if isinstance(one, Mount) and one.path == path)


def given(app: Starlette, asked: Asked) -> Coroutine[Any, Any, Given]:
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": asked.path, "raw_path": asked.path.encode(), "root_path": "",
        "query_string": asked.query.encode(), "headers": [(b"host", b"passport.example"), *asked.headers],
        "client": None, "server": ("passport.example", 80),
    }  # fmt: skip

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def answer() -> Given:
        messages: list[Any] = []

        async def send(message: Any) -> None:
            messages.append(message)

        await app(scope, receive, send)
        start = messages[0]
        return Given(start["status"], start["headers"], b"".join(one.get("body", b"") for one in messages[1:]))

    return answer()


class Watch:
    """Looks for restricted things; what was looked at before is the same again."""

    def __init__(self, entries: list[bytes]) -> None:
        self._entries, self._seen = entries, set[tuple[int, int]]()

    def leak_of(self, answer: Given) -> str:
        """The first one; "" where there is none."""
        headers = b"\n".join(b"%b: %b" % one for one in answer.headers)
        key = hash(answer.body), hash(headers)
        if key in self._seen:
            return ""
        content = answer.body
        if content.startswith(b"%PDF"):
            content += "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages).encode()
        found = LEAK.search(content) or LEAK.search(headers)
        if found:
            return found[0].decode()
        if any(entry in content for entry in self._entries):
            return "a record"
        self._seen.add(key)
        return ""


def all_of(app: Starlette, asked: list[Asked]) -> list[Given]:
    async def answers() -> list[Given]:
        return [await given(app, one) for one in asked]

    return asyncio.run(answers())


def test_who_may_sees_every_canary(aviary: Aviary, app: Starlette) -> None:
    """Else nothing that is not found would say anything."""
    first, second, settled = aviary.names
    documents = [Asked(f"/api/v1/passports/{name}", "", OPERATOR) for name in aviary.names]
    texts = [answer.body.decode() for answer in all_of(app, documents)]
    for attribute in RESTRICTED:
        value = stated(attribute)
        said = f"{WORD}-{int(attribute.group or 0)}-{attribute.key}" if WORD in str(value) else str(value)
        is_file = "attachments" in texts[0] and attribute.key in texts[0]
        assert all(said in text or is_file for text in texts[:2]), attribute.key
    for words in ("of a stage", "of a note REPAIR", "of a note ACCIDENT", "of a note OTHER", "of a test", ".pdf"):
        assert f"{WORD} {words}" in texts[0] or f"{WORD}{words}" in texts[0], words
    for words in ("of a second life", "module", "place"):
        assert f"{WORD} {words}" in texts[1], words
    tables = [Asked(f"/battery/{name}/table", f"quantity={one}", OPERATOR) for name in aviary.names for one in PLOTS]
    seen = b"\n".join(answer.body for answer in all_of(app, [*documents, *tables]))
    for number in RECORD_NUMBERS:
        assert number_pattern(number).search(seen), number
    bundles = [
        Asked(f"/battery/{name}/records/{board.log_id.hex()}/{seq}.bundle", "", OPERATOR)
        for name, board in zip(aviary.names, aviary.boards, strict=True)
        for seq in (5, 14)
    ]
    watch = Watch(aviary.entries)
    assert {watch.leak_of(answer) for answer in all_of(app, bundles)} == {"a record"}
    statements = all_of(app, [Asked(f"/api/v1/passports/{one}/statements", "", OPERATOR) for one in (first, second)])
    assert all(watch.leak_of(answer) for answer in statements), "also as base64"
    pages = all_of(app, [Asked(f"/battery/{name}", "", OPERATOR) for name in (first, second, settled)])
    assert all(watch.leak_of(answer) for answer in pages)
    sheet = Asked("/compare.pdf", f"passport={first}", OPERATOR)
    assert watch.leak_of(all_of(app, [sheet])[0]), "also in a PDF"


def test_every_route_is_asked(aviary: Aviary, app: Starlette) -> None:
    asked = {route_of(app, one) for one in (*the_quick(aviary), *the_rich(aviary))}
    assert {path for path, _ in routes_of(app.routes)} - asked == set()


def test_nothing_restricted_is_in_what_the_public_is_answered(tmp_path: Path) -> None:
    """With time going on, and with readers between who are shown everything; by as many processes as make it quick."""
    folders = [tmp_path / str(number) for number in range(PROCESSES)]
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as processes:
        statuses = set[int]().union(*processes.map(asked_by_the_public, folders, range(PROCESSES)))
    assert {200, 304, 307, 400, 401, 403, 404, 405, 422, 429} == statuses


def asked_by_the_public(folder: Path, part: int) -> set[int]:
    """-> the statuses of the answers, none of which shows anything restricted. part: where it begins."""
    folder.mkdir()
    with opened(folder) as aviary:
        return asyncio.run(_ask_all(aviary, part))


async def _ask_all(aviary: Aviary, part: int) -> set[int]:
    app, watch, statuses = app_of(aviary), Watch(aviary.entries), set[int]()
    rich, quick = cycle(the_rich(aviary)), cycle(the_quick(aviary))
    shown = cycle([Asked(one.path, one.query, OPERATOR) for one in islice(the_rich(aviary), 40)])
    for _ in range(part * 101):
        next(rich), next(quick)

    async def look_at(asked: Asked) -> None:
        answer = await given(app, asked)
        leak = watch.leak_of(answer)
        assert not leak, f"{leak}: {asked}"
        statuses.add(answer.status)

    for number in range(RESPONSES // PROCESSES):
        asked = next(quick) if number % RICH_EVERY else next(rich)
        if number % TURN:
            await look_at(asked)
        else:
            aviary.service.desk.now_unix_ms += 61_000
            await asyncio.gather(given(app, next(shown)), look_at(asked))
    return statuses


def test_nor_on_a_real_port(aviary: Aviary) -> None:
    watch, port = Watch(aviary.entries), int(aviary.service.url.rpartition(":")[2])
    some = [*islice(the_quick(aviary), 0, None, 3), *islice(the_rich(aviary), 0, None, 5)]
    for asked in some:
        headers = {name.decode(): value.decode() for name, value in asked.headers}
        answer = ask(port, path=f"{asked.path}?{asked.query}", headers=headers)
        pairs = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        assert not watch.leak_of(Given(answer.status, pairs, answer.body)), asked
