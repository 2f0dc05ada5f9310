"""Ed25519 by the native module: constant time where something is secret, ten times as fast as `ed25519_portable`.

Callers use it by way of `ed25519`, which says what they must still do. The native module cuts a signature into 29
pieces and a verification into 101. How many of them are one step here depends on the processor: at 133 MHz and more the
longest step takes 4 ms on ARMv6-M and 2 ms elsewhere.
"""

from logger.core.native import ARCHITECTURE, SIGNER
from logger.core.signatures import PUBLIC_BYTES, SEED_BYTES, SignatureError, check_own, check_received
from logger.core.steps import finish

_STEPS_AT_ONCE = 2 if ARCHITECTURE == "armv6m" else 4
# by the numbers of firmware/native/ed25519.h
_REASONS = (
    None,
    "S is not below the group order",
    "R has small order",
    "public key is not canonical",
    "public key has small order",
    "public key is not a point of the curve",
    "signature does not match key and message",
)

_free = [bytearray(SIGNER.STATE_BYTES)]  # working memory, kept: one, or as many as were ever needed at once


def public_key(seed):
    return finish(public_key_steps(seed))


def public_key_steps(seed):
    check_own("seed", seed, SEED_BYTES)
    return (yield from _result_steps(b"", SIGNER.begin_public, seed))


def sign(seed, public, message):
    return finish(_signature_steps(seed, public, message))


def sign_steps(seed, public, message):
    yield (yield from _signature_steps(seed, public, message))


def verify(public, message, signature):
    finish(verify_steps(public, message, signature))


def verify_steps(public, message, signature):
    check_received(public, signature)
    reason = _REASONS[(yield from _result_steps(message, SIGNER.begin_verify, public, signature))]
    if reason:
        raise SignatureError(reason)


def _signature_steps(seed, public, message):
    check_own("public key", public, PUBLIC_BYTES)
    check_own("seed", seed, SEED_BYTES)
    return (yield from _result_steps(message, SIGNER.begin_sign, seed, public))


def _result_steps(message, begin, *arguments):
    """Yields None while working; returns what run() of firmware/native/module.c does."""
    state = _free.pop() if _free else bytearray(SIGNER.STATE_BYTES)
    try:
        begin(state, *arguments)
        result = None
        while result is None:
            yield
            result = SIGNER.run(state, message, _STEPS_AT_ONCE)
        return result
    finally:
        SIGNER.forget(state)
        _free.append(state)
