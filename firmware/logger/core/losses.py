"""What a log could not keep or can no longer read, counted so that a power cut does not take the count away.

A full log has room for no entry that says what it lost. Each lost window is a LEAF record instead, which keeps the
window's place in the tree, or where those find no room either a LOSS record, in the segment that is kept back for the
receipt; every head of a segment has the newest count too, and the GAP entry settles it.
"""

import struct

CAUSE_LOG_FULL = 1  # docs/record.md, GAP key 1
_LAYOUT = "<IIQQBIIIIII"
LOSS_BYTES = struct.calcsize(_LAYOUT)
_BARE_BYTES = 12  # at the end; a LOSS record leaves them out where there are none


class Losses:
    """Readable attributes: `windows`, `first_ms`, `last_ms` and `cause`, what the next GAP entry has to say;
    `bare_first`, `bare_last` and `bare_count`, which of the lost windows are in the log by their leaves;
    `damaged`, the records found unreadable since the log began, and `serial`, which orders the counts on flash."""

    def __init__(self):
        self.serial = 0
        self.windows = 0
        self.first_ms = self.last_ms = 0
        self.cause = CAUSE_LOG_FULL
        self.bare_first = self.bare_last = self.bare_count = 0
        self.damaged = 0
        self._damaged_segment = self._damaged_at = 0  # up to where damages have been counted, in the order of the log

    def note(self, windows, first_ms, last_ms, cause=CAUSE_LOG_FULL):
        """So many more windows are lost, from first_ms to last_ms of uptime."""
        if not self.windows:
            self.first_ms, self.cause = first_ms, cause
        self.windows += windows
        self.last_ms = max(self.last_ms, last_ms)  # uptime may begin again at the newest entry's, which is earlier
        self.serial += 1

    def note_bare(self, seq, first_ms, last_ms):
        """A window is lost, but for its leaf, which is in the log under this number."""
        self.note(1, first_ms, last_ms)
        self.bare_first = self.bare_first if self.bare_count else seq
        self.bare_last = seq
        self.bare_count += 1

    @property
    def bare(self):
        """As a GAP entry has it, None for none."""
        return [self.bare_first, self.bare_last, self.bare_count] if self.bare_count else None

    def settle(self, windows):
        """A GAP entry has said so many. Windows that were lost while it was being made are the next one's."""
        self.bare_first = self.bare_last = self.bare_count = 0
        self.windows = max(self.windows - windows, 0)
        self.first_ms = self.last_ms = self.last_ms if self.windows else 0
        self.serial += 1

    def note_damage(self, segment, at):
        """Whether it counts: not what was counted before a restart, or when it was read before."""
        if (segment, at) <= (self._damaged_segment, self._damaged_at):
            return False
        self._damaged_segment, self._damaged_at = segment, at
        self.damaged += 1
        self.serial += 1
        return True

    def move_back(self, time_ms):
        """Another log has taken this one's place, whose time began at time_ms. Its flash begins anew, too."""
        self.first_ms = max(self.first_ms - time_ms, 0)
        self.last_ms = max(self.last_ms - time_ms, 0)
        self.serial = self.damaged = self._damaged_segment = self._damaged_at = 0
        self.bare_first = self.bare_last = self.bare_count = 0

    def to_bytes(self):
        return struct.pack(
            _LAYOUT,
            self.serial,
            self.windows,
            self.first_ms,
            self.last_ms,
            self.cause,
            self.damaged,
            self._damaged_segment,
            self._damaged_at,
            self.bare_first,
            self.bare_last,
            self.bare_count,
        )

    def record_bytes(self):
        """What a LOSS record has: in a small flash each byte counts."""
        return self.to_bytes() if self.bare_count else self.to_bytes()[:-_BARE_BYTES]

    @staticmethod
    def from_bytes(content):
        losses = Losses()
        fields = struct.unpack(_LAYOUT, content + bytes(LOSS_BYTES - len(content)))
        losses.serial, losses.windows, losses.first_ms, losses.last_ms = fields[:4]
        losses.cause, losses.damaged, losses._damaged_segment, losses._damaged_at = fields[4:8]
        losses.bare_first, losses.bare_last, losses.bare_count = fields[8:]
        return losses
