"""Frames written in every dialect: by python-can's writers where it has one, else as the dialect's tool writes them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import can

FD_LENGTHS = (*range(9), 12, 16, 20, 24, 32, 48, 64)


@dataclass(frozen=True, slots=True)
class Sent:
    """A frame as it goes into a log."""

    can_id: int
    is_extended: bool
    time_us: int
    channel: int
    data: bytes

    @property
    def row(self) -> tuple[int, bool, int, str]:
        return self.can_id, self.is_extended, self.time_us * 1000, self.data.hex()

    @property
    def seconds(self) -> str:
        return f"{self.time_us // 10**6}.{self.time_us % 10**6:06}"

    @property
    def hex_id(self) -> str:
        return f"{self.can_id:08X}" if self.is_extended else f"{self.can_id:03X}"


@dataclass(frozen=True, slots=True)
class Writer:
    """What one dialect can say of a frame: the rest reads as given here."""

    dialect: str
    write: Callable[[Sequence[Sent]], bytes]
    has_fd: bool = False
    unit_us: int = 1
    has_times: bool = True
    has_extended: bool = True
    """Without it, identifiers above 0x7FF are read as those of 29 bits."""

    def fitting(self, frames: Sequence[Sent]) -> list[Sent]:
        """The frames that the dialect can write, as it can."""
        kept = [frame for frame in frames if self.has_fd or len(frame.data) <= 8]
        if not self.has_extended:
            kept = [replace(frame, is_extended=frame.can_id > 0x7FF) for frame in kept]
        if not self.has_times:
            return [replace(frame, time_us=0) for frame in kept]
        return [replace(frame, time_us=frame.time_us // self.unit_us * self.unit_us) for frame in kept]


def _spaced(data: bytes) -> str:
    return data.hex(" ").upper()


def _lines(form: Callable[[Sent], str], header: str = "", end: str = "\n") -> Callable[[Sequence[Sent]], bytes]:
    return lambda frames: (header + "".join(form(frame) + end for frame in frames)).encode()


def _candump(frame: Sent) -> str:
    flags = "#1" if len(frame.data) > 8 else ""
    return f"({frame.seconds}) can{frame.channel} {frame.hex_id}#{flags}{frame.data.hex().upper()}"


def _printed(frame: Sent) -> str:
    width = 2 if len(frame.data) > 8 else 1
    return f"  can{frame.channel}  {frame.hex_id:>8}   [{len(frame.data):0{width}}]  {_spaced(frame.data)}".rstrip()


def _asc(
    frame: Sent, number: Callable[[int], str] = "{:X}".format, byte: Callable[[int], str] = "{:02X}".format
) -> str:
    name = number(frame.can_id) + "x" * frame.is_extended
    data = " ".join(map(byte, frame.data))
    if len(frame.data) > 8:
        code = FD_LENGTHS.index(len(frame.data))
        tail = f"{name}  a_name  1 0 {code:x} {len(frame.data)} {data}  102203  133  303000 e0006659"
        return f"  {frame.seconds} CANFD   {frame.channel + 1} Rx  {tail}"
    return f"  {frame.seconds} {frame.channel + 1}  {name:15} Rx   d {len(frame.data)} {data}  Length = 0 BitCount = 0"


def _gvret(frame: Sent, direction: str = "") -> str:
    data = "".join(f"{byte:02X}," for byte in frame.data.ljust(8, b"\0"))
    flag = str(frame.is_extended).lower()
    return f"{frame.time_us},{frame.can_id:08X},{flag},{direction}{frame.channel},{len(frame.data)},{data}"


def _gvret_without_length(frame: Sent) -> str:
    data = "".join(f",{byte:02X}" for byte in frame.data) + "," * (8 - len(frame.data))
    return f"{frame.time_us},0x{frame.can_id:X},{int(frame.is_extended)},{frame.channel}{data}"


def _crtd(frame: Sent) -> str:
    bits = 29 if frame.is_extended else 11
    return f"{frame.seconds} {frame.channel}R{bits} {frame.can_id:X} {_spaced(frame.data)}".rstrip()


def _busmaster(frame: Sent, places: int = 4) -> str:
    seconds, rest = divmod(frame.time_us, 10**6)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{rest // 10 ** (6 - places):04}"
    kind = "x" if frame.is_extended else "s"
    return f"{clock} Rx {frame.channel} 0x{frame.can_id:03X} {kind} {len(frame.data)} {_spaced(frame.data)} "


def _microchip(frame: Sent) -> str:
    data = "".join(f"0x{byte:02X};" for byte in frame.data)
    return f"{frame.time_us // 1000};RX;0x{frame.can_id:08X};{len(frame.data)};{data}"


def _carbus(frame: Sent) -> str:
    seconds, rest = divmod(frame.time_us // 1000, 1000)
    start = f"{seconds},{rest:03}\t{frame.channel}\t0004\t{frame.can_id:03X}\t{len(frame.data)}\t"
    return f"{start}{_spaced(frame.data):23}\t00000000\t        \t"


def _tab_table(frame: Sent) -> str:
    data = "0x" * bool(frame.data) + "".join(f"{byte:02x} " for byte in frame.data)
    return f"1\t{frame.channel}\t7\tRX\t{frame.time_us // 1000}\t\t0x{frame.can_id:08x}\t{len(frame.data)}\t{data}\t"


def _canedge(frame: Sent) -> str:
    length, is_fd = len(frame.data), int(len(frame.data) > 8)
    start = f"{frame.seconds};{frame.channel};{frame.can_id:X};{int(frame.is_extended)}"
    return f"{start};{FD_LENGTHS.index(length)};{length};0;{is_fd};0;{frame.data.hex().upper()}"


def _slcan(frame: Sent, stamp: str = "") -> str:
    kinds = "Dd" if len(frame.data) > 8 else "Tt"
    length = FD_LENGTHS.index(len(frame.data))
    return f"{kinds[not frame.is_extended]}{frame.hex_id}{length:X}{frame.data.hex().upper()}{stamp}"


def _stamped(frames: Sequence[Sent]) -> bytes:
    lines = [_slcan(frame, f"{frame.time_us // 1000 % 60_000:04X}") for frame in frames]
    return "".join(line + "\r" for line in lines).encode()


def _trc(version: str, form: Callable[[Sent], str]) -> Callable[[Sequence[Sent]], bytes]:
    return _lines(form, f";$FILEVERSION={version}\r\n;---+--\r\n", "\r\n")


def _trc_tail(frame: Sent) -> tuple[str, str]:
    name = f"{frame.can_id:08X}" if frame.is_extended else f"{frame.can_id:04X}"
    return f"{name:>8}", f"{len(frame.data)}  {_spaced(frame.data)} "


def _trc_1_0(frame: Sent) -> str:
    name, rest = _trc_tail(frame)
    return f"     1) {frame.time_us // 1000:9}  {name}  {rest}"


def _trc_1_1(frame: Sent) -> str:
    name, rest = _trc_tail(frame)
    return f"     1) {frame.time_us / 1000:10.1f}  Rx     {name}  {rest}"


def _trc_1_3(frame: Sent) -> str:
    name, rest = _trc_tail(frame)
    return f"     1) {frame.time_us // 1000:9}.{frame.time_us % 1000:03} {frame.channel}  Rx    {name} -  {rest}"


def by_python_can(suffix: str, folder: Path, frames: Sequence[Sent]) -> bytes:
    """What python-can's writer of that suffix makes of the frames."""
    path = folder / f"log.{suffix}"
    path.unlink(missing_ok=True)
    writer = can.Logger(str(path))
    for frame in frames:
        writer.on_message_received(
            can.Message(
                timestamp=frame.time_us / 1e6,
                arbitration_id=frame.can_id,
                is_extended_id=frame.is_extended,
                data=frame.data,
                is_fd=len(frame.data) > 8,
                channel=frame.channel,
            )
        )
    writer.stop()
    return path.read_bytes()


