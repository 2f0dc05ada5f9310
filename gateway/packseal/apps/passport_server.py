"""The running passport service: MQTT in, receipts out, pages over HTTP."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, nullcontext, suppress

from packseal.apps.api import Taking
from packseal.apps.bundles import BundleMaker
from packseal.apps.cosigning import Witness
from packseal.apps.exchange.serving import submodels_of
from packseal.apps.fresh_reads import FreshReads
from packseal.apps.log_publisher import NEWEST_DATABASE, LogPublisher, check_continued
from packseal.apps.pages import passport_app
from packseal.apps.passport_service import PassportService
from packseal.apps.read_log import ReadLog
from packseal.apps.readers import Readers
from packseal.apps.webhooks import Webhooks
from packseal.errors import ConfigError, Reason, UnavailableError
from packseal.io.http_server import HTTPServer
from packseal.io.keys import Signer, load_or_make_key
from packseal.io.mqtt import MQTTConnection
from packseal.io.passport_storing import PassportStoring
from packseal.io.settings import PassportFileSettings
from packseal.io.stores import has_records, held_store, open_store
from packseal.io.tile_store import TileStore
from packseal.passport.settings import BatterySettings, EnrolledSource, PassportSettings
from packseal.records.acts import Role
from packseal.records.answer import ReceiptAnswer, RefusalAnswer, decode_answer
from packseal.records.checkpoint import verify_receipt
from packseal.records.policy import Policy, Revocation

DAY_MS = 86_400_000


class PassportServer:
    def __init__(self, settings: PassportFileSettings) -> None:
        """Opens port, key and store, for this service alone. Raises ConfigError or UnavailableError."""
        with ExitStack() as opened:
            self._http = HTTPServer(settings.listen, settings.tls, settings.access.proxies)
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
            self.publisher = LogPublisher(self.store.log, TileStore(settings.log), witnesses)
            # of this process alone: a broker cuts off who has the id of another, and several may share a database
            client_id = f"packseal-passport-{signer.public_key.hex()[:16]}-{secrets.token_hex(4)}"
            site = settings.site or "+"
            topics = [f"packseal/{site}/+/rec", f"packseal/{site}/+/fresh", f"packseal/{site}/+/avail"]
            self._public_url = settings.link_base
            self._batteries = {battery.id for battery in settings.battery}
            self.read_log = ReadLog(self.store.read_log, settings.access.read_log_days, _unix_ms)
            self.readers = Readers(settings.access, settings.reader, settings.oidc, self._all_batteries)
            self._submodels = submodels_of(settings.catena_x, self.service) if settings.catena_x else None
            self._mqtt = MQTTConnection(settings.broker, client_id, topics, self._on_message)
            bundles = BundleMaker(self.store, self.publisher.tiles, self.public_key, self.publisher.publish_now)
            self.fresh = FreshReads(self.service, signer, bundles, self._mqtt.publish, settings.site)
            self.policy = published_policy(settings, self.service)
            self.webhooks = Webhooks(settings.webhook, self.service)
            self._opened = opened.pop_all()

    @property
    def url(self) -> str:
        return self._http.url

    @property
    def is_connected(self) -> bool:
        return self._mqtt.is_connected

    def start(self) -> None:
        self.publisher.start()
        self._mqtt.start()
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
        self._http.start(app)
        self.webhooks.start()

    def stop(self) -> None:
        self._mqtt.stop()
        self.webhooks.stop()
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

    def _all_batteries(self) -> frozenset[str]:
        return frozenset(self._batteries)

    def _check_log(self) -> None:
        """No receipt whose leaf nobody could ever prove."""
        if self.publisher.contradiction:
            raise UnavailableError("what is published and the database contradict each other, so nothing is taken")

    def _on_message(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/fresh"):
            self.fresh.noticed(payload)
        elif topic.endswith("/avail"):
            self.fresh.gateway_heard(topic)
        else:
            self._on_delivery(topic, payload)

    def _on_delivery(self, topic: str, payload: bytes) -> None:
        content = self.receive(topic, payload)
        answer = decode_answer(content)
        if isinstance(answer, RefusalAnswer) and self._is_anothers(topic, answer):
            return  # another service on this broker may know it; ours would only make its gateway wait
        self._mqtt.publish(topic.removesuffix("rec") + "receipt", content)
        if isinstance(answer, ReceiptAnswer):
            receipt = verify_receipt(answer.receipt, self.public_key)
            self._last_received_unix_ms = max(self._last_received_unix_ms, receipt.received_unix_ms)
            self.fresh.delivered(topic, receipt.log_id, receipt.size)

    def _is_anothers(self, topic: str, answer: RefusalAnswer) -> bool:
        return answer.reason == Reason.UNKNOWN_LOG and self.service.battery(topic.split("/")[2]) is None

    def problems(self) -> list[str]:
        """What keeps deliveries from being taken, or their times from being right; empty when all is well."""
        return [words for words in (*self._all_problems(), *self._others_problems()) if words]

    def _others_problems(self) -> list[str]:
        """Of providers and receivers that do not answer."""
        return [*self.readers.problems(), *self.webhooks.problems()]

    def _all_problems(self) -> tuple[str, ...]:
        clock = clock_problem(_unix_ms(), self._last_received_unix_ms)
        return self._mqtt.problem, self._mqtt.message_problem, self.publisher.problem, self._http.problem, clock


def clock_problem(now_unix_ms: int, last_received_unix_ms: int) -> str:
    """Times of receipts never fall (docs/record.md section 5.5): one clock that was ahead is in all that follow."""
    days = (last_received_unix_ms - now_unix_ms) // DAY_MS
    if days < 1:
        return ""
    behind = f"{days} days" if days > 1 else "1 day"
    return f"the clock is {behind} behind the last receipt, and every new one has that one's time; set the clock"


def _store(settings: PassportFileSettings) -> PassportStoring:
    """The database, once it is known to hold all that was published. Raises ConfigError, UnavailableError."""
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


def service_key(settings: PassportFileSettings) -> Signer:
    """The service's key; a new one only for a service that has given no receipt yet. Raises ConfigError."""
    if not settings.key.exists() and has_records(settings.store):
        words = f"{settings.key} is missing, but {settings.store} holds receipts by it; restore it from its backup"
        raise ConfigError(words)
    return load_or_make_key(settings.key)


