"""Where NATS servers are: nats://host:port,host:port in the clear, tls://host:port,… over TLS.

One is enough: it names the others of its cluster. But that one may be down at a start, so name them all. Credentials
have no place in it: an address stands in problems, logs and settings that others read.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from packseal.errors import ConfigError
from packseal.io.mqtt_address import BrokerAddress

DEFAULT_PORT = 4222
MAX_SERVERS = 16
SCHEMES = ("nats", "tls")


@dataclass(frozen=True, slots=True)
class NATSAddress:
    servers: tuple[str, ...]  # host:port
    is_tls: bool = False

    def __str__(self) -> str:
        return f"{'tls' if self.is_tls else 'nats'}://{','.join(self.servers)}"

    @property
    def urls(self) -> list[str]:
        return [f"{'tls' if self.is_tls else 'nats'}://{server}" for server in self.servers]

    @property
    def host(self) -> str:
        """Of the first server."""
        return self.servers[0].rpartition(":")[0].strip("[]")

    @property
    def is_loopback(self) -> bool:
        hosts = (server.rpartition(":")[0].strip("[]") for server in self.servers)
        return all(BrokerAddress(host, DEFAULT_PORT).is_loopback for host in hosts)


def is_nats(url: str) -> bool:
    return url.partition("://")[0] in SCHEMES


def nats_address(url: str) -> NATSAddress:
    """Raises ConfigError for anything but nats:// or tls:// and hosts, each with a port or without."""
    scheme, _, rest = url.partition("://")
    if "@" in rest:
        cure = "use username and password_file, or nkey_file, of [nats]"
        raise ConfigError(f"broker {scheme}://…: credentials do not belong here; {cure}")
    servers = rest.rstrip("/").split(",")
    if scheme not in SCHEMES or len(servers) > MAX_SERVERS:
        raise ConfigError(f"broker {url!r}: expected nats://host:port, or tls://host:port, at most {MAX_SERVERS} hosts")
    return NATSAddress(tuple(_server(url, server) for server in servers), scheme == "tls")


def _server(url: str, text: str) -> str:
    try:
        parts = urlsplit(f"nats://{text}")
        port = DEFAULT_PORT if parts.port is None else parts.port
    except ValueError:
        raise ConfigError(f"broker {url!r}: the port is not a number from 1 to 65535") from None
    if not parts.hostname or not port or parts.path or parts.query or parts.fragment:
        raise ConfigError(f"broker {url!r}: expected nats://host:port, and a comma before each further host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{port}"
