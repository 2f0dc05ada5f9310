"""One connection to an address that a setting names: limits in time, and no address of an own network by chance.

The name is looked up once, every address that it has is checked, and the connection goes to one of those: a name that
changes between a check and a connection leads nowhere else. Redirects are an answer like any other: nobody follows.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from packseal.errors import AddressError, UnavailableError


@contextmanager
def connection_to(
    url: str,
    timeout_s: float,
    *,
    is_private_allowed: bool = False,
    is_plain_allowed: bool = True,
    tls: ssl.SSLContext | None = None,
) -> Iterator[HTTPConnection]:
    """timeout_s: for all that is done with it. is_plain_allowed: http:// also to other machines than this one.
    tls: whom to believe; None: the authorities that this machine believes.

    Raises AddressError, and UnavailableError for whatever goes wrong on the way or while it is used.
    """
    parts = urlsplit(url)
    try:
        connection = _made(parts.scheme, parts.hostname or "", parts.port, timeout_s, tls)
    except ValueError as error:
        raise UnavailableError(f"no answer ({_words(error)})") from None
    connection.is_private_allowed, connection.is_plain_allowed = is_private_allowed, is_plain_allowed
    watch = threading.Timer(timeout_s, cut, (connection,))  # who sends a byte now and then holds nothing up
    watch.daemon = True
    watch.start()
    try:
        yield connection
    except (OSError, HTTPException, ValueError, AttributeError) as error:  # the last of a connection that was cut
        raise UnavailableError(f"no answer ({_words(error)})") from None
    finally:
        watch.cancel()
        connection.close()


def cut(connection: HTTPConnection) -> None:
    """From another thread: whoever waits for it waits no longer."""
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


class _Checked(HTTPConnection):
    is_private_allowed = False
    is_plain_allowed = True
    is_plain = True

    def connect(self) -> None:
        address = self._address()
        self.sock = socket.create_connection((address, self.port), self.timeout)

    def _address(self) -> str:
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        private = [address for address in addresses if not is_public(address)]
        if private and not self.is_private_allowed:
            raise AddressError(f"{self.host} is {private[0]}, of an own network; private = true allows that")
        far = [address for address in addresses if not _is_loopback(address)]
        if far and self.is_plain and not self.is_plain_allowed:
            raise AddressError(f"{self.host} is another machine, and http:// would show it all; use https://")
        return addresses[0]


class _CheckedTLS(HTTPSConnection, _Checked):
    is_plain = False


def _made(scheme: str, host: str, port: int | None, timeout_s: float, tls: ssl.SSLContext | None) -> _Checked:
    if scheme == "https":
        return _CheckedTLS(host, port, timeout=timeout_s, context=tls or ssl.create_default_context())
    return _Checked(host, port, timeout=timeout_s)


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


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]
