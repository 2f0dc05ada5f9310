"""Cuts the power at every flash operation of a scripted life of a log, in four ways, and looks at what is left.

The oracle is a plain list of what the log had said was durable: nothing of it may be missing or changed, no number may
be used twice, and the log must go on from there.
"""

from memory_flash import TEARS, MemoryFlash, PowerCutError

from logger.core import entries
from logger.core.blinding import leaf_of
from logger.core.merkle import Edge
from logger.core.sectorlog import CHECKPOINT, ENTRY, LogFullError, SectorLog

LOG_ID, SEED = bytes(range(16)), bytes(range(16, 32))
SECTORS, SECTOR_BYTES = 5, 2048
known_edges = {}


class Life:
    """A log and the oracle beside it. `pending` is what was asked for and not yet said to be durable."""

    def __init__(self, flash):
        self.flash = flash
        self.log = SectorLog(flash, LOG_ID, SEED)
        self.entries = []
        self.checkpoints = []  # sizes
        self.receipted_size = 0
        self.pending = None

    def append(self):
        entry = entry_of(len(self.entries))
        self.pending = (ENTRY, entry)
        self.log.append(entry)
        self.entries.append(entry)
        edge_of(self.entries)
        self.pending = None

    def append_checkpoint(self):
        size = len(self.entries)
        self.pending = (CHECKPOINT, size)
        self.log.append_checkpoint(size, checkpoint_of(size))
        self.checkpoints.append(size)
        self.pending = None

    def append_receipt(self, size):
        self.pending = ("receipt", size)
        self.log.append_receipt(size)
        self.receipted_size = size
        self.pending = None


def entry_of(seq):
    """A WINDOW, whose leaf is blinded; mostly filling, which is quickly hashed."""
    cells = entries.encode_column([3700 + seq, None])
    body = {1: 10000, 2: 10, 6: cells, 9: [seq, 2 * seq, 3 * seq, 4 * seq]}
    body[13] = bytes([seq % 251]) * (14 + seq * 37 % 70)
    return entries.encode(entries.WINDOW, seq, 1 + seq // 40, 10000 * seq, body)


def checkpoint_of(size):
    return b"c%d." % size * 26


def live(life):
    """Twice round the flash, once until it is full, and on."""
    for seq in range(120):
        life.append()
        if seq % 7 == 6:
            life.append_checkpoint()
        if seq % 14 == 13:
            life.append_receipt(life.checkpoints[-2])
    fill(life)
    life.append_receipt(life.checkpoints[-1])
    for _ in range(20):
        life.append()
    life.append_checkpoint()


def fill(life):
    """Entries until there is no room, then checkpoints, so that the receipt that frees must take the spare sector."""
    try:
        while True:
            life.append()
            if len(life.entries) % 7 == 0:
                life.append_checkpoint()
    except LogFullError:
        check(life, life.log)
    try:
        while True:
            life.append_checkpoint()
    except LogFullError:
        check(life, life.log)
    size = life.log.size
    life.log.hold_checkpoint(size, checkpoint_of(size))
    cursor = life.log.read_from(size)
    while cursor.next() != (CHECKPOINT, size, checkpoint_of(size)):
        pass
    assert life.log.checkpoint_of(size) == checkpoint_of(size)


def check(life, log):
    """log, just mounted from the flash of life, holds what was durable, and of the pending operation all or nothing."""
    kept = list(life.entries)
    if life.pending and life.pending[0] == ENTRY and log.size == len(kept) + 1:
        kept.append(life.pending[1])
    assert log.size == len(kept), (log.size, len(kept))
    assert log.root == edge_of(kept).root()
    assert log.progress.uptime_ms == (10000 * (len(kept) - 1) if kept else 0)
    receipted = [life.receipted_size]
    if life.pending and life.pending[0] == "receipt":
        receipted.append(life.pending[1])
    assert log.receipted_size in receipted
    oldest_seq, roots = log.oldest()
    assert oldest_seq <= log.receipted_size
    assert roots == edge_of(kept[:oldest_seq]).roots
    check_reading(life, log, kept, oldest_seq)


def check_reading(life, log, kept, oldest_seq):
    cursor = log.read_from(0)
    seq, checkpoints = oldest_seq, []
    while True:
        record = cursor.next()
        if record is None:
            break
        if record[0] == ENTRY:
            assert record[1:] == (seq, kept[seq])
            seq += 1
        else:
            assert record[1:] == (seq, checkpoint_of(seq)) or seq == oldest_seq, "a checkpoint not behind its entries"
            checkpoints.append(record[1])
    assert seq == len(kept)
    for size in life.checkpoints:
        assert size <= log.receipted_size or size in checkpoints


def edge_of(kept):
    """The edge of these entries; what it was for all but the last is remembered, the runs having most in common."""
    if not kept:
        return Edge()
    key = b"%d " % len(kept) + kept[-1]
    if key not in known_edges:
        edge = Edge.from_bytes(edge_of(kept[:-1]).to_bytes())
        edge.append(leaf_of(kept[-1], SEED))
        known_edges[key] = edge
    return known_edges[key]


class Recorder(MemoryFlash):
    """Remembers the flash, and the oracle, before each operation."""

    def __init__(self):
        super().__init__(SECTORS, SECTOR_BYTES)
        self.moments = []
        self.life = None

    def _change(self, offset, before, after):
        life = self.life
        oracle = (len(life.entries), len(life.checkpoints), life.receipted_size, life.pending)
        self.moments.append((bytes(self.content), offset, before, after, oracle))
        super()._change(offset, before, after)


def cut(recorder, moment, tear):
    content, offset, before, after, oracle = moment
    flash = MemoryFlash(SECTORS, SECTOR_BYTES)
    flash.content[:] = content
    flash.cut_at, flash.tear = 0, tear
    try:
        flash._change(offset, before, after)
    except PowerCutError:
        flash.cut_at = None
    life = Life(flash)
    life.entries = recorder.life.entries[: oracle[0]]
    life.checkpoints = recorder.life.checkpoints[: oracle[1]]
    life.receipted_size, life.pending = oracle[2:]
    check(life, life.log)
    go_on(life)


def go_on(life):
    """Life after the cut: the same numbers with other bytes, were they used twice, would show as another root."""
    if life.log.size > len(life.entries):
        life.entries.append(life.pending[1])
    life.receipted_size, life.pending = life.log.receipted_size, None
    try:
        for _ in range(3):
            life.append()
        life.append_checkpoint()
        life.append_receipt(len(life.entries))
    except LogFullError:
        pass
    life.pending = None if life.log.size == len(life.entries) else life.pending
    check(life, SectorLog(life.flash, LOG_ID, SEED))


recorder = Recorder()
recorder.life = Life(recorder)
live(recorder.life)
check(recorder.life, SectorLog(recorder, LOG_ID, SEED))
assert min(recorder.erasures) >= 2
assert max(recorder.erasures) - min(recorder.erasures) <= 1
for moment in recorder.moments:
    for tear in TEARS:
        cut(recorder, moment, tear)
print(len(recorder.moments))
