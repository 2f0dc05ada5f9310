"""STM32 boards with CAN: Pyboard v1.1 (F405) and NUCLEO-H743ZI. Pins are in pins.py, wiring in README.md."""

import sys

import machine
import pins
import stm
import uctypes

from logger import device
from logger.core import life
from logger.core.config import ConfigError
from logger.drivers.flash_part import FlashPart
from logger.drivers.spi_flash import SpiFlash
from logger.drivers.stm32h7_flash import Stm32H7Flash

NAME = "stm32"
STATE_SECTORS = 256  # as in root.py
I2C_TIMEOUT_US = 10000  # a stuck bus must not keep the loop
WATCHDOG_MS = 8000  # IWDG: 32 s at most
MARK_REGISTER = 19  # RTC backup registers 0 to 18: MicroPython's bootloaders use the first ones
_SPI_BAUD = 10000000
# the numbers of ports/stm32/modmachine.c
_STARTED_BY = {0: life.BY_SOFTWARE, 1: life.BY_POWER, 2: life.BY_PIN, 3: life.BY_WATCHDOG, 4: life.BY_SLEEP}

firmware_hash = device.slot_hash


class Port:
    HAS_CAN = True

    def __init__(self):
        self._pins = pins.of(sys.implementation._machine)
        self.FLASHES = ("spi", "internal") if self._pins.has_bank2 else ("spi",)
        self._watchdog = None

    def started_by(self):
        return _STARTED_BY.get(machine.reset_cause(), life.BY_NOTHING_KNOWN)

    def mark(self):
        """A backup register keeps its word while the RTC's domain has power (RM0090 section 26.3.14)."""
        machine.RTC()  # opens the domain for writing
        return stm.mem32[stm.RTC + stm.RTC_BKP0R + 4 * MARK_REGISTER]

    def set_mark(self, word):
        stm.mem32[stm.RTC + stm.RTC_BKP0R + 4 * MARK_REGISTER] = word

    def feed_watchdog(self):
        if self._watchdog is None:
            self._watchdog = machine.WDT(timeout=WATCHDOG_MS)
        self._watchdog.feed()

    def restart(self):
        machine.reset()

    def flash(self, config):
        if config.get("flash") == "internal":
            return Stm32H7Flash(uctypes.bytearray_at, stm.mem32)
        select = machine.Pin(self._pins.select, machine.Pin.OUT, value=1)
        flash = SpiFlash(machine.SPI(self._pins.spi, baudrate=_SPI_BAUD), select)
        try:
            return FlashPart(flash, STATE_SECTORS, flash.sectors - STATE_SECTORS)
        except ValueError as error:
            raise ConfigError(f"flash: {error}") from None

    def can(self, settings):
        import pyb

        from logger.drivers.stm32_can import open_can

        classes = getattr(machine, "CAN", None), getattr(pyb, "CAN", None)
        is_silent = bool(settings["silent"])
        return open_can(*classes, self._pins.can, settings["bitrate"], settings["data_bitrate"], is_silent)

    def uart(self, number, baud, rx_bytes):
        return machine.UART(self._pins.uarts[number], baud, timeout=0, rxbuf=rx_bytes)

    def i2c(self):
        return machine.I2C(self._pins.i2c, freq=100000, timeout=I2C_TIMEOUT_US)


class Board(device.Device):
    def __init__(self, folder, ends_with_stdin=False):
        device.Device.__init__(self, folder, Port())
