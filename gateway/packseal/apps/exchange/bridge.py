"""`packseal exchange bridge`: one file of one ecosystem, and what became of it in the other."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path

from packseal.errors import ConfigError
from packseal.exchange.bridge.decisions import Decisions
from packseal.exchange.bridge.reading import MAX_DOCUMENT_BYTES, read_document
from packseal.exchange.bridge.to_catena_x import to_catena_x
from packseal.exchange.bridge.to_ouranos import to_ouranos
from packseal.exchange.export import Export
from packseal.io.bridge_settings import BridgeFile
from packseal.io.files import create_private, read_bounded
from packseal.io.settings_file import load_settings


class Side(StrEnum):
    CATENA_X = "catena-x"
    OURANOS = "ouranos"


def bridged(path: Path, to: Side, decisions_path: Path | None) -> Export:
    """Raises ConfigError, TableError."""
    document = read_document(read_bounded(path, MAX_DOCUMENT_BYTES), str(path))
    decisions = load_settings(decisions_path, BridgeFile).decisions if decisions_path else Decisions()
    return (to_catena_x if to is Side.CATENA_X else to_ouranos)(document, decisions)


def document_text(export: Export) -> str:
    return json.dumps(export.document, ensure_ascii=False, indent=1, allow_nan=False)


def losses_json(export: Export) -> str:
    """The losses of the run, for a program."""
    return json.dumps([loss.to_json() for loss in export.losses], ensure_ascii=False, indent=1)


def write_text(path: Path, text: str) -> None:
    """A new file. Raises ConfigError."""
    try:
        create_private(path, f"{text}\n".encode())
    except FileExistsError:
        raise ConfigError(f"{path} is there already; choose another name") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
