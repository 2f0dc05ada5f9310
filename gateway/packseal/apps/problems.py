"""Refusals that programs read: problem details of RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, reason: str | None = None
) -> JSONResponse:
    """detail: for a person, with the cure; never a part of what was sent. reason: why evidence was refused."""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(content | ({"reason": reason} if reason else {}), status, headers, MEDIA_TYPE)
