"""Changes of good bytes, from a seeded random number generator: on the bytes, and on the values that they encode."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from packseal.errors import EvidenceError
from packseal.records.cbor import Sign1, decode, encode

EDGES = (
    *(0, 1, 23, 24, 127, 128, 255, 256, 65_535, 65_536, (1 << 24) - 1, 1 << 24, (1 << 32) - 1, 1 << 32),
    *((1 << 63) - 1, 1 << 63, (1 << 64) - 1, -1, -24, -25, -(1 << 63), -(1 << 63) - 1, -(1 << 64)),
)
BYTES = (0, 0x17, 0x18, 0x1B, 0x5F, 0x7F, 0x9F, 0xF6, 0xFF)
MOST_BYTES = 1 << 16


def mutated(good: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """One to four changes. `others`: good bytes that parts may be taken from."""
    content = good
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        change = changed_value if chance.random() < 0.5 else changed_bytes
        content = change(content, others, chance)
    return content[:MOST_BYTES]


def changed_bytes(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    at, until = sorted((chance.randrange(len(content) + 1), chance.randrange(len(content) + 1)))
    other = chance.choice(others)
    start, end = sorted((chance.randrange(len(other) + 1), chance.randrange(len(other) + 1)))
    match chance.randrange(7):
        case 0 if content:
            bit = chance.randrange(8 * len(content))
            one = bytes([content[bit // 8] ^ 1 << bit % 8])
            return content[: bit // 8] + one + content[bit // 8 + 1 :]
        case 1:
            return content[:at] + chance.randbytes(chance.choice((1, 1, 2, 9))) + content[at:]
        case 2:
            return content[:at] + content[min(until, at + chance.choice((1, 2, 9, 40))) :]
        case 3:
            return content[:at] + content[at:until] * 2 + content[until:]
        case 4:
            return content[:at] + other[start:end] + content[until:]
        case 5:
            return content[:at]
        case _:
            return content[:at] + bytes([chance.choice(BYTES)]) + content[at + 1 :]


def changed_value(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Decodes, changes one value anywhere in it, encodes again: what no check of the encoding catches."""
    try:
        value, other = decode(content), decode(chance.choice(others))
    except EvidenceError:
        return changed_bytes(content, others, chance)
    try:
        return encode(_changed(value, other, chance))
    except (TypeError, ValueError):
        return content


def _changed(value: Any, other: Any, chance: random.Random) -> Any:
    """One node of the tree, chosen on the way down."""
    if isinstance(value, Sign1):
        return Sign1(_changed(value.items, other, chance)) if chance.random() < 0.95 else value.items
    if isinstance(value, list) and value and chance.random() < 0.9:
        return _changed_list(value, other, chance)
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        changed = dict(value)
        if chance.random() < 0.2:
            changed[chance.choice((*range(16), key + 1))] = changed.pop(key)
            return changed
        return changed | {key: _changed(value[key], _part(other, chance), chance)}
    return _changed_leaf(value, other, chance)


def _changed_list(items: list[Any], other: Any, chance: random.Random) -> list[Any]:
    at, until = chance.randrange(len(items)), chance.randrange(len(items))
    match chance.randrange(10):
        case 0:
            return items[:at] + items[at + 1 :]
        case 1:
            return [*items[:at], items[until], *items[at:]]
        case 2:
            swapped = list(items)
            swapped[at], swapped[until] = swapped[until], swapped[at]
            return swapped
        case 3 | 4 if isinstance(other, list) and len(other) > at:
            return [*items[:at], other[at], *items[at + 1 :]]  # the same part of another message
        case _:
            part = other[at] if isinstance(other, list) and len(other) > at else other
            return [*items[:at], _changed(items[at], part, chance), *items[at + 1 :]]


def _changed_leaf(value: Any, other: Any, chance: random.Random) -> Any:
    if isinstance(value, int) and chance.random() < 0.8:
        return chance.choice((value + 1, value - 1, value ^ 1 << chance.randrange(63), chance.choice(EDGES)))
    if isinstance(value, bytes) and value and chance.random() < 0.8:
        if chance.random() < 0.4:
            return changed_value(value, [other if isinstance(other, bytes) and other else value], chance)
        return changed_bytes(value, [other if isinstance(other, bytes) and other else value], chance)
    if isinstance(value, str) and chance.random() < 0.8:
        return value[: chance.randrange(len(value) + 1)] + chance.choice(("", "\x00", "é", "1"))
    return chance.choice((None, 0, b"", bytes(32), "", [], {}, chance.choice(EDGES), other))


def _part(value: Any, chance: random.Random) -> Any:
    if isinstance(value, list) and value:
        return chance.choice(value)
    if isinstance(value, dict) and value:
        return chance.choice(list(value.values()))
    return value
