"""Whether a secret stands somewhere, in whichever form a program may have written it there."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from urllib.parse import quote

LEAST_BYTES = 12  # of a secret that is looked for: shorter ones are found by chance


def forms(secret: bytes) -> frozenset[bytes]:
    """As it is, in hexadecimal, in base64 from whichever byte on, quoted for URLs, JSON and Python, as numbers."""
    if len(secret) < LEAST_BYTES:
        raise ValueError(f"a secret of {len(secret)} bytes is found everywhere; plant one of {LEAST_BYTES} or more")
    text = secret.decode("latin-1")
    numbers = ", ".join(map(str, secret))
    found = {
        secret, secret.hex().encode(), secret.hex().upper().encode(), secret.hex(" ").encode(),
        secret.hex(":").encode(),
        quote(secret, safe="").encode(), quote(secret).encode(), repr(secret)[2:-1].encode(),
        repr(b'"' + secret)[3:-1].encode(), json.dumps(text)[1:-1].encode(),
        text.encode(), text.encode("utf-16-le"), numbers.encode(), numbers.replace(" ", "").encode(),
        *_base64(secret),
    }  # fmt: skip
    return frozenset(found)


def _base64(secret: bytes) -> set[bytes]:
    """Both alphabets, at each of the three places that it can have in a longer text; its ends depend on neighbours."""
    found = set()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + secret)
        core = encoded[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]
        found |= {core, core.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def leaks(secrets: Mapping[str, bytes], seen: Mapping[str, bytes]) -> list[str]:
    """`secret in place` for each secret that stands in what was seen. seen: place -> content."""
    known = {name: forms(secret) for name, secret in secrets.items()}
    return sorted(
        f"{name} in {place}"
        for place, content in seen.items()
        for name, written in known.items()
        if any(form in content for form in written)
    )
