"""The content of a request: of the type that is expected, within a limit of bytes and of time."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

BODY_TIMEOUT_S = 10


async def content_of(request: Request, media_type: str | None, max_bytes: int) -> bytes:
    """media_type: None takes any. Raises HTTPException: 400 where it is cut short, 408, 413, 415."""
    said_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type and said_type != media_type:
        raise HTTPException(415, f"expected content of type {media_type}")
    said = request.headers.get("content-length", "")
    if said.isascii() and said.isdigit() and (len(said) > 15 or int(said) > max_bytes):
        raise _too_large(max_bytes)
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for piece in request.stream():
                content += piece
                if len(content) > max_bytes:
                    raise _too_large(max_bytes)
    except TimeoutError:
        raise HTTPException(408, "the request did not come in time") from None
    except ClientDisconnect:
        raise HTTPException(400, "the request was cut short") from None
    return bytes(content)


def _too_large(max_bytes: int) -> HTTPException:
    return HTTPException(413, f"more than {max_bytes} bytes")
