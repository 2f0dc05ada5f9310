"""Ed25519 (RFC 8032 §5.1) for stock MicroPython: signs, and verifies by libsodium's rule.

By native code in constant time where the processor has it, else by portable Python, which is not: IMPLEMENTATION says
which, "native" or "portable", and logger.core.native.REFUSAL why. Both have the same functions, accept the same
signatures and refuse with the same words.

    public_key(seed)                      the 32 bytes that belong to a seed of 32 random bytes (§5.1.5)
    sign(seed, public, message)           the 64 bytes of the signature (§5.1.6); message: any bytes
    verify(public, message, signature)    None, or raises SignatureError; libsodium's acceptance rule, clause by clause
                                          at ed25519_portable.verify_steps

and the same in steps short enough to sample between them: public_key_steps, sign_steps, verify_steps.

What the caller must still do: keep `seed` secret and pass the `public` that belongs to it (signing one message with two
different public keys gives the secret key away), and drive a verify_steps generator to its end, because nothing is
verified before it has ended.
"""

from logger.core.native import SIGNER
from logger.core.signatures import PUBLIC_BYTES, SEED_BYTES, SIGNATURE_BYTES, SignatureError

if SIGNER:
    from logger.core.ed25519_native import public_key, public_key_steps, sign, sign_steps, verify, verify_steps

    IMPLEMENTATION = "native"
else:
    from logger.core.ed25519_portable import public_key, public_key_steps, sign, sign_steps, verify, verify_steps

    IMPLEMENTATION = "portable"

__all__ = (  # what others import from here
    "IMPLEMENTATION",
    "PUBLIC_BYTES",
    "SEED_BYTES",
    "SIGNATURE_BYTES",
    "SignatureError",
    "public_key",
    "public_key_steps",
    "sign",
    "sign_steps",
    "verify",
    "verify_steps",
)
