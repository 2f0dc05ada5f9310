"""Changes of good text, from a seeded random number generator: of JSON in its values, of all else by its words."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from typing import Any

from tests.attacks.mutations import MOST_BYTES, changed_bytes, changed_value

NUMBERS = (
    *("0", "-0", "-1", "1e999", "-1e999", "1e-999", "NaN", "Infinity", "0x10", "1_0", "007", "1.", ".5", "²", "٣"),
    *(str(1 << 31), str(1 << 63), str(1 << 64), "9" * 25, "9" * 400, "9" * 5000, "0." + "0" * 30 + "1"),
)
WORDS = (
    *(
        "",
        " ",
        "\x00",
        "\n",
        "\r",
        "\t",
        "\ufeff",
        "\ud7ff",
        "é",
        "e\u0301",
        "\U0001d7d8",
        "\u202e",
        '"',
        "'",
        "\\",
        "\\u0000",
    ),
    *("null", "true", "[]", "{}", "..", "../../x", "%00", "%2e%2e", "~", "-", "=", "#", "a" * 300, "[" * 2000),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, -0.0, 1e308, 1 << 63, -(1 << 63) - 1, 10**30, 10**400, "", "a", "\x00", "é" * 70),
    *([], {}, [[]], [None], {"": None}, [0] * 300, "2027-01-01T00:00:00Z", "00", "http://["),
)
_TOKEN = re.compile(r"[A-Za-z_]+|[0-9]+(?:\.[0-9]+)?|\s+|.", re.DOTALL)


def mutated_any(good: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """One to four changes, each of a kind that the bytes are fit for. `others`: good bytes to take parts from."""
    content = good
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        change = chance.choice(_fitting(content))
        content = change(content, others, chance)
    return content[:MOST_BYTES]


def _fitting(content: bytes) -> tuple[Any, ...]:
    if content[:1] in b"{[" and content:
        return (changed_json, changed_json, changed_json, changed_tokens, changed_bytes)
    if content.isascii() or _is_text(content):
        return (changed_tokens, changed_tokens, changed_lines, changed_bytes)
    return (changed_value, changed_bytes)


def _is_text(content: bytes) -> bool:
    try:
        return content.decode().replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable()
    except UnicodeDecodeError:
        return False


def changed_tokens(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """One word, number, sign or stretch of white space is left out, doubled, or another one."""
    tokens = _TOKEN.findall(content.decode(errors="surrogateescape"))
    if not tokens:
        return changed_bytes(content, others, chance)
    at = chance.randrange(len(tokens))
    other = _TOKEN.findall(chance.choice(others).decode(errors="surrogateescape")) or [""]
    number_or_word = NUMBERS if tokens[at][:1].isdigit() and chance.random() < 0.7 else WORDS
    tokens[at] = chance.choice(("", tokens[at] * 2, chance.choice(number_or_word), chance.choice(other), tokens[-1]))
    return "".join(tokens).encode(errors="surrogateescape")


def changed_lines(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """A line is left out, doubled, in another place, or of another file."""
    lines = content.splitlines(keepends=True)
    if not lines:
        return changed_bytes(content, others, chance)
    at, until = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(4):
        case 0:
            return b"".join(lines[:at] + lines[at + 1 :])
        case 1:
            return b"".join([*lines[:until], lines[at], *lines[until:]])
        case 2:
            lines[at], lines[until] = lines[until], lines[at]
            return b"".join(lines)
    other = chance.choice(others).splitlines(keepends=True) or [b""]
    return b"".join([*lines[:at], chance.choice(other), *lines[at:]])


def changed_json(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """One value anywhere in it is another one."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return changed_tokens(content, others, chance)
    return json.dumps(_changed(document, chance)).encode()


def _changed(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        match chance.randrange(8):
            case 0:
                return {name: item for name, item in value.items() if name != key}
            case 1:
                return value | {chance.choice(("", "x", *value)): value[key]}
        return value | {key: _changed(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        at = chance.randrange(len(value))
        match chance.randrange(6):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return [*value[:at], *value]
        return [*value[:at], _changed(value[at], chance), *value[at + 1 :]]
    if isinstance(value, str) and value and chance.random() < 0.5:
        at = chance.randrange(len(value))
        return value[:at] + chance.choice((*WORDS, *NUMBERS)) + value[at + chance.randrange(2) :]
    return chance.choice(VALUES)
