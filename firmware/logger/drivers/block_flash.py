"""Raw flash behind MicroPython's extended block protocol: rp2.Flash and esp32.Partition (vfs.AbstractBlockDev).

Both program without erasing when a write has an offset, and erase a block by ioctl 6: rp2_flash.c, esp32_partition.c.
RP2 programs whole pages of 256 bytes only (RP2040 data sheet, section 2.8.3.1.3: flash_range_program), so what lies
around the content is sent as 0xFF, which changes no bit. Not for pyb.Flash: on a chip's own flash that is a cache in
memory which rewrites whole sectors (storage.c, flashbdev.c).
"""

_BLOCK_COUNT, _BLOCK_BYTES, _ERASE = 4, 5, 6


class BlockFlash:
    """The flash of logger/core/sectorlog.py."""

    def __init__(self, device, page_bytes=1):
        self._device = device
        self._page = bytearray(page_bytes)
        self.sectors = device.ioctl(_BLOCK_COUNT, 0)
        self.sector_bytes = device.ioctl(_BLOCK_BYTES, 0)

    def read(self, offset, buffer):
        buffer = memoryview(buffer)
        at = 0
        while at < len(buffer):  # a block at a time: no port promises to read on in the next one
            block, inside = divmod(offset + at, self.sector_bytes)
            count = min(self.sector_bytes - inside, len(buffer) - at)
            self._device.readblocks(block, buffer[at : at + count], inside)
            at += count

    def program(self, offset, content):
        content = memoryview(content)
        page_bytes = len(self._page)
        if page_bytes == 1:
            self._write(offset, content)
            return
        at = 0
        while at < len(content):
            inside = (offset + at) % page_bytes
            count = min(page_bytes - inside, len(content) - at)
            for i in range(page_bytes):
                self._page[i] = content[at + i - inside] if inside <= i < inside + count else 0xFF
            self._write(offset + at - inside, self._page)
            at += count

    def erase(self, sector):
        self._device.ioctl(_ERASE, sector)

    def _write(self, offset, content):
        at = 0
        while at < len(content):
            block, inside = divmod(offset + at, self.sector_bytes)
            count = min(self.sector_bytes - inside, len(content) - at)
            self._device.writeblocks(block, content[at : at + count], inside)
            at += count
