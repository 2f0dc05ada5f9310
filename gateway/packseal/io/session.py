"""The gateway's side of the link as a pure object: bytes and a clock value in, events and bytes to send out.

Decides when to ask, to rewind and to give credit (docs/link.md). Whether entries may be believed is the caller's part:
it answers each DeliveryArrived with `accepted` or `rejected`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from packseal.errors import EvidenceError
from packseal.io.link import (
    BoardStatus,
    Frame,
    FrameReader,
    FreshState,
    Hello,
    Kind,
    UpdateState,
    decode_fresh_state,
    decode_hello,
    decode_status,
    decode_update_state,
    encode_challenge,
    encode_frame,
    encode_fresh,
    encode_update,
    encode_want,
)
from packseal.records.bare import seq_of
from packseal.records.checkpoint import unverified_size
from packseal.records.log import MAX_DELIVERY_BYTES, Delivery

CREDIT = 256  # entries; at most 128 kB held in memory until their checkpoint comes
MAX_HELD_BYTES = MAX_DELIVERY_BYTES - 8192  # beside them genesis, checkpoint and attestation have room in a delivery
QUIET_MS = 1_000  # a board at work says something every second
SILENT_MS = 3_000  # after that it has restarted or was unplugged: ask who is there
MAX_BACKOFF_MS = 60_000
UNSIGNED_MS = 60_000  # entries without their checkpoint so long: it may have been lost with nothing behind it


@dataclass(frozen=True, slots=True)
class HelloArrived:
    hello: Hello


@dataclass(frozen=True, slots=True)
class DeliveryArrived:
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class StatusArrived:
    status: BoardStatus


@dataclass(frozen=True, slots=True)
class PossessionArrived:
    """The answer to a challenge: a COSE_Sign1 that the caller must verify."""

    possession: bytes


@dataclass(frozen=True, slots=True)
class UpdateStateArrived:
    state: UpdateState


@dataclass(frozen=True, slots=True)
class FreshStateArrived:
    """What the board does with a nonce that was sent to it; the answer itself is a delivery's checkpoint."""

    state: FreshState


@dataclass(frozen=True, slots=True)
class FrameRejected:
    """A frame whose CRC is right but whose content is not of the link."""

    error: EvidenceError


Event: TypeAlias = (
    HelloArrived
    | DeliveryArrived
    | StatusArrived
    | PossessionArrived
    | UpdateStateArrived
    | FreshStateArrived
    | FrameRejected
)


