"""Routes of /api/v1. What is shown to whom is passport_reading.py's part; errors are problems.py's."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response, StreamingResponse

from packseal import __version__
from packseal.apps.api.models import (
    ChangeItem,
    ChangeList,
    Document,
    LogList,
    Page,
    ReadLogAnswer,
    StatementList,
    Taken,
    ValidityAnswer,
)
from packseal.apps.api.problems import NOT_FOUND, answers, handle_problems
from packseal.apps.passport_reading import Asked, PassportReading
from packseal.io.fleet_table import SORTS, FleetQuery
from packseal.passport.access import ReaderRole
from packseal.passport.attributes import Group
from packseal.passport.guidance import VERSION
from packseal.records.acts import MAX_ACT_BYTES
from packseal.records.statements import MAX_STATEMENT_BYTES

COSE = "application/cose"
BODY_TIMEOUT_S = 10
MAX_PAGE = 500
MAX_OFFSET = 10**7
MAX_NUMBER = (1 << 53) - 1
KEEP_ALIVE_S = 15
POLL_S = 0.5
RESPONSIBLE = frozenset({ReaderRole.OPERATOR, ReaderRole.OWNER})
TAGS = [
    {"name": "reading", "description": "What a reader of this role may see; without a credential, the public part."},
    {"name": "signing", "description": "Signed statements and acts: their signature lets them in."},
    {"name": "changes", "description": "What is new, for programs that follow it."},
]

Name = Annotated[str, Path(description="The passport's id, 32 hexadecimal digits.", min_length=1, max_length=63)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
After = Annotated[int, Query(ge=-1, le=MAX_NUMBER, description="Index in the service's log; -1 for all.")]


@dataclass(frozen=True, slots=True)
class Taking:
    """-> the index of the leaf. Raise EvidenceError, UnavailableError."""

    statement: Callable[[bytes], int]
    act: Callable[[bytes], int]


def api_app(reading: PassportReading, taking: Taking) -> FastAPI:
    """The readers' middleware stands before it: request.state.reader is whoever asks."""
    app = FastAPI(
        title="PackSeal passport service", version=__version__, docs_url=None, redoc_url=None, openapi_tags=TAGS,
        responses=answers(400, 401, 429, 503),
    )  # fmt: skip
    handle_problems(app)
    _add_reading(app, reading)
    _add_signing(app, taking)
    _add_changes(app, reading)
    return app


# ---- reading


def _asks(reading: PassportReading) -> Callable[[Request, str], Asked]:
    def asks(request: Request, name: Name) -> Asked:
        found = reading.asked(name, request.state.reader, request.state.reader_name)
        if found is None:
            raise HTTPException(404, NOT_FOUND)
        return found

    return asks


def _add_reading(app: FastAPI, reading: PassportReading) -> None:
    asking = Depends(_asks(reading))
    one = "/passports/{name}"

    @app.get("/passports", tags=["reading"], response_model=Page, responses=answers(403, 422))
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
        items = reading.listed(reader, query)
        return {"items": items, "next": offset + limit if len(items) == limit else None}

    unchanged: dict[int | str, dict[str, Any]] = {304: {"description": "As it was"}}

    @app.get(one, tags=["reading"], response_model=Document, responses={**answers(404), **unchanged})
    def passport(request: Request, asked: Asked = asking) -> Any:
        """The passport's document. `ETag` changes when more than ages has changed."""
        tag = f'W/"{reading.stamp(asked)}"'
        headers = {"etag": tag, "cache-control": "private, no-cache", "vary": "authorization"}
        if tag in {one.strip() for one in request.headers.get("if-none-match", "").split(",")}:
            return Response(status_code=304, headers=headers)
        return JSONResponse(reading.document(asked), headers=headers)

    @app.get(f"{one}/validity", tags=["reading"], response_model=ValidityAnswer, responses=answers(404, 422))
    def validity(
        asked: Asked = asking,
        as_of_unix_ms: Annotated[int | None, Query(ge=0, le=MAX_NUMBER)] = None,
        guidance: Annotated[str, Query(max_length=20)] = VERSION,
    ) -> Any:
        """What is present, missing, not yet due or not applicable, on a day, by a version of the guidance."""
        return reading.validity(asked, as_of_unix_ms, guidance)

    @app.get(f"{one}/logs", tags=["reading"], response_model=LogList, responses=answers(404))
    def logs(asked: Asked = asking) -> Any:
        """How far each log of the battery is stored, and whether it is sealed."""
        return {"items": reading.logs(asked)}

    @app.get(f"{one}/statements", tags=["reading"], response_model=StatementList, responses=answers(404, 422))
    def statements(asked: Asked = asking, after: After = -1, limit: Limit = 100) -> Any:
        """Signed statements as they came, of the groups that the reader sees."""
        found = reading.statements(asked, after, limit)
        items = [{"index": index, "content": b64encode(content).decode()} for index, content in found]
        return {"items": items, "next": found[-1][0] if len(found) == limit else None}

    @app.get(f"{one}/reads", tags=["reading"], response_model=ReadLogAnswer, responses=answers(404, 422))
    def reads(asked: Asked = asking, limit: Limit = 100) -> Any:
        """Who was shown what: for the owner and the operator."""
        if asked.reader.role not in RESPONSIBLE or Group.INDIVIDUAL not in asked.groups:
            raise HTTPException(404, NOT_FOUND)
        return reading.reads(asked, limit)


