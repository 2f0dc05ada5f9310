"""A part of a flash: as a flash of its own, for the log, and as a block device, for a file system beside it."""

_BLOCK_COUNT, _BLOCK_BYTES, _ERASE = 4, 5, 6  # vfs.AbstractBlockDev.ioctl


class FlashPart:
    def __init__(self, flash, first, sectors):
        """Sectors first to first + sectors - 1. Raises ValueError when the flash has fewer."""
        if first + sectors > flash.sectors or sectors < 1:
            raise ValueError(f"a flash of {flash.sectors} sectors has none from {first} to {first + sectors - 1}")
        self._flash = flash
        self._first = first
        self.sectors = sectors
        self.sector_bytes = flash.sector_bytes
        self.word_bytes = getattr(flash, "word_bytes", 8)

    def read(self, offset, buffer):
        self._flash.read(self._first * self.sector_bytes + offset, buffer)

    def program(self, offset, content):
        self._flash.program(self._first * self.sector_bytes + offset, content)

    def erase(self, sector):
        self._flash.erase(self._first + sector)


class FlashBlocks:
    """What VfsLfs2 mounts: a flash as a block device with offsets."""

    def __init__(self, flash):
        self._flash = flash

    def readblocks(self, block, buffer, offset=0):
        self._flash.read(block * self._flash.sector_bytes + offset, buffer)

    def writeblocks(self, block, content, offset=None):
        if offset is None:
            self._flash.erase(block)
            offset = 0
        self._flash.program(block * self._flash.sector_bytes + offset, content)

    def ioctl(self, code, argument):
        if code == _BLOCK_COUNT:
            return self._flash.sectors
        if code == _BLOCK_BYTES:
            return self._flash.sector_bytes
        if code == _ERASE:
            self._flash.erase(argument)
        return 0
