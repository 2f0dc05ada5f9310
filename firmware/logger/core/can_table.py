"""The table a DBC was compiled to (docs/can.md, "The table"), and the decoding of frames by it.

The table is checked whole before it is used: a table that loads can be walked without looking at its limits again.
Decoding takes nothing from the heap and never makes a number of more than 30 bits, whatever a frame holds; fields of up
to 64 bits are taken in parts of 24. Values are those of the gateway's decoder, to the last unit.
"""

from binascii import crc32

from logger.core.can_scale import SCALE_BYTES, Scale, bits_at

MAGIC, VERSION = b"PSCT", 1
MAX_BYTES = 16384
MAX_REGISTERS = 8
MAX_CELLS, MAX_SENSORS = 128, 32
CURRENT_SLOT, PACK_SLOT, SOC_SLOT, SOH_SLOT, FIRST_CELL_SLOT = 0, 1, 2, 3, 4
ABSENT, MARK, VALUE = 0, 1, 2  # of a slot: nothing came, the source marked it or it is out of range, a value

_HEADER_BYTES, _MESSAGE_BYTES, _RANGE_BYTES, _CRC_BYTES = 16, 8, 8, 4
_FIELD, _MULTIPLEXER, _CASE = 1, 2, 3
_FIELD_BYTES, _MULTIPLEXER_BYTES, _CASE_BYTES = 8, 12, 8
_BIG_ENDIAN = 1
_EXTENDED = 1 << 29
_MAX_FRAME_BYTES = 64
_NO_VALUE = -1


class TableError(ValueError):
    """Not a table this firmware can use; the text says why."""


