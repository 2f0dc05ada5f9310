"""A counterpart's HTTP server on a free loopback port: what it was asked, and how it is told to fail."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STOP_S = 20


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class Fault:
    """How one request ends. status 0: it hangs until the client has left. is_carried_out: it fails afterwards only.
    method: of the request that it meets, "" for any."""

    status: int
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_carried_out: bool = False
    method: str = ""


HANG = Fault(0)


class Served:
    """Serves `app`; the next requests end as `fail` was told, the others as the app says."""

    def __init__(self, app: ASGIApp, certificate: tuple[Path, Path] | None = None) -> None:
        self._app = app
        self.asked: list[Asked] = []
        self._faults: list[Fault] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(self._serve, interface="asgi3", log_level="error", lifespan="off")
        if certificate:
            config.load()
            config.ssl = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            config.ssl.load_cert_chain(*certificate)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._listening],))
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self._listening.getsockname()[1]}"

    def fail(self, *faults: Fault | int) -> None:
        self._faults += [Fault(one) if isinstance(one, int) else one for one in faults]

    def __enter__(self) -> Served:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(STOP_S)
        self._listening.close()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        content = await request.body()
        path = scope["raw_path"].decode()
        self.asked.append(Asked(request.method, path, request.url.query, dict(request.headers), content))
        fault = next((one for one in self._faults if one.method in ("", request.method)), None)
        if fault is not None:
            self._faults.remove(fault)
        if fault is None or fault.is_carried_out:
            await self._app(scope, _again(content, receive), send if fault is None else _nowhere)
        if fault is not None:
            await _failed(fault, scope, receive, send)


async def _failed(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    if fault.status == 0:
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    await Response(fault.content, fault.status, dict(fault.headers))(scope, receive, send)


def _again(content: bytes, receive: Receive) -> Receive:
    """The body once more, for the app itself."""
    left: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def replay() -> Message:
        return left.pop() if left else await receive()

    return replay


async def _nowhere(_message: Message) -> None:
    await asyncio.sleep(0)  # gives way, as a sent answer would


@contextmanager
def served(app: ASGIApp) -> Iterator[Served]:
    with Served(app) as running:
        yield running
