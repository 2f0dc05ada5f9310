"""Configuration files: TOML, checked as a whole before anything starts; errors name file, line and cure."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from packseal.errors import ConfigError
from packseal.io.files import read_bounded
from packseal.io.mqtt import BrokerAddress, broker_address

MAX_CONFIG_BYTES = 1 << 20
MAX_PORT = 65_535
NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"  # a level of an MQTT topic, lower case, no wildcard


def _from_hex(length: int) -> BeforeValidator:
    def convert(text: object) -> bytes:
        try:
            content = bytes.fromhex(text) if isinstance(text, str) else b""
        except ValueError:
            content = b""
        if len(content) != length:
            raise ValueError(f"expected {2 * length} hexadecimal digits")
        return content

    return BeforeValidator(convert)


def _broker(text: object) -> BrokerAddress:
    try:
        return broker_address(text if isinstance(text, str) else "")
    except ConfigError as error:
        raise ValueError(str(error)) from None


def checked_listen(text: str) -> str:
    """Raises ConfigError for anything but host:port."""
    try:
        return _listen(text)
    except ValueError as error:
        raise ConfigError(f"--listen {text}: {error}") from None


def _listen(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 1 <= int(port[:6]) <= MAX_PORT:
        raise ValueError(f"expected host:port with a port from 1 to {MAX_PORT}")
    return text


Name = Annotated[str, Field(pattern=NAME)]
PublicKey = Annotated[bytes, _from_hex(32)]
LogId = Annotated[bytes, _from_hex(16)]
Broker = Annotated[BrokerAddress, BeforeValidator(_broker)]
Listen = Annotated[str, AfterValidator(_listen)]
Below = Annotated[Path, AfterValidator(lambda path: path.expanduser())]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class BoardTable(_Table):
    """[[board]] of gateway.toml"""

    battery: Name
    port: str
    baud: Annotated[int, Field(strict=True, ge=300, le=4_000_000)] = 115_200
    public_key: PublicKey


class GatewaySettings(_Table):
    """gateway.toml"""

    site: Name
    broker: Broker
    outbox: Below
    service_public_key: PublicKey
    board: tuple[BoardTable, ...] = ()

    @model_validator(mode="after")
    def _each_board_once(self) -> GatewaySettings:
        for field in ("port", "public_key"):
            values = [getattr(board, field) for board in self.board]
            if len(set(values)) < len(values):
                raise ValueError(f"two boards have the same {field}; every board has its own")
        return self


class SourceTable(_Table):
    """[[battery.source]] of passport.toml"""

    public_key: PublicKey
    evidence_class: Literal["A", "B", "C", "D"]


class BatteryTable(_Table):
    """[[battery]] of passport.toml"""

    id: Name
    name: Annotated[str, Field(min_length=1, max_length=80)]
    category: Literal["EV", "LMT", "SBESS", "other_industrial"]
    rated_capacity_mah: Annotated[int, Field(strict=True, gt=0)] | None = None
    source: tuple[SourceTable, ...] = ()


class PassportFileSettings(_Table):
    """passport.toml"""

    broker: Broker
    site: Name | None = None
    listen: Listen = "127.0.0.1:8420"
    store: Below
    key: Below
    battery: tuple[BatteryTable, ...] = ()

    @model_validator(mode="after")
    def _each_key_once(self) -> PassportFileSettings:
        ids = [battery.id for battery in self.battery]
        keys = [source.public_key for battery in self.battery for source in battery.source]
        if len(set(ids)) < len(ids) or len(set(keys)) < len(keys):
            raise ValueError("a battery id or a public_key stands twice; a key speaks for one battery")
        return self


class PolicyLogTable(_Table):
    """[[log]] of policy.toml"""

    log_id: LogId
    battery: str
    evidence_class: Literal["A", "B", "C", "D"]


class PolicyServiceTable(_Table):
    """[[service]] of policy.toml"""

    public_key: PublicKey


class PolicyFileSettings(_Table):
    """policy.toml: whom `packseal verify` trusts"""

    log: tuple[PolicyLogTable, ...] = ()
    service: tuple[PolicyServiceTable, ...] = ()


Settings = TypeVar("Settings", bound=_Table)


def load_settings(path: Path, model: type[Settings]) -> Settings:
    """The checked content of a TOML file; relative paths in it are relative to the file. Raises ConfigError."""
    text = _read(path)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    try:
        settings = model.model_validate(values)
    except ValidationError as error:
        problems = [f"{path}:{_line(text, e['loc'])}: {_words(e, model)}" for e in error.errors()]
        raise ConfigError("\n".join(problems)) from None
    moved = {name: path.parent / value for name, value in settings if isinstance(value, Path)}
    return settings.model_copy(update=moved)


def _read(path: Path) -> str:
    try:
        return read_bounded(path, MAX_CONFIG_BYTES).decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None


def _words(error: ErrorDetails, model: type[BaseModel]) -> str:
    location, key = error["loc"], str(error["loc"][-1]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        known = _known_keys(model, location[:-1])
        near = difflib.get_close_matches(key, known, 1)
        return f"unknown key {key!r}; " + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}")
    if error["type"] == "tuple_type":
        return f"{key}: expected tables that begin with [[{key}]]"
    if error["type"] == "missing":
        return f"the key {key!r} is missing"
    return f"{key + ': ' if key else ''}{error['msg'].removeprefix('Value error, ')}"


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        if isinstance(part, str):
            arguments = get_args(model.model_fields[part].annotation)
            model = next(a for a in arguments if isinstance(a, type) and issubclass(a, BaseModel))
    return list(model.model_fields)


def _line(text: str, location: tuple[Any, ...]) -> int:
    """The line a key stands on, or that of its table where the key itself is what is missing."""
    names = [part for part in location if isinstance(part, str)]
    counts = [part for part in location if isinstance(part, int)]
    lines = text.splitlines()
    start = _table_line(lines, names, counts)
    for number, line in enumerate(lines[start:], start):
        if names and re.match(rf"\s*{re.escape(names[-1])}\s*=", line):
            return number + 1
        if number > start and line.lstrip().startswith("["):
            break
    return start + 1


def _table_line(lines: list[str], names: list[str], counts: list[int]) -> int:
    """The index of the line where the array table begins that names and indices lead to; 0 for the top level."""
    start, stop = 0, len(lines)
    for depth, count in enumerate(counts):
        header = re.compile(rf"\s*\[\[\s*{re.escape('.'.join(names[: depth + 1]))}\s*\]\]")
        found = [i for i in range(start, stop) if header.match(lines[i])]
        if count >= len(found):
            return start
        start, stop = found[count], found[count + 1] if count + 1 < len(found) else stop
    return start
