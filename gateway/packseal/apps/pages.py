"""The passport's pages: what a buyer of a used pack sees, the same as JSON, plots, and each record to take away.

Everything is served from here and nothing is asked of anybody else; the pages work without script and refresh with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from packseal.apps import plot_drawing, qr
from packseal.apps.acts_page import ActsPage
from packseal.apps.api import AskFresh, Taking, WholeMount, api_app
from packseal.apps.auditor import Auditor
from packseal.apps.bundles import BundleMaker
from packseal.apps.compare import ComparePages
from packseal.apps.exchange.submodels import PREFIX, ResultMiddleware, Submodels
from packseal.apps.fleet import FleetPages
from packseal.apps.languages import CODES, Language, chosen, language
from packseal.apps.page_view import PageView
from packseal.apps.page_words import rendered
from packseal.apps.passport_reading import Asked, PassportReading
from packseal.apps.passport_service import PassportService
from packseal.apps.plots import PLOTS, plotted
from packseal.apps.read_log import ReadLog
from packseal.apps.readers import ReaderMiddleware, Readers
from packseal.apps.request_content import content_of
from packseal.apps.security_headers import HEADERS, SecurityHeaders
from packseal.apps.stated_view import missing_points, stated_sections
from packseal.errors import EvidenceError, UnavailableError
from packseal.io.access_settings import AccessTable
from packseal.io.tile_store import CHECKPOINT, TileStore
from packseal.passport.access import ReaderRole
from packseal.passport.identification import identification_link, is_local
from packseal.records.acts import MAX_ACT_BYTES
from packseal.records.policy import Policy

FOLDER = Path(__file__).parent
MAX_SEQ_DIGITS = 8  # record numbers are below 2^24

PAGE_HEADERS = {**HEADERS, "cross-origin-opener-policy": "same-origin"}
LOCAL_URL = "http://127.0.0.1:8420"  # a service that was told no other
SVG_POLICY = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}  # a plot brings its own style


def passport_app(
    service: PassportService,
    tiles: TileStore,
    policy: Callable[[], Policy],
    publish: Callable[[], None] | None = None,
    taking: Taking | None = None,
    public_url: str = LOCAL_URL,
    readers: Readers | None = None,
    read_log: ReadLog | None = None,
    ask_fresh: AskFresh | None = None,
    submodels: Submodels | None = None,
) -> Starlette:
    """policy: whom this service trusts, which it tells whoever asks. publish: brings the tiles up to date. taking:
    what is signed; by the service itself, unless something stands before it. public_url: what links and QR codes of
    batteries begin with. readers: whoever asks is the public, and not limited, without. read_log: one of this store
    without. ask_fresh: reads a battery now; without, nobody is asked. submodels: what is read through connectors;
    without, nothing is."""
    taking = taking or Taking(service.take_statement, service.take_act)
    pages = _Pages(service, tiles, policy, publish, taking, public_url, read_log)
    app = Starlette(
        routes=[
            *_routes(pages),
            *_battery_routes(pages),
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
            WholeMount("/api/v1", api_app(pages.reading, taking, ask_fresh)),
        ],
        exception_handlers={HTTPException: pages.failed, UnavailableError: pages.unavailable, Exception: pages.failed},
    )
    app.add_middleware(ReaderMiddleware, readers=readers or Readers(AccessTable(requests_per_minute=0)))
    if submodels:
        app.router.routes.append(Mount(PREFIX, submodels.app()))
        app.add_middleware(ResultMiddleware)
    app.add_middleware(SecurityHeaders, headers=PAGE_HEADERS)
    return app


def _routes(pages: _Pages) -> list[Route]:
    return [
        Route("/", pages.fleet.front),
        Route("/fleet", pages.fleet.page),
        Route("/fleet/health.svg", pages.fleet.plot),
        Route("/compare", pages.compare.page),
        Route("/compare.pdf", pages.compare.pdf),
        Route("/healthz", pages.health),
        Route("/acts", pages.act, methods=["POST"]),
        Route("/log/{path:path}", pages.log),
        Route("/words/{code}.json", pages.words),
    ]


def _battery_routes(pages: _Pages) -> list[Route]:
    one = "/battery/{battery}"
    return [
        Route(one, pages.battery),
        Route(f"{one}/data.json", pages.data),
        Route(f"{one}/policy.json", pages.policy),
        Route(f"{one}/plot.svg", pages.plot),
        Route(f"{one}/table", pages.table),
        Route(f"{one}/qr.svg", pages.qr_svg),
        Route(f"{one}/qr.png", pages.qr_png),
        Route(f"{one}/label", pages.label),
        Route(f"{one}/records/{{log_id}}/{{seq}}.bundle", pages.bundle),
        Route(f"{one}/acts", pages.acts.page),
    ]


class _Pages:
    def __init__(
        self,
        service: PassportService,
        tiles: TileStore,
        policy: Callable[[], Policy],
        publish: Callable[[], None] | None,
        taking: Taking,
        public_url: str,
        read_log: ReadLog | None,
    ) -> None:
        self._service, self._tiles, self._public_url = service, tiles, public_url
        self._take_act = taking.act
        self._bundles = BundleMaker(service.store, tiles, service.public_key, publish)
        self._view = PageView(service, Auditor(service.store, service.now_unix_ms), policy)
        log = read_log or ReadLog(service.store.read_log, AccessTable().read_log_days, service.now_unix_ms)
        self.reading = PassportReading(service, self._view, log)
        self.compare = ComparePages(service, self.reading, public_url)
        self.fleet = FleetPages(service, self.reading)
        self.acts = ActsPage(self.reading, public_url)

    def battery(self, request: Request) -> Response:
        asked = self._asked(request)
        document, found = self.reading.page(asked)
        context = self._view.battery(asked.battery, document, sees_use=asked.sees_use)
        more = {
            "name": asked.name,
            "link": self._link(asked.name),
            "sees_use": asked.sees_use,
            "is_open": asked.reader.role is ReaderRole.OWNER and not asked.reader_name,
            "stated": stated_sections(document),
            "lacking": missing_points(found),
        }
        return self._page(request, "battery.html", {**context, **more})

    def data(self, request: Request) -> Response:
        return JSONResponse(self.reading.document(self._asked(request), "data"))

    def policy(self, request: Request) -> Response:
        return JSONResponse(self._view.policy(self._asked(request).battery))

    def plot(self, request: Request) -> Response:
        quantity, log_id = self._plotted(request)
        drawn = plot_drawing.svg(plotted(self._service.store, log_id, quantity), _language(request))
        return Response(drawn, media_type="image/svg+xml", headers=SVG_POLICY)

    def table(self, request: Request) -> Response:
        """The points of a plot, for who does not see it."""
        quantity, log_id = self._plotted(request)
        asked = self._asked(request)
        context = self._view.table(asked.battery, asked.name, plotted(self._service.store, log_id, quantity))
        return self._page(request, "table.html", context)

    def qr_svg(self, request: Request) -> Response:
        link = self._link(self._asked(request).name)
        return Response(qr.qr_svg(link), media_type="image/svg+xml", headers=SVG_POLICY)

    def qr_png(self, request: Request) -> Response:
        return Response(qr.qr_png(self._link(self._asked(request).name)), media_type="image/png")

    def label(self, request: Request) -> Response:
        """A sheet of labels to print, in the sizes that a reader can read."""
        asked = self._asked(request)
        battery = self._service.battery(asked.battery)
        link = self._link(asked.name)
        frame = qr.framed(link)
        context = {"battery": battery, "name": asked.name, "link": link, "frame": frame, "sizes": qr.sizes(frame)}
        more = {"module_mm": f"{qr.MODULE_MM:g}", "is_local": is_local(self._public_url)}
        return self._page(request, "label.html", {**context, **more})

    def words(self, request: Request) -> Response:
        """What the pages' programs translate by."""
        code = request.path_params["code"]
        if code not in CODES:
            raise HTTPException(404)
        return JSONResponse(language(code).catalogue(), headers={"cache-control": "max-age=300"})

    def _plotted(self, request: Request) -> tuple[str, bytes | None]:
        quantity = request.query_params.get("quantity", "soc")
        if quantity not in PLOTS:
            raise HTTPException(404)
        asked = self._asked(request, is_restricted=True)
        self.reading.noted(asked, "plot")
        return quantity, self._view.plotted_log(asked.battery)

    def _asked(self, request: Request, *, is_restricted: bool = False) -> Asked:
        """Raises HTTPException(404), the same for what does not exist and for what is not shown."""
        name = str(request.path_params["battery"])
        asked = self.reading.asked(name, request.state.reader, request.state.reader_name)
        if asked is None or (is_restricted and not asked.sees_use):
            raise HTTPException(404)
        return asked

    def _link(self, battery_id: str) -> str:
        return identification_link(self._public_url, battery_id)

    def bundle(self, request: Request) -> Response:
        log_id, seq = request.path_params["log_id"], request.path_params["seq"]
        asked = self._asked(request, is_restricted=True)
        self.reading.noted(asked, "record")
        passport = self._service.passport(asked.battery)
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
        content = await content_of(request, None, MAX_ACT_BYTES)
        try:
            index = await run_in_threadpool(self._take_act, content)
        except EvidenceError as error:
            return JSONResponse({"reason": error.reason, "detail": error.detail}, 403)
        except UnavailableError as error:
            return JSONResponse({"detail": str(error)}, 503)
        return JSONResponse({"index": index})

    def health(self, _request: Request) -> Response:
        self._service.store.heads()
        return PlainTextResponse("ok\n")

    def failed(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = error.headers if isinstance(error, HTTPException) else None
        return self._page(request, "missing.html", {"status": status}, status, headers)

    def unavailable(self, request: Request, _error: Exception) -> Response:
        return self._page(request, "missing.html", {"status": 503}, 503)

    def _page(
        self,
        request: Request,
        template: str,
        context: Mapping[str, object],
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        of = _language(request)
        is_asked = request.query_params.get("lang") == of.code
        kept = urlencode([(key, value) for key, value in request.query_params.items() if key == "quantity"])
        text = rendered(template, of, context, is_asked, f"&{kept}" if kept and status == 200 else "")
        return HTMLResponse(text, status, {**PAGE_HEADERS, **_said_in(of), **(headers or {})})


def _language(request: Request) -> Language:
    return chosen(request.query_params.get("lang"), request.headers.get("accept-language"))


def _said_in(of: Language) -> dict[str, str]:
    return {"content-language": of.code, "vary": "accept-language"}