def blf_object(frame: Sent, kind: int = 1, header_version: int = 1) -> bytes:
    """CAN_MESSAGE (1), CAN_MESSAGE2 (86), CAN_FD_MESSAGE (100) or CAN_FD_MESSAGE_64 (101), with its padding."""
    can_id = frame.can_id | frame.is_extended << 31
    length, code, channel = len(frame.data), FD_LENGTHS.index(len(frame.data)), frame.channel + 1
    payload = {
        1: lambda: struct.pack("<HBBI8s", channel, 0, length, can_id, frame.data),
        86: lambda: struct.pack("<HBBI8sIBBH", channel, 0, length, can_id, frame.data, 0, 0, 0, 0),
        100: lambda: struct.pack("<HBBIIBBB5x64s", channel, 0, code, can_id, 0, 0, 1, length, frame.data),
        101: lambda: (
            struct.pack("<BBBBIIIIIIIHBBI", channel, code, length, 0, can_id, 0, 0x1000, *[0] * 8) + frame.data
        ),
    }[kind]()
    return blf_raw(payload, kind, frame.time_us * 1000, header_version)


def blf_raw(payload: bytes, kind: int, time_ns: int = 0, header_version: int = 1) -> bytes:
    """An object of any kind."""
    timed = struct.pack("<IHHQ", 2, 0, 0, time_ns) + bytes(8 * (header_version == 2))
    size = 16 + len(timed) + len(payload)
    return (
        struct.pack("<4sHHII", b"LOBJ", 16 + len(timed), header_version, size, kind) + timed + payload + bytes(size % 4)
    )


