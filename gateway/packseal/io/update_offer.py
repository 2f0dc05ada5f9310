"""A firmware update that this gateway offers to one board (docs/link.md clauses 16 to 19). Bytes and clock values in.

Decides which piece is sent when, and when to give up. Whether the package is good is the board's part alone: nothing in
it is verified here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from packseal.errors import ConfigError, EvidenceError
from packseal.io.files import read_bounded
from packseal.io.link import UpdateState, UpdateStep
from packseal.records.cbor import decode
from packseal.records.cose import unverified_payload

PIECE_BYTES = 512  # a board finds that much memory in one piece more easily than a whole frame
MAX_PACKAGE_BYTES = (1 << 20) + 1024  # as firmware/logger/core/update.py has it, and the manifest
ANSWER_MS = 5_000  # then the piece or its answer was lost, or the board is busy: ask
MAX_ANSWER_MS = 60_000
RETRY_MS = 60_000  # after that a board gives up what another gateway has left half done
QUESTION = (0, b"")
_REFUSALS: dict[int, tuple[str, str]] = {
    UpdateStep.BAD_SIGNATURE: (
        "bad-signature",
        "it is not signed by the board's update_public_key; sign it with that key, or put the right one into the "
        "board's configuration",
    ),
    UpdateStep.BAD_CONTENT: (
        "bad-content",
        "a file in it is not as signed; make it again with `packseal board update`",
    ),
    UpdateStep.NOT_NEWER: (
        "not-newer",
        "it is not newer than what the board runs; raise its version, or set oldest_version in the board's "
        "configuration",
    ),
    UpdateStep.WRONG_BOARD: ("wrong-board", "it is for another kind of board; make one for this board"),
    UpdateStep.NO_ROOM: ("no-room", "the board has no room for it; look at its console"),
}
_UNKNOWN = ("unknown", "for a reason that this gateway does not know")
_AGAIN = "; it is offered again when this gateway starts"


@dataclass(frozen=True, slots=True)
class UpdatePackage:
    """What `packseal board update --out` writes. Nothing that it says of itself has been verified."""

    board: str
    version: tuple[int, ...]
    firmware_hash: bytes
    content: bytes

    @classmethod
    def parse(cls, content: bytes) -> UpdatePackage | None:
        """None for what is no package (firmware/logger/core/update.py has its form)."""
        manifest = content[2 : 2 + int.from_bytes(content[:2], "big")]
        try:
            fields = decode(unverified_payload(manifest))
        except EvidenceError:
            return None
        match fields:
            case [1, str(board), [int(major), int(minor), int(patch)], bytes(firmware_hash), int(), int(size)]:
                if len(content) == 2 + len(manifest) + size and len(firmware_hash) == 32:
                    return cls(board, (major, minor, patch), firmware_hash, content)
        return None

    def piece(self, offset: int) -> tuple[int, bytes]:
        return offset, self.content[offset : offset + PIECE_BYTES]

    def __str__(self) -> str:
        return f"update {'.'.join(map(str, self.version))} for {self.board}"


def load_update(path: Path) -> UpdatePackage:
    """Raises ConfigError."""
    package = UpdatePackage.parse(read_bounded(path, MAX_PACKAGE_BYTES))
    if package is None:
        raise ConfigError(f"{path}: not a whole update package; `packseal board update … --out {path}` writes one")
    return package


class UpdateOffer:
    """Readable attributes, for a person: `words`; `taken_bytes` of the package; `failure`, a word for the count where
    nothing more comes of it until this gateway starts anew, else empty."""

    def __init__(self, package: UpdatePackage) -> None:
        self.package = package
        self.words = f"{package}: the board has not been asked yet"
        self.taken_bytes = 0
        self.failure = ""
        self._next = QUESTION  # what to send
        self._next_ms: int | None = None  # and when; None: nothing before the next HELLO
        self._unanswered = 0
        self._sent = (-1, 0)  # (offset, when) of the newest piece
        self._has_begun = self._was_taken = False

    def greeted(self, now_ms: int) -> None:
        """The board has said HELLO, and may have started anew."""
        if not self.failure:
            self._unanswered, self._sent = 0, (-1, 0)
            self._plan(QUESTION, now_ms)

    def due(self, now_ms: int) -> tuple[int, bytes] | None:
        """(offset, piece) to send now: one at a time, and an empty one to ask how far the board is."""
        if self._next_ms is None or now_ms < self._next_ms:
            return None
        piece = self._next
        if piece[1]:
            self._has_begun, self._sent = True, (piece[0], now_ms)
        self._plan(QUESTION, now_ms + min(ANSWER_MS << self._unanswered, MAX_ANSWER_MS))
        self._unanswered = min(self._unanswered + 1, 10)
        return piece

    def heard(self, state: UpdateState, now_ms: int) -> None:
        self._unanswered = 0
        is_ours = state.offered == self.package.firmware_hash
        if state.running == self.package.firmware_hash:
            self._rest("the board runs it", len(self.package.content))
        elif state.step == UpdateStep.READY:
            self._was_taken |= is_ours
            words = f"the board has taken {'it' if is_ours else 'another one'} and restarts to try it"
            self._rest(words, len(self.package.content) if is_ours else 0)
        elif state.step == UpdateStep.NO_SLOTS:
            self._fail("no-slots", "the board takes no updates over the link; take `update` out of gateway.toml")
        elif self._was_taken:
            words = "the board took it, and does not run it: it did not prove itself, or power failed before it could"
            self._fail("went-back", words + _AGAIN)
        elif state.step == UpdateStep.NOT_NOW:
            self._wait("the board takes none now: it is trying one, or has begun one within the hour", now_ms)
        elif state.step != UpdateStep.TAKING:
            self._refused(state, is_ours=is_ours or (self._has_begun and state.offered is None), now_ms=now_ms)
        elif is_ours or not state.wanted:
            self._go_on(state.wanted, now_ms)
        else:
            self._wait("the board is taking another one", now_ms)

    def _refused(self, state: UpdateState, *, is_ours: bool, now_ms: int) -> None:
        """What was refused before us says nothing of ours."""
        if not is_ours:
            self._go_on(0, now_ms)
            return
        word, cure = _REFUSALS.get(state.step, _UNKNOWN)
        self._fail(f"refused_{word}", f"the board refuses it: {cure}{_AGAIN}")

    def _go_on(self, offset: int, now_ms: int) -> None:
        total, (sent_offset, sent_ms) = len(self.package.content), self._sent
        if offset == sent_offset and now_ms - sent_ms < ANSWER_MS:
            return  # two answers that crossed: each would bring its piece, for ever
        if offset >= total:
            self._wait("the board wants more than there is", now_ms)
            return
        self.taken_bytes = offset
        self._say(f"{100 * offset // total // 10 * 10} % taken" if offset else "offered")
        self._plan(self.package.piece(offset), now_ms)

    def _wait(self, words: str, now_ms: int) -> None:
        self._say(words)
        self._plan(self.package.piece(0), now_ms + RETRY_MS)

    def _rest(self, words: str, taken_bytes: int = 0) -> None:
        self.taken_bytes = taken_bytes or self.taken_bytes
        self._say(words)
        self._next_ms = None

    def _fail(self, failure: str, words: str) -> None:
        self.failure = failure
        self._rest(words)

    def _plan(self, piece: tuple[int, bytes], when_ms: int) -> None:
        self._next, self._next_ms = piece, when_ms

    def _say(self, words: str) -> None:
        self.words = f"{self.package}: {words}"
