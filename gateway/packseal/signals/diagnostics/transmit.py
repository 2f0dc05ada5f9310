"""What may be sent: an allow-list of requests, empty unless a person wrote one. A logger does not talk on a bus.

Decides it on the bytes of each frame, whoever made it: one whole request that is listed, word for word, or flow control
to an ECU with a listed request. Nothing else passes, and no list can name a service that writes, moves or resets
(services.py). Leaves to io/ to let no frame past it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from packseal.errors import ConfigError
from packseal.frames.frames import CLASSIC_BYTES
from packseal.frames.isotp import Address, Outgoing, address_of
from packseal.signals.diagnostics.services import checked_ask

MAX_ENTRIES = 1000
FUNCTIONAL = (0x7DF, 0x18DB33F1)  # ISO 15765-4: everybody's addresses, to which no flow control may go
_STANDARD_DIGITS, _EXTENDED_DIGITS = 3, 8
_FLOW_CONTROL_BYTES = 3


class Request(NamedTuple):
    """Who is asked, and what."""

    address: Address
    ask: bytes

    def __str__(self) -> str:
        return f"{self.address}:{self.ask.hex().upper()}"


def parse_request(entry: str) -> Request:
    """`7E4:220101`, `18DA10F1:22F190`, and under extended addressing `6F1+07:22DDBC`.

    Raises ConfigError with what was expected, also for a service that does more than read.
    """
    who, _, what = entry.partition(":")
    number, plus, target = who.partition("+")
    try:
        can_id, ask = int(number, 16), bytes.fromhex(what)
        address = address_of(can_id, int(target, 16) if plus else None)
        digits = _EXTENDED_DIGITS if address.is_extended else _STANDARD_DIGITS
        if len(number) != digits or not (number + target).isalnum() or can_id >= 1 << 29 or not ask:
            raise ValueError
        if not 0 <= (address.target or 0) <= 0xFF:
            raise ValueError
    except ValueError:
        raise ConfigError(
            f'transmit: {entry!r}: expected who and what as in "7E4:220101" or "18DA10F1:22F190"'
        ) from None
    if can_id in FUNCTIONAL:
        raise ConfigError(
            f"transmit: {entry!r}: {number} asks all ECUs at once; ask the one you want by its own address"
        )
    try:
        return Request(address, checked_ask(ask))
    except ValueError as error:
        raise ConfigError(f"transmit: {entry!r}: {error}; take it out, PackSeal sends nothing else") from None


class TransmitGate:
    """The requests that may be sent; none without entries."""

    def __init__(self, entries: Iterable[str] = ()) -> None:
        """Raises ConfigError, naming the entry."""
        self.requests = frozenset(parse_request(entry) for entry in entries)
        if len(self.requests) > MAX_ENTRIES:
            raise ConfigError(f"transmit: expected at most {MAX_ENTRIES} requests")

    def allows(self, address: Address, ask: bytes) -> bool:
        return Request(address, ask) in self.requests

    def check(self, frame: Outgoing) -> None:
        """Raises ConfigError for a frame that may not be sent, naming the entry that would allow it."""
        if not any(_carries(frame, request) for request in self.requests):
            who = f"{frame.can_id:08X}" if frame.is_extended else f"{frame.can_id:03X}"
            raise ConfigError(f"not sent: {who} {frame.data.hex().upper()} is in no request of `transmit`")


def _carries(frame: Outgoing, request: Request) -> bool:
    address = request.address
    if (frame.can_id, frame.is_extended) != (address.can_id, address.is_extended) or len(frame.data) != CLASSIC_BYTES:
        return False
    data = frame.data
    if address.target is not None:
        if data[0] != address.target:
            return False
        data = data[1:]
    if data[0] == 0x30:  # flow control, continue to send: block size and separation time follow, then padding
        return len(set(data[_FLOW_CONTROL_BYTES:])) == 1
    return data[: 1 + len(request.ask)] == bytes([len(request.ask)]) + request.ask
