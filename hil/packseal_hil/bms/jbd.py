"""A JBD (Jiabaida, Xiaoxiang) board without its port: requests in, answers out, of what the pack last showed.

Sources, as firmware/logger/core/jbd.py has them: "Jiabaida general protocol" V4 to V13, sections "Frame structure",
"0x03", "0x04" and "0x05". A request is DD A5 register 00 checksum 77. What is no request is passed over in silence, as
the board does. It knows no state of health; what it has of one is its nominal capacity beside the rated one, and the
count of its cycles. Both begin anew with `reset`.
"""

from __future__ import annotations

import struct

from packseal_hil.bms.sensing import pack_mv, shown_mv
from packseal_hil.readings import PackReading

BAUD = 9600
MAX_CELLS = 32
STATUS, CELL_VOLTAGES, HARDWARE = 0x03, 0x04, 0x05
MODEL = b"SP16S010-PACKSEAL-BENCH"
_START, _READ, _END, _REFUSED = 0xDD, 0xA5, 0x77, 0x80
_REQUEST_BYTES = 7
_ZERO_CELSIUS_DK = 2731
_VERSION = 0x21  # of its software, as 2.1
_CHARGES, _DISCHARGES = 1, 2  # bits of its switches
_MS_PER_HOUR = 3_600_000


class JbdBoard:
    """Silent until it has been shown a reading."""

    def __init__(self, rated_capacity_mah: int, strings: int = 1, cycles: int = 0) -> None:
        """cycles: those it has counted before. Raises ValueError for a capacity that it has no number for."""
        if not 0 < rated_capacity_mah <= 655_350:
            raise ValueError(f"a JBD counts up to 655350 mAh, not {rated_capacity_mah}")
        self.cycles = cycles
        self._rated_mah, self._strings = rated_capacity_mah, strings
        self._discharged_mams = 0
        self._has_forgotten = False
        self._reading: PackReading | None = None
        self._came = b""

    def show(self, reading: PackReading) -> None:
        """Raises ValueError for more cells than such a board has."""
        if len(reading.cell_mv) > MAX_CELLS:
            raise ValueError(f"a JBD has at most {MAX_CELLS} cells, not {len(reading.cell_mv)}")
        if self._reading is not None and reading.pack_current_ma < 0:
            self._count(-reading.pack_current_ma * max(reading.pack_ms - self._reading.pack_ms, 0))
        self._reading = reading

    def reset(self) -> None:
        """Its memory is lost: no cycles, and the pack counts as new."""
        self.cycles = self._discharged_mams = 0
        self._has_forgotten = True

    def receive(self, content: bytes) -> bytes:
        """The answers to the requests that are complete with this."""
        self._came += content
        answers = b""
        while (start := self._came.find(_START)) >= 0 and len(self._came) - start >= _REQUEST_BYTES:
            frame = self._came[start : start + _REQUEST_BYTES]
            if _is_request(frame):
                answers += self._answer(frame[2])
                self._came = self._came[start + _REQUEST_BYTES :]
            else:
                self._came = self._came[start + 1 :]
        self._came = self._came[start:] if start >= 0 else b""
        return answers

    def _count(self, discharged_mams: int) -> None:
        """A cycle is the rated capacity taken out."""
        self._discharged_mams += discharged_mams
        cycle_mams = self._rated_mah * _MS_PER_HOUR
        self.cycles += self._discharged_mams // cycle_mams
        self._discharged_mams %= cycle_mams

    def _answer(self, register: int) -> bytes:
        if self._reading is None:
            return b""
        if register == STATUS:
            return _framed(register, 0, self._status(self._reading))
        if register == CELL_VOLTAGES:
            cells_mv = shown_mv(self._reading, self._strings)
            return _framed(register, 0, struct.pack(f">{len(cells_mv)}H", *cells_mv))
        if register == HARDWARE:
            return _framed(register, 0, MODEL)
        return _framed(register, _REFUSED, b"")

    def _status(self, reading: PackReading) -> bytes:
        soh_cpct = 10_000 if self._has_forgotten else reading.soh_reported_cpct
        nominal_mah = self._rated_mah * soh_cpct // 10_000
        remaining_mah = nominal_mah * reading.soc_reported_cpct // 10_000
        current_cah = max(min(round(reading.pack_current_ma / 10), 32767), -32768)
        head = struct.pack(
            ">HhHHHHHHH",
            min(pack_mv(reading, self._strings) // 10, 0xFFFF),
            current_cah,
            min(remaining_mah // 10, 0xFFFF),
            min(nominal_mah // 10, 0xFFFF),
            min(self.cycles, 0xFFFF),
            *(0, 0, 0, 0),  # made on, balanced below and above cell 16, protections
        )
        switches = _CHARGES | _DISCHARGES if reading.is_contactor_closed else 0
        soc_pct = min(max(reading.soc_reported_cpct // 100, 0), 100)
        sensors_dk = [_ZERO_CELSIUS_DK + int(ddegc) for ddegc in reading.temperature_ddegc]
        tail = bytes([_VERSION, soc_pct, switches, len(reading.cell_mv), len(sensors_dk)])
        return head + tail + struct.pack(f">{len(sensors_dk)}H", *sensors_dk)


def _is_request(frame: bytes) -> bool:
    register, length, check = frame[2], frame[3], frame[4] << 8 | frame[5]
    is_framed = frame[1] == _READ and frame[6] == _END and length == 0
    return is_framed and check == 0x10000 - register


def _framed(register: int, status: int, content: bytes) -> bytes:
    check = -(status + len(content) + sum(content)) & 0xFFFF
    return bytes([_START, register, status, len(content)]) + content + check.to_bytes(2, "big") + bytes([_END])
