"""Acts: what authorities sign about keys and batteries (docs/record.md sections 5.9, 5.10 and 7).

Decides shape, signature, role and possession of one act. What acts come to together is keyring.py's part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from packseal.errors import EvidenceError, Reason
from packseal.records.cbor import Value, encode
from packseal.records.checkpoint import FORMAT_VERSION, SALT_BYTES, versioned
from packseal.records.cose import (
    ED25519,
    PUBLIC_KEY_BYTES,
    Sign,
    VerifyingKey,
    sign1,
    unverified_kid,
    unverified_payload,
    verify1,
)
from packseal.records.entries import LOG_ID_BYTES, verifying_key
from packseal.records.fields import MAX_NUMBER, Fields, malformed
from packseal.records.merkle import MAX_SIZE
from packseal.records.passport_log import NO_TAG, EntryKind, LogEntry, subject_tag

ACT_PURPOSE = "packseal/act/1"
POSSESSION_PURPOSE = "packseal/possession/1"
MAX_ACT_BYTES = 512
MAX_BATTERY_BYTES = 63


class Role(IntEnum):
    BOARD, GATEWAY, SERVICE, INTEGRATOR, OPERATOR, ASSESSOR, RECYCLER = range(1, 8)


class ActType(IntEnum):
    ENROL, BIND, ROTATE, REVOKE, NOTED = range(1, 6)


class Cause(IntEnum):
    """Why a key was revoked."""

    UNSPECIFIED, STOLEN, OUT_OF_USE = range(3)


CLASSES = "ABCD"
DEVICES = frozenset({Role.BOARD, Role.GATEWAY})
ENROLLERS = frozenset({Role.SERVICE, Role.INTEGRATOR, Role.OPERATOR})
BINDERS = frozenset(
    {Role.INTEGRATOR, Role.OPERATOR}
)  # whose word a stranger takes; a service's counts in its own house


@dataclass(frozen=True, slots=True)
class Enrol:
    role: Role
    key: VerifyingKey
    possession: bytes


@dataclass(frozen=True, slots=True)
class Bind:
    public_key: bytes
    battery: str
    evidence_class: str


@dataclass(frozen=True, slots=True)
class Rotate:
    """From the signer's key to this one."""

    key: VerifyingKey
    possession: bytes


@dataclass(frozen=True, slots=True)
class Revoke:
    public_key: bytes
    cause: Cause


@dataclass(frozen=True, slots=True)
class Noted:
    battery: str
    log_id: bytes
    seq: int
    leaf: bytes


Statement: TypeAlias = Enrol | Bind | Rotate | Revoke | Noted


@dataclass(frozen=True, slots=True)
class Authority:
    key: VerifyingKey
    role: Role


@dataclass(frozen=True, slots=True)
class Act:
    """A verified act. `authority` is who signed it."""

    statement: Statement
    salt: bytes
    issued_unix_ms: int
    authority: Authority
    leaf_entry: LogEntry


def sign_act(statement: Statement, salt: bytes, issued_unix_ms: int, sign: Sign, key: VerifyingKey) -> bytes:
    """`salt`: 16 random bytes; in ENROL and ROTATE the nonce that the possession was made for."""
    kind, fields = _encoded(statement)
    payload = encode([FORMAT_VERSION, kind, salt, issued_unix_ms, fields])
    return sign1(payload, ACT_PURPOSE, sign, key.kid, key.algorithm)


def verify_act(content: bytes, authorities: Iterable[Authority]) -> Act:
    """Signed by one of these authorities, who may sign it. Raises EvidenceError: MALFORMED, UNKNOWN_AUTHORITY,
    BAD_SIGNATURE, UNKNOWN_VERSION, WRONG_ROLE, BAD_POSSESSION."""
    if len(content) > MAX_ACT_BYTES:
        raise malformed(f"an act of {len(content)} bytes; the limit is {MAX_ACT_BYTES}")
    authority = signer_of(content, authorities, "act")
    salt, issued_unix_ms, statement = _decoded(verify1(content, ACT_PURPOSE, authority.key))
    _check_role(statement, authority)
    _check_possession(statement, salt)
    return Act(statement, salt, issued_unix_ms, authority, leaf_entry_of(content, statement))


def unverified_statement(content: bytes) -> Statement:
    """What an act says, whoever signed it: only for choosing which to verify or show. Raises EvidenceError."""
    return _decoded(unverified_payload(content))[2]


def leaf_entry_of(content: bytes, statement: Statement) -> LogEntry:
    """What stands for it in the passport log (section 7.2)."""
    battery = statement.battery if isinstance(statement, Bind | Noted) else None
    tag = NO_TAG if battery is None else subject_tag(battery)
    return LogEntry(EntryKind.KEY_ACT, tag, hashlib.sha256(content).digest())


def signer_of(content: bytes, authorities: Iterable[Authority], what: str) -> Authority:
    """Whom it names as its signer: not verified yet. Raises EvidenceError (MALFORMED, UNKNOWN_AUTHORITY)."""
    kid = unverified_kid(content)
    for authority in authorities:
        if kid == authority.key.kid:
            return authority
    named = kid.hex() if kid else "nobody"
    raise EvidenceError(Reason.UNKNOWN_AUTHORITY, f"the {what} names key {named}, which is not known here")


