"""The protocol of Daly boards on UART and RS485: bytes in, values out. (Those that speak Modbus, D2 03, are others.)

Sources: Daly's "UART/485 Communications Protocol" V1.2 (data identifiers 0x90 to 0x98), and what drivers in the field
have found (dbus-serialbattery, maland16/daly-bms-uart, python-daly-bms, batmon-ha), named where it counts. A frame has
13 bytes, A5 address identifier 08, eight of data, and the low byte of their sum; numbers are big endian. Board n is
asked at 3F + n (hex) and answers as n. A board that sleeps answers nothing, or sends the request back as it came.

An identifier with more than fits answers in several frames, each with its number first. They count only all together.
"""

from logger.core import readings as held
from logger.core.jbd import word
from logger.core.readings import CELLS, FAULTS, PACK, TEMPERATURES, CycleWatch

TOTALS, COUNTS, CELL_VOLTAGES, CELL_TEMPERATURES, FAILURES = 0x90, 0x94, 0x95, 0x96, 0x98
# Current changes fastest and is asked for most often. 0x91 to 0x93 and 0x97 say nothing that a sample has.
_ROUND = (COUNTS, TOTALS, CELL_VOLTAGES, TOTALS, CELL_TEMPERATURES, TOTALS, FAILURES)
FRAME_BYTES = 13
_START, _DATA_BYTES = 0xA5, 8
_FIRST_HOST = 0x40
_FILL = 0xAA  # a Daly's UART finds the start of a request better with edges to see (dbus-serialbattery, daly.py)
_CELLS_PER_FRAME, _SENSORS_PER_FRAME = 3, 7
_CURRENT_ZERO = 30000
_TEMPERATURE_ZERO_DEGC, _NO_SENSOR = 40, 0xFF

# Failures that make a measurement one that must not be believed: (byte, bit, what).
_FAILURES = (
    (5, 0, held.NO_MEASUREMENT),  # acquisition front end
    (5, 1, held.NO_CELLS),  # cell voltage sensing
    (5, 2, held.NO_TEMPERATURES),
    (6, 0, held.NO_CURRENT),
    (6, 1, held.NO_PACK),
)


def request(identifier, board):
    content = bytes([_START, _FIRST_HOST - 1 + board, identifier, _DATA_BYTES]) + bytes([_FILL]) * _DATA_BYTES
    return content + bytes([sum(content) & 0xFF])


class Daly:
    """A dialect of poller.py.

    first_frame: the number of the first of several frames; the protocol's text says 0, boards in the field say 1.
    positive_charges: what the board means by a current above zero; most mean discharge.
    """

    questions = len(_ROUND)

    def __init__(self, readings, board, first_frame, positive_charges):
        self.cycles = CycleWatch()
        self._readings = readings
        self._board = board
        self._first_frame = first_frame
        self._sign = 100 if positive_charges else -100  # mA in a raw unit
        self._requests = [request(identifier, board) for identifier in _ROUND]
        self._asked = COUNTS
        self._is_right_pack = False  # nothing is believed before the board has said how many cells it has
        self._sensors = 0

    def request(self, index):
        self._asked = _ROUND[index]
        if self._asked == CELL_TEMPERATURES and not self._sensors:
            return None
        return self._requests[index]

    def find(self, buffer, count):
        if self._asked == CELL_VOLTAGES or self._asked == CELL_TEMPERATURES:  # noqa: PLR1714 - "in" would make a tuple
            return self._find_several(buffer, count)
        return count - FRAME_BYTES if self._is_frame(buffer, count - FRAME_BYTES) else -1

    def _find_several(self, buffer, count):
        """Backwards from the end: numbers fall by one from frame to frame, down to first_frame."""
        start = count
        frames = 0
        while self._is_frame(buffer, start - FRAME_BYTES):
            number = buffer[start - FRAME_BYTES + 4]
            if frames and number != buffer[start + 4] - 1:
                break
            start -= FRAME_BYTES
            frames += 1
        is_whole = frames >= self._frames_needed() and buffer[start + 4] == self._first_frame
        return start if is_whole else -1

    def _frames_needed(self):
        if self._asked == CELL_VOLTAGES:
            return (len(self._readings.cell_mv) + _CELLS_PER_FRAME - 1) // _CELLS_PER_FRAME
        return (self._sensors + _SENSORS_PER_FRAME - 1) // _SENSORS_PER_FRAME

    def _is_frame(self, buffer, start):
        if start < 0 or buffer[start] != _START or buffer[start + 1] != self._board:
            return False
        if buffer[start + 2] != self._asked or buffer[start + 3] != _DATA_BYTES:
            return False
        total = 0
        for i in range(start, start + FRAME_BYTES - 1):
            total += buffer[i]
        return total & 0xFF == buffer[start + FRAME_BYTES - 1]

    def take(self, buffer, start, asked_ms):
        at = start + 4
        if self._asked == COUNTS:
            return self._take_counts(buffer, at)
        if not self._is_right_pack:
            return False
        if self._asked == TOTALS:
            self._take_totals(buffer, at, asked_ms)
        elif self._asked == CELL_VOLTAGES:
            self._take_cells(buffer, at, asked_ms)
        elif self._asked == CELL_TEMPERATURES:
            self._take_temperatures(buffer, at, asked_ms)
        else:
            self._take_failures(buffer, at, asked_ms)
        return True

    def _take_counts(self, data, at):
        self._is_right_pack = data[at] == len(self._readings.cell_mv)
        if not self._is_right_pack:
            self._readings.drop()
            return False
        self._sensors = min(data[at + 1], len(self._readings.temperature_ddegc))
        self._readings.sensors_heard = self._sensors
        self.cycles.see(word(data, at + 5))
        return True

    def _take_totals(self, data, at, asked_ms):
        """A raw current of 0 (-3000 A) is that of a board that has woken and not measured yet (Daly2MQTT issue 164)."""
        readings = self._readings
        raw_current = word(data, at + 4)
        has_measured = raw_current != 0
        readings.pack_mv = word(data, at) * 100 if has_measured else None
        readings.current_ma = (raw_current - _CURRENT_ZERO) * self._sign if has_measured else None
        readings.soc_cpct = word(data, at + 6) * 10 if has_measured else None
        readings.hold(PACK, asked_ms)

    def _take_cells(self, data, at, asked_ms):
        cells = self._readings.cell_mv
        for i in range(len(cells)):
            frame, place = i // _CELLS_PER_FRAME, i % _CELLS_PER_FRAME
            cells[i] = word(data, at + frame * FRAME_BYTES + 1 + 2 * place)
        self._readings.hold(CELLS, asked_ms)

    def _take_temperatures(self, data, at, asked_ms):
        for i in range(self._sensors):
            raw = data[at + i // _SENSORS_PER_FRAME * FRAME_BYTES + 1 + i % _SENSORS_PER_FRAME]
            self._readings.temperature_ddegc[i] = (raw - _TEMPERATURE_ZERO_DEGC) * 10 if raw != _NO_SENSOR else None
        self._readings.hold(TEMPERATURES, asked_ms)

    def _take_failures(self, data, at, asked_ms):
        faults = 0
        for byte, bit, what in _FAILURES:
            if data[at + byte] >> bit & 1:
                faults |= what
        self._readings.faults = faults
        self._readings.hold(FAULTS, asked_ms)
