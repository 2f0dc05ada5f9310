"""The trust list: whose certificates, rules and schemes count now, and what has been revoked.

Decides shape and signature (docs/recognition.md section 6). Whether it is fresh is for recognise.py, which has the
time. Its publisher's key comes to the reader from somebody he trusts, never with the list.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum

from packseal.records.acts import Cause
from packseal.records.cbor import Value, encode
from packseal.records.certificates import payload_fields, verified_payload
from packseal.records.checkpoint import FORMAT_VERSION
from packseal.records.cose import Sign, VerifyingKey, sign1
from packseal.records.fields import DIGEST_BYTES, malformed
from packseal.records.versions import (
    MAX_TEXT_BYTES,
    Named,
    Period,
    checked_id,
    checked_once,
    named_list,
    read_key,
    read_named,
    read_period,
)

TRUST_LIST_PURPOSE = "packseal/trust-list/1"
MAX_TRUST_LIST_BYTES = 1 << 20
MAX_LIFE_MS = 400 * 86_400_000  # a list that never expires could never revoke anything


class Revoked(IntEnum):
    """What a digest is of: the payload of a message, or for KEY a public key, whoever holds it."""

    CERTIFICATE, ACCREDITATION, RULE, KEY = range(1, 5)


@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """Its word counts for the schemes of its side, in this period."""

    side: str
    key: VerifyingKey
    name: str
    period: Period


@dataclass(frozen=True, slots=True)
class Party:
    """May sign rules for its side. id: of the organisation, whatever keys it has."""

    side: str
    id: str
    key: VerifyingKey
    name: str


@dataclass(frozen=True, slots=True)
class SchemeInForce:
    """digest: SHA-256 of the scheme's document."""

    side: str
    name: Named
    digest: bytes


@dataclass(frozen=True, slots=True)
class Revocation:
    """Whole and for all times: when something was signed is only its signer's word."""

    kind: Revoked
    digest: bytes
    cause: Cause


@dataclass(frozen=True, slots=True)
class TrustList:
    """sequence: rises with each list of this id. rules: those in force, each in one version."""

    id: str
    sequence: int
    issued_unix_ms: int
    expires_unix_ms: int
    anchors: tuple[TrustAnchor, ...]
    parties: tuple[Party, ...]
    schemes: tuple[SchemeInForce, ...]
    rules: tuple[Named, ...]
    revocations: tuple[Revocation, ...] = ()

    def revocation(self, kind: Revoked, digest: bytes) -> Revocation | None:
        return next((one for one in self.revocations if (one.kind, one.digest) == (kind, digest)), None)

    def key_revocation(self, key: VerifyingKey) -> Revocation | None:
        return self.revocation(Revoked.KEY, key_digest(key))

    def scheme(self, name: Named) -> SchemeInForce | None:
        return next((one for one in self.schemes if one.name == name), None)


def key_digest(key: VerifyingKey) -> bytes:
    return hashlib.sha256(key.public_key).digest()


def sign_trust_list(trust_list: TrustList, sign: Sign, key: VerifyingKey) -> bytes:
    """Raises TypeError, ValueError or EvidenceError(MALFORMED) for what a reader would refuse for its shape."""
    payload = encode([FORMAT_VERSION, _fields(trust_list)])
    read_trust_list(payload)
    content = sign1(payload, TRUST_LIST_PURPOSE, sign, key.kid, key.algorithm)
    _check_size(content)
    return content


def verify_trust_list(content: bytes, publisher: VerifyingKey) -> TrustList:
    """Signed by its publisher. Raises EvidenceError: MALFORMED, UNKNOWN_AUTHORITY, BAD_SIGNATURE, UNKNOWN_VERSION.
    Still for the caller: whether it is fresh."""
    _check_size(content)
    return read_trust_list(verified_payload(content, TRUST_LIST_PURPOSE, publisher))


