"""What a gateway has to say of a delivery: when it came, how good its clock is, what it lost (docs/record.md 5.8)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from packseal.records.cbor import Value, encode
from packseal.records.checkpoint import FORMAT_VERSION, check_head, versioned
from packseal.records.cose import Sign, VerifyingKey, sign1, verify1
from packseal.records.emptied import Emptied
from packseal.records.fields import DIGEST_BYTES, MAX_NUMBER, is_number, is_plain, malformed

ATTESTATION_PURPOSE = "packseal/attestation/1"
MAX_ATTESTATION_BYTES = 512


class Clock(IntEnum):
    """How the gateway's clock was set."""

    NEVER_SET, SET_ONCE, DISCIPLINED = range(3)


COUNTS = {  # names of the counts of version 1, by key
    1: "frames_received",
    2: "frames_lost",
    3: "error_frames",
    4: "link_frames_refused",
    5: "reopened",
    6: "requests_asked",
    7: "requests_answered",
    8: "requests_unanswered",
    9: "requests_refused",
    10: "windows_emptied",
}
EMPTIED, EMPTIED_DIGEST = 10, 11  # keys of counts: of this delivery, not since the start


@dataclass(frozen=True, slots=True)
class Attestation:
    """`counts` by key, since the gateway started; keys unknown to version 1 are left out when read.

    emptied: the windows of the delivery whose values this gateway gave up; their count is in `counts` too when read.
    """

    log_id: bytes
    size: int
    root: bytes
    arrived_unix_ms: int
    clock: Clock
    clock_error_ms: int | None
    settings_digest: bytes
    counts: Mapping[int, int]
    emptied: Emptied | None = None


def attestation_digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def sign_attestation(attestation: Attestation, sign: Sign, key: VerifyingKey) -> bytes:
    a = attestation
    head: list[Value] = [FORMAT_VERSION, a.log_id, a.size, a.root, a.arrived_unix_ms, int(a.clock), a.clock_error_ms]
    counts: dict[int, Value] = dict(a.counts)
    if a.emptied:
        counts |= {EMPTIED: a.emptied.windows, EMPTIED_DIGEST: a.emptied.digest}
    payload = encode([*head, a.settings_digest, counts])
    return sign1(payload, ATTESTATION_PURPOSE, sign, key.kid, key.algorithm)


def verify_attestation(content: bytes, key: VerifyingKey) -> Attestation:
    """Raises EvidenceError (MALFORMED, BAD_SIGNATURE, UNKNOWN_VERSION)."""
    match versioned(verify1(content, ATTESTATION_PURPOSE, key)):
        case [
            bytes(log_id), int(size), bytes(root), int(arrived), int(clock), int() | None as error, bytes(digest),
            dict(counts),
        ]:  # fmt: skip
            check_head(log_id, size, root)
            known = {key: count for key, count in counts.items() if key in COUNTS}
            numbers = [arrived, error or 0, *known.values()]
            are_numbers = all(is_number(number) and isinstance(number, int) and number >= 0 for number in numbers)
            if are_numbers and is_plain(counts) and clock in set(Clock) and len(digest) == DIGEST_BYTES:
                read = {key: count for key, count in known.items() if isinstance(count, int)}
                said = (arrived, Clock(clock), error, digest, read, _emptied(read, counts.get(EMPTIED_DIGEST)))
                return Attestation(log_id, size, root, *said)
    raise malformed(f"an attestation has nine fields, none of its numbers beyond {MAX_NUMBER}")


def _emptied(counts: Mapping[int, int], digest: Value) -> Emptied | None:
    """None where it names no windows; a digest of another shape names none."""
    if EMPTIED in counts and isinstance(digest, bytes) and len(digest) == DIGEST_BYTES:
        return Emptied(counts[EMPTIED], digest)
    return None
