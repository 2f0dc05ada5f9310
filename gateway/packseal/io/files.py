"""Files of others, read with a limit; files of ours, there whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO

from packseal.errors import ConfigError, UnavailableError

UNFINISHED = ".new"


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """The content of a file of at most max_bytes. Raises ConfigError before it reads more than that."""
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > max_bytes:
        raise ConfigError(f"{path}: larger than {max_bytes} bytes, so not a file of this kind")
    return content


def read_private(path: Path, max_bytes: int, what: str) -> bytes:
    """As read_bounded, of a `what` that its owner and a group may read, and nobody else."""
    content = read_bounded(path, max_bytes)
    check_private(path, what)
    return content


def read_owned(path: Path, max_bytes: int) -> bytes:
    """As read_bounded, of a key that its owner alone may read."""
    content = read_bounded(path, max_bytes)
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"{path}: others can read this key; run: chmod 600 {path}")
    return content


def check_private(path: Path, what: str) -> None:
    """Raises ConfigError where more than its owner and a group can read the file, with the cure."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if mode & 0o007:
        raise ConfigError(f"{path}: everybody can read this {what}; run: chmod 640 {path}")


class Files:
    """The operations on files that a durable file is made of. A test cuts the power at each of them."""

    def write(self, path: Path, content: bytes) -> None:
        """A file that is on the disk when this returns; its folder is not."""
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, old: Path, new: Path) -> None:
        old.replace(new)

    def make_folder(self, path: Path) -> None:
        path.mkdir(exist_ok=True)

    def sync_folder(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove_folder(self, path: Path) -> None:
        shutil.rmtree(path, ignore_errors=True)


def write_whole(path: Path, content: bytes, files: Files | None = None) -> None:
    """The file with this content, durable; after a crash it has the old content or the new. Raises OSError."""
    files = files or Files()
    unfinished = path.with_name(path.name + UNFINISHED)
    files.write(unfinished, content)
    files.rename(unfinished, path)
    files.sync_folder(path.parent)


def create_private(path: Path, content: bytes) -> None:
    """Makes a file that only its owner can read, durable before it has its name. Raises FileExistsError, OSError."""
    unfinished = path.with_name(path.name + UNFINISHED)
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    try:
        os.link(unfinished, path)
    finally:
        unfinished.unlink()
    Files().sync_folder(path.parent)


def held(path: Path, words: str) -> IO[bytes]:
    """A file that only one process at a time can hold, until it is closed. Raises UnavailableError with these words."""
    try:
        file = path.open("ab")
    except OSError as error:
        raise UnavailableError(f"{path}: {error.strerror}") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise UnavailableError(words) from None
    return file


class Reserve:
    """Room on a disk that is given back when it is full, so that what frees room can still be written."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path, self._size_bytes = path, size_bytes
        self.restore()

    def restore(self) -> None:
        """Takes the room if it is there; without it there is no reserve now, and a later call tries again."""
        if self._path.exists():
            return
        try:
            create_private(self._path, bytes(self._size_bytes))
        except OSError:
            self._path.with_name(self._path.name + UNFINISHED).unlink(missing_ok=True)

    def release(self) -> bool:
        """Gives the room back; False when there was none."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
