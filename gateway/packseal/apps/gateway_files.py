"""gateway.toml with the files that it names, read and checked before anything starts or changes.

One way for the start, for `packseal config check` and for a reload: what one of them takes, the others take.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packseal.apps.mistakes import Mistakes, check_key, check_place
from packseal.io.keys import Signer, load_or_make_key
from packseal.io.mqtt_access import check_access
from packseal.io.mqtt_settings import MQTTTable
from packseal.io.settings import BoardTable, CanTable, GatewaySettings
from packseal.io.settings_file import sound_tables
from packseal.io.update_offer import UpdatePackage, load_update

if TYPE_CHECKING:
    from packseal.apps.window_records import BoundSignals


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
    if not settings.can:
        return {}
    from packseal.apps.window_records import BoundSignals  # noqa: PLC0415 - who has no [[can]] loads no numpy
    from packseal.io.can_bus import receiver_opener  # noqa: PLC0415 - nor python-can
    from packseal.io.diagnostic_poller import DiagnosticPoller  # noqa: PLC0415 - the same

    for table in settings.can:
        receiver_opener(table.interface, table.channel, table.bitrate)
    found = {table.battery: BoundSignals.load(table.dbc, table.bind) for table in settings.can}
    for table in settings.can:
        DiagnosticPoller(found[table.battery].asked, table.transmit)
    return found


def offered_updates(settings: GatewaySettings) -> dict[str, UpdatePackage]:
    """What each [[board]] is offered, by port. Raises ConfigError, which names the file."""
    return {table.port: load_update(table.update) for table in settings.board if table.update}


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
        with mistakes.of("mqtt"):
            check_access(settings.broker, settings.mqtt or MQTTTable())
    if settings is None or mistakes.found:
        raise mistakes.error
    return CheckedGateway(settings, signals, updates)


def _check_bus(mistakes: Mistakes, place: int, table: CanTable, signals: dict[str, BoundSignals]) -> None:
    from packseal.apps.window_records import BoundSignals  # noqa: PLC0415 - who has no [[can]] loads no numpy
    from packseal.io.can_bus import receiver_opener  # noqa: PLC0415 - nor python-can
    from packseal.io.diagnostic_poller import DiagnosticPoller  # noqa: PLC0415 - the same

    with mistakes.of("can", place, "interface"):
        receiver_opener(table.interface, table.channel, table.bitrate)
    with mistakes.of("can", place, "key"):
        check_key(table.key)
    with mistakes.of("can", place, "bind"):
        signals[table.battery] = BoundSignals.load(table.dbc, table.bind)
        with mistakes.of("can", place, "transmit"):
            DiagnosticPoller(signals[table.battery].asked, table.transmit)


def _check_board(mistakes: Mistakes, place: int, table: BoardTable, updates: dict[str, UpdatePackage]) -> None:
    from packseal.io.can_line import CanPort  # noqa: PLC0415 - who has no [[board]] loads no python-can

    with mistakes.of("board", place, "port"):
        CanPort.parse(table.port)
    if table.update:
        with mistakes.of("board", place, "update"):
            updates[table.port] = load_update(table.update)
