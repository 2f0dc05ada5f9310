"""What a person writes before it is signed, as TOML: certificates, accreditations, schemes, rules, trust lists.

Decides how their fields are called in a file (docs/recognition.md section 11). Limits are those of the signed forms.
"""

from __future__ import annotations

from collections.abc import Mapping as Words
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AwareDatetime, BeforeValidator, Field, model_validator

from packseal.errors import EvidenceError
from packseal.exchange.recognition.equivalence import Coverage, EquivalenceRule, Mapping
from packseal.exchange.recognition.scheme import MAX_SCHEME_BYTES, Criterion, Profile, Scheme, scheme_digest
from packseal.exchange.recognition.trust_list import (
    Party,
    Revocation,
    Revoked,
    SchemeInForce,
    TrustAnchor,
    TrustList,
    key_digest,
)
from packseal.io.files import read_bounded
from packseal.io.setting_types import AnyPublicKey, Below, Table, from_hex
from packseal.records.acts import Cause
from packseal.records.certificates import (
    ASSESSOR_WORDS,
    LEVEL_WORDS,
    SUBJECT_BYTES,
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
)
from packseal.records.cose import ED25519, ESP256, VerifyingKey
from packseal.records.versions import Named, Period, Scope, checked_id, read_named

Member = TypeVar("Member", bound=IntEnum)


def named_of(text: object) -> Named:
    """Raises ValueError for what is not written name@version."""
    name, _, version = text.rpartition("@") if isinstance(text, str) else ("", "", "")
    try:
        return read_named([name, version])
    except EvidenceError:
        raise ValueError(f"{text!r:.80}: expected name@version, both of printable ASCII") from None


def subject_of(text: object) -> Subject:
    """Raises ValueError for what is not written `pack 3f…`, `operator bpnl:…` and the like."""
    word, _, identifier = text.partition(" ") if isinstance(text, str) else ("", "", "")
    kinds = {kind.name.lower(): kind for kind in SubjectKind}
    kind = kinds.get(word)
    if kind is None:
        raise ValueError(f"{text!r:.80}: expected one of {', '.join(kinds)}, a blank, and its id")
    if kind is SubjectKind.OPERATOR:
        return Subject(kind, _operator(identifier))
    try:
        content = bytes.fromhex(identifier)
    except ValueError:
        content = b""
    if len(content) not in SUBJECT_BYTES[kind]:
        digits = " or ".join(str(2 * length) for length in SUBJECT_BYTES[kind])
        raise ValueError(f"{identifier!r:.80}: expected {digits} hexadecimal digits of a {word}")
    return Subject(kind, content)


def key_of(public_key: bytes) -> VerifyingKey:
    return VerifyingKey(public_key, ED25519 if len(public_key) == 32 else ESP256)


def _operator(identifier: str) -> str:
    try:
        return checked_id(identifier, "an operator")
    except EvidenceError:
        raise ValueError(f"{identifier!r:.80}: expected an identifier such as bpnl:BPNL000000000001") from None


def _one_of(words: Words[str, Member]) -> BeforeValidator:
    def convert(text: object) -> Member:
        if not isinstance(text, str) or text not in words:
            raise ValueError(f"{text!r:.40}: expected one of {', '.join(words)}")
        return words[text]

    return BeforeValidator(convert)


def _lower(members: type[Member]) -> dict[str, Member]:
    return {member.name.lower().replace("_", "-"): member for member in members}


Name = Annotated[Named, BeforeValidator(named_of)]
Who = Annotated[Subject, BeforeValidator(subject_of)]
Level = Annotated[AssessmentLevel, _one_of({word: level for level, word in LEVEL_WORDS.items()})]
Assessor = Annotated[AssessorLevel, _one_of({word: level for level, word in ASSESSOR_WORDS.items()})]
Type = Annotated[AttestationType, _one_of(_lower(AttestationType))]
Digest = Annotated[bytes, from_hex(32)]


def unix_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


class _Valid(Table):
    valid_from: AwareDatetime
    valid_until: AwareDatetime

    @property
    def period(self) -> Period:
        return Period(unix_ms(self.valid_from), unix_ms(self.valid_until))


class CertificateDraft(_Valid):
    """certificate.toml"""

    id: str
    subject: Who
    scheme: Name
    profile: Name
    issued_to: str
    attestation_type: Type
    assessor_level: Assessor
    assessment_level: Level
    met: tuple[Name, ...] = ()
    partial: tuple[Name, ...] = ()
    not_met: tuple[Name, ...] = ()
    evidence: tuple[Digest, ...] = ()

    def certificate(self) -> Certificate:
        outcomes = ((self.met, Outcome.MET), (self.partial, Outcome.PARTIAL), (self.not_met, Outcome.NOT_MET))
        return Certificate(
            self.id,
            self.subject,
            Scope(self.scheme, self.profile),
            self.issued_to,
            self.attestation_type,
            self.assessor_level,
            self.assessment_level,
            self.period,
            tuple(Assessment(name, outcome) for names, outcome in outcomes for name in names),
            self.evidence,
        )


