"""A decision: what was asked, on which papers, when, and what came of it, criterion by criterion.

Decides its one encoding (docs/recognition.md section 10): who has the same papers comes to the same bytes. It is signed
by nobody, since it can be made again, and it is evidence: the acceptance of no authority.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from packseal.exchange.loss import Json
from packseal.exchange.recognition.criteria import MET_WORDS, CriterionResult, Met
from packseal.exchange.recognition.refusal import Refusal
from packseal.records.cbor import Value, decode, encode
from packseal.records.certificates import (
    LEVEL_WORDS,
    AssessmentLevel,
    Certificate,
    Subject,
    read_subject,
    subject_value,
)
from packseal.records.fields import Fields, malformed
from packseal.records.report import utc
from packseal.records.versions import (
    MAX_TEXT_BYTES,
    Named,
    Scope,
    checked_id,
    named_value,
    read_named,
    read_scope,
)

DECISION_TAG = "packseal/decision/1"
MAX_DECISION_BYTES = 1 << 20
MAX_WORDS_BYTES = 4096
NOT_ACCEPTANCE = "A decision by software is evidence. It is not the acceptance of an authority, a scheme or a partner."
NOT_ASKED = "Nobody asked about a subject: compare it with what you have before you."


@dataclass(frozen=True, slots=True)
class Question:
    """subject: None where the asker compares it himself. least_sequence: of the newest trust list that he has seen."""

    target: Scope
    subject: Subject | None = None
    least_sequence: int = 0


@dataclass(frozen=True, slots=True)
class Digests:
    """SHA-256 of the files as they came, and of the publisher's public key."""

    certified: bytes
    rules: bytes
    trust_list: bytes
    publisher: bytes


@dataclass(frozen=True, slots=True)
class CertificateSeen:
    """Of a certificate that holds: what the decision was about."""

    id: str
    subject: Subject
    scope: Scope
    level: AssessmentLevel

    @classmethod
    def of(cls, certificate: Certificate) -> CertificateSeen:
        return cls(certificate.id, certificate.subject, certificate.scope, certificate.assessment_level)


@dataclass(frozen=True, slots=True)
class Decision:
    """refusal: None where the certificate is recognised. words: why, in one line. certificate: None where it does not
    hold by itself. rule: None where none was used. criteria: empty where they were not come to."""

    decided_unix_ms: int
    question: Question
    digests: Digests
    refusal: Refusal | None
    words: str
    certificate: CertificateSeen | None = None
    rule: Named | None = None
    criteria: tuple[CriterionResult, ...] = ()

    @property
    def is_recognised(self) -> bool:
        return self.refusal is None

    def to_bytes(self) -> bytes:
        return encode([DECISION_TAG, _fields(self)])

    @classmethod
    def from_bytes(cls, content: bytes) -> Decision:
        """Raises EvidenceError(MALFORMED). Whether it is true, replayed() in recognise.py says."""
        if len(content) > MAX_DECISION_BYTES:
            raise malformed(f"a decision of {len(content)} bytes; the limit is {MAX_DECISION_BYTES}")
        match decode(content):
            case [str(tag), dict(values)] if tag == DECISION_TAG:
                fields = Fields(values)
                fields.only(*range(1, 9))
                return _read(fields)
        raise malformed(f"a decision is [{DECISION_TAG!r}, fields]")

    def lines(self) -> list[str]:
        """For a person. What came with the papers is not made printable here."""
        head = "RECOGNISED" if self.is_recognised else "REFUSED"
        first = f"{head}  as {self.question.target}" + (f"  {self.refusal}" if self.refusal else "")
        lines = [first, f"    {self.words}", *self._certificate_lines()]
        width = max((len(str(one.criterion)) for one in self.criteria), default=0)
        for one in self.criteria:
            lines.append(f"    {MET_WORDS[one.met]:<8} {one.criterion!s:<{width}}  {one.title}: {one.why}")
        lines.append(f"    decided {utc(self.decided_unix_ms)}")
        return [*lines, *([NOT_ASKED] if self.certificate and self.question.subject is None else []), NOT_ACCEPTANCE]

    def to_json(self) -> Json:
        """For a program; keys and words of refusal are stable."""
        asked, seen = self.question.subject, self.certificate
        return {
            "verdict": "recognised" if self.is_recognised else "refused",
            "reason": str(self.refusal) if self.refusal else None,
            "detail": self.words,
            "target": str(self.question.target),
            "subject_asked": str(asked) if asked else None,
            "decided_unix_ms": self.decided_unix_ms,
            "certificate": _seen_json(seen) if seen else None,
            "rule": str(self.rule) if self.rule else None,
            "criteria": [
                {"criterion": str(one.criterion), "title": one.title, "met": MET_WORDS[one.met], "why": one.why}
                for one in self.criteria
            ],
            "is_legal_acceptance": False,
            "note": NOT_ACCEPTANCE,
        }

    def _certificate_lines(self) -> list[str]:
        if self.certificate is None:
            return []
        seen = self.certificate
        by_rule = f", by rule {self.rule}" if self.rule else ""
        return [
            f"    certificate {seen.id} of {seen.subject}",
            f"    under {seen.scope}, level {LEVEL_WORDS[seen.level]}{by_rule}",
        ]


