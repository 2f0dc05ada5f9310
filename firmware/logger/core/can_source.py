"""A BMS that broadcasts on a CAN bus, as a source (docs/can.md): a controller, and the table its frames are decoded by.

Decides how long a value counts: up to max_age_ms what moves fast (current, pack voltage), up to max_slow_age_ms all
else. A frame's time is that of the turn in which it was fetched. A field that was not in a frame leaves the value
before it as it was. Nothing is ever sent, and neither a frame nor read takes from the heap.
"""

from array import array

from logger.core.can_table import (
    ABSENT,
    CURRENT_SLOT,
    FIRST_CELL_SLOT,
    PACK_SLOT,
    SOC_SLOT,
    SOH_SLOT,
    VALUE,
    TableError,
)
from logger.core.readings import TIME_MASK, since

KIND = 1  # docs/record.md, BOOT key 3
NUMBERS = {  # settings: (least, greatest)
    "max_age_ms": (100, 60000),
    "max_slow_age_ms": (100, 600000),
}
BUS_OFF = 3  # of a controller's state()

_FRAMES_A_TURN = 32
_LOOK_MS = 100  # between two looks at the controller's state
_FIRST_WAIT_MS, _LONGEST_WAIT_MS = 1000, 60000  # before a controller that is off is started again


class CanSource:
    """Readable: `refused` (frames of the table with something unreadable in them, and what the controller has lost or
    could not believe) and `bus_offs`, which only rise; `frames`, how many of the table have come, modulo 2**30."""

    kind = KIND

    def __init__(self, controller, table, cell_blocks, settings):
        """controller: one of drivers/. settings: a value for each key of NUMBERS. Raises TableError."""
        if table.cells not in (0, cell_blocks):
            raise TableError(f"it has {table.cells} cell voltages, cell_blocks says {cell_blocks}")
        self.temperature_sensors = table.sensors
        self.frames = self.bus_offs = self._unreadable = 0
        self._controller = controller
        self._table = table
        self._max_age_ms = settings["max_age_ms"]
        self._max_slow_age_ms = settings["max_slow_age_ms"]
        self._states = bytearray(table.slots)
        self._values = array("i", [0] * table.slots)
        self._heard_ms = array("i", [0] * table.slots)
        self._now_ms = array("i", [0])  # an item of an array is a small integer, whatever was put into it
        self._looked_ms = self._off_ms = self._on_ms = None
        self._wait_ms = _FIRST_WAIT_MS
        controller.set_filters(table.ids)

    @property
    def refused(self):
        controller = self._controller
        return self._unreadable + controller.lost + getattr(controller, "faults", 0)

    def step(self, now_ms):
        """Fetches what has come, and looks after the controller."""
        self._now_ms[0] = now_ms & TIME_MASK
        for _ in range(_FRAMES_A_TURN):
            frame = self._controller.receive()
            if frame is None:
                break
            self._decode(frame)
        now_ms = self._now_ms[0]
        if self._looked_ms is None or since(self._looked_ms, now_ms) >= _LOOK_MS:
            self._looked_ms = now_ms
            self._look_after(now_ms)

    def read(self, sample):
        """What counts as of the last step. Ages go wrong where nobody reads for twelve days."""
        missing = self._is_missing(CURRENT_SLOT) + self._is_missing(PACK_SLOT)
        sample.current_ma = self._value(CURRENT_SLOT)
        sample.pack_mv = self._value(PACK_SLOT)
        self._is_missing(SOC_SLOT)
        self._is_missing(SOH_SLOT)
        sample.soc_reported_cpct = self._value(SOC_SLOT)
        sample.soh_reported_cpct = self._value(SOH_SLOT)
        cells = self._table.cells
        missing += self._fill(sample.cell_mv, FIRST_CELL_SLOT, cells)
        missing += self._fill(sample.temperature_ddegc, FIRST_CELL_SLOT + cells, self._table.sensors)
        sample.missing = missing

    def take(self, slot, state, value):
        """For CanTable.decode."""
        self._states[slot] = state
        self._values[slot] = value
        self._heard_ms[slot] = self._now_ms[0]

    def _decode(self, frame):
        table = self._table
        unreadable = table.unknown_multiplexers + table.too_short
        if table.decode(frame[0], frame[1], frame[2], self):
            self.frames = self.frames + 1 & TIME_MASK
            if table.unknown_multiplexers + table.too_short != unreadable:
                self._unreadable += 1

    def _look_after(self, now_ms):
        """A controller that is off is started again, each time after a longer wait, until it has stayed on so long."""
        if self._controller.state() != BUS_OFF:
            if self._off_ms is not None or self._on_ms is None:
                self._off_ms = None
                self._on_ms = now_ms
            if since(self._on_ms, now_ms) >= self._wait_ms:
                self._wait_ms = _FIRST_WAIT_MS
        elif self._off_ms is None:
            self.bus_offs += 1
            self._off_ms = now_ms
        elif since(self._off_ms, now_ms) >= self._wait_ms:
            self._off_ms = now_ms
            self._wait_ms = min(2 * self._wait_ms, _LONGEST_WAIT_MS)
            self._controller.restart()

    def _is_missing(self, slot):
        """1 where nothing recent is there; lets go of what has become too old."""
        if self._states[slot] == ABSENT:
            return 1
        limit_ms = self._max_age_ms if slot <= PACK_SLOT else self._max_slow_age_ms
        if since(self._heard_ms[slot], self._now_ms[0]) <= limit_ms:
            return 0
        self._states[slot] = ABSENT
        return 1

    def _value(self, slot):
        return self._values[slot] if self._states[slot] == VALUE else None

    def _fill(self, target, first_slot, count):
        """Returns how many are missing: also all that the table has no field for."""
        missing = 0
        for i in range(len(target)):
            if i < count:
                missing += self._is_missing(first_slot + i)
                target[i] = self._value(first_slot + i)
            else:
                missing += 1
                target[i] = None
        return missing
