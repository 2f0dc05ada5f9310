"""ISO 15765-2 transport: frames of one address -> whole messages, and the two frames that a tester sends.

Decides when a message is whole. A consecutive frame that is missing, doubled or out of turn ends its message, which is
counted with the reason and never handed on; four bits of sequence number cannot tell that exactly sixteen frames, or
multiples of them, are missing, but then the message lacks bytes and is not whole either. Flow control is for the
sender: a listener counts it and passes on. Classic CAN and CAN FD; normal and extended addressing (ISO 15765-2:2016,
9.6 and 10.3). Leaves to signals/diagnostics/ what the messages say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from packseal.frames.frames import CLASSIC_BYTES, Frames

MAX_BYTES = 4095  # FF_DL of 12 bits (9.6.3.1); more needs the escape, which no battery's answer has been seen to use
N_CR_NS = 1_000_000_000  # N_Cr: between two frames of a message (9.7, table 16)
PADDING = 0xCC  # 10.4.2.1: makes the fewest stuff bits
EXTENDED = 1 << 31  # of a key; the rest of it is the identifier
_STANDARD_IDS = 1 << 11
_SINGLE, _FIRST, _CONSECUTIVE, _FLOW_CONTROL = range(4)  # 9.6.1, table 9
_SEQUENCE_NUMBERS = 16
_ESCAPE_BYTES = 6  # of a first frame whose length needs 32 bits
_CLEAR_TO_SEND = 0x30


class Address(NamedTuple):
    """Who a message goes to. target: the byte before everything else under extended addressing, else None."""

    can_id: int
    is_extended: bool = False
    target: int | None = None

    @property
    def key(self) -> int:
        """One number per identifier: bit 31 set for an extended one."""
        return self.can_id | self.is_extended << 31

    def __str__(self) -> str:
        number = f"{self.can_id:08X}" if self.is_extended else f"{self.can_id:03X}"
        return number if self.target is None else f"{number}+{self.target:02X}"


def address_of(can_id: int, target: int | None = None) -> Address:
    """The address of this identifier: 29 bits where it does not fit into 11."""
    return Address(can_id, can_id >= _STANDARD_IDS, target)


class Loss(StrEnum):
    """Why frames gave no message."""

    OUT_OF_ORDER = "a consecutive frame is missing, doubled or out of turn"
    NO_FIRST_FRAME = "a consecutive frame without a first one"
    INTERRUPTED = "another message began before this one was whole"
    TIMEOUT = "more than a second between two frames"
    TOO_LONG = "longer than may be"
    TOO_SHORT = "a frame shorter than it says"
    NOT_ISO_TP = "no frame of ISO 15765-2"


class Message(NamedTuple):
    """payload: whole. start_ns and end_ns: of its first and its last frame. frames: how many it came in."""

    address: Address
    channel: int
    payload: bytes
    start_ns: int
    end_ns: int
    frames: int


_Place = tuple[Address, int]  # address and channel


@dataclass
class _Open:
    """A message that is not whole yet. frame_bytes: data in each consecutive frame but the last."""

    length: int
    frame_bytes: int
    start_ns: int
    last_ns: int
    data: bytearray
    frames: int = 1
    sequence_number: int = 1


@dataclass
class TransportCounts:
    """frames: of these addresses, of whatever kind. losses: by reason, once for each message or stray frame."""

    frames: int = 0
    flow_controls: int = 0
    messages: int = 0
    losses: Counter[Loss] = field(default_factory=Counter)


class Begun(NamedTuple):
    """A message that is not whole: when its first frame came, how many came, and its data so far."""

    start_ns: int
    frames: int
    data: bytes


class Reassembler:
    """Messages of some addresses, or of every identifier as a normal address; goes on from batch to batch."""

    def __init__(self, addresses: Collection[Address] | None = None, max_bytes: int = MAX_BYTES) -> None:
        self.counts = TransportCounts()
        self._max_bytes = max_bytes
        self._open: dict[_Place, _Open] = {}
        self._by_key: dict[int, list[Address]] | None = None
        if addresses is not None:
            self._by_key = {}
            for address in dict.fromkeys(addresses):
                self._by_key.setdefault(address.key, []).append(address)

    def take(self, frames: Frames) -> list[Message]:
        """Those that these frames made whole, in their order. frames: in the order of the log or of the bus."""
        messages = (self.take_frame(*row) for row in rows_of(frames, self._by_key))
        return [message for message in messages if message]

    def take_frame(self, key: int, channel: int, time_ns: int, data: bytes) -> Message | None:
        """The message that this frame makes whole. key: the identifier, bit 31 set for an extended one."""
        address = self.address(key, data)
        if address is None:
            return None
        self.counts.frames += 1
        place = (address, channel)
        found = self._taken(place, time_ns, data if address.target is None else data[1:])
        if not isinstance(found, Loss):
            return found
        self._open.pop(place, None)
        self.counts.losses[found] += 1
        return None

    def _taken(self, place: _Place, time_ns: int, data: bytes) -> Message | Loss | None:
        kind = data[0] >> 4 if data else -1
        if kind == _SINGLE:
            return self._single(place, time_ns, data)
        if kind == _FIRST:
            return self._first(place, time_ns, data)
        if kind == _CONSECUTIVE:
            return self._consecutive(place, time_ns, data)
        if kind != _FLOW_CONTROL:
            return Loss.NOT_ISO_TP
        self.counts.flow_controls += 1
        return None

    def address(self, key: int, data: bytes) -> Address | None:
        """Which of the addresses a frame goes to; None for a frame of nobody's."""
        if self._by_key is None:
            return Address(key & ~EXTENDED, key >= EXTENDED)
        for address in self._by_key.get(key, ()):
            if address.target is None or data[:1] == bytes([address.target]):
                return address
        return None

    def begun(self, address: Address, channel: int) -> Begun | None:
        """The message from there that is not whole; None where none has begun."""
        found = self._open.get((address, channel))
        return Begun(found.start_ns, found.frames, bytes(found.data)) if found else None

    def _single(self, place: _Place, time_ns: int, data: bytes) -> Message | Loss:
        """9.6.2. In frames of more than 8 bytes the length may stand in a byte of its own."""
        length, start = data[0] & 15, 1
        is_long = len(data) + (place[0].target is not None) > CLASSIC_BYTES
        if length == 0 and is_long:
            length, start = data[1], 2
        if length == 0:
            return Loss.NOT_ISO_TP
        self._interrupt(place)
        payload = data[start : start + length]
        if len(payload) < length:
            return Loss.TOO_SHORT
        self.counts.messages += 1
        return Message(*place, payload, time_ns, time_ns, 1)

    def _first(self, place: _Place, time_ns: int, data: bytes) -> Loss | None:
        """9.6.3. It is full, so its own length is that of all the others but the last."""
        self._interrupt(place)
        if len(data) + (place[0].target is not None) < CLASSIC_BYTES:
            return Loss.TOO_SHORT
        length, start = (data[0] & 15) << 8 | data[1], 2
        if length == 0:
            length, start = int.from_bytes(data[2:_ESCAPE_BYTES]), _ESCAPE_BYTES
        if length > self._max_bytes:
            return Loss.TOO_LONG
        if length <= len(data) - start:
            return Loss.NOT_ISO_TP
        self._open[place] = _Open(length, len(data) - 1, time_ns, time_ns, bytearray(data[start:]))
        return None

    def _consecutive(self, place: _Place, time_ns: int, data: bytes) -> Message | Loss | None:
        """9.6.4; what ends the message is in 9.8.3."""
        message = self._open.get(place)
        if message is None:
            return Loss.NO_FIRST_FRAME
        if time_ns - message.last_ns > N_CR_NS:
            return Loss.TIMEOUT
        if data[0] & 15 != message.sequence_number:
            return Loss.OUT_OF_ORDER
        wanted = min(message.length - len(message.data), message.frame_bytes)
        if len(data) - 1 < wanted:
            return Loss.TOO_SHORT
        message.data += data[1 : 1 + wanted]
        message.frames += 1
        message.last_ns = time_ns
        message.sequence_number = (message.sequence_number + 1) % _SEQUENCE_NUMBERS
        if len(message.data) < message.length:
            return None
        del self._open[place]
        self.counts.messages += 1
        return Message(*place, bytes(message.data), message.start_ns, time_ns, message.frames)

    def _interrupt(self, place: _Place) -> None:
        if self._open.pop(place, None):
            self.counts.losses[Loss.INTERRUPTED] += 1


