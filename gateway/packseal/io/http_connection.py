"""One connection to an address that a setting names: limits in time, and no address of an own network by chance.

The name is looked up once, every address that it has is checked, and the connection goes to one of them that answers: a
name that changes between a check and a connection leads nowhere else. Redirects are an answer like any other: nobody
follows.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TypeAlias
from urllib.parse import urlsplit

from packseal.errors import AddressError, UnavailableError


def looked_up(host: str, port: int) -> list[str]:
    """In the order of the machine's resolver, each once. Raises OSError."""
    return list(dict.fromkeys(str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


Lookup: TypeAlias = Callable[[str, int], list[str]]


@contextmanager
def connection_to(
    url: str,
    timeout_s: float,
    *,
    is_private_allowed: bool = False,
    is_plain_allowed: bool = True,
    tls: ssl.SSLContext | None = None,
    lookup: Lookup = looked_up,
) -> Iterator[HTTPConnection]:
    """timeout_s: for all that is done with it. is_plain_allowed: http:// also to other machines than this one.
    tls: whom to believe; None: the authorities that this machine believes. lookup: of the addresses of a name.

    Raises AddressError, and UnavailableError for whatever goes wrong on the way or while it is used.
    """
    parts = urlsplit(url)
    try:
        connection = _made(parts.scheme, parts.hostname or "", parts.port, timeout_s, tls)
    except ValueError as error:
        raise UnavailableError(f"no answer ({_words(error)})") from None
    connection.is_private_allowed, connection.is_plain_allowed = is_private_allowed, is_plain_allowed
    connection.lookup = lookup
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


SHORTEST_S = 0.1  # of an attempt to connect


class _Checked(HTTPConnection):
    is_private_allowed = False
    is_plain_allowed = True
    is_plain = True
    lookup: Lookup = staticmethod(looked_up)

    def connect(self) -> None:
        """To the first address that answers, each with its share of the time that is left: a machine whose IPv6 is
        dead has a living IPv4 (RFC 8305 says why the order is the resolver's)."""
        addresses, ends_s = self._addresses(), time.monotonic() + (self.timeout or 0)
        for place, address in enumerate(addresses, 1):
            share_s = (ends_s - time.monotonic()) / (len(addresses) - place + 1)
            try:
                self.sock = socket.create_connection((address, self.port), max(share_s, SHORTEST_S))
            except OSError:
                if place == len(addresses) or time.monotonic() >= ends_s:
                    raise
            else:
                self.sock.settimeout(self.timeout)
                return

    def _addresses(self) -> list[str]:
        addresses = self.lookup(self.host, self.port)
        private = [address for address in addresses if not is_public(address)]
        if private and not self.is_private_allowed:
            raise AddressError(f"{self.host} is {private[0]}, of an own network; private = true allows that")
        far = [address for address in addresses if not _is_loopback(address)]
        if far and self.is_plain and not self.is_plain_allowed:
            raise AddressError(f"{self.host} is another machine, and http:// would show it all; use https://")
        return addresses


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