class AccreditationDraft(_Valid):
    """accreditation.toml"""

    id: str
    holder: AnyPublicKey
    name: str
    may: Annotated[May, _one_of(_lower(May))]
    schemes: tuple[Name, ...]
    highest_level: Level

    def accreditation(self) -> Accreditation:
        key = key_of(self.holder)
        return Accreditation(self.id, key, self.name, self.may, self.schemes, self.highest_level, self.period)


class CriterionTable(Table):
    name: Name
    title: str


class ProfileTable(Table):
    name: Name
    criteria: tuple[Name, ...]
    least_level: Level


class SchemeDraft(Table):
    """scheme.toml"""

    scheme: Name
    title: str
    side: str
    criterion: tuple[CriterionTable, ...]
    profile: tuple[ProfileTable, ...]

    def document(self) -> Scheme:
        criteria = tuple(Criterion(one.name, one.title) for one in self.criterion)
        profiles = tuple(Profile(one.name, one.criteria, one.least_level) for one in self.profile)
        return Scheme(self.scheme, self.title, self.side, criteria, profiles)


class MappingTable(Table):
    criterion: Name
    by: tuple[Name, ...]
    coverage: Annotated[Coverage, _one_of(_lower(Coverage))]


class RuleDraft(_Valid):
    """rule.toml"""

    rule: Name
    from_scheme: Name
    from_profile: Name
    to_scheme: Name
    to_profile: Name
    least_level: Level
    attestation_types: tuple[Type, ...]
    assessor_levels: tuple[Assessor, ...]
    mapping: tuple[MappingTable, ...]

    def equivalence(self) -> EquivalenceRule:
        return EquivalenceRule(
            self.rule,
            Scope(self.from_scheme, self.from_profile),
            Scope(self.to_scheme, self.to_profile),
            tuple(Mapping(one.criterion, one.by, one.coverage) for one in self.mapping),
            self.least_level,
            frozenset(self.attestation_types),
            frozenset(self.assessor_levels),
            self.period,
        )


class AnchorTable(_Valid):
    side: str
    public_key: AnyPublicKey
    name: str


class PartyTable(Table):
    side: str
    id: str
    public_key: AnyPublicKey
    name: str


class SchemeFileTable(Table):
    file: Below

    def in_force(self) -> SchemeInForce:
        """Raises ConfigError, EvidenceError."""
        content = read_bounded(Path(self.file), MAX_SCHEME_BYTES)
        scheme = Scheme.from_bytes(content)
        return SchemeInForce(scheme.side, scheme.name, scheme_digest(content))


class RevokedTable(Table):
    """A key by itself, everything else by the SHA-256 that was printed when it was signed."""

    kind: Annotated[Revoked, _one_of(_lower(Revoked))]
    cause: Annotated[Cause, _one_of(_lower(Cause))] = Cause.UNSPECIFIED
    public_key: AnyPublicKey | None = None
    sha256: Digest | None = None

    @model_validator(mode="after")
    def _names_one_thing(self) -> RevokedTable:
        if (self.public_key is None) == (self.sha256 is None) or (self.public_key and self.kind is not Revoked.KEY):
            raise ValueError("expected public_key of a key, or sha256 of anything")
        return self

    def revocation(self) -> Revocation:
        digest = key_digest(key_of(self.public_key)) if self.public_key else self.sha256
        return Revocation(self.kind, digest or b"", self.cause)


class TrustListDraft(Table):
    """trust.toml"""

    id: str
    sequence: Annotated[int, Field(strict=True, ge=0)]
    expires: AwareDatetime
    rules: tuple[Name, ...] = ()
    anchor: tuple[AnchorTable, ...] = ()
    party: tuple[PartyTable, ...] = ()
    scheme: tuple[SchemeFileTable, ...] = ()
    revoked: tuple[RevokedTable, ...] = ()

    def trust_list(self, issued_unix_ms: int) -> TrustList:
        """Raises ConfigError, EvidenceError for a scheme's file that is none."""
        return TrustList(
            self.id,
            self.sequence,
            issued_unix_ms,
            unix_ms(self.expires),
            tuple(TrustAnchor(one.side, key_of(one.public_key), one.name, one.period) for one in self.anchor),
            tuple(Party(one.side, one.id, key_of(one.public_key), one.name) for one in self.party),
            tuple(one.in_force() for one in self.scheme),
            self.rules,
            tuple(one.revocation() for one in self.revoked),
        )


class PublisherFile(Table):
    """publisher.toml: the key that signs the trust list, as `packseal key show` prints it"""

    public_key: AnyPublicKey
