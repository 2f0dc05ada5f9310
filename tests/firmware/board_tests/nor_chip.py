"""Emulated flash, byte by byte: a W25Q on an SPI bus, the block devices of RP2 and ESP32, the second bank of an H743.

Each keeps its data sheet's rules, and raises where the real one would do something else.
"""

ERASED = 0xFF
H7_REGISTERS, H7_BANK = 0x52002100, 0x08100000


class NorChip:
    """Winbond W25Q128JV revision F, section 8: instructions while selected, acting when the selection ends."""

    def __init__(self, size_bytes=1 << 21, maker=0xEF):
        self.content = bytearray(b"\xff" * size_bytes)
        self.size = len(bin(size_bytes)) - 3
        self.maker = maker
        self.is_protected = False
        self.is_stuck = False
        self.programs = self.erasures = 0
        self._is_enabled = False
        self._busy_reads = 0
        self._is_selected = False
        self._input = bytearray()

    def select(self, level):
        if self._is_selected and level:
            self._act(bytes(self._input))
        self._is_selected = not level
        self._input = bytearray()

    def exchange(self, byte):
        """One byte in, the one that the chip sends meanwhile out."""
        if not self._is_selected:
            return 0xFF
        position = len(self._input)
        self._input.append(byte)
        code = self._input[0]
        if code == 0x9F and position:
            return (self.maker, 0x40, self.size)[min(position - 1, 2)]
        if code == 0x05 and position:
            return self._status()
        if code == 0x03 and position > 3:
            return self.content[(self._address() + position - 4) % len(self.content)]
        return 0xFF

    def _status(self):
        if self._busy_reads:
            self._busy_reads -= not self.is_stuck
            return 1 | self._is_enabled << 1
        return self._is_enabled << 1

    def _address(self):
        return int.from_bytes(self._input[1:4], "big")

    def _act(self, sent):
        if not sent:
            return
        if self._busy_reads and sent[0] not in (0x05,):
            raise ValueError(f"instruction {sent[0]} while it is busy: the chip would ignore it")
        if sent[0] == 0x06:
            self._is_enabled = not self.is_protected
        elif sent[0] in (0x02, 0x20) and self._is_enabled:
            self._is_enabled = False
            self._busy_reads = 3
            self._change(sent)

    def _change(self, sent):
        address = int.from_bytes(sent[1:4], "big")
        if sent[0] == 0x20:
            start = address & ~0xFFF
            self.content[start : start + 4096] = b"\xff" * 4096
            self.erasures += 1
            return
        self.programs += 1
        if len(sent) - 4 > 256:
            raise ValueError("more than a page: the first bytes would be lost")
        for i, byte in enumerate(sent[4:]):
            at = (address & ~0xFF) | (address + i & 0xFF)  # a page programs round and round
            if self.content[at] & byte != byte:
                raise ValueError("a bit can be set by erasing only")
            self.content[at] &= byte


class BlockDevice:
    """rp2.Flash (page_bytes 256: flash_range_program takes whole pages) and esp32.Partition (1)."""

    def __init__(self, blocks, page_bytes):
        self.content = bytearray(b"\xff" * (blocks * 4096))
        self._page_bytes = page_bytes

    def readblocks(self, block, buffer, offset=0):
        at = block * 4096 + offset
        if at + len(buffer) > len(self.content):
            raise OSError(22)
        buffer[:] = self.content[at : at + len(buffer)]

    def writeblocks(self, block, content, offset=None):
        if offset is None:
            raise ValueError("this form erases first, and a log would lose what is beside")
        at = block * 4096 + offset
        if (at | len(content)) % self._page_bytes:
            raise ValueError("whole pages only: the boot ROM would go on behind the end")
        for i in range(len(content)):
            if self.content[at + i] & content[i] != content[i]:
                raise ValueError("a bit can be set by erasing only")
            self.content[at + i] = content[i]

    def ioctl(self, code, argument):
        if code == 4:
            return len(self.content) // 4096
        if code == 5:
            return 4096
        if code == 6:
            self.content[argument * 4096 : argument * 4096 + 4096] = b"\xff" * 4096
        return 0


class H7Bank:
    """RM0433 revision 8, section 4.3.9: mem32 of an STM32H743, as far as its second bank goes."""

    def __init__(self):
        self.content = bytearray(b"\xff" * (1 << 20))
        self._keys = []
        self._control = 1
        self._busy_reads = 0
        self._word = b""
        self._programmed = set()
        self.errors = 0

    def bytes_at(self, address, count):
        return self.content[address - H7_BANK : address - H7_BANK + count]

    def __getitem__(self, address):
        if address == H7_REGISTERS + 0x0C:
            return self._control
        if address == H7_REGISTERS + 0x10:
            self._busy_reads -= self._busy_reads > 0
            return self.errors | (4 if self._busy_reads else 0) | (2 if self._word else 0)
        raise ValueError(f"nothing is read at {address:x}")

    def __setitem__(self, address, value):
        if address == H7_REGISTERS + 0x04:
            self._keys = (self._keys + [value])[-2:]
            if self._keys == [0x45670123, 0xCDEF89AB]:
                self._control = 0
        elif address == H7_REGISTERS + 0x0C:
            self._set_control(value)
        elif H7_BANK <= address < H7_BANK + len(self.content):
            self._write(address - H7_BANK, value)
        elif address not in (H7_REGISTERS + 0x14, 0xE000EF5C):
            raise ValueError(f"nothing is written at {address:x}")

    def _set_control(self, value):
        if self._control & 1:
            raise ValueError("the bank is locked")
        self._control = value
        if value & 0x84 == 0x84:
            at = (value >> 8 & 7) << 17
            self.content[at : at + (1 << 17)] = b"\xff" * (1 << 17)
            self._programmed = {word for word in self._programmed if word >> 12 != value >> 8 & 7}
            self._busy_reads = 3

    def _write(self, at, value):
        if not self._control & 2:
            raise ValueError("PG is not set: a bus fault")
        if at % 32 != len(self._word):
            raise ValueError("a flash word is written in order, from its first byte")
        self._word += value.to_bytes(4, "little")
        if len(self._word) == 32:
            word = at // 32
            if word in self._programmed:
                raise ValueError("a flash word is programmed once: its ECC would be wrong")
            self._programmed.add(word)
            self.content[word * 32 : word * 32 + 32] = self._word
            self._word = b""
            self._busy_reads = 2
