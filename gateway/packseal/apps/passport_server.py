"""The running passport service: deliveries in, receipts out, pages over HTTP.

One process of a service, or one of its workers (docs/workers.md): those take deliveries from one shared subscription or
stream, and may leave the pages, and with them the published log, to others.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from packseal.apps.api import Taking
from packseal.apps.bundles import BundleMaker
from packseal.apps.cosigning import Witness
from packseal.apps.early_deliveries import EarlyDeliveries
from packseal.apps.exchange.serving import submodels_of
from packseal.apps.fresh_reads import FreshReads
from packseal.apps.intake import Intake
from packseal.apps.local_server import LocalServer
from packseal.apps.log_publisher import NEWEST_DATABASE, LogPublisher, check_continued
from packseal.apps.metrics import PASSPORT, metrics_of
from packseal.apps.pages import passport_app
from packseal.apps.passport_service import PassportService
from packseal.apps.passport_status import DeliveriesSeen, PassportStatus
from packseal.apps.passport_terms import passport_settings, published_policy, service_key
from packseal.apps.read_log import ReadLog
from packseal.apps.readers import Readers
from packseal.apps.receiving import Answer
from packseal.apps.webhooks import Webhooks
from packseal.errors import ConfigError, EvidenceError, Reason, UnavailableError
from packseal.io.came import Came
from packseal.io.http_server import HTTPServer
from packseal.io.jetstream_address import NATSAddress
from packseal.io.log_lines import Event, Problem
from packseal.io.mqtt import MQTTConnection
from packseal.io.passport_storing import PassportStoring
from packseal.io.publishing_turn import OnlyTurn, SharedTurn, Turn
from packseal.io.settings import PassportFileSettings
from packseal.io.store_place import StorePlace
from packseal.io.stores import has_records, held_store, open_store
from packseal.io.tile_store import TileStore
from packseal.io.worker_settings import NATSTable
from packseal.records.answer import ReceiptAnswer, RefusalAnswer, decode_answer
from packseal.records.checkpoint import verify_receipt

if TYPE_CHECKING:
    from packseal.io.jetstream import JetStreamConnection

DAY_MS = 86_400_000
STANDSTILL_S = 300.0  # for a group of deliveries; a database that is busy takes seconds


class PassportServer:
    def __init__(self, settings: PassportFileSettings) -> None:
        """Opens port, key and store, for this service alone. Raises ConfigError or UnavailableError."""
        with ExitStack() as opened:
            self._http = _http_server(settings)
            if self._http:
                opened.callback(self._http.stop)
            signer = service_key(settings)
            self.public_key = signer.public_key
            opened.enter_context(held_store(settings.store) or nullcontext())
            self.store = opened.enter_context(closing(_store(settings)))
            self.service = PassportService(
                passport_settings(settings, signer.public_key), self.store, signer, signer.public_key, _unix_ms
            )
            self._last_received_unix_ms = self.store.last_received_unix_ms()
            witnesses = [Witness(witness.name, witness.url, witness.public_key) for witness in settings.witness]
            self.turn = _turn(settings.store)
            opened.callback(self.turn.close)
            self.publisher = LogPublisher(self.store.log, TileStore(settings.log), witnesses, self.turn)
            self._public_url = settings.link_base
            self.seen = DeliveriesSeen()
            self._batteries = {battery.id for battery in settings.battery}
            self.read_log = ReadLog(self.store.read_log, settings.access.read_log_days, _unix_ms)
            self.readers = Readers(settings.access, settings.reader, settings.oidc, self._all_batteries)
            self._submodels = submodels_of(settings.catena_x, self.service) if settings.catena_x else None
            self._is_sharing = settings.worker is not None
            early = EarlyDeliveries() if self._is_sharing else None
            self.intake = Intake(self.receive_many, self.store.sizes, self._answered, early)
            self._broker = self._connection(settings)
            bundles = BundleMaker(self.store, self.publisher.tiles, self.public_key, self.publisher.publish_now)
            self.fresh = FreshReads(self.service, signer, bundles, self._broker.publish, settings.site)
            self.policy = published_policy(settings, self.service)
            self.webhooks = Webhooks(settings.webhook, self.service)
            self._local = LocalServer(settings.local) if settings.local else None
            if self._local:
                opened.callback(self._local.stop)
            self.state = self._status(settings)
            self._opened = opened.pop_all()

    @property
    def url(self) -> str:
        """Of the pages; empty where others have them."""
        return self._http.url if self._http else ""

    @property
    def is_connected(self) -> bool:
        return self._broker.is_connected

    def start(self) -> None:
        self.service.opinions.start()
        self.intake.start()
        self._broker.start()
        if self._http:
            self.publisher.start()
            self._start_pages(self._http)
        self.webhooks.start()
        if self._local:
            self._local.start(self.state.as_json, metrics_of(PASSPORT))

    def _start_pages(self, http: HTTPServer) -> None:
        publish = self.publisher.publish_now
        app = passport_app(
            self.service,
            self.publisher.tiles,
            self.policy,
            publish,
            Taking(self.take_statement, self.take_act),
            public_url=self._public_url,
            readers=self.readers,
            read_log=self.read_log,
            ask_fresh=self.fresh.ask,
            submodels=self._submodels,
        )
        http.start(app)

    def stop(self) -> None:
        self._broker.stop()
        self.intake.stop()
        self.service.opinions.stop()
        self.webhooks.stop()
        if self._http:
            self._http.stop()
            with suppress(UnavailableError):  # of a disk that is full: its problem was told where it hurt
                self.read_log.flush()
            self.publisher.stop()
        self._opened.close()

    def take_act(self, content: bytes) -> int:
        """As the service does. Raises UnavailableError also while its log contradicts itself."""
        self._check_log()
        return self.service.take_act(content)

    def take_statement(self, content: bytes) -> int:
        """As the service does. Raises UnavailableError also while its log contradicts itself."""
        self._check_log()
        return self.service.take_statement(content)

    def receive(self, topic: str, payload: bytes) -> bytes:
        """As the service does. Raises UnavailableError also while its log contradicts itself."""
        self._check_log()
        return self.service.receive(topic, payload)

    def receive_many(self, came: Sequence[tuple[str, bytes]], *, is_patient: bool = False) -> list[Answer]:
        """As the service does. Raises UnavailableError also while its log contradicts itself."""
        self._check_log()
        return self.seen.timed(len(came), lambda: self.service.receive_many(came, is_patient=is_patient))

    def _all_batteries(self) -> frozenset[str]:
        return frozenset(self._batteries)

    def _check_log(self) -> None:
        """No receipt whose leaf nobody could ever prove."""
        if self.publisher.contradiction or self.turn.is_contradicted():
            raise UnavailableError("what is published and the database contradict each other, so nothing is taken")

    # ---- the broker

    def _connection(self, settings: PassportFileSettings) -> MQTTConnection | JetStreamConnection:
        """Raises ConfigError."""
        service, site = f"packseal-{self.public_key.hex()[:16]}", settings.site or "+"
        rec, *others = [f"packseal/{site}/+/{kind}" for kind in ("rec", "fresh", "avail")]
        if isinstance(settings.broker, NATSAddress):
            from packseal.io.jetstream import JetStreamConnection  # noqa: PLC0415 - who has MQTT does not load nats-py

            name = f"{service}-{settings.site}" if settings.site else service
            topics, table = [rec, *others], settings.nats or NATSTable()
            return JetStreamConnection(settings.broker, table, name, topics, self.intake.take, self._on_message)
        # of this process alone: a broker cuts off who has the id of another, and several may share a database
        client_id = f"packseal-passport-{self.public_key.hex()[:16]}-{secrets.token_hex(4)}"
        if settings.worker:
            rec = f"$share/{settings.worker.share or service}/{rec}"
        return MQTTConnection(
            settings.broker, client_id, [rec, *others], on_messages=self._on_messages, access=settings.mqtt
        )

    def _on_messages(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Of MQTT, as they came. Raises EvidenceError for one that is none of ours, when all are taken."""
        came = [Came(topic, payload) for topic, payload in messages if topic.endswith("/rec")]
        if came:
            self.intake.take(came)
        errors = []
        for topic, payload in messages:
            try:
                self._on_message(topic, payload)
            except EvidenceError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _on_message(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/fresh"):
            self.fresh.noticed(payload)
        elif topic.endswith("/avail"):
            self.fresh.gateway_heard(topic)

    def _answered(self, topic: str, content: bytes) -> None:
        answer = decode_answer(content)
        if isinstance(answer, RefusalAnswer) and self._is_anothers(topic, answer):
            return  # another service on this broker may know it; ours would only make its gateway wait
        self._broker.publish(topic.removesuffix("rec") + "receipt", content)
        if isinstance(answer, ReceiptAnswer):
            receipt = verify_receipt(answer.receipt, self.public_key)
            self._last_received_unix_ms = max(self._last_received_unix_ms, receipt.received_unix_ms)
            with suppress(UnavailableError):  # then whoever waits for it looks once more
                self.fresh.delivered(topic, receipt.log_id, receipt.size)

    def _is_anothers(self, topic: str, answer: RefusalAnswer) -> bool:
        return answer.reason == Reason.UNKNOWN_LOG and self.service.battery(topic.split("/")[2]) is None

    def _share_problem(self) -> str:
        """MQTT 3.1.1 knows no shared subscription: what such a broker makes of one is its own affair."""
        if self._is_sharing and isinstance(self._broker, MQTTConnection) and self._broker.figures()["version"] == 4:
            return f"broker {self._broker.address}: speaks MQTT 3.1.1 alone; workers share a subscription by MQTT 5"
        return ""

    # ---- how it is

    def findings(self) -> list[Problem]:
        """What keeps deliveries from being taken, or their times from being right; empty when all is well."""
        found: list[tuple[Event, str]] = [
            ("broker", self._broker.problem),
            ("share", self._share_problem()),
            ("intake", self.intake.problem),
            ("broker-message", self._broker.message_problem),
            ("log", self.publisher.problem),
            ("pages", self._http.problem if self._http else ""),
            ("clock", clock_problem(_unix_ms(), self._last_received_unix_ms)),
            ("local", self._local.problem if self._local else ""),
            *(("provider", words) for words in self.readers.problems()),
            *(("webhook", words) for words in self.webhooks.problems()),
            *(("standstill", f"{words}: is the database up?") for words in self.standing_still()),
        ]
        return [Problem(event, words) for event, words in found if words]

    def problems(self) -> list[str]:
        """The same in words alone."""
        return [problem.words for problem in self.findings()]

    def notices(self) -> list[str]:
        """Nothing goes on that an operator waits for."""
        return []

    def standing_still(self) -> list[str]:
        """What does not come round any more; a watchdog is fed while there is nothing."""
        busy_s = self.seen.busy_s
        return [f"a group of deliveries has been in work for {busy_s:.0f} s"] if busy_s > STANDSTILL_S else []

    def line(self, found: Sequence[Problem]) -> str:
        """How it is, in one line."""
        return self.state.line(found)

    def _status(self, settings: PassportFileSettings) -> PassportStatus:
        return PassportStatus(
            settings.broker,
            settings.store,
            self.store,
            self.seen,
            self.findings,
            lambda: self.is_connected,
            lambda: (self._last_received_unix_ms - _unix_ms()) / 1000,
            lambda: self.intake.held,
            lambda: None if isinstance(self._broker, MQTTConnection) else self._broker.waiting,
        )


def clock_problem(now_unix_ms: int, last_received_unix_ms: int) -> str:
    """Times of receipts never fall (docs/record.md section 5.5): one clock that was ahead is in all that follow."""
    days = (last_received_unix_ms - now_unix_ms) // DAY_MS
    if days < 1:
        return ""
    behind = f"{days} days" if days > 1 else "1 day"
    return f"the clock is {behind} behind the last receipt, and every new one has that one's time; set the clock"


def _http_server(settings: PassportFileSettings) -> HTTPServer | None:
    """None for a worker that leaves the pages to others. Raises UnavailableError."""
    if settings.worker and not settings.worker.pages:
        return None
    return HTTPServer(settings.listen, settings.tls, settings.access.proxies)


def _turn(place: StorePlace) -> Turn:
    return OnlyTurn() if isinstance(place, Path) else SharedTurn(place.text)


def _store(settings: PassportFileSettings) -> PassportStoring:
    """The database, once it is known to hold all that was published. Raises ConfigError, UnavailableError."""
    if settings.worker and not settings.worker.pages:
        return open_store(settings.store)  # who has the pages has what was published, and looks
    tiles = TileStore(settings.log)
    if tiles.published() and not has_records(settings.store):
        raise ConfigError(f"{settings.store} is missing, but {settings.log} was published from it; {NEWEST_DATABASE}")
    store = open_store(settings.store)
    try:
        check_continued(store.log, tiles, store.where)
    except BaseException:
        store.close()
        raise
    return store


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000
