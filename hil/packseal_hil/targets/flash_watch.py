"""Cuts the emulated board's power when a number of bytes has gone to its log's flash, in the middle of a write.

The emulated flash takes its time (QemuOptions.word_us) and says while a word or a sector is half done, and its memory
is a file that this machine can look at. What a cut here can say: that the log holds with a word or a sector half
written, on the instruction where it was. What it cannot: exactly which byte. Bytes count when they have changed, so an
erased sector that was blank counts nothing, and the cut comes at the first write under way behind byte n: some words
late where the machine has much else to do.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

_LOOK_S = 0.0005
_END_S = 5


class FlashWatch:
    """A thread from `cut_in` on, until it has cut or `stop`."""

    def __init__(self, memory: Path, first: int, length: int, busy_at: int, cut: Callable[[], None]) -> None:
        """first, length: of the log in the memory file; busy_at: where that says that a write is under way."""
        self._memory, self._first, self._length, self._busy_at = memory, first, length, busy_at
        self._cut = cut
        self._ends = threading.Event()
        self._thread: threading.Thread | None = None
        self.has_cut = False

    def cut_in(self, bytes_more: int) -> None:
        self.stop()
        self._ends.clear()
        self.has_cut = False
        self._thread = threading.Thread(target=self._watch, args=(bytes_more,), name="flash watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ends.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_END_S)
            self._thread = None

    def _watch(self, bytes_more: int) -> None:
        with self._memory.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as memory:
            self.has_cut = self._await(memory, bytes_more)
            if self.has_cut:
                self._cut()

    def _await(self, memory: mmap.mmap, bytes_more: int) -> bool:
        """False where it was stopped."""
        content = np.frombuffer(memory, np.uint8, self._length, self._first)  # as it is now, at every look
        last, changed = content.copy(), 0
        while not self._ends.is_set():
            if not np.array_equal(content.view(np.int64), last.view(np.int64)):
                now = content.copy()
                changed += int(np.count_nonzero(now != last))
                last = now
            if changed >= bytes_more and memory[self._busy_at]:
                return True
            self._ends.wait(_LOOK_S)
        return False
