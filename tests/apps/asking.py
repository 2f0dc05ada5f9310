"""A served application that says who it takes a visitor for, on a real server, and visitors that ask it."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from packseal.apps.readers import ReaderMiddleware, Readers
from packseal.io.access_settings import TLSTable
from packseal.io.http_server import HTTPServer
from packseal.io.ports import free_port

TIMEOUT_S = 30


class Clock:
    """Real time, and what a test adds."""

    def __init__(self) -> None:
        self.added_s = 0.0

    def unix_s(self) -> float:
        return time.time() + self.added_s

    def running_s(self) -> float:
        return time.monotonic() + self.added_s


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def detail(self) -> str:
        """Of problem details, which every refusal is."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.json["status"] == self.status
        return str(self.json["detail"])


def _who(request: Request) -> JSONResponse:
    reader = request.state.reader
    batteries = None if reader.batteries is None else sorted(reader.batteries)
    return JSONResponse({"role": reader.role, "name": request.state.reader_name, "batteries": batteries})


@contextmanager
def served(
    readers: Readers, tls: TLSTable | None = None, proxies: tuple[str, ...] = (), app: Starlette | None = None
) -> Iterator[int]:
    """The port of a real server on loopback."""
    port = free_port()
    app = app or Starlette(
        routes=[Route("/", _who), Route("/static/one", _who)],
        middleware=[Middleware(ReaderMiddleware, readers=readers)],
    )
    server = HTTPServer(f"127.0.0.1:{port}", tls, proxies)
    server.start(app)
    try:
        yield port
    finally:
        server.stop()


def ask(
    port: int,
    *credentials: str,
    path: str = "/",
    context: ssl.SSLContext | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """credentials: values of Authorization headers."""
    at = "127.0.0.1", port
    connection = HTTPSConnection(*at, timeout=TIMEOUT_S, context=context) if context else HTTPConnection(*at, TIMEOUT_S)
    with closing(connection):
        return ask_on(connection, *credentials, path=path, headers=headers)


def ask_on(
    connection: HTTPConnection, *credentials: str, path: str = "/", headers: Mapping[str, str] | None = None
) -> Answer:
    connection.putrequest("GET", path)
    for name, value in [*(("Authorization", one) for one in credentials), *(headers or {}).items()]:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
