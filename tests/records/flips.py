"""Flips bits of bundles, in a process of its own: test_flips.py shares the work among two."""

from __future__ import annotations

from packseal.errors import EvidenceError
from packseal.records.policy import Policy
from packseal.records.verify import verify_bundle


def accepted_flips(content: bytes, policy: Policy, first: int, step: int) -> list[int]:
    """Of the bits first, first + step, …: those whose flip is not noticed. Only EvidenceError may be raised."""
    return [bit for bit in range(first, 8 * len(content), step) if _is_accepted(content, policy, bit)]


def _is_accepted(content: bytes, policy: Policy, bit: int) -> bool:
    altered = bytearray(content)
    altered[bit // 8] ^= 1 << bit % 8
    try:
        verify_bundle(bytes(altered), policy)
    except EvidenceError:
        return False
    return True
