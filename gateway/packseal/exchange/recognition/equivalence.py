"""Rules of equivalence: which criteria of one scheme stand for which of another, as both sides have signed them.

Decides shape and signatures of one rule (docs/recognition.md section 5). A rule goes one way and from one version to
one version; whether its signers may sign it, and whether it is in force, is for recognise.py under a trust list.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum

from packseal.errors import EvidenceError
from packseal.records.cbor import Value, encode
from packseal.records.certificates import (
    ASSESSOR_WORDS,
    LEVEL_WORDS,
    AssessmentLevel,
    AssessorLevel,
    AttestationType,
    payload_fields,
    verified_payload,
)
from packseal.records.checkpoint import FORMAT_VERSION
from packseal.records.cose import Sign, VerifyingKey, sign1, unverified_kid, unverified_payload
from packseal.records.fields import malformed
from packseal.records.report import utc
from packseal.records.versions import (
    MAX_NAMED,
    Named,
    Period,
    Scope,
    checked_once,
    named_list,
    named_value,
    read_named,
    read_named_list,
    read_period,
    read_scope,
)

EQUIVALENCE_PURPOSE = "packseal/equivalence/1"
MAX_RULE_BYTES = 1 << 16
SIGNATURES = 2


class Coverage(IntEnum):
    """What the criteria of the one scheme are of the other's: all of it, or less."""

    FULL, PARTIAL = range(1, 3)


@dataclass(frozen=True, slots=True)
class Mapping:
    """`criterion` is met by who meets all of `by`; with PARTIAL coverage never more than in part."""

    criterion: Named
    by: tuple[Named, ...]
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class EquivalenceRule:
    """From one scope to another. types, assessors: which certificates it takes."""

    name: Named
    source: Scope
    target: Scope
    mappings: tuple[Mapping, ...]
    least_level: AssessmentLevel
    types: frozenset[AttestationType]
    assessors: frozenset[AssessorLevel]
    period: Period

    def to_bytes(self) -> bytes:
        """What both sides sign. Raises TypeError, ValueError or EvidenceError(MALFORMED)."""
        payload = encode([FORMAT_VERSION, _fields(self)])
        read_rule(payload)
        return payload

    def lines(self) -> list[str]:
        """For who is to sign it. What came with it is not made printable here."""
        types = ", ".join(one.name.lower() for one in sorted(self.types))
        assessors = ", ".join(ASSESSOR_WORDS[one] for one in sorted(self.assessors))
        return [
            f"rule {self.name}",
            f"from {self.source}",
            f"to   {self.target}",
            *(
                f"    {one.criterion} <- {', '.join(map(str, one.by))} ({one.coverage.name.lower()})"
                for one in self.mappings
            ),
            f"level {LEVEL_WORDS[self.least_level]} at least; types {types}; assessors {assessors}",
            f"from {utc(self.period.from_unix_ms)} until {utc(self.period.until_unix_ms)}",
        ]


