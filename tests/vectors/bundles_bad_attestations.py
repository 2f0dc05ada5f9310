"""Bundles that do not hold, each for one fault: what gateways say (step 12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from packseal.records.bundle import Bundle
from packseal.records.cbor import Sign1, Value, decode, encode
from packseal.records.cose import ESP256
from tests.vectors.bundles_bad import Bad, Faults, made
from tests.vectors.bundles_bad_receipts import fields_of
from tests.vectors.scenes import scene
from tests.vectors.world import (
    GATEWAY,
    OTHER_GATEWAY,
    RECEIPT,
    SECURE_GATEWAY,
    attestation_of,
    attested,
    high_s,
)

ATTESTATION = "packseal/attestation/1"


def bad_attestation_bundles() -> list[Bad]:
    parts: list[tuple[str, Callable[[], Faults]]] = [
        ("8.12", _attestations),
        ("5.8", _attestation_numbers),
        ("1.1", _attestation_tags),
    ]
    return [made(fault, clause) for clause, faults in parts for fault in faults()]


def _attestations() -> Faults:
    s = scene()
    log = s.logs["example"]
    good = s.attestations["example"]
    fields, kid = fields_of(good), GATEWAY.key.kid

    yield "the attestation of another delivery", s.bundle(attestation=s.attestations["rotated"]), "receipt-mismatch"
    yield (
        "an attestation that the receipt does not name",
        s.bundle("secure", 5, acts=["bind secure"], attestation=good),
        "receipt-mismatch",
    )
    yield "an attestation altered", s.bundle(attestation=good[:-1] + bytes([good[-1] ^ 1])), "receipt-mismatch"
    yield (
        "an attestation not signed by the key it names",
        _attested(OTHER_GATEWAY.message(fields, ATTESTATION, kid=kid)),
        "bad-signature",
    )
    yield "an attestation signed as a receipt", _attested(GATEWAY.message(fields, RECEIPT, kid=kid)), "bad-signature"
    yield (
        "an attestation under algorithm ESP256",
        _attested(GATEWAY.message(fields, ATTESTATION, kid=kid, algorithm=ESP256)),
        "bad-signature",
    )
    high = attestation_of(log, log.size, SECURE_GATEWAY)
    items: Any = decode(high)
    *head, signature = items.items
    yield (
        "an attestation by a secure element with a high s",
        _attested(encode(Sign1([*head, high_s(lambda _message: signature)(b"")]))),
        "bad-signature",
    )
    yield (
        "an attestation of version 2",
        _attested(GATEWAY.message([2, *fields[1:]], ATTESTATION, kid=kid)),
        "unknown-version",
    )
    yield (
        "an attestation of another log",
        _attested(attestation_of(log, log.size, GATEWAY, log_id=bytes(16))),
        "receipt-mismatch",
    )
    yield (
        "an attestation of another size",
        _attested(attestation_of(log, 14, GATEWAY, root=log.root(17))),
        "receipt-mismatch",
    )
    yield (
        "an attestation of another root",
        _attested(attestation_of(log, 17, GATEWAY, root=bytes(32))),
        "receipt-mismatch",
    )


def _attestation_numbers() -> Faults:
    fields, kid = fields_of(scene().attestations["example"]), GATEWAY.key.kid
    faults: list[tuple[str, int, Value]] = [
        ("size 0", 2, 0),
        ("a negative time", 4, -1),
        ("clock 3", 5, 3),
        ("a negative error of its clock", 6, -1),
        ("a settings digest of 31 bytes", 7, bytes(31)),
        ("a negative count", 8, {1: -1}),
        ("a count of 2^63", 8, {1: 1 << 63}),
        ("counts in an array", 8, [1, 2]),
    ]
    for name, place, value in faults:
        content = GATEWAY.message([*fields[:place], value, *fields[place + 1 :]], ATTESTATION, kid=kid)
        yield f"an attestation with {name}", _attested(content), "malformed"


def _attestation_tags() -> Faults:
    fields = fields_of(scene().attestations["example"])
    tagged: list[tuple[str, Value]] = [("a tag", Sign1([])), ("a tag deep", [{1: Sign1([])}])]
    for name, value in tagged:
        content = GATEWAY.message([*fields[:8], {99: value}], ATTESTATION, kid=GATEWAY.key.kid)
        yield f"an attestation with {name} in a count that version 1 does not know", _attested(content), "malformed"


def _attested(content: bytes) -> Bundle:
    """The receipt does name these bytes."""
    return scene().receipt("odd", "example", **attested(content)).bundle(receipt="odd", attestation=content)
