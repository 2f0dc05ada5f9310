"""A fresh read: the battery's own signature under a nonce of the reader (docs/fresh.md; Regulation (EU) 2023/1542,
Article 14(2)). What it costs and who waits is apps/fresh_reads.py's part."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from packseal.apps.api.problems import NOT_FOUND, answers
from packseal.apps.fresh_reads import FreshAnswer, Why
from packseal.apps.passport_reading import Asked, PassportReading
from packseal.apps.problems import problem
from packseal.apps.request_content import content_of
from packseal.errors import FreshReadError
from packseal.passport.attributes import Group

AskFresh: TypeAlias = Callable[[str, bytes, float], FreshAnswer]
"""(battery, nonce, timeout_s), as FreshReads.ask"""

JSON = "application/json"
MAX_BODY_BYTES = 1_000
MAX_WAIT_S = 60
NOBODY_ANSWERED = 504
STATUS: Mapping[str, int] = {Why.TOO_SOON: 429, Why.NO_LIVE_LOG: 409, Why.NO_BROKER: 503}
SHORTEST_WAIT_S = 5  # where nobody says how long


class FreshRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    nonce: str = Field(pattern=r"^[0-9a-f]{32}$", description="16 random bytes of the reader's own.")
    timeout_s: float = Field(30, ge=1, le=MAX_WAIT_S, description="How long to wait for the battery.")


class FreshRead(BaseModel):
    battery: str
    evidence_class: str
    log_id: str
    seq: int = Field(description="Of the window that answers.")
    nonce: str
    asked_unix_ms: int
    received_unix_ms: int
    values: dict[str, dict[str, Any]] = Field(description="All as of now, each with its own age.")
    bundle: str = Field(description="Of the window, base64, for `packseal verify --nonce`.")
    left_out: list[str] = Field(description="What found no room in the bundle, in words.")


def add_fresh(app: FastAPI, reading: PassportReading, asks: Callable[..., Asked], ask: AskFresh | None) -> None:
    asking = Depends(asks)
    schema = {"schema": FreshRequest.model_json_schema()}
    body = {"requestBody": {"required": True, "content": {JSON: schema}}}

    @app.exception_handler(FreshReadError)
    def _nothing_came(_request: Request, error: FreshReadError) -> JSONResponse:
        status = STATUS.get(error.why, NOBODY_ANSWERED)
        after = {"retry-after": str(error.retry_after_s or SHORTEST_WAIT_S)} if status in (429, 503) else {}
        return problem(status, error.detail, after, reason=error.why)

    @app.post(
        "/passports/{name}/fresh", tags=["reading"], response_model=FreshRead, openapi_extra=body,
        responses=answers(404, 408, 409, 413, 415, 504),
    )  # fmt: skip
    async def fresh(request: Request, asked: Asked = asking) -> Any:
        """Has the battery sign a nonce now: for readers of its individual values. It takes a second or two, or up to a
        window of the battery."""
        if Group.INDIVIDUAL not in asked.groups:
            raise HTTPException(404, NOT_FOUND)
        wanted = _wanted(await content_of(request, JSON, MAX_BODY_BYTES))
        if ask is None:
            raise HTTPException(503, "this service asks no battery; the one that takes its records does")
        return await run_in_threadpool(_answered, reading, asked, ask, wanted)


def _wanted(content: bytes) -> FreshRequest:
    try:
        return FreshRequest.model_validate_json(content)
    except ValidationError as error:
        said = ("; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5]))[:500]
        raise HTTPException(422, said) from None


def _answered(reading: PassportReading, asked: Asked, ask: AskFresh, wanted: FreshRequest) -> dict[str, Any]:
    answer = ask(asked.battery, bytes.fromhex(wanted.nonce), wanted.timeout_s)
    return {
        "battery": answer.battery,
        "evidence_class": answer.evidence_class,
        "log_id": answer.log_id.hex(),
        "seq": answer.entry.seq,
        "nonce": answer.nonce.hex(),
        "asked_unix_ms": answer.asked_unix_ms,
        "received_unix_ms": answer.received_unix_ms,
        "values": reading.values(asked, answer.values, "fresh"),
        "bundle": b64encode(answer.bundle).decode(),
        "left_out": list(answer.left_out),
    }
