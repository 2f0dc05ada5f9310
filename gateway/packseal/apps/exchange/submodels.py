"""The submodel service of a battery's twin: what a partner reads through the connector, in the value profile SSP-003.

IDTA 01002 3.1, SubmodelServiceSpecification/SSP-003; CX-0002; CX-0160 1.1.0 section 4.1. Numbered as the code is:
1. who asks shows the credential of a connector that the settings name; nobody else gets as far as a name of a passport,
2. the connector says for which partner (header Edc-Bpn), and a partner without rules is told nothing,
3. the source is cut by the partner's tier and rules before an aspect is made of it,
4. egress looks through what was made, and the log of what left has its line before the bytes go.
Whether the partner has a contract is the connector's part.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from packseal.apps.exchange.leaving import Leaving, json_bytes
from packseal.apps.problems import MEDIA_TYPE
from packseal.errors import EgressError, UnavailableError
from packseal.exchange.catenax.egress import check_tier
from packseal.exchange.catenax.submodel import CORE, DEEP, OFFERED, Offered, has_element, submodel, value_at
from packseal.exchange.export import Export
from packseal.exchange.named import Named
from packseal.exchange.rules import Partner
from packseal.exchange.source import Source
from packseal.exchange.twin_ids import submodel_id

PREFIX = "/exchange/catenax"
PROFILE = "https://admin-shell.io/aas/API/3/1/SubmodelServiceSpecification/SSP-003"
BPN_HEADER = "edc-bpn"
CHALLENGE = {"www-authenticate": 'Bearer realm="packseal"'}
LEVELS = (DEEP, CORE)
EXTENTS = ("withoutBlobValue", "withBlobValue")
NOT_FOUND = "there is no such submodel, or it is not shown to this partner"
RETRY_S = "30"


class Submodels:
    def __init__(
        self,
        connectors: frozenset[str],
        partner_of: Callable[[str], Partner | None],
        source_for: Callable[[str, Partner], Source | None],
        named: Callable[[str], Named],
        leaving: Leaving,
    ) -> None:
        """connectors: names of readers. partner_of: a business partner number. source_for: a passport's public name,
        and whose rules cut it. named: what the battery of that name is called elsewhere."""
        self._connectors, self._partner_of, self._source_for = connectors, partner_of, source_for
        self._named, self._leaving = named, leaving

    def app(self) -> Starlette:
        """To be mounted at PREFIX, inside of ReaderMiddleware and that inside of ResultMiddleware."""
        one = "/{passport}/submodels/{aspect}"
        routes = [
            Route(f"{one}/submodel", self.whole),
            Route(f"{one}/submodel/$value", self.value),
            Route(f"{one}/$value", self.value),  # of a consumer that takes the address for that of the value's parent
            Route(f"{one}/submodel/submodel-elements/{{path}}/invoke", self.invoke, methods=["POST"]),
            Route(f"{one}/submodel/submodel-elements/{{path}}/invoke/$value", self.invoke, methods=["POST"]),
            Route(f"{one}/description", self.description),
        ]
        handlers = {HTTPException: _failed, UnavailableError: _unavailable, EgressError: _kept, Exception: _fault}
        return Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]

    def value(self, request: Request) -> Response:
        level, partner = _level(request), self._partner(request)
        source, export = self._made(request, partner)
        return self._left(export, source, partner, json_bytes(value_at(export.document, level)))

    def whole(self, request: Request) -> Response:
        level, partner = _level(request), self._partner(request)
        source, export = self._made(request, partner)
        named = submodel_id(source.passport, request.path_params["aspect"])
        found = submodel(named, _offered(request).part, export.document, level)
        return self._left(export, source, partner, json_bytes(found))

    def invoke(self, request: Request) -> Response:
        """None of our submodels has operations, so whatever is found is none."""
        _, export = self._made(request, self._partner(request))
        if has_element(export.document, request.path_params["path"]):
            raise HTTPException(405, "this element is no operation", {"allow": ""})
        raise HTTPException(404, "there is no such element")

    def description(self, request: Request) -> Response:
        self._partner(request)
        return JSONResponse({"profiles": [PROFILE]})

    def _partner(self, request: Request) -> Partner:
        name = request.state.reader_name
        if not name:  # 1
            raise HTTPException(401, "show the credential of a connector", CHALLENGE)
        if name not in self._connectors:
            raise HTTPException(403, "this credential is no connector's; ask this service's operator")
        said = request.headers.getlist(BPN_HEADER)
        if len(said) != 1:  # 2
            raise HTTPException(400, "expected one header Edc-Bpn with the partner's number; set it at the connector")
        partner = self._partner_of(said[0])
        if partner is None:
            raise HTTPException(403, "this partner has no rules here; ask this service's operator")
        return partner

    def _made(self, request: Request, partner: Partner) -> tuple[Source, Export]:
        name = request.path_params["passport"]
        offered = _offered(request)
        source = self._source_for(name, partner)  # 3
        if source is None:
            raise HTTPException(404, NOT_FOUND)
        return source, offered.made.make(source, self._named(name))

    def _left(self, export: Export, source: Source, partner: Partner, content: bytes) -> Response:
        check_tier(export, source, partner)  # 4
        sent = self._leaving.bytes_of(export, partner, source.battery, content)
        return Response(sent, media_type="application/json")


class ResultMiddleware:
    """What this service refuses before it gets here (who asks, how often) in the form that the contract gives it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_ours = scope["type"] == "http" and scope["path"].startswith(f"{PREFIX}/")
        await self._app(scope, receive, _Rewriting(scope, receive, send) if is_ours else send)


class _Rewriting:
    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._start: Message | None = None
        self._content = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_problem(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._content += message.get("body", b"")
            if not message.get("more_body"):
                await self._answer(self._start)

    async def _answer(self, start: Message) -> None:
        words = json.loads(self._content)["detail"]
        kept = {name.decode(): value.decode() for name, value in start["headers"] if name in _KEPT}
        await _result(start["status"], words, kept)(self._scope, self._receive, self._send)


_KEPT = (b"www-authenticate", b"retry-after")


def _is_problem(start: Message) -> bool:
    return (b"content-type", MEDIA_TYPE.encode()) in start["headers"]


def _offered(request: Request) -> Offered:
    offered = OFFERED.get(request.path_params["aspect"])
    if offered is None:
        raise HTTPException(404, NOT_FOUND)
    return offered


def _level(request: Request) -> str:
    _one_of(request, "extent", EXTENTS)
    return _one_of(request, "level", LEVELS)


def _one_of(request: Request, name: str, allowed: tuple[str, ...]) -> str:
    said = request.query_params.getlist(name) or [allowed[0]]
    if len(said) != 1 or said[0] not in allowed:
        raise HTTPException(400, f"{name}: expected one of {', '.join(allowed)}")
    return said[0]


def _result(status: int, words: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """IDTA 01002, Result."""
    message = {"code": str(status), "messageType": "Error", "text": words}
    return JSONResponse({"messages": [message]}, status, headers)


def _failed(_request: Request, error: HTTPException) -> Response:
    return _result(error.status_code, error.detail, error.headers)


def _unavailable(_request: Request, _error: UnavailableError) -> Response:
    return _result(503, "the service cannot do this now; try again later", {"retry-after": RETRY_S})


def _kept(_request: Request, _error: EgressError) -> Response:
    return _result(500, "what was made may not leave, so nothing left; tell this service's operator")


def _fault(_request: Request, _error: Exception) -> Response:
    return _result(500, "a fault of the service's own; tell who runs it when it happened")
