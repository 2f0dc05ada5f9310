"""Signed notes, log checkpoints and cosignatures (C2SP signed-note, tlog-checkpoint and tlog-cosignature, Ed25519).

Decides which bytes are a note at all and who signed it: a key is its name and its 32 bytes together. A line by a key
that was asked for must verify; lines by others say nothing. Whether a checkpoint continues an older one, and whether a
timestamp is recent enough, is for the caller.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from packseal.errors import EvidenceError, Reason
from packseal.records.cose import SIGNATURE_BYTES, Sign
from packseal.records.fields import is_encodable
from packseal.records.merkle import HASH_BYTES

MAX_NOTE_BYTES = 4096  # 16 lines by keys with names of 100 characters, and the text
MAX_SIGNATURES = 16  # the number every verifier has to take (signed-note, Format)
MAX_LOG_SIZE = 1 << 48  # below it: six levels of tiles, and a number that JSON and SQLite carry exactly
MAX_TIME_S = 1 << 63  # below it (tlog-cosignature, Format)

LINE_START = "\u2014 "
SIGNED_NOTE, COSIGNATURE_V1 = b"\x01", b"\x04"  # signature types (signed-note, Signature types)
KEY_ID_BYTES, TIMESTAMP_BYTES = 4, 8


@dataclass(frozen=True, slots=True)
class LogCheckpoint:
    """The tree of a log at one moment: its name, its number of leaves, its root hash."""

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        """The note text (tlog-checkpoint, Note text). Raises ValueError for what no log may sign."""
        if not 0 <= self.size < MAX_LOG_SIZE or len(self.root) != HASH_BYTES:
            raise ValueError(f"a log has fewer than {MAX_LOG_SIZE} leaves and a root of {HASH_BYTES} bytes")
        return f"{checked_key_name(self.origin)}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class _Line:
    """One signature line: who says he signed, and what he signed with."""

    name: str
    key_id: bytes
    signature: bytes

    def to_text(self) -> str:
        return f"{LINE_START}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"


def checked_key_name(name: str) -> str:
    """The name itself. Raises ValueError unless a key may have it (signed-note, Format)."""
    is_shown = not any(character.isspace() or character < " " for character in name)
    if not name or "+" in name or not is_shown or not is_encodable(name):
        raise ValueError(f"{name!r}: a name of a key or log is not empty and has no spaces, plus or control characters")
    return name


def sign_log_checkpoint(checkpoint: LogCheckpoint, sign: Sign, public_key: bytes) -> bytes:
    """A note with the log's own signature; the key has the name of the log. Raises ValueError for what it cannot be."""
    text = checkpoint.to_text()
    key_id = _key_id(checkpoint.origin, SIGNED_NOTE, public_key)
    return _checked_note(text, [_Line(checkpoint.origin, key_id, sign(text.encode()))])


def verify_log_checkpoint(note: bytes, public_key: bytes) -> LogCheckpoint:
    """What the log of this key signed under the name it gives itself. Raises EvidenceError (MALFORMED, BAD_SIGNATURE).

    The caller still compares the origin with the log he means, and the tree with the one he knew.
    """
    text, lines = _parse(note)
    checkpoint = _parse_checkpoint(text)
    key_id = _key_id(checkpoint.origin, SIGNED_NOTE, public_key)
    own = [line for line in lines if (line.name, line.key_id) == (checkpoint.origin, key_id)]
    if not own:
        raise EvidenceError(Reason.BAD_SIGNATURE, f"not signed by key {public_key.hex()[:16]} of {checkpoint.origin!r}")
    for line in own:
        _verify(public_key, text.encode(), line.signature, line.name)
    return checkpoint


def unverified_log_checkpoint(note: bytes) -> LogCheckpoint:
    """What the note says: only for choosing the key to verify with. Raises EvidenceError(MALFORMED)."""
    return _parse_checkpoint(_parse(note)[0])


def cosign(note: bytes, name: str, public_key: bytes, sign: Sign, unix_s: int) -> bytes:
    """A witness's signature line for this checkpoint, newline included (tlog-cosignature, Ed25519 signed message).

    Who calls it has verified the checkpoint and its consistency with every other he signed. Raises ValueError for a
    name or time that cannot be, EvidenceError(MALFORMED) for a note that is no checkpoint.
    """
    if not 0 <= unix_s < MAX_TIME_S:
        raise ValueError(f"{unix_s} s: not a time a cosignature can carry")
    text, _ = _parse(note)
    _parse_checkpoint(text)
    signature = unix_s.to_bytes(TIMESTAMP_BYTES, "big") + sign(_cosigned_message(text, unix_s))
    return _Line(checked_key_name(name), _key_id(name, COSIGNATURE_V1, public_key), signature).to_text().encode()


def with_cosignatures(note: bytes, lines: Iterable[bytes]) -> bytes:
    """The note with these signature lines; one by a key that is there already takes the place of its older line.

    The caller has checked the lines (chosen_cosignature). Raises EvidenceError(MALFORMED) for one that is no line, and
    where the note would exceed the limits.
    """
    text, present = _parse(note)
    merged = {(line.name, line.key_id): line for line in present}
    for content in lines:
        merged |= {(line.name, line.key_id): line for line in _parse_lines(_text_of(content))}
    return _checked_note(text, list(merged.values()))