# ---- signing


def _add_signing(app: FastAPI, taking: Taking) -> None:
    body = {"requestBody": {"required": True, "content": {COSE: {"schema": {"type": "string", "format": "binary"}}}}}

    @app.post(
        "/statements", tags=["signing"], response_model=Taken, openapi_extra=body,
        responses=answers(403, 404, 408, 409, 413, 415),
    )  # fmt: skip
    async def statement(request: Request) -> Any:
        """Takes a signed statement about a passport: once; the same one again is answered with the same index."""
        return {"index": await run_in_threadpool(taking.statement, await _content(request, MAX_STATEMENT_BYTES))}

    @app.post(
        "/acts", tags=["signing"], response_model=Taken, openapi_extra=body, responses=answers(403, 408, 409, 413, 415)
    )
    async def act(request: Request) -> Any:
        """Takes a signed act about a key."""
        return {"index": await run_in_threadpool(taking.act, await _content(request, MAX_ACT_BYTES))}


async def _content(request: Request, limit: int) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip() != COSE:
        raise HTTPException(415, f"expected content of type {COSE}")
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for piece in request.stream():
                content += piece
                if len(content) > limit:
                    raise HTTPException(413, f"more than {limit} bytes")
    except TimeoutError:
        raise HTTPException(408, "the request did not come in time") from None
    except ClientDisconnect:
        raise HTTPException(400, "the request was cut short") from None
    return bytes(content)


# ---- changes


def _add_changes(app: FastAPI, reading: PassportReading) -> None:
    def found(request: Request, after: int, limit: int) -> ChangeList:
        changes, last = reading.changes(request.state.reader, after, limit)
        items = [ChangeItem(index=one.index, passport=one.passport, kind=one.kind) for one in changes]
        return ChangeList(items=items, next=last)

    def check(request: Request) -> None:
        if request.state.reader.role not in RESPONSIBLE:
            raise HTTPException(403, "changes are for operators and owners")

    @app.get("/changes", tags=["changes"], response_model=ChangeList, responses=answers(403, 422))
    def changes(request: Request, after: After = -1, limit: Limit = 100) -> Any:
        """What has come since an index of the service's log, of the batteries that the reader is responsible for."""
        check(request)
        return found(request, after, limit)

    streamed: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}

    @app.get(
        "/changes/stream", tags=["changes"], responses={**answers(403, 422), **streamed},
        response_class=StreamingResponse,
    )  # fmt: skip
    async def stream(request: Request, after: After = -1) -> Any:
        """The same as server-sent events; a client that comes back sends `Last-Event-ID`, and misses nothing."""
        check(request)
        said = request.headers.get("last-event-id", "")
        start = int(said) if said.isascii() and said.isdigit() and len(said) <= 15 else after

        async def events() -> AsyncIterator[str]:
            last, quiet_s = start, 0.0
            yield ": packseal\n\n"
            while not await request.is_disconnected():
                new = await run_in_threadpool(found, request, last, MAX_PAGE)
                for item in new.items:
                    yield f"id: {item.index}\nevent: {item.kind}\ndata: {item.model_dump_json()}\n\n"
                quiet_s = 0.0 if new.items else quiet_s + POLL_S
                last = new.next
                if quiet_s >= KEEP_ALIVE_S:
                    quiet_s = 0.0
                    yield ": still here\n\n"
                if not new.items:
                    await asyncio.sleep(POLL_S)

        return StreamingResponse(events(), media_type="text/event-stream", headers={"cache-control": "no-store"})
