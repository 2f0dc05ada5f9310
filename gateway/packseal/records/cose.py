"""COSE_Sign1 with Ed25519 (RFC 9052 section 4.2, RFC 9864): one shape, nothing optional.

Signing takes a function, so that no key is ever in this room. Verification is libsodium's rule, by PyNaCl.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeAlias

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from packseal.errors import EvidenceError, Reason
from packseal.records.cbor import Sign1, Value, decode, encode

Sign: TypeAlias = Callable[[bytes], bytes]

ALGORITHM, KID = 1, 4  # COSE header labels (RFC 9052 section 3.1)
ED25519 = -19
SIGNATURE_BYTES = 64


def key_id(public_key: bytes) -> bytes:
    return hashlib.sha256(public_key).digest()[:8]


def sign1(payload: bytes, purpose: str, sign: Sign, kid: bytes | None = None) -> bytes:
    header: dict[int, Value] = {ALGORITHM: ED25519} | ({} if kid is None else {KID: kid})
    protected = encode(header)
    return encode(Sign1([protected, {}, payload, sign(_to_be_signed(protected, purpose, payload))]))


def verify1(content: bytes, purpose: str, public_key: bytes) -> bytes:
    """The payload, signed for this purpose by this key. Raises EvidenceError (MALFORMED, BAD_SIGNATURE)."""
    protected, payload, signature = _parts(content)
    _verify_signature(public_key, _to_be_signed(protected, purpose, payload), signature, purpose)
    return payload


def unverified_kid(content: bytes) -> bytes | None:
    """The key id that the signer states: only for choosing the key to verify with."""
    kid = _header(_parts(content)[0]).get(KID)
    return kid if isinstance(kid, bytes) else None


def _verify_signature(public_key: bytes, message: bytes, signature: bytes, purpose: str) -> None:
    try:
        VerifyKey(public_key).verify(message, signature)
    except (BadSignatureError, ValueError):
        raise EvidenceError(Reason.BAD_SIGNATURE, f"not signed by key {public_key.hex()[:16]} as {purpose}") from None


def _to_be_signed(protected: bytes, purpose: str, payload: bytes) -> bytes:
    return encode(["Signature1", protected, purpose.encode(), payload])


def _parts(content: bytes) -> tuple[bytes, bytes, bytes]:
    match decode(content):
        case Sign1([bytes(protected), dict(unprotected), bytes(payload), bytes(signature)]):
            if not unprotected and len(signature) == SIGNATURE_BYTES and _header(protected):
                return protected, payload, signature
    raise EvidenceError(Reason.MALFORMED, "not a COSE_Sign1 with Ed25519 and an empty unprotected header")


def _header(protected: bytes) -> dict[int, Value]:
    header = decode(protected)
    if isinstance(header, dict) and header.get(ALGORITHM) == ED25519 and set(header) <= {ALGORITHM, KID}:
        return header
    raise EvidenceError(Reason.MALFORMED, "the protected header names another algorithm or an unknown field")
