"""The CAN controller MCP2515 on SPI, mode 0, at most 10 MHz: classic CAN. Facts are from Microchip DS20001801J.

A chip that does not answer as it should is one that is off: `state` says so, `faults` counts it, `restart` sets it up
anew. Nothing raises but a wrong setting. Remote frames are passed over.
"""

from logger.drivers.can_filters import cover
from logger.drivers.spi_registers import SpiRegisters

BITRATES = (125000, 250000, 500000, 1000000)
OSCILLATORS_HZ = (8000000, 16000000, 20000000)

# section 12, table 12-1
_RESET, _READ, _WRITE, _MODIFY, _STATUS, _LOAD_TX0, _SEND_TX0 = 0xC0, 0x03, 0x02, 0x05, 0xA0, 0x40, 0x81
# section 11, table 11-1. CANSTAT and CANCTRL are the last two of every row
_MASK0, _CNF3, _CANINTE, _CANINTF, _EFLG, _TXB0SIDH, _RXB0CTRL = 0x20, 0x28, 0x2B, 0x2C, 0x2D, 0x31, 0x60
_CANCTRL, _RXB1CTRL = 0x0F, 0x70
_FILTERS = b"\x00\x04\x08\x10\x14\x18"  # RXF0SIDH to RXF5SIDH
_NORMAL, _LISTEN, _CONFIGURE = 0x00, 0x60, 0x80  # CANCTRL.REQOP, register 10-1
_MODE, _NOT_IN_CANSTAT = 0xE0, 0x11
_TX0_WAITS = 4  # of READ STATUS, figure 12-8; bits 0 and 1 are the receive buffers
_OVERFLOWS, _BUS_OFF, _PASSIVE, _WARNING = 0xC0, 0x20, 0x18, 0x07  # of EFLG, register 6-3
_IDE, _SRR, _RTR = 0x08, 0x10, 0x40
_ROLL_OVER = 4  # RXB0CTRL.BUKT
_RETRIES = 100  # readings until the oscillator runs, 128 of its cycles: 16 µs (section 8.1)


class MCP2515:
    """The controller of docs/can.md, "Controllers". `lost`: overflows seen, of one frame or more each."""

    max_data_bytes = 8

    def __init__(self, spi, select, bitrate, oscillator_hz, is_silent=False):
        """select: a Pin that is high. is_silent: listens, and does not even acknowledge. Raises ValueError."""
        self.lost = 0
        self._bit_timing = bit_timing(bitrate, oscillator_hz)
        self._mode = _LISTEN if is_silent else _NORMAL
        self._registers = SpiRegisters(spi, select, (1, 2, 4, 8, 13, 16))
        self._ids = None
        self._is_second_older = False
        self._data = [memoryview(self._registers.got)[8 : 8 + count] for count in range(9)]
        self._frame = [0, False, self._data[0]]
        self.restart()

    @property
    def faults(self):
        return self._registers.faults

    def set_filters(self, ids):
        """ids: [(identifier, is it extended)] to let through, and maybe others with them; None for all."""
        self._ids = ids
        self.restart()

    def restart(self):
        """From reset to the mode it works in. What was to be sent is forgotten."""
        self._registers.command(_RESET)
        if self._waits_for(_CONFIGURE):
            self._write(_CNF3, self._bit_timing, 4)
            self._write_filters()
            self._write(_RXB0CTRL, bytes([_ROLL_OVER]), 1)
            self._write(_RXB1CTRL, b"\x00", 1)
            self._write(_CANCTRL, bytes([self._mode]), 1)
            self._waits_for(self._mode)

    def state(self):
        """0 on, 1 warning, 2 passive, 3 off, or not there. It comes back from bus-off by itself (section 6.6)."""
        registers = self._registers
        if not registers.read(_READ, _CNF3, 8):
            return 3
        got = registers.got
        for i in range(4):
            if got[2 + i] != self._bit_timing[i]:
                return self._fault()
        if got[8] & (_MODE | _NOT_IN_CANSTAT) != self._mode or got[9] != self._mode:
            return self._fault()
        flags = got[7]
        self._count_overflows(flags)
        return 3 if flags & _BUS_OFF else 2 if flags & _PASSIVE else 1 if flags & _WARNING else 0

    def receive(self):
        """None or [identifier, is it extended, data], good until the next call."""
        registers = self._registers
        for _ in range(3):
            if not registers.read(_STATUS, 0, 1):
                return None
            status = registers.got[2]
            if status != registers.got[1] or not status & 3:
                return None
            if status & 3 == 3:
                self._look_for_overflows()
            is_second = status & 3 == 2 or (status & 3 == 3 and self._is_second_older)
            self._is_second_older = status & 3 == 3 and not is_second  # it was there before what comes next
            if not registers.read(_READ, _RXB1CTRL if is_second else _RXB0CTRL, 16):
                return None
            is_data = self._parse(registers.got)
            if is_data is None:
                registers.faults += 1
                return None
            self._modify(_CANINTF, 2 if is_second else 1)
            if is_data:
                return self._frame
        return None

    def send(self, can_id, is_extended, data, is_fd=False):
        """False where the last frame has not left yet, or the chip did not take this one."""
        if is_fd or len(data) > 8:
            raise ValueError("classic CAN has at most 8 bytes")
        registers = self._registers
        if self._mode != _NORMAL or not registers.read(_STATUS, 0, 1) or registers.got[2] & _TX0_WAITS:
            return False
        sent = registers.sent
        put_id(sent, 2, can_id, is_extended)
        sent[6] = len(data)
        for i in range(8):
            sent[7 + i] = data[i] if i < len(data) else 0
        registers.exchange(_WRITE, _TXB0SIDH, 13)
        if not registers.check(_READ, _TXB0SIDH, 13):
            return False
        registers.command(_SEND_TX0)
        return True

    def _fault(self):
        self._registers.faults += 1
        return 3

    def _waits_for(self, mode):
        registers = self._registers
        for _ in range(_RETRIES):
            registers.exchange(_READ, _CANCTRL - 1, 2)
            if registers.got[2] & (_MODE | _NOT_IN_CANSTAT) == mode:
                return True
        registers.faults += 1
        return False

    def _write(self, address, content, count):
        for i in range(count):
            self._registers.sent[2 + i] = content[i]
        self._registers.exchange(_WRITE, address, count)

    def _modify(self, address, mask):
        """Clears the bits of the mask."""
        self._registers.sent[2] = mask
        self._registers.sent[3] = 0
        self._registers.exchange(_MODIFY, address, 2)

    def _write_filters(self):
        """Both masks alike. A filter's EXIDE bit is compared without a mask, and the 18 lower bits of a mask would be
        compared with the data of standard frames, so they are left out where there are any (registers 4-1, 4-12)."""
        mask, filters = _filters(self._ids)
        content = bytearray(4)
        for i in range(2):
            put_id(content, 0, mask, True)
            content[1] &= ~_IDE
            self._write(_MASK0 + 4 * i, content, 4)
        for i in range(len(_FILTERS)):
            is_extended, can_id = filters[i % len(filters)]
            put_id(content, 0, can_id, is_extended)
            self._write(_FILTERS[i], content, 4)

    def _parse(self, got):
        """Fills the frame. True for data, False for a remote frame, None for what this chip never says."""
        if got[16] & (_MODE | _NOT_IN_CANSTAT) != self._mode or got[17] != self._mode or got[2] & 0x90 or got[4] & 4:
            return None
        can_id = got[3] << 3 | got[4] >> 5
        is_extended = bool(got[4] & _IDE)
        if is_extended:
            can_id = can_id << 18 | (got[4] & 3) << 16 | got[5] << 8 | got[6]
        self._frame[0] = can_id
        self._frame[1] = is_extended
        self._frame[2] = self._data[min(got[7] & 15, 8)]  # codes 9 to 15 are 8 bytes, too
        return not got[7] & _RTR if is_extended else not got[4] & _SRR

    def _look_for_overflows(self):
        if self._registers.read(_READ, _EFLG, 1):
            self._count_overflows(self._registers.got[2])

    def _count_overflows(self, flags):
        if flags & _OVERFLOWS:
            self.lost += 1 if flags & _OVERFLOWS != _OVERFLOWS else 2
            self._modify(_EFLG, _OVERFLOWS)


