"""Where a broker is: mqtt://host:port in the clear, mqtts://host:port over TLS.

Credentials have no place in it: an address stands in problems, logs and settings that others read.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from packseal.errors import ConfigError

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    host: str
    port: int
    is_tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.is_tls else 'mqtt'}://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def broker_address(url: str) -> BrokerAddress:
    """Raises ConfigError for anything but mqtt://host[:port] or mqtts://host[:port]."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError(f"broker {_shown(url)!r}: the port is not a number from 1 to 65535") from None
    if "@" in parts.netloc:
        raise ConfigError(
            f"broker {_shown(url)!r}: credentials do not belong here; use username and password_file of [mqtt]"
        )
    if parts.scheme not in DEFAULT_PORTS or port == 0 or not _is_host_alone(parts):
        raise ConfigError(f"broker {url!r}: expected mqtt://host:port, or mqtts://host:port for TLS")
    return BrokerAddress(parts.hostname or "", port or DEFAULT_PORTS[parts.scheme], parts.scheme == "mqtts")


def _is_host_alone(parts: SplitResult) -> bool:
    return bool(parts.hostname) and not (parts.path.strip("/") or parts.query or parts.fragment)


def _shown(url: str) -> str:
    """Without what stands before an @, which may be a password."""
    scheme, found, rest = url.partition("://")
    return f"{scheme}://…@{rest.rpartition('@')[2]}" if found and "@" in rest else url
