"""The CAN FD controller MCP2518FD on SPI, mode 0, at most half of its clock. Facts are from Microchip DS20006027 (the
chip: SPI, registers at 0xE00) and DS20005678 (the family's reference manual: the CAN part, named FRM below).

One receive FIFO and one transmit FIFO, and nothing in between. A chip that does not answer as it should is one that is
off: `state` says so, `faults` counts it, `restart` sets it up anew. Nothing raises but a wrong setting. Remote frames
are passed over.
"""

from logger.drivers.can_filters import cover
from logger.drivers.can_lengths import LENGTHS, length_code
from logger.drivers.spi_registers import SpiRegisters

BITRATES = (125000, 250000, 500000, 1000000)
DATA_BITRATES = (0, 1000000, 2000000, 4000000, 5000000, 8000000)  # 0: classic CAN, without FD
OSCILLATORS_HZ = (20000000, 40000000)

_RESET, _WRITE, _READ = 0x00, 0x20, 0x30  # four bits of instruction, then twelve of address (DS20006027 table 4-1)
_CON, _NBTCFG, _TREC, _FLTCON, _FLTOBJ = 0x000, 0x004, 0x034, 0x1D0, 0x1F0
_RX_CON, _RX_STA, _TX_CON, _TX_STA = 0x05C, 0x060, 0x068, 0x06C  # FIFO 1 and FIFO 2; FIFOUA follows FIFOSTA
_RAM, _RAM_BYTES, _OSC, _ECCCON = 0x400, 2048, 0xE00, 0xE0C
_MIXED, _LISTEN, _CONFIGURE, _CLASSIC = 0, 3, 4, 6  # CiCON.REQOP and OPMOD
_CON_START = b"\x60\x07\x00\x04"  # ISO CRC, no transmit queue and event FIFO, as many tries as it takes, REQOP
_OSC_READY = 4  # of byte 1 of OSC
_NOT_EMPTY, _OVERFLOW = 1, 8  # FIFOSTA
_NOT_FULL = 1
_UINC, _UINC_AND_SEND = b"\x01", b"\x03"  # byte 1 of FIFOCON
_IDE, _RTR, _BRS, _FDF = 0x10, 0x20, 0x40, 0x80
_BUS_OFF, _PASSIVE, _WARNING = 0x20, 0x18, 0x07  # byte 2 of CiTREC
_FILTERS = 32
_TX_OBJECTS = 8
_CHUNK = 64
_RETRIES = 200  # readings until oscillator and mode are there: 3 ms at most (DS20006027 table 7-3)


