"""Plays what a board once said into a gateway, byte for byte, in the order and by the rules of the link (docs/link.md).

Decides only when. Nothing goes out before the gateway has asked who is there, and no ENTRY before it has granted credit
for it (clause 4): a gateway takes an entry only then, and what it grants depends on what it has verified in its own
time. Where a grant does not come in PATIENCE_S the frame goes out all the same. When the gateway rewinds, what it wants
again is said again, as the board did; where the recording has that too it comes twice, which a gateway passes over.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable

from packseal.errors import EvidenceError
from packseal.io.link import Frame, FrameReader, Kind
from packseal.records.bare import seq_of
from packseal.records.cbor import decode
from packseal_hil.line_tap import READ_BYTES, PseudoLine

PATIENCE_S = 5.0
TURN_S = 0.02
_END = b"\x00"


class LinePlayer:
    """`port` is where the gateway finds the board. `impatient` counts frames that went out without a grant."""

    def __init__(self) -> None:
        self._line = PseudoLine()
        self.port = self._line.port
        self.impatient = 0
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque()
        self._said: list[tuple[int | None, bytes]] = []  # ENTRY with its seq, CHECKPOINT with None
        self._rest = b""
        self._heard = FrameReader()
        self._is_asked, self._is_greeted, self._is_sending = False, False, False
        self._limit = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="line player", daemon=True)
        self._thread.start()

    def say(self, content: bytes) -> None:
        """Bytes of the recording, to go out as soon as they may."""
        *frames, self._rest = (self._rest + content).split(_END)
        with self._lock:
            self._waiting.extend(frame + _END for frame in frames)

    def has_said_all(self) -> bool:
        with self._lock:
            return not self._waiting and not self._is_sending

    def gateway_left(self) -> None:
        """Nothing more goes out until the next one asks."""
        self._is_asked, self._is_greeted, self._limit = False, False, 0

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(5)
        self._line.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                frame = self._waiting.popleft() if self._waiting else b""
                self._is_sending = bool(frame)
            if frame:
                self._play(frame)
                with self._lock:
                    self._is_sending = False
            self._listen(0.0 if frame else TURN_S)

    def _play(self, encoded: bytes) -> None:
        while not (self._is_asked or self._stopping.is_set()):
            self._listen(TURN_S)
        frame = _frame(encoded)
        seq = seq_of(frame.body) if frame and frame.kind == Kind.ENTRY else None
        if frame and frame.kind in (Kind.ENTRY, Kind.CHECKPOINT):
            if seq is not None and self._is_greeted:  # before, a gateway passes it over, and will ask for it
                self._until(lambda: seq < self._limit)
            self._said.append((seq, encoded))
        if frame and frame.kind == Kind.HELLO:
            self._is_greeted, self._limit = True, 0  # the gateway says anew what it wants
        self._send(encoded)

    def _until(self, is_granted: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not is_granted() and not self._stopping.is_set():
            if time.monotonic() > deadline:
                self.impatient += 1
                return
            self._listen(TURN_S)

    def _send(self, content: bytes) -> None:
        """As far as anybody reads; who does not read in PATIENCE_S has lost it."""
        deadline = time.monotonic() + PATIENCE_S
        while content and time.monotonic() < deadline and not self._stopping.is_set():
            self._listen(0.0)
            _, writable, _ = select.select([], [self._line.descriptor], [], TURN_S)
            if writable:
                content = content[os.write(self._line.descriptor, content) :]

    def _listen(self, timeout_s: float) -> None:
        readable, _, _ = select.select([self._line.descriptor], [], [], timeout_s)
        if not readable:
            return
        for frame in self._heard.feed(os.read(self._line.descriptor, READ_BYTES)):
            self._is_asked = self._is_asked or frame.kind == Kind.ASK
            if frame.kind == Kind.WANT:
                self._wanted(frame.body)

    def _wanted(self, body: bytes) -> None:
        match decode(body):
            case [int(next_seq), int(credit), int(is_rewind)]:
                self._limit = next_seq + credit
                if is_rewind:
                    self._say_again(next_seq)

    def _say_again(self, next_seq: int) -> None:
        places = [at for at, (seq, _) in enumerate(self._said) if seq == next_seq]
        if places:
            again = self._said[places[-1] :]
            del self._said[places[-1] :]
            with self._lock:
                self._waiting.extendleft(frame for _, frame in reversed(again))


def _frame(encoded: bytes) -> Frame | None:
    """None for one that was damaged."""
    frames = FrameReader().feed(encoded)
    try:
        if frames and frames[0].kind == Kind.ENTRY:
            seq_of(frames[0].body)
    except EvidenceError:
        return None
    return frames[0] if frames else None
