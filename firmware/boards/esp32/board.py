"""ESP32 (WROOM-32 modules) with a BMS at a UART, or an MCP2515 on SPI: MicroPython has no driver for its own CAN.

Pins: ESP32-WROOM-32 data sheet, table 3; 6 to 11 are the module's flash, 0, 2, 12 and 15 choose how it starts.
"""

import esp32
import machine

from logger import device
from logger.core import life
from logger.core.config import ConfigError
from logger.drivers.block_flash import BlockFlash
from logger.drivers.spi_flash import SpiFlash

NAME = "esp32"
I2C_TIMEOUT_US = 10000  # a stuck bus must not keep the loop
WATCHDOG_MS = 8000
PARTITION = "packseal"  # in partitions.csv
LINK_UART, LINK_TX, LINK_RX = 2, 17, 16
BMS_UART, BMS_TX, BMS_RX = 1, 26, 27
I2C_SDA, I2C_SCL = 21, 22
SPI_SCK, SPI_MISO, SPI_MOSI, CAN_SELECT, FLASH_SELECT, CAN_INTERRUPT = 18, 19, 23, 5, 4, 25
CAN_OSCILLATOR_HZ = 8000000
_SPI_BAUD = 10000000
# ESP32 technical reference manual 5.2, RTC_CNTL_RESET_STATE_REG, bits 5 to 0: MicroPython does not tell a brown-out
RESET_STATE = 0x3FF48034
BROWN_OUT = 15
# ports/esp32/modmachine.c: 5 is also what a panic gives
_STARTED_BY = {
    1: life.BY_POWER,
    2: life.BY_PIN,
    3: life.BY_WATCHDOG,
    4: life.BY_SLEEP,
    5: life.BY_SOFTWARE,
}

firmware_hash = device.slot_hash


class Port:
    HAS_CAN = True
    FLASHES = ("internal", "spi")

    def __init__(self):
        self._watchdog = None
        self._rtc = machine.RTC()

    def started_by(self):
        if machine.mem32[RESET_STATE] & 0x3F == BROWN_OUT:
            return life.BY_BROWN_OUT
        return _STARTED_BY.get(machine.reset_cause(), life.BY_NOTHING_KNOWN)

    def mark(self):
        return int.from_bytes(self._rtc.memory(), "little")

    def set_mark(self, word):
        self._rtc.memory(word.to_bytes(4, "little"))

    def feed_watchdog(self):
        if self._watchdog is None:
            self._watchdog = machine.WDT(timeout=WATCHDOG_MS)
        self._watchdog.feed()

    def restart(self):
        machine.reset()

    def flash(self, config):
        if config.get("flash") == "spi":
            return SpiFlash(self.spi(), machine.Pin(FLASH_SELECT, machine.Pin.OUT, value=1))
        found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label=PARTITION)
        if not found:
            raise ConfigError(f"flash: there is no partition {PARTITION} (docs/boards.md)")
        return BlockFlash(found[0])

    def spi(self):
        sck, mosi, miso = machine.Pin(SPI_SCK), machine.Pin(SPI_MOSI), machine.Pin(SPI_MISO)
        return machine.SPI(2, baudrate=_SPI_BAUD, polarity=0, phase=0, sck=sck, mosi=mosi, miso=miso)

    def can(self, settings):
        from logger.drivers.mcp2515 import MCP2515

        if settings["data_bitrate"]:
            raise ConfigError("data_bitrate must be 0: an MCP2515 has no FD")
        select = machine.Pin(CAN_SELECT, machine.Pin.OUT, value=1)
        oscillator_hz = settings["oscillator_hz"] or CAN_OSCILLATOR_HZ
        return MCP2515(self.spi(), select, settings["bitrate"], oscillator_hz, bool(settings["silent"]))

    def uart(self, number, baud, rx_bytes):
        uart, tx, rx = ((LINK_UART, LINK_TX, LINK_RX), (BMS_UART, BMS_TX, BMS_RX))[number]
        return machine.UART(uart, baud, tx=machine.Pin(tx), rx=machine.Pin(rx), timeout=0, rxbuf=rx_bytes)

    def i2c(self):
        return machine.I2C(0, sda=machine.Pin(I2C_SDA), scl=machine.Pin(I2C_SCL), freq=100000, timeout=I2C_TIMEOUT_US)


class Board(device.Device):
    def __init__(self, folder, ends_with_stdin=False):
        device.Device.__init__(self, folder, Port())
