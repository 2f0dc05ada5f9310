"""The second bank of an STM32H742/743/753's own flash: 8 sectors of 128 kB that stock MicroPython leaves alone.

ST, RM0433 revision 8, section 4: the bank is programmed by flash words of 32 bytes, each once between two erasures
(4.3.9); erasing takes up to 4 s (data sheet DS12110, table 49), in which bank 1 goes on running the firmware. Reads
pass the data cache, which knows nothing of it (PM0253, section 4.7: invalidate by address).
"""

import time
from errno import EIO, ETIMEDOUT

WORD_BYTES = 32
SECTOR_BYTES = 1 << 17
SECTORS = 8
BANK_ADDRESS = 0x08100000
REGISTERS = 0x52002100  # of bank 2
KEYR, CR, SR, CCR = 0x04, 0x0C, 0x10, 0x14
LOCK, PG, SER, START = 1 << 0, 1 << 1, 1 << 2, 1 << 7
PSIZE_64 = 3 << 4
SNB_SHIFT = 8
BSY, WBNE, QW = 1 << 0, 1 << 1, 1 << 2
ERRORS = 0x07EE0000  # WRPERR, PGSERR, STRBERR, INCERR, OPERR, RDPERR, RDSERR, SNECCERR, DBECCERR
KEYS = (0x45670123, 0xCDEF89AB)
DCIMVAC = 0xE000EF5C
_LINE_BYTES = 32
_PROGRAM_MS, _ERASE_MS = 10, 5000


class Stm32H7Flash:
    """The flash of logger/core/sectorlog.py, in words of 32 bytes."""

    word_bytes = WORD_BYTES
    sector_bytes = SECTOR_BYTES
    sectors = SECTORS

    def __init__(self, bytes_at, mem32):
        """bytes_at: uctypes.bytearray_at. mem32: stm.mem32."""
        self._bytes_at = bytes_at
        self._mem32 = mem32

    def read(self, offset, buffer):
        buffer[:] = self._bytes_at(BANK_ADDRESS + offset, len(buffer))

    def program(self, offset, content):
        """content and offset: whole words."""
        if (offset | len(content)) % WORD_BYTES:
            raise ValueError("whole words of 32 bytes only")
        mem32 = self._mem32
        self._unlock()
        try:
            mem32[REGISTERS + CR] = PG | PSIZE_64
            for at in range(0, len(content), 4):
                mem32[BANK_ADDRESS + offset + at] = int.from_bytes(content[at : at + 4], "little")
                if at % WORD_BYTES == WORD_BYTES - 4:
                    self._await(_PROGRAM_MS)
        finally:
            mem32[REGISTERS + CR] = LOCK
        self._forget(offset, len(content))

    def erase(self, sector):
        self._unlock()
        try:
            self._mem32[REGISTERS + CR] = SER | PSIZE_64 | sector << SNB_SHIFT
            self._mem32[REGISTERS + CR] = SER | PSIZE_64 | sector << SNB_SHIFT | START
            self._await(_ERASE_MS)
        finally:
            self._mem32[REGISTERS + CR] = LOCK
        self._forget(sector * SECTOR_BYTES, SECTOR_BYTES)

    def _unlock(self):
        if self._mem32[REGISTERS + CR] & LOCK:
            for key in KEYS:
                self._mem32[REGISTERS + KEYR] = key
        self._mem32[REGISTERS + CCR] = ERRORS

    def _await(self, limit_ms):
        started = time.ticks_ms()
        while self._mem32[REGISTERS + SR] & (BSY | WBNE | QW):
            if time.ticks_diff(time.ticks_ms(), started) > limit_ms:
                raise OSError(ETIMEDOUT)
        if self._mem32[REGISTERS + SR] & ERRORS:
            raise OSError(EIO)

    def _forget(self, offset, count):
        for at in range(0, count, _LINE_BYTES):
            self._mem32[DCIMVAC] = BANK_ADDRESS + offset + at
