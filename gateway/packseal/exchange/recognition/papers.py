"""What a recognition is decided on, as it travels: a certificate with its accreditations, and a book of rules.

Decides the shape of the two files (docs/recognition.md section 7) and their limits. Nothing in them is trusted here.
"""

from __future__ import annotations

from dataclasses import dataclass

from packseal.exchange.recognition.equivalence import SignedRule
from packseal.exchange.recognition.scheme import MAX_SCHEME_BYTES
from packseal.records.cbor import Value, decode, encode
from packseal.records.certificates import MAX_ACCREDITATION_BYTES, MAX_CERTIFICATE_BYTES
from packseal.records.cose import VerifyingKey
from packseal.records.fields import malformed

CERTIFIED_TAG = "packseal/certified/1"
RULES_TAG = "packseal/rules/1"
MAX_ACCREDITATIONS = 2  # anchor, accreditation body, certification body
MAX_CERTIFIED_BYTES = MAX_CERTIFICATE_BYTES + MAX_ACCREDITATIONS * MAX_ACCREDITATION_BYTES + 64
MAX_RULES_BYTES = 1 << 20
MAX_SCHEMES = 64
MAX_RULES = 256


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate with the accreditations that lead to its issuer, the one that an anchor signed first."""

    certificate: bytes
    accreditations: tuple[bytes, ...] = ()

    def to_bytes(self) -> bytes:
        return encode([CERTIFIED_TAG, self.certificate, list(self.accreditations)])

    @classmethod
    def from_bytes(cls, content: bytes) -> Certified:
        """Raises EvidenceError(MALFORMED)."""
        if len(content) > MAX_CERTIFIED_BYTES:
            raise malformed(f"a certificate file of {len(content)} bytes; the limit is {MAX_CERTIFIED_BYTES}")
        match decode(content):
            case [str(tag), bytes(certificate), list(items)] if tag == CERTIFIED_TAG:
                return cls(certificate, _byte_strings(items, MAX_ACCREDITATIONS))
        raise malformed(f"a certificate file is [{CERTIFIED_TAG!r}, certificate, accreditations]")


@dataclass(frozen=True, slots=True)
class RuleBook:
    """schemes: documents. rules: in any order, signed by whomever."""

    schemes: tuple[bytes, ...]
    rules: tuple[SignedRule, ...]

    def to_bytes(self) -> bytes:
        schemes: list[Value] = list(self.schemes)
        return encode([RULES_TAG, schemes, [rule.to_value() for rule in self.rules]])

    @classmethod
    def from_bytes(cls, content: bytes) -> RuleBook:
        """Raises EvidenceError: MALFORMED, UNKNOWN_VERSION."""
        if len(content) > MAX_RULES_BYTES:
            raise malformed(f"a book of rules of {len(content)} bytes; the limit is {MAX_RULES_BYTES}")
        match decode(content):
            case [str(tag), list(schemes), list(rules)] if tag == RULES_TAG and len(rules) <= MAX_RULES:
                documents = _byte_strings(schemes, MAX_SCHEMES)
                if all(len(document) <= MAX_SCHEME_BYTES for document in documents):
                    return cls(documents, tuple(map(SignedRule.from_value, rules)))
        raise malformed(f"a book of rules is [{RULES_TAG!r}, schemes, rules], at most {MAX_SCHEMES} and {MAX_RULES}")


@dataclass(frozen=True, slots=True)
class Papers:
    """The files that a decision rests on, as they came, and the key of the trust list's publisher, which did not come
    with them."""

    certified: bytes
    rules: bytes
    trust_list: bytes
    publisher: VerifyingKey


def _byte_strings(items: list[Value], most: int) -> tuple[bytes, ...]:
    found = tuple(item for item in items if isinstance(item, bytes))
    if len(found) != len(items) or len(found) > most:
        raise malformed(f"expected at most {most} byte strings")
    return found