def read_trust_list(payload: bytes) -> TrustList:
    """Whoever signed it. Raises EvidenceError: MALFORMED, UNKNOWN_VERSION."""
    fields = payload_fields(payload, 9)
    issued_unix_ms, expires_unix_ms = fields.uint(3), fields.uint(4)
    if not 0 < expires_unix_ms - issued_unix_ms <= MAX_LIFE_MS:
        raise malformed(f"a trust list expires within {MAX_LIFE_MS // 86_400_000} days of its issue")
    trust_list = TrustList(
        checked_id(fields.values[1], "the name of a trust list"),
        fields.uint(2),
        issued_unix_ms,
        expires_unix_ms,
        tuple(map(_read_anchor, fields.items(5))),
        tuple(map(_read_party, fields.items(6))),
        tuple(map(_read_scheme, fields.items(7))),
        tuple(map(read_named, fields.items(8))),
        tuple(map(_read_revocation, fields.items(9))),
    )
    _check_once(trust_list)
    return trust_list


def _check_once(trust_list: TrustList) -> None:
    checked_once("anchor's key", [one.key.public_key for one in trust_list.anchors])
    checked_once("party's key", [one.key.public_key for one in trust_list.parties])
    checked_once("scheme", [one.name for one in trust_list.schemes])
    checked_once("rule, or a rule in two versions", [one.id for one in trust_list.rules])
    checked_once("revocation", [(one.kind, one.digest) for one in trust_list.revocations])
    sides = {(one.id, one.side) for one in trust_list.parties}
    if len(sides) > len({name for name, _ in sides}):
        raise malformed("a party on two sides, which could sign a rule with itself")


def _fields(trust_list: TrustList) -> dict[int, Value]:
    one = trust_list
    anchors: list[Value] = [
        [a.side, a.key.algorithm, a.key.public_key, a.name, a.period.to_value()] for a in one.anchors
    ]
    parties: list[Value] = [[p.side, p.id, p.key.algorithm, p.key.public_key, p.name] for p in one.parties]
    schemes: list[Value] = [[s.side, s.name.id, s.name.version, s.digest] for s in one.schemes]
    revocations: list[Value] = [[int(r.kind), r.digest, int(r.cause)] for r in one.revocations]
    head: dict[int, Value] = {1: one.id, 2: one.sequence, 3: one.issued_unix_ms, 4: one.expires_unix_ms}
    return {**head, 5: anchors, 6: parties, 7: schemes, 8: named_list(one.rules), 9: revocations}


def _read_anchor(value: Value) -> TrustAnchor:
    match value:
        case [side, algorithm, public_key, str(name), period] if _is_text(name):
            key = read_key([algorithm, public_key])
            return TrustAnchor(checked_id(side, "a side"), key, name, read_period(period))
    raise malformed("an anchor is [side, algorithm, public_key, name, period]")


def _read_party(value: Value) -> Party:
    match value:
        case [side, party, algorithm, public_key, str(name)] if _is_text(name):
            key = read_key([algorithm, public_key])
            return Party(checked_id(side, "a side"), checked_id(party, "a party"), key, name)
    raise malformed("a party is [side, party, algorithm, public_key, name]")


def _read_scheme(value: Value) -> SchemeInForce:
    match value:
        case [side, scheme, version, bytes(digest)] if len(digest) == DIGEST_BYTES:
            return SchemeInForce(checked_id(side, "a side"), read_named([scheme, version]), digest)
    raise malformed("a scheme in force is [side, scheme, version, SHA-256]")


def _read_revocation(value: Value) -> Revocation:
    match value:
        case [int(kind), bytes(digest), int(cause)] if kind in set(Revoked) and cause in set(Cause):
            if len(digest) == DIGEST_BYTES:
                return Revocation(Revoked(kind), digest, Cause(cause))
    raise malformed("a revocation is [kind, SHA-256, cause]")


def _is_text(text: str) -> bool:
    return 0 < len(text.encode()) <= MAX_TEXT_BYTES


def _check_size(content: bytes) -> None:
    if len(content) > MAX_TRUST_LIST_BYTES:
        raise malformed(f"a trust list of {len(content)} bytes; the limit is {MAX_TRUST_LIST_BYTES}")