class MCP2518FD:
    """The controller of docs/can.md, "Controllers". `lost`: overflows seen, of one frame or more each."""

    def __init__(self, spi, select, bitrate, oscillator_hz, data_bitrate=0, is_silent=False):
        """select: a Pin that is high. data_bitrate: 0 for a bus without FD. is_silent: listens, and does not even
        acknowledge. Raises ValueError."""
        self.lost = 0
        self.max_data_bytes = 64 if data_bitrate else 8
        self._bit_timing = bit_timing(bitrate, oscillator_hz, data_bitrate)
        self._mode = _LISTEN if is_silent else _MIXED if data_bitrate else _CLASSIC
        self._object_bytes = 8 + self.max_data_bytes  # no time stamps
        self._rx_objects = 18 if data_bitrate else 32
        self._registers = SpiRegisters(spi, select, (1, 4, 8, 12, _CHUNK, self._object_bytes))
        self._ids = None
        got = memoryview(self._registers.got)
        self._data = [got[10 : 10 + count] for count in LENGTHS if count <= self.max_data_bytes]
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
        self._write(_CON + 3, b"\x0c")  # gives up what is to be sent; a reset is for configuration mode only
        if not self._waits_for(_CON + 2, 0xE0, _CONFIGURE << 5):
            return
        self._registers.exchange(_RESET, 0, 1)
        if not self._waits_for(_OSC + 1, _OSC_READY, _OSC_READY):
            return
        self._write(_ECCCON, b"\x01")
        for address in range(_RAM, _RAM + _RAM_BYTES, _CHUNK):  # or reading it gives ECC errors (FRM section 3)
            self._write(address, bytes(_CHUNK))
        self._write(_CON, _CON_START)
        self._write(_NBTCFG, self._bit_timing)
        size = 7 << 5 if self.max_data_bytes == 64 else 0
        self._write(_RX_CON, bytes([0, 0, 0x60, size | self._rx_objects - 1]))
        self._write(_TX_CON, bytes([0x80, 0, 0x60, size | _TX_OBJECTS - 1]))
        self._write_filters()
        self._write(_CON + 3, bytes([self._mode]))
        self._waits_for(_CON + 2, 0xE0, self._mode << 5)

    def state(self):
        """0 on, 1 warning, 2 passive, 3 off, or not there. It comes back from bus-off by itself (FRM section 10)."""
        registers = self._registers
        if not registers.read(_READ, _CON, 12):
            return 3
        got = registers.got
        is_as_set = got[4] >> 5 == self._mode and got[5] & 7 == self._mode
        for i in range(8):
            is_as_set = is_as_set and got[6 + i] == self._bit_timing[i]
        if not is_as_set:
            registers.faults += 1
            return 3
        if not registers.read(_READ, _TREC, 4):
            return 3
        flags = got[4]
        return 3 if flags & _BUS_OFF else 2 if flags & _PASSIVE else 1 if flags & _WARNING else 0

    def receive(self):
        """None or [identifier, is it extended, data], good until the next call."""
        registers = self._registers
        got = registers.got
        for _ in range(3):
            if not registers.read(_READ, _RX_STA, 8):
                return None
            flags, address = got[2], got[6] | got[7] << 8
            is_data = None
            if not (got[3] & 0xE0 or got[4] or got[5] or got[8] or got[9]):  # bits that are always 0
                if flags & _OVERFLOW:
                    self.lost += 1
                    self._write(_RX_STA, b"\x00")
                if not flags & _NOT_EMPTY:
                    return None
                is_data = self._fetch(address)
            if is_data is None:
                registers.faults += 1
                return None
            self._write(_RX_CON + 1, _UINC)
            if is_data:
                return self._frame
        return None

    def send(self, can_id, is_extended, data, is_fd=False):
        """False where no place is free, or the chip did not take the frame. is_fd: with the faster bit rate, too."""
        code = length_code(len(data), self.max_data_bytes if is_fd else 8)
        registers = self._registers
        if self._mode == _LISTEN or not registers.read(_READ, _TX_STA, 8) or not registers.got[2] & _NOT_FULL:
            return False
        address = _RAM + (registers.got[6] | registers.got[7] << 8)
        if not self._is_inside(address, self._rx_objects, _TX_OBJECTS):
            registers.faults += 1
            return False
        self._put(can_id, is_extended, data, code | (_FDF | _BRS if is_fd else 0))
        registers.exchange(_WRITE | address >> 8, address & 0xFF, self._object_bytes)
        if not registers.check(_READ | address >> 8, address & 0xFF, self._object_bytes):
            return False
        self._write(_TX_CON + 1, _UINC_AND_SEND)
        return True

    def _put(self, can_id, is_extended, data, flags):
        """A transmit message object (FRM section 3.3.2), in place."""
        sent = self._registers.sent
        put_id(sent, 2, can_id, is_extended)
        sent[6] = flags | _IDE if is_extended else flags
        sent[7] = sent[8] = sent[9] = 0
        for i in range(self.max_data_bytes):
            sent[10 + i] = data[i] if i < len(data) else 0

    def _fetch(self, address):
        """Fills the frame from a receive message object (FRM section 3.3.3). True for data, False for a remote frame,
        None for what this chip never says."""
        address += _RAM
        if not self._is_inside(address, 0, self._rx_objects):
            return None
        if not self._registers.read(_READ | address >> 8, address & 0xFF, self._object_bytes):
            return None
        got = self._registers.got
        code = got[6] & 15
        if not got[6] & _FDF:
            code = min(code, 8)  # codes 9 to 15 are 8 bytes, too
        if got[5] & 0xE0 or code >= len(self._data):
            return None
        can_id = got[2] | (got[3] & 7) << 8
        is_extended = bool(got[6] & _IDE)
        if is_extended:
            can_id = can_id << 18 | (got[5] & 0x1F) << 13 | got[4] << 5 | got[3] >> 3
        self._frame[0] = can_id
        self._frame[1] = is_extended
        self._frame[2] = self._data[code]
        return not got[6] & _RTR

    def _is_inside(self, address, before, count):
        """Whether an object of a FIFO of `count`, behind `before` others, lies there."""
        address -= _RAM
        number = address // self._object_bytes  # divmod takes from the heap
        return number * self._object_bytes == address and before <= number < before + count

    def _waits_for(self, address, mask, value):
        registers = self._registers
        for _ in range(_RETRIES):
            if registers.read(_READ | address >> 8, address & 0xFF, 1) and registers.got[2] & mask == value:
                return True
        registers.faults += 1
        return False

    def _write(self, address, content):
        for i in range(len(content)):
            self._registers.sent[2 + i] = content[i]
        self._registers.exchange(_WRITE | address >> 8, address & 0xFF, len(content))

    def _write_filters(self):
        """Each with the same mask, into FIFO 1 (FRM section 5). A filter that is not enabled may be written."""
        content = bytearray(8)
        for number, (can_id, mask, is_extended) in enumerate(_filters(self._ids)):
            put_id(content, 0, can_id, is_extended)
            put_id(content, 4, mask, is_extended or is_extended is None)
            if is_extended is not None:
                content[3] |= 0x40 if is_extended else 0  # EXIDE
                content[7] |= 0x40  # MIDE: that bit counts, too
            self._write(_FLTOBJ + 8 * number, content)
            self._write(_FLTCON + number, b"\x81")