class BoardSession:
    def __init__(self) -> None:
        self._reader = FrameReader()
        self._out = bytearray()
        self._update = b""  # goes behind all else
        self._is_greeted = False  # a board that was at work before us says no HELLO unasked
        self._genesis = self._seed = b""
        self._next_seq = 0  # the first that is not accepted
        self._expected = 0  # the one that comes next, behind those that wait to be accepted
        self._limit = 0
        self._entries: list[bytes] = []
        self._held_bytes = 0
        self._misplaced = 0
        self._board_size = self._receipted_size = 0  # as the board has said
        self._is_rewinding = False  # asked for next_seq, and it has not come: what follows was under way before that
        self._heard_ms = self._progress_ms = self._asked_ms = -SILENT_MS
        self._rejections = 0
        self._held_until_ms = 0

    def is_newest(self, size: int) -> bool:
        """Whether the board is known to have no record at or behind size."""
        return self._board_size <= size

    @property
    def frames_refused(self) -> int:
        """Those that did not decode, and checkpoints that came without all their entries."""
        return self._reader.refused + self._misplaced

    def bytes_to_send(self) -> bytes:
        content = bytes(self._out) + self._update
        self._out.clear()
        self._update = b""
        return content

    def receive(self, content: bytes, now_ms: int) -> list[Event]:
        refused_before = self._reader.refused
        events: list[Event] = []
        for frame in self._reader.feed(content):
            self._heard_ms = now_ms
            try:
                event = self._event(frame, now_ms)
            except EvidenceError as error:
                event = FrameRejected(error)
            events += [event] if event else []
        if self._reader.refused > refused_before:
            self._rewind(now_ms)
        return events

    def tick(self, now_ms: int) -> None:
        """To be called with each piece, and at due_ms: asks a silent board, and rewinds where something was lost."""
        if not self._is_greeted or now_ms - self._heard_ms >= SILENT_MS:
            self._ask(now_ms)
        stalled_ms = now_ms - self._progress_ms
        is_more = self._board_size > self._expected and stalled_ms >= QUIET_MS
        if self._genesis and (is_more or (self._entries and stalled_ms >= UNSIGNED_MS)):
            self._rewind(now_ms)

    @property
    def due_ms(self) -> int:
        """When tick has something to do next if the board says nothing before; past where that is at once."""
        ask_ms = max(self._asked_ms, self._heard_ms if self._is_greeted else self._asked_ms) + SILENT_MS
        if not self._genesis or not (self._entries or self._board_size > self._expected):
            return ask_ms
        stalled_ms = QUIET_MS if self._board_size > self._expected else UNSIGNED_MS
        return min(ask_ms, max(self._progress_ms + stalled_ms, self._held_until_ms))

    def resume(self, hello: Hello, next_seq: int, now_ms: int) -> None:
        """After HELLO: take this log from next_seq on."""
        self._genesis, self._seed = hello.genesis, hello.seed
        self._next_seq, self._board_size = next_seq, hello.size
        self._rewind(now_ms)

    def forget(self) -> None:
        """The board that said HELLO is not the one expected: ask it for nothing."""
        self._genesis = b""
        self._begin_at(self._expected)

    def accepted(self, next_seq: int) -> None:
        self._rejections = 0
        self._next_seq = next_seq
        self._expected = max(self._expected, next_seq)
        if self._limit - next_seq <= CREDIT // 2:
            self._want(next_seq, rewind=False)

    def rejected(self, now_ms: int) -> None:
        """The delivery did not verify or could not be stored: ask for it again, later each time."""
        self._rejections += 1
        self._begin_at(self._next_seq)
        self._held_until_ms = now_ms + min(QUIET_MS << min(self._rejections, 10), MAX_BACKOFF_MS)

    def send_receipt(self, receipt: bytes) -> None:
        self._out += encode_frame(Kind.RECEIPT, receipt)

    def send_challenge(self, nonce: bytes) -> None:
        """Asks the board to sign a nonce of 16 bytes; PossessionArrived is the answer."""
        self._out += encode_challenge(nonce)

    def send_order(self, order: bytes) -> None:
        """An order (docs/record.md section 5.7). Its effect is in the log, or in STATUS as an order refused."""
        self._out += encode_frame(Kind.ORDER, order)

    def send_fresh(self, nonce: bytes) -> None:
        """A nonce of 16 bytes for a checkpoint to come (docs/link.md clause 20); FreshStateArrived says what of it."""
        self._out += encode_fresh(nonce)

    def send_update(self, offset: int, piece: bytes) -> None:
        """A piece of a firmware update, or a question where it is empty (docs/link.md clause 16)."""
        self._update = encode_update(offset, piece)

    def _event(self, frame: Frame, now_ms: int) -> Event | None:
        if frame.kind == Kind.HELLO:
            hello = decode_hello(frame.body)
            self._is_greeted = True
            return HelloArrived(hello)
        if frame.kind == Kind.STATUS:
            status = decode_status(frame.body)
            self._board_size, self._receipted_size = status.size, status.receipted_size
            if self._genesis and status.size < self._next_seq:
                self._ask(now_ms)  # it has started anew with less than it had, and its HELLO was lost
            return StatusArrived(status)
        if frame.kind == Kind.POSSESSION:
            return PossessionArrived(frame.body)
        if frame.kind == Kind.UPDATE_STATE:
            return UpdateStateArrived(decode_update_state(frame.body))
        if frame.kind == Kind.FRESH_STATE:
            return FreshStateArrived(decode_fresh_state(frame.body))
        if frame.kind == Kind.ENTRY:
            self._entry_arrived(frame.body, now_ms)
        if frame.kind == Kind.CHECKPOINT and self._entries:
            return self._checkpoint_arrived(frame.body, now_ms)
        return None

    def _entry_arrived(self, content: bytes, now_ms: int) -> None:
        seq = seq_of(content)
        self._board_size = max(self._board_size, seq + 1)
        if seq == self._expected and seq < self._limit:
            self._entries.append(content)
            self._held_bytes += len(content)
            self._expected += 1
            self._progress_ms = now_ms
            self._is_rewinding = False
            self._widen()
        elif seq > self._expected and not self._is_rewinding:
            self._rewind(now_ms)

    def _widen(self) -> None:
        """A board whose log was full sends more than the credit before it may sign again (docs/record.md section 3)."""
        if self._limit - self._expected < CREDIT // 4 and self._held_bytes <= MAX_HELD_BYTES:
            self._want(self._expected, rewind=False)

    def _checkpoint_arrived(self, content: bytes, now_ms: int) -> DeliveryArrived | None:
        first_seq = self._expected - len(self._entries)
        size = unverified_size(content) or self._expected
        if size <= first_seq:  # said again, because of a WANT that was under way: it has been dealt with
            return None
        if size > self._expected:
            self._misplaced += 1
            self._rewind(now_ms)
            return None
        delivery = Delivery(self._genesis, self._seed, first_seq, tuple(self._entries), content)
        self._begin_at(self._expected)
        return DeliveryArrived(delivery)

    def _begin_at(self, seq: int) -> None:
        self._entries.clear()
        self._held_bytes = 0
        self._expected = seq

    def _ask(self, now_ms: int) -> None:
        if now_ms - self._asked_ms >= SILENT_MS:
            self._asked_ms = now_ms
            self._out += encode_frame(Kind.ASK)

    def _rewind(self, now_ms: int) -> None:
        self._begin_at(self._next_seq)
        if self._genesis and now_ms >= self._held_until_ms:
            self._progress_ms = now_ms
            self._is_rewinding = True
            self._want(self._next_seq, rewind=True)
            if self._receipted_size > self._next_seq:  # another gateway's receipts may have freed what we lack
                self._ask(now_ms)

    def _want(self, seq: int, *, rewind: bool) -> None:
        self._limit = seq + CREDIT
        self._out += encode_want(seq, CREDIT, rewind=rewind)
