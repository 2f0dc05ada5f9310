"""Keeps who was shown what: before it is shown, so that nobody reads restricted values unseen."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace

from packseal.errors import UnavailableError
from packseal.io.read_log_table import DAY_MS, DroppedReads, PublicReads, Read, ReadLogTable
from packseal.passport.access import Reader
from packseal.passport.attributes import Group

SPAN_MS = 60_000  # what the same reader reads of the same kind in one of these is one line
MAX_NOTED = 10_000
FLUSH_MS = 60_000  # public reads are counted in memory for so long; a power cut forgets these


class ReadLog:
    """Usable from any thread."""

    def __init__(self, table: ReadLogTable, days: int, now_unix_ms: Callable[[], int]) -> None:
        """days: how long reads are kept."""
        self._table, self._days, self._now_unix_ms = table, days, now_unix_ms
        self._lock = threading.Lock()
        self._noted: OrderedDict[Read, None] = OrderedDict()
        self._counts: dict[tuple[int, str, str], int] = {}
        self._flushed_unix_ms = now_unix_ms()
        self._dropped_day = -1

    def note(self, reader: Reader, name: str, battery: str, groups: Iterable[Group], kind: str) -> None:
        """groups: those of which something is in the answer. battery: one that exists.

        Raises UnavailableError when a restricted read cannot be kept: then it must not be answered.
        """
        now_unix_ms = self._now_unix_ms()
        restricted = tuple(sorted(int(group) for group in groups if group is not Group.PUBLIC))
        if restricted:
            self._add(Read(now_unix_ms, str(reader.role), name, battery, restricted, kind))
        else:
            self._count(now_unix_ms // DAY_MS, battery, kind)
        if abs(now_unix_ms - self._flushed_unix_ms) >= FLUSH_MS:
            with suppress(UnavailableError):  # what is counted stays in memory until the disk answers
                self.flush()

    def _add(self, read: Read) -> None:
        """A page that renews itself each second is one read a minute."""
        key = replace(read, unix_ms=read.unix_ms // SPAN_MS)
        with self._lock:
            if key in self._noted:
                return
        self._table.add(read)
        with self._lock:
            self._noted[key] = None
            while len(self._noted) > MAX_NOTED:
                self._noted.popitem(last=False)

    def of(self, battery: str, limit: int = 100) -> list[Read]:
        """Restricted reads, the newest first. Raises UnavailableError."""
        return self._table.of(battery, limit)

    def public_of(self, battery: str, limit: int = 100) -> list[PublicReads]:
        """Public reads by day and kind, the newest first. Raises UnavailableError."""
        self.flush()
        return self._table.public_of(battery, limit)

    def dropped_of(self, battery: str) -> DroppedReads:
        """How many were too old to be kept. Raises UnavailableError."""
        return self._table.dropped_of(battery)

    def flush(self) -> None:
        """Writes what is counted in memory and drops what is too old. Raises UnavailableError."""
        with self._lock:
            now_unix_ms = self._now_unix_ms()
            self._flushed_unix_ms = now_unix_ms
            if self._counts:
                self._table.count([PublicReads(*key, count) for key, count in self._counts.items()])
                self._counts = {}
            today = now_unix_ms // DAY_MS
            if today != self._dropped_day:
                self._table.drop_before(today - self._days)
                self._dropped_day = today

    def _count(self, day: int, battery: str, kind: str) -> None:
        with self._lock:
            key = day, battery, kind
            self._counts[key] = self._counts.get(key, 0) + 1
