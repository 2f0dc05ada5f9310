"""Routes of /api/v1. What is shown to whom is passport_reading.py's part; errors are problems.py's."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.types import ASGIApp

from packseal import __version__
from packseal.apps.api.changes import add_changes
from packseal.apps.api.fresh import AskFresh, add_fresh
from packseal.apps.api.models import (
    Document,
    LogList,
    OutgoingList,
    Page,
    ReadLogAnswer,
    StatementList,
    Taken,
    ValidityAnswer,
)
from packseal.apps.api.parameters import MAX_INDEX, RESPONSIBLE, After, Limit, Name
from packseal.apps.api.problems import NOT_FOUND, answers, handle_problems
from packseal.apps.passport_reading import Asked, PassportReading
from packseal.apps.request_content import content_of
from packseal.io.fleet_table import SORTS, FleetQuery
from packseal.passport.attributes import Group
from packseal.passport.guidance import GUIDANCE, VERSION
from packseal.records.acts import MAX_ACT_BYTES
from packseal.records.statements import MAX_STATEMENT_BYTES

COSE = "application/cose"
MAX_OFFSET = 10**7
ONE = "/passports/{name}"
READER = {"type": "http", "scheme": "bearer", "description": "A reader's key, or a token of an OpenID provider."}
TAGS = [
    {"name": "reading", "description": "What a reader of this role may see; without a credential, the public part."},
    {"name": "signing", "description": "Signed statements and acts: their signature lets them in."},
    {"name": "changes", "description": "What is new, for programs that follow it."},
]


@dataclass(frozen=True, slots=True)
class Taking:
    """-> the index of the leaf. Raise EvidenceError, UnavailableError."""

    statement: Callable[[bytes], int]
    act: Callable[[bytes], int]


def api_app(reading: PassportReading, taking: Taking, ask_fresh: AskFresh | None = None) -> FastAPI:
    """The readers' middleware stands before it: request.state.reader is whoever asks.

    ask_fresh: of the service that is connected to the batteries' gateways.
    """
    app = _Described(
        title="PackSeal passport service", version=__version__, docs_url=None, redoc_url=None, openapi_tags=TAGS,
        responses=answers(400, 401, 403, 422, 429, 500, 503), redirect_slashes=False,
    )  # fmt: skip
    handle_problems(app)
    _add_list(app, reading)
    _add_passport(app, reading)
    _add_evidence(app, reading)
    add_fresh(app, reading, _asks(reading), ask_fresh)
    _add_signing(app, taking)
    add_changes(app, reading)
    return app


class WholeMount(Mount):
    """Also takes paths with a line break in them, so that the interface answers those itself, as it answers all."""

    def __init__(self, path: str, app: ASGIApp) -> None:
        super().__init__(path, app)
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)


class _Described(FastAPI):
    """Its document says how readers show who they are."""

    def openapi(self) -> dict[str, Any]:
        described = super().openapi()
        described["components"]["securitySchemes"] = {"reader": READER}
        described["security"] = [{"reader": []}, {}]
        return described


# ---- reading


def _asks(reading: PassportReading) -> Callable[[Request, str], Asked]:
    def asks(request: Request, name: Name) -> Asked:
        found = reading.asked(name, request.state.reader, request.state.reader_name)
        if found is None:
            raise HTTPException(404, NOT_FOUND)
        return found

    return asks


def _add_list(app: FastAPI, reading: PassportReading) -> None:
    @app.get("/passports", tags=["reading"], response_model=Page)
    def passports(
        request: Request,
        sort: Literal[SORTS] = "battery",  # type: ignore[valid-type]
        descending: bool = False,
        offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
        limit: Limit = 100,
        words: Annotated[str, Query(max_length=80, description="In the name or the id.")] = "",
    ) -> Any:
        """Those that the reader is responsible for. Others know a passport's id."""
        reader = request.state.reader
        if reader.role not in RESPONSIBLE:
            raise HTTPException(403, "the list is for operators and owners; ask for a passport by its id")
        query = FleetQuery(sort, is_descending=descending, offset=offset, limit=limit, words=words)
        items = reading.listed(reader, request.state.reader_name, query)
        return {"items": items, "next": offset + limit if len(items) == limit else None}


