"""What commands sent to a registry, connector or ecosystem: one line of JSON each, in a file beside their settings.

These commands run where the settings are, not where the passport service keeps its own log (outgoing_log_table.py). A
line is on the disk before its bytes leave: when, where to, the names of what was sent and the SHA-256 of the bytes; the
values are not in it. Logins and renewals of tokens are not logged: their bytes are credentials. No line is ever
dropped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from packseal.errors import ConfigError, UnavailableError
from packseal.io.files import Files

ENDING = ".sent.jsonl"
MAX_LINE_CHARACTERS = 1 << 20
_TYPES = {"unix_ms": int, "method": str, "url": str, "names": list, "sha256": str, "size": int}


@dataclass(frozen=True, slots=True)
class Sent:
    """names: of the members of the JSON that say something, each once."""

    unix_ms: int
    method: str
    url: str
    names: tuple[str, ...]
    sha256: str
    size: int


class SentLog:
    """For several threads and processes: each line is written at once."""

    def __init__(self, path: Path, now_unix_ms: Callable[[], int]) -> None:
        self._path, self._now_unix_ms = path, now_unix_ms

    def add(self, method: str, url: str, content: bytes) -> None:
        """Raises UnavailableError: then nothing may be sent."""
        names = tuple(sorted(set(_names(json.loads(content)))))
        sent = Sent(self._now_unix_ms(), method, url, names, hashlib.sha256(content).hexdigest(), len(content))
        try:
            _append(self._path, json.dumps(asdict(sent), ensure_ascii=False).encode() + b"\n")
        except OSError as error:
            words = f"{self._path}: cannot be written ({error.strerror}), so nothing was sent"
            raise UnavailableError(f"{words}; make room, or let this user write there") from None


def log_path(settings: Path) -> Path:
    """Where the log of these settings is."""
    return settings.with_name(settings.stem + ENDING)


def read_sent(path: Path, limit: int) -> list[Sent]:
    """The newest, newest first; none where nothing was sent yet. Raises ConfigError."""
    try:
        with path.open(encoding="utf-8") as file:
            lines = deque(enumerate(iter(lambda: file.readline(MAX_LINE_CHARACTERS), ""), 1), limit)
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    return [_read(path, number, line) for number, line in reversed(lines)]


def _read(path: Path, number: int, line: str) -> Sent:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    fits = isinstance(found, dict) and set(found) == set(_TYPES)
    if not fits or not all(isinstance(found[name], kind) for name, kind in _TYPES.items()):
        raise ConfigError(f"{path}, line {number}: no line of this log; somebody has changed it")
    names = tuple(map(str, found["names"]))
    return Sent(found["unix_ms"], found["method"], found["url"], names, found["sha256"], found["size"])


def _append(path: Path, line: bytes) -> None:
    is_new = not path.exists()
    descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    try:
        if os.write(descriptor, line) < len(line):
            raise OSError(28, "the disk is full")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        Files().sync_folder(path.parent)


def _names(content: object) -> Iterator[str]:
    if isinstance(content, dict):
        for name, one in content.items():
            if one is not None:
                yield name
            yield from _names(one)
    elif isinstance(content, list):
        for one in content:
            yield from _names(one)
