"""gateway.toml with the files that it names, read and checked before anything starts or changes.

One way for the start, for `packseal config check` and for a reload: what one of them takes, the others take.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from packseal.apps.window_records import BoundSignals
from packseal.errors import ConfigError, PackSealError
from packseal.io.can_bus import receiver_opener
from packseal.io.can_line import CanPort
from packseal.io.diagnostic_poller import DiagnosticPoller
from packseal.io.keys import Signer, load_key, load_or_make_key
from packseal.io.setting_types import Table
from packseal.io.settings import BoardTable, CanTable, GatewaySettings, line_of, load_settings, sound_tables
from packseal.io.update_offer import UpdatePackage, load_update

Settings = TypeVar("Settings", bound=Table)


@dataclass(frozen=True, slots=True)
class CheckedGateway:
    """signals: what each [[can]] reads, by battery. updates: what each [[board]] is offered, by port."""

    settings: GatewaySettings
    signals: dict[str, BoundSignals]
    updates: dict[str, UpdatePackage]


def gateway_key(settings: GatewaySettings) -> Signer:
    """The key that this gateway attests with, made where there is none yet. Raises ConfigError."""
    return load_or_make_key(settings.key)


def bound_signals(settings: GatewaySettings) -> dict[str, BoundSignals]:
    """What each [[can]] reads, by battery. Raises ConfigError, DBCError and BindingError, each naming its file."""
    for table in settings.can:
        receiver_opener(table.interface, table.channel, table.bitrate)
    found = {table.battery: BoundSignals.load(table.dbc, table.bind) for table in settings.can}
    for table in settings.can:
        DiagnosticPoller(found[table.battery].asked, table.transmit)
    return found


def offered_updates(settings: GatewaySettings) -> dict[str, UpdatePackage]:
    """What each [[board]] is offered, by port. Raises ConfigError, which names the file."""
    return {table.port: load_update(table.update) for table in settings.board if table.update}


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


def checked_gateway(path: Path) -> CheckedGateway:
    """Raises ConfigError with every mistake of the file and of those that it names."""
    mistakes = Mistakes(path)
    settings = mistakes.loaded(GatewaySettings)
    signals: dict[str, BoundSignals] = {}
    updates: dict[str, UpdatePackage] = {}
    for place, can in sound_tables(path, "can", CanTable):
        _check_bus(mistakes, place, can, signals)
    for place, board in sound_tables(path, "board", BoardTable):
        _check_board(mistakes, place, board, updates)
    if settings:
        with mistakes.of("key"):
            check_key(settings.key)
        with mistakes.of("outbox"):
            check_place(settings.outbox)
    if settings is None or mistakes.found:
        raise mistakes.error
    return CheckedGateway(settings, signals, updates)


def _check_bus(mistakes: Mistakes, place: int, table: CanTable, signals: dict[str, BoundSignals]) -> None:
    with mistakes.of("can", place, "interface"):
        receiver_opener(table.interface, table.channel, table.bitrate)
    with mistakes.of("can", place, "key"):
        check_key(table.key)
    with mistakes.of("can", place, "bind"):
        signals[table.battery] = BoundSignals.load(table.dbc, table.bind)
        with mistakes.of("can", place, "transmit"):
            DiagnosticPoller(signals[table.battery].asked, table.transmit)


def _check_board(mistakes: Mistakes, place: int, table: BoardTable, updates: dict[str, UpdatePackage]) -> None:
    with mistakes.of("board", place, "port"):
        CanPort.parse(table.port)
    if table.update:
        with mistakes.of("board", place, "update"):
            updates[table.port] = load_update(table.update)


def check_key(path: Path | None) -> None:
    """One that is there has to be a key; one that is not is made at the start. Raises ConfigError."""
    if path is None:
        return
    if path.exists():
        load_key(path)
    else:
        check_place(path)


def check_place(path: Path) -> None:
    """Raises ConfigError where no file can be made there."""
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}; make it, or name another place")
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder, and a file is expected; name one in it")
