"""Which program runs here: the hash that a log signed by a gateway states (docs/record.md, BOOT key 1)."""

from __future__ import annotations

import hashlib
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
FIRMWARE = "firmware/"  # lies inside an installed package, for the demo, and is no part of the gateway


def program_hash(root: Path = PACKAGE) -> bytes:
    """SHA-256 over the Python files below root: for each, in order of path, SHA-256(path) and SHA-256(content)."""
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py"))
    whole = hashlib.sha256()
    for path in paths:
        if not path.startswith(FIRMWARE):
            whole.update(hashlib.sha256(path.encode()).digest())
            whole.update(hashlib.sha256((root / path).read_bytes()).digest())
    return whole.digest()
