"""Where the bytes of a log lie on NOR flash: segments of erase sectors, their heads, and records.

Segments are used in a circle: segment number n, counted since the flash was new, is at n % segments. It is one or more
erase sectors, begins with one head, and each of its sectors is erased when the log enters it. A sector is filled with
records from its start (the first of a segment from behind the head); no record crosses its end.

A record is a whole number of the flash's words, programmed by one call and once only between two erasures. Its CRC is
seeded with the log's id and the segment's number: what an earlier round or another log has left never counts.

A flash has `sector_bytes`, `sectors`, `read(offset, buffer)`, `program(offset, content)`, `erase(sector)` and, where
that is not 8, `word_bytes`: what it programs at once, and only once (STM32H7: 32, RM0433 section 4.3.9).
"""

import struct
from binascii import crc32

ENTRY, CHECKPOINT, RECEIPT, LOSS = 1, 2, 3, 4
LEAF = 5  # all that is kept of a window while the log is full
MIN_SEGMENTS = 4  # the one being filled, one to free, one spare, one to work with
MIN_SECTOR_BYTES = 2048  # the largest head is 1088 bytes, the largest record 544
MAX_PAYLOAD_BYTES = 512
_LATEST_SEGMENT = (1 << 32) - 2
_SEGMENT_BYTES = 16384  # of small sectors: a head is then 5 % of it, and a start replays 170 windows
_FEWEST_SEGMENTS = 8  # of small sectors: one is kept back

_MAGIC = b"PSL2"
_HEAD = "<4sIH16sI"  # magic, number, sectors of a segment, log_id, length of the state; state and CRC-32 follow
_HEAD_BYTES = struct.calcsize(_HEAD)
_RECORD = "<HHB"  # kind and 13 bits of length of the payload; number, low 16 and high 8 bits: see sectorlog.py
_RECORD_BYTES = struct.calcsize(_RECORD)
_KIND_SHIFT, _LENGTH_MASK = 13, (1 << 13) - 1
_LEAST_BYTE, _MOST_BYTE = ENTRY << 5, LEAF << 5 | MAX_PAYLOAD_BYTES >> 8  # the second one of a record
_CRC_BYTES = 4
_PART_BYTES = 64
_BLANK = b"\xff" * _PART_BYTES


class WrongLogError(Exception):
    """The flash holds the log of another key: the state folder's or the board's operator has mixed two up."""


def segment_sectors_of(sectors, sector_bytes):
    """How many erase sectors make a segment of such a flash."""
    count = 1
    while 2 * count * sector_bytes <= _SEGMENT_BYTES and sectors // (2 * count) >= _FEWEST_SEGMENTS:
        count *= 2
    return count


