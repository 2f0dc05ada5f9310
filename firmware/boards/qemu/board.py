"""The emulated board (port/board.h): an MPS2 whose flash is a file of the host's. It is a board like the others.

UART 1 leads to the gateway, UART 2 to a BMS. There is no I2C and no CAN: QEMU has neither for this machine.
"""

import machine
import mps2

from logger import device
from logger.core import life

NAME = "qemu"
WATCHDOG_MS = 8000
LOG_OFFSET, LOG_SECTORS, SECTOR_BYTES = 384 * 4096, 128, 4096  # behind the file system of port/_boot.py
MARK_ADDRESS = 0x203FF000  # the linker script leaves this page of the memory to us
FAULT_RESET = 6  # port/board.h
_STARTED_BY = {
    machine.PWRON_RESET: life.BY_POWER,
    machine.HARD_RESET: life.BY_PIN,
    machine.WDT_RESET: life.BY_WATCHDOG,
    machine.SOFT_RESET: life.BY_SOFTWARE,
    FAULT_RESET: life.BY_PIN,  # as other boards' ports report it
}

firmware_hash = device.slot_hash


class Port:
    HAS_CAN = False
    FLASHES = ("internal",)

    def __init__(self):
        self._watchdog = None

    def started_by(self):
        return _STARTED_BY.get(machine.reset_cause(), life.BY_NOTHING_KNOWN)

    def mark(self):
        return machine.mem32[MARK_ADDRESS]

    def set_mark(self, word):
        machine.mem32[MARK_ADDRESS] = word

    def feed_watchdog(self):
        if self._watchdog is None:
            self._watchdog = machine.WDT(timeout=WATCHDOG_MS)
        self._watchdog.feed()

    def restart(self):
        machine.reset()

    def flash(self, config):
        return mps2.Flash(LOG_OFFSET, LOG_SECTORS, SECTOR_BYTES)

    def uart(self, number, baud, rx_bytes):
        return machine.UART(number + 1, baudrate=baud, rxbuf=rx_bytes)

    def i2c(self):
        raise OSError("this board has no I2C")


class Board(device.Device):
    def __init__(self, folder, ends_with_stdin=False):
        device.Device.__init__(self, folder, Port())
