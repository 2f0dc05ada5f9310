"""TI BQ76952 and BQ76942 cell monitors: what to read, in which order, and when it counts. No bus here.

Sources: technical reference manuals SLUUBY2B (BQ76952) and SLUUBY1B (BQ76942), "TRM" below; software development guide
SLUAA11B; data sheets SLUSE13B and SLUSE14B. bq769x2_setup.py makes the monitor measure what is wanted before this runs.

A measurement counts when the monitor has finished it since it was last looked at (Alarm Status, ADSCAN and FULLSCAN)
and Battery Status says, after it was read, that the monitor still runs as it was set up. The monitor can put a new
value in place between the reading of two bytes of the old one (e2e.ti.com 1328137 and 1549413), which a CRC does not
show. So everything is read twice, and the second reading counts where both agree in the high byte: of two readings in a
row no more than one is torn, and if it is the second one, it has another high byte than the first.
"""

from logger.core.readings import CELLS, PACK, TEMPERATURES, TIME_MASK, since

# Direct commands (TRM section 12.1).
BATTERY_STATUS, CELL_1_VOLTAGE, STACK_VOLTAGE, CC2_CURRENT = 0x12, 0x14, 0x34, 0x3A
ALARM_STATUS, ALARM_ENABLE, INT_TEMPERATURE = 0x62, 0x66, 0x68
# Battery Status.
CFGUPDATE, POR, SECURITY = 1 << 0, 1 << 3, 3 << 8
# Alarm Status: a measurement loop has ended; all that it takes several loops for has been measured (once each latched,
# cleared by writing a one).
ADSCAN, FULLSCAN = 1 << 1, 1 << 7
_ALARM_MASK = b"\x82\x00"  # only those: nothing here drives the ALERT pin
_CLEAR_SCANS = b"\x82\x00"

THERMISTORS = 10  # one bit of the setting for each, the internal one first: INT, CFETOFF, DFETOFF, ALERT, TS1 … DDSG
_VOLTAGES_BYTES = STACK_VOLTAGE + 2 - CELL_1_VOLTAGE
_TEMPERATURES_BYTES = 2 * THERMISTORS
_READ_TRIES = 3  # until two readings agree
_RETRY_MS = 250  # a bus that is stuck takes its time-out from every step
ZERO_CELSIUS_DK = 2731


