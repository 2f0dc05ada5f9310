"""Certificates and accreditations: what certification bodies sign, and who let them (docs/recognition.md 1 to 3).

Decides shape and signature of one message; field names are those of the UN Transparency Protocol's conformity
credential. Whether the signer is trusted, and what a certificate is worth elsewhere, is for exchange/recognition/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from packseal.errors import EvidenceError, Reason
from packseal.records.cbor import Value, encode
from packseal.records.checkpoint import FORMAT_VERSION, versioned
from packseal.records.cose import Sign, VerifyingKey, sign1, unverified_kid, verify1
from packseal.records.fields import Fields, malformed
from packseal.records.versions import (
    MAX_TEXT_BYTES,
    Named,
    Period,
    Scope,
    checked_id,
    checked_once,
    key_value,
    named_list,
    read_digests,
    read_key,
    read_named,
    read_named_list,
    read_period,
    read_scope,
)

CERTIFICATE_PURPOSE = "packseal/certificate/1"
ACCREDITATION_PURPOSE = "packseal/accreditation/1"
MAX_CERTIFICATE_BYTES = 1 << 14
MAX_ACCREDITATION_BYTES = 1 << 13
MAX_ASSESSMENTS = 256
MAX_EVIDENCE = 16


class SubjectKind(IntEnum):
    PACK, LOG, BOARD, OPERATOR, SOFTWARE = range(1, 6)


class Outcome(IntEnum):
    """Of one criterion. PARTIAL is less than MET for everybody, whatever else is met."""

    MET, PARTIAL, NOT_MET = range(1, 4)


class AttestationType(IntEnum):
    CERTIFICATION, DECLARATION, INSPECTION, TESTING, VERIFICATION, VALIDATION, CALIBRATION = range(1, 8)


class AssessorLevel(IntEnum):
    """What the assessor is to whoever is assessed."""

    UNSPECIFIED, SELF, MEMBERSHIP, BUYER, COMMERCIAL, THIRD_PARTY = range(6)


class AssessmentLevel(IntEnum):
    """Whose authority stands behind the assessment. The order, weakest first, is this format's own rule."""

    UNSPECIFIED, VALIDATED, VERIFIED, ACCREDITED, GLOBAL_MRA, GOVT_APPROVAL = range(6)


class May(IntEnum):
    """What an accreditation lets its holder do."""

    ACCREDIT, CERTIFY = range(1, 3)


