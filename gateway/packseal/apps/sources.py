"""The boards and buses of a gateway: made from its settings, and replaced one by one when these change.

Decides which of them a change concerns: one whose table and files are what they were goes on, with its connection. One
that changed has ended before the next one begins, for two of them would sign two stories of one log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from packseal.apps.can_collector import CanCollector, CanPlan
from packseal.apps.collector import BoardCollector
from packseal.apps.gateway_files import CheckedGateway
from packseal.apps.own_log import Submit
from packseal.apps.window_records import BoundSignals
from packseal.io.can_bus import OpenReceiver, receiver_opener
from packseal.io.diagnostic_poller import DiagnosticPoller, polling_opener
from packseal.io.keys import Signer, load_or_make_key
from packseal.io.outbox_store import OutboxStore
from packseal.io.program import program_hash
from packseal.io.settings import BoardTable, CanTable
from packseal.io.update_offer import UpdatePackage

Source: TypeAlias = BoardCollector | CanCollector
STOPPED_AT_ONCE = 64
STANDSTILL_S = 90.0  # of a thread that comes round every 30 s at the longest, while it waits for its port


@dataclass(frozen=True, slots=True)
class SourceChanges:
    """What another file asks for: those that end, those that begin, and what boards that stay are offered instead."""

    boards_ended: tuple[BoardCollector, ...]
    cans_ended: tuple[CanCollector, ...]
    boards: tuple[BoardCollector, ...]
    cans: tuple[CanCollector, ...]
    offers: tuple[tuple[BoardCollector, UpdatePackage | None], ...]
    unchanged: int

    @property
    def words(self) -> str:
        began, ended = len(self.boards) + len(self.cans), len(self.boards_ended) + len(self.cans_ended)
        return f"{began} begun, {ended} ended, {len(self.offers)} offered another update, {self.unchanged} unchanged"


class Sources:
    """Iterable: all of them, as they are now."""

    def __init__(self, store: OutboxStore, submit: Submit, signer: Signer) -> None:
        """signer: of each [[can]] without a key of its own."""
        self.boards: list[BoardCollector] = []
        self.cans: list[CanCollector] = []
        self._store, self._submit, self._signer = store, submit, signer
        self._program_hash = program_hash()  # of what runs: later, an upgrade may lie on the disk
        self._stuck: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Source]:
        return iter((*self.boards, *self.cans))

    def set_up(self, files: CheckedGateway, settings_digest: bytes) -> None:
        """Makes all of them. Raises ConfigError."""
        changes = self.changes_to(files, settings_digest)
        self.boards, self.cans = list(changes.boards), list(changes.cans)

    def changes_to(self, files: CheckedGateway, settings_digest: bytes) -> SourceChanges:
        """Makes what is new, and starts nothing. Raises ConfigError."""
        tables = {board_identity(table): table for table in files.settings.board}
        boards = {board_identity(board.table): board for board in self.boards}
        plans = [self._plan(table, files.signals[table.battery], settings_digest) for table in files.settings.can]
        wanted, buses = {plan.identity for plan in plans}, {can.plan.identity for can in self.cans}
        offers = [(board, files.updates.get(board.table.port)) for one, board in boards.items() if one in tables]
        return SourceChanges(
            tuple(board for one, board in boards.items() if one not in tables),
            tuple(can for can in self.cans if can.plan.identity not in wanted),
            tuple(
                BoardCollector(table, self._store, self._submit, files.updates.get(table.port))
                for one, table in tables.items()
                if one not in boards
            ),
            tuple(CanCollector(plan, self._store, self._submit) for plan in plans if plan.identity not in buses),
            tuple((board, package) for board, package in offers if package != board.offered),
            len(offers) + len(wanted & buses),
        )

    def end(self, changes: SourceChanges) -> None:
        """Ends what goes; returns when it has signed and submitted what it had."""
        ending: list[Source] = [*changes.boards_ended, *changes.cans_ended]
        _stop_all(ending)
        self._stuck += tuple(can.battery for can in changes.cans_ended if not can.has_ended)
        ended = {id(source) for source in ending}
        self.boards = [board for board in self.boards if id(board) not in ended]
        self.cans = [can for can in self.cans if id(can) not in ended]

    def begin(self, changes: SourceChanges) -> None:
        for board, package in changes.offers:
            board.offer(package)
        self.boards = [*self.boards, *changes.boards]
        cans = [can for can in changes.cans if can.battery not in self._stuck]
        self.cans = [*self.cans, *cans]
        beginning: list[Source] = [*changes.boards, *cans]
        for source in beginning:
            source.start()

    def start(self) -> None:
        for source in self:
            source.start()

    def stop(self) -> None:
        _stop_all(list(self))

    def standing_still(self, longest_s: float = STANDSTILL_S) -> list[str]:
        """The batteries whose threads have not come round for so long: a driver hangs, and only a restart helps."""
        return [source.battery for source in self if source.silent_s > longest_s]

    @property
    def stuck(self) -> tuple[str, ...]:
        """The batteries whose bus did not end when it was to be replaced, so that its log has nobody now."""
        return self._stuck

    def _plan(self, table: CanTable, signals: BoundSignals, settings_digest: bytes) -> CanPlan:
        signer = load_or_make_key(table.key) if table.key else self._signer
        return CanPlan(table, signals, signer, *_bus(table, signals), self._program_hash, settings_digest)


def _stop_all(sources: Sequence[Source]) -> None:
    """Many at a time: each waits for its thread, and for a driver that hangs 15 s."""
    with ThreadPoolExecutor(STOPPED_AT_ONCE) as pool:
        for _ in pool.map(lambda source: source.stop(), sources):
            pass


def board_identity(table: BoardTable) -> str:
    """What makes a board another one: all of its table but the file that it is offered."""
    return repr(table.model_copy(update={"update": None}))


def _bus(table: CanTable, signals: BoundSignals) -> tuple[OpenReceiver, DiagnosticPoller]:
    """How it is opened, to listen only unless something may be sent; and what asks on it. Raises ConfigError."""
    poller = DiagnosticPoller(signals.asked, table.transmit)
    bus = (table.interface, table.channel, table.bitrate, signals.filters)
    if not table.transmit:
        return receiver_opener(*bus), poller
    return polling_opener(receiver_opener(*bus, may_send=True), poller), poller
