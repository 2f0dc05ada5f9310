"""What the estimator has learnt of a pack, in a small file that outlasts restarts.

Rests and currents teach slowly how the cells age: a board that began anew at each start would know little. What is kept
is no evidence and is not signed; a statement names the windows that it rests on beside. It is written once a day at
most, for the flash's sake, and belongs to the pack that the configuration describes.
"""

import struct
from binascii import crc32

FILE = "learnt.bin"
_MAGIC = b"PSM1"
_HEAD = "<4sIHHHH"  # magic, whose it is, days, bytes of each of the three methods
_HEAD_BYTES = 16
_CRC_BYTES = 4
_LOOK_MS = 60000
_DAY_MS = 86400000
_SAVE_DAYS = 30  # without news: the days themselves
_OF = ("chemistry", "curve_family", "rated_capacity_mah", "strings", "is_new_pack")


class Learnt:
    """files: see drivers/files.py. A line of the main loop (main.run). say(words): the board's console."""

    def __init__(self, files, logger, config, say):
        self._files = files
        self._logger = logger
        self._whose = crc32(repr([config.get(key) for key in _OF]).encode())
        self._saved_lessons = logger.estimator.lessons
        self._saved_ms = None  # in this start
        self._next_ms = 0
        content = files.read(FILE)
        if content is not None and not self._recall(content):
            say(FILE + " is of another pack or firmware, or damaged: how the cells age is learnt anew")

    def step(self, now_ms):
        if now_ms >= self._next_ms and not self._logger.has_work:
            self._next_ms = now_ms + _LOOK_MS
            if self._is_due():
                self._save()
        return False

    def _is_due(self):
        lessons, uptime_ms = self._logger.estimator.lessons, self._logger.uptime_ms
        if not lessons:
            return False
        if self._saved_ms is None:
            return lessons != self._saved_lessons or uptime_ms >= _SAVE_DAYS * _DAY_MS
        self._saved_ms = min(self._saved_ms, uptime_ms)  # the time of a new log begins anew
        since_ms = uptime_ms - self._saved_ms
        return since_ms >= (_DAY_MS if lessons != self._saved_lessons else _SAVE_DAYS * _DAY_MS)

    def _save(self):
        estimator = self._logger.estimator
        learnt = estimator.learnt()
        parts = learnt[1:]
        head = struct.pack(_HEAD, _MAGIC, self._whose, min(learnt[0], 0xFFFF), *[len(part) for part in parts])
        content = head + b"".join(parts)
        self._files.write(FILE, content + _crc(content))
        self._saved_lessons, self._saved_ms = estimator.lessons, self._logger.uptime_ms

    def _recall(self, content):
        """Whether these bytes were understood."""
        kept = content[:-_CRC_BYTES]
        if len(kept) < _HEAD_BYTES or content[-_CRC_BYTES:] != _crc(kept):
            return False
        head = struct.unpack(_HEAD, kept[:_HEAD_BYTES])
        magic, whose, days = head[:3]
        if magic != _MAGIC or whose != self._whose or len(kept) != _HEAD_BYTES + sum(head[3:]):
            return False
        parts, at = [], _HEAD_BYTES
        for size in head[3:]:
            parts.append(kept[at : at + size])
            at += size
        try:
            self._logger.estimator.recall(days, *parts)
        except ValueError:
            return False
        self._saved_lessons = self._logger.estimator.lessons
        return True


def _crc(content):
    return crc32(content).to_bytes(_CRC_BYTES, "little")
