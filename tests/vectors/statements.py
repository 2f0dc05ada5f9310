"""statements.json: what is signed about a passport, and what is none of it (docs/record.md sections 5.11 to 5.13)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from packseal.records.acts import Authority, Role
from packseal.records.cbor import Value, encode
from packseal.records.cose import ED25519, ESP256, sign1
from packseal.records.statement_bodies import (
    Attachment,
    CapacityTest,
    Create,
    Handover,
    ModulePlace,
    Note,
    NoteKind,
    Original,
    RecordRef,
    SealedLog,
    Stage,
    Statement,
    Status,
    Values,
    kind_of,
)
from packseal.records.statement_fields import encode_fields
from packseal.records.statements import leaf_entry_of, sign_consent, sign_statement
from tests.vectors.bundles_bad import EDDSA
from tests.vectors.world import (
    ACT,
    ASSESSOR,
    BOARD,
    DIGEST,
    GATEWAY,
    INTEGRATOR,
    OPERATOR,
    SERVICE,
    START_UNIX_MS,
    STRANGER,
    Actor,
    salt,
)

STATEMENT, CONSENT = "packseal/statement/1", "packseal/consent/1"
RECYCLER, SECURE_OPERATOR = Actor(18), Actor(19, ESP256)
ROLES = (
    (INTEGRATOR, Role.INTEGRATOR),
    (OPERATOR, Role.OPERATOR),
    (SECURE_OPERATOR, Role.OPERATOR),
    (ASSESSOR, Role.ASSESSOR),
    (RECYCLER, Role.RECYCLER),
    (SERVICE, Role.SERVICE),
    (GATEWAY, Role.GATEWAY),
    (BOARD, Role.BOARD),
)
AUTHORITIES = tuple(Authority(actor.key, role) for actor, role in ROLES)
FIRST, SECOND, THIRD = (hashlib.sha256(name.encode()).digest()[:16] for name in ("first", "second", "third"))
HEAD = hashlib.sha256(b"head").digest()
RECORD = RecordRef(bytes(range(16)), 7)
MOST = (1 << 63) - 1

Fault = tuple[str, bytes, str, str]  # name, statement, reason, clause


def statement_vectors() -> dict[str, Any]:
    return {
        "authorities": [
            {"public_key": one.key.public_key.hex(), "algorithm": one.key.algorithm, "role": one.role.name.lower()}
            for one in AUTHORITIES
        ],
        "good": [
            {
                "name": name,
                "statement": content.hex(),
                "kind": kind_of(statement).name,
                "signer": by.public_key.hex(),
                "passport_id": statement.passport_id.hex(),
                "entry": leaf_entry_of(content, statement).to_bytes().hex(),
            }
            for name, statement, by in good_statements()
            for content in [signed(statement, by)]
        ],
        "bad": [
            {"name": name, "statement": content.hex(), "reason": reason, "clause": f"record.md section {clause}"}
            for name, content, reason, clause in [*_messages(), *_payloads(), *_fields(), *_stated(), *_roles()]
        ],
    }


def signed(statement: Statement, by: Actor) -> bytes:
    return sign_statement(statement, salt("statement"), START_UNIX_MS, by.sign, by.key)


def consent(by: Actor, passport_id: bytes, head: bytes, to: bytes) -> bytes:
    return sign_consent(passport_id, head, to, by.sign, by.key)


def create(by: Actor = OPERATOR) -> Create:
    return Create(FIRST, "pack-1", "EV", "Pack 1", by.key, rated_capacity_mah=280_000, chemistry="lfp")


def repurposed() -> Create:
    originals = (
        Original(FIRST, HEAD, consent(OPERATOR, FIRST, HEAD, SECOND)),
        Original(THIRD, DIGEST),
    )
    modules = (ModulePlace("A1", 0, "rack 2, row 1"), ModulePlace("A1", 1, "rack 2, row 2"))
    sealed = (SealedLog(bytes(16), 12, DIGEST), SealedLog(bytes(range(16)), (1 << 24) - 1, HEAD))
    return Create(SECOND, "storage-1", "SBESS", "Speicher Süd", INTEGRATOR.key, originals, modules, sealed)


def handover(to: Actor = RECYCLER) -> Handover:
    return Handover(FIRST, HEAD, to.key, consent(to, FIRST, HEAD, to.public_key))


def status() -> Status:
    return Status(FIRST, HEAD, Stage.REPAIRED, "module A3 replaced", (RECORD, RecordRef(bytes(16), 0)))


def values() -> Values:
    stated: dict[str, Any] = {
        "battery_mass": "492.50",
        "cathode_materials": ({"name": "lithium iron phosphate", "share": "31.20"}, {"name": "graphite"}),
        "critical_raw_materials": ("lithium", "natural graphite"),
        "deep": {"b": {"a": {}}, "a": ((True, False, ()),)},
        "extinguishing_agent": "CO₂",
        "is_separately_collected": True,
        "least": -MOST - 1,
        "most": MOST,
    }
    return Values(FIRST, 1, stated, (Attachment("declaration of conformity.pdf", "application/pdf", 48_113, DIGEST),))


def note() -> Note:
    return Note(FIRST, NoteKind.ACCIDENT, START_UNIX_MS - 86_400_000, "side impact at 30 km/h", (RECORD,))


def capacity_test() -> CapacityTest:
    return CapacityTest(FIRST, 9_120, 180, "capacity at C/3 and 25 °C, each cell block", START_UNIX_MS)


def good_statements() -> Iterator[tuple[str, Statement, Actor]]:
    yield "a CREATE", create(), OPERATOR
    yield "a CREATE by a secure element", create(SECURE_OPERATOR), SECURE_OPERATOR
    yield "a CREATE by a recycler, with nothing optional", Create(FIRST, "p", "LMT", "P", RECYCLER.key), RECYCLER
    yield "a CREATE from two originals", repurposed(), INTEGRATOR
    yield "a STATUS", status(), OPERATOR
    yield "a STATUS without words and evidence", Status(FIRST, HEAD, Stage.RECYCLED), RECYCLER
    yield "a HANDOVER", handover(), OPERATOR
    yield "a HANDOVER to a secure element", handover(SECURE_OPERATOR), INTEGRATOR
    yield "VALUES", values(), OPERATOR
    yield "VALUES by an assessor", Values(FIRST, 4, {"soce_certified": "98.70"}), ASSESSOR
    yield "VALUES of attachments alone", Values(FIRST, 3, {}, values().attachments), RECYCLER
    yield "a NOTE", note(), INTEGRATOR
    yield "a TEST", capacity_test(), ASSESSOR


# ---- bad


def _message(payload: Value, by: Actor = OPERATOR, purpose: str = STATEMENT, **header: Any) -> bytes:
    return by.message(payload, purpose, **{"kid": by.key.kid, **header})


def _items(statement: Statement, **changed: Value) -> list[Value]:
    items: dict[str, Value] = {"version": 1, "kind": int(kind_of(statement)), "salt": salt("statement")}
    items |= {"issued": START_UNIX_MS, "fields": encode_fields(statement)}
    return list((items | changed).values())


def _messages() -> Iterator[Fault]:
    payload = _items(status())
    good = _message(payload)
    yield "nothing", b"", "malformed", "5.11"
    yield "a statement without its last byte", good[:-1], "malformed", "1.2"
    yield "a statement and a byte", good + b"\0", "malformed", "1.2"
    assert good[0] == 0xD2
    yield "a tag that is not in its shortest form", b"\xd8\x12" + good[1:], "malformed", "1.2"
    yield "by a stranger", _message(payload, STRANGER), "unknown-authority", "5.14"
    yield "that names no key", _message(payload, kid=None), "unknown-authority", "5.14"
    yield "not signed by the key it names", _message(payload, STRANGER, kid=OPERATOR.key.kid), "bad-signature", "5.1"
    yield "an altered signature", good[:-1] + bytes([good[-1] ^ 1]), "bad-signature", "5.2"
    yield "signed as an act", _message(payload, purpose=ACT), "bad-signature", "5.1"
    yield "signed as a consent", _message(payload, purpose=CONSENT), "bad-signature", "5.1"
    yield "under algorithm EdDSA", _message(payload, algorithm=EDDSA), "bad-signature", "5.1"


def _payloads() -> Iterator[Fault]:
    faults: dict[str, dict[str, Any]] = {
        "statement 0": {"kind": 0},
        "statement 7": {"kind": 7},
        "a salt of 15 bytes": {"salt": bytes(15)},
        "issued before 1970": {"issued": -1},
        "issued at 2^63": {"issued": 1 << 63},
        "fields in an array": {"fields": [1]},
        "a STATUS with the fields of a NOTE": {"fields": encode_fields(note())},
    }
    for name, changed in faults.items():
        yield name, _message(_items(status(), **changed)), "malformed", "5.11"
    yield "four items", _message(_items(status())[:4]), "malformed", "5.11"
    yield "six items", _message([*_items(status()), 0]), "malformed", "5.11"
    yield "a number not in its shortest form", _raw(b"\x85\x18\x01" + encode(_items(status()))[2:]), "malformed", "1.2"
    for version in (0, 2):
        yield f"version {version}", _message(_items(status(), version=version)), "unknown-version", "5.3"


def _raw(payload: bytes) -> bytes:
    return sign1(payload, STATEMENT, OPERATOR.sign, OPERATOR.key.kid)


def _changed(statement: Statement, key: int, value: Value, by: Actor) -> bytes:
    return _message(_items(statement, fields={**encode_fields(statement), key: value}), by)


def _without(statement: Statement, key: int, by: Actor) -> bytes:
    fields = {number: value for number, value in encode_fields(statement).items() if number != key}
    return _message(_items(statement, fields=fields), by)


def _fields() -> Iterator[Fault]:
    for statement, by in (
        (create(), OPERATOR),
        (status(), OPERATOR),
        (handover(), OPERATOR),
        (values(), OPERATOR),
        (note(), OPERATOR),
        (capacity_test(), ASSESSOR),
    ):
        kind = kind_of(statement).name
        optional = {9, 10} if kind == "CREATE" else {13} if kind == "STATUS" else set()
        for key in encode_fields(statement):
            if key not in optional:
                yield f"{kind} without {key}", _without(statement, key, by), "malformed", "5.11"
        yield f"{kind} with 24", _changed(statement, 24, 0, by), "malformed", "5.11"
        for name, key, value in _wrong_values(kind):
            yield f"{kind}, {name}", _changed(statement, key, value, by), "malformed", "5.11"
    for name, key, value in _wrong_originals():
        yield f"CREATE, {name}", _changed(repurposed(), key, value, INTEGRATOR), "malformed", "5.11"


def _wrong_values(kind: str) -> Iterator[tuple[str, int, Value]]:
    yield "a passport_id of 15 bytes", 1, bytes(15)
    if kind == "CREATE":
        yield "a battery of a space", 2, "pack 1"
        yield "a battery that begins with a point", 2, ".pack"
        yield "a battery of 64 characters", 2, "p" * 64
        yield "category 0", 3, 0
        yield "category 5", 3, 5
        yield "an empty name", 4, ""
        yield "a name of 256 bytes", 4, "ü" * 128
        yield "an operator of another algorithm", 5, [EDDSA, OPERATOR.public_key]
        yield "an operator's key of 64 bytes for Ed25519", 5, [ED25519, bytes(64)]
        yield "a module without an original", 7, [["A1", 0, "left"]]
        yield "a sealed log without an original", 8, [[bytes(16), 1, DIGEST]]
        yield "a rated capacity of 0", 9, 0
        yield "a rated capacity that is null", 9, None
        yield "an empty chemistry", 10, ""
    if kind in ("STATUS", "HANDOVER"):
        yield "a head of 31 bytes", 11, bytes(31)
    if kind == "STATUS":
        yield "being prepared", 12, 0
        yield "stage 8", 12, 8
        yield "an empty text", 13, ""
    if kind in ("STATUS", "NOTE"):
        yield "a text of 4,097 bytes", 13, "x" * 4097
        yield "a record twice", 14, [[bytes(16), 1], [bytes(16), 1]]
        yield "a record of 2^24", 14, [[bytes(16), 1 << 24]]
        yield "a record of a log_id of 15 bytes", 14, [[bytes(15), 1]]
    if kind == "HANDOVER":
        yield "a consent of 513 bytes", 15, bytes(513)
    if kind == "VALUES":
        yield "group 0", 16, 0
        yield "group 5", 16, 5
    if kind == "NOTE":
        yield "an empty text", 13, ""
        yield "kind 0", 19, 0
        yield "kind 4", 19, 4
        yield "before 1970", 20, -1
    if kind == "TEST":
        yield "a capacity of 200.01 %", 21, 20_001
        yield "a spread below 0", 22, -1
        yield "a method of no words", 23, ""


def _wrong_originals() -> Iterator[tuple[str, int, Value]]:
    original: list[Value] = [FIRST, HEAD, None]
    yield "an original twice", 6, [original, original]
    yield "the new passport as an original", 6, [original, [SECOND, HEAD, None]]
    yield "an original without its head", 6, [original, [THIRD, None, None]]
    yield "an original with a consent in words", 6, [original, [THIRD, HEAD, "yes"]]
    yield "an original with a consent of 513 bytes", 6, [original, [THIRD, HEAD, bytes(513)]]
    yield "a module of original 2 of 2", 7, [["A1", 2, "left"]]
    yield "a module of an original twice", 7, [["A1", 0, "left"], ["A1", 0, "right"]]
    yield "a module without a name", 7, [["", 0, "left"]]
    yield "a sealed log twice", 8, [[bytes(16), 1, DIGEST], [bytes(16), 2, DIGEST]]
    yield "a sealed log of no record", 8, [[bytes(16), 0, DIGEST]]
    yield "a sealed log of 2^24 records", 8, [[bytes(16), 1 << 24, DIGEST]]


def _stated() -> Iterator[Fault]:
    depth_5: Value = "leaf"
    for _ in range(4):
        depth_5 = [0, depth_5]
    faults: dict[str, Value] = {
        "a number of 2^63": 1 << 63,
        "a number below -2^63": -(1 << 63) - 1,
        "an empty text": "",
        "bytes": b"bytes",
        "null": None,
        "a map of CBOR": {1: "a"},
        "an array without its kind": [],
        "an array of an unknown kind": [3],
        "a truth of 2": [2, 2],
        "a truth without a value": [2],
        "a truth of two values": [2, 0, 1],
        "depth 5": depth_5,
        "a map with a key without a value": [1, "a"],
        "a map with a key that is a number": [1, 1, "a"],
        "a map with an empty key": [1, "", "a"],
        "a map with a key of 256 bytes": [1, "a" * 256, "a"],
        "a map with a key twice": [1, "a", 1, "a", 2],
        "a map with keys out of order": [1, "b", 1, "a", 2],
    }
    for name, value in faults.items():
        yield f"a value: {name}", _changed(values(), 17, [1, "key", value], OPERATOR), "malformed", "5.12"
    yield "values in a list", _changed(values(), 17, [0, "a"], OPERATOR), "malformed", "5.12"
    nothing = _items(values(), fields={1: FIRST, 16: 1, 17: [1], 18: []})
    yield "VALUES of nothing", _message(nothing), "malformed", "5.12"
    file: list[Value] = ["a.pdf", "application/pdf", 1, DIGEST]
    for name, index, part in (
        ("without a name", 0, ""),
        ("named ..", 0, ".."),
        ("in a folder", 0, "a/b.pdf"),
        ("with a line feed in its name", 0, "a\n.pdf"),
        ("of a media type of one word", 1, "pdf"),
        ("of a media type with a parameter", 1, "text/plain; charset=utf-8"),
        ("of a media type in capitals", 1, "Text/plain"),
        ("of a size below 0", 2, -1),
        ("with a digest of 31 bytes", 3, bytes(31)),
    ):
        other = [*file[:index], part, *file[index + 1 :]]
        yield f"an attachment {name}", _changed(values(), 18, [other], OPERATOR), "malformed", "5.11"
    yield "an attachment twice", _changed(values(), 18, [file, file], OPERATOR), "malformed", "5.11"


def _roles() -> Iterator[Fault]:
    for statement, others in (
        (create(), (ASSESSOR, SERVICE, GATEWAY, BOARD)),
        (status(), (ASSESSOR, SERVICE, GATEWAY, BOARD)),
        (handover(), (ASSESSOR, SERVICE, GATEWAY, BOARD)),
        (values(), (SERVICE, GATEWAY, BOARD)),
        (note(), (ASSESSOR, SERVICE, GATEWAY, BOARD)),
        (capacity_test(), (INTEGRATOR, OPERATOR, RECYCLER, SERVICE, GATEWAY, BOARD)),
    ):
        for by in others:
            role = next(role for actor, role in ROLES if actor is by).name.lower()
            name = f"{kind_of(statement).name} by role {role}"
            yield name, _message(_items(statement), by), "wrong-role", "5.11"
    yield "a CREATE for another operator", _message(_items(create()), INTEGRATOR), "wrong-operator", "5.11"
    new = RECYCLER
    for name, content in {
        "by the old operator": consent(OPERATOR, FIRST, HEAD, new.public_key),
        "to another operator": consent(new, FIRST, HEAD, OPERATOR.public_key),
        "of another passport": consent(new, SECOND, HEAD, new.public_key),
        "after another statement": consent(new, FIRST, DIGEST, new.public_key),
        "that names no key": new.message([1, FIRST, HEAD, new.public_key], CONSENT),
        "signed as a statement": new.message([1, FIRST, HEAD, new.public_key], STATEMENT, kid=new.key.kid),
        "of version 2": new.message([2, FIRST, HEAD, new.public_key], CONSENT, kid=new.key.kid),
        "of no bytes": b"",
    }.items():
        yield f"a consent {name}", _changed(handover(), 15, content, OPERATOR), "bad-consent", "5.13"