def put_id(content, at, can_id, is_extended):
    """SIDH, SIDL, EID8 and EID0 (registers 3-3 to 3-6)."""
    standard = can_id >> 18 if is_extended else can_id
    content[at] = standard >> 3
    content[at + 1] = (standard & 7) << 5 | (_IDE | can_id >> 16 & 3 if is_extended else 0)
    content[at + 2] = can_id >> 8 & 0xFF if is_extended else 0
    content[at + 3] = can_id & 0xFF if is_extended else 0


def bit_timing(bitrate, oscillator_hz):
    """CNF3, CNF2, CNF1 and CANINTE, for a sample at 75 to 81 % (section 5, registers 5-1 to 5-3). Raises ValueError."""
    if bitrate in BITRATES and oscillator_hz in OSCILLATORS_HZ:
        for quanta in (20, 16, 10, 8):
            prescaler, rest = divmod(oscillator_hz, 2 * bitrate * quanta)
            if not rest and 1 <= prescaler <= 64:
                phase2 = max(quanta // 5, 2)
                before = quanta - 1 - phase2
                phase1 = (before + 1) // 2
                jump = phase2 - 1  # below PHSEG2 (section 5.4)
                settings = 0x80 | phase1 - 1 << 3 | before - phase1 - 1
                return bytes([phase2 - 1, settings, jump - 1 << 6 | prescaler - 1, 0])
    raise ValueError(f"{bitrate} bit/s cannot be had from {oscillator_hz} Hz")


def _filters(ids):
    """(mask over 29 bits, [(is it extended, identifier)])."""
    if ids is None:
        return 0, [(False, 0), (True, 0)]
    standard = [can_id << 18 for can_id, is_extended in ids if not is_extended]
    extended = [can_id for can_id, is_extended in ids if is_extended]
    mask = 0x7FF << 18 if standard else 0x1FFFFFFF
    for places in range(len(_FILTERS), 0, -1):
        tried, kept = cover(standard + extended, places, mask)
        found = [(False, can_id >> 18) for can_id in kept if can_id in [each & tried for each in standard]]
        found += [(True, can_id) for can_id in kept if can_id in [each & tried for each in extended]]
        if len(found) <= len(_FILTERS):
            return tried, found
    return 0, [(False, 0), (True, 0)]