class CanTable:
    """Readable: `cells`, `sensors`, `slots` (how many values there are), `unknown_multiplexers` and `too_short`, which
    count frames in which a multiplexer had a value the DBC does not know, and fields that frames were too short for."""

    def __init__(self, content):
        """content: bytes. Raises TableError."""
        self._content = content
        self._check_frame()
        self.cells = content[8]
        self.sensors = content[9]
        self.slots = FIRST_CELL_SLOT + self.cells + self.sensors
        messages, scales = content[10], content[11]
        ranges, program_bytes = _u16(content, 12), _u16(content, 14)
        scales_at = _HEADER_BYTES + messages * _MESSAGE_BYTES
        self._ranges_at = scales_at + scales * SCALE_BYTES
        self._ranges = ranges
        self._program_at = self._ranges_at + ranges * _RANGE_BYTES
        if self._program_at + program_bytes + _CRC_BYTES != len(content):
            raise TableError("its parts do not add up to its length")
        if self.cells > MAX_CELLS or self.sensors > MAX_SENSORS:
            raise TableError("more cells or sensors than a record holds")
        self._check_ranges()
        self._scales = [self._scale(scales_at + number * SCALE_BYTES) for number in range(scales)]
        self._places = {}
        self._load_messages(messages, program_bytes)
        self._registers = [_NO_VALUE] * MAX_REGISTERS
        self.unknown_multiplexers = self.too_short = 0

    @property
    def ids(self):
        """[(identifier, is it extended)] of its messages."""
        return [(key & ~_EXTENDED, key >= _EXTENDED) for key in sorted(self._places)]

    def decode(self, can_id, is_extended, data, taker):
        """Gives each field of the frame to taker.take(slot, state, value), state MARK or VALUE.

        False for a frame of no message of the table.
        """
        place = self._places.get(can_id | _EXTENDED if is_extended else can_id)
        if place is None:
            return False
        content = self._content
        at, end = place
        while at < end:
            kind = content[at]
            if kind == _FIELD:
                self._take(at, data, taker)
                at += _FIELD_BYTES
            elif kind == _MULTIPLEXER:
                self._select(at, data)
                at += _MULTIPLEXER_BYTES
            else:
                value = self._registers[content[at + 1]]
                is_in = value >= 0 and self._holds(_u16(content, at + 2), _u16(content, at + 4), value)
                at += _CASE_BYTES if is_in else _CASE_BYTES + _u16(content, at + 6)
        return True

    def _take(self, at, data, taker):
        content = self._content
        if len(data) < content[at + 4]:
            self.too_short += 1
            return
        scale = self._scales[content[at + 6]]
        first, bit = content[at + 2], content[at + 3]
        step = -1 if content[at + 1] & _BIG_ENDIAN else 1
        if not scale.measure(data, first, bit, step) or (
            scale.codes and self._holds(scale.first_code, scale.codes, scale.small())
        ):
            taker.take(content[at + 5], MARK, 0)
        else:
            taker.take(content[at + 5], VALUE, scale.value())

    def _select(self, at, data):
        content = self._content
        register = content[at + 5]
        self._registers[register] = _NO_VALUE
        if len(data) < content[at + 4]:
            self.too_short += 1
            return
        step = -1 if content[at + 1] & _BIG_ENDIAN else 1
        value = bits_at(data, content[at + 2], content[at + 3], step, content[at + 6])
        self._registers[register] = value
        if not self._holds(_u16(content, at + 8), _u16(content, at + 10), value):
            self.unknown_multiplexers += 1

    def _holds(self, first, count, value):
        """Whether value, of up to 30 bits and not below 0, is in one of these ranges."""
        at = self._ranges_at + first * _RANGE_BYTES
        for _ in range(count):
            if value < _u32(self._content, at):
                return False
            if value <= _u32(self._content, at + 4):
                return True
            at += _RANGE_BYTES
        return False

    def _check_frame(self):
        content = self._content
        if not isinstance(content, bytes) or len(content) < _HEADER_BYTES + _CRC_BYTES or content[:4] != MAGIC:
            raise TableError("it is no table of packseal dbc compile")
        if content[4] != VERSION or content[5]:
            raise TableError(f"it has version {content[4]}, this firmware reads {VERSION}; compile it again")
        if len(content) > MAX_BYTES or _u16(content, 6) != len(content):
            raise TableError(f"it has {len(content)} bytes, and says {_u16(content, 6)}")
        if crc32(content[:-_CRC_BYTES]) & 0xFFFFFFFF != _big(content, len(content) - _CRC_BYTES):
            raise TableError("its checksum is wrong")

    def _check_ranges(self):
        at = self._ranges_at
        for _ in range(self._ranges):
            if not _big(self._content, at) <= _big(self._content, at + 4) < 1 << 30:
                raise TableError("a range runs backwards or is too large")
            at += _RANGE_BYTES

    def _scale(self, at):
        try:
            scale = Scale(self._content, at)
        except ValueError as error:
            raise TableError(str(error)) from None
        self._check_list(scale.first_code, scale.codes)
        return scale

    def _load_messages(self, count, program_bytes):
        end = 0
        last_key = -1
        for number in range(count):
            at = _HEADER_BYTES + number * _MESSAGE_BYTES
            key, first, following = _big(self._content, at), _u16(self._content, at + 4), _u16(self._content, at + 6)
            if not last_key < key < 1 << 30 or first != end or following <= first:
                raise TableError("its messages are not in order")
            if key < _EXTENDED and key > 0x7FF:
                raise TableError("an identifier has more than 11 bits")
            last_key, end = key, following
            if end > program_bytes:
                raise TableError("a message is longer than the table")
            self._check_body(self._program_at + first, self._program_at + end, set(), 0)
            self._places[key] = (self._program_at + first, self._program_at + end)
        if end != program_bytes or not count:
            raise TableError("it describes no message, or something behind the last one")

    def _check_body(self, at, end, registers, depth):
        """registers: those that have been set when the body is reached."""
        if depth > MAX_REGISTERS:
            raise TableError("multiplexers are nested too deeply")
        registers = set(registers)
        while at < end:
            kind = self._content[at]
            size = _SIZES.get(kind)
            if size is None or at + size > end:
                raise TableError("a part of a message is unknown or cut off")
            if kind == _FIELD:
                self._check_field(at)
            elif kind == _MULTIPLEXER:
                self._check_multiplexer(at, registers)
            else:
                size += self._check_case(at, end, registers, depth)
            at += size

    def _check_field(self, at):
        content = self._content
        if content[at + 5] >= self.slots or content[at + 6] >= len(self._scales) or content[at + 7]:
            raise TableError("a field leads nowhere")
        self._check_place(at, self._scales[content[at + 6]].bits)

    def _check_multiplexer(self, at, registers):
        content = self._content
        if content[at + 5] in registers or content[at + 5] >= MAX_REGISTERS or not 0 < content[at + 6] <= 24:
            raise TableError("a multiplexer is wrong")
        registers.add(content[at + 5])
        self._check_place(at, content[at + 6])
        self._check_list(_u16(content, at + 8), _u16(content, at + 10))

    def _check_case(self, at, end, registers, depth):
        content = self._content
        skip = _u16(content, at + 6)
        if content[at + 1] not in registers or not 0 < skip <= end - at - _CASE_BYTES:
            raise TableError("a case leads nowhere")
        self._check_list(_u16(content, at + 2), _u16(content, at + 4))
        self._check_body(at + _CASE_BYTES, at + _CASE_BYTES + skip, registers, depth + 1)
        return skip

    def _check_place(self, at, bits):
        """All bytes of the field lie in what it says it needs, and that in a frame."""
        content = self._content
        first, bit, needed = content[at + 2], content[at + 3], content[at + 4]
        further = (bit + bits - 1) // 8
        is_big_endian = content[at + 1] == _BIG_ENDIAN
        is_inside = first - further >= 0 and first < needed if is_big_endian else first + further < needed
        if content[at + 1] > _BIG_ENDIAN or bit > 7 or needed > _MAX_FRAME_BYTES or not is_inside:
            raise TableError("a field lies outside of its frame")

    def _check_list(self, first, count):
        if first + count > self._ranges:
            raise TableError("a list of ranges is cut off")


_SIZES = {_FIELD: _FIELD_BYTES, _MULTIPLEXER: _MULTIPLEXER_BYTES, _CASE: _CASE_BYTES}


def _u16(content, at):
    return content[at] | content[at + 1] << 8


def _u32(content, at):
    """Of a number that has been seen to be below 2**30."""
    return content[at] | content[at + 1] << 8 | content[at + 2] << 16 | content[at + 3] << 24


_big = _u32  # of any number: that may take from the heap
