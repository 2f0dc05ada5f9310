"""Evidence shown to one recipient who asked for it: a bundle, bound to an audience and a nonce by who presents it.

A bundle proves the same to everybody who gets hold of it. A presentation is good for the audience that it names and for
the nonce that this one chose, so that it can be passed on to nobody and used no second time. What the bundle shows, and
what of it is only a bound, was decided when it was made (records/disclosure.py); what it proves is for
records/verify.py. COSE_Sign1 (RFC 9052), purpose `packseal/presentation/1`, over
[1, audience, nonce, made_unix_ms, bundle].
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from packseal.errors import EvidenceError, Reason
from packseal.records.bundle import MAX_BUNDLE_BYTES
from packseal.records.cbor import encode
from packseal.records.checkpoint import FORMAT_VERSION, versioned
from packseal.records.cose import Sign, VerifyingKey, sign1, unverified_kid, verify1
from packseal.records.fields import MAX_NUMBER, malformed

PURPOSE = "packseal/presentation/1"
MAX_AUDIENCE_CHARACTERS = 200
MIN_NONCE_BYTES, MAX_NONCE_BYTES = 16, 64
MAX_PRESENTATION_BYTES = MAX_BUNDLE_BYTES + 1024
CLOCK_SKEW_MS = 60_000  # of a presenter's clock before the recipient's


@dataclass(frozen=True, slots=True)
class Asked:
    """What the recipient asks for: who it is, and 16 to 64 random bytes of its own, used once."""

    audience: str
    nonce: bytes

    def __post_init__(self) -> None:
        is_name = 0 < len(self.audience) <= MAX_AUDIENCE_CHARACTERS and self.audience.isprintable()
        if not is_name or not MIN_NONCE_BYTES <= len(self.nonce) <= MAX_NONCE_BYTES:
            raise ValueError(
                f"an audience is 1 to {MAX_AUDIENCE_CHARACTERS} printable characters,"
                f" a nonce {MIN_NONCE_BYTES} to {MAX_NONCE_BYTES} bytes"
            )


@dataclass(frozen=True, slots=True)
class Presented:
    """bundle: not verified yet. by: the key that presents it; whose it is, is for the recipient's policy."""

    bundle: bytes
    by: VerifyingKey
    made_unix_ms: int


def present(bundle: bytes, asked: Asked, made_unix_ms: int, sign: Sign, key: VerifyingKey) -> bytes:
    """Raises EvidenceError(MALFORMED) for a bundle that is larger than one can be."""
    if len(bundle) > MAX_BUNDLE_BYTES:
        raise malformed(f"a bundle of {len(bundle)} bytes; the limit is {MAX_BUNDLE_BYTES}")
    payload = encode([FORMAT_VERSION, asked.audience, asked.nonce, made_unix_ms, bundle])
    return sign1(payload, PURPOSE, sign, key.kid, key.algorithm)


def verify_presentation(
    content: bytes, asked: Asked, keys: Iterable[VerifyingKey], now_unix_ms: int, max_age_ms: int
) -> Presented:
    """keys: of those who may present to this recipient. The bundle in it is for verify_bundle.

    1. within its limit of bytes; 2. by one of the keys; 3. the signature holds; 4. of its shape; 5. for this audience;
    6. for this nonce; 7. not older than max_age_ms.
    Raises EvidenceError (MALFORMED, UNKNOWN_AUTHORITY, BAD_SIGNATURE, UNKNOWN_VERSION, WRONG_AUDIENCE, WRONG_NONCE,
    OUTDATED).
    """
    if len(content) > MAX_PRESENTATION_BYTES:  # 1
        raise malformed(f"a presentation of {len(content)} bytes; the limit is {MAX_PRESENTATION_BYTES}")
    kid = unverified_kid(content)
    key = next((one for one in keys if one.kid == kid), None)
    if key is None:  # 2
        raise EvidenceError(Reason.UNKNOWN_AUTHORITY, "presented by a key that is not trusted here to present")
    audience, nonce, made_unix_ms, bundle = _parts(verify1(content, PURPOSE, key))  # 3, 4
    if audience != asked.audience:  # 5
        raise EvidenceError(Reason.WRONG_AUDIENCE, f"made for {audience!r}, not for {asked.audience!r}")
    if nonce != asked.nonce:  # 6
        raise EvidenceError(Reason.WRONG_NONCE, f"it answers nonce {nonce.hex()}, not {asked.nonce.hex()}")
    age_ms = now_unix_ms - made_unix_ms
    if not -CLOCK_SKEW_MS <= age_ms <= max_age_ms:  # 7
        raise EvidenceError(Reason.OUTDATED, f"made {age_ms / 1000:.0f} s ago; at most {max_age_ms / 1000:.0f} s count")
    return Presented(bundle, key, made_unix_ms)


def _parts(payload: bytes) -> tuple[str, bytes, int, bytes]:
    match versioned(payload):
        case [str(audience), bytes(nonce), int(made), bytes(bundle)] if 0 <= made <= MAX_NUMBER:
            if len(audience) <= MAX_AUDIENCE_CHARACTERS and MIN_NONCE_BYTES <= len(nonce) <= MAX_NONCE_BYTES:
                return audience, nonce, made, bundle
    raise malformed("a presentation is [1, audience, nonce of 16 to 64 bytes, made_unix_ms, bundle]")
