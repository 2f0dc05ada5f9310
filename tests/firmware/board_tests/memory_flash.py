"""NOR flash in memory whose power can be cut at any program or erase operation. Runs on every interpreter."""

NOTHING, HALF, GARBAGE, ALL = "nothing", "half", "garbage", "all"  # what the torn operation has done
TEARS = (NOTHING, HALF, GARBAGE, ALL)


class PowerCutError(Exception):
    pass


class MemoryFlash:
    def __init__(self, sectors, sector_bytes):
        self.sectors = sectors
        self.sector_bytes = sector_bytes
        self.content = bytearray(b"\xff" * (sectors * sector_bytes))
        self.operations = 0
        self.erasures = [0] * sectors
        self.cut_at = None  # the operation that tears
        self.tear = NOTHING
        self._random = 1

    def read(self, offset, buffer):
        buffer[:] = self.content[offset : offset + len(buffer)]

    def program(self, offset, content):
        before = self.content[offset : offset + len(content)]
        for i in range(len(content)):
            if before[i] & content[i] != content[i]:
                raise ValueError("a programmed bit was programmed again")
        self._change(offset, before, content)

    def erase(self, sector):
        offset = sector * self.sector_bytes
        self.erasures[sector] += 1
        self._change(offset, self.content[offset : offset + self.sector_bytes], b"\xff" * self.sector_bytes)

    def _change(self, offset, before, after):
        self.operations += 1
        if self.operations - 1 != self.cut_at:
            self.content[offset : offset + len(after)] = after
            return
        self.content[offset : offset + len(after)] = self._torn(before, after)
        raise PowerCutError

    def _torn(self, before, after):
        if self.tear == NOTHING:
            return before
        if self.tear == ALL:
            return after
        if self.tear == HALF:
            return after[: len(after) // 2] + before[len(after) // 2 :]
        torn = bytearray(before)  # each bit has changed or not
        for i in range(len(torn)):
            self._random = self._random * 1103515245 + 12345 & 0x7FFFFFFF
            changed = self._random >> 16 & 0xFF
            torn[i] = before[i] & ~changed & 0xFF | after[i] & changed
        return torn
