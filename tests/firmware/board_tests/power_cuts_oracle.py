"""What a log must be after a power cut, kept by a plain list beside it; nothing of the log's own code is used.

Entries that do not blind (EVENT) have a leaf of one hash, so that a hundred thousand lives are soon lived.
"""

from hashlib import sha256

from logger.core import cbor
from logger.core.cursor import AGAIN
from logger.core.sectorlog import CHECKPOINT, ENTRY
from logger.core.sectors import LEAF

EVENT, GAP, SEAL = 4, 5, 8
FEW = 12  # counts of losses have room for that many windows at least, also in one sector as small as these


class Oracle:
    """Of one log. `pending` is what was asked for and not yet said to be durable."""

    def __init__(self, log_id, is_loss_exact):
        self.log_id = log_id
        self.previous_id = None  # the log whose place this one has taken
        self.entries = []
        self.peaks = [()]  # for each size, the (leaves, hash) of its complete subtrees
        self.roots = [None]  # for each size
        self.checkpoints = []  # sizes
        self.signed = {}  # size: root, of every one signed, durable or not
        self.receipted_size = 0
        self.lost = 0, 0, 0  # since the newest GAP: windows, first and last time
        self.bare = []  # and which of these windows are there by their leaves
        self.uptime_ms = 0
        self.is_loss_exact = is_loss_exact  # or, in a long while without room, a little behind
        self.pending = None

    def branch(self):
        """A copy that goes on by itself."""
        other = Oracle(self.log_id, self.is_loss_exact)
        other.previous_id = self.previous_id
        other.entries, other.peaks, other.roots = self.entries[:], self.peaks[:], self.roots[:]
        other.checkpoints, other.signed = self.checkpoints[:], dict(self.signed)
        other.receipted_size, other.lost, other.pending = self.receipted_size, self.lost, self.pending
        other.bare, other.uptime_ms = self.bare[:], self.uptime_ms
        return other

    def add(self, entry, leaf=None):
        peaks, count, node = list(self.peaks[-1]), 1, leaf or sha256(b"\x00" + entry).digest()
        while peaks and peaks[-1][0] == count:
            node = sha256(b"\x01" + peaks.pop()[1] + node).digest()
            count *= 2
        peaks.append((count, node))
        self.entries.append(entry)
        self.peaks.append(tuple(peaks))  # type: ignore[arg-type]  # the first is empty
        root = node
        for _, left in reversed(peaks[:-1]):
            root = sha256(b"\x01" + left + root).digest()
        self.roots.append(root)
        if not leaf:
            self.uptime_ms = uptime_of(len(self.entries) - 1)
        if entry[1] == GAP:
            self.lost, self.bare = (0, 0, 0), []

    def add_leaf(self, leaf, lost):
        """A window of which there is no more than this."""
        self.bare.append(len(self.entries))
        self.add(cbor.encode([leaf, len(self.entries)]), leaf)
        self.lost = lost

    def sign(self, size, root):
        """A stand-in for a signature. Two roots for one size contradict each other."""
        assert self.signed.setdefault(size, root) == root, "two checkpoints of one size"
        assert root == self.roots[size]
        return b"signed %d " % size + root * 3

    def settle(self, log):
        """Takes over from a log, just mounted, whether the pending operation is durable; all else must be as it was."""
        kind, what = self.pending or (None, None)
        self.pending = None
        if kind == ENTRY and log.size == len(self.entries) + 1:
            self.add(what)
        elif kind == LEAF and log.size == len(self.entries) + 1:
            self.add_leaf(*what)
        elif kind == CHECKPOINT and log.checkpointed_size == what:
            self.checkpoints.append(what)
        elif kind == "receipt" and log.receipted_size == what:
            self.receipted_size = what
        elif kind == "lost" and lost_of(log) == what:
            self.lost = what
        if not self.entries and not log.losses.windows:
            self.lost = 0, 0, 0  # what the log before had lost is durable with the first head of this one
        if not self.is_loss_exact and min(self.lost[0] // 2, FEW) <= log.losses.windows <= self.lost[0]:
            assert log.losses.first_ms == self.lost[1]
            self.lost = lost_of(log)

    def check(self, log):
        """Entries, numbers, tree, what is signed, receipted and lost."""
        assert not log.is_broken
        assert log.losses.damaged == 0
        assert log.size == len(self.entries), "an acknowledged entry is lost, or one came from nowhere"
        if self.entries:
            assert log.root == self.roots[-1]
            assert log.progress.uptime_ms == self.uptime_ms
        assert log.checkpointed_size == (self.checkpoints[-1] if self.checkpoints else 0)
        assert log.receipted_size == self.receipted_size
        assert lost_of(log) == self.lost, ("a loss is forgotten", lost_of(log), self.lost)
        assert log.losses.bare == self.bare_span()
        self._check_records(log)

    def bare_span(self):
        return [self.bare[0], self.bare[-1], len(self.bare)] if self.bare else None

    def _check_records(self, log):
        seq, roots = log.oldest()
        assert seq <= self.receipted_size
        assert roots == [node for _, node in self.peaks[seq]]
        oldest, found = seq, []
        cursor = log.read_from(0)
        record = cursor.next()
        while record:
            kind, number, content = record
            if record is AGAIN:
                record = cursor.next()
                continue
            if kind == ENTRY:
                assert number == seq, "renumbered"
                assert content == self.entries[seq], "changed"
                seq += 1
            else:
                assert number == seq or (number < oldest and seq == oldest), "not behind its entries"
                assert content == self.sign(number, self.roots[number])
                found.append(number)
            record = cursor.next()
        assert seq == len(self.entries)
        for size in self.checkpoints:
            assert size <= self.receipted_size or size in found, "an acknowledged checkpoint is lost"


def lost_of(log):
    return log.losses.windows, log.losses.first_ms, log.losses.last_ms


def entry_of(seq, variant):
    """An EVENT; variants have other bytes, so that a number used twice shows in the tree."""
    return cbor.encode([EVENT, seq, 1, uptime_of(seq), {1: 8, 2: 3, 3: variant, 4: seq}])


def long_entry_of(seq, variant):
    body = {1: 8, 2: 3, 3: variant, 9: bytes([seq % 251]) * (20 + seq * 37 % 60)}
    return cbor.encode([EVENT, seq, 1, uptime_of(seq), body])


def gap_of(seq, lost, bare):
    body = {1: 1, 2: lost[0], 3: [lost[1], lost[2]]}
    if bare:
        body[4] = bare
    return cbor.encode([GAP, seq, 1, uptime_of(seq), body])


def uptime_of(seq):
    return 10000 * seq
