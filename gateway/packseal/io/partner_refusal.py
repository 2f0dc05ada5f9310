"""What a partner says when it refuses: its own code and words, from each form that these partners have.

Ouranos: {code, message, detail}. A connector: a list of {type, message}. AAS services: {messages: [{code, text}]}.
Others: problem details (RFC 9457), OAuth 2.0 (RFC 6749 section 5.2: error, error_description).
Nothing of it is believed: it is cut short, made printable, and never shows what it was sent as a credential.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

MAX_CODE, MAX_WORDS = 120, 400
MAX_READ_BYTES = 1 << 16
CODES = ("code", "type", "error", "error_code")
WORDS = ("message", "text", "detail", "error_description", "title")


def said(content: bytes, secrets: Sequence[str]) -> tuple[str, str]:
    """-> code and words, each "" where there is none."""
    found = _inner(_loaded(content))
    code = _first(found, CODES)
    words = list(dict.fromkeys(part for part in (_first(found, (name,)) for name in WORDS) if part))
    return _shown(code, secrets)[:MAX_CODE], _shown(" ".join(words), secrets)[:MAX_WORDS]


def _loaded(content: bytes) -> object:
    if len(content) > MAX_READ_BYTES:
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _inner(found: object) -> dict[str, object]:
    """The first thing said, where a list of them is."""
    if isinstance(found, dict):
        messages = found.get("messages")
        return _inner(messages) if isinstance(messages, list) else found
    if isinstance(found, list) and found and isinstance(found[0], dict):
        return found[0]
    return {}


def _first(found: dict[str, object], names: Sequence[str]) -> str:
    return next((str(found[name]) for name in names if isinstance(found.get(name), str | int)), "")


def _shown(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "…")
    return "".join(c if c.isprintable() else " " for c in text)