def keys_of(frames: Frames) -> npt.NDArray[np.uint32]:
    """uint32 [n] The identifiers, bit 31 set for extended ones."""
    return frames.can_id | frames.is_extended.astype(np.uint32) << np.uint32(31)


def rows_of(frames: Frames, keys: Collection[int] | None) -> Iterator[tuple[int, int, int, bytes]]:
    """(key, channel, time_ns, data) of the frames with these keys, or of all; diagnostics are few among many."""
    found = keys_of(frames)
    rows = np.arange(len(found)) if keys is None else np.flatnonzero(np.isin(found, np.array([*keys], np.uint32)))
    columns = (found[rows].tolist(), frames.channel[rows].tolist(), frames.time_ns[rows].tolist())
    lengths = frames.length[rows].tolist()
    for key, channel, time_ns, length, row in zip(*columns, lengths, rows.tolist(), strict=True):
        yield key, channel, time_ns, frames.data[row, :length].tobytes()


class Outgoing(NamedTuple):
    """A frame to be sent."""

    can_id: int
    is_extended: bool
    data: bytes


def single_frame(address: Address, payload: bytes) -> Outgoing:
    """A whole request in one classic frame. Raises ValueError for more than 7 bytes, 6 under extended addressing."""
    prefix = b"" if address.target is None else bytes([address.target])
    if not 1 <= len(payload) <= CLASSIC_BYTES - 1 - len(prefix):
        raise ValueError(f"a single frame carries 1 to {CLASSIC_BYTES - 1 - len(prefix)} bytes, not {len(payload)}")
    return _padded(address, prefix + bytes([len(payload)]) + payload)


def flow_control(address: Address, block_size: int = 0, separation_ms: int = 0) -> Outgoing:
    """Tells the sender to go on: so many frames until the next flow control, 0 for all, and so far apart (9.6.5).

    Raises ValueError for a block of more than 255, or more than 127 ms.
    """
    if not (0 <= block_size <= 0xFF and 0 <= separation_ms <= 0x7F):
        raise ValueError(f"expected a block of 0 to 255 and 0 to 127 ms, not {block_size} and {separation_ms}")
    prefix = b"" if address.target is None else bytes([address.target])
    return _padded(address, prefix + bytes([_CLEAR_TO_SEND, block_size, separation_ms]))


def _padded(address: Address, data: bytes) -> Outgoing:
    return Outgoing(address.can_id, address.is_extended, data.ljust(CLASSIC_BYTES, bytes([PADDING])))
