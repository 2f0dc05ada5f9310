"""The link's frames (docs/link.md): COBS with a CRC-32, and what the bodies say. Bytes in, frames out; no port here."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import IntEnum

from packseal.errors import EvidenceError, Reason
from packseal.records.cbor import decode, encode

LINK_VERSION = 1
MAX_FRAME_BYTES = 1024
MAX_ENCODED_BYTES = MAX_FRAME_BYTES + MAX_FRAME_BYTES // 254 + 1
NONCE_BYTES = 16
_STATUS_NUMBERS = 10


class Kind(IntEnum):
    HELLO, ENTRY, CHECKPOINT, STATUS, POSSESSION, UPDATE_STATE, FRESH_STATE = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07
    WANT, RECEIPT, ASK, CHALLENGE, ORDER, UPDATE, FRESH = 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17


class UpdateStep(IntEnum):
    """The second number of an UPDATE_STATE (clause 17)."""

    TAKING = 0
    BAD_SIGNATURE, BAD_CONTENT, NOT_NEWER, WRONG_BOARD, NO_ROOM = 3, 4, 5, 6, 7
    READY, NOT_NOW, NO_SLOTS = 8, 9, 10


class FreshStep(IntEnum):
    """The second item of a FRESH_STATE (clause 20)."""

    TAKEN, TOO_SOON, NO_ROOM = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Frame:
    kind: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Hello:
    """What a board says of its log. `edge_roots`, the complete subtrees below oldest_seq, are a claim until checked.

    So is `seed`, the log's disclosure seed.
    """

    oldest_seq: int
    size: int
    receipted_size: int
    boot: int
    uptime_ms: int
    genesis: bytes
    edge_roots: tuple[bytes, ...]
    seed: bytes


@dataclass(frozen=True, slots=True)
class BoardStatus:
    uptime_ms: int
    size: int
    receipted_size: int
    frames_refused: int
    receipts_refused: int
    slots_missed: int
    windows_lost: int
    orders_refused: int
    source_refused: int
    config_refused: int


@dataclass(frozen=True, slots=True)
class UpdateState:
    """How far a board is with an update. `step` is an UpdateStep, or a number that this version does not know."""

    wanted: int
    step: int
    running: bytes | None
    offered: bytes | None


@dataclass(frozen=True, slots=True)
class FreshState:
    """What a board does with a nonce. `step` is a FreshStep, or a number that this version does not know."""

    nonce: bytes
    step: int
    wait_ms: int


def encode_frame(kind: Kind, body: bytes = b"") -> bytes:
    content = bytes([kind]) + body
    return framed(content + zlib.crc32(content).to_bytes(4, "little"))


def framed(message: bytes) -> bytes:
    """Clause 1: a message, kind to CRC, as it goes over a byte stream."""
    return _cobs_encoded(message) + b"\x00"


def messages_of(frames: bytes) -> list[bytes]:
    """The messages in whole frames of our own, as `framed` took them."""
    return [_cobs_decoded(encoded) or b"" for encoded in frames.split(b"\x00") if encoded]


def encode_want(next_seq: int, credit: int, *, rewind: bool) -> bytes:
    return encode_frame(Kind.WANT, encode([next_seq, credit, int(rewind)]))


def encode_challenge(nonce: bytes) -> bytes:
    return encode_frame(Kind.CHALLENGE, _checked_nonce(nonce))


def encode_fresh(nonce: bytes) -> bytes:
    return encode_frame(Kind.FRESH, _checked_nonce(nonce))


def encode_update(offset: int, piece: bytes) -> bytes:
    return encode_frame(Kind.UPDATE, encode([offset, piece]))


def decode_hello(body: bytes) -> Hello:
    """Raises EvidenceError (MALFORMED, UNKNOWN_VERSION)."""
    match decode(body):
        case [int(version), *_] if version != LINK_VERSION:
            raise EvidenceError(Reason.UNKNOWN_VERSION, f"the board speaks link version {version}, not {LINK_VERSION}")
        case [
            int(), int(oldest), int(size), int(receipted), int(boot), int(uptime),
            bytes(genesis), bytes(edge), bytes(seed),
        ]:  # fmt: skip
            roots = tuple(edge[i : i + 32] for i in range(0, len(edge), 32))
            if 0 <= oldest <= size and oldest.bit_count() * 32 == len(edge):
                return Hello(oldest, size, receipted, boot, uptime, genesis, roots, seed)
    raise EvidenceError(Reason.MALFORMED, "a HELLO that docs/link.md does not allow")


def decode_status(body: bytes) -> BoardStatus:
    """Raises EvidenceError(MALFORMED)."""
    value = decode(body)
    numbers = [item for item in value if isinstance(item, int)] if isinstance(value, list) else []
    if len(numbers) != _STATUS_NUMBERS:
        raise EvidenceError(Reason.MALFORMED, f"a STATUS is {_STATUS_NUMBERS} numbers")
    return BoardStatus(*numbers)


def decode_update_state(body: bytes) -> UpdateState:
    """Raises EvidenceError(MALFORMED)."""
    match decode(body):
        case [int(wanted), int(step), bytes() | None as running, bytes() | None as offered] if wanted >= 0:
            return UpdateState(wanted, step, running, offered)
    raise EvidenceError(Reason.MALFORMED, "an UPDATE_STATE that docs/link.md does not allow")


def decode_fresh_state(body: bytes) -> FreshState:
    """Raises EvidenceError(MALFORMED)."""
    match decode(body):
        case [bytes(nonce), int(step), int(wait_ms)] if len(nonce) == NONCE_BYTES and min(step, wait_ms) >= 0:
            return FreshState(nonce, step, wait_ms)
    raise EvidenceError(Reason.MALFORMED, "a FRESH_STATE that docs/link.md does not allow")


def _checked_nonce(nonce: bytes) -> bytes:
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes, not {len(nonce)}")
    return nonce


class FrameReader:
    """Cuts a byte stream into frames; what does not decode is dropped and counted in `refused`."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self.refused = 0

    def feed(self, content: bytes) -> list[Frame]:
        frames = []
        *whole, rest = (bytes(self._waiting) + content).split(b"\x00")
        for encoded in whole:
            frame = _frame(encoded)
            if frame:
                frames.append(frame)
            elif encoded:
                self.refused += 1
        # a longer rest is no frame: keep enough of it for the split to count it once, and no more
        self._waiting = bytearray(rest[: MAX_ENCODED_BYTES + 1])
        return frames


def _frame(encoded: bytes) -> Frame | None:
    content = _cobs_decoded(encoded) if len(encoded) <= MAX_ENCODED_BYTES else None
    if content is None or len(content) < 5 or zlib.crc32(content[:-4]).to_bytes(4, "little") != content[-4:]:
        return None
    return Frame(content[0], content[1:-4])


def _cobs_encoded(content: bytes) -> bytes:
    out = bytearray()
    for part in content.split(b"\x00"):
        for start in range(0, len(part) - 253, 254):
            out += b"\xff" + part[start : start + 254]
        tail = part[len(part) // 254 * 254 :]
        out += bytes([len(tail) + 1]) + tail
    return bytes(out)


def _cobs_decoded(encoded: bytes) -> bytes | None:
    out = bytearray()
    at = 0
    while at < len(encoded):
        code = encoded[at]
        block = encoded[at + 1 : at + code]
        if len(block) != code - 1:
            return None
        out += block
        at += code
        if code < 0xFF and at < len(encoded):
            out.append(0)
    return bytes(out)
