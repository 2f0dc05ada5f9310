"""Every error of the interface as a problem, and the problems in its OpenAPI document."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from packseal.apps.problems import MEDIA_TYPE, problem
from packseal.errors import ConfigError, EvidenceError, Reason, UnavailableError

NOT_FOUND = "there is no such passport, or it is not shown to you"
_CURES = {  # of what no route has words for
    404: "there is no such address here; /api/v1/openapi.json lists those that there are",
    405: "this address takes other methods, which Allow names",
}
_OF_REASON = {
    Reason.MALFORMED: 400,
    Reason.UNKNOWN_VERSION: 400,
    Reason.UNKNOWN_PASSPORT: 404,
    Reason.OUTDATED: 409,
    Reason.ALREADY_CREATED: 409,
    Reason.ALREADY_BOUND: 409,
    Reason.WRONG_STAGE: 409,
    Reason.NOT_SEALED: 409,
    Reason.UNFIT: 409,
}


class Problem(BaseModel):
    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="In words, with what to do.")
    reason: str | None = Field(
        None, description="Why a statement, an act or a fresh read was refused; stable across versions."
    )


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: which problems a route can answer with."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema}, "model": Problem}
        for status in statuses
    }


def handle_problems(app: FastAPI) -> None:
    """Every error leaves as a problem; none tells more than its words."""

    @app.exception_handler(HTTPException)
    def _http(_request: Request, error: HTTPException) -> JSONResponse:
        is_bare = error.detail == HTTPStatus(error.status_code).phrase
        words = _CURES.get(error.status_code, error.detail) if is_bare else error.detail
        return problem(error.status_code, words, headers=dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    def _request(_request: Request, error: RequestValidationError) -> JSONResponse:
        return problem(422, "; ".join(map(_place, error.errors()[:5])))

    @app.exception_handler(EvidenceError)
    def _evidence(_request: Request, error: EvidenceError) -> JSONResponse:
        return problem(_OF_REASON.get(error.reason, 403), error.detail, reason=error.reason)

    @app.exception_handler(ConfigError)
    def _config(_request: Request, error: ConfigError) -> JSONResponse:
        return problem(422, str(error))

    @app.exception_handler(UnavailableError)
    def _unavailable(_request: Request, _error: UnavailableError) -> JSONResponse:
        return problem(503, "the service cannot do this now; try again later", headers={"retry-after": "30"})

    @app.exception_handler(Exception)
    def _fault(_request: Request, _error: Exception) -> JSONResponse:
        return problem(500, "a fault of the service's own; tell who runs it when it happened")


def _place(error: Any) -> str:
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"
