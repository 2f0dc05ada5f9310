"""Which new statement a passport takes (docs/record.md section 5.14): `taken` gives the lives it changes, or raises.

A refusal changes nothing and names the cure. Shape, signature and role were verified before (records/statements.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from packseal.errors import EvidenceError, Reason
from packseal.passport.life import Life, folded
from packseal.passport.life_stages import Health, check_next, check_remanufactured, stage_word
from packseal.records.acts import Authority, Role
from packseal.records.bodies import StateOfHealth
from packseal.records.cose import VerifyingKey
from packseal.records.statement_bodies import (
    CapacityTest,
    Create,
    Handover,
    Note,
    Original,
    RecordRef,
    SealedLog,
    Stage,
    Status,
    Values,
)
from packseal.records.statements import OPERATORS, SignedStatement, verify_consent


@dataclass(frozen=True, slots=True)
class LogEnd:
    """How far a log of a battery is stored here. is_sealed: its last record is its SEAL."""

    log_id: bytes
    size: int
    root: bytes
    is_sealed: bool


class Facts(Protocol):
    """What is known here besides, when a new statement comes."""

    def life(self, passport_id: bytes) -> Life | None:
        """As all statements so far left it."""

    def passport_of(self, battery: str) -> bytes | None:
        """The passport_id that a CREATE gave this battery."""

    def logs_of(self, battery: str) -> tuple[LogEnd, ...]:
        """Every log whose key is bound to this battery."""

    def state_of_health(self, record: RecordRef) -> tuple[str, StateOfHealth] | None:
        """The battery and what a verified record of type SOH says; None for any other."""

    def authority(self, key: VerifyingKey) -> Authority | None:
        """Whom a key stands for now (Keyring.authority)."""


def taken(signed: SignedStatement, index: int, facts: Facts) -> tuple[Life, ...]:
    """The lives that a new statement changes, as they are after it: for a CREATE the new one and its originals.

    Raises EvidenceError. For every statement: KEY_REVOKED; for a CREATE: ALREADY_CREATED, UNKNOWN_PASSPORT,
    WRONG_STAGE, OUTDATED, BAD_CONSENT, NOT_SEALED, WRONG_LOG; for the others: UNKNOWN_PASSPORT, WRONG_STAGE, OUTDATED
    (also for what was taken before), WRONG_OPERATOR, WRONG_ROLE, UNKNOWN_AUTHORITY for a new operator, WRONG_BATTERY
    and MISSING_ENTRIES for evidence, UNFIT.
    """
    _check_signer(signed, facts)
    if isinstance(signed.statement, Create):
        _check_created(signed.statement, signed.authority.key, facts)
    else:
        _check_following(_life(signed.statement.passport_id, facts), signed, facts)
    return folded(signed, index, facts.life)


def _check_signer(signed: SignedStatement, facts: Facts) -> None:
    now = facts.authority(signed.authority.key)
    if now is None or now.key != signed.authority.key:
        cure = "sign with the key that it was changed to" if now else "have a new key enrolled"
        raise EvidenceError(Reason.KEY_REVOKED, f"the signer's key counts no more; {cure}")


# ---- CREATE


def _check_created(create: Create, signer: VerifyingKey, facts: Facts) -> None:
    if facts.life(create.passport_id):
        words = f"passport {create.passport_id.hex()} was created before; draw a new id"
        raise EvidenceError(Reason.ALREADY_CREATED, words)
    before = facts.passport_of(create.battery)
    if before:
        words = f"battery {create.battery!r} has passport {before.hex()}; name a new battery"
        raise EvidenceError(Reason.ALREADY_CREATED, words)
    lives = [_life(original.passport_id, facts) for original in create.originals]
    for original, life in zip(create.originals, lives, strict=True):
        _check_original(original, life, create, signer, facts)
    _check_sealed(create.sealed, [log for life in lives for log in facts.logs_of(life.battery)])


def _check_original(original: Original, life: Life, create: Create, signer: VerifyingKey, facts: Facts) -> None:
    if life.stage is Stage.RECYCLED:
        words = f"passport {life.passport_id.hex()} has ended; nothing comes from a battery that is recycled"
        raise EvidenceError(Reason.WRONG_STAGE, words)
    _check_newest(original.head, life)
    responsible = facts.authority(life.operator)
    if original.consent is None:
        if responsible is None or responsible.key != signer:
            words = f"the operator of passport {life.passport_id.hex()} is another; ask for a consent"
            raise EvidenceError(Reason.BAD_CONSENT, words)
        return
    if responsible is None:
        words = f"the key of the operator of passport {life.passport_id.hex()} counts no more"
        raise EvidenceError(Reason.BAD_CONSENT, words)
    verify_consent(original.consent, responsible.key, original.passport_id, original.head, create.passport_id)


def _check_sealed(sealed: Iterable[SealedLog], logs: list[LogEnd]) -> None:
    """All data of the first lives, signed and complete, before the battery changes (Article 77(7))."""
    named = {one.log_id: one for one in sealed}
    for log in logs:
        if not log.is_sealed:
            words = f"log {log.log_id.hex()} of an original goes on; order its board to seal it, and deliver that"
            raise EvidenceError(Reason.NOT_SEALED, words)
        if named.pop(log.log_id, None) != SealedLog(log.log_id, log.size, log.root):
            words = (
                f"log {log.log_id.hex()} of an original ends at size {log.size} with root {log.root.hex()}; name it so"
            )
            raise EvidenceError(Reason.NOT_SEALED, words)
    for log_id in named:
        raise EvidenceError(Reason.WRONG_LOG, f"log {log_id.hex()} is of none of the originals; leave it out")


# ---- what follows


def _check_following(life: Life, signed: SignedStatement, facts: Facts) -> None:
    _check_open(life, signed)
    statement = signed.statement
    if not isinstance(statement, CapacityTest) and not _is_assessment(signed):
        _check_operator(life, signed, facts)
    match statement:
        case Status():
            _check_status(life, statement, signed.authority.role, facts)
        case Handover():
            _check_newest(statement.after, life)
            _check_new_operator(statement.operator, facts)
        case Note(evidence=evidence):
            _check_evidence(life, evidence, facts)
        case Values():
            _check_attachments(life, signed, statement)


def _check_open(life: Life, signed: SignedStatement) -> None:
    name = f"passport {life.passport_id.hex()}"
    if life.stage is Stage.RECYCLED:
        raise EvidenceError(Reason.WRONG_STAGE, f"{name} has ended with recycling; it can only be read")
    before = next((step for step in life.history if step.source.digest == signed.digest), None)
    if before:
        raise EvidenceError(Reason.OUTDATED, f"the statement was taken before, at index {before.source.index}")
    if life.successors and not isinstance(signed.statement, Status | Handover | Note):
        words = f"{name} has gone over into {life.successors[0].hex()}; state it about that one"
        raise EvidenceError(Reason.WRONG_STAGE, words)


def _check_operator(life: Life, signed: SignedStatement, facts: Facts) -> None:
    responsible = facts.authority(life.operator)
    if responsible is None or responsible.key != signed.authority.key:
        key = responsible.key if responsible else life.operator
        words = f"key {key.public_key.hex()[:16]} is responsible for passport {life.passport_id.hex()}; have it sign"
        raise EvidenceError(Reason.WRONG_OPERATOR, words)


def _check_newest(after: bytes, life: Life) -> None:
    """Of two that were made at the same time the first wins, and the second is told."""
    if after != life.head:
        words = (
            f"passport {life.passport_id.hex()} has changed since; its newest statement is {life.head.hex()}, and it is"
            f" {stage_word(life.stage)}: look at it, and state it anew"
        )
        raise EvidenceError(Reason.OUTDATED, words)


def _check_status(life: Life, status: Status, role: Role, facts: Facts) -> None:
    _check_newest(status.after, life)
    check_next(life.stage, status.stage, bool(life.originals), bool(life.successors), role)
    if status.stage is not Stage.REMANUFACTURED:
        _check_evidence(life, status.evidence, facts)
        return
    tested = [_tested(one.test) for one in life.tests[-1:]]
    check_remanufactured((*tested, *(_shown(life, record, facts) for record in status.evidence)))


def _tested(test: CapacityTest) -> Health:
    return Health("the newest test", test.capacity_cpct, test.spread_cpct)


def _shown(life: Life, record: RecordRef, facts: Facts) -> Health:
    """What a record of the passport's own battery says: of the rated capacity that the passport states, where it does,
    for a board's own setting of it is nobody's signed word about the battery."""
    source = f"record {record.seq} of log {record.log_id.hex()}"
    found = facts.state_of_health(record)
    if found is None:
        words = f"{source} is not here as a verified state of health; wait until it is delivered, or name another"
        raise EvidenceError(Reason.MISSING_ENTRIES, words)
    battery, health = found
    if battery != life.battery:
        raise EvidenceError(Reason.WRONG_BATTERY, f"{source} is of another battery than {life.battery!r}")
    capacity_cpct = health.soh_capacity_cpct.value
    if life.rated_capacity_mah:
        capacity_cpct = 10_000 * health.remaining_capacity_mah.value // life.rated_capacity_mah
    weakest, strongest = health.weakest, health.strongest
    return Health(source, capacity_cpct, strongest.value - weakest.value if weakest and strongest else None)


def _check_new_operator(operator: VerifyingKey, facts: Facts) -> None:
    now = facts.authority(operator)
    name = f"key {operator.public_key.hex()[:16]}"
    if now is None or now.key != operator:
        words = f"the new operator's {name} is not known here, or counts no more; have it enrolled first"
        raise EvidenceError(Reason.UNKNOWN_AUTHORITY, words)
    if now.role not in OPERATORS:
        words = f"{name} is known as {now.role.name.lower()}; hand over to an integrator, operator or recycler"
        raise EvidenceError(Reason.WRONG_ROLE, words)


def _check_evidence(life: Life, evidence: tuple[RecordRef, ...], facts: Facts) -> None:
    """Records of the battery, or of its first life."""
    if not evidence:
        return
    sizes = {log.log_id: log.size for log in life.sealed} | {
        log.log_id: log.size for log in facts.logs_of(life.battery)
    }
    for record in evidence:
        name = f"record {record.seq} of log {record.log_id.hex()}"
        if record.log_id not in sizes:
            raise EvidenceError(Reason.WRONG_BATTERY, f"{name} is not of battery {life.battery!r}")
        if record.seq >= sizes[record.log_id]:
            raise EvidenceError(Reason.MISSING_ENTRIES, f"{name} is not here yet; wait until it is delivered")


def _check_attachments(life: Life, signed: SignedStatement, values: Values) -> None:
    """Whoever knows a digest could else show a file of somebody else to other readers."""
    if not _is_assessment(signed):
        return
    for one in values.attachments:
        known = life.attachments.get(one.sha256)
        if known and known.group != values.group and known.source.signer != signed.authority.key.public_key:
            words = f"attachment {one.sha256.hex()} stands in group {known.group}; only the operator moves it"
            raise EvidenceError(Reason.WRONG_OPERATOR, words)


def _is_assessment(signed: SignedStatement) -> bool:
    """Values by an assessor: no operator's, and he says which are whose."""
    return isinstance(signed.statement, Values) and signed.authority.role is Role.ASSESSOR


def _life(passport_id: bytes, facts: Facts) -> Life:
    life = facts.life(passport_id)
    if life is None:
        words = f"passport {passport_id.hex()} is not kept here; create it first, or ask the service that keeps it"
        raise EvidenceError(Reason.UNKNOWN_PASSPORT, words)
    return life
