"""The life of one passport: what its statements come to, in the order of the passport log (record.md section 5.14).

A value. `after` gives the next one and asks nothing: which new statement is taken is for life_rules.py to say, once.
What was true then may have changed since, and the same statements always come to the same life.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from packseal.passport.life_stages import status_word
from packseal.records.acts import Role
from packseal.records.cose import VerifyingKey
from packseal.records.statement_bodies import (
    Attachment,
    CapacityTest,
    Create,
    Handover,
    Kind,
    ModulePlace,
    Note,
    Original,
    RecordRef,
    SealedLog,
    Stage,
    Stated,
    Status,
    Values,
    kind_of,
)
from packseal.records.statements import SignedStatement


@dataclass(frozen=True, slots=True)
class Source:
    """Who stated something, and where it stands: the index in the passport log, the digest of the statement."""

    signer: bytes
    role: Role
    index: int
    digest: bytes

    @classmethod
    def of(cls, signed: SignedStatement, index: int) -> Source:
        return cls(signed.authority.key.public_key, signed.authority.role, index, signed.digest)


@dataclass(frozen=True, slots=True)
class StatedValue:
    value: Stated
    group: int
    source: Source


@dataclass(frozen=True, slots=True)
class StatedAttachment:
    attachment: Attachment
    group: int
    source: Source


@dataclass(frozen=True, slots=True)
class StatedNote:
    note: Note
    source: Source


@dataclass(frozen=True, slots=True)
class StatedTest:
    test: CapacityTest
    source: Source


@dataclass(frozen=True, slots=True)
class Step:
    """One statement that was taken. `stage`: after it; `passport_id`: of which passport it is, for an original that of
    the passport that was created from it; `note` and `evidence`: of a STATUS."""

    kind: Kind
    stage: Stage
    issued_unix_ms: int
    source: Source
    passport_id: bytes
    note: str = ""
    evidence: tuple[RecordRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Life:
    """operator: the key that CREATE or the last HANDOVER named; Facts.authority tells which one it became. head: the
    digest of the newest CREATE, STATUS or HANDOVER. word: the regulation's, None while it is being prepared."""

    passport_id: bytes
    battery: str
    category: str
    name: str
    operator: VerifyingKey
    head: bytes
    history: tuple[Step, ...]
    stage: Stage = Stage.PREPARED
    word: str | None = None
    originals: tuple[Original, ...] = ()
    modules: tuple[ModulePlace, ...] = ()
    sealed: tuple[SealedLog, ...] = ()
    rated_capacity_mah: int | None = None
    chemistry: str | None = None
    successors: tuple[bytes, ...] = ()
    tests: tuple[StatedTest, ...] = ()
    notes: tuple[StatedNote, ...] = ()
    values: Mapping[str, StatedValue] = field(default_factory=dict)
    attachments: Mapping[bytes, StatedAttachment] = field(default_factory=dict)

    @classmethod
    def opened(cls, signed: SignedStatement, index: int) -> Life:
        """By a CREATE that was taken."""
        s = signed.statement
        if not isinstance(s, Create):
            raise ValueError("a passport begins with a CREATE")
        return cls(
            s.passport_id, s.battery, s.category, s.name, s.operator, signed.digest,
            (_step(signed, index, Stage.PREPARED),), originals=s.originals, modules=s.modules, sealed=s.sealed,
            rated_capacity_mah=s.rated_capacity_mah, chemistry=s.chemistry,
        )  # fmt: skip

    def after(self, signed: SignedStatement, index: int) -> Life:
        """What a statement comes to that was taken; ValueError for one that does not follow in the passport log. A
        CREATE is that of a successor."""
        if index <= self.history[-1].source.index:
            raise ValueError(f"statement {index} is folded after {self.history[-1].source.index}")
        life, source = self, Source.of(signed, index)
        match signed.statement:
            case Create(passport_id):
                life = replace(self, successors=(*self.successors, passport_id))
            case Status(_, _, stage):
                life = replace(self, stage=stage, word=status_word(stage, self.word), head=signed.digest)
            case Handover(_, _, operator):
                life = replace(self, operator=operator, head=signed.digest)
            case Values() as stated:
                life = self._with_values(stated, source)
            case Note() as note:
                life = replace(self, notes=(*self.notes, StatedNote(note, source)))
            case CapacityTest() as test:
                life = replace(self, tests=(*self.tests, StatedTest(test, source)))
        return replace(life, history=(*self.history, _step(signed, index, life.stage)))

    def _with_values(self, stated: Values, source: Source) -> Life:
        """A new value of a key takes the place of the older one; both stay in the log."""
        values = {key: StatedValue(value, stated.group, source) for key, value in stated.values.items()}
        files = {one.sha256: StatedAttachment(one, stated.group, source) for one in stated.attachments}
        return replace(self, values={**self.values, **values}, attachments={**self.attachments, **files})


def folded(signed: SignedStatement, index: int, life: Callable[[bytes], Life | None]) -> tuple[Life, ...]:
    """The lives that a statement changes that was taken, as they are after it: for a CREATE the new one and its
    originals. `life` gives them by passport_id, as all statements before left them; ValueError where it lacks one."""
    statement = signed.statement
    if not isinstance(statement, Create):
        return (_known(statement.passport_id, life).after(signed, index),)
    originals = (_known(one.passport_id, life).after(signed, index) for one in statement.originals)
    return (Life.opened(signed, index), *originals)


def _known(passport_id: bytes, life: Callable[[bytes], Life | None]) -> Life:
    found = life(passport_id)
    if found is None:
        raise ValueError(f"passport {passport_id.hex()} has not been folded")
    return found


def _step(signed: SignedStatement, index: int, stage: Stage) -> Step:
    statement = signed.statement
    source = Source.of(signed, index)
    step = Step(kind_of(statement), stage, signed.issued_unix_ms, source, statement.passport_id)
    if isinstance(statement, Status):
        return replace(step, note=statement.note, evidence=statement.evidence)
    return step