def short_words(text: str) -> str:
    """So long that a decision has room for them."""
    return text.encode()[:MAX_WORDS_BYTES].decode(errors="ignore")


def names_of(criteria: Iterable[CriterionResult], met: Met) -> str:
    return ", ".join(f"{one.criterion} ({one.title})" for one in criteria if one.met is met)


def _seen_json(seen: CertificateSeen) -> Json:
    level = LEVEL_WORDS[seen.level]
    return {"id": seen.id, "subject": str(seen.subject), "scope": str(seen.scope), "assessment_level": level}


def _fields(decision: Decision) -> dict[int, Value]:
    d, q = decision, decision.question
    asked = subject_value(q.subject) if q.subject else None
    digests: list[Value] = [d.digests.certified, d.digests.rules, d.digests.trust_list, d.digests.publisher]
    criteria: list[Value] = [
        [one.criterion.id, one.criterion.version, one.title, int(one.met), one.why] for one in d.criteria
    ]
    seen = d.certificate
    return {
        1: d.decided_unix_ms,
        2: [q.target.to_value(), asked, q.least_sequence],
        3: digests,
        4: str(d.refusal) if d.refusal else None,
        5: d.words,
        6: [seen.id, subject_value(seen.subject), seen.scope.to_value(), int(seen.level)] if seen else None,
        7: named_value(d.rule) if d.rule else None,
        8: criteria,
    }


def _read(fields: Fields) -> Decision:
    rule = fields.values[7]
    return Decision(
        fields.uint(1),
        _read_question(fields.values[2]),
        _read_digests(fields.values[3]),
        _read_refusal(fields.values[4]),
        fields.text(5, MAX_WORDS_BYTES),
        _read_seen(fields.values[6]),
        read_named(rule) if rule is not None else None,
        tuple(map(_read_result, fields.items(8))),
    )


def _read_question(value: Value) -> Question:
    match value:
        case [target, subject, int(sequence)] if sequence >= 0:
            return Question(read_scope(target), read_subject(subject) if subject is not None else None, sequence)
    raise malformed("a question is [scope, subject / null, least sequence]")


def _read_digests(value: Value) -> Digests:
    match value:
        case [bytes(certified), bytes(rules), bytes(trust_list), bytes(publisher)]:
            if {len(certified), len(rules), len(trust_list), len(publisher)} == {32}:
                return Digests(certified, rules, trust_list, publisher)
    raise malformed("a decision names four files by their SHA-256")


def _read_refusal(value: Value) -> Refusal | None:
    if value is None:
        return None
    if not isinstance(value, str) or value not in set(Refusal):
        raise malformed(f"{value!r:.60} is no reason to refuse")
    return Refusal(value)


def _read_seen(value: Value) -> CertificateSeen | None:
    match value:
        case None:
            return None
        case [number, subject, scope, int(level)] if level in set(AssessmentLevel):
            name = checked_id(number, "the number of a certificate")
            return CertificateSeen(name, read_subject(subject), read_scope(scope), AssessmentLevel(level))
    raise malformed("a certificate seen is [number, subject, scope, level]")


def _read_result(value: Value) -> CriterionResult:
    match value:
        case [name, version, str(title), int(met), str(why)] if met in set(Met):
            if len(title.encode()) <= MAX_TEXT_BYTES and len(why.encode()) <= MAX_WORDS_BYTES:
                return CriterionResult(read_named([name, version]), title, Met(met), why)
    raise malformed("a result is [criterion, version, title, 1 to 3, why]")
