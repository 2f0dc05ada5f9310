"""What both signers share: sizes, the error, and whose fault a wrong length is."""

SEED_BYTES = 32
PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64


class SignatureError(ValueError):
    """The signature is not this key's signature of this message, or the key or the signature is malformed."""


def check_own(name, value, length):
    """Raises ValueError: a wrong length of what the caller brings is his mistake."""
    if len(value) != length:
        raise ValueError(f"{name} has {len(value)} bytes, expected {length}")


def check_received(public, signature):
    """Raises SignatureError: what came from outside is refused, whatever is wrong with it."""
    for name, value, length in (("public key", public, PUBLIC_BYTES), ("signature", signature, SIGNATURE_BYTES)):
        if len(value) != length:
            raise SignatureError(f"{name} has {len(value)} bytes, expected {length}")