class Sectors:
    """The segments of one flash. Decides nothing about what is in them.

    Offsets (`at`) count from the start of a segment. Readable attributes: `segments`, `segment_sectors`,
    `sector_bytes`, `segment_bytes`.
    """

    def __init__(self, flash, log_id, segment_sectors=None):
        """segment_sectors: for tests; a log is always mounted with the number that it was begun with."""
        self._flash = flash
        self._word_bytes = getattr(flash, "word_bytes", 8)
        self.sector_bytes = flash.sector_bytes
        self.segment_sectors = segment_sectors or segment_sectors_of(flash.sectors, flash.sector_bytes)
        self.segments = flash.sectors // self.segment_sectors
        self.segment_bytes = self.segment_sectors * self.sector_bytes
        if self.segments < MIN_SEGMENTS or self.sector_bytes < MIN_SECTOR_BYTES:
            raise ValueError(f"a log needs {MIN_SEGMENTS} segments of sectors of {MIN_SECTOR_BYTES} bytes or more")
        self._scratch = bytearray(_RECORD_BYTES + MAX_PAYLOAD_BYTES + _CRC_BYTES)
        self._part = bytearray(_PART_BYTES)
        self.begin(log_id)

    def begin(self, log_id):
        self._log_id = log_id
        self._seed = self._seed_number = None

    def padded(self, payload_bytes):
        """The bytes that a record with such a payload takes."""
        return self._whole_words(_RECORD_BYTES + payload_bytes + _CRC_BYTES)

    def sector_end(self, at):
        """The offset at which the sector ends that at lies in."""
        return at - at % self.sector_bytes + self.sector_bytes

    # ---- heads

    def head(self, position):
        """(number, log_id, state, offset of the first record) of the segment at that position of the circle; None
        where no head is whole. Raises WrongLogError when the log was laid out in segments of another size."""
        base = position * self.segment_bytes
        fixed = bytearray(_HEAD_BYTES)
        self._flash.read(base, fixed)
        magic, number, segment_sectors, log_id, state_bytes = struct.unpack(_HEAD, fixed)
        end = _HEAD_BYTES + state_bytes + _CRC_BYTES
        if magic != _MAGIC or number > _LATEST_SEGMENT or end > self.sector_bytes:
            return None
        whole = bytearray(end)
        self._flash.read(base, whole)
        view = memoryview(whole)
        if crc32(view[:-_CRC_BYTES]) != int.from_bytes(whole[-_CRC_BYTES:], "little"):
            return None
        if segment_sectors != self.segment_sectors:
            raise WrongLogError(f"the log on the flash is laid out in segments of {segment_sectors} sectors")
        if number % self.segments != position:
            return None
        return number, log_id, bytes(view[_HEAD_BYTES:-_CRC_BYTES]), self._whole_words(end)

    def head_of(self, segment):
        """Like head, for the segment of that number; None also when another one is there."""
        head = self.head(segment % self.segments)
        return head if head and head[0] == segment else None

    def open(self, number, state):
        """Begins a segment: until its head is whole, the one before it is the newest. -> offset of its first record"""
        head = struct.pack(_HEAD, _MAGIC, number, self.segment_sectors, self._log_id, len(state)) + state
        whole = self._with_crc(head, crc32(head))
        self.erase_at(number, 0)
        self._flash.program(self._offset(number), whole)
        return len(whole)

    def erase_at(self, number, at):
        """Erases the sector of that segment which begins at that offset."""
        self._flash.erase((self._offset(number) + at) // self.sector_bytes)

    def erase_all_steps(self, newest):
        """Everything, a sector a step, the newest segment last."""
        first = (newest + 1) % self.segments * self.segment_sectors
        sectors = self._flash.sectors
        for i in range(sectors):
            self._flash.erase((first + i) % sectors)
            yield

    # ---- records

    def write(self, segment, at, kind, number, payload):
        """-> the offset behind it."""
        content = struct.pack(_RECORD, kind << _KIND_SHIFT | len(payload), number & 0xFFFF, number >> 16) + payload
        whole = self._with_crc(content, crc32(content, self._seed_of(segment)))
        self._flash.program(self._offset(segment) + at, whole)
        return at + len(whole)

    def record(self, segment, at):
        """(kind, number, payload, offset behind it) of the record there, None when there is no whole one."""
        room = self.sector_end(at) - at
        if room < self.padded(0):
            return None
        base = self._offset(segment) + at
        head = memoryview(self._scratch)[:_RECORD_BYTES]
        self._flash.read(base, head)
        length, low, high = struct.unpack(_RECORD, head)
        kind, length, number = length >> _KIND_SHIFT, length & _LENGTH_MASK, low | high << 16
        end = self.padded(length)
        if not ENTRY <= kind <= LEAF or length > MAX_PAYLOAD_BYTES or end > room:
            return None
        whole = memoryview(self._scratch)[: _RECORD_BYTES + length + _CRC_BYTES]
        self._flash.read(base, whole)
        if crc32(whole[:-_CRC_BYTES], self._seed_of(segment)) != int.from_bytes(bytes(whole[-_CRC_BYTES:]), "little"):
            return None
        return kind, number, bytes(whole[_RECORD_BYTES:-_CRC_BYTES]), at + end

    def record_behind(self, segment, at):
        """The first whole record that begins behind at in its sector; None without one."""
        end, word_bytes = self.sector_end(at), self._word_bytes
        at += word_bytes
        part = self._part
        while at < end:
            count = min(_PART_BYTES, end - at)
            self._read(segment, at, count)
            for i in range(0, count, word_bytes):
                if _LEAST_BYTE <= part[i + 1] <= _MOST_BYTE:
                    record = self.record(segment, at + i)
                    if record:
                        return record
            at += count
        return None

    def has_headless_records(self, segment):
        """Whether this is a segment whose head can no longer be read: what has been freed has one or is blank."""
        if self.head(segment % self.segments):
            return False
        self._read(segment, 0, _PART_BYTES)
        if self._part == _BLANK:
            return False
        return bool(self.record(segment, 0) or self.record_behind(segment, 0))

    def is_blank_from(self, segment, at):
        """Whether nothing has been programmed from there to the end of the sector."""
        return self.blank_from(segment, at) == at

    def blank_from(self, segment, at):
        """The word from which on nothing has been programmed to the end of the sector, at or behind at."""
        end, blank_at, position = self.sector_end(at), at, at
        while position < end:
            count = min(_PART_BYTES, end - position)
            self._read(segment, position, count)
            if self._part[:count] != _BLANK[:count]:
                last = max([i for i in range(count) if self._part[i] != 0xFF])
                blank_at = at + self._whole_words(position + last + 1 - at)
            position += count
        return blank_at

    def _read(self, segment, at, count):
        self._flash.read(self._offset(segment) + at, memoryview(self._part)[:count])

    def _offset(self, number):
        return number % self.segments * self.segment_bytes

    def _seed_of(self, number):
        if number != self._seed_number:
            self._seed, self._seed_number = crc32(self._log_id + number.to_bytes(4, "little")), number
        return self._seed

    def _whole_words(self, count):
        return count + -count % self._word_bytes

    def _with_crc(self, content, crc):
        whole = content + crc.to_bytes(_CRC_BYTES, "little")
        return whole + b"\xff" * (-len(whole) % self._word_bytes)
