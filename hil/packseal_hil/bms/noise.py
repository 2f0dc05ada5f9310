"""Garbage on a line of bytes: flipped bits, bytes lost and bytes that nobody sent, by a seed."""

from __future__ import annotations

import random

_LOST, _ADDED = 0.2, 0.2  # of a hundred garbled bytes a fifth is lost, a fifth has one before it, the rest is flipped


class Noise:
    """garbled_permil may be set at any time; 0, as at first, lets everything pass. `garbled` only rises."""

    def __init__(self, seed: int) -> None:
        self.garbled_permil = 0.0
        self.garbled = 0
        self._random = random.Random(seed)  # noqa: S311 - a fault that can be had again, no secret

    def through(self, content: bytes) -> bytes:
        """What comes out of the line at its other end."""
        if not self.garbled_permil:
            return content
        return b"".join(self._one(byte) for byte in content)

    def _one(self, byte: int) -> bytes:
        if self._random.random() * 1000 >= self.garbled_permil:
            return bytes([byte])
        self.garbled += 1
        kind = self._random.random()
        if kind < _LOST:
            return b""
        if kind < _LOST + _ADDED:
            return bytes([self._random.randrange(256), byte])
        return bytes([byte ^ 1 << self._random.randrange(8)])
