"""COSE_Sign1 (RFC 9052 section 4.2) with Ed25519 or ESP256 (RFC 9864): one shape, nothing optional.

Signing takes a function, so that no key is ever in this room. The algorithm is the one of the key's record, never the
message's word. Ed25519 is verified by libsodium's rule, through PyNaCl; ESP256 by p256.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from packseal.errors import EvidenceError, Reason
from packseal.records import p256
from packseal.records.cbor import Sign1, Value, decode, encode

Sign: TypeAlias = Callable[[bytes], bytes]

ALGORITHM, KID = 1, 4  # COSE header labels (RFC 9052 section 3.1)
ED25519, ESP256 = -19, -9  # RFC 9864
PUBLIC_KEY_BYTES = {ED25519: 32, ESP256: 64}
SIGNATURE_BYTES = 64
KID_BYTES = 8


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key with the one algorithm it may be used with. ValueError for what is no key of that algorithm."""

    public_key: bytes
    algorithm: int = ED25519

    def __post_init__(self) -> None:
        if len(self.public_key) != PUBLIC_KEY_BYTES.get(self.algorithm, -1):
            raise ValueError("a key is 32 bytes for Ed25519 (-19) or 64 for ESP256 (-9)")

    @property
    def kid(self) -> bytes:
        return key_id(self.public_key)

    def verify(self, message: bytes, signature: bytes, purpose: str) -> None:
        """Raises EvidenceError(BAD_SIGNATURE)."""
        if self.algorithm == ESP256:
            p256.verify(self.public_key, message, signature)
            return
        try:
            VerifyKey(self.public_key).verify(message, signature)
        except (BadSignatureError, ValueError):
            raise _bad_signature(self, purpose) from None


def key_id(public_key: bytes) -> bytes:
    return hashlib.sha256(public_key).digest()[:KID_BYTES]


def sign1(payload: bytes, purpose: str, sign: Sign, kid: bytes | None = None, algorithm: int = ED25519) -> bytes:
    header: dict[int, Value] = {ALGORITHM: algorithm} | ({} if kid is None else {KID: kid})
    protected = encode(header)
    return encode(Sign1([protected, {}, payload, sign(to_be_signed(protected, purpose, payload))]))


def verify1(content: bytes, purpose: str, key: VerifyingKey) -> bytes:
    """The payload, signed for this purpose by this key. Raises EvidenceError (MALFORMED, BAD_SIGNATURE)."""
    protected, payload, signature = _parts(content)
    if _header(protected)[ALGORITHM] != key.algorithm:
        raise _bad_signature(key, purpose)
    key.verify(to_be_signed(protected, purpose, payload), signature, purpose)
    return payload


def unverified_kid(content: bytes) -> bytes | None:
    """The key id that the signer states: only for choosing the key to verify with. Raises EvidenceError(MALFORMED)."""
    kid = _header(_parts(content)[0]).get(KID)
    return kid if isinstance(kid, bytes) else None


def unverified_payload(content: bytes) -> bytes:
    """What was signed, by whomever. Raises EvidenceError(MALFORMED)."""
    return _parts(content)[1]


def payload_digest(content: bytes) -> bytes:
    """SHA-256 over the payload as it came. Raises EvidenceError(MALFORMED)."""
    return hashlib.sha256(unverified_payload(content)).digest()


def to_be_signed(protected: bytes, purpose: str, payload: bytes) -> bytes:
    """The Sig_structure of RFC 9052 section 4.4."""
    return encode(["Signature1", protected, purpose.encode(), payload])


def bare_message(algorithm: int, purpose: str, payload: bytes) -> bytes:
    """What is signed where only the 64 bytes of the signature are kept (docs/record.md section 5.6)."""
    return to_be_signed(encode({ALGORITHM: algorithm}), purpose, payload)


def _parts(content: bytes) -> tuple[bytes, bytes, bytes]:
    match decode(content):
        case Sign1([bytes(protected), dict(unprotected), bytes(payload), bytes(signature)]):
            if not unprotected and len(signature) == SIGNATURE_BYTES and _header(protected):
                return protected, payload, signature
    raise EvidenceError(Reason.MALFORMED, "not a COSE_Sign1 with a signature of 64 bytes and an empty second header")


@lru_cache(maxsize=256)  # a key has one, and each message is asked for it several times
def _header(protected: bytes) -> Mapping[int, Value]:
    header = decode(protected)
    if isinstance(header, dict) and isinstance(header.get(ALGORITHM), int) and set(header) <= {ALGORITHM, KID}:
        kid = header.get(KID)
        if KID not in header or (isinstance(kid, bytes) and len(kid) == KID_BYTES):
            return header
    raise EvidenceError(Reason.MALFORMED, "a protected header is an algorithm and at most a key id of 8 bytes")


def _bad_signature(key: VerifyingKey, purpose: str) -> EvidenceError:
    return EvidenceError(Reason.BAD_SIGNATURE, f"not signed by key {key.public_key.hex()[:16]} as {purpose}")
