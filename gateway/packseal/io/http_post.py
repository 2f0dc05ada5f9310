"""Posts to an address that a setting names: no redirects, a limit in time, and no address of an own network by chance.

What keeps a connection from leading elsewhere is in http_connection.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.client import HTTPConnection
from urllib.parse import urlsplit

from packseal.errors import UnavailableError
from packseal.io.http_connection import connection_to, cut

TIMEOUT_S = 10  # for all of it, from the connection to the status


class HTTPPost:
    """One at a time; `abort`, from another thread, ends the one that is under way, and all later ones."""

    def __init__(self, url: str, *, is_private_allowed: bool = False, timeout_s: float = TIMEOUT_S) -> None:
        self.url = url
        self._is_private_allowed, self._timeout_s = is_private_allowed, timeout_s
        self._connection: HTTPConnection | None = None
        self._is_aborted = False

    def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        """-> the status of the answer, whose content is not read. Raises UnavailableError."""
        with connection_to(self.url, self._timeout_s, is_private_allowed=self._is_private_allowed) as connection:
            self._connection = connection
            if self._is_aborted:
                raise UnavailableError("ended")
            connection.request("POST", urlsplit(self.url).path or "/", body, dict(headers))
            return connection.getresponse().status

    def abort(self) -> None:
        self._is_aborted = True
        if self._connection:
            cut(self._connection)
