"""Which of a board's two firmwares is started: the good one, or a new one on trial.

A slot is a folder, `a` or `b`. What is known of them is one small file, replaced wholly or not at all. A trial is
counted before it starts, and ends when the firmware in it has shown that it works: until then a start that fails, for
whatever reason, is one of MAX_TRIES, and then the good one is back.

The loader outside both slots imports this module alone, so it imports nothing of ours.
"""

from binascii import crc32

FILE = "slots.bin"
A, B = "a", "b"
NONE = "-"
MAX_TRIES = 3
ENTRY = "main"  # the module that a slot is started by
_MAGIC = b"PSS1"
_BYTES = 12


class Slots:
    """files: see drivers/files.py. Readable attributes: `good`, `trial`, `tries`, `has_failed`, whether a trial has
    ended badly and nobody has been told yet; `is_partial`, whether the other slot holds what nobody has checked."""

    def __init__(self, files):
        self._files = files
        self.good, self.trial, self.tries, self.has_failed, self.is_partial = A, NONE, 0, False, False
        content = files.read(FILE)
        if content is None or not self._parse(content):
            self.good = A if self.has_entry(A) or not self.has_entry(B) else B

    def begin(self):
        """At a start: the slot to run."""
        if self.trial == NONE:
            return self.good
        if self.tries >= MAX_TRIES:
            self._set(self.good, NONE, 0, True)
            return self.good
        self._set(self.good, self.trial, self.tries + 1, self.has_failed)
        return self.trial

    def offer(self, slot):
        """Its files are whole and checked: from the next start on it is on trial."""
        self.is_partial = False
        self._set(self.good, slot, 0, False)

    def withdraw(self):
        """What is about to be written over is on trial no more, and no firmware to fall back to."""
        self.is_partial = True
        self._set(self.good, NONE, 0, self.has_failed)

    def fall_back(self, slot):
        """The one that runs does not even load, and is not on trial: it lies on damaged flash. The other one is tried,
        where that has been checked."""
        if self.trial == NONE and not self.is_partial and self.has_entry(other(slot)):
            self.offer(other(slot))

    def confirm(self):
        """What is on trial has shown that it works."""
        if self.trial != NONE:
            self._set(self.trial, NONE, 0, False)

    def note_told(self):
        self._set(self.good, self.trial, self.tries, False)

    def _parse(self, content):
        if len(content) != _BYTES or content[:4] != _MAGIC or content[8:] != _crc(content[:8]):
            return False
        good, trial = chr(content[4]), chr(content[5])
        if good not in (A, B) or trial not in (A, B, NONE):
            return False
        self.good, self.trial, self.tries = good, trial, content[6]
        self.has_failed, self.is_partial = bool(content[7] & 1), bool(content[7] & 2)
        return True

    def _set(self, good, trial, tries, has_failed):
        flags = has_failed | self.is_partial << 1
        content = _MAGIC + bytes([ord(good), ord(trial), tries, flags])
        self._files.write(FILE, content + _crc(content))
        self.good, self.trial, self.tries, self.has_failed = good, trial, tries, has_failed

    def has_entry(self, slot):
        names = self._files.names(slot)
        return ENTRY + ".mpy" in names or ENTRY + ".py" in names


def other(slot):
    return B if slot == A else A


def _crc(content):
    return crc32(content).to_bytes(4, "little")
