"""Prints which signer the firmware has chosen, and why not the native one; then whether a signature of it is good."""

from logger.core import ed25519, native

SEED = bytes(range(32))
public = ed25519.public_key(SEED)
ed25519.verify(public, b"entry", ed25519.sign(SEED, public, b"entry"))
print(ed25519.IMPLEMENTATION)
print(native.ARCHITECTURE)
print(native.REFUSAL)
