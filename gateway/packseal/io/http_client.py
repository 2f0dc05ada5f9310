"""Asks one address over HTTP: every answer has a limit in bytes and in time, and nothing leads elsewhere."""

from __future__ import annotations

import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from types import MappingProxyType

from packseal.errors import ConfigError, UnavailableError

TIMEOUT_S = 10
GRACE_S = 20  # beyond the timeout, for one answer as a whole: a server that sends a byte now and then holds nobody up
PIECE_BYTES = 1 << 16


def checked_url(url: str) -> str:
    """The URL without its last slash. Raises ConfigError."""
    is_wrong = not url.isascii() or any(c <= " " or c in "?#" for c in url)
    if is_wrong or not url.startswith(("http://", "https://")) or not _has_host(url):
        raise ConfigError(f"{without_credentials(url)}: expected http:// or https://, host and path")
    return url.rstrip("/")


def without_credentials(url: str) -> str:
    """For words about it: what stands before an @ may be a password."""
    scheme, found, rest = url.partition("://")
    return f"{scheme}://…@{rest.rpartition('@')[2]}" if found and "@" in rest else url


def _has_host(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an address in them, a port that is none
        return False


def ask(
    url: str,
    body: bytes | None,
    max_bytes: int,
    timeout_s: float = TIMEOUT_S,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> tuple[int, str, bytes]:
    """Status, content type and content of the answer, whatever the status. Raises UnavailableError.

    timeout_s: of each step; the whole takes GRACE_S more at most.
    """
    deadline_s = time.monotonic() + timeout_s + GRACE_S
    content_type = {"Content-Type": "text/plain; charset=utf-8"} if body else {}
    request = urllib.request.Request(url, body, content_type | dict(headers))  # noqa: S310 - http or https alone
    try:
        with _opener().open(request, timeout=timeout_s) as response:
            return response.status, response.headers.get_content_type(), _read(response, url, max_bytes, deadline_s)
    except (OSError, HTTPException, ValueError) as error:
        raise UnavailableError(f"{url}: no answer: {error}; check address and network") from None


def _opener() -> urllib.request.OpenerDirector:
    """HTTP alone: no redirects, which would lead where nobody configured, no files, no other schemes."""
    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.HTTPHandler(), urllib.request.HTTPSHandler()):
        opener.add_handler(handler)
    return opener


def _read(response: HTTPResponse, url: str, max_bytes: int, deadline_s: float) -> bytes:
    content = bytearray()
    while piece := response.read1(PIECE_BYTES):
        content += piece
        if len(content) > max_bytes:
            raise UnavailableError(f"{url}: more than {max_bytes} bytes, so not what was asked for")
        if time.monotonic() > deadline_s:
            raise UnavailableError(f"{url}: not done in time; check the network")
    return bytes(content)
