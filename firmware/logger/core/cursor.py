"""Reading a log in the order in which its records lie on flash: one segment (Walk), or all that is held (Cursor).

Bytes of flash rot. A record that is not whole is passed over to the next one in its sector; what is torn by a power cut
ends its sector, because the log goes on in the next. So a damage is what has a good record behind it in its sector, or
a number that is missing.
"""

from logger.core.entries import bare_leaf
from logger.core.log_state import xor_of
from logger.core.merkle import HASH_BYTES, leaf_hash
from logger.core.sectors import CHECKPOINT, ENTRY, LEAF, LOSS, RECEIPT

AGAIN = (0, -1, b"")  # so many records were passed by that it is another step's turn
_PASSED_AT_ONCE = 16
UNREADABLE_LEAF = leaf_hash(b"")  # no entry is empty


class Walk:
    """The whole records of one segment.

    Readable attributes: `began` and `at`, where the newest one begins and the next one would; `damages`, the offsets of
    what was passed over; `is_unclear`, whether the rest of a sector is neither records nor blank: torn or damaged.
    """

    def __init__(self, sectors, segment, at, end=None):
        """end: the offset behind the last record, where that is known."""
        self._sectors = sectors
        self._segment = segment
        self._end = sectors.segment_bytes if end is None else end
        self.at = self.began = at
        self.damages = []
        self.is_unclear = False

    def next(self):
        """A record as Sectors.record gives it, None when there is none any more."""
        while self.at < self._end:
            record = self._sectors.record(self._segment, self.at) or self._resume()
            if record:
                self.at = record[3]
                self.began = self.at - self._sectors.padded(len(record[2]))
                return record
            self.at = self._sectors.sector_end(self.at)
        return None

    def go_on(self, end):
        """The same segment has grown to end."""
        self._end = end

    def again(self):
        """Another walk, which stands before the newest record."""
        return Walk(self._sectors, self._segment, self.began, self._end)

    def _resume(self):
        """The next whole record of the sector."""
        sectors = self._sectors
        if sectors.is_blank_from(self._segment, self.at):
            return None
        record = sectors.record_behind(self._segment, self.at)
        if record:
            # behind half an erasure there may be counts of an earlier round; a receipt may stand behind what is torn
            if record[0] not in (LOSS, RECEIPT):
                self.damages.append(self.at)
        elif self.at % sectors.sector_bytes:  # a sector without any record may be an earlier round's
            self.is_unclear = True
        return record


def lost_leaf(walk, size, state):
    """The leaf of entry `size`, which can no longer be read. state: the log's before it; walk: stands before the entry
    behind it, and is used up.

    It follows from the parity in the next checkpoint's record and the leaves in between. What no checkpoint covers was
    never signed, and so an agreed leaf may stand for it. None when it cannot be said which: two are lost, or a
    checkpoint may be among what is damaged.
    """
    parity, expected = state.parity, size + 1
    record = walk.next()
    while record:
        kind, number, payload, _ = record
        if kind in (ENTRY, CHECKPOINT, LEAF) and number != expected:
            return None
        if kind in (ENTRY, LEAF):
            parity = xor_of(parity, state.leaf_of(payload) if kind == ENTRY else payload[:HASH_BYTES])
            expected += 1
        elif kind == CHECKPOINT:
            return xor_of(parity, payload[:HASH_BYTES])
        record = walk.next()
    return None if walk.damages or walk.is_unclear else UNREADABLE_LEAF


class Cursor:
    """Reads a log's entries and checkpoints in the order in which they lie in it; goes on when more are appended."""

    def __init__(self, sectors, tail, log, seq):
        """Stands before entry seq: the checkpoint of size seq, which follows entry seq - 1, is still read.

        log: has `held_checkpoint`, and is told of damages (note_damage).
        """
        self._sectors = sectors
        self._tail = tail
        self._log = log
        self._seq = seq
        self._held_size = -1
        self._expected = None  # the number of the entry that comes next, where it is known
        self._is_damage_noted = False
        self._enter(self._begin_of(seq))

    def next(self):
        """(ENTRY, seq, entry or bare leaf) or (CHECKPOINT, size, content); AGAIN: call again;
        None when there is nothing more yet."""
        for _ in range(_PASSED_AT_ONCE):
            record = self._next_record()
            if record is None:
                return self._next_held()
            kind, number, payload, _ = record
            if kind == LEAF:
                kind, payload = ENTRY, bare_leaf(payload[:HASH_BYTES], number)
            if kind in (ENTRY, CHECKPOINT):
                self._note_missing(kind, number)
            if kind == ENTRY and number >= self._seq:
                self._seq = number + 1
                return kind, number, payload
            if kind == CHECKPOINT and number >= self._seq:
                return kind, number, payload[HASH_BYTES:]
        return AGAIN

    def _begin_of(self, seq):
        """The newest segment that begins before entry seq, or the oldest."""
        tail = self._tail
        segment = tail.newest
        while segment > tail.oldest and not 0 <= tail.first_seq(segment) < seq:
            segment -= 1
        return segment

    def _enter(self, segment):
        self._segment = segment
        self._walk = None

    def _next_record(self):
        tail = self._tail
        if self._segment < tail.oldest:  # freed while this cursor stood in it, or the log was empty
            self._enter(tail.oldest)
            self._expected = None
        while self._segment <= tail.newest:
            if self._walk is None:
                head = self._sectors.head_of(self._segment)
                self._walk = Walk(self._sectors, self._segment, head[3] if head else 0)
            self._walk.go_on(tail.end_of(self._segment))
            record = self._walk.next()
            self._note_damages()
            if record or self._segment == tail.newest:
                return record
            self._enter(self._segment + 1)
        return None

    def _note_missing(self, kind, number):
        """The last record of a sector looks torn when it is damaged: what tells is the number behind it."""
        if self._expected is not None and number > self._expected and not self._is_damage_noted:
            self._log.note_damage(self._segment, self._walk.began)
        self._expected, self._is_damage_noted = number + (kind == ENTRY), False

    def _note_damages(self):
        damages = self._walk.damages
        while damages:
            self._log.note_damage(self._segment, damages.pop())
            self._is_damage_noted = True

    def _next_held(self):
        held = self._log.held_checkpoint
        if held is None or held[0] <= self._held_size or held[0] < self._seq:
            return None
        self._held_size = held[0]
        return CHECKPOINT, held[0], held[1]
