"""The protocol of JBD (Jiabaida, Xiaoxiang) boards: bytes in, values out.

Sources: "Jiabaida general protocol" V4 to V13 (the maker's, sections "Frame structure", "0x03", "0x04", "0x05"), and
JBD_REGISTER_MAP.md of the bms-tools project, which agree. A request is DD A5 register 00 checksum 77, an answer
DD register status length data checksum 77; all numbers are big endian. The checksum is 10000 (hex) less the sum of the
bytes between the register and itself: of length and data in a request, of status, length and data in an answer.
"""

from logger.core.readings import CELLS, FAULTS, NO_MEASUREMENT, PACK, TEMPERATURES, CycleWatch

STATUS, CELL_VOLTAGES, HARDWARE = 0x03, 0x04, 0x05
_REGISTERS = (STATUS, CELL_VOLTAGES, HARDWARE)
_START, _READ, _END = 0xDD, 0xA5, 0x77
_FRAME_BYTES = 7  # around the data
_STATUS_BYTES = 23  # before the temperatures; newer boards put more behind them
_FRONT_END_FAULT = 1 << 11  # of the protection word: the chip that measures does not answer
ZERO_CELSIUS_DK = 2731  # the maker's own figure, in tenths of a kelvin


def request(register):
    total = 0x10000 - register
    return bytes([_START, _READ, register, 0, total >> 8, total & 0xFF, _END])


class Jbd:
    """A dialect of poller.py. `name` is what the board calls itself, None until it has answered."""

    questions = len(_REGISTERS)

    def __init__(self, readings):
        self.name = None
        self.cycles = CycleWatch()
        self._readings = readings
        self._requests = [request(register) for register in _REGISTERS]
        self._asked = STATUS

    def request(self, index):
        self._asked = _REGISTERS[index]
        if self._asked == HARDWARE and self.name is not None:
            return None
        return self._requests[index]

    def find(self, buffer, count):
        for start in range(count - _FRAME_BYTES + 1):
            if buffer[start] == _START and self._is_answer(buffer, start, count):
                return start
        return -1

    def _is_answer(self, buffer, start, count):
        if buffer[start + 1] != self._asked or start + _FRAME_BYTES + buffer[start + 3] != count:
            return False
        if buffer[count - 1] != _END:
            return False
        total = 0
        for i in range(start + 2, count - 3):
            total += buffer[i]
        return (total + (buffer[count - 3] << 8) + buffer[count - 2]) & 0xFFFF == 0

    def take(self, buffer, start, asked_ms):
        is_good = buffer[start + 2] == 0  # 80 (hex): the board refuses the register
        if self._asked == HARDWARE:
            self.name = bytes(buffer[start + 4 : start + 4 + buffer[start + 3]]) if is_good else b""
            return True
        if not is_good:
            return False
        if self._asked == STATUS:
            return self._take_status(buffer, start + 4, buffer[start + 3], asked_ms)
        return self._take_cells(buffer, start + 4, buffer[start + 3], asked_ms)

    def _take_status(self, data, at, length, asked_ms):
        readings = self._readings
        if length < _STATUS_BYTES or data[at + 21] != len(readings.cell_mv):
            return False
        sensors = data[at + 22]
        if length < _STATUS_BYTES + 2 * sensors:
            return False
        current = word(data, at + 2)
        readings.pack_mv = word(data, at) * 10
        readings.current_ma = (current - ((current & 0x8000) << 1)) * 10  # positive when it charges, as here
        readings.soc_cpct = data[at + 19] * 100
        readings.faults = NO_MEASUREMENT if word(data, at + 16) & _FRONT_END_FAULT else 0
        readings.sensors_heard = min(sensors, len(readings.temperature_ddegc))
        for i in range(readings.sensors_heard):
            raw_dk = word(data, at + _STATUS_BYTES + 2 * i)
            readings.temperature_ddegc[i] = raw_dk - ZERO_CELSIUS_DK if raw_dk else None
        self.cycles.see(word(data, at + 8))
        readings.hold(PACK, asked_ms)
        readings.hold(TEMPERATURES, asked_ms)
        readings.hold(FAULTS, asked_ms)
        return True

    def _take_cells(self, data, at, length, asked_ms):
        cells = self._readings.cell_mv
        if length != 2 * len(cells):
            return False
        for i in range(len(cells)):
            cells[i] = word(data, at + 2 * i)
        self._readings.hold(CELLS, asked_ms)
        return True


def word(data, at):
    return data[at] << 8 | data[at + 1]
