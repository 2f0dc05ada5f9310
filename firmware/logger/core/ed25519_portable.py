"""Ed25519 in portable Python on big integers: the signer of a board for whose processor there is no native one.

With viper code for SHA-512 where the port can compile it.

NOT CONSTANT TIME. Who can time a signature closely, or measure the board's power while it signs, may learn the key. The
board signs when its own log says so, and for who asks no more than once a second, which makes that hard but not
impossible.

Callers use it by way of `ed25519`, which says what they must still do.
"""

from logger.core.edwards25519 import (
    L,
    add_cached,
    cached,
    decode_steps,
    encode_steps,
    has_small_order,
    is_canonical,
    multiply_base_steps,
    multiply_steps,
    negative,
)
from logger.core.sha512 import sha512_steps
from logger.core.signatures import PUBLIC_BYTES, SEED_BYTES, SignatureError, check_own, check_received
from logger.core.steps import finish


def public_key(seed):
    """The 32 bytes of the public key that belongs to a seed of 32 random bytes (RFC 8032 §5.1.5)."""
    return finish(public_key_steps(seed))


def public_key_steps(seed):
    """Like public_key, cut into about 30 steps."""
    secret, _ = yield from _expanded_steps(seed)
    point = yield from multiply_base_steps(secret)
    return (yield from encode_steps(point))


def sign(seed, public, message):
    """The 64 bytes of the signature (RFC 8032 §5.1.6); public is public_key(seed), message any bytes."""
    return finish(_signature_steps(seed, public, message))


def sign_steps(seed, public, message):
    """Like sign, cut into about 30 steps: yields None while working and, as the last value, the 64 bytes."""
    yield (yield from _signature_steps(seed, public, message))


def verify(public, message, signature):
    """Returns None if the signature is good, else raises SignatureError. The rule is at verify_steps."""
    finish(verify_steps(public, message, signature))


def verify_steps(public, message, signature):
    """Like verify, cut into about 110 steps: yields None while working; has accepted only when it ends by itself.

    libsodium's acceptance rule, and no other one (libraries disagree about 871 of the 914 CCTV vectors):

    1. S is below L (RFC 8032 §5.1.7 step 1).
    2. R is not one of the encodings, canonical or not, of a point of small order.
    3. A is canonical and not of small order.
    4. A is a point of the curve.
    5. The bytes of S*B - H(R, A, M)*A equal the bytes of R: the cofactor is not cleared, so R is canonical as well.
    """
    check_received(public, signature)
    commitment, response = signature[:32], int.from_bytes(signature[32:], "little")
    if response >= L:  # 1
        raise SignatureError("S is not below the group order")
    if has_small_order(commitment):  # 2
        raise SignatureError("R has small order")
    if not is_canonical(public):  # 3
        raise SignatureError("public key is not canonical")
    if has_small_order(public):
        raise SignatureError("public key has small order")
    key_point = yield from decode_steps(public)  # 4
    if key_point is None:
        raise SignatureError("public key is not a point of the curve")
    challenge = yield from _scalar_steps(commitment, public, message)  # 5
    point = yield from multiply_steps(challenge, negative(key_point))
    point = add_cached((yield from multiply_base_steps(response)), cached(point))
    if (yield from encode_steps(point)) != commitment:
        raise SignatureError("signature does not match key and message")


def _signature_steps(seed, public, message):
    check_own("public key", public, PUBLIC_BYTES)
    secret, prefix = yield from _expanded_steps(seed)
    nonce = yield from _scalar_steps(prefix, message)
    point = yield from multiply_base_steps(nonce)
    commitment = yield from encode_steps(point)
    challenge = yield from _scalar_steps(commitment, public, message)
    return commitment + ((nonce + challenge * secret) % L).to_bytes(32, "little")


def _expanded_steps(seed):
    """The secret scalar and the prefix of a seed (RFC 8032 §5.1.5 steps 1 and 2)."""
    check_own("seed", seed, SEED_BYTES)
    digest = yield from sha512_steps(seed)
    secret = int.from_bytes(digest[:32], "little")
    return secret & (1 << 254) - 8 | 1 << 254, digest[32:]


def _scalar_steps(*parts):
    digest = yield from sha512_steps(*parts)
    return int.from_bytes(digest, "little") % L
