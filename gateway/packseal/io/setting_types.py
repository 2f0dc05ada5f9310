"""What the tables of every configuration file are made of: one strict table, and the values in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from packseal.errors import ConfigError
from packseal.io.http_client import checked_url
from packseal.io.mqtt_address import BrokerAddress, broker_address
from packseal.io.store_place import home_path
from packseal.records.note import checked_key_name

MAX_PORT = 65_535
NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"  # a level of an MQTT topic, lower case, no wildcard


def from_hex(*lengths: int) -> BeforeValidator:
    """Bytes of one of these lengths, written as hexadecimal digits."""

    def convert(text: object) -> bytes:
        try:
            content = bytes.fromhex(text) if isinstance(text, str) else b""
        except ValueError:
            content = b""
        if len(content) not in lengths:
            raise ValueError(f"expected {' or '.join(str(2 * length) for length in lengths)} hexadecimal digits")
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
PublicKey = Annotated[bytes, from_hex(32)]
AnyPublicKey = Annotated[bytes, from_hex(32, 64)]  # Ed25519, or ESP256 of a secure element
LogId = Annotated[bytes, from_hex(16)]
Broker = Annotated[BrokerAddress, BeforeValidator(_broker)]
Listen = Annotated[str, AfterValidator(_listen)]
Below = Annotated[Path, AfterValidator(home_path)]


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def _url(text: str) -> str:
    try:
        return checked_url(text)
    except ConfigError as error:
        raise ValueError(str(error)) from None


KeyName = Annotated[str, Field(max_length=200), AfterValidator(checked_key_name)]
URL = Annotated[str, AfterValidator(_url)]
