"""What the loader needs of an STM32 board.

Its own flash holds nothing but the loader, and is not written in the field: MicroPython keeps a sector of it in memory
and writes it back as a whole, which a power cut can tear. So the state (keys, configuration, both firmwares) is a
littlefs in the first megabyte of the serial flash.
"""

import sys

import machine
import pins
import vfs
from flash_part import FlashBlocks, FlashPart
from spi_flash import SpiFlash

STATE = "/state"
STATE_SECTORS = 256
FEED_MS = 1000


def mount():
    here = pins.of(sys.implementation._machine)
    flash = SpiFlash(machine.SPI(here.spi, baudrate=10000000), machine.Pin(here.select, machine.Pin.OUT, value=1))
    blocks = FlashBlocks(FlashPart(flash, 0, STATE_SECTORS))
    if _is_blank(flash):
        vfs.VfsLfs2.mkfs(blocks)
    file_system = vfs.VfsLfs2(blocks)  # type: ignore[abstract]  # the stub's fault
    vfs.mount(file_system, STATE)  # a damaged one is not formatted: it holds the key
    return STATE


def _is_blank(flash):
    """littlefs has its superblock in the first two blocks."""
    content = bytearray(64)
    for sector in range(2):
        flash.read(sector * flash.sector_bytes, content)
        if content != b"\xff" * len(content):
            return False
    return True


def restart():
    machine.reset()


def keep_watchdog_fed():
    watchdog = machine.WDT(timeout=8000)
    machine.Timer(-1, period=FEED_MS, callback=lambda _: watchdog.feed())
