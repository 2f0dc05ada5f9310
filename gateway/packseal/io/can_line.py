"""A board on a CAN bus as a byte stream: the link's frames go over ISO-TP (docs/link.md clauses 10 to 13).

The transport is can-isotp's, the bus python-can's. Here is decided which identifiers belong to which board.
"""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import isotp

from packseal.errors import ConfigError
from packseal.frames.frames import CLASSIC_BYTES, FD_BYTES
from packseal.io.can_python import OpenBus, opener
from packseal.io.link import framed, messages_of
from packseal.io.python_can import can

DEFAULT_ADDRESS = 0xE0
GATEWAY_ADDRESS = 0xF9
PROPRIETARY_A = 0x1CEF0000  # priority 7, PGN EF00: destination and source follow
READ_TIMEOUT_S = 0.02
STEP_S = 0.002
TURN_S = 0.05  # of frames that follow each other without a pause: then whoever stops this line is heard
FRAME_BITS = 160  # of eight bytes and 29 bits of identifier, with every bit stuffed that can be
MAX_LOAD_PERCENT = 30  # of the bus, by what a board sends us
MAX_PAUSE_MS = 0x7F  # that there is a code for (ISO 15765-2:2016, 9.6.5.4)
USUAL_BITRATE = 500_000  # where only the adapter knows it
LOGGER = "packseal.can_line"
_FORM = re.compile(
    r"(?P<interface>[a-z0-9_]+):(?P<channel>[^@#+]+)(@(?P<bitrate>\d{4,7}))?(\+fd(?P<data_bitrate>\d{4,7})?)?"
    r"(#(?P<address>[0-9a-fA-F]{2}))?"
)
_OF_OUR_OWN = (  # messages: nobody there, or no room
    isotp.FlowControlTimeoutError,
    isotp.MaximumWaitFrameReachedError,
    isotp.OverflowError,
)
_BROKEN_OFF = b"\x01\x00"  # a frame of nothing: BoardSession counts it and asks for what was in it
_PARAMS = {
    "blocksize": 16,
    "tx_padding": 0xCC,
    "max_frame_size": 1024,  # the link has no longer message
    "wftmax": 10,
    "logger_name": LOGGER,
}


@dataclass(frozen=True, slots=True)
class CanPort:
    """`interface:channel`, then `@bitrate` where the adapter has none of its own, `+fd` for CAN FD with the bit rate of
    its data where that is needed, and `#address` of the board."""

    interface: str
    channel: str
    bitrate: int | None = None
    address: int = DEFAULT_ADDRESS
    is_fd: bool = False
    data_bitrate: int | None = None

    @classmethod
    def parse(cls, text: str) -> CanPort | None:
        """None for what is a serial port."""
        match = _FORM.fullmatch(text)
        if match is None or match["interface"] not in can.VALID_INTERFACES:
            return None
        address = match["address"]
        if address and int(address, 16) > 253:
            raise ConfigError(f"{text}: an address on a bus is from 00 to fd")
        return cls(
            match["interface"],
            match["channel"],
            _number(match["bitrate"]),
            int(address, 16) if address else DEFAULT_ADDRESS,
            "+fd" in text,
            _number(match["data_bitrate"]),
        )

    @property
    def ids(self) -> tuple[int, int]:
        """(from us to the board, from the board to us)."""
        return (
            PROPRIETARY_A | self.address << 8 | GATEWAY_ADDRESS,
            PROPRIETARY_A | GATEWAY_ADDRESS << 8 | self.address,
        )

    def opener(self) -> OpenBus:
        """Raises ConfigError for an interface that python-can lacks."""
        if not self.is_fd:
            return opener(self.interface, self.channel, self.bitrate)
        bitrates = {"bitrate": self.bitrate, "data_bitrate": self.data_bitrate}
        options: dict[str, Any] = {name: value for name, value in bitrates.items() if value is not None}
        return lambda: can.Bus(self.channel, self.interface, ignore_config=True, fd=True, **options)


def pause_ms(bitrate: int) -> int:
    """The pause between two frames that we ask of a board (STmin)."""
    return -(-FRAME_BITS * 1000 * 100 // (MAX_LOAD_PERCENT * bitrate))


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def _opened(port: CanPort) -> can.BusABC:
    try:
        return port.opener()()
    except (can.CanError, OSError):
        raise
    except Exception as error:  # drivers raise what they like
        raise can.CanInitializationError(f"{error or type(error).__name__}") from error


logging.getLogger(LOGGER).addHandler(logging.NullHandler())  # what the library says there is counted here


class CanLine:
    """What a serial port is to a BoardSession: read, write, and a context that closes it."""

    def __init__(self, port: CanPort) -> None:
        """Raises can.CanError or OSError when the bus cannot be opened."""
        send_id, self._receive_id = port.ids
        self._bus = _opened(port)
        self._bus.set_filters([{"can_id": self._receive_id, "can_mask": 0x1FFFFFFF, "extended": True}])
        address = isotp.Address(isotp.AddressingMode.Normal_29bits, txid=send_id, rxid=self._receive_id)
        params = {**_PARAMS, "can_fd": port.is_fd, "bitrate_switch": port.is_fd}
        params["stmin"] = min(pause_ms(port.bitrate or USUAL_BITRATE), MAX_PAUSE_MS)
        params["tx_data_length"] = FD_BYTES if port.is_fd else CLASSIC_BYTES
        self._transport = isotp.TransportLayerLogic(self._received, self._transmit, address, self._failed, params)
        self._waiting = b""
        self._turn_ends_s = 0.0
        self.broken_off = 0  # messages, in either direction

    def __enter__(self) -> CanLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bus.shutdown()

    def read(self, longest_s: float) -> bytes:
        """The link's frames that have come, after a fiftieth of a second at most: the transport has clocks to keep."""
        deadline = time.monotonic() + min(longest_s, READ_TIMEOUT_S)
        while not self._waiting and time.monotonic() < deadline:
            self._turn()
        content, self._waiting = self._waiting, b""
        return content

    def write(self, content: bytes) -> int:
        """Whole frames of the link, as BoardSession makes them."""
        for message in messages_of(content):
            self._transport.send(message)
        self._turn()
        return len(content)

    def _turn(self) -> None:
        self._turn_ends_s = time.monotonic() + TURN_S
        self._transport.process(STEP_S)
        while (message := self._transport.recv()) is not None:
            self._waiting += framed(bytes(message))

    def _received(self, timeout_s: float) -> isotp.CanMessage | None:
        message = self._bus.recv(timeout_s) if time.monotonic() < self._turn_ends_s else None
        if message is None or message.is_error_frame or message.is_remote_frame:
            return None
        data = bytes(message.data)
        return isotp.CanMessage(
            message.arbitration_id, len(data), data, extended_id=message.is_extended_id, is_fd=message.is_fd
        )

    def _transmit(self, message: isotp.CanMessage) -> None:
        frame = can.Message(
            arbitration_id=message.arbitration_id,
            data=message.data,
            is_extended_id=True,
            is_fd=message.is_fd,
            bitrate_switch=message.bitrate_switch,
            check=True,
        )
        self._bus.send(frame, timeout=1)

    def _failed(self, error: Exception) -> None:
        """A message broke off, or a frame belonged to none. What did not reach a board is said again by its clock."""
        self.broken_off += 1
        if not isinstance(error, _OF_OUR_OWN):
            self._waiting += _BROKEN_OFF
