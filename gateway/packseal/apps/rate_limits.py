"""How often somebody may ask: token buckets in memory, in a table that does not grow without end."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Hashable

MAX_KEYS = 10_000  # of more, the ones not seen for longest go; they have waited longest, so little is forgiven
MINUTE_S = 60


class TokenBuckets:
    """At most per_minute in a minute for each key, all at once if need be; 0: no limit. For one thread."""

    def __init__(self, per_minute: int, clock_s: Callable[[], float], max_keys: int = MAX_KEYS) -> None:
        """clock_s: seconds that never run back."""
        self._per_minute, self._clock_s, self._max_keys = per_minute, clock_s, max_keys
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # key -> tokens left, at what time

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_s(self, key: Hashable) -> float:
        """How long until there is a token for this key; 0.0 when there is one. Takes none."""
        if not self._per_minute:
            return 0.0
        return max(0.0, 1 - self._tokens(key)) * MINUTE_S / self._per_minute

    def take(self, key: Hashable) -> float:
        """As wait_s, and takes the token that there is."""
        wait_s = self.wait_s(key)
        if self._per_minute and not wait_s:
            self._buckets[key] = self._tokens(key) - 1, self._clock_s()
            self._buckets.move_to_end(key)
            while len(self._buckets) > self._max_keys:
                self._buckets.popitem(last=False)
        return wait_s

    def _tokens(self, key: Hashable) -> float:
        left, at_s = self._buckets.get(key, (float(self._per_minute), self._clock_s()))
        return min(float(self._per_minute), left + (self._clock_s() - at_s) * self._per_minute / MINUTE_S)


def address_key(host: str) -> str:
    """One key for who has one line: an IPv4 address, or the /64 of an IPv6 one, which a line has to itself."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:64]
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed[:8] + bytes(8), 64)))
