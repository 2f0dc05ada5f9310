"""Posts to an address that a setting names: no redirects, a limit in time, and no address of an own network by chance.

The name is looked up once, every address that it has is checked, and the connection goes to one of those: a name that
changes between a check and a connection leads nowhere else.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from packseal.errors import UnavailableError

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
        parts = urlsplit(self.url)
        kind = _CheckedTLS if parts.scheme == "https" else _Checked
        connection = self._connection = kind(parts.hostname or "", parts.port, timeout=self._timeout_s)
        connection.is_private_allowed = self._is_private_allowed
        watch = threading.Timer(self._timeout_s, _cut, (connection,))  # who sends a byte now and then holds nothing up
        watch.daemon = True
        watch.start()
        try:
            if self._is_aborted:
                raise UnavailableError("ended")
            connection.request("POST", parts.path or "/", body, dict(headers))
            return connection.getresponse().status
        except (OSError, HTTPException, ValueError, AttributeError) as error:  # the last of a connection that was cut
            raise UnavailableError(f"no answer ({_words(error)})") from None
        finally:
            watch.cancel()
            connection.close()

    def abort(self) -> None:
        self._is_aborted = True
        if self._connection:
            _cut(self._connection)


class _Checked(HTTPConnection):
    is_private_allowed = False

    def connect(self) -> None:
        address = self._address()
        self.sock = socket.create_connection((address, self.port), self.timeout)

    def _address(self) -> str:
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        private = [address for address in addresses if not is_public(address)]
        if private and not self.is_private_allowed:
            words = f"{self.host} is {private[0]}, of an own network; private = true allows that"
            raise UnavailableError(words)
        return addresses[0]


class _CheckedTLS(HTTPSConnection, _Checked):
    def __init__(self, host: str, port: int | None = None, *, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout, context=ssl.create_default_context())


def is_public(address: str) -> bool:
    """Of the internet, also where it stands inside of another address (IPv4-mapped, 6to4, NAT64)."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inner = ipaddress.IPv4Address(found.packed[12:])
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _cut(connection: HTTPConnection) -> None:
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]
