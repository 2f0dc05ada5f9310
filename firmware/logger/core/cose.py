"""COSE_Sign1 as docs/record.md sections 4 and 6 have it: the checkpoints a board signs, the receipts it believes.

Decides the signed bytes. The signature itself is ed25519.py's, which its caller runs step by step.
"""

from hashlib import sha256

from logger.core import cbor

ALGORITHM, KID, ED25519 = 1, 4, -19  # RFC 9052 section 3.1, RFC 9864
CHECKPOINT_PURPOSE = b"packseal/checkpoint/1"
RECEIPT_PURPOSE = b"packseal/receipt/1"
FORMAT_VERSION = 1
SIGNATURE_BYTES = 64
_SIGN1_TYPES = (bytes, dict, bytes, bytes)  # protected, unprotected, payload, signature
_RECEIPT_TYPES = (int, bytes, int, bytes, int, int)  # docs/record.md section 6.2
_CHECKPOINT_PROTECTED = cbor.encode({ALGORITHM: ED25519})


class ReceiptError(ValueError):
    """The sender's fault: no receipt of this service for this log."""


def checkpoint_payload(log_id, size, root, boot, uptime_ms):
    """Section 4.2; version 1 of the firmware gives neither nonce nor hardware counter."""
    return cbor.encode([FORMAT_VERSION, log_id, size, root, boot, uptime_ms, None, None])


def checkpoint_message(payload):
    """The bytes to sign."""
    return _sig_structure(_CHECKPOINT_PROTECTED, CHECKPOINT_PURPOSE, payload)


def checkpoint(payload, signature):
    return cbor.encode(cbor.Sign1([_CHECKPOINT_PROTECTED, {}, payload, signature]))


def checkpoint_root(content):
    """The root in one of our own checkpoints."""
    return cbor.decode(cbor.decode(content).parts[2])[3]


class Receipt:
    """A receipt that decodes and is for this log, not yet verified: its caller must verify `signature` of `message`."""

    def __init__(self, content, log_id, service_key):
        """Raises ReceiptError unless content has exactly the shape of section 6 and names log_id and service_key."""
        protected = cbor.encode({ALGORITHM: ED25519, KID: sha256(service_key).digest()[:8]})
        try:
            sign1 = cbor.decode(content)
            parts = sign1.parts if isinstance(sign1, cbor.Sign1) else None
            stated, unprotected, payload, signature = cbor.items(parts, _SIGN1_TYPES)
            version, named, size, root, service_index, received_unix_ms = cbor.items(
                cbor.decode(payload), _RECEIPT_TYPES
            )
        except cbor.CBORError:
            raise ReceiptError("does not decode") from None
        if stated != protected or unprotected:
            raise ReceiptError("not signed by the service that is configured")
        if len(signature) != SIGNATURE_BYTES or min(size, service_index, received_unix_ms) < 0:
            raise ReceiptError("does not decode")
        if version != FORMAT_VERSION or named != log_id:
            raise ReceiptError("not for this log")
        self.content = content
        self.size = size
        self.root = root
        self.message = _sig_structure(protected, RECEIPT_PURPOSE, payload)
        self.signature = signature


def _sig_structure(protected, purpose, payload):
    """RFC 9052 section 4.4."""
    return cbor.encode(["Signature1", protected, purpose, payload])