def passport_settings(settings: PassportFileSettings, service_public_key: bytes) -> PassportSettings:
    """The core's settings from those of the file."""
    return PassportSettings(
        batteries=tuple(
            BatterySettings(
                id=battery.id,
                category=battery.category,
                rated_capacity_mah=battery.rated_capacity_mah,
                name=battery.name,
                sources=tuple(EnrolledSource(s.public_key, s.evidence_class) for s in battery.source),
                chemistry=battery.chemistry or "",
            )
            for battery in settings.battery
        ),
        authorities=tuple(table.authority for table in settings.authority),
        origin=settings.origin or f"packseal-{service_public_key.hex()[:16]}",
    )


def published_policy(settings: PassportFileSettings, service: PassportService) -> Callable[[], Policy]:
    """Whom this service trusts, for who has nobody better to ask; all its logs that its settings bind."""
    witnesses = {witness.name: witness.public_key for witness in settings.witness}

    def policy() -> Policy:
        others = (one for one in service.acts.keyring.authorities if one.key.public_key != service.public_key)
        keys = tuple(one for one in others if one.role is not Role.SERVICE)
        listed = {one.key.public_key for one in keys}
        devices = (one for one in service.acts.keyring.enrolled.values() if one.key.public_key not in listed)
        gateways = tuple(one for one in devices if one.role is Role.GATEWAY)
        services = {service.public_key: service.settings.origin}
        revoked = {key: Revocation(service.public_key, index) for key, index in service.acts.keyring.revoked.items()}
        return Policy(service.bound_logs(), services, keys + gateways, witnesses, settings.witnesses_needed, revoked)

    return policy
