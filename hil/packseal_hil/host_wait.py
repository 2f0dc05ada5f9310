"""How long the machine has let a board of its own wait: what a sample that was not taken may be put down to.

Linux counts of each thread how long it was ready to run and did not (/proc/PID/task/TID/schedstat, the second number:
Documentation/scheduler/sched-stats.rst). Looked at are all threads of this process's children: the firmware, or the
emulator that it runs in. A board on a cable has none, and a machine that does not count says 0: no excuse then.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

PROCESSES = Path("/proc")
_NS_PER_MS = 1_000_000


class HostWait:
    """`look` often: what a process has waited since the last time is lost when it ends."""

    def __init__(self, processes: Path = PROCESSES) -> None:
        self._processes = processes
        self._first_ns: dict[Path, int] = {}
        self._waited_ns: dict[Path, int] = {}
        self.look()
        self._first_ns = dict(self._waited_ns)

    @property
    def waited_ms(self) -> int:
        """Since this was made."""
        return sum(ns - self._first_ns.get(path, 0) for path, ns in self._waited_ns.items()) // _NS_PER_MS

    def look(self) -> None:
        for child in self._children():
            for path in (self._processes / child / "task").glob("*/schedstat"):
                with suppress(OSError, ValueError, IndexError):  # it ends meanwhile
                    self._waited_ns[path] = int(path.read_text().split()[1])

    def _children(self) -> list[str]:
        found: list[str] = []
        for path in (self._processes / "self" / "task").glob("*/children"):
            with suppress(OSError):
                found += path.read_text().split()
        return found
