"""What passes between passport service and gateways about a fresh read (docs/fresh.md): a command, and notices of it.

A command is signed by the service for one log and one nonce, so that a broker cannot ask boards for anything. A notice
is a hint for the waiting reader: nobody signs it, and no evidence is believed on its account.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from packseal.errors import EvidenceError, Reason
from packseal.records.cbor import decode, encode
from packseal.records.checkpoint import FORMAT_VERSION, versioned
from packseal.records.cose import Sign, VerifyingKey, key_id, sign1, unverified_kid, verify1
from packseal.records.entries import LOG_ID_BYTES
from packseal.records.fields import MAX_NUMBER, malformed

FRESH_PURPOSE = "packseal/fresh/1"
NONCE_BYTES = 16
MAX_COMMAND_BYTES = 256
MAX_NOTICE_BYTES = 64
MAX_WAIT_MS = 86_400_000  # what a notice may make a reader wait


@dataclass(frozen=True, slots=True)
class FreshCommand:
    """Have the key of this log sign a checkpoint with this nonce, over a window that ends from now on."""

    log_id: bytes
    nonce: bytes
    issued_unix_ms: int


class Step(IntEnum):
    """What has become of a command, as far as a gateway knows."""

    PASSED_ON, TAKEN = 1, 2
    TOO_SOON, NO_ROOM, AWAY, MUTE, OTHER_LOG, STALE = 3, 4, 5, 6, 7, 8

    @property
    def is_good(self) -> bool:
        """An answer may still come."""
        return self in (Step.PASSED_ON, Step.TAKEN)


@dataclass(frozen=True, slots=True)
class FreshNotice:
    """wait_ms: with TOO_SOON, how long until another nonce may be taken."""

    nonce: bytes
    step: Step
    wait_ms: int = 0


def sign_command(command: FreshCommand, sign: Sign, public_key: bytes) -> bytes:
    payload = encode([FORMAT_VERSION, command.log_id, command.nonce, command.issued_unix_ms])
    return sign1(payload, FRESH_PURPOSE, sign, kid=key_id(public_key))


def verify_command(content: bytes, public_key: bytes) -> FreshCommand:
    """By a service, whose keys are Ed25519. Whether it is fresh is for the caller to ask.

    Raises EvidenceError (MALFORMED, UNKNOWN_VERSION, UNKNOWN_SERVICE, BAD_SIGNATURE).
    """
    if len(content) > MAX_COMMAND_BYTES:
        raise malformed(f"a command of {len(content)} bytes; the limit is {MAX_COMMAND_BYTES}")
    if unverified_kid(content) != key_id(public_key):
        raise EvidenceError(Reason.UNKNOWN_SERVICE, "the command is by a service that is not trusted here")
    match versioned(verify1(content, FRESH_PURPOSE, VerifyingKey(public_key))):
        case [bytes(log_id), bytes(nonce), int(issued)] if 0 <= issued <= MAX_NUMBER:
            if len(log_id) == LOG_ID_BYTES and len(nonce) == NONCE_BYTES:
                return FreshCommand(log_id, nonce, issued)
    raise malformed("a command is [1, log_id, nonce of 16 bytes, issued_unix_ms]")


def encode_notice(notice: FreshNotice) -> bytes:
    return encode([FORMAT_VERSION, notice.nonce, int(notice.step), min(notice.wait_ms, MAX_WAIT_MS)])


def decode_notice(content: bytes) -> FreshNotice:
    """Raises EvidenceError(MALFORMED), also for a step that this version does not know."""
    if len(content) > MAX_NOTICE_BYTES:
        raise malformed(f"a notice of {len(content)} bytes; the limit is {MAX_NOTICE_BYTES}")
    match decode(content):
        case [1, bytes(nonce), int(step), int(wait_ms)] if len(nonce) == NONCE_BYTES and 0 <= wait_ms <= MAX_WAIT_MS:
            if step in set(Step):
                return FreshNotice(nonce, Step(step), wait_ms)
    raise malformed("a notice is [1, nonce of 16 bytes, step, wait_ms]")
