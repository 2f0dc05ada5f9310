"""What anybody may send to the services: HTTP requests of every kind, MQTT messages, tokens and certificates."""

from __future__ import annotations

import asyncio
import json
import ssl
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import OKPKey
from starlette.types import ASGIApp, Message, Scope

from packseal.apps.pages import passport_app
from packseal.apps.readers import Readers
from packseal.exchange.projections.protobuf import field as protobuf_field
from packseal.exchange.projections.sparkplug import REBIRTH, wants_rebirth
from packseal.io.access_settings import AccessTable, OIDCTable, ReaderTable
from packseal.io.parquet_manifest import FilePart, Manifest
from packseal.io.update_offer import load_update
from packseal.records.cbor import encode
from packseal.records.cose import sign1
from tests.apps.certificates import CertificateAuthority
from tests.attacks.corpus import full_board, good_items
from tests.attacks.targets.answering import counterpart
from tests.attacks.targets.target import Target, folder, of_file, text
from tests.passport.board import TOPIC, key_of, settings_for, signer
from tests.passport.desk import Desk
from tests.records.paper import BATTERY

AUDIENCE = "https://passports.example"
REQUESTS = (
    "GET /",
    f"GET /battery/{BATTERY}",
    f"GET /battery/{BATTERY}/data.json",
    f"GET /battery/{BATTERY}/plot.svg?quantity=soh&lang=ja",
    f"GET /battery/{BATTERY}/table?quantity=soh",
    f"GET /battery/{BATTERY}/policy.json",
    "GET /log/checkpoint",
    "GET /log/tile/0/000.p/1",
    "GET /fleet?sort=name&category=EV",
    f"GET /compare?battery={BATTERY}",
    "GET /words/de.json",
    "GET /api/v1/passports?limit=3&category=EV",
    f"GET /api/v1/passports/{BATTERY}",
    f"GET /api/v1/passports/{BATTERY}/logs",
    "GET /api/v1/changes?after=0",
    "POST /acts",
    "POST /api/v1/acts\ncontent-type: application/cose\ncontent-length: 7",
    "POST /api/v1/statements\ncontent-type: application/cose",
    f"POST /api/v1/passports/{BATTERY}/fresh\ncontent-type: application/json",
)


def targets() -> Mapping[str, Target]:
    return {
        "HTTP request to the passport service": Target(_asked, _requests(), rounds=300),
        "MQTT message to the passport service": Target(_received, good_items()["delivery"], rounds=60),
        "Sparkplug command": Target(wants_rebirth, (_rebirth(),), refusals=(ValueError,)),  # live_state.py counts it
        "token of a reader": Target(_shown_token, (_token(),), rounds=60),
        "certificate of a client": Target(_shown_certificate, (_certificate(),), rounds=100),
        "firmware update": Target(of_file("update.bin", load_update), (_package(),)),
        "manifest of a fleet's archive": Target(Manifest.from_bytes, (_manifest(),), refusals=(ValueError,)),
    }


# ---- over HTTP


@dataclass
class _Exchange:
    """One request without a socket: what a server hands to the application, and what that answers."""

    body: bytes
    status: int = 0
    sent: list[bytes] = field(default_factory=list)

    async def receive(self) -> Message:
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.sent.append(message.get("body", b""))


def _requests() -> tuple[bytes, ...]:
    act, statement = good_items()["act"][0], good_items()["statement"][0]
    bodies = {"/acts": act, "/api/v1/acts": act, "/api/v1/statements": statement, "fresh": b'{"nonce": "00"}'}
    return tuple(
        text(request) + b"\n\n" + next((body for end, body in bodies.items() if end in request.split("\n")[0]), b"")
        for request in REQUESTS
    )


def _asked(content: bytes) -> object:
    """Method, path and headers, line by line, an empty line, the body. Whatever they are, our own program is not at
    fault, and what it says of an error is none of its insides."""
    head, _, body = content.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, _, target = first.partition(b" ")
    exchange = _Exchange(body)
    _loop().run_until_complete(_app()(_scope(method, target, lines), exchange.receive, exchange.send))
    assert exchange.status < 500 or exchange.status == 503, exchange.status
    assert b"Traceback" not in b"".join(exchange.sent)
    return exchange.status


