"""Seeds that are kept: bytes that once broke a parser, and those that lead a fuzzer further than good ones do.

One file for each room of targets/, one line for each seed: the name of the target, a tab, the bytes in base64, and
behind another tab why it is kept. `@URL@` in an answer of a partner stands for its address.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).with_name("seeds")
MAX_SEED_BYTES = 8192  # so that the folder stays small


def kept(room: str) -> Mapping[str, tuple[bytes, ...]]:
    """Name of a target -> its seeds. Raises ValueError for a line that is none."""
    path = FOLDER / f"{room}.txt"
    found: dict[str, list[bytes]] = {}
    for line in path.read_text().splitlines() if path.is_file() else ():
        name, content, *_ = line.split("\t")
        found.setdefault(name, []).append(base64.b64decode(content, validate=True))
    return {name: tuple(contents) for name, contents in found.items()}


def line(name: str, content: bytes, why: str) -> str:
    return f"{name}\t{base64.b64encode(content).decode()}\t{why}\n"
