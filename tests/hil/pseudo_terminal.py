"""A terminal, or a serial line, whose other end is the test's."""

from __future__ import annotations

import contextlib
import os
import threading
import tty
from collections.abc import Iterator
from pathlib import Path


class PseudoTerminal:
    """is_raw: as a serial line; else as a person's, with whole lines."""

    def __init__(self, is_raw: bool = True) -> None:
        self._ours, self._theirs = os.openpty()
        if is_raw:
            tty.setraw(self._theirs)
        self.path = Path(os.ttyname(self._theirs))
        self.heard = b""

    def type(self, content: bytes) -> None:
        os.write(self._ours, content)

    def hear(self, words: bytes) -> None:
        """Waits for them; what was heard until then is kept."""
        while words not in self.heard:
            self.heard += os.read(self._ours, 4096)

    def pull_out(self) -> None:
        """The device goes, not the cable: whoever reads gets an error."""
        os.close(self._ours)
        self._ours = os.dup(self._theirs)

    def close(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)

    @contextlib.contextmanager
    def answering(self, *answers: bytes) -> Iterator[None]:
        """Each question, which ends in "> ", gets the next answer."""

        def answer_each() -> None:
            for answer in answers:
                self.hear(b"\n> ")
                self.heard = self.heard.replace(b"\n> ", b"\n>")
                self.type(answer)

        thread = threading.Thread(target=answer_each)
        thread.start()
        yield
        thread.join(30)
        assert not thread.is_alive(), "not every question was asked"
