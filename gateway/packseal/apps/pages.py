"""The passport's pages: what a buyer of a used pack sees, the same as JSON, plots, and each record to take away.

Everything is served from here and nothing is asked of anybody else; the pages work without script and refresh with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from packseal.apps.auditor import Auditor
from packseal.apps.bundles import BundleMaker
from packseal.apps.page_view import PageView
from packseal.apps.passport_service import PassportService
from packseal.apps.plots import PLOTS, plot_svg
from packseal.errors import EvidenceError, UnavailableError
from packseal.io.tile_store import CHECKPOINT, TileStore
from packseal.records.acts import MAX_ACT_BYTES
from packseal.records.policy import Policy

FOLDER = Path(__file__).parent
BODY_TIMEOUT_S = 10
MAX_SEQ_DIGITS = 8  # record numbers are below 2^24

HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
SVG_POLICY = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}  # a plot brings its own style


def passport_app(
    service: PassportService,
    tiles: TileStore,
    policy: Callable[[], Policy],
    publish: Callable[[], None] | None = None,
    take_act: Callable[[bytes], int] | None = None,
) -> Starlette:
    """policy: whom this service trusts, which it tells whoever asks. publish: brings the tiles up to date. take_act:
    the service's, unless something stands before it."""
    pages = _Pages(service, tiles, policy, publish, take_act)
    one = "/battery/{battery}"
    app = Starlette(
        routes=[
            Route("/", pages.batteries),
            Route("/healthz", pages.health),
            Route("/acts", pages.act, methods=["POST"]),
            Route("/log/{path:path}", pages.log),
            Route(one, pages.battery),
            Route(f"{one}/data.json", pages.data),
            Route(f"{one}/policy.json", pages.policy),
            Route(f"{one}/plot.svg", pages.plot),
            Route(f"{one}/records/{{log_id}}/{{seq}}.bundle", pages.bundle),
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
        ],
        exception_handlers={HTTPException: pages.failed, UnavailableError: pages.unavailable, Exception: pages.failed},
    )
    app.add_middleware(_SecurityHeaders)
    return app


class _Pages:
    def __init__(
        self,
        service: PassportService,
        tiles: TileStore,
        policy: Callable[[], Policy],
        publish: Callable[[], None] | None,
        take_act: Callable[[bytes], int] | None,
    ) -> None:
        self._service, self._tiles = service, tiles
        self._take_act = take_act or service.take_act
        self._bundles = BundleMaker(service.store, tiles, service.public_key, publish)
        self._view = PageView(service, Auditor(service.store, service.now_unix_ms), policy)
        loader = FileSystemLoader(FOLDER / "templates")
        self._templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)

    def batteries(self, _request: Request) -> Response:
        batteries = self._service.settings.batteries
        if len(batteries) == 1:
            return RedirectResponse(f"/battery/{batteries[0].id}")
        return self._page("batteries.html", {"batteries": self._view.listed()})

    def battery(self, request: Request) -> Response:
        return self._page("battery.html", self._view.battery(_battery_id(request, self._service)))

    def data(self, request: Request) -> Response:
        return JSONResponse(self._view.data(_battery_id(request, self._service)))

    def policy(self, request: Request) -> Response:
        return JSONResponse(self._view.policy(_battery_id(request, self._service)))

    def plot(self, request: Request) -> Response:
        quantity = request.query_params.get("quantity", "soc")
        if quantity not in PLOTS:
            raise HTTPException(404)
        log_id = self._view.plotted_log(_battery_id(request, self._service))
        return Response(plot_svg(self._service.store, log_id, quantity), media_type="image/svg+xml", headers=SVG_POLICY)

    def bundle(self, request: Request) -> Response:
        log_id, seq = request.path_params["log_id"], request.path_params["seq"]
        passport = self._service.passport(_battery_id(request, self._service))
        logs = {log.log_id.hex() for log in passport.logs} if passport else set()
        if log_id not in logs or not (seq.isascii() and seq.isdigit() and len(seq) <= MAX_SEQ_DIGITS):
            raise HTTPException(404)
        made = self._bundles.bundle(bytes.fromhex(log_id), int(seq))
        if made is None:
            raise HTTPException(404)
        name = f"{log_id[:8]}-{int(seq)}.bundle"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(made.content, media_type="application/octet-stream", headers=headers)

    def log(self, request: Request) -> Response:
        """The service's own log, as C2SP tlog-tiles has it; it hides what its leaves stand for."""
        path = str(request.path_params["path"])
        content = self._tiles.read(path)
        if content is None:
            raise HTTPException(404)
        is_text = path == CHECKPOINT
        return Response(content, media_type="text/plain; charset=utf-8" if is_text else "application/octet-stream")

    async def act(self, request: Request) -> Response:
        """Takes a signed act: its signature is what lets it in."""
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                content = await _act_in(request)
            index = await run_in_threadpool(self._take_act, content)
        except TimeoutError:
            return JSONResponse({"detail": "the request did not come in time"}, 408)
        except ClientDisconnect:
            return JSONResponse({"detail": "the request was cut short"}, 400)
        except EvidenceError as error:
            return JSONResponse({"reason": error.reason, "detail": error.detail}, 403)
        except UnavailableError as error:
            return JSONResponse({"detail": str(error)}, 503)
        return JSONResponse({"index": index})

    def health(self, _request: Request) -> Response:
        self._service.store.heads()
        return PlainTextResponse("ok\n")

    def failed(self, _request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = error.headers if isinstance(error, HTTPException) else None
        return self._page("missing.html", {"status": status}, status, headers)

    def unavailable(self, _request: Request, _error: Exception) -> Response:
        return self._page("missing.html", {"status": 503}, 503)

    def _page(
        self, template: str, context: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        text = self._templates.get_template(template).render(context)
        return HTMLResponse(text, status, {**HEADERS, **(headers or {})})


class _SecurityHeaders:
    """Puts HEADERS on every answer that does not bring its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                extra = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(pair for pair in extra if pair[0] not in present)]
            await send(message)

        await self._app(scope, receive, send_with_headers)


async def _act_in(request: Request) -> bytes:
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MAX_ACT_BYTES:
            raise HTTPException(413)
    return bytes(content)


def _battery_id(request: Request, service: PassportService) -> str:
    battery_id = str(request.path_params["battery"])
    if service.settings.battery(battery_id) is None:
        raise HTTPException(404)
    return battery_id
