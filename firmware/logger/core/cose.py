"""COSE_Sign1 as docs/record.md section 5 has it: what a board signs, and what it believes of a service and an operator.

Decides the signed bytes. The signatures themselves are keys.py's and ed25519.py's, which the caller runs step by step.
"""

from hashlib import sha256

from logger.core import cbor

ALGORITHM, KID = 1, 4  # RFC 9052 section 3.1
ED25519, ESP256 = -19, -9  # RFC 9864
CHECKPOINT_PURPOSE = b"packseal/checkpoint/1"
RECEIPT_PURPOSE = b"packseal/receipt/1"
POSSESSION_PURPOSE = b"packseal/possession/1"
ROTATION_PURPOSE = b"packseal/rotation/1"
ORDER_PURPOSE = b"packseal/order/1"
FORMAT_VERSION = 1
SIGNATURE_BYTES = 64
NONCE_BYTES = 16
ORDER_SEAL, ORDER_ROTATE = 1, 2
_CAUSES = {ORDER_SEAL: (1, 2, 3), ORDER_ROTATE: (0,)}
_SALT_BYTES, _DIGEST_BYTES = 16, 32
_MAX_NUMBER = (1 << 63) - 1
_SIGN1_TYPES = (bytes, dict, bytes, bytes)  # protected, unprotected, payload, signature
# version, log_id, size, root, service_index, received_unix_ms, salt, attestation_digest
_RECEIPT_TYPES = (int, bytes, int, bytes, int, int, bytes, (bytes, type(None)))
_ORDER_TYPES = (int, bytes, int, bytes, int)  # version, log_id, order, kid, cause


class SignedError(ValueError):
    """The sender's fault: nothing that this service or operator has signed for this log."""


def key_id(public_key):
    """Section 5.1."""
    return sha256(public_key).digest()[:8]


def checkpoint_payload(log_id, size, root, boot, uptime_ms, nonce=None):
    """Section 5.4; version 1 of the firmware gives no hardware counter."""
    return cbor.encode([FORMAT_VERSION, log_id, size, root, boot, uptime_ms, nonce, None])


def possession_payload(key, nonce):
    """Section 5.6; in a KEY entry the log_id stands for the nonce."""
    return cbor.encode([FORMAT_VERSION, key.algorithm, key.public, nonce])


def message(algorithm, purpose, payload):
    """The bytes that a board's key of this algorithm signs."""
    return _sig_structure(cbor.encode({ALGORITHM: algorithm}), purpose, payload)


def sign1(algorithm, payload, signature):
    return cbor.encode(cbor.Sign1([cbor.encode({ALGORITHM: algorithm}), {}, payload, signature]))


def checkpoint_root(content):
    """The root in one of our own checkpoints."""
    return cbor.decode(cbor.decode(content).parts[2])[3]


class Receipt:
    """A receipt that decodes and is for this log, not yet verified: its caller must verify `signature` of `message`."""

    def __init__(self, content, log_id, service_key):
        """Raises SignedError unless content has exactly the shape of section 5 and names log_id and service_key."""
        self.content = content
        fields, self.message, self.signature = opened(content, RECEIPT_PURPOSE, service_key, _RECEIPT_TYPES)
        named, self.size, self.root, service_index, self.received_unix_ms, salt, digest = fields
        numbers = (self.size, service_index, self.received_unix_ms)
        if not 0 <= min(numbers) <= max(numbers) <= _MAX_NUMBER or len(salt) != _SALT_BYTES:
            raise SignedError("does not decode")
        if digest is not None and len(digest) != _DIGEST_BYTES:
            raise SignedError("does not decode")
        if named != log_id:
            raise SignedError("not for this log")


class Order:
    """An order that decodes and is for this log and key, not yet verified: as with Receipt."""

    def __init__(self, content, log_id, operator_key, public_key):
        """Raises SignedError unless content has the shape of section 5.7 and names all three; public_key: the log's."""
        self.content = content
        fields, self.message, self.signature = opened(content, ORDER_PURPOSE, operator_key, _ORDER_TYPES)
        named, self.order, self.kid, self.cause = fields
        if self.cause not in _CAUSES.get(self.order, ()):
            raise SignedError("an order that version 1 does not know")
        if named != log_id or self.kid != key_id(public_key):
            raise SignedError("not for this log and its present key")


def opened(content, purpose, public_key, types):
    """(fields of the payload behind its version, the message that was signed, the signature). Raises SignedError."""
    protected = cbor.encode({ALGORITHM: ED25519, KID: key_id(public_key)})
    try:
        sign1 = cbor.decode(content)
        parts = sign1.parts if isinstance(sign1, cbor.Sign1) else None
        stated, unprotected, payload, signature = cbor.items(parts, _SIGN1_TYPES)
        version, *fields = cbor.items(cbor.decode(payload), types)
    except cbor.CBORError:
        raise SignedError("does not decode") from None
    if stated != protected or unprotected:
        raise SignedError("not signed by the key that is configured")
    if len(signature) != SIGNATURE_BYTES or version != FORMAT_VERSION:
        raise SignedError("does not decode")
    return fields, _sig_structure(protected, purpose, payload), signature


def _sig_structure(protected, purpose, payload):
    """RFC 9052 section 4.4."""
    return cbor.encode(["Signature1", protected, purpose, payload])
