"""The log on raw NOR flash: entries, their checkpoints and receipts, safe against a power cut at any operation.

Decides where each byte lies and what may be erased. What entries say is left to entries.py; which receipts are true to
the logger.

Sectors are used in a circle: sector number n, counted since the flash was new, lies at n % sectors. A sector is a
header and then records, each a multiple of 8 bytes (the widest word that a NOR flash programs at once) and written by
one program call. The header holds all that a start needs, so that a start reads one header a sector and the records of
one sector only. Bits are programmed once between two erases: a record that tears ends its sector.

A flash has `sector_bytes`, `sectors`, `read(offset, buffer)`, `program(offset, content)` and `erase(sector)`.
"""

import struct
from binascii import crc32

from logger.core.blinding import leaf_of
from logger.core.entries import MAX_ENTRY_BYTES, SEAL, Progress
from logger.core.merkle import MAX_SIZE, Edge, edge_bytes
from logger.core.steps import finish

MAGIC = b"PSL1"
ENTRY, CHECKPOINT, RECEIPT = 1, 2, 3
MIN_SECTORS = 4  # the one being filled, one to free, one spare, one to work with
MIN_SECTOR_BYTES = 2048  # the largest header is 864 bytes, the largest record 528
CHECKPOINT_ROOM_BYTES = 184  # a checkpoint is at most 168 bytes; its record's head and CRC, rounded up

_HEADER = "<4sIII16s56s"  # magic, number, receipted_size, checkpointed_size, log_id, progress; edge and CRC-32 follow
_HEADER_BYTES = struct.calcsize(_HEADER)
_RECORD = "<BHI"  # kind, length of the payload, seq of an entry or size of a checkpoint or receipt
_RECORD_BYTES = struct.calcsize(_RECORD)
_CRC_BYTES = 4
_MAX_RECORD_BYTES = 528
_BLANK = b"\xff" * 64


class LogFullError(Exception):
    """No room until a receipt frees some. Nothing was changed."""


class WrongLogError(Exception):
    """The flash holds the log of another key: the state folder's or the board's operator has mixed two up."""


