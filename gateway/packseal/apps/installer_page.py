"""The installer's local page: how this gateway is, on a phone through an SSH tunnel, and which board is on a free port.

Decides what may be asked and by whom (installer_enrol.py); what is shown is in installer_view.py. It works without
script and refreshes with it, asks nothing of anybody else, changes no settings and holds no keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from packseal.apps.clock_watch import in_words
from packseal.apps.gateway_status import GatewayStatus
from packseal.apps.installer_enrol import ASKED_S, Asked, Enroller, Found, Refused
from packseal.apps.installer_view import MAX_SHOWN, packs_of, rows_of, share_of_limit, table_of
from packseal.apps.languages import language
from packseal.apps.page_words import rendered
from packseal.apps.request_content import content_of
from packseal.io.free_ports import BY_ID

FORM = "application/x-www-form-urlencoded"
MAX_FORM_BYTES = 2048
MAX_SEARCH = 63
HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "referrer-policy": "same-origin",  # with none at all, browsers say `Origin: null` of this page's own form
    "cross-origin-opener-policy": "same-origin",
}


class InstallerPage:
    def __init__(self, gateway: GatewayStatus, by_id: Path = BY_ID) -> None:
        """by_id: where the lasting names of serial ports are."""
        self._gateway = gateway
        self._enroller = Enroller(lambda: gateway.settings, by_id)

    def routes(self) -> list[BaseRoute]:
        """For LocalServer.start: only /enrol takes a POST."""
        return [
            Route("/", self.front, methods=["GET"]),
            Route("/enrol", self.enrol, methods=["GET"]),
            Route("/enrol", self.asked, methods=["POST"]),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
        ]

    def front(self, request: Request) -> Response:
        status = request.app.state.look()
        search = request.query_params.get("find", "").strip().lower()[:MAX_SEARCH]
        outbox = table_of(status, "outbox")
        context = {
            "site": self._gateway.settings.site,
            "status": status,
            "problems": rows_of(status, "problems"),
            "packs": packs_of(status, self._gateway.live, search),
            "search": search,
            "outbox": outbox,
            "share": share_of_limit(outbox),
            "in_words": in_words,
            "max_shown": MAX_SHOWN,
        }
        return _page("installer/front.html", context)

    def enrol(self, _request: Request) -> Response:
        return self._enrol_page()

    async def asked(self, request: Request) -> Response:
        """A board's answer, or why there is none."""
        content = await content_of(request, FORM, MAX_FORM_BYTES)
        asked: Asked | None = None
        try:
            asked = self._enroller.checked(request.headers, content)
            found = await run_in_threadpool(self._enroller.ask, asked)
        except Refused as refused:
            return await run_in_threadpool(self._enrol_page, asked, None, refused)
        return await run_in_threadpool(self._enrol_page, asked, found)

    def _enrol_page(
        self, asked: Asked | None = None, found: Found | None = None, refused: Refused | None = None
    ) -> Response:
        context = {
            "site": self._gateway.settings.site,
            "ports": self._enroller.ports(),
            "token": self._enroller.token,
            "asked": asked,
            "found": found,
            "refused": refused,
            "asked_s": ASKED_S,
        }
        return _page("installer/enrol.html", context, refused.status if refused else 200)


def _page(template: str, context: Mapping[str, object], status: int = 200) -> Response:
    """In English: the words of gateways have no catalogue."""
    return HTMLResponse(rendered(template, language("en"), context), status, HEADERS)
