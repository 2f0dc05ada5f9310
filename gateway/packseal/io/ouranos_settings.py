"""[ouranos] of a settings file: which version of the ecosystem is spoken, where, and as whom."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StrictBool

from packseal.errors import ConfigError
from packseal.io.files import read_private
from packseal.io.setting_types import URL, Below, Table

MAX_SECRET_BYTES = 4096
Text = Annotated[str, Field(min_length=1, max_length=200)]


class OuranosV1Table(Table):
    """version = 1. timeout_s: of one attempt. private: servers of an own network may be asked."""

    version: Literal[1]
    auth_url: URL
    data_url: URL
    account: Text
    password_file: Below
    api_key_file: Below
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    private: StrictBool = False


class ODSV2Table(Table):
    """version = 2. store: of the provider's rules. logged: headers X-ODS-… for the gateway's log."""

    version: Literal[2]
    identity_url: URL
    gateway_url: URL
    store: Text
    client_id: Text
    client_secret_file: Below
    api_key_file: Below
    notifier_url: URL | None = None
    notifier_api_key_file: Below | None = None
    logged: dict[Text, Text] = Field(default_factory=dict)
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    private: StrictBool = False


class OuranosSettings(Table):
    """ouranos.toml"""

    ouranos: Annotated[OuranosV1Table | ODSV2Table, Field(discriminator="version")]


def secret(path: Path) -> str:
    """The file's text without white space around it. Raises ConfigError."""
    content = read_private(path, MAX_SECRET_BYTES, "secret").strip()
    if not content or not content.isascii() or not content.decode().isprintable():
        raise ConfigError(f"{path}: expected one line of letters, digits and signs, as the ecosystem gave it to you")
    return content.decode()