class SectorLog:
    """The log of one key on one flash, as durable as the flash's last finished operation.

    Readable attributes: `progress`, `receipted_size` (what valid receipts cover), `checkpointed_size` (the size of the
    newest checkpoint).
    """

    def __init__(self, flash, log_id, disclosure_seed, previous_id=None):
        """Mounts: finds the newest sector and replays it. Raises WrongLogError.

        A log `previous_id` was sealed and has its receipt, and this one takes its place: what is left of it is erased.
        """
        if flash.sectors < MIN_SECTORS or flash.sector_bytes < MIN_SECTOR_BYTES:
            raise ValueError(f"a log needs {MIN_SECTORS} sectors of {MIN_SECTOR_BYTES} bytes or more")
        self._flash = flash
        self._scratch = bytearray(_MAX_RECORD_BYTES)
        self._begin(log_id, disclosure_seed)
        self._mount(previous_id)

    def _begin(self, log_id, disclosure_seed):
        self.log_id = log_id
        self.progress = Progress()
        self.receipted_size = 0
        self.checkpointed_size = 0
        self.held_checkpoint = None  # (size, content) of one that a full log has no room for
        self._disclosure_seed = disclosure_seed
        self._edge = Edge()
        self._newest, self._oldest = -1, 0  # sector numbers
        self._end = 0  # offset in the newest sector behind its last good record
        self._is_open = False  # whether a record may be programmed at _end

    @property
    def size(self):
        return self._edge.size

    @property
    def root(self):
        return self._edge.root()

    @property
    def is_sealed(self):
        return self.progress.last_kind == SEAL

    def oldest(self):
        """(seq of the oldest entry still held, the hashes of the edge before it)."""
        if self._newest < 0:
            return 0, []
        edge = Edge.from_bytes(self._header(self._oldest)[1])
        return edge.size, edge.roots

    def has_free_sector(self):
        """Whether entries may open another sector. One is kept back for the receipt that frees others."""
        return self._free_sectors() > 1

    def append(self, entry, leaf=None):
        """Makes an entry durable: its seq must be `size`. Raises LogFullError.

        leaf: its leaf hash, where the caller has computed it step by step.
        """
        if self.size == MAX_SIZE or len(entry) > MAX_ENTRY_BYTES:
            raise LogFullError("the log has all the entries it can have")
        reserve = 0 if self.has_free_sector() else CHECKPOINT_ROOM_BYTES
        self._make_room(_padded(len(entry)) + reserve)
        self._write(ENTRY, self.size, entry)
        self._edge.append(leaf or leaf_of(entry, self._disclosure_seed))
        self.progress.note(entry)

    def append_checkpoint(self, size, content):
        """Makes a checkpoint durable that follows the newest entry: its size must be `size`. Raises LogFullError."""
        self._make_room(_padded(len(content)))
        self._write(CHECKPOINT, size, content)
        self.checkpointed_size = size
        self.held_checkpoint = None

    def hold_checkpoint(self, size, content):
        """Keeps a checkpoint that LogFullError kept out: it can be read as the last record, until the next start."""
        self.checkpointed_size = size
        self.held_checkpoint = (size, content)

    def append_receipt(self, size, content):
        """Makes a receipt durable, frees the sectors it covers. Raises LogFullError when it would free nothing."""
        try:
            self._make_room(_padded(len(content)))
        except LogFullError:
            if not self._free_sectors() or self._first_live(size) == self._oldest:
                raise
            self._open(self._newest + 1, size)
        self._write(RECEIPT, size, content)
        self.receipted_size = size
        self._oldest = self._first_live(size)

    def start_anew_steps(self, log_id, disclosure_seed):
        """Forgets this log at once, and erases it a sector a step: the flash is then another log's, which is empty."""
        self._begin(log_id, disclosure_seed)
        for sector in range(self._flash.sectors):
            self._flash.erase(sector)
            yield

    def read_from(self, seq):
        """A Cursor before the entry seq, or before the oldest held."""
        return Cursor(self, seq)

    def checkpoint_of(self, size):
        """The checkpoint of exactly this size, None when there is none."""
        cursor = self.read_from(size)
        while True:
            record = cursor.next()
            if record is None or record[1] > size or record[:2] == (ENTRY, size):
                return None
            if record[:2] == (CHECKPOINT, size):
                return record[2]

    # ---- sectors

    def _mount(self, previous_id):
        for sector in range(self._flash.sectors):
            header = self._header(None, sector)
            if header and header[0][1] > self._newest:
                self._newest, newest = header[0][1], header
        if self._newest < 0:
            return
        _, _, self.receipted_size, self.checkpointed_size, log_id, progress = newest[0]
        if log_id != self.log_id:
            if log_id != previous_id:
                raise WrongLogError("the flash holds the log of another key")
            finish(self.start_anew_steps(self.log_id, self._disclosure_seed))
            return
        self._edge = Edge.from_bytes(newest[1])
        self.progress = Progress.from_bytes(progress)
        self._end = _first_record(self._edge.size)
        self._replay()
        self._is_open = self._is_blank_from(self._end)
        self._oldest = self._newest
        while self._oldest and self._newest - self._oldest + 1 < self._flash.sectors and self._header(self._oldest - 1):
            self._oldest -= 1
        self._oldest = self._first_live(self.receipted_size)

    def _replay(self):
        while True:
            record = self._record(self._newest, self._end)
            if record is None:
                return
            kind, number, content, self._end = record
            if kind == ENTRY:
                self._edge.append(leaf_of(content, self._disclosure_seed))
                self.progress.note(content)
            elif kind == CHECKPOINT:
                self.checkpointed_size = number
            else:
                self.receipted_size = number

    def _header(self, number, sector=None):
        """((magic, number, ...), edge) of a sector, None unless it is whole and, where asked for, has this number."""
        if sector is None:
            sector = number % self._flash.sectors
        fixed = bytearray(_HEADER_BYTES + 4)
        self._flash.read(sector * self._flash.sector_bytes, fixed)
        first_seq = int.from_bytes(fixed[_HEADER_BYTES:], "little")
        if fixed[:4] != MAGIC or first_seq > MAX_SIZE:
            return None
        whole = bytearray(_HEADER_BYTES + edge_bytes(first_seq) + _CRC_BYTES)
        self._flash.read(sector * self._flash.sector_bytes, whole)
        fields = struct.unpack(_HEADER, bytes(whole[:_HEADER_BYTES]))
        is_whole = crc32(whole[:-_CRC_BYTES]) == int.from_bytes(whole[-_CRC_BYTES:], "little")
        if not is_whole or fields[1] % self._flash.sectors != sector or number not in (None, fields[1]):
            return None
        return fields, bytes(whole[_HEADER_BYTES:-_CRC_BYTES])

    def _first_seq(self, number):
        field = bytearray(4)
        self._flash.read(self._offset(number) + _HEADER_BYTES, field)
        return int.from_bytes(field, "little")

    def _first_live(self, receipted_size):
        """The oldest sector that a receipt of this size does not cover wholly."""
        number = self._oldest
        while number < self._newest and self._first_seq(number + 1) <= receipted_size:
            number += 1
        return number

    def _free_sectors(self):
        return self._flash.sectors - (self._newest - self._oldest + 1)

    def _offset(self, number):
        return number % self._flash.sectors * self._flash.sector_bytes

    def _make_room(self, size_bytes):
        if self._is_open and self._end + size_bytes <= self._flash.sector_bytes:
            return
        if not self.has_free_sector():
            raise LogFullError("no sector is free until a receipt comes")
        self._open(self._newest + 1, self.receipted_size)

    def _open(self, number, receipted_size):
        """Begins a sector. Until its header is whole, the sector before it stays the newest."""
        header = struct.pack(
            _HEADER, MAGIC, number, receipted_size, self.checkpointed_size, self.log_id, self.progress.to_bytes()
        )
        header += self._edge.to_bytes()
        self._flash.erase(number % self._flash.sectors)
        self._flash.program(self._offset(number), _with_crc(header))
        self._newest, self._end, self._is_open = number, _first_record(self.size), True

    # ---- records

    def _write(self, kind, number, payload):
        record = _with_crc(struct.pack(_RECORD, kind, len(payload), number) + payload)
        self._is_open = False  # should the flash fail, nothing is ever programmed over what it left
        self._flash.program(self._offset(self._newest) + self._end, record)
        self._end += len(record)
        self._is_open = True

    def _record(self, sector, at):
        """(kind, number, payload, offset behind it) of the record there, None when there is no whole one."""
        if at + _padded(0) > self._flash.sector_bytes:
            return None
        head = memoryview(self._scratch)[:_RECORD_BYTES]
        self._flash.read(self._offset(sector) + at, head)
        kind, length, number = struct.unpack(_RECORD, head)
        end = at + _padded(length)
        if kind not in (ENTRY, CHECKPOINT, RECEIPT) or _padded(length) > _MAX_RECORD_BYTES:
            return None
        if end > self._flash.sector_bytes:
            return None
        whole = memoryview(self._scratch)[: _RECORD_BYTES + length + _CRC_BYTES]
        self._flash.read(self._offset(sector) + at, whole)
        if crc32(whole[:-_CRC_BYTES]) != int.from_bytes(bytes(whole[-_CRC_BYTES:]), "little"):
            return None
        return kind, number, bytes(whole[_RECORD_BYTES:-_CRC_BYTES]), end

    def _is_blank_from(self, at):
        part = bytearray(len(_BLANK))
        while at < self._flash.sector_bytes:
            count = min(len(part), self._flash.sector_bytes - at)
            view = memoryview(part)[:count]
            self._flash.read(self._offset(self._newest) + at, view)
            if view != _BLANK[:count]:
                return False
            at += count
        return True


