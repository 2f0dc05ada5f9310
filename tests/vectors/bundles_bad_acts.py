"""Bundles that do not hold, each for one fault: acts, what they bind and what they revoke (steps 8 to 10)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from packseal.records.acts import Bind, Cause, Enrol, Noted, Revoke, Role, Rotate, sign_possession
from packseal.records.bundle import ActPart, Bundle
from packseal.records.cbor import Sign1, Value, decode, encode
from packseal.records.cose import ED25519, ESP256
from packseal.records.passport_log import NO_TAG, EntryKind, LogEntry, subject_tag
from tests.vectors.bundles_bad import EDDSA, Bad, Faults, made
from tests.vectors.entries import BATTERY
from tests.vectors.scenes import Scene, revoked, scene
from tests.vectors.world import (
    ACT,
    ASSESSOR,
    BOARD,
    BOARD_NEXT,
    DIGEST,
    GATEWAY,
    INTEGRATOR,
    OPERATOR,
    OTHER_BOARD,
    OTHER_SERVICE,
    RECEIPT,
    SECURE_BOARD,
    SECURE_GATEWAY,
    SERVICE,
    STRANGER,
    Actor,
    high_s,
    salt,
)

POSSESSION = "packseal/possession/1"


def bad_act_bundles() -> list[Bad]:
    parts: list[tuple[str, Callable[[], Faults]]] = [
        ("5.9", _act_shapes),
        ("8.8", _signers),
        ("5.9", _roles),
        ("8.8", _possessions),
        ("8.8", _revoked_signers),
        ("7.2", _leaves),
        ("8.9", _bindings),
        ("12", _classes),
        ("8.10", _revocations),
    ]
    return [made(fault, clause) for clause, faults in parts for fault in faults()]


# ---- step 8


def act_at(s: Scene, content: bytes, leaf: LogEntry | None = None) -> Bundle:
    """A bundle with the good BIND and an act whose leaf is that of an act that names no battery."""
    entry = leaf or LogEntry(EntryKind.KEY_ACT, NO_TAG, _sha256(content))
    s.acts["odd"] = ActPart(content, s.passport.append(entry), ())
    return s.bundle(acts=["bind", "odd"])


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _act_shapes() -> Faults:
    key = OTHER_BOARD.public_key
    bind: dict[int, Value] = {3: key, 5: "pack", 6: 2}
    revoke: dict[int, Value] = {3: key, 7: 1}
    noted: dict[int, Value] = {5: "pack", 8: bytes(16), 9: 0, 10: DIGEST}

    def payload(act: int, fields: Value, **changed: Value) -> bytes:
        items: dict[str, Value] = {"version": 1, "act": act, "salt": salt("odd"), "issued": 5, "fields": fields}
        by = SERVICE if act == 5 else INTEGRATOR
        return by.message(list((items | changed).values()), ACT, kid=by.key.kid)

    possession = sign_possession(OTHER_BOARD.key, salt("odd"), OTHER_BOARD.sign)
    enrol: dict[int, Value] = {1: 1, 2: ED25519, 3: key, 4: possession}
    for name, content in {
        "an act that is no message": b"\x80",
        "an act of another kind": payload(6, {}),
        "act 0": payload(0, {}),
        "an act with a salt of 15 bytes": payload(4, revoke, salt=bytes(15)),
        "an act of a negative time": payload(4, revoke, issued=-1),
        "an act with fields in an array": payload(4, [key, 1]),
        "a REVOKE with a battery": payload(4, revoke | {5: "pack"}),
        "a REVOKE without a reason": payload(4, {3: key}),
        "a REVOKE for reason 3": payload(4, revoke | {7: 3}),
        "a REVOKE of a key of 33 bytes": payload(4, revoke | {3: bytes(33)}),
        "a BIND to no battery": payload(2, {3: key, 6: 2}),
        "a BIND to a battery without a name": payload(2, bind | {5: ""}),
        "a BIND to a battery in bytes": payload(2, bind | {5: b"pack"}),
        "a BIND with class 0": payload(2, bind | {6: 0}),
        "a BIND with class 5": payload(2, bind | {6: 5}),
        "an ENROL with role 0": payload(1, enrol | {1: 0}),
        "an ENROL with role 8": payload(1, enrol | {1: 8}),
        "an ENROL without a possession": payload(1, {k: v for k, v in enrol.items() if k != 4}),
        "an ENROL of another algorithm": payload(1, enrol | {2: EDDSA}),
        "an ENROL of a key of 32 bytes for ESP256": payload(1, enrol | {2: ESP256}),
        "a ROTATE with a role": payload(3, enrol),
        "a NOTED of a log_id of 15 bytes": payload(5, noted | {8: bytes(15)}),
        "a NOTED of record 2^24": payload(5, noted | {9: 1 << 24}),
        "a NOTED of a leaf of 31 bytes": payload(5, noted | {10: bytes(31)}),
        "an act of four fields": INTEGRATOR.message([1, 4, salt("odd"), 5], ACT, kid=INTEGRATOR.key.kid),
    }.items():
        yield name, act_at(scene(), content), "malformed"
    yield "an act of version 2", act_at(scene(), payload(4, revoke, version=2)), "unknown-version"
    yield "an act of version 0", act_at(scene(), payload(4, revoke, version=0)), "unknown-version"


def _signers() -> Faults:
    good = Revoke(OTHER_BOARD.public_key, Cause.UNSPECIFIED)
    fields: list[Value] = [1, 4, salt("odd"), 5, {3: OTHER_BOARD.public_key, 7: 0}]
    kid = INTEGRATOR.key.kid

    def signed(by: Actor, purpose: str = ACT, **header: Any) -> Bundle:
        return act_at(scene(), by.message(fields, purpose, **header))

    yield "an act by a stranger", signed(STRANGER, kid=STRANGER.key.kid), "unknown-authority"
    yield "an act that names no key", signed(INTEGRATOR), "unknown-authority"
    yield "an act by another service", signed(OTHER_SERVICE, kid=OTHER_SERVICE.key.kid), "unknown-authority"
    yield "an act not signed by the key it names", signed(STRANGER, kid=kid), "bad-signature"
    yield "an act signed as a receipt", signed(INTEGRATOR, RECEIPT, kid=kid), "bad-signature"
    yield "an act under algorithm EdDSA", signed(INTEGRATOR, kid=kid, algorithm=EDDSA), "bad-signature"
    yield "an act under algorithm ESP256", signed(INTEGRATOR, kid=kid, algorithm=ESP256), "bad-signature"
    secure = scene()
    content = secure.passport.signed_act(Revoke(SECURE_GATEWAY.public_key, Cause.STOLEN), SECURE_GATEWAY)
    items: Any = decode(content)
    *head, signature = items.items
    other = encode(Sign1([*head, high_s(lambda _message: signature)(b"")]))
    yield "an act by a secure element with a high s", act_at(secure, other), "bad-signature"
    bound = scene().act("by board", Bind(BOARD.public_key, BATTERY, "A"), BOARD)
    yield "a BIND by the board", bound.bundle(acts=["bind", "by board"]), "unknown-authority"
    unlisted = scene().act("revoke", good, INTEGRATOR)
    yield (
        "an act by an integrator that the policy does not list",
        unlisted.bundle(acts=["revoke"]),
        "unknown-authority",
        "listed",
    )


def _roles() -> Faults:
    s = scene()
    possession = sign_possession(OTHER_BOARD.key, s.passport.next_salt(), OTHER_BOARD.sign)
    board = Enrol(Role.BOARD, OTHER_BOARD.key, possession)
    noted = Noted(BATTERY, s.logs["example"].log_id, 0, s.logs["example"].leaves[0])
    for name, statement, by in (
        ("a BIND by an assessor", Bind(BOARD.public_key, BATTERY, "A"), ASSESSOR),
        ("a BIND by a gateway", Bind(BOARD.public_key, BATTERY, "A"), GATEWAY),
        ("a NOTED by an integrator", noted, INTEGRATOR),
        ("a NOTED by an operator", noted, OPERATOR),
        ("an ENROL of a board by an assessor", board, ASSESSOR),
        ("an ENROL of a board by a gateway", board, GATEWAY),
        ("an ENROL of an integrator by an integrator", replace(board, role=Role.INTEGRATOR), INTEGRATOR),
        ("an ENROL of an operator by an integrator", replace(board, role=Role.OPERATOR), INTEGRATOR),
        ("an ENROL of an assessor by an operator", replace(board, role=Role.ASSESSOR), OPERATOR),
        ("an ENROL of a recycler by an integrator", replace(board, role=Role.RECYCLER), INTEGRATOR),
        ("a REVOKE of a board by an assessor", Revoke(OTHER_BOARD.public_key, Cause.STOLEN), ASSESSOR),
        ("a REVOKE of a board by a gateway", Revoke(OTHER_BOARD.public_key, Cause.STOLEN), GATEWAY),
        ("an ENROL with an empty possession by an assessor", replace(board, possession=b""), ASSESSOR),
    ):
        yield name, scene().act("odd", statement, by).bundle(acts=["bind", "odd"]), "wrong-role"


def _possessions() -> Faults:
    def enrolled(possession: Callable[[bytes], bytes], actor: Actor = OTHER_BOARD) -> Bundle:
        s = scene()
        content = possession(s.passport.next_salt())
        return s.act("odd", Enrol(Role.BOARD, actor.key, content), INTEGRATOR).bundle(acts=["bind", "odd"])

    def payload(nonce: bytes, version: int = 1) -> Value:
        return [version, ED25519, OTHER_BOARD.public_key, nonce]

    key = OTHER_BOARD.key
    bad = "bad-possession"
    yield (
        "a possession for another nonce",
        enrolled(lambda _nonce: sign_possession(key, bytes(16), OTHER_BOARD.sign)),
        bad,
    )
    yield (
        "a possession of another key",
        enrolled(lambda nonce: sign_possession(STRANGER.key, nonce, STRANGER.sign)),
        bad,
    )
    yield (
        "a possession that another key signed",
        enrolled(lambda nonce: sign_possession(key, nonce, STRANGER.sign)),
        bad,
    )
    yield "a possession signed as an act", enrolled(lambda nonce: OTHER_BOARD.message(payload(nonce), ACT)), bad
    yield (
        "a possession that names a key",
        enrolled(lambda nonce: OTHER_BOARD.message(payload(nonce), POSSESSION, kid=key.kid)),
        bad,
    )
    yield "a possession of version 2", enrolled(lambda nonce: OTHER_BOARD.message(payload(nonce, 2), POSSESSION)), bad
    yield "a possession that is no message", enrolled(lambda _nonce: b"\x80"), bad
    yield "an empty possession", enrolled(lambda _nonce: b""), bad
    secure = SECURE_BOARD.key
    yield (
        "a possession with a high s",
        enrolled(lambda nonce: sign_possession(secure, nonce, high_s(SECURE_BOARD.sign)), SECURE_BOARD),
        bad,
    )
    s = scene()
    content = sign_possession(STRANGER.key, s.passport.next_salt(), INTEGRATOR.sign)
    s.act("odd", Rotate(STRANGER.key, content), INTEGRATOR)
    yield "a ROTATE that only the old key signed", s.bundle(acts=["bind", "odd"]), bad
    s = scene().act("odd", Rotate(STRANGER.key, b""), INTEGRATOR)
    yield "a ROTATE with an empty possession", s.bundle(acts=["bind", "odd"]), bad


def _revoked_signers() -> Faults:
    s = scene()
    yield "a BIND by a key that was revoked", s.bundle(), "key-revoked", "integrator revoked"
    elsewhere = "integrator revoked in another service's log"
    yield "a BIND by a key that was revoked in another service's log", s.bundle(), "key-revoked", elsewhere


def _leaves() -> Faults:
    bind = Bind(BOARD.public_key, BATTERY, "B")

    def under(tag: bytes, kind: EntryKind = EntryKind.KEY_ACT) -> Bundle:
        s = scene()
        content = s.passport.signed_act(bind, INTEGRATOR)
        return act_at(s, content, LogEntry(kind, tag, _sha256(content)))

    yield "an act under another battery's tag", under(subject_tag("another-pack")), "bad-inclusion-proof"
    yield "an act about a battery under no tag", under(NO_TAG), "bad-inclusion-proof"
    yield "an act that is in the note as a receipt", under(NO_TAG, EntryKind.RECEIPT), "bad-inclusion-proof"
    s = scene()
    tag = LogEntry(EntryKind.KEY_ACT, subject_tag(BATTERY), bytes(32))
    revoke = Revoke(OTHER_BOARD.public_key, Cause.STOLEN)
    s.act("odd", revoke, INTEGRATOR, replace(tag, digest=_sha256(s.passport.signed_act(revoke, INTEGRATOR))))
    yield "an act about no battery under a battery's tag", s.bundle(acts=["bind", "odd"]), "bad-inclusion-proof"
    s = scene()
    good = s.bundle()
    (act,) = good.acts
    yield "an act at another index", replace(good, acts=(replace(act, index=1),)), "bad-inclusion-proof"
    yield "an act beyond the note", replace(good, acts=(replace(act, index=1000),)), "bad-inclusion-proof"
    yield "an act's proof too short", replace(good, acts=(replace(act, proof=act.proof[:-1]),)), "bad-inclusion-proof"
    absent = s.passport.signed_act(bind, INTEGRATOR)
    yield (
        "an act that is not in the note",
        replace(good, acts=(ActPart(absent, act.index, act.proof),)),
        "bad-inclusion-proof",
    )


# ---- steps 9 and 10


def _bindings() -> Faults:
    s = scene()
    yield "no act and no policy says whose log it is", s.bundle(acts=[]), "unknown-log"
    yield "the policy lists another log", s.bundle("one", 0, acts=[]), "unknown-log", "listed"
    after = scene()
    after.act("after", Bind(BOARD.public_key, BATTERY, "B"), INTEGRATOR)
    yield "a BIND after the receipt", after.bundle(acts=["after"]), "unknown-log"
    yield "acts that bind nothing", s.bundle(receipt="example", acts=["enrol gateway", "noted"]), "unknown-log"
    other = scene().act("other", Bind(OTHER_BOARD.public_key, BATTERY, "B"), INTEGRATOR).receipt("late", "example")
    yield "a BIND of another board", other.bundle(receipt="late", acts=["other"]), "unknown-log"
    service = scene().act("service", Bind(BOARD.public_key, BATTERY, "B"), SERVICE).receipt("late", "example")
    yield "a BIND by the service alone", service.bundle(receipt="late", acts=["service"]), "unknown-log"
    key = scene().act("next", Bind(BOARD_NEXT.public_key, BATTERY, "B"), INTEGRATOR).receipt("late", "example", 14)
    yield (
        "a BIND of a key that the log has not changed to yet",
        key.bundle(receipt="late", size=14, acts=["next"]),
        "unknown-log",
    )
    key.receipt("whole", "example")
    yield "a BIND of the key after the change of key", key.bundle(receipt="whole", acts=["next"]), "unknown-log"
    for name, bind in (
        ("to another battery", Bind(BOARD.public_key, "second-pack", "B")),
        ("in another class", Bind(BOARD.public_key, BATTERY, "A")),
    ):
        again = scene().act("again", bind, OPERATOR)
        behind = again.bundle(acts=["again", "bind"])
        before = again.receipt("late", "example").bundle(receipt="late", acts=["bind", "again"])
        yield f"the key that opened the log is bound again {name}", before, "already-bound"
        yield f"the key that opened the log is bound again {name}, after the receipt", behind, "already-bound"


def _classes() -> Faults:
    def bound(log: str, key: bytes, evidence_class: str) -> Bundle:
        s = scene().act("odd", Bind(key, BATTERY, evidence_class), INTEGRATOR).receipt("late", log)
        return s.bundle(log, 1, "late", acts=["odd"])

    s = scene()
    imported = fields_of_key(s.logs["import"].genesis)
    yield "class A on a gateway's log", bound("gateway", GATEWAY.public_key, "A"), "wrong-class"
    yield "class B on a gateway's log", bound("gateway", GATEWAY.public_key, "B"), "wrong-class"
    yield "class D on a gateway's log", bound("gateway", GATEWAY.public_key, "D"), "wrong-class"
    yield "class C on a board's log", bound("example", BOARD.public_key, "C"), "wrong-class"
    yield "class D on a board's log", bound("example", BOARD.public_key, "D"), "wrong-class"
    yield "class B on an import", bound("import", imported, "B"), "wrong-class"
    yield "class C on an import", bound("import", imported, "C"), "wrong-class"
    yield "class C on a board's log, says the policy", s.bundle(acts=[]), "wrong-class", "listed as class C"
    yield (
        "class B on a gateway's log, says the policy",
        s.bundle("gateway", 1, acts=[]),
        "wrong-class",
        "gateway listed as class B",
    )


def fields_of_key(genesis: bytes) -> bytes:
    entry: Any = decode(genesis)
    public_key: bytes = entry[4][2]
    return public_key


def _revocations() -> Faults:
    for name, key, by in (
        ("back-dated records of a stolen key", BOARD, INTEGRATOR),
        ("back-dated records of a stolen key, revoked by an operator", BOARD, OPERATOR),
        ("back-dated records of a stolen key, revoked by the service", BOARD, SERVICE),
        ("the key after the change of key revoked", BOARD_NEXT, INTEGRATOR),
    ):
        s = revoked(scene(), key.public_key, by, Cause.STOLEN).receipt("late", "example")
        yield name, s.bundle(receipt="late", acts=["bind", "revoke"]), "key-revoked"
    yield "a key revoked at the receipt's index, says the policy", scene().bundle(), "key-revoked", "board revoked"
    elsewhere = "board revoked later, in another service's log"
    yield "a key revoked in another service's log, says the policy", scene().bundle(), "key-revoked", elsewhere
    own = revoked(scene(), GATEWAY.public_key, GATEWAY, Cause.OUT_OF_USE).receipt("late", "gateway")
    yield (
        "a gateway that revoked its own key",
        own.bundle("gateway", 1, "late", acts=["bind gateway", "revoke"]),
        "key-revoked",
    )