ASSESSOR_WORDS: Mapping[AssessorLevel, str] = {
    AssessorLevel.UNSPECIFIED: "Unspecified",
    AssessorLevel.SELF: "Self",
    AssessorLevel.MEMBERSHIP: "Membership",
    AssessorLevel.BUYER: "Buyer",
    AssessorLevel.COMMERCIAL: "Commercial",
    AssessorLevel.THIRD_PARTY: "3rdParty",
}
LEVEL_WORDS: Mapping[AssessmentLevel, str] = {
    AssessmentLevel.UNSPECIFIED: "Unspecified",
    AssessmentLevel.VALIDATED: "Validated",
    AssessmentLevel.VERIFIED: "Verified",
    AssessmentLevel.ACCREDITED: "Accredited",
    AssessmentLevel.GLOBAL_MRA: "GlobalMRA",
    AssessmentLevel.GOVT_APPROVAL: "GovtApproval",
}
SUBJECT_BYTES: Mapping[SubjectKind, tuple[int, ...]] = {
    SubjectKind.PACK: (16,),
    SubjectKind.LOG: (16,),
    SubjectKind.BOARD: (32, 64),
    SubjectKind.SOFTWARE: (32,),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """id: a passport id, a log id, a board's public key, the SHA-256 of software; of an operator an identifier such as
    `bpnl:BPNL000000000001`."""

    kind: SubjectKind
    id: bytes | str

    def __str__(self) -> str:
        return f"{self.kind.name.lower()} {self.id.hex() if isinstance(self.id, bytes) else self.id}"


@dataclass(frozen=True, slots=True)
class Assessment:
    criterion: Named
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Certificate:
    """id: the issuer's number of it. issued_to: identifier of the party. evidence: SHA-256 of files that show it."""

    id: str
    subject: Subject
    scope: Scope
    issued_to: str
    attestation_type: AttestationType
    assessor_level: AssessorLevel
    assessment_level: AssessmentLevel
    period: Period
    assessments: tuple[Assessment, ...]
    evidence: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Accreditation:
    """For these versions of schemes its holder may accredit or certify, up to this assessment level."""

    id: str
    holder: VerifyingKey
    name: str
    may: May
    schemes: tuple[Named, ...]
    highest_level: AssessmentLevel
    period: Period


def sign_certificate(certificate: Certificate, sign: Sign, key: VerifyingKey) -> bytes:
    """Raises TypeError, ValueError or EvidenceError(MALFORMED) for what a reader would refuse for its shape."""
    payload = encode([FORMAT_VERSION, _certificate_fields(certificate)])
    read_certificate(payload)
    return _within(sign1(payload, CERTIFICATE_PURPOSE, sign, key.kid, key.algorithm), MAX_CERTIFICATE_BYTES)


def verify_certificate(content: bytes, key: VerifyingKey) -> Certificate:
    """Signed by this key, whose right to do so is for the caller. Raises EvidenceError: MALFORMED, UNKNOWN_AUTHORITY,
    BAD_SIGNATURE, UNKNOWN_VERSION."""
    return read_certificate(verified_payload(_within(content, MAX_CERTIFICATE_BYTES), CERTIFICATE_PURPOSE, key))


def sign_accreditation(accreditation: Accreditation, sign: Sign, key: VerifyingKey) -> bytes:
    """Raises as sign_certificate does."""
    payload = encode([FORMAT_VERSION, _accreditation_fields(accreditation)])
    read_accreditation(payload)
    return _within(sign1(payload, ACCREDITATION_PURPOSE, sign, key.kid, key.algorithm), MAX_ACCREDITATION_BYTES)


def verify_accreditation(content: bytes, key: VerifyingKey) -> Accreditation:
    """Raises as verify_certificate does."""
    return read_accreditation(verified_payload(_within(content, MAX_ACCREDITATION_BYTES), ACCREDITATION_PURPOSE, key))


def verified_payload(content: bytes, purpose: str, key: VerifyingKey) -> bytes:
    """Of a message that names this key and is signed by it. Raises EvidenceError: MALFORMED, UNKNOWN_AUTHORITY,
    BAD_SIGNATURE."""
    kid = unverified_kid(content)
    if kid != key.kid:
        named = kid.hex() if kid else "nobody"
        raise EvidenceError(Reason.UNKNOWN_AUTHORITY, f"it names key {named} as its signer, not {key.kid.hex()}")
    return verify1(content, purpose, key)


def payload_fields(payload: bytes, count: int) -> Fields:
    """The one closed map, keys 1 to count, behind the version. Raises EvidenceError: MALFORMED, UNKNOWN_VERSION."""
    match versioned(payload):
        case [dict(values)]:
            fields = Fields(values)
            fields.only(*range(1, count + 1))
            return fields
    raise malformed("what is signed is [1, fields]")


def read_certificate(payload: bytes) -> Certificate:
    """Whoever signed it. Raises EvidenceError: MALFORMED, UNKNOWN_VERSION."""
    fields = payload_fields(payload, 10)
    return Certificate(
        checked_id(fields.values[1], "the number of a certificate"),
        read_subject(fields.values[2]),
        read_scope(fields.values[3]),
        checked_id(fields.values[4], "whom it is issued to"),
        AttestationType(fields.uint(5, min(AttestationType), max(AttestationType))),
        AssessorLevel(fields.uint(6, 0, max(AssessorLevel))),
        AssessmentLevel(fields.uint(7, 0, max(AssessmentLevel))),
        read_period(fields.values[8]),
        _read_assessments(fields.items(9)),
        read_digests(fields.items(10), MAX_EVIDENCE),
    )


def read_accreditation(payload: bytes) -> Accreditation:
    """Raises as read_certificate does."""
    fields = payload_fields(payload, 7)
    return Accreditation(
        checked_id(fields.values[1], "the number of an accreditation"),
        read_key(fields.values[2]),
        fields.text(3, MAX_TEXT_BYTES),
        May(fields.uint(4, min(May), max(May))),
        read_named_list(fields.items(5), "scheme"),
        AssessmentLevel(fields.uint(6, 0, max(AssessmentLevel))),
        read_period(fields.values[7]),
    )


def subject_value(subject: Subject) -> Value:
    return [int(subject.kind), subject.id]


def read_subject(value: Value) -> Subject:
    """Raises EvidenceError(MALFORMED)."""
    match value:
        case [SubjectKind.OPERATOR, str(identifier)]:
            return Subject(SubjectKind.OPERATOR, checked_id(identifier, "an operator"))
        case [int(kind), bytes(content)] if kind in SUBJECT_BYTES and len(content) in SUBJECT_BYTES[SubjectKind(kind)]:
            return Subject(SubjectKind(kind), content)
    raise malformed("a subject is [kind, id], and its id of the kind's length")


def _read_assessments(items: list[Value]) -> tuple[Assessment, ...]:
    found = tuple(map(_read_assessment, items))
    if not 0 < len(found) <= MAX_ASSESSMENTS:
        raise malformed(f"a certificate has 1 to {MAX_ASSESSMENTS} assessments, not {len(found)}")
    checked_once("criterion", [one.criterion.id for one in found])
    return found


def _read_assessment(value: Value) -> Assessment:
    match value:
        case [criterion, version, int(outcome)] if outcome in set(Outcome):
            return Assessment(read_named([criterion, version]), Outcome(outcome))
    raise malformed("an assessment is [criterion, version, outcome from 1 to 3]")


def _certificate_fields(certificate: Certificate) -> dict[int, Value]:
    c = certificate
    return {
        1: c.id,
        2: subject_value(c.subject),
        3: c.scope.to_value(),
        4: c.issued_to,
        5: int(c.attestation_type),
        6: int(c.assessor_level),
        7: int(c.assessment_level),
        8: c.period.to_value(),
        9: [[one.criterion.id, one.criterion.version, int(one.outcome)] for one in c.assessments],
        10: list(c.evidence),
    }


def _accreditation_fields(accreditation: Accreditation) -> dict[int, Value]:
    a = accreditation
    head: dict[int, Value] = {1: a.id, 2: key_value(a.holder), 3: a.name, 4: int(a.may), 5: named_list(a.schemes)}
    return {**head, 6: int(a.highest_level), 7: a.period.to_value()}


def _within(content: bytes, limit: int) -> bytes:
    if len(content) > limit:
        raise malformed(f"a message of {len(content)} bytes; the limit is {limit}")
    return content