class Bq769x2:
    """One monitor. step takes one or two transactions of the bus.

    bus: read(command, buffer) and write(command, content) -> whether it worked; it counts its own failures.
    setup: bq769x2_setup.Setup. Readable: `refused` (readings that did not agree, or came from a monitor that is not set
    up as wanted), `resets`.
    """

    def __init__(self, bus, setup, readings, cell_inputs, thermistors, unit_ua, poll_ms):
        self.refused = self.resets = 0
        self._bus = bus
        self._setup = setup
        self._readings = readings
        self._inputs = bits_of(cell_inputs)
        self._thermistors = bits_of(thermistors)
        self._unit_ua = unit_ua
        self._poll_ms = poll_ms
        self._word = bytearray(2)
        self._voltages = (bytearray(_VOLTAGES_BYTES), bytearray(_VOLTAGES_BYTES))
        self._current = (bytearray(2), bytearray(2))
        self._temperatures = (bytearray(_TEMPERATURES_BYTES), bytearray(_TEMPERATURES_BYTES))
        self._had_por = self._is_set_up = False
        self._now_ms = self._due_ms = self._looked_ms = self._scan_began_ms = None
        self._life = self._live()

    def step(self, now_ms):
        """now_ms: as Readings.tick returned it."""
        if self._due_ms is None:
            self._due_ms = now_ms
        self._now_ms = now_ms
        if since(self._due_ms, now_ms) <= TIME_MASK >> 1:  # else it is still to come
            self._due_ms = (now_ms + next(self._life)) & TIME_MASK

    def _live(self):
        """Yields how long to wait before the next step."""
        while True:
            if not ((yield from self._setup.run()) and self._begin()):
                self.refused += self._setup.is_refused
                self._readings.drop()
                yield self._setup.retry_ms
            while self._is_set_up:
                scanned = self._scanned()
                if scanned < 0:
                    yield _RETRY_MS if self._is_set_up else 0
                    continue
                if scanned & ADSCAN:
                    yield 0
                    is_read = self._read_twice(CELL_1_VOLTAGE, self._voltages)
                    yield 0
                    if is_read and self._read_twice(CC2_CURRENT, self._current) and self._is_well():
                        self._take_pack()
                    yield 0
                if scanned & FULLSCAN and self._is_set_up:
                    self._read_temperatures()
                yield self._poll_ms

    def _begin(self):
        """From here on scans are latched; what was latched before is of another time, or of another monitor."""
        status = self._read_word(BATTERY_STATUS)
        if status < 0 or status & CFGUPDATE:
            return False
        self._had_por = self._setup.had_por
        if status & POR and not self._had_por:
            self.resets += 1
            return False
        self._is_set_up = self._bus.write(ALARM_ENABLE, _ALARM_MASK) and self._bus.write(ALARM_STATUS, _CLEAR_SCANS)
        self._looked_ms = self._now_ms
        return self._is_set_up

    def _scanned(self):
        """The scans that ended since this was last asked, -1 when the bus failed."""
        alarms = self._read_word(ALARM_STATUS) if self._is_well() else -1
        if alarms > 0 and not self._bus.write(ALARM_STATUS, _CLEAR_SCANS):
            return -1
        if alarms >= 0:  # whatever has ended now had not ended at the last look
            self._scan_began_ms, self._looked_ms = self._looked_ms, self._now_ms
        return alarms

    def _is_well(self):
        """Whether the monitor measures, set up as it was. If not so, it is to be set up again."""
        status = self._read_word(BATTERY_STATUS)
        if status < 0:
            return False
        if status & POR and not self._had_por:  # a full reset: its settings are gone (TRM, Battery Status)
            self.resets += 1
            self._is_set_up = False
        elif status & CFGUPDATE or not status & SECURITY:  # somebody else sets it up, or it still starts
            self._is_set_up = False
        if not self._is_set_up:
            self._readings.drop()
        return self._is_set_up

    def _read_word(self, command):
        """-1 when it failed."""
        return word(self._word, 0) if self._bus.read(command, self._word) else -1

    def _read_twice(self, command, pair):
        """Reads into pair[1] until two readings in a row agree."""
        for _ in range(_READ_TRIES):
            if not (self._bus.read(command, pair[0]) and self._bus.read(command, pair[1])):
                return False
            if _agree(pair[0], pair[1]):
                return True
        self.refused += 1
        return False

    def _read_temperatures(self):
        """A raw 0 is a pin that no thermistor is set up for."""
        if not (self._read_twice(INT_TEMPERATURE, self._temperatures) and self._is_well()):
            return
        readings = self._readings
        for i in range(len(self._thermistors)):
            raw_dk = word(self._temperatures[1], 2 * self._thermistors[i])
            readings.temperature_ddegc[i] = raw_dk - ZERO_CELSIUS_DK if raw_dk else None
        readings.hold(TEMPERATURES, self._scan_began_ms)

    def _take_pack(self):
        readings = self._readings
        voltages = self._voltages[1]
        for i in range(len(self._inputs)):
            readings.cell_mv[i] = signed(voltages, 2 * self._inputs[i])
        readings.pack_mv = word(voltages, STACK_VOLTAGE - CELL_1_VOLTAGE) * 10  # set to hundredths of a volt
        readings.current_ma = self._to_ma(signed(self._current[1], 0))
        readings.hold(CELLS, self._scan_began_ms)
        readings.hold(PACK, self._scan_began_ms)

    def _to_ma(self, raw):
        if not -32768 < raw < 32767:  # the end of the scale: what flows is more
            return None
        return raw * (self._unit_ua // 1000) if self._unit_ua >= 1000 else (raw * self._unit_ua + 500) // 1000


def _agree(first, second):
    for i in range(1, len(first), 2):  # noqa: SIM110 - a generator takes from the heap
        if first[i] != second[i]:
            return False
    return True


def word(content, at):
    return content[at] | content[at + 1] << 8


def signed(content, at):
    raw = word(content, at)
    return raw - ((raw & 0x8000) << 1)


def bits_of(mask):
    """The numbers of the bits that are set."""
    return [i for i in range(16) if mask >> i & 1]