def put_id(content, at, can_id, is_extended):
    """The identifier as in message objects and filters: SID in bits 0 to 10, EID in bits 11 to 28."""
    standard, rest = (can_id >> 18, can_id & 0x3FFFF) if is_extended else (can_id, 0)
    content[at] = standard & 0xFF
    content[at + 1] = standard >> 8 | (rest & 0x1F) << 3
    content[at + 2] = rest >> 5 & 0xFF
    content[at + 3] = rest >> 13


def bit_timing(bitrate, oscillator_hz, data_bitrate):
    """CiNBTCFG, CiDBTCFG and CiTDC, both bits sampled at 75 to 80 %, without a prescaler (FRM sections 2.2 and 2.3).
    Raises ValueError."""
    known = bitrate in BITRATES and oscillator_hz in OSCILLATORS_HZ and data_bitrate in DATA_BITRATES
    quanta, data_quanta = oscillator_hz // bitrate, oscillator_hz // (data_bitrate or 1000000)
    if not known or 0 < data_bitrate < bitrate or data_quanta < 4 or oscillator_hz % (data_bitrate or 1):
        raise ValueError(f"{bitrate} and {data_bitrate} bit/s cannot be had from {oscillator_hz} Hz")
    after, data_after = quanta // 5, (data_quanta + 3) // 5
    before, data_before = quanta - 1 - after, data_quanta - 1 - data_after
    nominal = bytes([after - 1, after - 1, before - 1, 0])
    data = bytes([data_after - 1, data_after - 1, data_before - 1, 0])
    delay = bytes([0, data_before, 2 if data_bitrate else 0, 0])  # measured, and the sample point behind it
    return nominal + data + delay


def _filters(ids):
    """[(identifier, mask, is it extended; None for either)]."""
    if ids is None:
        return [(0, 0, None)]
    standard = [can_id for can_id, is_extended in ids if not is_extended]
    extended = [can_id for can_id, is_extended in ids if is_extended]
    places = _FILTERS if not extended else _FILTERS // 2 if standard else 0
    mask, kept = cover(standard, places, 0x7FF)
    found = [(can_id, mask, False) for can_id in kept]
    mask, kept = cover(extended, _FILTERS - len(found), 0x1FFFFFFF)
    return found + [(can_id, mask, True) for can_id in kept]
