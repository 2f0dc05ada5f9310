"""The drivers of flash on emulated chips: `flash_drivers.py TEST`. Prints JSON."""

import json
import sys

import stand_ins
from nor_chip import BlockDevice, H7Bank

from logger.drivers.block_flash import BlockFlash
from logger.drivers.flash_part import FlashBlocks, FlashPart
from logger.drivers.spi_flash import SpiFlash
from logger.drivers.stm32h7_flash import Stm32H7Flash


def exercised(flash):
    """Programs across the borders of pages and sectors, reads back, erases the middle one of three sectors."""
    size, content = flash.sector_bytes, bytes([7 * i & 0xFF for i in range(700)]) + bytes(68)
    word = getattr(flash, "word_bytes", 1)
    for offset in (0, size - 320, 2 * size - 32 * (300 // 32)):
        flash.program(offset // word * word, content)
    found = bytearray(768)
    flash.read((size - 320) // word * word, found)
    assert found == content
    flash.erase(1)
    flash.read(size - 320, found)
    assert found[:320] == content[:320]
    assert found[320:] == b"\xff" * 448
    flash.read(2 * size, found)
    assert found[: 768 - 288] == content[288:]  # what began in the sector before
    return [flash.sectors, flash.sector_bytes]


def spi_parts(**changes):
    parts = stand_ins.install("rp2")
    for name in changes:
        setattr(parts.chip, name, changes[name])
    return parts, parts.machine.SPI(0), parts.machine.Pin(20, 1, value=1)


def good():
    _, spi, select = spi_parts()
    flashes = [SpiFlash(spi, select), BlockFlash(BlockDevice(8, 256), 256), BlockFlash(BlockDevice(8, 1))]
    bank = H7Bank()
    flashes.append(Stm32H7Flash(bank.bytes_at, bank))
    return [exercised(flash) for flash in flashes]


def littlefs():
    """MicroPython's littlefs on a part of the chip, mounted again."""
    import vfs

    parts, spi, select = spi_parts()
    part = FlashPart(SpiFlash(spi, select), 0, 32)
    vfs.VfsLfs2.mkfs(FlashBlocks(part))
    for life in range(3):
        vfs.mount(vfs.VfsLfs2(FlashBlocks(part)), "/part")  # type: ignore[abstract]  # the stub's fault
        with open("/part/lives", "ab") as file:
            file.write(bytes([life]) * 2000)
        vfs.umount("/part")
    assert parts.chip.content[32 * 4096 :] == b"\xff" * (len(parts.chip.content) - 32 * 4096)
    vfs.mount(vfs.VfsLfs2(FlashBlocks(part)), "/part")  # type: ignore[abstract]
    with open("/part/lives", "rb") as file:
        return len(file.read())


def faults():
    """What each fault raises: the errno, or the error's name."""
    outcomes = {}
    _, spi, select = spi_parts(maker=0xFF)
    outcomes["no chip"] = raised(SpiFlash, spi, select)
    _, spi, select = spi_parts(size=27)
    outcomes["a chip of 4-byte addresses"] = raised(SpiFlash, spi, select)
    parts, spi, select = spi_parts()
    flash = SpiFlash(spi, select)
    parts.chip.is_protected = True
    outcomes["write-protected"] = raised(flash.program, 0, b"x")
    parts.chip.is_protected, parts.chip.is_stuck = False, True
    outcomes["busy for ever"] = raised(flash.program, 0, b"x")
    bank = H7Bank()
    flash = Stm32H7Flash(bank.bytes_at, bank)
    outcomes["half a word"] = raised(flash.program, 0, bytes(16))
    bank.errors = 1 << 18
    outcomes["the bank's error"] = raised(flash.erase, 1)
    outcomes["a part beyond the end"] = raised(FlashPart, flash, 7, 2)
    return outcomes


def raised(operation, *arguments):
    try:
        operation(*arguments)
    except OSError as error:
        return error.errno
    except ValueError:
        return "ValueError"
    return None


tests = {"good": good, "littlefs": littlefs, "faults": faults}
if __name__ == "__main__":
    print(json.dumps(tests[sys.argv[1]]()))