def sign_possession(key: VerifyingKey, nonce: bytes, sign: Sign) -> bytes:
    payload = encode([FORMAT_VERSION, key.algorithm, key.public_key, nonce])
    return sign1(payload, POSSESSION_PURPOSE, sign, algorithm=key.algorithm)


def verify_possession(content: bytes, key: VerifyingKey, nonce: bytes) -> None:
    """Raises EvidenceError(BAD_POSSESSION)."""
    try:
        has_kid = unverified_kid(content) is not None
        fields = versioned(verify1(content, POSSESSION_PURPOSE, key))
    except EvidenceError as error:
        raise EvidenceError(Reason.BAD_POSSESSION, error.detail) from None
    if has_kid or fields != [key.algorithm, key.public_key, nonce]:
        raise EvidenceError(Reason.BAD_POSSESSION, "the possession is of another key or for another nonce")


def _decoded(payload: bytes) -> tuple[bytes, int, Statement]:
    match versioned(payload):
        case [int(kind), bytes(salt), int(issued), dict(fields)] if kind in _READERS and len(salt) == SALT_BYTES:
            if 0 <= issued <= MAX_NUMBER:
                return salt, issued, _READERS[kind](Fields(fields))
    raise malformed("an act is [1, act, salt, issued_unix_ms, fields]")


def _check_role(statement: Statement, authority: Authority) -> None:
    """The table of section 5.9."""
    role = authority.role
    match statement:
        case Enrol(role=enrolled):
            may = role in ENROLLERS if enrolled in DEVICES else role is Role.SERVICE and enrolled is not Role.SERVICE
        case Bind():
            may = role in ENROLLERS
        case Rotate():
            may = role is not Role.BOARD
        case Revoke(public_key):
            may = role in ENROLLERS or public_key == authority.key.public_key
        case Noted():
            may = role is Role.SERVICE
    if not may:
        name = type(statement).__name__.upper()
        raise EvidenceError(Reason.WRONG_ROLE, f"a key of role {role.name.lower()} may not sign {name}")


def _check_possession(statement: Statement, salt: bytes) -> None:
    if isinstance(statement, Enrol | Rotate):
        verify_possession(statement.possession, statement.key, salt)


def _encoded(statement: Statement) -> tuple[int, dict[int, Value]]:
    match statement:
        case Enrol(role, key, possession):
            return ActType.ENROL, {1: int(role), 2: key.algorithm, 3: key.public_key, 4: possession}
        case Bind(public_key, battery, evidence_class):
            return ActType.BIND, {3: public_key, 5: battery, 6: CLASSES.index(evidence_class) + 1}
        case Rotate(key, possession):
            return ActType.ROTATE, {2: key.algorithm, 3: key.public_key, 4: possession}
        case Revoke(public_key, cause):
            return ActType.REVOKE, {3: public_key, 7: int(cause)}
        case Noted(battery, log_id, seq, leaf):
            return ActType.NOTED, {5: battery, 8: log_id, 9: seq, 10: leaf}


def _enrol(fields: Fields) -> Enrol:
    fields.only(1, 2, 3, 4)
    role = Role(fields.uint(1, Role.BOARD, max(Role)))
    return Enrol(role, verifying_key(fields, 2, 3), fields.string(4, 0, MAX_ACT_BYTES))


def _bind(fields: Fields) -> Bind:
    fields.only(3, 5, 6)
    return Bind(_public_key(fields), fields.text(5, MAX_BATTERY_BYTES), CLASSES[fields.uint(6, 1, 4) - 1])


def _rotate(fields: Fields) -> Rotate:
    fields.only(2, 3, 4)
    return Rotate(verifying_key(fields, 2, 3), fields.string(4, 0, MAX_ACT_BYTES))


def _revoke(fields: Fields) -> Revoke:
    fields.only(3, 7)
    return Revoke(_public_key(fields), Cause(fields.uint(7, 0, max(Cause))))


def _noted(fields: Fields) -> Noted:
    fields.only(5, 8, 9, 10)
    log_id, seq = fields.string(8, LOG_ID_BYTES, LOG_ID_BYTES), fields.uint(9, 0, MAX_SIZE - 1)
    return Noted(fields.text(5, MAX_BATTERY_BYTES), log_id, seq, fields.digest(10))


def _public_key(fields: Fields) -> bytes:
    public_key = fields.string(3, PUBLIC_KEY_BYTES[ED25519], max(PUBLIC_KEY_BYTES.values()))
    if len(public_key) not in PUBLIC_KEY_BYTES.values():
        raise malformed("field 3 is no public key of version 1")
    return public_key


_READERS: Mapping[int, Callable[[Fields], Statement]] = {
    ActType.ENROL: _enrol,
    ActType.BIND: _bind,
    ActType.ROTATE: _rotate,
    ActType.REVOKE: _revoke,
    ActType.NOTED: _noted,
}
