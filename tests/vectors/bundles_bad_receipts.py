"""Bundles that do not hold, each for one fault: receipts, notes and times (steps 6, 7 and 11)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from packseal.records.bundle import Bundle, TimePart
from packseal.records.cbor import Sign1, Value, decode, encode
from packseal.records.cose import ESP256, payload_digest
from packseal.records.merkle import leaf_hash
from packseal.records.note import with_cosignatures
from packseal.records.passport_log import NO_TAG, EntryKind, LogEntry
from tests.vectors.bundles_bad import EDDSA, Bad, Faults, made
from tests.vectors.entries import SOH, TIME
from tests.vectors.scenes import Scene, scene, timed
from tests.vectors.world import (
    BOARD,
    CHECKPOINT,
    OTHER_ORIGIN,
    OTHER_SERVICE,
    OTHER_WITNESS,
    RECEIPT,
    SERVICE,
    STRANGER,
    Actor,
    time_part,
)

WITNESS_1, WITNESS_2 = "witness.example/1", "witness.example/2"


def bad_receipt_bundles() -> list[Bad]:
    parts: list[tuple[str, Callable[[], Faults]]] = [
        ("8.6", _receipts),
        ("5.5", _receipt_numbers),
        ("8.7", _notes),
        ("8.7", _witnesses),
        ("8.11", _times),
    ]
    return [made(fault, clause) for clause, faults in parts for fault in faults()]


def fields_of(message: bytes) -> Any:
    signed: Any = decode(message)
    return decode(signed.items[2])


# ---- step 6


def _receipts() -> Faults:
    s = scene()
    good = s.receipts["example"]
    fields, kid = fields_of(good), SERVICE.key.kid
    items: Any = decode(good)
    protected, _, payload, signature = items.items

    def receipt(content: bytes, **changed: Any) -> Bundle:
        return replace(s.bundle(**changed), receipt=content)

    def signed(payload: Value, purpose: str = RECEIPT, by: Actor = SERVICE, **header: Any) -> Bundle:
        return receipt(by.message(payload, purpose, **{"kid": kid, **header}))

    def lying(**changed: Any) -> Bundle:
        """The service says so itself: it is in the note."""
        lie = scene()
        return lie.receipt("lie", "example", **changed).bundle(receipt="lie")

    yield "receipt is no message", receipt(b"\x80"), "malformed"
    yield (
        "receipt with an unprotected header",
        receipt(encode(Sign1([protected, {4: b"key"}, payload, signature]))),
        "malformed",
    )
    yield (
        "receipt of an unknown service",
        receipt(OTHER_SERVICE.message(fields, RECEIPT, kid=OTHER_SERVICE.key.kid)),
        "unknown-service",
    )
    yield "receipt under a policy without a service", s.bundle(), "unknown-service", "no service"
    yield "receipt that names no key", receipt(SERVICE.message(fields, RECEIPT)), "unknown-service"
    yield "receipt that names a key in seven bytes", signed(fields, kid=kid[:7]), "malformed"
    yield "receipt not signed by the key it names", signed(fields, by=OTHER_SERVICE), "bad-signature"
    yield "receipt signed by the board", signed(fields, by=BOARD), "bad-signature"
    yield "receipt signed as a checkpoint", signed(fields, CHECKPOINT), "bad-signature"
    yield "receipt under algorithm EdDSA", signed(fields, algorithm=EDDSA), "bad-signature"
    yield "receipt under algorithm ESP256", signed(fields, algorithm=ESP256), "bad-signature"
    yield "receipt of version 2", signed([2, *fields[1:]]), "unknown-version"
    yield "receipt of version 0", signed([0, *fields[1:]]), "unknown-version"
    yield "receipt of seven fields", signed(fields[:7]), "malformed"
    yield "receipt of a service whose key was revoked", s.bundle(), "key-revoked", "service revoked"
    elsewhere = "service revoked, in another service's log"
    yield "receipt of a service whose key was revoked in another log", s.bundle(), "key-revoked", elsewhere
    yield "receipt for another size", lying(size=16), "receipt-mismatch"
    yield "receipt for another root", lying(root=bytes(32)), "receipt-mismatch"
    yield "receipt for another log", lying(log_id=bytes(16)), "receipt-mismatch"
    yield "receipt of another checkpoint of the log", s.bundle(receipt="rotated"), "receipt-mismatch"


def _receipt_numbers() -> Faults:
    s = scene()
    fields = fields_of(s.receipts["example"])
    for name, place, value in (
        ("a negative service_index", 4, -1),
        ("a service_index of 2^63", 4, 1 << 63),
        ("a time before 1970", 5, -1),
        ("a time of 2^63", 5, 1 << 63),
        ("a salt of 15 bytes", 6, bytes(15)),
        ("an attestation digest of 31 bytes", 7, bytes(31)),
        ("an empty attestation digest", 7, b""),
        ("size 0", 2, 0),
        ("a root of 33 bytes", 3, bytes(33)),
    ):
        content = SERVICE.message([*fields[:place], value, *fields[place + 1 :]], RECEIPT, kid=SERVICE.key.kid)
        yield f"receipt with {name}", replace(s.bundle(), receipt=content), "malformed"


# ---- step 7


def _notes() -> Faults:
    s = scene()
    note = s.passport.note()
    good = s.bundle()
    size = str(len(s.passport.leaves)).encode()

    def noted(content: bytes) -> Bundle:
        return replace(good, note=content)

    yield "note without signatures", noted(note.split(b"\n\n")[0] + b"\n"), "malformed"
    yield "note that is not UTF-8", noted(b"\xff" + note), "malformed"
    yield "note without its last line's end", noted(note[:-1]), "malformed"
    yield (
        "note with a size that begins with 0",
        noted(note.replace(b"\n" + size + b"\n", b"\n0" + size + b"\n")),
        "malformed",
    )
    yield (
        "note with a root of 31 bytes",
        noted(note.replace(note.split(b"\n")[2], base64.b64encode(bytes(31)))),
        "malformed",
    )
    yield "note of another service", noted(s.passport.note(signer=OTHER_SERVICE)), "bad-signature"
    yield (
        "note of another service that is trusted",
        noted(s.passport.note(signer=OTHER_SERVICE)),
        "bad-signature",
        "two services",
    )
    yield "note with another size", noted(note.replace(b"\n" + size + b"\n", b"\n9" + size + b"\n")), "bad-signature"
    yield (
        "note with another origin",
        noted(note.replace(b"passports.example/log\n", b"passports.example/other\n", 1)),
        "bad-signature",
    )
    renamed = s.copy()
    renamed.passport.origin = OTHER_ORIGIN
    yield "note of another log by the same service", renamed.bundle(), "unknown-service"
    yield "note of a service that has another log", good, "unknown-service", "the service under another origin"
    yield "note's proof too short", replace(good, note_proof=good.note_proof[:-1]), "bad-inclusion-proof"
    yield "note's proof too long", replace(good, note_proof=(*good.note_proof, bytes(32))), "bad-inclusion-proof"
    yield "note's proof of another leaf", replace(good, note_proof=s.passport.proof(4)), "bad-inclusion-proof"
    index = fields_of(good.receipt)[4]
    older = s.copy()
    del older.passport.leaves[index:]
    yield (
        "note that is older than the receipt",
        replace(good, note=older.passport.note(), note_proof=()),
        "bad-inclusion-proof",
    )
    hidden = s.copy()
    hidden.passport.leaves[index] = bytes(32)
    yield "a receipt that is not in the note", replace(
        good, note=hidden.passport.note(), note_proof=hidden.passport.proof(index),
        acts=tuple(hidden.passport.proven(act) for act in good.acts),
    ), "bad-inclusion-proof"  # fmt: skip
    moved = scene()
    moved.receipt("moved", "example", service_index=index)
    yield "a receipt that names another index than its own", moved.bundle(receipt="moved"), "bad-inclusion-proof"
    tagged = scene()
    content = tagged.receipts["example"]
    tagged.passport.leaves[index] = leaf_hash(LogEntry(EntryKind.KEY_ACT, NO_TAG, payload_digest(content)).to_bytes())
    yield "a receipt that is in the note as an act", tagged.bundle(), "bad-inclusion-proof"


def _witnesses() -> Faults:
    s = scene()
    passport = s.passport
    bare = passport.note(())

    def noted(*lines: bytes) -> Bundle:
        return s.bundle(note=with_cosignatures(bare, lines))

    first, second = (passport.cosignature(bare, name) for name in (WITNESS_1, WITNESS_2))
    later = passport.copy()
    later.now_unix_ms += 60_000
    twice = bare + first + later.cosignature(bare, WITNESS_1)
    yield "no witness of one", s.bundle(note=bare), "too-few-witnesses"
    yield "one witness of two", noted(first), "too-few-witnesses", "two witnesses"
    yield "one witness of two, twice", s.bundle(note=twice), "too-few-witnesses", "two witnesses"
    yield "cosigned by a witness that the policy does not list", noted(second), "too-few-witnesses", "one witness"
    renamed = passport.cosignature(bare, WITNESS_1).replace(b"example/1", b"example/3")
    yield "cosigned under another name", noted(renamed), "too-few-witnesses"
    yield (
        "a witness's line that another signed",
        noted(passport.cosignature(bare, WITNESS_1, OTHER_WITNESS), second),
        "bad-signature",
    )
    other = passport.copy()
    other.leaves.append(bytes(32))
    stale = other.cosignature(other.note(()), WITNESS_1)
    yield "a witness's line under another tree", noted(stale, second), "bad-signature"
    line = bytearray(base64.b64decode(first.split(b" ")[2]))
    line[11] ^= 1
    moved = b" ".join([*first.split(b" ")[:2], base64.b64encode(line)]) + b"\n"
    yield "a witness's line with another time", noted(moved, second), "bad-signature"


# ---- step 11


def _times() -> Faults:
    s = scene()
    log, receipt = s.logs["example"], s.receipts["time"]
    good = time_part(log, TIME, log.size, receipt)
    fields = fields_of(receipt)

    def time(part: TimePart, seq: int = SOH) -> Bundle:
        return s.bundle(seq=seq, time=part)

    yield "a time that does not decode", time(replace(good, entry=b"\x80")), "malformed"
    yield "a window in place of the TIME", time(time_part(log, 6, log.size, receipt)), "bad-time"
    yield "a TIME behind the record", time(good, 5), "bad-time"
    yield "a TIME for the TIME itself", time(good, TIME), "bad-time"
    yield "a TIME that names another receipt", time(replace(good, receipt=s.receipts["rotated"])), "bad-time"
    yield "a TIME that is not in the tree", time(replace(good, proof=log.proof(6, log.size))), "bad-inclusion-proof"
    altered = good.entry[:-1] + bytes([good.entry[-1] ^ 1])
    yield "a TIME altered", time(replace(good, entry=altered)), "bad-inclusion-proof"
    kid = SERVICE.key.kid
    unknown = OTHER_SERVICE.message(fields, RECEIPT, kid=OTHER_SERVICE.key.kid)
    for name, content, reason in (
        ("is no message", b"\x80", "malformed"),
        ("is of an unknown service", unknown, "unknown-service"),
        ("names no key", SERVICE.message(fields, RECEIPT), "unknown-service"),
        ("was not signed by the key it names", STRANGER.message(fields, RECEIPT, kid=kid), "bad-signature"),
        ("was signed as a checkpoint", SERVICE.message(fields, CHECKPOINT, kid=kid), "bad-signature"),
        ("is of version 2", SERVICE.message([2, *fields[1:]], RECEIPT, kid=kid), "unknown-version"),
        ("has seven fields", SERVICE.message(fields[:7], RECEIPT, kid=kid), "malformed"),
        ("is of another log", s.receipts["secure"], "bad-time"),
    ):  # fmt: skip
        yield f"the receipt of a TIME {name}", _timed(scene(), content), reason
    late = "the receipt of a TIME is of a service whose key was revoked"
    yield late, _timed(scene(), unknown), "key-revoked", "other service revoked"
    own = timed(b"", 0).log_id
    early: dict[str, Any] = {"log_id": own}
    lie = scene().receipt("early", "example", 1, **early | {"received_unix_ms": 1 << 60})
    yield "the receipt of a TIME is later than the record's", _timed(lie, lie.receipts["early"]), "bad-time"
    lie = scene().receipt("early", "example", 1, **early | {"service_index": 1 << 40, "received_unix_ms": 5})
    yield "the receipt of a TIME has a larger index than the record's", _timed(lie, lie.receipts["early"]), "bad-time"


def _timed(s: Scene, content: bytes) -> Bundle:
    """Of a log whose TIME entry does name these bytes."""
    log = timed(content, 0)
    s.logs["timed"] = log
    part = TimePart(log.entries[1], log.proof(1, 3), content)
    return s.receipt("timed", "timed").bundle("timed", 2, time=part)
