"""A secure element's stand-in for tests: deterministic ECDSA over P-256 with SHA-256 (RFC 6979 section 3.2) and low s.

NOT CONSTANT TIME, so for tests alone: who can time it may learn the key.
"""

from __future__ import annotations

import hashlib
import hmac

from packseal.records.p256 import G, N, affine, combination

SEED_BYTES = 32


class SecureElement:
    """Signs messages, whatever they are; public_key is x and y, 64 bytes."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"seed has {len(seed)} bytes, expected {SEED_BYTES}")
        self._secret = int.from_bytes(seed) % (N - 1) + 1
        x, y = base_multiple(self._secret)
        self.public_key = packed(x, y)

    def __call__(self, message: bytes) -> bytes:
        """The 64 bytes of r and s."""
        digest = hashlib.sha256(message).digest()
        nonce = _nonce(self._secret, digest)
        r = base_multiple(nonce)[0] % N
        s = pow(nonce, -1, N) * (int.from_bytes(digest) + r * self._secret) % N
        return packed(r, min(s, N - s))  # r = 0 and s = 0 have no known message


def base_multiple(factor: int) -> tuple[int, int]:
    """factor * G, for 0 < factor < N."""
    (point,) = affine([combination(factor, 0, G)])
    return point


def packed(first: int, second: int) -> bytes:
    return first.to_bytes(32) + second.to_bytes(32)


def _nonce(secret: int, digest: bytes) -> int:
    """RFC 6979 section 3.2, steps b to h; hash and order both have 256 bits, so one block is one candidate."""
    content = packed(secret, int.from_bytes(digest) % N)
    key, block = bytes(32), b"\x01" * 32
    for separator in (b"\x00", b"\x01"):
        key = hmac.digest(key, block + separator + content, "sha256")
        block = hmac.digest(key, block, "sha256")
    block = hmac.digest(key, block, "sha256")
    while not 0 < int.from_bytes(block) < N:
        key = hmac.digest(key, block + b"\x00", "sha256")
        block = hmac.digest(key, hmac.digest(key, block, "sha256"), "sha256")
    return int.from_bytes(block)
