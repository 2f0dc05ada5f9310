"""Serial NOR flash on an SPI bus: the JEDEC commands that every W25Q, GD25Q, MX25L and IS25LP has.

Names and limits from Winbond, W25Q128JV, revision F: sections 7.1.1 (status), 8.2.1 to 8.2.29 (instructions), 9.6
(times). Addresses have 3 bytes: chips up to 16 MB.
"""

import time
from errno import EIO, ENODEV, ETIMEDOUT

_WRITE_ENABLE, _READ, _PAGE_PROGRAM, _SECTOR_ERASE = 0x06, 0x03, 0x02, 0x20
_JEDEC_ID, _WAKE = 0x9F, 0xAB
_READ_STATUS = b"\x05\x00"
_IS_BUSY, _IS_WRITE_ENABLED = 1, 2
_PAGE_BYTES = 256
_LEAST_SIZE, _GREATEST_SIZE = 16, 24  # as powers of two
_PROGRAM_MS, _ERASE_MS = 10, 1000  # tPP is 3 ms and tSE 400 ms at most, of a new chip


class SpiFlash:
    """The flash of logger/core/sectorlog.py. Every operation raises OSError when the chip does not do as it should."""

    sector_bytes = 4096
    word_bytes = 4  # any byte can be programmed; small words save room in the log

    def __init__(self, spi, select):
        """spi: machine.SPI in mode 0. select: a Pin that is high."""
        self._spi = spi
        self._select = select
        self._head = bytearray(4)
        self._status = bytearray(2)
        self._command(_WAKE)
        time.sleep_ms(1)
        try:
            self._await(_ERASE_MS)  # a reset may have come while it erased: it hears nothing else then
        except OSError:
            pass  # nobody there, which is said below
        maker, _, size = self._identify()
        if maker in (0, 0xFF) or not _LEAST_SIZE <= size <= _GREATEST_SIZE:
            raise OSError(ENODEV)
        self.sectors = (1 << size) // self.sector_bytes

    def read(self, offset, buffer):
        self._address(_READ, offset)
        self._select(0)
        self._spi.write(self._head)
        self._spi.readinto(buffer)
        self._select(1)

    def program(self, offset, content):
        """Cut at page borders, because a page programs round and round."""
        content = memoryview(content)
        at = 0
        while at < len(content):
            count = min(_PAGE_BYTES - (offset + at) % _PAGE_BYTES, len(content) - at)
            self._enable()
            self._address(_PAGE_PROGRAM, offset + at)
            self._select(0)
            self._spi.write(self._head)
            self._spi.write(content[at : at + count])
            self._select(1)
            self._await(_PROGRAM_MS)
            at += count

    def erase(self, sector):
        self._enable()
        self._address(_SECTOR_ERASE, sector * self.sector_bytes)
        self._select(0)
        self._spi.write(self._head)
        self._select(1)
        self._await(_ERASE_MS)

    def _identify(self):
        answer = bytearray(4)
        self._select(0)
        self._spi.write_readinto(bytes([_JEDEC_ID, 0, 0, 0]), answer)
        self._select(1)
        return answer[1], answer[2], answer[3]

    def _command(self, code):
        self._select(0)
        self._spi.write(bytes([code]))
        self._select(1)

    def _enable(self):
        self._command(_WRITE_ENABLE)
        if not self._read_status() & _IS_WRITE_ENABLED:
            raise OSError(EIO)  # write-protected, or not there any more

    def _read_status(self):
        self._select(0)
        self._spi.write_readinto(_READ_STATUS, self._status)
        self._select(1)
        return self._status[1]

    def _address(self, code, offset):
        head = self._head
        head[0], head[1], head[2], head[3] = code, offset >> 16 & 0xFF, offset >> 8 & 0xFF, offset & 0xFF

    def _await(self, limit_ms):
        started = time.ticks_ms()
        while self._read_status() & _IS_BUSY:
            if time.ticks_diff(time.ticks_ms(), started) > limit_ms:
                raise OSError(ETIMEDOUT)
