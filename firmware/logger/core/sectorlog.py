"""The log on raw NOR flash: entries, their checkpoints and receipts, safe against a power cut at any operation.

Decides what is written when, and what a start makes of what it finds. Where bytes lie is left to sectors.py, where the
next one goes to tail.py, reading to cursor.py, what entries say to entries.py, which receipts are true to the logger.

A record's number is the seq of an entry, the size of a checkpoint or receipt, the serial of a count of losses. A start
reads the heads of all segments and replays the newest one. Should that one's head be damaged, the segment before it is
replayed and then its records: a head repeats what the records before it say.
"""

from logger.core.cursor import AGAIN, Cursor, Walk, lost_leaf
from logger.core.entries import MAX_ENTRY_BYTES, SEAL
from logger.core.log_state import LEAF_BYTES, State, edge_of, leaf_payload, size_of
from logger.core.merkle import HASH_BYTES, MAX_SIZE
from logger.core.sectors import CHECKPOINT, ENTRY, LEAF, LOSS, RECEIPT, Sectors, WrongLogError
from logger.core.steps import finish
from logger.core.tail import LogFullError, Tail

MAX_BARE = 4096  # between two checkpoints, in a delivery of 262,144 bytes (docs/record.md section 6)


class SectorLog:
    """The log of one key on one flash, as durable as the flash's last finished operation.

    Readable attributes: `held_checkpoint`; `is_broken`, whether it cannot go on because too much of it has become
    unreadable: it can be read, and no entry or checkpoint is added.
    """

    def __init__(self, flash, log_id, disclosure_seed, previous_id=None, segment_sectors=None):
        """Mounts: finds the newest segment and replays it. Raises WrongLogError.

        A log `previous_id` was sealed and has its receipt, and this one takes its place: what is left of it is erased.
        segment_sectors: see Sectors.
        """
        self._sectors = Sectors(flash, log_id, segment_sectors)
        self._begin(log_id, disclosure_seed)
        self._mount(previous_id)

    def _begin(self, log_id, disclosure_seed):
        self.log_id = log_id
        self.held_checkpoint = None  # (size, content) of one that a full log has no room for
        self.is_broken = False
        self._disclosure_seed = disclosure_seed
        self._state = State(disclosure_seed)
        self._sectors.begin(log_id)
        self._tail = Tail(self._sectors)
        self._saved_windows = 0  # the lost windows that flash knows of

    @property
    def segment_bytes(self):
        """What a start replays at most."""
        return self._sectors.segment_bytes

    @property
    def progress(self):
        return self._state.progress

    @property
    def receipted_size(self):
        """What valid receipts cover."""
        return self._state.receipted_size

    @property
    def checkpointed_size(self):
        """The size of the newest checkpoint."""
        return self.held_checkpoint[0] if self.held_checkpoint else self._state.checkpointed_size

    @property
    def losses(self):
        """What was lost and is in no GAP entry yet, and how much is damaged (losses.py). To be read only."""
        return self._state.losses

    @property
    def size(self):
        return self._state.edge.size

    @property
    def root(self):
        return self._state.edge.root()

    @property
    def is_sealed(self):
        return self.progress.last_kind == SEAL

    def oldest(self):
        """(seq of the oldest entry still held, the hashes of the edge before it)."""
        for segment in range(self._tail.oldest, self._tail.newest + 1):
            head = self._sectors.head_of(segment)
            if head:  # of a damaged one the records can be read, but not told from where they go on
                edge = edge_of(head[2])
                return edge.size, edge.roots
        return 0, []

    def has_free_sector(self):
        """Whether entries may open another sector, so that there is room for more than one of them."""
        return not self.is_broken and self._tail.has_free_sector()

    # ---- writing

    def append(self, entry, leaf=None):
        """Makes an entry durable: its seq must be `size`. Raises LogFullError.

        leaf: its leaf hash, where the caller has computed it step by step.
        """
        state = self._state
        if self.is_broken or self.size == MAX_SIZE or len(entry) > MAX_ENTRY_BYTES:
            raise LogFullError("the log has all the entries it can have")
        self._tail.make_room(ENTRY, len(entry), state)
        self._tail.write(ENTRY, self.size, entry)
        state.note_entry(entry, leaf or state.leaf_of(entry))
        self._saved_windows = min(self._saved_windows, self.losses.windows)  # it may have been a GAP

    def append_leaf(self, leaf, first_ms, last_ms):
        """Keeps a window's place in a full log, and gives up its content: the next GAP entry says so.

        Raises LogFullError where there is no room for that either, and while what is before it is not signed for: no
        checkpoint may come between such a leaf and its GAP (docs/record.md section 3.3)."""
        if not self._tail.keeps_leaves or self.losses.bare_count >= MAX_BARE:
            raise LogFullError("a small flash keeps none, and a delivery takes no more")
        is_behind_checkpoint = self.checkpointed_size == self.size and self.held_checkpoint is None
        if self.is_broken or self.size == MAX_SIZE or not (is_behind_checkpoint or self.losses.bare_count):
            raise LogFullError("a leaf follows a checkpoint or another leaf")
        self._tail.make_room(LEAF, LEAF_BYTES, self._state)
        self._tail.write(LEAF, self.size, leaf_payload(leaf, first_ms, last_ms))
        self._state.note_bare(leaf, first_ms, last_ms)
        self._saved_windows = self.losses.windows

    def append_checkpoint(self, size, content):
        """Makes a checkpoint durable that follows the newest entry: its size must be `size`. Raises LogFullError."""
        if self.is_broken:
            raise LogFullError("nothing more can be signed for a log that cannot be read")
        self._tail.make_room(CHECKPOINT, HASH_BYTES + len(content), self._state)
        self._tail.write(CHECKPOINT, size, self._state.parity + content)
        self._state.checkpointed_size = size
        self.held_checkpoint = None

    def hold_checkpoint(self, size, content):
        """Keeps a checkpoint that LogFullError kept out: it can be read as the last record, until the next start."""
        self.held_checkpoint = (size, content)

    def append_receipt(self, size):
        """Makes durable that a verified receipt covers this size, and frees the segments that are below it.

        Raises LogFullError when it would free nothing. Of the receipt itself nothing is kept: whoever reads a log
        asks the service for it, and 190 bytes of flash every few windows would be a fifth of all wear.
        """
        tail = self._tail
        frees = tail.first_live(size) - tail.oldest
        if not (tail.free_segments() or frees):
            raise LogFullError("what is left is kept for a receipt that frees some")
        tail.make_room(RECEIPT, 0, self._state, 1 if frees else 2)
        tail.write(RECEIPT, size, b"")
        self._state.note(RECEIPT, size, b"")
        tail.free(size)

    def note_loss(self, windows, first_ms, last_ms, cause=1):
        """So many more windows, from first_ms to last_ms, are in no log until a GAP entry says so (append settles it).

        Durable at once where there is room, and there nearly always is: see docs/decisions/0010-a-full-log.md."""
        losses = self.losses
        losses.note(windows, first_ms, last_ms, cause)
        if self._tail.newest < 0 or not self._tail.is_loss_due(losses, losses.windows - self._saved_windows):
            return
        record = losses.record_bytes()
        try:
            self._tail.make_room_for_loss(len(record), self._state)
        except LogFullError:
            return  # a sector of few kilobytes is full of counts: the GAP entry says a little less after a cut
        self._tail.write(LOSS, losses.serial, record)
        self._saved_windows = losses.windows

    def note_damage(self, segment, at):
        """A reader has found a record at this place that is not whole."""
        self.losses.note_damage(segment, at)  # durable with the next count of losses or head

    def start_anew_steps(self, log_id, disclosure_seed):
        """Forgets this log at once, and erases it a sector a step: the flash is then another log's, which is empty.

        Windows that were lost are taken over, their times as they are in the new log, which begins when this one ended.
        """
        newest, losses, ended_ms = self._tail.newest, self.losses, self.progress.uptime_ms
        self._begin(log_id, disclosure_seed)
        losses.move_back(ended_ms)
        self._state.losses = losses
        yield from self._sectors.erase_all_steps(newest)

    # ---- reading

    def read_from(self, seq):
        """A Cursor before the entry seq, or before the oldest held."""
        return Cursor(self._sectors, self._tail, self, seq)

    def checkpoint_of(self, size):
        return finish(self.checkpoint_of_steps(size))

    def checkpoint_of_steps(self, size):
        """The checkpoint of exactly this size, None when there is none."""
        cursor = self.read_from(size)
        while True:
            record = cursor.next()
            if record is AGAIN:
                yield
                continue
            if record is None or record[1] > size or record[:2] == (ENTRY, size):
                return None
            if record[:2] == (CHECKPOINT, size):
                return record[2]

    # ---- mounting

    def _mount(self, previous_id):
        numbers, log_id = self._find_heads()
        if log_id not in (None, self.log_id):
            if log_id != previous_id:
                raise WrongLogError("the flash holds the log of another key")
            self._replace(previous_id)
            return
        if numbers:
            _, _, state, at = self._sectors.head_of(max(numbers))
            self._state = State.from_bytes(state, self._disclosure_seed)
            self._replay(max(numbers), at)
        while self._sectors.has_headless_records(self._tail.newest + 1):
            self._replay(self._tail.newest + 1, 0)
        self._tail.find_oldest(numbers, self.receipted_size)

    def _find_heads(self):
        """The numbers of all segments that have a head, and the log_id in the newest one's. Tells the tail."""
        numbers, newest, log_id = [], -1, None
        for position in range(self._sectors.segments):
            head = self._sectors.head(position)
            if head:
                numbers.append(head[0])
                self._tail.note_head(head[0], size_of(head[2]))
                if head[0] > newest:
                    newest, log_id = head[0], head[1]
        return numbers, log_id

    def _replace(self, previous_id):
        """What the log before this one has lost is still to be told."""
        log_id, disclosure_seed = self.log_id, self._disclosure_seed
        self._begin(previous_id, disclosure_seed)  # its leaves come out wrong, and nobody asks for them
        self._mount(None)
        finish(self.start_anew_steps(log_id, disclosure_seed))

    def _replay(self, segment, at):
        tail = self._tail
        tail.note_head(segment, self.size)
        tail.stand_in(segment, at)
        walk, serial = Walk(self._sectors, segment, at), -1
        record = walk.next()
        while record:
            kind, number, _, behind = record
            if kind == LOSS and number < serial:
                tail.pass_by_earlier_round()
            else:
                self._take(walk, record)
                tail.pass_by(kind, behind)
                serial = number if kind == LOSS else serial
            record = walk.next()
        tail.open_where_blank()
        self._saved_windows = self.losses.windows
        for damaged_at in walk.damages:
            self.note_damage(segment, damaged_at)

    def _take(self, walk, record):
        kind, number, payload, _ = record
        if kind in (ENTRY, CHECKPOINT, LEAF) and number > self.size and not self.is_broken:
            self._fill_hole(walk, number)
        if kind == ENTRY and (self.is_broken or number != self.size):
            self.progress.note(payload)
        elif kind != LEAF or number == self.size:
            self._state.note(kind, number, payload)

    def _fill_hole(self, walk, number):
        """The entries from `size` to number - 1 can no longer be read. One is made up for."""
        if not walk.damages:  # the last of a sector: it looks torn
            walk.damages.append(walk.began)
        leaf = None
        if number == self.size + 1:
            leaf = lost_leaf(walk.again(), self.size, self._state)
        if leaf is None:
            self.is_broken = True
        else:
            self._state.note_leaf(leaf)
