"""Answers of partners and services, read by the real clients from a real connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from packseal.apps.authority import submit
from packseal.apps.life_desk import LifeDesk
from packseal.apps.status import _asked
from packseal.errors import WitnessConflictError
from packseal.exchange.catenax.egress import Secrets
from packseal.exchange.loss import Json
from packseal.io.catenax_connector import Connector
from packseal.io.catenax_notifier import Notifier, Receiver
from packseal.io.catenax_registry import TwinRegistry
from packseal.io.circuit_breaker import CircuitBreaker
from packseal.io.client_credentials import ClientCredentials
from packseal.io.http_client import ask
from packseal.io.log_client import request_cosignature
from packseal.io.oidc import ProviderKeys
from packseal.io.partner_http import PartnerHTTP
from tests.attacks.targets.answering import counterpart
from tests.attacks.targets.target import Target, text
from tests.exchange.catenax_site import ACCESS, USAGE, offer

ROUNDS = 50  # each is a connection
TWIN = {"id": "urn:uuid:1", "idShort": "pack", "specificAssetIds": [], "submodelDescriptors": []}
EVERYTHING = json.dumps(
    {
        "@id": "asset-1",
        "dcat:dataset": [{"@id": "asset-1", "odrl:hasPolicy": [USAGE]}],
        "transferProcessId": "transfer-1",
        "endpoint": "@URL@",
        "authorization": "a token",
    }
).encode()
MESSAGE: Json = {"header": {"messageId": "urn:uuid:1"}, "content": {}}
KEYS = json.dumps(
    {
        "issuer": "@URL@",
        "jwks_uri": "@URL@/keys",
        "keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}],
    }
).encode()


def targets() -> Mapping[str, Target]:
    return {**_http(), **_data_space(), **_services()}


def _partner(url: str = "") -> PartnerHTTP:
    return PartnerHTTP(
        url or counterpart().url,
        wait=lambda _: None,
        is_private_allowed=True,
        timeout_s=5,
        attempts=1,
        breaker=CircuitBreaker(lambda: 0.0, failures=1 << 30),
    )


def _answered(use: Callable[[], object]) -> Callable[[bytes], object]:
    def parsed(content: bytes) -> object:
        counterpart().answer_json(content)
        return use()

    return parsed


def _http() -> dict[str, Target]:
    def whole(use: Callable[[], object]) -> Callable[[bytes], object]:
        def parsed(content: bytes) -> object:
            counterpart().answer_with(content)
            return use()

        return parsed

    goods = (
        text("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"),
        text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    )
    return {
        "answer over HTTP": Target(whole(lambda: ask(counterpart().url, None, 10_000, 5)), goods, rounds=ROUNDS),
        "answer of a partner over HTTP": Target(
            whole(lambda: _partner().request("GET", "/x").json()), goods, rounds=ROUNDS
        ),
    }


def _data_space() -> dict[str, Target]:
    def notified() -> None:
        receiver = Receiver("did:web:x", counterpart().url, "type", (USAGE,))
        there = Notifier(_partner(), lambda url, _headers, _renew: _partner(url), lambda _: None)
        there.send(receiver, MESSAGE)

    def offered() -> object:
        return Connector(_partner(), Secrets((), ())).publish(offer("asset-1"))

    def token() -> object:
        return ClientCredentials(_partner(), "/token", "client", "secret", lambda: 5.0).headers()

    return {
        "answer of a twin registry": Target(
            _answered(lambda: TwinRegistry(_partner(), Secrets((), ())).register(dict(TWIN))),
            (json.dumps(TWIN).encode(), text("{}")),
            rounds=ROUNDS,
        ),
        "answer of a connector": Target(_answered(offered), (EVERYTHING, json.dumps(ACCESS).encode()), rounds=ROUNDS),
        "catalogue and token of a connector": Target(_answered(notified), (EVERYTHING,), rounds=ROUNDS),
        "token of an identity provider": Target(
            _answered(token), (text('{"access_token": "abc", "expires_in": 300}'),), rounds=ROUNDS
        ),
        "keys of an OpenID provider": Target(
            _answered(lambda: ProviderKeys(counterpart().url, lambda: 5.0).key("k1")), (KEYS,), rounds=ROUNDS
        ),
    }


def _services() -> dict[str, Target]:
    def witnessed() -> object:
        return request_cosignature(counterpart().url, 3, (), b"note", 5)

    def conflicted(content: bytes) -> object:
        head = "HTTP/1.1 409 Conflict\r\nContent-Type: text/x.tlog.size\r\nContent-Length: "
        counterpart().answer_with(head.encode() + str(len(content)).encode() + b"\r\n\r\n" + content)
        try:
            return witnessed()
        except WitnessConflictError as error:
            return error.size

    passport = text('{"identification": {"head": "00"}, "items": [], "index": 5}')
    return {
        "answer of a passport service": Target(
            _answered(lambda: LifeDesk(counterpart().url).document("pack-1")), (passport,), rounds=ROUNDS
        ),
        "status of a gateway": Target(
            _answered(lambda: _asked(counterpart().url.removeprefix("http://"))),
            (text('{"problems": [], "site": "north"}'),),
            rounds=ROUNDS,
        ),
        "answer to an act": Target(_answered(lambda: submit(counterpart().url, b"act")), (passport,), rounds=ROUNDS),
        "size that a witness knows": Target(conflicted, (b"4\n", b"123456\n"), rounds=ROUNDS),
    }
