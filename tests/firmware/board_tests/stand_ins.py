"""Stands in for `machine` and the modules of single ports, with the interface that MicroPython's manual gives them and
what our boards connect to them. `install(port)` puts them where `import` finds them."""

import sys
from errno import ENODEV

from nor_chip import BlockDevice, H7Bank, NorChip


class Module:
    pass


class RestartedError(Exception):
    """machine.reset() was called."""


class Pin:
    IN, OUT = 0, 1
    levels = {}
    watchers = {}

    def __init__(self, name, mode=-1, value=None):
        self._name = name
        if value is not None:
            self(value)

    def __call__(self, level=None):
        return self.value(level)

    def value(self, level=None):
        if level is None:
            return Pin.levels.get(self._name, 1)
        Pin.levels[self._name] = level
        if self._name in Pin.watchers:
            Pin.watchers[self._name](level)
        return None


class SPI:
    devices = {}  # by number: what listens; its select pin decides whether it answers

    def __init__(self, number, baudrate=0, polarity=0, phase=0, sck=None, mosi=None, miso=None):
        if (polarity, phase) != (0, 0):
            raise ValueError("mode 0")
        self._device = SPI.devices[number]

    def write(self, content):
        for byte in bytes(content):
            self._device.exchange(byte)

    def readinto(self, buffer, sent=0):
        for i in range(len(buffer)):
            buffer[i] = self._device.exchange(sent)

    def write_readinto(self, content, buffer):
        for i in range(len(buffer)):
            buffer[i] = self._device.exchange(content[i])


class UART:
    """made: by number, with what it was opened with."""

    made = {}

    def __init__(self, number, baud, tx=None, rx=None, timeout=0, rxbuf=256):
        if timeout:
            raise ValueError("reading would wait")
        self.received, self.sent, self.baud, self.rxbuf = bytearray(), bytearray(), baud, rxbuf
        UART.made[number] = self

    def any(self):
        return len(self.received)

    def read(self, count):
        content, self.received = bytes(self.received[:count]), self.received[count:]
        return content or None

    def write(self, content):
        self.sent.extend(content)
        return len(content)

    def txdone(self):
        return True


class I2C:
    """A bus that nobody acknowledges on."""

    def __init__(self, number, sda=None, scl=None, freq=400000, timeout=50000):
        self.pins, self.freq = (sda, scl), freq
        if timeout > 10000:
            raise ValueError("a stuck bus would take too long")

    def writeto_mem(self, address, register, content):
        raise OSError(ENODEV)

    def readfrom_mem_into(self, address, register, buffer):
        raise OSError(ENODEV)

    def writeto(self, address, content):
        raise OSError(ENODEV)

    def readfrom_into(self, address, buffer):
        raise OSError(ENODEV)


class WDT:
    fed = 0
    timeout = None

    def __init__(self, id=0, timeout=5000):  # noqa: A002 - the manual's name
        WDT.timeout = timeout

    def feed(self):
        WDT.fed += 1


class RTC:
    content = b""

    def memory(self, content=None):
        if content is None:
            return RTC.content
        RTC.content = bytes(content)
        return None


class Timer:
    PERIODIC = 1
    made = []

    def __init__(self, number, mode=1, period=0, callback=None):
        Timer.made.append((number, mode, period, callback))


class CAN:
    """pyb.CAN of a bxCAN: a bus on which nothing happens."""

    NORMAL, SILENT, MASK16, MASK32 = 0, 1, 2, 3
    ERROR_ACTIVE, ERROR_WARNING, ERROR_PASSIVE = 1, 2, 3

    def __init__(self, number, mode, baudrate=0, sample_point=75):
        if baudrate not in (125000, 250000, 500000, 1000000):
            raise ValueError(f"{baudrate} bit/s cannot be had")

    def state(self):
        return self.ERROR_ACTIVE

    def any(self, fifo):
        return False

    def send(self, data, id, extframe=False):  # noqa: A002 - the manual's name
        raise OSError(110)

    def setfilter(self, bank, mode, fifo, params, extframe=False):
        """All may pass."""

    def clearfilter(self, bank):
        """None was set."""

    def rxcallback(self, fifo, callback):
        """Never called."""


class Words:
    """mem32: registers as a dictionary."""

    def __init__(self):
        self.words = {}

    def __getitem__(self, address):
        return self.words.get(address, 0)

    def __setitem__(self, address, word):
        self.words[address] = word & 0xFFFFFFFF


def reset():
    raise RestartedError


def install(port, chip_bytes=1 << 21, cause=1):
    """The parts that a test looks at: a Module with `chip`, `device` (or `bank`), `mem32` and `machine`."""
    parts = Module()
    machine = Module()
    machine.Pin, machine.SPI, machine.UART, machine.I2C = Pin, SPI, UART, I2C
    machine.WDT, machine.RTC, machine.Timer, machine.reset = WDT, RTC, Timer, reset
    machine.mem32 = parts.mem32 = Words()
    machine.reset_cause = lambda: cause
    sys.modules["machine"] = parts.machine = machine
    parts.chip = NorChip(chip_bytes)
    spi, select = {"stm32": (1, "A4"), "rp2": (0, 20), "esp32": (2, 4)}[port]
    SPI.devices[spi] = parts.chip
    Pin.watchers[select] = parts.chip.select
    _MAKERS[port](parts)
    return parts


def _stm32(parts):
    stm = Module()
    stm.RTC, stm.RTC_BKP0R, stm.mem32 = 0x40002800, 0x50, parts.mem32
    sys.modules["stm"] = stm
    pyb = Module()
    pyb.CAN = CAN
    sys.modules["pyb"] = pyb
    parts.bank = H7Bank()


def _rp2(parts):
    module = Module()
    parts.device = BlockDevice(64, 256)

    def flash(start=None, len=None):  # noqa: A002 - the manual's name
        if start is not None and start != 1 << 20:
            raise ValueError("beyond the storage")
        return parts.device

    module.Flash = flash
    sys.modules["rp2"] = module


def _esp32(parts):
    module = Module()
    parts.device = BlockDevice(64, 1)
    parts.partitions = [parts.device]

    class Partition:
        TYPE_DATA = 1

        @staticmethod
        def find(type=0, subtype=0xFF, label=None):  # noqa: A002 - the manual's names
            return parts.partitions if (type, label) == (1, "packseal") else []

    module.Partition = Partition
    sys.modules["esp32"] = module


_MAKERS = {"stm32": _stm32, "rp2": _rp2, "esp32": _esp32}
