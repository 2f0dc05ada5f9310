"""Where the next record of a log goes, and which segments are free for it.

Segments are filled one after the other. Of the last free ones, a few are kept back from entries for the leaves of
windows that find no room, and the very last for the counts of what is lost while not even leaves find room, and for the
receipt that frees others (docs/decisions/0010-a-full-log.md).
"""

from logger.core.merkle import HASH_BYTES
from logger.core.sectors import CHECKPOINT, ENTRY, LOSS, RECEIPT

CHECKPOINT_BYTES = 168 + HASH_BYTES  # at most, with the parity before it
RECEIPT_BYTES = 0  # of a receipt its size is kept, which is the record's number
_FEWEST_RING_SECTORS = 2  # one to erase, one that has the newest count
_LOSS_SHARE = 8  # of the places left: 2,000 places tell 250 windows one by one and five million to 2 %
_LEAF_SHARE = 16  # of the segments, one is for leaves
_UNKNOWN = -1


class LogFullError(Exception):
    """No room until a receipt frees some. Nothing was changed."""


class Tail:
    """`oldest` and `newest`: the segments in use, by number; none when newest is below oldest."""

    def __init__(self, sectors):
        self._sectors = sectors
        self._leaf_segments = sectors.segments // _LEAF_SHARE
        self.keeps_leaves = self._leaf_segments > 0
        self.newest, self.oldest = -1, 0
        self._first_seqs = [_UNKNOWN] * sectors.segments  # of the first entry behind each head
        self._at = 0  # where the next record goes in the newest segment
        self._is_open = False  # whether it may be programmed there
        self._is_wrapped = False  # whether counts of losses go round in the newest segment
        self._ring_at = 0  # the first sector that they may go round in

    # ---- segments

    def first_seq(self, segment):
        """The first entry behind the head of a segment in use; below 0 when its head is damaged."""
        return self._first_seqs[segment % self._sectors.segments]

    def note_head(self, segment, first_seq):
        self._first_seqs[segment % self._sectors.segments] = first_seq

    def find_oldest(self, numbers, receipted_size):
        """numbers: the segments whose heads are whole."""
        least = self.newest - self._sectors.segments
        self.oldest = min([number for number in numbers if number > least] or [max(self.newest, 0)])
        if self.oldest - 1 > max(least, -1) and self.first_seq(self.oldest) > receipted_size:
            self.oldest -= 1  # it is there, and its head is damaged
        self.free(receipted_size)

    def first_live(self, receipted_size):
        """The oldest segment that a receipt of this size does not cover wholly."""
        live = self.oldest
        for segment in range(self.oldest + 1, self.newest + 1):
            if 0 <= self.first_seq(segment) <= receipted_size:
                live = segment
        return live

    def free(self, receipted_size):
        self.oldest = self.first_live(receipted_size)

    def free_segments(self):
        return self._sectors.segments - (self.newest - self.oldest + 1)

    def has_free_sector(self):
        """Whether entries may open another sector, so that there is room for more than one of them."""
        free = self.free_segments() - self._leaf_segments
        return free > 1 or (free == 1 and self._has_next_sector())

    def end_of(self, segment):
        """The offset in a segment up to which there are entries or checkpoints."""
        if segment != self.newest:
            return self._sectors.segment_bytes
        return self._ring_at if self._is_wrapped else self._at

    # ---- what a start has found

    def stand_in(self, segment, at):
        """In a segment whose records begin at that offset."""
        self.newest, self._at, self._is_open = segment, at, False
        self._ring_at, self._is_wrapped = self._sectors.sector_bytes, False

    def pass_by(self, kind, behind):
        """A record that ends there: the next one goes behind it."""
        self._at = behind
        if kind != LOSS:
            self._ring_at = self._next_sector()

    def pass_by_earlier_round(self):
        """A count of losses that is older than one before it."""
        self._is_wrapped = True

    def open_where_blank(self):
        is_inside = self._at % self._sectors.sector_bytes != 0
        self._is_open = is_inside and self._sectors.is_blank_from(self.newest, self._at)

    # ---- writing

    def make_room(self, kind, payload_bytes, state, least_free=2):
        """Goes to where such a record fits. Raises LogFullError. state: goes into the head of a segment that is opened.

        least_free: how many free segments there must be to open one.
        """
        if kind == ENTRY:
            least_free += self._leaf_segments
        while not self._fits(kind, payload_bytes):
            if self._has_next_sector() and self._may_stay(kind):
                self._enter(self._next_sector())
            elif self.free_segments() >= least_free:
                self._open(state)
            elif kind != RECEIPT or not self._open_behind_torn():
                raise LogFullError("no segment is free until a receipt comes")

    def make_room_for_loss(self, record_bytes, state):
        """Like make_room; where there is none, in the place of the oldest count."""
        try:
            self.make_room(LOSS, record_bytes, state, 1)
        except LogFullError:
            if not self._can_go_round(self._ring_at):
                raise
            at = self._next_sector()
            self._enter(at if at < self._sectors.segment_bytes else self._ring_at)
            self._is_wrapped = True

    def write(self, kind, number, payload):
        """Where make_room has gone."""
        self._is_open = False  # should the flash fail, nothing is ever programmed over what it left
        self.pass_by(kind, self._sectors.write(self.newest, self._at, kind, number, payload))
        self._is_open = self._at % self._sectors.sector_bytes != 0

    def is_loss_due(self, losses, unsaved):
        """Whether a count is to be written now: each, where counts can go round. In one large sector they must last for
        ever: from some number on, when they have grown by a share that leaves room for more than will ever come."""
        if self.free_segments() or self._can_go_round(self._ring_at):
            return True
        left_bytes = self._sectors.segment_bytes - self._at - self._sectors.padded(CHECKPOINT_BYTES + RECEIPT_BYTES)
        left = left_bytes // self._sectors.padded(len(losses.record_bytes()))
        return unsaved * (left + 1) >= losses.windows * max(min(left // 4, _LOSS_SHARE), 1)

    def _next_sector(self):
        """Where the one begins behind that of the newest record."""
        return self._sectors.sector_end(max(self._at - 1, 0))

    def _has_next_sector(self):
        return self.newest >= 0 and not self._is_wrapped and self._next_sector() < self._sectors.segment_bytes

    def _can_go_round(self, first_at):
        """Whether behind this offset there are sectors enough."""
        return self._sectors.segment_bytes - first_at >= _FEWEST_RING_SECTORS * self._sectors.sector_bytes

    def _fits(self, kind, payload_bytes):
        need = self._sectors.padded(payload_bytes) + self._reserve(kind)
        return self._is_open and self._may_stay(kind) and self._at + need <= self._sectors.sector_end(self._at)

    def _reserve(self, kind):
        """What a record of this kind leaves free behind it, in bytes."""
        checkpoint, receipt = self._sectors.padded(CHECKPOINT_BYTES), self._sectors.padded(RECEIPT_BYTES)
        if kind == RECEIPT or self._has_next_sector() or self._free_for(kind) > 1:
            return 0
        if kind == ENTRY:
            return checkpoint
        return receipt if kind == CHECKPOINT else checkpoint + receipt

    def _may_stay(self, kind):
        """Whether the newest segment takes such records. The one kept back takes no entries before another is free, and
        checkpoints only where they leave counts of losses enough sectors to go round in."""
        if kind in (LOSS, RECEIPT):
            return True
        if self._is_wrapped or self._free_for(kind) > 0:
            return not self._is_wrapped
        is_ring_left = self._can_go_round(self._next_sector() + self._sectors.sector_bytes)
        return kind == CHECKPOINT and (is_ring_left or self._sectors.segment_sectors <= _FEWEST_RING_SECTORS)

    def _open_behind_torn(self):
        """Whether there is more room in the sector that a torn record has ended: for a receipt, which frees others."""
        if self._is_open or not self._at % self._sectors.sector_bytes:
            return False
        at = self._sectors.blank_from(self.newest, self._at)
        if at == self._sectors.sector_end(self._at):
            return False
        self._at, self._is_open = at, True
        return True

    def _free_for(self, kind):
        return self.free_segments() - (self._leaf_segments if kind == ENTRY else 0)

    def _enter(self, at):
        self._is_open = False
        self._sectors.erase_at(self.newest, at)
        self._at, self._is_open = at, True

    def _open(self, state):
        segment = self.newest + 1
        self._is_open = False
        at = self._sectors.open(segment, state.to_bytes())
        self.note_head(segment, state.edge.size)
        self.stand_in(segment, at)
        self._is_open = True
        self.free(state.receipted_size)  # the one before may be receipted to its end
