"""Statements: what persons and firms sign about a passport (docs/record.md sections 5.11 to 5.13 and 7).

Decides shape, signature and role of one statement. Whether it may follow what was stated before is life.py's part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packseal.errors import EvidenceError, Reason
from packseal.records.acts import Authority, Role, signer_of
from packseal.records.cbor import encode
from packseal.records.checkpoint import FORMAT_VERSION, SALT_BYTES, versioned
from packseal.records.cose import Sign, VerifyingKey, sign1, unverified_kid, verify1
from packseal.records.fields import MAX_NUMBER, malformed
from packseal.records.passport_log import EntryKind, LogEntry, subject_tag
from packseal.records.statement_bodies import CapacityTest, Create, Handover, Note, Statement, Status, Values, kind_of
from packseal.records.statement_fields import decode_fields, encode_fields

STATEMENT_PURPOSE = "packseal/statement/1"
CONSENT_PURPOSE = "packseal/consent/1"
MAX_STATEMENT_BYTES = 1 << 16

OPERATORS = frozenset({Role.INTEGRATOR, Role.OPERATOR, Role.RECYCLER})  # who can be responsible for a passport
SIGNERS: Mapping[type[Statement], frozenset[Role]] = {
    Create: OPERATORS,
    Status: OPERATORS,
    Handover: OPERATORS,
    Note: OPERATORS,
    Values: OPERATORS | {Role.ASSESSOR},
    CapacityTest: frozenset({Role.ASSESSOR}),
}


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A verified statement. `authority` is who signed it."""

    statement: Statement
    salt: bytes
    issued_unix_ms: int
    authority: Authority
    leaf_entry: LogEntry

    @property
    def digest(self) -> bytes:
        """SHA-256 of the statement as it came: what `after` and `head` name."""
        return self.leaf_entry.digest


def sign_statement(statement: Statement, salt: bytes, issued_unix_ms: int, sign: Sign, key: VerifyingKey) -> bytes:
    """`salt`: 16 random bytes. Raises ValueError, TypeError or EvidenceError(MALFORMED) for what is no statement:
    nothing is signed that a reader would refuse for its shape."""
    payload = encode([FORMAT_VERSION, kind_of(statement), salt, issued_unix_ms, encode_fields(statement)])
    _decoded(payload)
    content = sign1(payload, STATEMENT_PURPOSE, sign, key.kid, key.algorithm)
    _check_size(content)
    return content


def verify_statement(content: bytes, authorities: Iterable[Authority]) -> SignedStatement:
    """Signed by one of these authorities, who may sign it.

    Raises EvidenceError: MALFORMED, UNKNOWN_AUTHORITY, BAD_SIGNATURE, UNKNOWN_VERSION, WRONG_ROLE, WRONG_OPERATOR for
    a CREATE that names another operator than its signer, BAD_CONSENT for a HANDOVER without that of the new operator.
    Still for life.py: consents of a CREATE, which other passports decide, whether the signer's key counts now, and
    whether the passport allows it.
    """
    _check_size(content)
    authority = signer_of(content, authorities, "statement")
    salt, issued_unix_ms, statement = _decoded(verify1(content, STATEMENT_PURPOSE, authority.key))
    _check_role(statement, authority)
    if isinstance(statement, Create) and statement.operator != authority.key:
        raise EvidenceError(Reason.WRONG_OPERATOR, "a CREATE names its signer as operator; hand over afterwards")
    if isinstance(statement, Handover):
        s = statement
        verify_consent(s.consent, s.operator, s.passport_id, s.after, s.operator.public_key)
    return SignedStatement(statement, salt, issued_unix_ms, authority, leaf_entry_of(content, statement))


def leaf_entry_of(content: bytes, statement: Statement) -> LogEntry:
    """What stands for it in the passport log (section 7.2)."""
    subject = statement.battery if isinstance(statement, Create) else statement.passport_id.hex()
    return LogEntry(EntryKind.STATEMENT, subject_tag(subject), hashlib.sha256(content).digest())


def sign_consent(passport_id: bytes, head: bytes, to: bytes, sign: Sign, key: VerifyingKey) -> bytes:
    """For a HANDOVER: its passport and `after`, `to` the new operator's public key, who signs. For a CREATE: the
    original and its head, `to` the new passport_id, signed by the original's operator."""
    payload = encode([FORMAT_VERSION, passport_id, head, to])
    return sign1(payload, CONSENT_PURPOSE, sign, key.kid, key.algorithm)


def verify_consent(content: bytes, key: VerifyingKey, passport_id: bytes, head: bytes, to: bytes) -> None:
    """Raises EvidenceError(BAD_CONSENT)."""
    try:
        is_named = unverified_kid(content) == key.kid
        fields = versioned(verify1(content, CONSENT_PURPOSE, key))
    except EvidenceError as error:
        raise EvidenceError(Reason.BAD_CONSENT, f"the consent does not hold: {error.detail}") from None
    if not is_named or fields != [passport_id, head, to]:
        words = "the consent is to something else; ask for one to this statement, made after the passport's newest"
        raise EvidenceError(Reason.BAD_CONSENT, words)


def _decoded(payload: bytes) -> tuple[bytes, int, Statement]:
    match versioned(payload):
        case [int(kind), bytes(salt), int(issued), dict(fields)] if len(salt) == SALT_BYTES:
            if 0 <= issued <= MAX_NUMBER:
                return salt, issued, decode_fields(kind, fields)
    raise malformed("a statement is [1, statement, salt, issued_unix_ms, fields]")


def _check_role(statement: Statement, authority: Authority) -> None:
    if authority.role not in SIGNERS[type(statement)]:
        name, role = kind_of(statement).name, authority.role.name.lower()
        raise EvidenceError(Reason.WRONG_ROLE, f"a key of role {role} may not sign {name}")


def _check_size(content: bytes) -> None:
    if len(content) > MAX_STATEMENT_BYTES:
        raise malformed(f"a statement of {len(content)} bytes; the limit is {MAX_STATEMENT_BYTES}")
