"""NOR flash in memory whose power can be cut at any program or erase operation. Runs on every interpreter."""

NOTHING, HALF, GARBAGE, ALL = "nothing", "half", "garbage", "all"  # what the torn operation has done
TEARS = (NOTHING, HALF, GARBAGE, ALL)
_RANDOM_BYTES = 8192


class PowerCutError(Exception):
    pass


class MemoryFlash:
    """Stricter than most chips: only whole words are programmed, and none twice between two erasures."""

    def __init__(self, sectors, sector_bytes, word_bytes=8):
        self.sectors = sectors
        self.sector_bytes = sector_bytes
        self.word_bytes = word_bytes
        self.content = bytearray(b"\xff" * (sectors * sector_bytes))
        self.operations = 0
        self.erasures = [0] * sectors
        self.cut_at = None  # the operation that tears
        self.tear = NOTHING
        self._random = 1

    def read(self, offset, buffer):
        if offset < 0 or offset + len(buffer) > len(self.content):
            raise ValueError("a read beyond the end of the flash")
        buffer[:] = self.content[offset : offset + len(buffer)]

    def program(self, offset, content):
        if (offset | len(content)) % self.word_bytes:
            raise ValueError("only whole words can be programmed")
        before = self.content[offset : offset + len(content)]
        if len(before) != len(content) or before != b"\xff" * len(content):
            raise ValueError("a word was programmed twice, or is none of this flash")
        self._change(offset, before, content)

    def erase(self, sector):
        if not 0 <= sector < self.sectors:
            raise ValueError("no sector of this flash")
        offset = sector * self.sector_bytes
        self.erasures[sector] += 1
        self._change(offset, self.content[offset : offset + self.sector_bytes], b"\xff" * self.sector_bytes)

    def _change(self, offset, before, after):
        self.operations += 1
        if self.operations - 1 != self.cut_at:
            self.content[offset : offset + len(after)] = after
            return
        self.content[offset : offset + len(after)] = self.torn(before, after)
        raise PowerCutError

    def torn(self, before, after):
        """What an operation that was to turn before into after has left, by `tear`."""
        if self.tear == NOTHING:
            return before
        if self.tear == ALL:
            return after
        if self.tear == HALF:
            return after[: len(after) // 2] + before[len(after) // 2 :]
        self._random = self._random * 1103515245 + 12345 & 0x3FFFFFFF
        at = (self._random >> 8) % (_RANDOM_BYTES // 2)
        noise = random_bytes[at:] + random_bytes * (1 + len(after) // _RANDOM_BYTES)
        mask = int.from_bytes(noise[: len(after)], "little")  # the bits that have changed
        was, is_now = int.from_bytes(before, "little"), int.from_bytes(after, "little")
        return (was ^ ((was ^ is_now) & mask)).to_bytes(len(after), "little")


def _random_bytes():
    number, out = 1, bytearray()
    while len(out) < _RANDOM_BYTES:
        number = number * 1103515245 + 12345 & 0x3FFFFFFF
        out.append(number >> 16 & 0xFF)
    return bytes(out)


random_bytes = _random_bytes()