def _add_passport(app: FastAPI, reading: PassportReading) -> None:
    asking = Depends(_asks(reading))
    unchanged: dict[int | str, dict[str, Any]] = {304: {"description": "As it was"}}

    @app.get(ONE, tags=["reading"], response_model=Document, responses={**answers(404), **unchanged})
    def passport(asked: Asked = asking, if_none_match: Annotated[str, Header(max_length=4_000)] = "") -> Any:
        """The passport's document. `ETag` changes when more than ages has changed."""
        stamp = f'"{reading.stamp(asked)}"'
        headers = {"etag": f"W/{stamp}", "cache-control": "private, no-cache", "vary": "authorization"}
        said = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
        if said & {stamp, "*"}:  # RFC 9110 section 13.1.2, compared weakly
            return Response(status_code=304, headers=headers)
        return JSONResponse(reading.document(asked), headers=headers)

    @app.get(f"{ONE}/validity", tags=["reading"], response_model=ValidityAnswer, responses=answers(404))
    def validity(
        asked: Asked = asking,
        as_of_unix_ms: Annotated[int | None, Query(ge=0, le=MAX_INDEX)] = None,
        guidance: Literal[tuple(GUIDANCE)] = VERSION,  # type: ignore[valid-type]
    ) -> Any:
        """What is present, missing, not yet due or not applicable, on a day, by a version of the guidance."""
        return reading.validity(asked, as_of_unix_ms, guidance)


def _add_evidence(app: FastAPI, reading: PassportReading) -> None:
    asking = Depends(_asks(reading))

    @app.get(f"{ONE}/logs", tags=["reading"], response_model=LogList, responses=answers(404))
    def logs(asked: Asked = asking) -> Any:
        """How far each log of the battery is stored, and whether it is sealed."""
        return {"items": reading.logs(asked)}

    @app.get(f"{ONE}/statements", tags=["reading"], response_model=StatementList, responses=answers(404))
    def statements(asked: Asked = asking, after: After = -1, limit: Limit = 100) -> Any:
        """Signed statements as they came, of the groups that the reader sees."""
        found = reading.statements(asked, after, limit)
        items = [{"index": index, "content": b64encode(content).decode()} for index, content in found]
        return {"items": items, "next": found[-1][0] if len(found) == limit else None}

    @app.get(f"{ONE}/reads", tags=["reading"], response_model=ReadLogAnswer, responses=answers(404))
    def reads(asked: Asked = asking, limit: Limit = 100) -> Any:
        """Who was shown what: for the owner and the operator."""
        if asked.reader.role not in RESPONSIBLE or Group.INDIVIDUAL not in asked.groups:
            raise HTTPException(404, NOT_FOUND)
        return reading.reads(asked, limit)

    @app.get(f"{ONE}/outgoing", tags=["reading"], response_model=OutgoingList, responses=answers(404))
    def outgoing(asked: Asked = asking, limit: Limit = 100) -> Any:
        """What left for partners, under which contract and by which rules: for the owner and the operator."""
        if asked.reader.role not in RESPONSIBLE or Group.INDIVIDUAL not in asked.groups:
            raise HTTPException(404, NOT_FOUND)
        return {"items": reading.outgoing(asked, limit)}


# ---- signing


def _add_signing(app: FastAPI, taking: Taking) -> None:
    body = {"requestBody": {"required": True, "content": {COSE: {"schema": {"type": "string", "format": "binary"}}}}}

    @app.post(
        "/statements", tags=["signing"], response_model=Taken, openapi_extra=body,
        responses=answers(404, 408, 409, 413, 415),
    )  # fmt: skip
    async def statement(request: Request) -> Any:
        """Takes a signed statement about a passport: once; the same one again is answered with the same index."""
        content = await content_of(request, COSE, MAX_STATEMENT_BYTES)
        return {"index": await run_in_threadpool(taking.statement, content)}

    @app.post(
        "/acts", tags=["signing"], response_model=Taken, openapi_extra=body, responses=answers(408, 409, 413, 415)
    )
    async def act(request: Request) -> Any:
        """Takes a signed act about a key."""
        return {"index": await run_in_threadpool(taking.act, await content_of(request, COSE, MAX_ACT_BYTES))}