def verified_cosignatures(note: bytes, witnesses: Mapping[str, bytes]) -> dict[str, int]:
    """When each of these witnesses (name -> public key) cosigned, in seconds of Unix time; absent who did not.

    The earliest of several lines counts: by then the tree was there. Raises EvidenceError: MALFORMED, or
    BAD_SIGNATURE for a line of one of these witnesses that does not verify. How many are enough, and how old is too
    old, is for the caller.
    """
    text, lines = _parse(note)
    _parse_checkpoint(text)
    cosigned_unix_s: dict[str, int] = {}
    for name, public_key in witnesses.items():
        key_id = _key_id(name, COSIGNATURE_V1, public_key)
        times_s = [_verify_cosignature(text, line, public_key) for line in lines if _is_by(line, name, key_id)]
        if times_s:
            cosigned_unix_s[name] = min(times_s)
    return cosigned_unix_s


def chosen_cosignature(note: bytes, answer: bytes, name: str, public_key: bytes) -> bytes:
    """The one line that a log keeps of a witness's answer (tlog-witness, add-checkpoint): that by the key it asked for.

    Raises EvidenceError: MALFORMED, or BAD_SIGNATURE where there is none or it does not verify.
    """
    text, _ = _parse(note)
    key_id = _key_id(name, COSIGNATURE_V1, public_key)
    lines = [line for line in _parse_lines(_text_of(answer)) if _is_by(line, name, key_id)]
    if not lines:
        raise EvidenceError(Reason.BAD_SIGNATURE, f"the answer holds no cosignature by {name!r}")
    return max((_verify_cosignature(text, line, public_key), line.to_text()) for line in lines)[1].encode()


def _is_by(line: _Line, name: str, key_id: bytes) -> bool:
    return (line.name, line.key_id) == (name, key_id)


def _key_id(name: str, signature_type: bytes, public_key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + signature_type + public_key).digest()[:KEY_ID_BYTES]


def _cosigned_message(text: str, unix_s: int) -> bytes:
    return f"cosignature/v1\ntime {unix_s}\n{text}".encode()


def _verify_cosignature(text: str, line: _Line, public_key: bytes) -> int:
    unix_s = int.from_bytes(line.signature[:TIMESTAMP_BYTES], "big")
    if unix_s >= MAX_TIME_S:
        raise EvidenceError(Reason.BAD_SIGNATURE, f"a cosignature by {line.name!r} at a time beyond all times")
    _verify(public_key, _cosigned_message(text, unix_s), line.signature[TIMESTAMP_BYTES:], line.name)
    return unix_s


def _verify(public_key: bytes, message: bytes, signature: bytes, name: str) -> None:
    try:
        if len(signature) != SIGNATURE_BYTES:
            raise ValueError
        VerifyKey(public_key).verify(message, signature)
    except (BadSignatureError, ValueError):
        words = f"a line by {name!r} does not verify with key {public_key.hex()[:16]}"
        raise EvidenceError(Reason.BAD_SIGNATURE, words) from None


def _parse(note: bytes) -> tuple[str, list[_Line]]:
    """Text and signature lines; the last empty line parts them (signed-note, Format)."""
    content = _text_of(note)
    end = content.rfind("\n\n")
    if end < 0:
        raise _malformed("no empty line before the signatures")
    return content[: end + 1], _parse_lines(content[end + 2 :])


def _text_of(content: bytes) -> str:
    if len(content) > MAX_NOTE_BYTES:
        raise _malformed(f"more than {MAX_NOTE_BYTES} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise _malformed("not UTF-8") from None
    if any(character < " " and character != "\n" for character in text):
        raise _malformed("a control character")
    return text


def _parse_lines(text: str) -> list[_Line]:
    *lines, rest = text.split("\n")
    if rest or not 0 < len(lines) <= MAX_SIGNATURES:
        raise _malformed(f"expected 1 to {MAX_SIGNATURES} whole signature lines")
    return [_parse_line(line) for line in lines]


def _parse_line(text: str) -> _Line:
    name, _, encoded = text.removeprefix(LINE_START).rpartition(" ")
    try:
        content = decode_base64(encoded)
        line = _Line(checked_key_name(name), content[:KEY_ID_BYTES], content[KEY_ID_BYTES:])
    except ValueError:
        raise _malformed("a signature line of another shape") from None
    if not line.signature or line.to_text() != text + "\n":
        raise _malformed("a signature line of another shape")
    return line


def _parse_checkpoint(text: str) -> LogCheckpoint:
    """The first three lines; extension lines are tolerated and say nothing (tlog-checkpoint, Note text)."""
    origin, *lines = text.split("\n")[:-1]
    if not origin or len(lines) < 2 or not all(lines):
        raise _malformed("a checkpoint has a name, a size, a root hash and no empty lines")
    try:
        root = decode_base64(lines[1])
    except ValueError:
        raise _malformed("a root hash that is not base64") from None
    if len(root) != HASH_BYTES:
        raise _malformed(f"a root hash of {len(root)} bytes")
    return LogCheckpoint(origin, decode_size(lines[0]), root)


def decode_size(text: str) -> int:
    """The number of leaves in decimal digits without leading zeroes. Raises EvidenceError(MALFORMED)."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_LOG_SIZE)):
        raise _malformed("a size that is not a decimal number in its limits")
    size = int(text)
    if str(size) != text or size >= MAX_LOG_SIZE:
        raise _malformed("a size that is not a decimal number in its limits")
    return size


def decode_base64(text: str) -> bytes:
    """The bytes of their one encoding in base64. Raises ValueError for any other text."""
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    if base64.b64encode(content).decode() != text:
        raise ValueError("not the shortest base64")
    return content


def _checked_note(text: str, lines: Sequence[_Line]) -> bytes:
    note = (text + "\n" + "".join(line.to_text() for line in lines)).encode()
    _parse(note)
    return note


def _malformed(what: str) -> EvidenceError:
    return EvidenceError(Reason.MALFORMED, f"not a signed checkpoint: {what}")
