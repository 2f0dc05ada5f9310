"""What this machine may ask a running program: /health, /metrics and /status, on loopback, without a credential.

Decides who is answered: only who names this machine in the Host header, so that no web page of elsewhere gets here by
a name that it has pointed at 127.0.0.1. A look at the program is taken once a second at most, however many ask; further
routes find it as `request.app.state.look`. What browsers are told of an answer: security_headers.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from packseal.apps.security_headers import SecurityHeaders
from packseal.io.http_server import HTTPServer
from packseal.io.local_settings import LocalTable

LOOK_EVERY_S = 1.0
MAX_SHOWN = 100  # problems in one answer, beside how many there are in all
Status = Mapping[str, object]


class LocalServer:
    """Its port is taken at once, so that a mistake is known before anything else is opened."""

    def __init__(self, table: LocalTable) -> None:
        """Raises UnavailableError."""
        self._listen = table.listen
        self._http = HTTPServer(table.listen)

    @property
    def problem(self) -> str:
        return self._http.problem

    def start(self, status: Callable[[], Status], metrics: Callable[[Status], bytes], *more: BaseRoute) -> None:
        """metrics: of a status, in Prometheus' text format. more: further routes, such as those of a page."""
        self._http.start(local_app(self._listen, status, metrics, more))

    def stop(self) -> None:
        self._http.stop()


def local_app(
    listen: str,
    status: Callable[[], Status],
    metrics: Callable[[Status], bytes],
    more: Sequence[BaseRoute] = (),
) -> ASGIApp:
    """listen: host and port that it is asked at."""
    asked = _Asked(status, metrics)
    routes = [
        Route("/health", asked.health, methods=["GET"]),
        Route("/metrics", asked.metrics, methods=["GET"]),
        Route("/status", asked.status, methods=["GET"]),
        *more,
    ]
    app = Starlette(routes=routes)
    app.state.look = asked.look
    return _OwnHostAlone(SecurityHeaders(app), listen)


class _Asked:
    def __init__(self, status: Callable[[], Status], metrics: Callable[[Status], bytes]) -> None:
        self._ask, self._metrics = status, metrics
        self._lock = threading.Lock()
        self._seen: tuple[float, Status] | None = None

    async def health(self, _request: Request) -> Response:
        """200 when all is well, 503 when not, with each problem and its cure."""
        found = (await run_in_threadpool(self.look))["problems"]
        problems = found if isinstance(found, list) else []
        content = {
            "status": "problems" if problems else "well",
            "number": len(problems),
            "problems": problems[:MAX_SHOWN],
        }
        return JSONResponse(content, 503 if problems else 200)

    async def metrics(self, _request: Request) -> Response:
        text = await run_in_threadpool(lambda: self._metrics(self.look()))
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    async def status(self, _request: Request) -> Response:
        return JSONResponse(dict(await run_in_threadpool(self.look)))

    def look(self) -> Status:
        with self._lock:
            now_s = time.monotonic()
            if self._seen is None or now_s - self._seen[0] >= LOOK_EVERY_S:
                self._seen = now_s, self._ask()
            return self._seen[1]


class _OwnHostAlone:
    """Turns away who names another host."""

    def __init__(self, app: ASGIApp, listen: str) -> None:
        host, _, port = listen.rpartition(":")
        self._app = app
        self._hosts = {f"{name}:{port}" for name in (host, "localhost", "127.0.0.1")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            words = f"ask for {sorted(self._hosts)[0]}: only this machine is answered here\n"
            await PlainTextResponse(words, 421)(scope, receive, send)
            return
        await self._app(scope, receive, send)
