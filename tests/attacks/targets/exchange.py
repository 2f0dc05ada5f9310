"""Documents of the data ecosystems and of whoever states something: SD-JWTs, carried documents, static data, answers of
Ouranos, what is stored and read again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal

from packseal.apps.exchange.packing import holder_key
from packseal.apps.monitor import MonitorState
from packseal.estimate.second_opinion import SecondOpinion
from packseal.exchange.bridge.reading import read_document, source_of
from packseal.exchange.bridge.to_catena_x import to_catena_x
from packseal.exchange.bridge.to_ouranos import to_ouranos
from packseal.exchange.disclosures import broken, parsed, read_disclosure
from packseal.exchange.identifiers import bpnl, bpns, corporate_number, lei, open_operator_id, open_plant_id
from packseal.exchange.loss import Json
from packseal.exchange.ouranos import footprints, parts, v1, v2
from packseal.exchange.ouranos.wire import Entry, decode, entries
from packseal.exchange.sd_jwt import PublicKey
from packseal.io.live_file import Kept, KeptBattery, KeptValue, LiveFile
from packseal.io.partner_refusal import said
from packseal.io.sent_log import SentLog, read_sent
from packseal.passport.fold import Passport
from packseal.passport.state import decode_passport, encode_passport
from packseal.passport.static_file import read_static
from tests.attacks.decoders import BOARD
from tests.attacks.targets.target import Target, folder, of_file, text
from tests.exchange.bridges import DECIDED, of_catena_x, of_ouranos
from tests.exchange.test_sd_jwt import bound, holder_jwk, issue, verify
from tests.passport.board import settings_for

UUID = "2680ed32-19a3-435b-a094-23ff43aaa611"
STATIC_CSV = text("key,value\nmanufacturer_name,Cells AG\nmass,412.5\n")
STATIC_JSON = text('{"manufacturer_name": "Cells AG", "mass": 412.5}')
STATIC_MANY = text(f"passport,manufacturer_name\n{'3f' * 16},Cells AG\n{'40' * 16},Other AG\n")


def targets() -> Mapping[str, Target]:
    return {**_credentials(), **_carried(), **_ouranos(), **_kept()}


def _credentials() -> dict[str, Target]:
    def presented(content: bytes) -> object:
        return verify(_ascii(content))

    disclosure = issue().split("~")[1]
    return {
        "SD-JWT": Target(presented, (bound(issue()).encode(),), rounds=300),
        "disclosure of an SD-JWT": Target(
            lambda content: read_disclosure(_ascii(content)), (disclosure.encode(), b"WyJzYWx0IiwgNV0"), rounds=300
        ),
        "part of an SD-JWT": Target(parsed, (text('{"a": [1, {"b": null}], "c": 1.5}'),)),
        "key as JWK": Target(lambda content: PublicKey.from_jwk(parsed(content)), (json.dumps(holder_jwk()).encode(),)),
        "file of a holder's key": Target(of_file("holder.jwk", holder_key), (json.dumps(holder_jwk()).encode(),)),
        "name in an ecosystem": Target(
            _named,
            (b"BPNL00000003AYRE", b"BPNS00000003AYRE", b"529900T8BM49AURSDO55", b"9011103002584"),
            refusals=(ValueError,),  # what a setting or a document says beside it, the caller names
        ),
    }


def _ascii(content: bytes) -> str:
    """As its callers have it: text already."""
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise broken("it is no ASCII") from None


def _named(content: bytes) -> object:
    for check in (bpnl, bpns, lei, open_operator_id, open_plant_id):
        try:
            return check(content.decode(errors="replace"))
        except ValueError:
            continue
    return corporate_number(content.decode(errors="replace"))


def _carried() -> dict[str, Target]:
    def static(name: str) -> Callable[[bytes], object]:
        return lambda content: read_static(content, name)

    return {
        "document that a bridge carries": Target(_bridged, (_json(of_ouranos()), _json(of_catena_x())), rounds=80),
        "static data as CSV": Target(static("data.csv"), (STATIC_CSV, STATIC_MANY)),
        "static data as JSON": Target(static("data.json"), (STATIC_JSON,)),
    }


def _json(document: Json) -> bytes:
    return json.dumps(
        document, default=lambda value: float(value) if isinstance(value, Decimal) else str(value)
    ).encode()


def _bridged(content: bytes) -> object:
    document = read_document(content, "document.json")
    source = source_of(document)
    return source, to_catena_x(document, DECIDED), to_ouranos(document, DECIDED)


def _ouranos() -> dict[str, Target]:
    readers: tuple[Callable[[Entry], object], ...] = (
        *(parts.part, parts.structure, parts.trade, parts.status, parts.request, parts.inquiry),
        *(footprints.line, footprints.certification, v1.tokens, v1.operator, v1.plant),
        *(v2.payload, v2.token, v2.holder, v2.decision, v2.operator, v2.plant, v2.is_in_force, v2.notice_id),
    )

    def entry(reader: Callable[[Entry], object]) -> Callable[[bytes], object]:
        return lambda content: reader(Entry(decode(content), "answer"))

    found = {}
    for reader in readers:
        name = f"Ouranos: {reader.__module__.rpartition('.')[2]}.{reader.__name__}"
        found[name] = Target(entry(reader), (_json(_everything()),), rounds=40)
    found["Ouranos: list of an answer"] = Target(
        lambda content: entries(decode(content), "list"), (text("[{}, {}]"), text("[]"))
    )
    found["Ouranos: where the next page is"] = Target(
        lambda content: parts.next_after(content.decode(errors="replace")),
        (text(f"<https://x.example/api?dataTarget=parts&limit=100&after={UUID}>; rel=next"),),
    )
    return found


def _everything() -> Json:
    """One object with each field that any answer has: readers take what they know of it."""
    one = _fields()
    return {
        **one,
        "parentPartsModel": one,
        "childrenPartsModel": [one],
        "partsModel": one,
        "tradeModel": one,
        "statusModel": one,
    }


def _fields() -> Json:
    names = ("partsName", "supportPartsName", "message", "operatorName", "operatorAddress", "plantName", "plantAddress",
             "accessToken", "operator_name", "operator_address", "plant_name", "plant_address", "openOperatorId",
             "openPlantId", "open_operator_id", "open_plant_id")  # fmt: skip
    ids = ("traceId", "operatorId", "plantId", "tradeId", "downstreamOperatorId", "upstreamOperatorId", "statusId",
           "downstreamTraceId", "cfpId", "cfpCertificationId", "operator_id", "plant_id",
           "notification_id")  # fmt: skip
    token = {"token_type": "Bearer", "access_token": "abc", "expires_in": 300, "token_info": {"operator_id": UUID}}
    return {
        **dict.fromkeys(names, "a name"),
        **dict.fromkeys(ids, UUID),
        "terminatedFlag": False,
        "deleted_flag": False,
        "amountRequired": 1.5,
        "amountRequiredUnit": "kilogram",
        "operatorAttribute": {"globalOperatorId": None},
        "plantAttribute": {"globalPlantId": "x"},
        "requestStatus": {"cfpResponseStatus": "NOT_COMPLETED", "tradeTreeStatus": "UNTERMINATED", "tradesCount": 2},
        "responseDueDate": "2027-02-01",
        "ghgEmission": 1.5,
        "ghgDeclaredUnit": "kgCO2e/kilogram",
        "cfpType": "preProduction",
        "dqrType": "preProcessing",
        "dqrValue": {"TeR": 2, "GeR": 2.5, "TiR": None},
        "cfpCertificationFileInfo": [{"fileId": UUID, "fileName": "cfp.pdf", "operatorId": UUID}],
        "data": {**token, "active": True, "decision": True},
    }


def _kept() -> dict[str, Target]:
    """What was written by us, on a disk that others may have written to."""
    settings = settings_for((BOARD, "B")).batteries[0]
    sent = folder() / "written.sent.jsonl"
    SentLog(sent, lambda: 5).add("POST", "https://partner.example/x", b'{"a": 1}')
    bad_state = (ValueError,)  # of a state: whoever reads it starts over from the records
    return {
        "live values that a gateway kept": Target(
            of_file("outbox.db.live", lambda path: LiveFile(path.with_suffix("")).load()), (live_file(),)
        ),
        "what a partner says": Target(
            lambda content: said(content, ["secret"]),
            (
                text('{"code": "x", "message": "no", "detail": "secret"}'),
                text('{"messages": [{"code": 1, "text": "n"}]}'),
            ),
        ),
        "log of what was sent": Target(of_file("x.sent.jsonl", lambda path: read_sent(path, 10)), (sent.read_bytes(),)),
        "state of a passport": Target(
            lambda content: decode_passport(content, settings),
            (encode_passport(Passport(settings)),),
            refusals=bad_state,
        ),
        "state of an opinion": Target(SecondOpinion.from_bytes, (SecondOpinion().to_bytes(),), refusals=bad_state),
        "state of a monitor": Target(MonitorState.from_json, (MonitorState().to_json(),), refusals=bad_state),
    }


def live_file() -> bytes:
    kept = LiveFile(folder() / "kept.db")
    kept.save(Kept({"pack-1": KeptBattery({"soc": KeptValue(63, None, 5)}, frozenset({3}))}, 3))
    return kept.path.read_bytes()
