"""What is new, for programs that follow it: asked for by index, or as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from packseal.apps.api.models import ChangeItem, ChangeList
from packseal.apps.api.parameters import MAX_INDEX, RESPONSIBLE, After, Limit
from packseal.apps.passport_reading import PassportReading
from packseal.apps.problems import problem
from packseal.errors import UnavailableError
from packseal.io.http_server import IS_ENDING

PIECE = 200  # changes that are looked at in one go
POLL_S = 0.5
KEEP_ALIVE_S = 15
SEND_TIMEOUT_S = 60  # for who does not read what was sent
STREAM_S = 900  # then its client comes back, and its credential is looked at again
MAX_STREAMS, MAX_STREAMS_OF_ONE = 20, 5  # of all readers, of one; others are answered meanwhile
FULL = "as many follow the changes as this service takes at a time; try again later, or ask for /changes now and then"


def add_changes(app: FastAPI, reading: PassportReading) -> None:
    def found(request: Request, after: int, limit: int) -> ChangeList:
        changes, last = reading.changes(request.state.reader, after, limit)
        items = [ChangeItem(index=one.index, passport=one.passport, kind=one.kind) for one in changes]
        return ChangeList(items=items, next=last)

    def check(request: Request) -> None:
        if request.state.reader.role not in RESPONSIBLE:
            raise HTTPException(403, "changes are for operators and owners")

    @app.get("/changes", tags=["changes"], response_model=ChangeList)
    def changes(request: Request, after: After = -1, limit: Limit = 100) -> Any:
        """What has come since an index of the service's log, of the batteries that the reader is responsible for."""
        check(request)
        return found(request, after, limit)

    streams: Counter[str] = Counter()
    streamed: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}

    @app.get("/changes/stream", tags=["changes"], responses=streamed, response_class=StreamingResponse)
    async def stream(
        request: Request,
        after: After = -1,
        last_event_id: Annotated[int, Header(ge=-1, le=MAX_INDEX, description="Of this and `after` the later.")] = -1,
    ) -> Any:
        """The same as server-sent events; a client that comes back sends `Last-Event-ID`, and misses nothing."""
        check(request)
        start, name = max(after, last_event_id), request.state.reader_name
        return _EventStream(lambda last: found(request, last, PIECE), start, streams, name)


class _EventStream(StreamingResponse):
    """Counted while it lasts; ends when the service does, when its reader does not read, and after STREAM_S."""

    def __init__(self, found: Callable[[int], ChangeList], start: int, streams: Counter[str], name: str) -> None:
        super().__init__(self._events(), media_type="text/event-stream", headers={"cache-control": "no-store"})
        self._found, self._last, self._streams, self._name = found, start, streams, name
        self._is_ending: Callable[[], bool] = lambda: False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._streams.total() >= MAX_STREAMS or self._streams[self._name] >= MAX_STREAMS_OF_ONE:
            await problem(503, FULL, {"retry-after": "30"})(scope, receive, send)
            return
        self._is_ending = scope.get("extensions", {}).get(IS_ENDING, {}).get("asked", self._is_ending)

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await send(message)

        self._streams[self._name] += 1
        try:
            await super().__call__(scope, receive, send_in_time)
        finally:
            self._streams[self._name] -= 1
            self._streams += Counter()  # forgets names at zero

    async def _events(self) -> AsyncIterator[str]:
        yield ": packseal\n\n"
        until_s, said_s = time.monotonic() + STREAM_S, time.monotonic()
        while not self._is_ending() and time.monotonic() < until_s:
            try:
                new = await run_in_threadpool(self._found, self._last)
            except UnavailableError:  # of a store that does not answer: who comes back is told, and misses nothing
                return
            is_new, self._last = new.next != self._last, new.next
            for item in new.items:
                yield f"id: {item.index}\nevent: {item.kind}\ndata: {item.model_dump_json()}\n\n"
            if new.items:
                said_s = time.monotonic()
            elif time.monotonic() - said_s >= KEEP_ALIVE_S:
                said_s = time.monotonic()
                yield f"id: {self._last}\n\n" if self._last >= 0 else ": still here\n\n"
            if not is_new:
                await asyncio.sleep(POLL_S)