@dataclass(frozen=True, slots=True)
class SignedRule:
    """Messages over one payload. `rule` is what it says: nobody's word before the signatures are checked."""

    rule: EquivalenceRule
    messages: tuple[bytes, ...]

    @property
    def digest(self) -> bytes:
        """SHA-256 of the payload: what a revocation names."""
        return hashlib.sha256(unverified_payload(self.messages[0])).digest()

    @property
    def kids(self) -> tuple[bytes | None, ...]:
        return tuple(unverified_kid(message) for message in self.messages)

    def to_value(self) -> Value:
        return list(self.messages)

    @classmethod
    def from_value(cls, value: Value) -> SignedRule:
        """Raises EvidenceError: MALFORMED, UNKNOWN_VERSION."""
        messages = tuple(item for item in value if isinstance(item, bytes)) if isinstance(value, list) else ()
        if not isinstance(value, list) or len(messages) != len(value) or not 0 < len(messages) <= SIGNATURES:
            raise malformed("a signed rule is one message or two")
        if max(map(len, messages)) > MAX_RULE_BYTES:
            raise malformed(f"a rule of more than {MAX_RULE_BYTES} bytes")
        payloads = {unverified_payload(message) for message in messages}
        if len(payloads) > 1:
            raise malformed("the two messages of a signed rule say different things")
        return cls(read_rule(payloads.pop()), messages)

    def with_signature(self, sign: Sign, key: VerifyingKey) -> SignedRule:
        """Signed by a second party. Raises ValueError where there is no room, or this key has signed already."""
        if len(self.messages) == SIGNATURES or key.kid in self.kids:
            raise ValueError("a rule is signed once by each of two parties")
        return SignedRule(self.rule, (*self.messages, _message(self.rule, sign, key)))

    def is_signed_by(self, key: VerifyingKey) -> bool:
        """By a message that names it. A message of another key is simply not this one's."""
        for message in self.messages:
            if unverified_kid(message) == key.kid:
                try:
                    verified_payload(message, EQUIVALENCE_PURPOSE, key)
                except EvidenceError:
                    continue
                return True
        return False


def sign_rule(rule: EquivalenceRule, sign: Sign, key: VerifyingKey) -> SignedRule:
    """By the first of the two parties. Raises as EquivalenceRule.to_bytes does."""
    return SignedRule.from_value([_message(rule, sign, key)])


def _message(rule: EquivalenceRule, sign: Sign, key: VerifyingKey) -> bytes:
    return sign1(rule.to_bytes(), EQUIVALENCE_PURPOSE, sign, key.kid, key.algorithm)


def _fields(rule: EquivalenceRule) -> dict[int, Value]:
    mappings: list[Value] = [
        [one.criterion.id, one.criterion.version, named_list(one.by), int(one.coverage)] for one in rule.mappings
    ]
    return {
        1: named_value(rule.name),
        2: rule.source.to_value(),
        3: rule.target.to_value(),
        4: mappings,
        5: int(rule.least_level),
        6: [int(one) for one in sorted(rule.types)],
        7: [int(one) for one in sorted(rule.assessors)],
        8: rule.period.to_value(),
    }


def read_rule(payload: bytes) -> EquivalenceRule:
    """Whoever signed it. Raises EvidenceError: MALFORMED, UNKNOWN_VERSION."""
    fields = payload_fields(payload, 8)
    mappings = tuple(map(_read_mapping, fields.items(4)))
    if not 0 < len(mappings) <= MAX_NAMED:
        raise malformed(f"a rule has 1 to {MAX_NAMED} mappings")
    checked_once("criterion of the target", [one.criterion.id for one in mappings])
    source, target = read_scope(fields.values[2]), read_scope(fields.values[3])
    if source == target:
        raise malformed("a rule leads from a scope to another one")
    return EquivalenceRule(
        read_named(fields.values[1]),
        source,
        target,
        mappings,
        AssessmentLevel(fields.uint(5, 0, max(AssessmentLevel))),
        frozenset(map(AttestationType, _rising(fields.items(6), max(AttestationType), 1))),
        frozenset(map(AssessorLevel, _rising(fields.items(7), max(AssessorLevel), 0))),
        read_period(fields.values[8]),
    )


def _read_mapping(value: Value) -> Mapping:
    match value:
        case [name, version, list(by), int(coverage)] if coverage in set(Coverage):
            return Mapping(read_named([name, version]), read_named_list(by, "criterion"), Coverage(coverage))
    raise malformed("a mapping is [criterion, version, criteria that stand for it, coverage]")


def _rising(items: list[Value], most: int, least: int) -> list[int]:
    numbers = [item for item in items if isinstance(item, int) and least <= item <= most]
    if not numbers or len(numbers) != len(items) or numbers != sorted(set(numbers)):
        raise malformed(f"expected numbers from {least} to {most}, rising, one at least")
    return numbers
