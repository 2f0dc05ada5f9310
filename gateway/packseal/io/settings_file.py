"""Settings files: TOML, checked as a whole before anything starts; errors name file, line and cure.

Any Table is a kind of file; those of the product's own programs are in settings.py.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from packseal.errors import ConfigError
from packseal.io.files import read_bounded
from packseal.io.setting_types import Table

MAX_CONFIG_BYTES = 16 << 20  # 5,000 batteries with a source each are 1 MB
Settings = TypeVar("Settings", bound=Table)


def load_settings(path: Path, model: type[Settings]) -> Settings:
    """The checked content of a TOML file; relative paths in it are relative to the file. Raises ConfigError."""
    text = _read(path)
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # besides its own, of numbers too long and nesting too deep
        raise ConfigError(f"{path}: not TOML: {error}") from None
    try:
        settings = model.model_validate(values)
    except ValidationError as error:
        problems = [f"{path}:{_line(text, e['loc'])}: {_words(e, model)}" for e in error.errors()]
        raise ConfigError("\n".join(problems)) from None
    return _placed(settings, path.parent)


def sound_tables(path: Path, name: str, model: type[Settings]) -> list[tuple[int, Settings]]:
    """The [[name]] tables that hold by themselves, whatever else is wrong in the file, each with its place among them.

    Raises ConfigError for a file that cannot be read."""
    try:
        entries = tomllib.loads(_read(path)).get(name, [])
    except (ValueError, RecursionError):
        return []
    found = []
    for place, entry in enumerate(entries if isinstance(entries, list) else []):
        try:
            found.append((place, _placed(model.model_validate(entry), path.parent)))
        except ValidationError:
            continue  # load_settings says what is wrong with it
    return found


def line_of(path: Path, location: tuple[int | str, ...]) -> int:
    """The line of a key, such as ("can", 0, "bind"), or of its table where the key is not there. Raises ConfigError."""
    return _line(_read(path), location)


def _placed(table: Settings, folder: Path) -> Settings:
    """With the paths in it, and in the tables below it, relative to the file's folder."""
    moved: dict[str, object] = {}
    for name, value in table:
        if isinstance(value, Path):
            moved[name] = folder / value
        elif isinstance(value, Table):
            moved[name] = _placed(value, folder)
        elif isinstance(value, tuple):
            moved[name] = tuple(_placed(item, folder) if isinstance(item, Table) else item for item in value)
    return table.model_copy(update=moved)


def _read(path: Path) -> str:
    try:
        return read_bounded(path, MAX_CONFIG_BYTES).decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None


def _words(error: ErrorDetails, model: type[BaseModel]) -> str:
    location = error["loc"]
    key = location[-1] if location and isinstance(location[-1], str) else ""
    if error["type"] == "extra_forbidden":
        known = _known_keys(model, location[:-1])
        near = difflib.get_close_matches(key, known, 1)
        return f"unknown key {key!r}; " + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}")
    if error["type"] == "tuple_type":
        return f"{key}: expected tables that begin with [[{key}]]"
    if error["type"] == "model_type":
        return f"{key}: expected one table that begins with [{key}]"
    if error["type"] == "missing":
        return f"the key {key!r} is missing"
    return f"{key + ': ' if key else ''}{error['msg'].removeprefix('Value error, ')}"


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            choices = (annotation, *get_args(annotation))
            model = next(a for a in choices if isinstance(a, type) and issubclass(a, BaseModel))
    return list(model.model_fields)


def _line(text: str, location: tuple[Any, ...]) -> int:
    """The line a key stands on, or that of its table where the key itself is what is missing."""
    names = [part for part in location if isinstance(part, str)]
    lines = text.splitlines()
    start = _table_line(lines, location)
    for number, line in enumerate(lines[start:], start):
        if names and re.match(rf"\s*{re.escape(names[-1])}\s*=", line):
            return number + 1
        if number > start and line.lstrip().startswith("["):
            break
    return start + 1


def _table_line(lines: list[str], location: tuple[Any, ...]) -> int:
    """The index of the line where the table begins that names and indices lead to; 0 for the top level."""
    start, stop = 0, len(lines)
    names: list[str] = []
    for part, following in pairwise((*location, None)):
        if isinstance(part, str):
            names.append(part)
            if isinstance(following, int):
                continue
        header = re.compile(rf"\s*\[\[?\s*{re.escape('.'.join(names))}\s*\]")
        found = [i for i in range(start, stop) if header.match(lines[i])]
        count = part if isinstance(part, int) else 0
        if count >= len(found):
            return start
        start, stop = found[count], found[count + 1] if count + 1 < len(found) else stop
    return start
