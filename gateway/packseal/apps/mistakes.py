"""What is wrong with a settings file and with the files that it names: all of it at once, each with its line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from packseal.errors import ConfigError, PackSealError
from packseal.io.keys import load_key
from packseal.io.setting_types import Table
from packseal.io.settings_file import line_of, load_settings

Settings = TypeVar("Settings", bound=Table)


@dataclass(slots=True)
class Mistakes:
    """Of one settings file and of what it names, each in a line with its place, all of them."""

    path: Path
    found: list[str] = field(default_factory=list)

    def loaded(self, model: type[Settings]) -> Settings | None:
        """None where there is a mistake."""
        try:
            return load_settings(self.path, model)
        except ConfigError as error:
            self.found += str(error).split("\n")
        return None

    @contextmanager
    def of(self, *location: str | int) -> Iterator[None]:
        """What is wrong in the block is wrong with this key, such as ("can", 0, "bind")."""
        try:
            yield
        except PackSealError as error:
            line = line_of(self.path, location)
            self.found += [f"{self.path}:{line}: {words}" for words in str(error).split("\n")]

    @property
    def error(self) -> ConfigError:
        return ConfigError("\n".join(dict.fromkeys(self.found)))


def check_key(path: Path | None) -> None:
    """One that is there has to be a key; one that is not is made at the start. Raises ConfigError."""
    if path is None:
        return
    _check_folder(path, os.X_OK, "be looked into")
    if path.exists():
        load_key(path)
    else:
        check_place(path)


def check_place(path: Path) -> None:
    """Raises ConfigError where this user can make no file there, nor one beside it, as databases do."""
    _check_folder(path, os.W_OK | os.X_OK, "be written")
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder, and a file is expected; name one in it")


def _check_folder(path: Path, access: int, words: str) -> None:
    """access: to the folder of the path, as access(2) has it. Raises ConfigError."""
    if not os.access(path.parent, os.F_OK) or not path.parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}; make it, or name another place")
    if not os.access(path.parent, access):
        raise ConfigError(
            f"{path}: the folder {path.parent} cannot {words} by who checks this, the user {os.getuid()}; "
            "name a place in the folder of the service, below /var/lib/packseal, and check as the user of the service"
        )
