"""The gateway: boards in, verified deliveries on disk, out over MQTT until each has a signed receipt."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

from packseal.apps.attesting import Attestor, settings_digest
from packseal.apps.can_collector import CanCollector, CanPlan
from packseal.apps.collector import CONNECTED, BoardCollector
from packseal.apps.fresh import FreshDesk
from packseal.apps.live_state import LiveState
from packseal.apps.outgoing import Outgoing, monotonic_ms
from packseal.apps.window_records import BoundSignals
from packseal.errors import PackSealError
from packseal.io.can_bus import OpenReceiver, receiver_opener
from packseal.io.diagnostic_poller import DiagnosticPoller, polling_opener
from packseal.io.files import held
from packseal.io.keys import Signer, load_or_make_key
from packseal.io.mqtt import MQTTConnection
from packseal.io.outbox_store import OutboxStore, StoredLog
from packseal.io.program import program_hash
from packseal.io.settings import CanTable, GatewaySettings
from packseal.io.update_offer import UpdatePackage, load_update
from packseal.records.checkpoint import Receipt
from packseal.records.log import Delivery, Verified

REFUSED_CONFIGURATION = "the board runs its last good configuration: its console says what is wrong with the newest"


class Gateway:
    def __init__(
        self, settings: GatewaySettings, role: str = "gateway", unix_ms: Callable[[], int] | None = None
    ) -> None:
        """Opens the outbox, for this gateway alone; role tells MQTT clients of one site apart. unix_ms: its wall clock.

        Raises ConfigError, DBCError or BindingError for files that cannot be used, UnavailableError.
        """
        self._settings, self._unix_ms = settings, unix_ms or _unix_ms
        signals, updates = bound_signals(settings), offered_updates(settings)
        self._attestor = Attestor(gateway_key(settings), settings_digest(settings, signals))
        with ExitStack() as opened:
            opened.enter_context(_held_outbox(settings.outbox))
            self._store = opened.enter_context(closing(OutboxStore(settings.outbox)))
            base = f"packseal/{settings.site}"
            self._avail_topic = f"{base}/{role}/avail"
            self._mqtt = MQTTConnection(
                settings.broker,
                f"packseal-{role}-{settings.site}",
                [f"{base}/+/receipt", f"{base}/+/cmd"],
                self._on_message,
                self._on_connection,
                last_will=(self._avail_topic, b"offline"),
            )
            self._outgoing = Outgoing(self._store, settings.service_public_key, self._mqtt, base, self._receipted)
            self._live = LiveState(self._mqtt.publish, base, self._unix_ms)
            self.boards = [
                BoardCollector(table, self._store, self.submit, updates.get(table.port)) for table in settings.board
            ]
            self.cans = [CanCollector(plan, self._store, self.submit) for plan in self._can_plans(signals)]
            self._sources: tuple[BoardCollector | CanCollector, ...] = (*self.boards, *self.cans)
            fresh = (self._mqtt.publish, self._store.count, self._unix_ms, monotonic_ms)
            self._fresh = FreshDesk(settings.service_public_key, self._sources, *fresh)
            self._opened = opened.pop_all()

    def start(self) -> None:
        self._mqtt.start()
        self._outgoing.start()
        for source in self._sources:
            source.start()

    def stop(self) -> None:
        for source in self._sources:
            source.stop()
        self._outgoing.stop()
        self._mqtt.publish(self._avail_topic, b"offline", retain=True)
        self._mqtt.stop()
        with suppress(PackSealError):  # a full disk: only how often something was refused is lost
            self._fresh.flush()
        self._opened.close()

    def submit(
        self, battery: str, delivery: Delivery, verified: Verified, *, is_live: bool, counts: Mapping[int, int]
    ) -> None:
        """Attests a verified delivery and keeps it until its receipt. Raises UnavailableError when it could not be
        stored.

        is_live: these are the newest records of a pack; only then are they published as its state.
        counts: what its link or bus has had and lost since the start, by attestation key (docs/record.md section 5.8).
        """
        now_unix_ms = self._unix_ms()
        attested = self._attestor.attested(delivery, verified, now_unix_ms, counts)
        self._outgoing.keep(battery, attested, verified, now_unix_ms)
        if is_live:
            self._live.publish(battery, verified)

    def problems(self) -> list[str]:
        """What keeps records from moving, each with its cure; empty when all is well."""
        found = [self._mqtt.problem, self._mqtt.message_problem, self._outgoing.problem]
        for board in self.boards:
            name = f"battery {board.table.battery}"
            found += [f"{name}: {board.state.problem}"] if board.state.problem else []
            found += [f"{name}: {board.state.port}"] if board.state.port != CONNECTED else []
            found += [f"{name}: {REFUSED_CONFIGURATION}"] if board.state.config_refused else []
            found += [f"{name}: {board.state.update}"] if board.state.update_failure else []
        found += [f"battery {can.table.battery}: {words}" for can in self.cans for words in can.problems]
        found += [f"the service refused {words}" for words in self._outgoing.refusals()]
        return [words for words in found if words]

    def notices(self) -> list[str]:
        """What goes on beside the records, and is as it should be: updates on their way to boards."""
        boards = [board for board in self.boards if board.state.update and not board.state.update_failure]
        return [f"battery {board.table.battery}: {board.state.update}" for board in boards]

    def stored_log(self, log_id: bytes) -> StoredLog | None:
        return self._store.log(log_id)

    def receipted_size(self, log_id: bytes) -> int:
        stored = self._store.log(log_id)
        return stored.receipted_size if stored else 0

    def status(self) -> dict[str, object]:
        """Connections, depth, oldest age and counts, as the page and the command line show them."""
        items = self._outgoing.items()
        oldest = min((item.stored_ms for item in items), default=None)
        return {
            "broker": f"{self._settings.broker} {'connected' if self._mqtt.is_connected else 'not connected'}",
            "boards": [{"battery": b.table.battery, **asdict(b.state)} for b in self.boards],
            "cans": [{"battery": c.table.battery, "channel": c.table.channel, **asdict(c.state)} for c in self.cans],
            "records_waiting": sum(item.records for item in items),
            "oldest_waiting_s": 0 if oldest is None else (self._unix_ms() - oldest) // 1000,
            "refused_by_service": self._outgoing.refusals(),
            "counts": self._store.counts(),
        }

    def _on_connection(self, is_connected: bool) -> None:
        if is_connected:
            self._mqtt.publish(self._avail_topic, b"online", retain=True)
        self._outgoing.connection_changed()

    def _on_message(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/cmd"):
            self._fresh.take(topic, payload)
        elif topic.endswith("/receipt"):  # the embedded broker gives who comes back also its own retained `avail`
            self._outgoing.take_answer(payload)

    def _receipted(self, receipt: Receipt, content: bytes) -> None:
        for board in self.boards:
            board.send_receipt(receipt.log_id, content)
        for can in self.cans:
            can.receipted(receipt, content)

    def _can_plans(self, signals: Mapping[str, BoundSignals]) -> list[CanPlan]:
        hashes = (program_hash(), self._attestor.settings_digest) if self._settings.can else (b"", b"")
        return [
            CanPlan(
                table,
                signals[table.battery],
                load_or_make_key(table.key) if table.key else self._attestor.signer,
                *_bus(table, signals[table.battery]),
                *hashes,
            )
            for table in self._settings.can
        ]


def _bus(table: CanTable, signals: BoundSignals) -> tuple[OpenReceiver, DiagnosticPoller]:
    """How it is opened, to listen only unless something may be sent; and what asks on it. Raises ConfigError."""
    poller = DiagnosticPoller(signals.asked, table.transmit)
    bus = (table.interface, table.channel, table.bitrate, signals.filters)
    if not table.transmit:
        return receiver_opener(*bus), poller
    return polling_opener(receiver_opener(*bus, may_send=True), poller), poller


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


def _held_outbox(outbox: Path) -> IO[bytes]:
    """Two gateways that sign for one log would sign two roots for one size, and none knows what the other has sent."""
    words = f"{outbox} is in use by another gateway or import; end it, or give this one an outbox of its own"
    return held(outbox.with_name(outbox.name + ".lock"), words)


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000
