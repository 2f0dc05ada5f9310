"""The running passport service: MQTT in, receipts out, pages over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import uvicorn

from packseal.apps.log_publisher import LogPublisher, Witness
from packseal.apps.pages import passport_app
from packseal.apps.passport_service import PassportService
from packseal.errors import ConfigError, Reason
from packseal.io.keys import Signer, load_or_make_key
from packseal.io.mqtt import MQTTConnection
from packseal.io.passport_store import PassportStore
from packseal.io.ports import listening_socket
from packseal.io.settings import PassportFileSettings
from packseal.io.tile_store import TileStore
from packseal.passport.settings import BatterySettings, EnrolledSource, PassportSettings
from packseal.records.acts import Role
from packseal.records.answer import RefusalAnswer, decode_answer
from packseal.records.policy import Policy

START_TIMEOUT_S = 20


class PassportServer:
    def __init__(self, settings: PassportFileSettings) -> None:
        """Opens key, store and port. Raises ConfigError or UnavailableError."""
        signer = service_key(settings)
        self._listen = settings.listen
        self._socket = listening_socket(settings.listen)
        self.public_key = signer.public_key
        self.store = PassportStore(settings.store)
        self.service = PassportService(
            passport_settings(settings, signer.public_key),
            self.store,
            signer,
            signer.public_key,
            lambda: time.time_ns() // 1_000_000,
        )
        witnesses = [Witness(witness.name, witness.url, witness.public_key) for witness in settings.witness]
        self.publisher = LogPublisher(self.store.log, TileStore(settings.log), witnesses)
        client_id = f"packseal-passport-{signer.public_key.hex()[:16]}"
        topics = [f"packseal/{settings.site or '+'}/+/rec"]
        self._batteries = {battery.id for battery in settings.battery}
        self._mqtt = MQTTConnection(settings.broker, client_id, topics, self._on_delivery)
        self.policy = published_policy(settings, self.service)
        app = passport_app(self.service, self.publisher.tiles, self.policy, self.publisher.publish_now)
        config = uvicorn.Config(app, log_level="error", access_log=False, server_header=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="http", daemon=True)

    @property
    def url(self) -> str:
        return f"http://{self._listen}"

    @property
    def is_connected(self) -> bool:
        return self._mqtt.is_connected

    def start(self) -> None:
        self.publisher.start()
        self._mqtt.start()
        self._thread.start()

    def stop(self) -> None:
        self._mqtt.stop()
        self._server.should_exit = True
        self._thread.join(START_TIMEOUT_S)
        self._socket.close()
        self.publisher.stop()
        self.store.close()

    def _on_delivery(self, topic: str, payload: bytes) -> None:
        content = self.service.receive(topic, payload)
        answer = decode_answer(content)
        is_refused = isinstance(answer, RefusalAnswer) and answer.reason == Reason.UNKNOWN_LOG
        if is_refused and topic.split("/")[2] not in self._batteries:
            return  # another service on this broker may know it; ours would only make its gateway wait
        self._mqtt.publish(topic.removesuffix("rec") + "receipt", content)

    def problems(self) -> list[str]:
        """What keeps deliveries from being taken; empty when all is well."""
        return [words for words in self._all_problems() if words]

    def _all_problems(self) -> tuple[str, ...]:
        return self._mqtt.problem, self._mqtt.message_problem, self.publisher.problem


def service_key(settings: PassportFileSettings) -> Signer:
    """The service's key; a new one only for a service that has given no receipt yet. Raises ConfigError."""
    if settings.store.exists() and not settings.key.exists():
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
        others = (one for one in service.keyring.authorities if one.key.public_key != service.public_key)
        keys = tuple(one for one in others if one.role is not Role.SERVICE)
        listed = {one.key.public_key for one in keys}
        devices = (one for one in service.keyring.enrolled.values() if one.key.public_key not in listed)
        gateways = tuple(one for one in devices if one.role is Role.GATEWAY)
        services = (service.public_key,)
        return Policy(
            service.bound_logs(), services, keys + gateways, witnesses, settings.witnesses_needed,
            service.keyring.revoked,
        )  # fmt: skip

    return policy
