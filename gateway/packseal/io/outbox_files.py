"""What stands beside an outbox on its disk: its write-ahead log, and what a repair makes and leaves."""

from __future__ import annotations

from pathlib import Path


def beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def remove_outbox(file: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        beside(file, ending).unlink(missing_ok=True)
