"""What a fuzzer is given: a parser of bytes that came from somebody else, good bytes for it, and how it may refuse."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packseal.errors import PackSealError
from packseal.io.setting_types import Table
from packseal.io.settings_file import load_settings

Parse = Callable[[bytes], object]
Refusals = tuple[type[Exception], ...]
OURS: Refusals = (PackSealError,)


@dataclass(frozen=True, slots=True)
class Target:
    """goods: every one is taken, else the attacks on it would prove nothing. refusals: what may come of other bytes;
    more than our own errors only where the parser's docstring promises another to its caller. rounds: of a seeded run,
    by what one costs."""

    parse: Parse
    goods: Sequence[bytes]
    refusals: Refusals = OURS
    rounds: int = 150

    def takes(self, content: bytes) -> bool:
        """Whether it was taken. Raises whatever else the parser lets out."""
        try:
            self.parse(content)
        except self.refusals:
            return False
        return True


def of_file(name: str, parse: Callable[[Path], object]) -> Parse:
    """The parser of a file: the bytes are laid where one of that name is looked for."""

    def parsed(content: bytes) -> object:
        path = folder() / name
        path.write_bytes(content)
        return parse(path)

    return parsed


def of_settings(model: type[Table]) -> Parse:
    return of_file(f"{model.__name__.lower()}.toml", lambda path: load_settings(path, model))


def text(content: str) -> bytes:
    return content.encode()


@cache
def folder() -> Path:
    """Of this process, gone when it ends."""
    folder = Path(tempfile.mkdtemp(prefix="packseal-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
