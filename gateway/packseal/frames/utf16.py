"""Text of two bytes a character -> of one: UTF-16 (RFC 2781) as Windows programs save it, with or without its mark.

Logs are ASCII. A character beyond it becomes a question mark, so that its line is kept, and refused where it matters.
"""

from __future__ import annotations

import numpy as np

_LITTLE, _BIG = b"\xff\xfe", b"\xfe\xff"  # the byte order mark
_SEEN_BYTES = 1 << 12
_MOST = 0.9  # of the first characters, where no mark says what the text is


def narrowed(content: bytes) -> bytes:
    """UTF-16 without its mark, one byte a character, without half a character at its end; other content as it is."""
    high = _high_byte(content)
    if high is None:
        return content
    since = 2 if content.startswith((_LITTLE, _BIG)) else 0
    pairs = _pairs(content, since)
    is_ascii = (pairs[:, high] == 0) & (pairs[:, 1 - high] < 0x80)
    return np.where(is_ascii, pairs[:, 1 - high], np.uint8(ord("?"))).tobytes()


def _high_byte(content: bytes) -> int | None:
    """Which of two bytes is the higher one; None where the text is not UTF-16."""
    if content.startswith((_LITTLE, _BIG)):
        return int(content.startswith(_LITTLE))
    is_zero = _pairs(content[:_SEEN_BYTES], 0) == 0
    if len(is_zero):
        share = is_zero.mean(axis=0)
        for high in (1, 0):
            if share[high] >= _MOST and share[1 - high] <= 1 - _MOST:
                return high
    return None


def _pairs(content: bytes, since: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(content, np.uint8, (len(content) - since) // 2 * 2, since).reshape(-1, 2)