def _scope(method: bytes, target: bytes, lines: list[bytes]) -> Scope:
    """As a server makes it of a request that it could parse."""
    path, _, query = target.partition(b"?")
    pairs = [line.partition(b": ") for line in lines[:20]]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method.decode("latin-1").upper() or "GET",
        "scheme": "http",
        "path": "/" + path.decode(errors="replace").lstrip("/"),
        "raw_path": path,
        "root_path": "",
        "query_string": query,
        "headers": [(name.lower(), value) for name, _, value in pairs],
        "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 8420),
    }


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


@cache
def _desk() -> Desk:
    board = full_board()
    desk = Desk(Path(tempfile.mkdtemp(dir=folder())), settings_for((board, "B")))
    desk.receipt(board.delivery().to_bytes())
    return desk


@cache
def _app() -> ASGIApp:
    desk = _desk()
    desk.publisher.turn()
    readers = Readers(AccessTable(anonymous="owner", requests_per_minute=0), batteries=lambda: frozenset({BATTERY}))
    return passport_app(desk.service, desk.tiles, desk.policy, readers=readers)


# ---- over MQTT


def _received(content: bytes) -> object:
    """Every message is answered, and nothing that does not hold is stored."""
    before = len(_desk().contents()[1])
    answer = _desk().give(content, TOPIC)
    assert len(_desk().contents()[1]) == before, "a record that no board has made"
    return answer


# ---- who asks


@cache
def _readers() -> Readers:
    """Whose provider has the one key of `_key`."""
    table = ReaderTable.model_validate(
        {"name": "depot", "role": "authority", "issuer": counterpart().url, "subject": "depot"}
    )
    provider = OIDCTable.model_validate({"issuer": counterpart().url, "audience": AUDIENCE})
    by_certificate = ReaderTable.model_validate(
        {"name": "lab", "role": "notified-body", "certificate_sha256": _issued()[1].hex()}
    )
    return Readers(AccessTable(requests_per_minute=0), [table, by_certificate], [provider])


@cache
def _key() -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": "k1"})


def _token() -> bytes:
    claims = {"iss": counterpart().url, "sub": "depot", "aud": AUDIENCE, "exp": int(time.time()) + 86_400}
    header = {"alg": "EdDSA", "kid": "k1", "typ": "at+jwt"}
    return jwt.encode(header, claims, _key(), algorithms=["EdDSA"]).encode()


def _shown_token(content: bytes) -> object:
    key = {**_key().as_dict(private=False), "kid": "k1"}
    counterpart().answer_json(
        json.dumps({"issuer": counterpart().url, "jwks_uri": counterpart().url, "keys": [key]}).encode()
    )
    return _readers().of_token(content.decode("latin-1"))


def _shown_certificate(content: bytes) -> object:
    return _readers().of_certificate(content)


def _certificate() -> bytes:
    """Of a reader whom the settings name by it."""
    return _issued()[0]


@cache
def _issued() -> tuple[bytes, bytes]:
    """DER, and its SHA-256."""
    issued = CertificateAuthority(folder()).issue("depot", days=30)
    return ssl.PEM_cert_to_DER_cert(issued.certificate.read_text()), issued.sha256


# ---- commands of dashboards


def _rebirth() -> bytes:
    """As a Sparkplug host asks for it (Sparkplug 3.0, 5.4.2): a metric with a name, a type and a truth value."""
    metric = protobuf_field(1, REBIRTH) + protobuf_field(4, 11) + protobuf_field(14, True)
    return protobuf_field(1, 5) + protobuf_field(2, metric)


# ---- archives


def _manifest() -> bytes:
    part = FilePart("records/shard=03/month=2026-09/00000001-0001.parquet", 44, 9_000, bytes(32))
    return Manifest(1, 16, 0, 16, b"note", b"", bytes(32), (part,)).to_bytes()


# ---- firmware


def _package() -> bytes:
    """As `packseal board update --out` lays one: the length of the manifest, the manifest, the files."""
    files = b"files"
    fields = encode([1, "rp2", [0, 2, 0], bytes(32), 0, len(files)])
    manifest = sign1(fields, "packseal/update/1", signer(key_of("firmware")))
    return len(manifest).to_bytes(2, "big") + manifest + files
