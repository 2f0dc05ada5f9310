"""A BQ76952 or BQ76942 cell monitor on I2C as a source. docs/sources.md has wiring and settings."""

from logger.core.bq769x2 import Bq769x2, bits_of
from logger.core.bq769x2_setup import Setup
from logger.core.crc8 import crc8
from logger.core.readings import Readings

NUMBERS = {  # settings: (least, greatest)
    "device": (76942, 76952),
    "address": (8, 119),
    "crc": (0, 1),
    "cell_inputs": (1, 65535),
    "thermistors": (0, 1023),
    "current_unit_ua": (100, 100000),
    "sense_uohm": (0, 100000),
    "configures": (0, 1),
    "max_age_ms": (500, 60000),
    "poll_ms": (20, 10000),
}
_LONGEST_BYTES = 36


class Bq769x2Source:
    kind = 3  # docs/record.md, BOOT key 3: a cell monitor

    def __init__(self, i2c, cell_blocks, settings):
        """i2c: machine.I2C. settings: a value for each key of NUMBERS. Raises ValueError where they contradict."""
        inputs, thermistors = settings["cell_inputs"], settings["thermistors"]
        if len(bits_of(inputs)) != cell_blocks:
            raise ValueError(f"cell_inputs has {len(bits_of(inputs))} cells, cell_blocks is {cell_blocks}")
        self.temperature_sensors = len(bits_of(thermistors))
        self.bus = MonitorBus(i2c, settings["address"], settings["crc"])
        self._readings = Readings(cell_blocks, self.temperature_sensors, settings["max_age_ms"])
        unit_ua = settings["current_unit_ua"]
        sense_uohm, may_write = settings["sense_uohm"], settings["configures"]
        setup = Setup(self.bus, settings["device"], inputs, thermistors, unit_ua, sense_uohm, may_write)
        poll_ms = settings["poll_ms"]
        self.monitor = Bq769x2(self.bus, setup, self._readings, inputs, thermistors, unit_ua, poll_ms)

    @property
    def refused(self):
        return self.monitor.refused + self.bus.damaged

    @property
    def resets(self):
        return self.monitor.resets

    def step(self, now_ms):
        self.monitor.step(self._readings.tick(now_ms))

    def read(self, sample):
        """What counted at the last step: an age is measured up to there."""
        self._readings.read(sample)


class MonitorBus:
    """Reads and writes registers in a row, with a CRC behind each byte if has_crc.

    SLUAA11B section 4: the first is over all bytes since the start, addresses included; each further one over its byte.
    Readable: `damaged` (reads with a wrong CRC), `failed` (transactions nobody acknowledged, or a stuck bus).
    """

    def __init__(self, i2c, address, has_crc):
        self.damaged = self.failed = 0
        self._i2c = i2c
        self._address = address
        self._has_crc = has_crc
        self._raw = [bytearray()] * (_LONGEST_BYTES + 1)  # a buffer for each length that is read, made when it first is
        self._packed, self._packed_command, self._packed_content = (
            bytearray(),
            -1,
            None,
        )  # what is written again and again

    def read(self, command, buffer):
        if not self._has_crc:
            return self._read_raw(command, buffer)
        raw = self._raw[len(buffer)]
        if not raw:
            raw = self._raw[len(buffer)] = bytearray(2 * len(buffer))
        return self._read_raw(command, raw) and self._unpack(command, raw, buffer)

    def _read_raw(self, command, buffer):
        try:
            self._i2c.readfrom_mem_into(self._address, command, buffer)
        except OSError:
            self.failed += 1
            return False
        return True

    def _unpack(self, command, raw, buffer):
        crc = crc8(self._address << 1 | 1, crc8(command, crc8(self._address << 1)))
        for i in range(len(buffer)):
            byte = raw[2 * i]
            if crc8(byte, crc) != raw[2 * i + 1]:
                self.damaged += 1
                return False
            buffer[i] = byte
            crc = 0
        return True

    def write(self, command, content):
        try:
            packed = self._with_crc(command, content) if self._has_crc else content
            self._i2c.writeto_mem(self._address, command, packed)
        except OSError:
            self.failed += 1
            return False
        return True

    def _with_crc(self, command, content):
        if command == self._packed_command and content is self._packed_content:
            return self._packed
        packed = bytearray()
        crc = crc8(command, crc8(self._address << 1))
        for byte in content:
            packed.append(byte)
            packed.append(crc8(byte, crc))
            crc = 0
        self._packed, self._packed_command, self._packed_content = packed, command, content
        return packed
