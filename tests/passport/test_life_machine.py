"""Whatever is stated by whomever in whatever order: a life stays one that could have been; a refusal changes nothing.

What must hold is said here once more, from the statements that were taken, and by no code of the product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from packseal.errors import EvidenceError
from packseal.passport.life import Life
from packseal.records.cose import VerifyingKey
from packseal.records.statement_bodies import (
    CapacityTest,
    Create,
    Handover,
    Note,
    NoteKind,
    Stage,
    Statement,
    Status,
    Values,
)
from packseal.records.statements import SignedStatement
from tests.passport.lives import Register, created, named
from tests.vectors.statements import RECYCLER
from tests.vectors.world import ASSESSOR, INTEGRATOR, OPERATOR, Actor

MOST_LIVES = 6
FIRMS = {firm.key: firm for firm in (OPERATOR, INTEGRATOR, RECYCLER)}
ON_THE_MARKET = {Stage.ORIGINAL, Stage.REPAIRED, Stage.REUSED, Stage.REPURPOSED, Stage.REMANUFACTURED}
SECOND = {Stage.REUSED, Stage.REPURPOSED, Stage.REMANUFACTURED}
WORDS = {
    Stage.ORIGINAL: "original",
    Stage.REUSED: "re-used",
    Stage.REPURPOSED: "repurposed",
    Stage.REMANUFACTURED: "remanufactured",
    Stage.WASTE: "waste",
}

places = st.integers(0, MOST_LIVES - 1)
firms: st.SearchStrategy[Actor] = st.sampled_from(list(FIRMS.values()))
signers: st.SearchStrategy[Actor | None] = st.sampled_from([None, None, None, *FIRMS.values()])  # None: who should
mostly = st.sampled_from([True, True, True, False])


class Lives(RuleBasedStateMachine):
    """Passports are named p0, p1, … in the order in which they came."""

    def __init__(self) -> None:
        super().__init__()
        self.register = Register()

    @initialize(by=firms, to=firms)
    def first(self, by: Actor, to: Actor) -> None:
        """One that has gone over into another, which is being prepared, and one that is on the market."""
        self.register.placed("p0", by)
        self.register.log("p0")
        self.register.second_life("p1", "p0", by=to, consents=by)
        self.register.placed("p2", to)

    def submit(self, statement: Statement, by: Actor) -> None:
        before, taken = dict(self.register.lives), len(self.register.statements)
        try:
            self.register.submit(statement, by)
        except EvidenceError:
            assert (self.register.lives, len(self.register.statements)) == (before, taken)

    def name(self, place: int) -> str:
        return f"p{place % len(self.register.lives)}"

    def signer(self, name: str, by: Actor | None) -> Actor:
        return by or FIRMS[self.register.lives[named(name)].operator]

    @rule(place=places, by=firms, is_new=mostly)
    def create(self, place: int, by: Actor, is_new: bool) -> None:
        count = len(self.register.lives)
        if count < MOST_LIVES:
            self.submit(created(f"p{count}" if is_new else self.name(place), by), by)

    @rule(first=places, second=places, by=firms, is_sealed=mostly, is_agreed=mostly, is_newest=mostly)
    def create_from(
        self, first: int, second: int, by: Actor, is_sealed: bool, is_agreed: bool, is_newest: bool
    ) -> None:
        new = f"p{len(self.register.lives)}"
        chosen = sorted({self.name(first), self.name(second)})
        originals = [self.register.original(one, new, self.signer(one, None) if is_agreed else None) for one in chosen]
        if not is_newest:
            originals[0] = replace(originals[0], head=self.register.lives[named(chosen[0])].history[0].source.digest)
        sealed = self.register.sealed(*chosen) if is_sealed else ()
        if len(self.register.lives) < MOST_LIVES:
            self.submit(created(new, by, originals=tuple(originals), sealed=sealed), by)

    @rule(place=places, by=signers, stage=st.sampled_from(list(Stage)[1:]), is_newest=mostly)
    def status(self, place: int, by: Actor | None, stage: Stage, is_newest: bool) -> None:
        name = self.name(place)
        status = self.register.status(name, stage)
        if not is_newest:
            status = replace(status, after=self.register.lives[named(name)].history[0].source.digest)
        self.submit(status, self.signer(name, by))

    @rule(place=places, by=signers, to=firms)
    def handover(self, place: int, by: Actor | None, to: Actor) -> None:
        name = self.name(place)
        self.submit(self.register.handover(name, to), self.signer(name, by))

    @rule(place=places, by=st.sampled_from([None, INTEGRATOR, ASSESSOR]), key=st.sampled_from("xy"))
    def values(self, place: int, by: Actor | None, key: str) -> None:
        name = self.name(place)
        self.submit(Values(named(name), 1, {key: self.register.size}), self.signer(name, by))

    @rule(place=places, by=signers)
    def note(self, place: int, by: Actor | None) -> None:
        name = self.name(place)
        self.submit(Note(named(name), NoteKind.OTHER, 5, "words"), self.signer(name, by))

    @rule(place=places, capacity_cpct=st.sampled_from([8_999, 9_000]), spread_cpct=st.sampled_from([300, 301]))
    def test(self, place: int, capacity_cpct: int, spread_cpct: int) -> None:
        self.submit(CapacityTest(named(self.name(place)), capacity_cpct, spread_cpct, "by hand", 5), ASSESSOR)

    @rule(place=places, is_sealed=mostly)
    def log(self, place: int, is_sealed: bool) -> None:
        """Comes, or is sealed: what is sealed stays so, and a battery that went over gets no more of them."""
        name = self.name(place)
        logs = self.register.logs_of(self.register.lives[named(name)].battery)
        if not self.register.lives[named(name)].successors and not any(log.is_sealed for log in logs):
            self.register.log(name, is_sealed=is_sealed)

    @invariant()
    def every_life_could_have_been(self) -> None:
        statements = {signed.digest: signed for _, signed in self.register.statements}
        for life in self.register.lives.values():
            last = told(life, statements)
            assert (life.stage, life.word, life.operator, life.head) == (
                last.stage, last.word, last.operator, last.head,
            )  # fmt: skip
            check_originals(life, self.register.lives, statements)
            check_logs(life, self.register)

    @invariant()
    def the_same_statements_come_to_the_same_lives(self) -> None:
        assert self.register.refolded() == self.register.lives

    @invariant()
    def a_battery_has_one_passport(self) -> None:
        batteries = [life.battery for life in self.register.lives.values()]
        assert len(set(batteries)) == len(batteries)


@dataclass
class Told:
    """What the history of a life says by its statements, each of which may follow those before it."""

    stage: Stage
    operator: VerifyingKey
    head: bytes
    has_originals: bool
    word: str | None = None
    test: tuple[int, int] | None = None
    has_successor: bool = False

    def follow(self, signed: SignedStatement) -> None:
        statement, signer = signed.statement, signed.authority.key
        assert self.stage is not Stage.RECYCLED
        match statement:
            case Create():
                self.has_successor = True
            case Status(after=after, stage=stage):
                assert (signer, after) == (self.operator, self.head)
                assert stage in self.allowed()
                assert stage is not Stage.RECYCLED or signer == RECYCLER.key
                assert stage is not Stage.REMANUFACTURED or self.test == (9_000, 300)
                self.stage, self.word, self.head = stage, WORDS.get(stage, self.word), signed.digest
            case Handover(after=after, operator=operator):
                assert (signer, after) == (self.operator, self.head)
                self.operator, self.head = operator, signed.digest
            case Note():
                assert signer == self.operator
            case Values():
                assert signer in (self.operator, ASSESSOR.key)
                assert not self.has_successor
            case CapacityTest(capacity_cpct=capacity_cpct, spread_cpct=spread_cpct):
                assert not self.has_successor
                self.test = capacity_cpct, spread_cpct

    def allowed(self) -> set[Stage]:
        if self.stage is Stage.WASTE:
            return {Stage.RECYCLED}
        if self.has_successor:
            return {Stage.WASTE}
        if self.stage is Stage.PREPARED:
            return (SECOND if self.has_originals else {Stage.ORIGINAL}) | {Stage.WASTE}
        assert self.stage in ON_THE_MARKET
        return {Stage.REPAIRED, Stage.REUSED, Stage.WASTE}


def told(life: Life, statements: Mapping[bytes, SignedStatement], before: int | None = None) -> Told:
    """Up to this index of the passport log."""
    indices = [step.source.index for step in life.history]
    assert indices == sorted(set(indices))
    create = statements[life.history[0].source.digest]
    assert create.statement.passport_id == life.passport_id
    found = Told(Stage.PREPARED, create.authority.key, create.digest, bool(life.originals))
    for step in life.history[1:]:
        if before is None or step.source.index < before:
            found.follow(statements[step.source.digest])
            assert step.stage is found.stage
    return found


def check_originals(life: Life, lives: Mapping[bytes, Life], statements: Mapping[bytes, SignedStatement]) -> None:
    create = life.history[0].source
    for original in life.originals:
        then = told(lives[original.passport_id], statements, create.index)
        assert then.head == original.head
        assert then.stage is not Stage.RECYCLED
        assert original.consent or then.operator.public_key == create.signer
        assert life.passport_id in lives[original.passport_id].successors
    for successor in life.successors:
        assert life.passport_id in [one.passport_id for one in lives[successor].originals]


def check_logs(life: Life, register: Register) -> None:
    batteries = [register.lives[one.passport_id].battery for one in life.originals]
    logs = [log for battery in batteries for log in register.logs_of(battery)]
    assert all(log.is_sealed for log in logs)
    assert {log.log_id for log in logs} == {log.log_id for log in life.sealed}


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
