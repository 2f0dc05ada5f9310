"""Receipts as other programs know them: COSE Receipts of inclusion (RFC 9942, RFC9162_SHA256), for export.

A view of what the passport log proves, signed by the service in the form of that standard; ours carries more. The CBOR
of it is deterministic too, but has a map in its unprotected header and a detached payload, which ours never have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from packseal.errors import EvidenceError, Reason
from packseal.records.cbor import MAP, Sign1, Value, decode, decode_head, decode_item, encode
from packseal.records.cose import ALGORITHM, ED25519, KID, Sign, key_id
from packseal.records.fields import malformed
from packseal.records.merkle import HASH_BYTES, included_root

VDS, VDP = 395, 396  # verifiable data structure and its proofs (RFC 9942, section 5.1)
RFC9162_SHA256 = 1
INCLUSION = -1
MAX_HEADERS, HEADER_DEPTH = 16, 4


@dataclass(frozen=True, slots=True)
class InclusionReceipt:
    """size, index and path of one leaf; the root is what was signed, and is not in the receipt."""

    protected: bytes
    size: int
    index: int
    path: tuple[bytes, ...]
    signature: bytes

    def root(self, leaf: bytes) -> bytes:
        """The root that this path leads to. Raises EvidenceError(BAD_INCLUSION_PROOF)."""
        return included_root(leaf, self.index, self.size, self.path)


def sign_inclusion_receipt(
    size: int, index: int, path: Sequence[bytes], root: bytes, sign: Sign, public_key: bytes
) -> bytes:
    """The signature is over the root, as detached payload (RFC 9942 section 5.2)."""
    header: dict[int, Value] = {ALGORITHM: ED25519, KID: key_id(public_key), VDS: RFC9162_SHA256}
    protected = encode(header)
    proof = encode([size, index, list(path)])
    unprotected: dict[int, Value] = {VDP: {INCLUSION: [proof]}}
    signature = sign(_message(protected, root))
    return encode(Sign1([protected, unprotected, None, signature]))


def decode_inclusion_receipt(content: bytes) -> InclusionReceipt:
    """Raises EvidenceError(MALFORMED)."""
    match decode(content):
        case Sign1([bytes(protected), dict(unprotected), None, bytes(signature)]):
            pass
        case _:
            raise malformed("a COSE receipt is a COSE_Sign1 with a detached payload")
    header, proofs = _foreign_map(protected), unprotected.get(VDP)
    if header.get(VDS) != RFC9162_SHA256:
        raise malformed("not of the data structure RFC9162_SHA256")
    match proofs:
        case {-1: [bytes(proof)]}:
            pass
        case _:
            raise malformed("not one proof of inclusion")
    match decode(proof):
        case [int(size), int(index), list(path)] if 0 <= index < size:
            hashes = tuple(item for item in path if isinstance(item, bytes) and len(item) == HASH_BYTES)
            if len(hashes) == len(path):
                return InclusionReceipt(protected, size, index, hashes, signature)
    raise malformed("a proof of inclusion is [size, index, [hash]]")


def verify_inclusion_receipt(content: bytes, leaf: bytes, public_key: bytes) -> InclusionReceipt:
    """Raises EvidenceError (MALFORMED, BAD_INCLUSION_PROOF, BAD_SIGNATURE)."""
    receipt = decode_inclusion_receipt(content)
    try:
        VerifyKey(public_key).verify(_message(receipt.protected, receipt.root(leaf)), receipt.signature)
    except (BadSignatureError, ValueError):
        words = f"no receipt by key {public_key.hex()[:16]} for this leaf"
        raise EvidenceError(Reason.BAD_SIGNATURE, words) from None
    return receipt


def _foreign_map(content: bytes) -> dict[int, Value]:
    """A map whose keys stand in any order, as others write their headers; all else is as strict as ever."""
    if not content or content[0] >> 5 != MAP:
        raise malformed("a protected header is a map")
    _, count, at = decode_head(content, 0)
    items: dict[int, Value] = {}
    for _ in range(min(count, MAX_HEADERS)):
        key, at = decode_item(content, at, HEADER_DEPTH)
        value, at = decode_item(content, at, HEADER_DEPTH)
        if not isinstance(key, int) or key in items:
            raise malformed("a header label that is not an integer, or stands twice")
        items[key] = value
    if at != len(content) or len(items) != count:
        raise malformed("bytes behind a protected header, or too many headers")
    return items


def _message(protected: bytes, root: bytes) -> bytes:
    return encode(["Signature1", protected, b"", root])
