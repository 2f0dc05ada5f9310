"""The gateway: boards in, verified deliveries on disk, out over MQTT until each has a signed receipt."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO

from packseal.apps.attesting import Attestor, settings_digest
from packseal.apps.can_collector import CanCollector
from packseal.apps.clock_watch import ClockWatch
from packseal.apps.collector import BoardCollector
from packseal.apps.fresh import FreshDesk
from packseal.apps.gateway_files import CheckedGateway, bound_signals, checked_gateway, gateway_key, offered_updates
from packseal.apps.gateway_status import GatewayParts, GatewayStatus
from packseal.apps.installer_page import InstallerPage
from packseal.apps.live_state import LiveState, heard_topics
from packseal.apps.live_wiring import around
from packseal.apps.local_server import LocalServer
from packseal.apps.metrics import GATEWAY, metrics_of
from packseal.apps.outgoing import Outgoing, monotonic_ms
from packseal.apps.receipt_lag import ReceiptLag
from packseal.apps.reloading import check_can_follow
from packseal.apps.sources import STANDSTILL_S, Sources
from packseal.errors import EvidenceError, PackSealError
from packseal.io.files import held
from packseal.io.log_lines import Problem
from packseal.io.mqtt import MQTTConnection
from packseal.io.outbox_store import OutboxStore, StoredLog
from packseal.io.settings import GatewaySettings
from packseal.records.checkpoint import Receipt, verify_receipt
from packseal.records.emptied import Emptied
from packseal.records.log import Delivery, Verified


class Gateway:
    def __init__(
        self,
        settings: GatewaySettings,
        role: str = "gateway",
        unix_ms: Callable[[], int] | None = None,
        files: CheckedGateway | None = None,
    ) -> None:
        """Opens the outbox, for this gateway alone; role tells MQTT clients of one site apart. unix_ms: its wall clock.
        files: the settings with what they name, where they are read already.

        Raises ConfigError, DBCError or BindingError for files that cannot be used, UnavailableError.
        """
        self._unix_ms = unix_ms or _unix_ms
        self._files = files or CheckedGateway(settings, bound_signals(settings), offered_updates(settings))
        self._attestor = Attestor(gateway_key(settings), settings_digest(settings, self._files.signals))
        self._clock, self._lag = ClockWatch(self._unix_ms), ReceiptLag()
        with ExitStack() as opened:
            self._local = LocalServer(settings.local) if settings.local else None
            if self._local:
                opened.callback(self._local.stop)
            opened.enter_context(_held_outbox(settings.outbox))
            self._store = opened.enter_context(closing(OutboxStore(settings.outbox)))
            base = f"packseal/{settings.site}"
            self._avail_topic, self._is_import = f"{base}/{role}/avail", role == "import"
            self._mqtt = MQTTConnection(
                settings.broker,
                f"packseal-{role}-{settings.site}",
                [f"{base}/+/receipt", f"{base}/+/cmd", *heard_topics(settings)],
                on_state=self._on_connection,
                on_messages=self._on_messages,
                last_will=(self._avail_topic, b"offline"),
                access=settings.mqtt,
            )
            self._outgoing = Outgoing(
                self._store, settings.service_public_key, self._mqtt, base, self._receipted,
                settings.outbox_limits.limits, self._emptied,
            )  # fmt: skip
            self._sources = Sources(self._store, self.submit, self._attestor.signer)
            self._live = LiveState(settings, around(settings, self._mqtt, self._unix_ms, self._outgoing, self._sources))
            self._sources.set_up(self._files, self._attestor.settings_digest)
            fresh = (self._mqtt.publish, self._store.count, self._unix_ms, monotonic_ms)
            self._fresh = FreshDesk(settings.service_public_key, self._sources, *fresh)
            self._see_times(settings.service_public_key)
            self._parts = GatewayParts(
                lambda: self._files.settings, self._unix_ms, self._store, self._mqtt, self._outgoing, self._sources,
                self._clock, self._lag, self._live, self._local,
            )  # fmt: skip
            self.state = GatewayStatus(self._parts)
            self._opened = opened.pop_all()

    @property
    def boards(self) -> list[BoardCollector]:
        return self._sources.boards

    @property
    def cans(self) -> list[CanCollector]:
        return self._sources.cans

    def start(self) -> None:
        self._mqtt.start()
        self._outgoing.start()
        if not self._is_import:  # what was measured long ago is nobody's present state
            self._live.start()
        self._sources.start()
        if self._local:
            self._local.start(self.state.as_json, metrics_of(GATEWAY), *InstallerPage(self.state).routes())

    def stop(self) -> None:
        self._sources.stop()
        self._live.stop()
        self._outgoing.stop()
        self._mqtt.publish(self._avail_topic, b"offline", retain=True)
        self._mqtt.stop()
        with suppress(PackSealError):  # a full disk: only how often something was refused is lost
            self._fresh.flush()
        self._opened.close()

    def reload(self, path: Path) -> str:
        """Follows the settings file as it is now. -> what changed, in words.

        What changed ends before the attestations say the new settings, and begins after that: so each delivery says
        the settings that it was made with. Raises PackSealErrors with the cure; then nothing has changed.
        """
        try:
            files = checked_gateway(path)
            check_can_follow(path, self._files.settings, files.settings, self._attestor.signer.public_key)
            digest = settings_digest(files.settings, files.signals)
            changes = self._sources.changes_to(files, digest)
        except PackSealError as error:
            self._parts.reloads_refused += 1
            self._parts.reload_problem = f"the settings that run are those from before: {error}"
            raise
        self._sources.end(changes)
        self._attestor, self._files = replace(self._attestor, settings_digest=digest), files
        self._outgoing.limits = files.settings.outbox_limits.limits
        self._sources.begin(changes)
        self._live.follow(files.settings)
        self._parts.reloads, self._parts.reload_problem = self._parts.reloads + 1, ""
        return changes.words

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
        self._lag.stored(verified.log.log_id, verified.log.size)
        self._outgoing.keep(battery, attested, verified, now_unix_ms)
        self._live.take(battery, verified, is_live=is_live)

    def findings(self) -> list[Problem]:
        """What keeps records from moving, each with its cure; empty when all is well."""
        return self.state.findings()

    def problems(self) -> list[str]:
        """The same in words alone."""
        return [problem.words for problem in self.findings()]

    def notices(self) -> list[str]:
        """What goes on beside the records, and is as it should be."""
        return self.state.notices()

    def line(self, found: Sequence[Problem]) -> str:
        """How it is, in one line."""
        return self.state.line(found)

    def standing_still(self) -> list[str]:
        """The threads that have not come round for long, by what they do; a watchdog is fed while there are none."""
        sender = ["the sender"] if self._outgoing.beat.silent_s > STANDSTILL_S else []
        sender += ["the outbox, which is damaged"] if self._outgoing.is_damaged else []
        return sender + [f"battery {battery}" for battery in self._sources.standing_still()]

    def stored_log(self, log_id: bytes) -> StoredLog | None:
        return self._store.log(log_id)

    def receipted_size(self, log_id: bytes) -> int:
        stored = self._store.log(log_id)
        return stored.receipted_size if stored else 0

    def status(self) -> dict[str, object]:
        """Connections, depth, oldest age and counts, as the page and the command line show them."""
        depth, settings = self._outgoing.depth(), self._files.settings
        return {
            "broker": f"{settings.broker} {'connected' if self._mqtt.is_connected else 'not connected'}",
            "boards": [{"battery": b.table.battery, **asdict(b.state)} for b in self.boards],
            "cans": [{"battery": c.table.battery, "channel": c.table.channel, **asdict(c.state)} for c in self.cans],
            "records_waiting": depth.records,
            "oldest_waiting_s": depth.oldest_age_s(self._unix_ms()),
            "refused_by_service": self._outgoing.refusals(),
            "counts": self._store.counts(),
        }

    def _see_times(self, service_public_key: bytes) -> None:
        """What this machine has known before: times of receipts, and of what waits."""
        for item in self._outgoing.items():
            self._clock.see(item.stored_ms)
        for log in self._store.logs():
            if log.receipt:
                with suppress(EvidenceError):  # of a service that was another one then
                    self._clock.see(verify_receipt(log.receipt, service_public_key).received_unix_ms)

    def _on_connection(self, is_connected: bool) -> None:
        if is_connected:
            self._mqtt.publish(self._avail_topic, b"online", retain=True)
        self._outgoing.connection_changed()
        self._live.connection_changed(is_connected)

    def _on_messages(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Answers that came together are taken together, so that they cost one commit."""
        try:
            self._outgoing.take_answers([payload for topic, payload in messages if _is_answer(topic)])
        finally:
            for topic, payload in messages:
                if not _is_answer(topic):
                    self._hear(topic, payload)

    def _hear(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/cmd"):
            self._fresh.take(topic, payload)
        else:  # the embedded broker gives who comes back also its own retained `avail`
            self._live.hear(topic, payload)

    def _emptied(
        self, delivery: Delivery, before: bytes | None, root: bytes, told: Emptied, stored_ms: int
    ) -> Delivery:
        """By the settings as they are now."""
        return self._attestor.emptied(delivery, before, root, told, stored_ms)

    def _receipted(self, receipt: Receipt, content: bytes) -> None:
        self._clock.see(receipt.received_unix_ms)
        self._lag.receipted(receipt.log_id, receipt.size)
        self._live.receipted(receipt)
        for board in self.boards:
            board.send_receipt(receipt.log_id, content)
        for can in self.cans:
            can.receipted(receipt, content)


def _held_outbox(outbox: Path) -> IO[bytes]:
    """Two gateways that sign for one log would sign two roots for one size, and none knows what the other has sent."""
    words = f"{outbox} is in use by another gateway or import; end it, or give this one an outbox of its own"
    return held(outbox.with_name(outbox.name + ".lock"), words)


def _is_answer(topic: str) -> bool:
    return topic.endswith("/receipt")


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000
