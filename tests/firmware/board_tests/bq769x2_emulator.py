"""A BQ76952 or BQ76942 at the end of an I2C bus, register for register (SLUUBY2B): what the firmware uses of it.

Has the methods of machine.I2C. `now_ms` is set by whoever drives; values are a function of the time of their scan.
"""

from errno import EIO, ETIMEDOUT

SCAN_MS, FULL_SCAN_MS = 63, 189
BUSY_MS = 2  # a subcommand takes so long
POR, CFGUPDATE, ADSCAN, FULLSCAN = 8, 1, 2, 0x80
FULLACCESS, SEALED = 1 << 8, 3 << 8


def crc8(content):
    """Bit by bit, as the manual describes it."""
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc << 1 ^ (0x107 if crc & 0x80 else 0)
    return crc


class Bq769x2Emulator:
    """Faults: `is_absent` (nobody acknowledges), `is_stuck`, `spoil` (applied to the bytes of each read, with CRCs),
    `tear_at` (from this byte of the next long read on, the next measurement is in place).
    """

    def __init__(self, device_number=0x7695, address=0x08, has_crc=True):
        self.now_ms = 0
        self.address = address
        self.device_number = device_number
        self.has_crc = has_crc
        self.is_absent = self.is_stuck = False
        self.spoil = lambda content: content
        self.tear_at = None
        self.security = FULLACCESS
        self.otp = {}  # data memory that survives a reset
        self.times_opened = 0  # CONFIG_UPDATE opens the FETs
        self.bad_writes = 0
        self.reset()

    def reset(self):
        self.memory = {0x9303: 0x05, 0x9304: 0, 0x9305: 0, 0x92FD: 0x07}
        self.memory.update(self.otp)
        self.status = POR
        self.alarm_mask, self.alarms = 0xF800, 0
        self.started_ms = self.scanned_ms = self.full_scanned_ms = self.now_ms
        self.has_scanned = False
        self._subcommand, self._ready_ms = 0, self.now_ms
        self._buffer = bytearray(32)

    # What it measures.

    def cell_mv(self, input_number, at_ms):
        return 3000 + (at_ms // SCAN_MS * 7 + input_number * 13) % 1201

    def pack_mv(self, at_ms):
        return 48000 + at_ms // SCAN_MS % 401 * 10

    def raw_current(self, at_ms):
        return at_ms // SCAN_MS * 37 % 4001 - 2000

    def current_ma(self, at_ms):
        """In units of 10 mA: USER_AMPS 2."""
        return self.raw_current(at_ms) * 10

    def soc_cpct(self, _):
        raise ValueError("it has none")

    def temperature_ddegc(self, thermistor, at_ms):
        return (at_ms // FULL_SCAN_MS * 3 + thermistor * 29) % 701 - 150

    def _advance(self):
        if self.status & CFGUPDATE:
            return
        if self.now_ms // SCAN_MS > self.scanned_ms // SCAN_MS:
            self.scanned_ms = self.now_ms
            self.has_scanned = True
            self.alarms |= ADSCAN & self.alarm_mask
        if self.now_ms // FULL_SCAN_MS > self.full_scanned_ms // FULL_SCAN_MS:
            self.full_scanned_ms = self.now_ms
            self.alarms |= FULLSCAN & self.alarm_mask

    # The bus.

    def readfrom_mem_into(self, address, command, buffer):
        self._check_bus(address)
        count = len(buffer) // (2 if self.has_crc else 1)
        content, out = self._registers(command, count), bytearray()
        start = bytes([self.address << 1, command, self.address << 1 | 1])
        for i in range(count):
            out.append(content[i])
            if self.has_crc:
                out.append(crc8(start + content[i : i + 1]))
                start = b""
        buffer[:] = self.spoil(bytes(out))

    def writeto_mem(self, address, command, content):
        self._check_bus(address)
        plain = bytearray()
        start = bytes([self.address << 1, command])
        for i in range(0, len(content), 2 if self.has_crc else 1):
            plain.append(content[i])
            if self.has_crc and (i + 1 == len(content) or crc8(start + content[i : i + 1]) != content[i + 1]):
                self.bad_writes += 1
                return
            start = b""
        self._written(command, bytes(plain))

    def _check_bus(self, address):
        self._advance()
        if self.is_stuck:
            raise OSError(ETIMEDOUT)
        if self.is_absent or address != self.address:
            raise OSError(EIO)

    def _registers(self, command, count):
        content = bytearray(self._map(self.scanned_ms, self.full_scanned_ms)[command : command + count])
        if self.tear_at is not None and self.tear_at < count:
            self.scanned_ms += SCAN_MS
            after = self._map(self.scanned_ms, self.full_scanned_ms)[command : command + count]
            content = content[: self.tear_at] + after[self.tear_at :]
            self.tear_at = None
        return bytes(content)

    def _map(self, scanned_ms, full_scanned_ms):
        """All registers as they are after scans at these times."""
        registers = bytearray(0x80)

        def put(command, value):
            registers[command], registers[command + 1] = value & 0xFF, value >> 8 & 0xFF

        put(0x12, self.status | self.security)
        if self.has_scanned:
            for i in range(16):
                put(0x14 + 2 * i, self.cell_mv(i, scanned_ms))
            put(0x34, self.pack_mv(scanned_ms) // (10 if self.memory[0x9303] & 4 else 1))
            put(0x3A, self.raw_current(scanned_ms))
        for i in range(10):
            if i == 0 or self.memory.get(0x92FA + i - 1, 0) == 7:
                put(0x68 + 2 * i, self.temperature_ddegc(i, full_scanned_ms) + 2731)
        put(0x62, self.alarms)
        put(0x66, self.alarm_mask)
        is_ready = self.now_ms >= self._ready_ms
        put(0x3E, self._subcommand if is_ready else 0xFFFF)
        if is_ready:
            registers[0x40:0x60] = self._buffer
        return registers

    def _written(self, command, content):
        if command == 0x62:
            self.alarms &= ~(content[0] | content[1] << 8)
        elif command == 0x66:
            self.alarm_mask = content[0] | content[1] << 8
        elif command == 0x3E:
            self._begin(content[0] | content[1] << 8, content[2:])
        elif command == 0x60:
            self._store(content)

    def _begin(self, subcommand, content):
        self._subcommand, self._ready_ms = subcommand, self.now_ms + BUSY_MS
        is_open = self.security != SEALED
        if subcommand == 0x0090 and is_open:
            self.status |= CFGUPDATE
            self.times_opened += 1
        elif subcommand == 0x0092 and self.status & CFGUPDATE:
            self.status &= ~(CFGUPDATE | POR)
            self.scanned_ms = self.full_scanned_ms = self.now_ms
            self.has_scanned = False
        self._buffer = bytearray(32)
        if subcommand == 0x0001:
            self._buffer[:2] = bytes([self.device_number & 0xFF, self.device_number >> 8])
        elif subcommand >= 0x9000 and is_open:
            for i in range(32):
                self._buffer[i] = self.memory.get(subcommand + i, 0)
        self._buffer[: len(content)] = content
        self._pending = len(content)

    def _store(self, closing):
        count = closing[1] - 4
        body = bytes([self._subcommand & 0xFF, self._subcommand >> 8]) + self._buffer[:count]
        if count != self._pending or ~sum(body) & 0xFF != closing[0] or not self.status & CFGUPDATE:
            self.bad_writes += 1
            return
        for i in range(count):
            self.memory[self._subcommand + i] = self._buffer[i]
