"""Raspberry Pi Pico and Pico 2 (RP2040, RP2350) with an MCP2518FD and a serial flash on one SPI bus.

Pins by the GPIO function table: RP2040 data sheet section 1.4.3, RP2350 data sheet section 1.2.3.
"""

import os
import sys

import machine
import rp2

from logger import device
from logger.core import life
from logger.core.config import ConfigError
from logger.drivers.block_flash import BlockFlash
from logger.drivers.spi_flash import SpiFlash

NAME = "rp2"
I2C_TIMEOUT_US = 10000  # a stuck bus must not keep the loop
WATCHDOG_MS = 8000  # of 8,388 that the RP2040's counter can hold (data sheet section 4.7.3)
LINK_TX, LINK_RX = 0, 1
BMS_TX, BMS_RX = 4, 5
I2C_SDA, I2C_SCL = 6, 7
SPI_MISO, CAN_SELECT, SPI_SCK, SPI_MOSI, FLASH_SELECT, CAN_INTERRUPT = 16, 17, 18, 19, 20, 21
CAN_OSCILLATOR_HZ = 40000000
PAGE_BYTES = 256
LOG_START = 1 << 20  # "internal": the littlefs of _boot.py in this folder ends there
_SPI_BAUD = 10000000
# WATCHDOG_SCRATCH0: kept by every reset but the loss of power and the RUN pin (RP2040 data sheet section 4.7.6). The
# boot ROM uses 4 to 7.
_MARK_ADDRESS = {"RP2040": 0x4005800C, "RP2350": 0x400D800C}
_STARTED_BY = {1: life.BY_POWER, 3: life.BY_WATCHDOG}  # ports/rp2/modmachine.c: also machine.reset() is 3

firmware_hash = device.slot_hash


class Port:
    HAS_CAN = True
    FLASHES = ("spi", "internal")

    def __init__(self, machine_name):
        self._mark_address = _MARK_ADDRESS["RP2350" if "RP2350" in machine_name else "RP2040"]
        self._watchdog = None

    def started_by(self):
        return _STARTED_BY.get(machine.reset_cause(), life.BY_NOTHING_KNOWN)

    def mark(self):
        return machine.mem32[self._mark_address]

    def set_mark(self, word):
        machine.mem32[self._mark_address] = word

    def feed_watchdog(self):
        if self._watchdog is None:
            self._watchdog = machine.WDT(timeout=WATCHDOG_MS)
        self._watchdog.feed()

    def restart(self):
        machine.reset()

    def flash(self, config):
        if config.get("flash") == "internal":
            _, block_bytes, blocks, *_ = os.statvfs("/")
            try:
                if block_bytes * blocks > LOG_START:  # MicroPython's own _boot.py: its file system lies there, too
                    raise ValueError
                return BlockFlash(rp2.Flash(start=LOG_START), PAGE_BYTES)
            except ValueError:
                raise ConfigError(
                    'flash: "internal" needs a firmware built with manifest.py (docs/boards.md)'
                ) from None
        return SpiFlash(self.spi(), machine.Pin(FLASH_SELECT, machine.Pin.OUT, value=1))

    def spi(self):
        sck, mosi, miso = machine.Pin(SPI_SCK), machine.Pin(SPI_MOSI), machine.Pin(SPI_MISO)
        return machine.SPI(0, baudrate=_SPI_BAUD, polarity=0, phase=0, sck=sck, mosi=mosi, miso=miso)

    def can(self, settings):
        from logger.drivers.mcp2518fd import MCP2518FD

        select = machine.Pin(CAN_SELECT, machine.Pin.OUT, value=1)
        oscillator_hz = settings["oscillator_hz"] or CAN_OSCILLATOR_HZ
        is_silent = bool(settings["silent"])
        return MCP2518FD(self.spi(), select, settings["bitrate"], oscillator_hz, settings["data_bitrate"], is_silent)

    def uart(self, number, baud, rx_bytes):
        tx, rx = ((LINK_TX, LINK_RX), (BMS_TX, BMS_RX))[number]
        return machine.UART(number, baud, tx=machine.Pin(tx), rx=machine.Pin(rx), timeout=0, rxbuf=rx_bytes)

    def i2c(self):
        return machine.I2C(1, sda=machine.Pin(I2C_SDA), scl=machine.Pin(I2C_SCL), freq=100000, timeout=I2C_TIMEOUT_US)


class Board(device.Device):
    def __init__(self, folder, ends_with_stdin=False):
        device.Device.__init__(self, folder, Port(sys.implementation._machine))