def blf_container(data: bytes, is_packed: bool = True) -> bytes:
    packed = zlib.compress(data) if is_packed else data
    size = 32 + len(packed)
    start = struct.pack("<4sHHIIH6xI4x", b"LOBJ", 16, 1, size, 10, 2 * is_packed, len(data))
    return start + packed + bytes(size % 4)


BLF_HEADER = struct.pack("<4sI136x", b"LOGG", 144)


def _blf(kinds: tuple[int, int]) -> Callable[[Sequence[Sent]], bytes]:
    """Classic and CAN FD frames in objects of these kinds, cut into containers that do not respect objects."""

    def write(frames: Sequence[Sent]) -> bytes:
        objects = b"".join(blf_object(frame, kinds[len(frame.data) > 8], 1 + frame.channel % 2) for frame in frames)
        pieces = [objects[start : start + 100] for start in range(0, len(objects), 100)]
        return BLF_HEADER + b"".join(blf_container(piece, len(piece) % 3 > 0) for piece in pieces)

    return write


_TRC_2_0 = ";$FILEVERSION=2.0\n;$COLUMNS=N,O,T,I,d,l,D\n"
_GVRET = "Time Stamp,ID,Extended,{}Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n"
_DAY = "***BUSMASTER Ver 2.4.0***\n***START DATE AND TIME 1:1:1970 0:0:0:0***\n***HEX***\n***SYSTEM MODE***\n"
_TAB = "ParserFlags\tCh\tCounter\tT/R\tTime\tFlags\tCAN ID\tLen\tData\t\n"
_CANEDGE = "TimestampEpoch;BusChannel;ID;IDE;DLC;DataLength;Dir;EDL;BRS;DataBytes\n"
_PUTTY = "=~=~=~=~=~=~=~=~=~=~=~= PuTTY log 2023.05.01 10:11:12 =~=~=~=~=~=~=~=~=~=~=~=\r\n"

WRITERS = {
    "candump -l": Writer("candump -l", _lines(_candump), has_fd=True),
    "candump -l -x": Writer("candump -l", _lines(lambda frame: _candump(frame) + " R"), has_fd=True),
    "candump": Writer("candump", _lines(_printed), has_fd=True, has_times=False),
    "candump -ta": Writer("candump", _lines(lambda frame: f" ({frame.seconds})" + _printed(frame)), has_fd=True),
    "asc": Writer("ASC", _lines(_asc, "base hex  timestamps absolute\n"), has_fd=True),
    "asc in decimal": Writer("ASC", _lines(lambda frame: _asc(frame, str, str), "base dec  timestamps absolute\n")),
    "trc 1.0": Writer("PEAK TRC", _trc("1.0", _trc_1_0), unit_us=1000),
    "trc 1.1": Writer("PEAK TRC", _trc("1.1", _trc_1_1), unit_us=100),
    "trc 1.3": Writer("PEAK TRC", _trc("1.3", _trc_1_3)),
    "gvret": Writer("GVRET CSV", _lines(_gvret, _GVRET.format(""))),
    "gvret with direction": Writer("GVRET CSV", _lines(lambda frame: _gvret(frame, "Rx,"), _GVRET.format("Dir,"))),
    "gvret without header": Writer("GVRET CSV", _lines(_gvret)),
    "gvret without length": Writer(
        "GVRET CSV", _lines(_gvret_without_length, "Time Stamp,ID,Extended,Bus,D1,D2,D3,D4,D5,D6,D7,D8\n")
    ),
    "crtd": Writer("CRTD", _lines(_crtd, "0.000000 CXX made up\n")),
    "busmaster": Writer("BUSMASTER", _lines(_busmaster, _DAY), unit_us=100),
    "microchip": Writer(
        "Microchip CAN BUS Analyzer", _lines(_microchip, "//---\nMicrochip Technology Inc.\n"), False, 1000, True, False
    ),
    "carbus": Writer("CARBUS", _lines(_carbus, "@ TEXT @ 2 @ 64 @ 0 @\r", "\r"), False, 1000, True, False),
    "tab table": Writer("tab table", _lines(_tab_table, _TAB), False, 1000, True, False),
    "canedge": Writer("CANedge CSV", _lines(_canedge, _CANEDGE), has_fd=True),
    "generic id": Writer(
        "ID and data CSV",
        _lines(lambda frame: f"{frame.can_id:08X},{_spaced(frame.data)} ", "ID,Data Bytes\n"),
        has_times=False,
        has_extended=False,
    ),
    "slcan": Writer("slcan", _lines(_slcan, _PUTTY, "\r"), has_fd=True, has_times=False),
    "slcan with times": Writer("slcan", _stamped, False, 1000),
    "blf": Writer("BLF", _blf((1, 100)), has_fd=True),
    "blf of other kinds": Writer("BLF", _blf((86, 101)), has_fd=True),
}
