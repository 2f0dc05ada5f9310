"""A register of passports in memory: what a service knows when a statement comes, with real keys and real acts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from packseal.errors import EvidenceError
from packseal.passport.keyring import Keyring
from packseal.passport.life import Life, folded
from packseal.passport.life_rules import LogEnd, taken
from packseal.records.acts import Authority, sign_act, verify_act
from packseal.records.acts import Statement as ActStatement
from packseal.records.bodies import BlockEstimate, Estimate, StateOfHealth
from packseal.records.cose import VerifyingKey
from packseal.records.statement_bodies import (
    CapacityTest,
    Create,
    Handover,
    Original,
    RecordRef,
    SealedLog,
    Stage,
    Statement,
    Status,
)
from packseal.records.statements import SignedStatement, sign_consent, sign_statement, verify_statement
from tests.vectors.statements import AUTHORITIES
from tests.vectors.world import ASSESSOR, INTEGRATOR, OPERATOR, START_UNIX_MS, Actor, salt

RATED_MAH = 100_000


def named(name: str) -> bytes:
    """A passport_id, or a log_id."""
    return hashlib.sha256(name.encode()).digest()[:16]


@dataclass
class Register:
    """Facts, and the statements that were taken, at their index in the passport log."""

    keyring: Keyring = field(default_factory=lambda: Keyring(AUTHORITIES))
    lives: dict[bytes, Life] = field(default_factory=dict)
    logs: dict[str, tuple[LogEnd, ...]] = field(default_factory=dict)
    records: dict[RecordRef, tuple[str, StateOfHealth]] = field(default_factory=dict)
    statements: list[tuple[int, SignedStatement]] = field(default_factory=list)
    size: int = 0

    # ---- Facts

    def life(self, passport_id: bytes) -> Life | None:
        return self.lives.get(passport_id)

    def passport_of(self, battery: str) -> bytes | None:
        return next((life.passport_id for life in self.lives.values() if life.battery == battery), None)

    def logs_of(self, battery: str) -> tuple[LogEnd, ...]:
        return self.logs.get(battery, ())

    def state_of_health(self, record: RecordRef) -> tuple[str, StateOfHealth] | None:
        return self.records.get(record)

    def authority(self, key: VerifyingKey) -> Authority | None:
        return self.keyring.authority(key)

    # ---- what comes

    def submit(self, statement: Statement, by: Actor = OPERATOR) -> Life:
        """As it comes over the wire. -> the life that it is about"""
        return self.take(self.signed(statement, by))

    def signed(self, statement: Statement, by: Actor) -> bytes:
        return sign_statement(statement, salt(f"{self.size} {statement}"), START_UNIX_MS + self.size, by.sign, by.key)

    def take(self, content: bytes) -> Life:
        signed = verify_statement(content, self.keyring.authorities)
        changed = taken(signed, self.size, self)
        self.lives |= {life.passport_id: life for life in changed}
        self.statements.append((self.size, signed))
        self.size += 1
        return changed[0]

    def refusal(self, statement: Statement, by: Actor = OPERATOR) -> EvidenceError:
        return self.refused(self.signed(statement, by))

    def refused(self, content: bytes) -> EvidenceError:
        """Refused, and nothing changed."""
        before = dict(self.lives)
        with pytest.raises(EvidenceError) as refusal:
            self.take(content)
        assert self.lives == before
        return refusal.value

    def act(self, statement: ActStatement, by: Actor, nonce: bytes) -> None:
        act = verify_act(sign_act(statement, nonce, START_UNIX_MS, by.sign, by.key), self.keyring.authorities)
        self.keyring = self.keyring.with_act(act, self.size)
        self.size += 1

    def refolded(self) -> dict[bytes, Life]:
        lives: dict[bytes, Life] = {}
        for index, signed in self.statements:
            lives |= {life.passport_id: life for life in folded(signed, index, lives.get)}
        return lives

    # ---- what is stated

    def create(self, name: str, by: Actor = OPERATOR, **changed: Any) -> Life:
        return self.submit(created(name, by, **changed), by)

    def placed(self, name: str, by: Actor = OPERATOR) -> Life:
        """On the market, as an original."""
        life = self.create(name, by)
        return self.submit(Status(life.passport_id, life.head, Stage.ORIGINAL), by)

    def state(self, name: str, stage: Stage, by: Actor = OPERATOR, **changed: Any) -> Life:
        return self.submit(self.status(name, stage, **changed), by)

    def status(self, name: str, stage: Stage, **changed: Any) -> Status:
        return replace(Status(named(name), self.lives[named(name)].head, stage), **changed)

    def handover(self, name: str, to: Actor, **changed: Any) -> Handover:
        passport_id, head = named(name), self.lives[named(name)].head
        consent = sign_consent(passport_id, head, to.public_key, to.sign, to.key)
        return replace(Handover(passport_id, head, to.key, consent), **changed)

    def original(self, name: str, new: str, consents: Actor | None = None) -> Original:
        """Of the passport of this name, as it is now, for that of the new one."""
        life = self.lives[named(name)]
        if consents is None:
            return Original(life.passport_id, life.head)
        content = sign_consent(life.passport_id, life.head, named(new), consents.sign, consents.key)
        return Original(life.passport_id, life.head, content)

    def sealed(self, *names: str) -> tuple[SealedLog, ...]:
        logs = [log for name in names for log in self.logs_of(battery_of(name))]
        return tuple(SealedLog(log.log_id, log.size, log.root) for log in logs)

    def log(self, name: str, log: str = "log", size: int = 20, is_sealed: bool = True) -> None:
        """A log of the battery of this passport."""
        end = LogEnd(named(f"{name} {log}"), size, hashlib.sha256(f"{name} {log} {size}".encode()).digest(), is_sealed)
        others = tuple(one for one in self.logs_of(battery_of(name)) if one.log_id != end.log_id)
        self.logs[battery_of(name)] = (*others, end)

    def second_life(self, name: str, *originals: str, by: Actor = INTEGRATOR, consents: Actor = OPERATOR) -> Life:
        """Created from these, whose operator consents."""
        listed = tuple(self.original(one, name, consents) for one in originals)
        return self.create(name, by, originals=listed, sealed=self.sealed(*originals))

    def tested(self, name: str, capacity_cpct: int = 9_500, spread_cpct: int = 100) -> Life:
        test = CapacityTest(named(name), capacity_cpct, spread_cpct, "capacity at C/3", START_UNIX_MS)
        return self.submit(test, ASSESSOR)

    def health(self, name: str, capacity_cpct: int, spread_cpct: int | None, seq: int = 7) -> RecordRef:
        """A record of the battery of this passport."""
        record = RecordRef(named(f"{name} log"), seq)
        weakest = None if spread_cpct is None else BlockEstimate(3, capacity_cpct, 40)
        strongest = None if spread_cpct is None else BlockEstimate(9, capacity_cpct + spread_cpct, 40)
        remaining, soh = Estimate(capacity_cpct * RATED_MAH // 10_000, 500), Estimate(capacity_cpct, 50)
        health = StateOfHealth(1, (2, 5), RATED_MAH, remaining, soh, 60_000, weakest=weakest, strongest=strongest)
        self.records[record] = (battery_of(name), health)
        return record


def battery_of(name: str) -> str:
    return f"battery-{name}"


def created(name: str, by: Actor = OPERATOR, **changed: Any) -> Create:
    return replace(Create(named(name), battery_of(name), "EV", name, by.key), **changed)