class Cursor:
    """Reads a log's entries and checkpoints in the order in which they lie in it; goes on when more are appended."""

    def __init__(self, log, seq):
        """Stands before entry seq: the checkpoint of size seq, which follows entry seq - 1, is still read."""
        self._log = log
        self._seq = seq
        self._held_size = -1
        self._enter(log._newest)
        while self._sector > log._oldest and log._first_seq(self._sector) >= seq:
            self._enter(self._sector - 1)

    def next(self):
        """(ENTRY, seq, entry) or (CHECKPOINT, size, content); None when there is nothing more yet."""
        while True:
            record = self._next_record()
            if record is None:
                return self._next_held()
            kind, number, content, _ = record
            if kind == ENTRY and number >= self._seq:
                self._seq = number + 1
                return kind, number, content
            if kind == CHECKPOINT and number >= self._seq:
                return kind, number, content

    def _enter(self, sector):
        self._sector = sector
        self._at = None

    def _next_record(self):
        log = self._log
        if log._newest < 0:
            return None
        if self._sector < log._oldest:  # freed while this cursor stood in it, or the log was empty
            self._enter(log._oldest)
        while True:
            if self._at is None:
                self._at = _first_record(log._first_seq(self._sector))
            is_newest = self._sector == log._newest
            record = None if is_newest and self._at >= log._end else log._record(self._sector, self._at)
            if record is not None:
                self._at = record[3]
                return record
            if is_newest:
                return None
            self._enter(self._sector + 1)

    def _next_held(self):
        held = self._log.held_checkpoint
        if held is None or held[0] <= self._held_size or held[0] < self._seq:
            return None
        self._held_size = held[0]
        return CHECKPOINT, held[0], held[1]


def _padded(payload_bytes):
    return (_RECORD_BYTES + payload_bytes + _CRC_BYTES + 7) & ~7


def _first_record(first_seq):
    return (_HEADER_BYTES + edge_bytes(first_seq) + _CRC_BYTES + 7) & ~7


def _with_crc(content):
    whole = content + crc32(content).to_bytes(4, "little")
    return whole + b"\xff" * (-len(whole) & 7)
