"""recognition.json: certificates, accreditations, schemes, rules, trust lists and decisions, good and bad.

Two made-up sides with a scheme each. Everything is from fixed keys and numbers, and every part can be made to lie.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from packseal.exchange.recognition.decision import Question
from packseal.exchange.recognition.equivalence import (
    EQUIVALENCE_PURPOSE,
    Coverage,
    EquivalenceRule,
    Mapping,
    SignedRule,
    sign_rule,
)
from packseal.exchange.recognition.papers import Certified, Papers, RuleBook
from packseal.exchange.recognition.recognise import recognise
from packseal.exchange.recognition.scheme import Criterion, Profile, Scheme, scheme_digest
from packseal.exchange.recognition.trust_list import (
    TRUST_LIST_PURPOSE,
    Party,
    SchemeInForce,
    TrustAnchor,
    TrustList,
    sign_trust_list,
)
from packseal.records.acts import Cause
from packseal.records.cbor import Value, decode, encode
from packseal.records.certificates import (
    ACCREDITATION_PURPOSE,
    CERTIFICATE_PURPOSE,
    Accreditation,
    Assessment,
    AssessmentLevel,
    AssessorLevel,
    AttestationType,
    Certificate,
    May,
    Outcome,
    Subject,
    SubjectKind,
    sign_accreditation,
    sign_certificate,
)
from packseal.records.cose import ESP256, unverified_payload
from packseal.records.versions import Named, Period, Scope
from tests.vectors.bundles_bad import EDDSA
from tests.vectors.world import DIGEST, START_UNIX_MS, Actor

DAY_MS = 86_400_000
NOW_UNIX_MS = START_UNIX_MS + 100 * DAY_MS
YEAR = Period(START_UNIX_MS, START_UNIX_MS + 365 * DAY_MS)

PUBLISHER, ANCHOR, BODY, OTHER_BODY = Actor(40), Actor(41), Actor(42), Actor(43, ESP256)
EAST_PARTY, WEST_PARTY, EAST_SECOND, WEST_ANCHOR = Actor(44), Actor(45, ESP256), Actor(46), Actor(47)
STRANGER, THIRD_PARTY, THIRD_ANCHOR = Actor(48), Actor(49), Actor(50)
EAST, WEST, THIRD = "ouranos", "catena-x", "third"

QUALITY, VERIFIED, SITE_WIDE = Named("e.data-quality", "1.0"), Named("e.third-party", "1.0"), Named("e.site", "1.0")
W_QUALITY, W_VERIFIED = Named("w.primary-data", "2.1"), Named("w.verified", "3")
T_QUALITY = Named("t.quality", "1")
EAST_SCOPE = Scope(Named("example.ouranos-cfp", "1.0"), Named("traceable", "1.0"))
WEST_SCOPE = Scope(Named("example.catena-x-pcf", "2.0"), Named("product", "1.0"))
THIRD_SCOPE = Scope(Named("example.third", "1"), Named("all", "1"))
PACK = Subject(SubjectKind.PACK, bytes(range(16)))
SUBJECTS = (
    PACK,
    Subject(SubjectKind.LOG, bytes(16)),
    Subject(SubjectKind.BOARD, ANCHOR.public_key),
    Subject(SubjectKind.BOARD, OTHER_BODY.public_key),
    Subject(SubjectKind.OPERATOR, "bpnl:BPNL000000000001"),
    Subject(SubjectKind.SOFTWARE, DIGEST),
)

EAST_SCHEME = Scheme(
    EAST_SCOPE.scheme,
    "Carbon footprint of batteries, traced",
    EAST,
    (
        Criterion(QUALITY, "data quality rated"),
        Criterion(VERIFIED, "verified by a third party"),
        Criterion(SITE_WIDE, "one site"),
    ),
    (Profile(EAST_SCOPE.profile, (QUALITY, VERIFIED, SITE_WIDE), AssessmentLevel.VERIFIED),),
)
WEST_SCHEME = Scheme(
    WEST_SCOPE.scheme,
    "Product carbon footprint, verified",
    WEST,
    (Criterion(W_QUALITY, "share of primary data"), Criterion(W_VERIFIED, "verification")),
    (Profile(WEST_SCOPE.profile, (W_QUALITY, W_VERIFIED), AssessmentLevel.VERIFIED),),
)
THIRD_SCHEME = Scheme(
    THIRD_SCOPE.scheme,
    "Another one",
    THIRD,
    (Criterion(T_QUALITY, "quality"),),
    (Profile(THIRD_SCOPE.profile, (T_QUALITY,), AssessmentLevel.UNSPECIFIED),),
)
SCHEMES = (EAST_SCHEME, WEST_SCHEME, THIRD_SCHEME)

CERTIFICATE = Certificate(
    "C-2027-114",
    PACK,
    EAST_SCOPE,
    "corporate-number:1234567890123",
    AttestationType.CERTIFICATION,
    AssessorLevel.THIRD_PARTY,
    AssessmentLevel.ACCREDITED,
    YEAR,
    tuple(Assessment(one, Outcome.MET) for one in (QUALITY, VERIFIED, SITE_WIDE)),
    (DIGEST,),
)
ACCREDITS = Accreditation(
    "A-1", BODY.key, "Accreditation East", May.ACCREDIT, (EAST_SCOPE.scheme,), AssessmentLevel.GLOBAL_MRA, YEAR
)
CERTIFIES = Accreditation(
    "A-2", OTHER_BODY.key, "Certification East", May.CERTIFY, (EAST_SCOPE.scheme,), AssessmentLevel.ACCREDITED, YEAR
)
RULE = EquivalenceRule(
    Named("cfp-east-west", "1.0"),
    EAST_SCOPE,
    WEST_SCOPE,
    (Mapping(W_QUALITY, (QUALITY,), Coverage.FULL), Mapping(W_VERIFIED, (VERIFIED, SITE_WIDE), Coverage.FULL)),
    AssessmentLevel.VERIFIED,
    frozenset({AttestationType.CERTIFICATION, AttestationType.VERIFICATION}),
    frozenset({AssessorLevel.THIRD_PARTY}),
    YEAR,
)
ONWARD = replace(
    RULE,
    name=Named("west-third", "1"),
    source=WEST_SCOPE,
    target=THIRD_SCOPE,
    mappings=(Mapping(T_QUALITY, (W_QUALITY,), Coverage.FULL),),
)
TRUST_LIST = TrustList(
    "example.recognition",
    7,
    NOW_UNIX_MS - DAY_MS,
    NOW_UNIX_MS + 30 * DAY_MS,
    (
        TrustAnchor(EAST, ANCHOR.key, "Anchor East", YEAR),
        TrustAnchor(WEST, WEST_ANCHOR.key, "Anchor West", YEAR),
        TrustAnchor(THIRD, THIRD_ANCHOR.key, "Anchor of others", YEAR),
    ),
    (
        Party(EAST, "e-owner", EAST_PARTY.key, "Owner East"),
        Party(EAST, "e-second", EAST_SECOND.key, "Second East"),
        Party(WEST, "w-owner", WEST_PARTY.key, "Owner West"),
        Party(THIRD, "t-owner", THIRD_PARTY.key, "Owner of others"),
    ),
    tuple(SchemeInForce(one.side, one.name, scheme_digest(one.to_bytes())) for one in SCHEMES),
    (RULE.name, ONWARD.name),
)


@dataclass(frozen=True)
class Case:
    """Everything a decision rests on; each part can be another."""

    certificate: Certificate = CERTIFICATE
    issuer: Actor = OTHER_BODY
    chain: tuple[tuple[Accreditation, Actor], ...] = ((ACCREDITS, ANCHOR), (CERTIFIES, BODY))
    schemes: tuple[Scheme, ...] = SCHEMES
    rules: tuple[tuple[EquivalenceRule, tuple[Actor, ...]], ...] = (
        (RULE, (EAST_PARTY, WEST_PARTY)),
        (ONWARD, (WEST_PARTY, THIRD_PARTY)),
    )
    trust: TrustList = TRUST_LIST

    def certified(self) -> Certified:
        signed = sign_certificate(self.certificate, self.issuer.sign, self.issuer.key)
        return Certified(signed, tuple(sign_accreditation(one, by.sign, by.key) for one, by in self.chain))

    def book(self) -> RuleBook:
        documents = tuple(one.to_bytes() for one in self.schemes)
        return RuleBook(documents, tuple(signed_rule(rule, *by) for rule, by in self.rules))

    def papers(self) -> Papers:
        trust = sign_trust_list(self.trust, PUBLISHER.sign, PUBLISHER.key)
        return Papers(self.certified().to_bytes(), self.book().to_bytes(), trust, PUBLISHER.key)


def signed_rule(rule: EquivalenceRule, first: Actor, *more: Actor) -> SignedRule:
    signed = sign_rule(rule, first.sign, first.key)
    for other in more:
        signed = signed.with_signature(other.sign, other.key)
    return signed


def in_force(schemes: tuple[Scheme, ...]) -> tuple[SchemeInForce, ...]:
    return tuple(SchemeInForce(one.side, one.name, scheme_digest(one.to_bytes())) for one in schemes)


# ---- the corpus

Fault = tuple[str, str, bytes, str]  # kind, name, content, reason


def recognition_vectors() -> dict[str, Any]:
    return {
        "keys": {
            name: {"public_key": actor.public_key.hex(), "algorithm": actor.key.algorithm}
            for name, actor in {
                "publisher": PUBLISHER, "anchor": ANCHOR, "accreditation body": BODY, "certification body": OTHER_BODY,
                "party of the one side": EAST_PARTY, "party of the other": WEST_PARTY,
            }.items()
        },
        "good": [{"kind": kind, "name": name, "content": content.hex()} for kind, name, content in _good()],
        "bad": [
            {"kind": kind, "name": name, "content": content.hex(), "reason": reason}
            for kind, name, content, reason in (*_messages(), *_fields())
        ],
        "decisions": [_decision(name, case, question) for name, case, question in decisions()],
    }  # fmt: skip


def _good() -> Iterator[tuple[str, str, bytes]]:
    for subject in SUBJECTS:
        content = sign_certificate(replace(CERTIFICATE, subject=subject), OTHER_BODY.sign, OTHER_BODY.key)
        yield "certificate", f"of {subject.kind.name.lower()} {len(subject.id)}", content
    yield "accreditation", "of a body that accredits", sign_accreditation(ACCREDITS, ANCHOR.sign, ANCHOR.key)
    yield "scheme", "of three criteria", EAST_SCHEME.to_bytes()
    yield "rule", "signed by both sides", encode(signed_rule(RULE, EAST_PARTY, WEST_PARTY).to_value())
    yield "trust-list", "without revocations", sign_trust_list(TRUST_LIST, PUBLISHER.sign, PUBLISHER.key)
    yield "certified", "with two accreditations", Case().certified().to_bytes()
    yield "rules", "of three schemes and two rules", Case().book().to_bytes()


def decisions() -> Iterator[tuple[str, Case, Question]]:
    asked = Question(WEST_SCOPE, PACK)
    yield "recognised by a rule of two sides", Case(), asked
    yield "recognised under its own scheme", Case(), Question(EAST_SCOPE, PACK)
    partial = (Assessment(QUALITY, Outcome.PARTIAL), *CERTIFICATE.assessments[1:])
    yield "a criterion met in part", Case(replace(CERTIFICATE, assessments=partial)), asked
    yield "no rule joins two rules", Case(), Question(THIRD_SCOPE)
    stale = replace(TRUST_LIST, issued_unix_ms=NOW_UNIX_MS - 3 * DAY_MS, expires_unix_ms=NOW_UNIX_MS)
    yield "a stale trust list", Case(trust=stale), asked


def _decision(name: str, case: Case, question: Question) -> dict[str, Any]:
    papers = case.papers()
    decision = recognise(papers, question, NOW_UNIX_MS)
    return {
        "name": name,
        "certified": papers.certified.hex(),
        "rules": papers.rules.hex(),
        "trust_list": papers.trust_list.hex(),
        "decision": decision.to_bytes().hex(),
        "reason": str(decision.refusal) if decision.refusal else None,
    }


# ---- bad


@dataclass(frozen=True)
class Kind:
    name: str
    purpose: str
    by: Actor
    payload: bytes


def kinds() -> tuple[Kind, ...]:
    certificate = sign_certificate(CERTIFICATE, OTHER_BODY.sign, OTHER_BODY.key)
    accreditation = sign_accreditation(ACCREDITS, ANCHOR.sign, ANCHOR.key)
    trust = sign_trust_list(TRUST_LIST, PUBLISHER.sign, PUBLISHER.key)
    return (
        Kind("certificate", CERTIFICATE_PURPOSE, OTHER_BODY, unverified_payload(certificate)),
        Kind("accreditation", ACCREDITATION_PURPOSE, ANCHOR, unverified_payload(accreditation)),
        Kind("trust-list", TRUST_LIST_PURPOSE, PUBLISHER, unverified_payload(trust)),
    )


def message(kind: Kind, payload: Value, by: Actor | None = None, **header: Any) -> bytes:
    signer = by or kind.by
    return signer.message(payload, header.pop("purpose", kind.purpose), **{"kid": kind.by.key.kid, **header})


def _messages() -> Iterator[Fault]:
    for kind in kinds():
        payload = decode(kind.payload)
        good = message(kind, payload)
        yield kind.name, "nothing", b"", "malformed"
        yield kind.name, "without its last byte", good[:-1], "malformed"
        yield kind.name, "and a byte", good + b"\0", "malformed"
        yield kind.name, "that names no key", message(kind, payload, kid=None), "unknown-authority"
        yield kind.name, "by a stranger", message(kind, payload, kid=STRANGER.key.kid), "unknown-authority"
        yield kind.name, "by another than it names", message(kind, payload, _like(kind.by)), "bad-signature"
        yield kind.name, "signed as an act", message(kind, payload, purpose="packseal/act/1"), "bad-signature"
        yield kind.name, "under algorithm EdDSA", message(kind, payload, algorithm=EDDSA), "bad-signature"
        yield kind.name, "an altered signature", good[:-1] + bytes([good[-1] ^ 1]), "bad-signature"
        assert isinstance(payload, list)
        yield kind.name, "of version 2", message(kind, [2, *payload[1:]]), "unknown-version"
        yield kind.name, "of three parts", message(kind, [*payload, 0]), "malformed"
        yield kind.name, "of a number", message(kind, 1), "malformed"


def _like(actor: Actor) -> Actor:
    return Actor(60, actor.key.algorithm)


def _fields() -> Iterator[Fault]:
    changes: dict[str, Callable[[], Iterator[tuple[str, int, Value]]]] = {
        "certificate": _certificate_faults,
        "accreditation": _accreditation_faults,
        "trust-list": _trust_list_faults,
    }
    for kind in kinds():
        for name, key, value in changes[kind.name]():
            yield kind.name, name, message(kind, [1, changed(kind.payload, key, value)]), "malformed"
    for name, key, value in _scheme_faults():
        yield "scheme", name, encode([1, changed(EAST_SCHEME.to_bytes(), key, value)]), "malformed"
    for name, key, value in _rule_faults():
        payload = encode([1, changed(RULE.to_bytes(), key, value)])
        signed = [by.message(decode(payload), EQUIVALENCE_PURPOSE, kid=by.key.kid) for by in (EAST_PARTY, WEST_PARTY)]
        yield "rule", name, encode(list(signed)), "malformed"
    one, other = (signed_rule(rule, EAST_PARTY).messages[0] for rule in (RULE, ONWARD))
    yield "rule", "two messages that say different things", encode([one, other]), "malformed"
    yield "rule", "of no message", encode([]), "malformed"
    yield "rule", "of three messages", encode([one, one, one]), "malformed"


def changed(payload: bytes, key: int, value: Value) -> Value:
    """The fields with another value of one; without it where the value is None."""
    items = decode(payload)
    assert isinstance(items, list)
    fields = items[1]
    assert isinstance(fields, dict)
    return {one: kept for one, kept in (fields | {key: value}).items() if one != key or value is not None}


def _certificate_faults() -> Iterator[tuple[str, int, Value]]:
    yield from _names("a number", 1)
    yield "without its subject", 2, None
    yield "a subject of kind 0", 2, [0, bytes(16)]
    yield "a subject of kind 6", 2, [6, bytes(16)]
    yield "a pack of 15 bytes", 2, [1, bytes(15)]
    yield "a board of 33 bytes", 2, [3, bytes(33)]
    yield "an operator in bytes", 2, [4, b"bpnl"]
    yield "a pack in text", 2, [1, "pack"]
    yield "a scope of three parts", 3, ["a", "1", "b"]
    yield "a scope without a version", 3, ["a", "", "b", "1"]
    yield "an attestation type 0", 5, 0
    yield "an attestation type 8", 5, 8
    yield "an assessor level 6", 6, 6
    yield "an assessment level 6", 7, 6
    yield from _periods(8)
    yield "without assessments", 9, []
    yield "an outcome 0", 9, [["a", "1", 0]]
    yield "an outcome 4", 9, [["a", "1", 4]]
    yield "a criterion in two versions", 9, [["a", "1", 1], ["a", "2", 1]]
    yield "evidence of 31 bytes", 10, [bytes(31)]
    yield "evidence twice", 10, [DIGEST, DIGEST]
    yield "17 of evidence", 10, [hashlib.sha256(bytes([n])).digest() for n in range(17)]
    yield "a field too many", 11, 1


def _accreditation_faults() -> Iterator[tuple[str, int, Value]]:
    yield from _names("a number", 1)
    yield "a holder of 31 bytes", 2, [-19, bytes(31)]
    yield "a holder of another algorithm", 2, [-8, bytes(32)]
    yield "without a name", 3, ""
    yield "that lets do nothing", 4, 0
    yield "that lets do 3", 4, 3
    yield "for no scheme", 5, []
    yield "for a scheme twice", 5, [["a", "1"], ["a", "1"]]
    yield "up to level 6", 6, 6
    yield from _periods(7)
    yield "a field too many", 8, 1


def _trust_list_faults() -> Iterator[tuple[str, int, Value]]:
    yield from _names("a name", 1)
    yield "a sequence below 0", 2, -1
    yield "that expires when it is issued", 4, TRUST_LIST.issued_unix_ms
    yield "that holds longer than 400 days", 4, TRUST_LIST.issued_unix_ms + 400 * DAY_MS + 1
    anchor: list[Value] = [EAST, -19, ANCHOR.public_key, "A", YEAR.to_value()]
    yield "an anchor of four parts", 5, [anchor[:4]]
    yield "an anchor twice", 5, [anchor, anchor]
    party: list[Value] = [EAST, "p", -19, EAST_PARTY.public_key, "P"]
    yield "a party's key twice", 6, [party, [WEST, "q", *party[2:]]]
    yield "a party on two sides", 6, [party, [WEST, "p", -19, ANCHOR.public_key, "P"]]
    scheme: list[Value] = [EAST, "s", "1", DIGEST]
    yield "a scheme twice", 7, [scheme, [WEST, "s", "1", bytes(32)]]
    yield "a scheme with a digest of 31 bytes", 7, [[EAST, "s", "1", bytes(31)]]
    yield "a rule in two versions", 8, [["r", "1"], ["r", "2"]]
    yield "a revocation of kind 5", 9, [[5, DIGEST, 0]]
    yield "a revocation of cause 3", 9, [[1, DIGEST, len(Cause)]]
    yield "a revocation twice", 9, [[1, DIGEST, 0], [1, DIGEST, 1]]
    yield "a field too many", 10, 1


def _scheme_faults() -> Iterator[tuple[str, int, Value]]:
    criterion: Value = ["a", "1", "A"]
    yield "without a version", 1, ["s"]
    yield "without a title", 2, ""
    yield from _names("a side", 3)
    yield "without criteria", 4, []
    yield "a criterion in two versions", 4, [criterion, ["a", "2", "A"]]
    yield "a criterion without a title", 4, [["a", "1", ""]]
    yield "without profiles", 5, []
    yield "a profile of a criterion that is none", 5, [["p", "1", [["x", "1"]], 0]]
    yield "a profile of a criterion in another version", 5, [["p", "1", [[QUALITY.id, "2"]], 0]]
    yield "a profile of level 6", 5, [["p", "1", [[QUALITY.id, QUALITY.version]], 6]]
    yield "a field too many", 6, 1


def _rule_faults() -> Iterator[tuple[str, int, Value]]:
    yield "to where it comes from", 3, EAST_SCOPE.to_value()
    yield "without mappings", 4, []
    yield "a mapping by nothing", 4, [["a", "1", [], 1]]
    yield "a mapping with coverage 3", 4, [["a", "1", [["b", "1"]], 3]]
    yield "a criterion in two versions", 4, [["a", "1", [["b", "1"]], 1], ["a", "2", [["b", "1"]], 1]]
    yield "level 6", 5, 6
    yield "for no type", 6, []
    yield "types out of order", 6, [2, 1]
    yield "a type 8", 6, [8]
    yield "an assessor level 6", 7, [6]
    yield from _periods(8)
    yield "a field too many", 9, 1


def _names(what: str, key: int) -> Iterator[tuple[str, int, Value]]:
    yield f"{what} of nothing", key, ""
    yield f"{what} with a blank", key, "a b"
    yield f"{what} with an @", key, "a@b"
    yield f"{what} of 256 characters", key, "a" * 256
    yield f"{what} beyond ASCII", key, "ä"


def _periods(key: int) -> Iterator[tuple[str, int, Value]]:
    yield "a period of nothing", key, [5, 5]
    yield "a period that ends before it begins", key, [5, 4]
    yield "a period from before 1970", key, [-1, 4]
    yield "a period until 2^63", key, [0, 1 << 63]
