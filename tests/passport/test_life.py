"""The life of a passport: what may follow what, who may say it, and what a new passport needs of its originals."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from packseal.errors import EvidenceError, Reason
from packseal.passport.life import Life, folded
from packseal.passport.life_rules import LogEnd
from packseal.records.acts import Cause, Revoke, Rotate, sign_possession
from packseal.records.statement_bodies import (
    Attachment,
    ModulePlace,
    Note,
    NoteKind,
    RecordRef,
    SealedLog,
    Stage,
    Stated,
    Statement,
    Values,
)
from tests.passport.lives import RATED_MAH, Register, battery_of, created, named
from tests.vectors.statements import RECYCLER, SECURE_OPERATOR
from tests.vectors.world import ASSESSOR, DIGEST, INTEGRATOR, OPERATOR, SERVICE, START_UNIX_MS, Actor, salt

PREPARED, ORIGINAL, REPAIRED, REUSED, REPURPOSED, REMANUFACTURED, WASTE, RECYCLED = Stage
FOLLOWS = {  # docs/record.md section 5.14
    PREPARED: {ORIGINAL, WASTE},
    ORIGINAL: {REPAIRED, REUSED, WASTE},
    REPAIRED: {REPAIRED, REUSED, WASTE},
    REUSED: {REPAIRED, REUSED, WASTE},
    REPURPOSED: {REPAIRED, REUSED, WASTE},
    REMANUFACTURED: {REPAIRED, REUSED, WASTE},
    WASTE: {RECYCLED},
    RECYCLED: set(),
}
ROUTES = {
    PREPARED: [],
    ORIGINAL: [ORIGINAL],
    REPAIRED: [ORIGINAL, REPAIRED],
    REUSED: [ORIGINAL, REUSED],
    WASTE: [ORIGINAL, WASTE],
    RECYCLED: [ORIGINAL, WASTE, RECYCLED],
}
SECOND_ROUTES = {stage: [stage] for stage in (REUSED, REPURPOSED, REMANUFACTURED)}


@pytest.fixture
def register() -> Register:
    return Register()


def at(stage: Stage) -> Register:
    """With passport "a" of a recycler in this stage; a second life where there is no other way."""
    register = Register()
    if stage in ROUTES:
        register.create("a", RECYCLER)
    else:
        register.placed("first", RECYCLER)
        register.second_life("a", "first", by=RECYCLER, consents=RECYCLER)
        register.tested("a")
    for one in ROUTES.get(stage) or SECOND_ROUTES.get(stage, []):
        register.state("a", one, RECYCLER)
    assert register.lives[named("a")].stage is stage
    return register


# ---- what may follow what


@pytest.mark.parametrize(("stage", "to"), list(itertools.product(Stage, list(Stage)[1:])), ids=lambda one: one.name)
def test_stages_follow_each_other_as_the_table_says(stage: Stage, to: Stage) -> None:
    register = at(stage)
    if to in FOLLOWS[stage]:
        assert register.state("a", to, RECYCLER).stage is to
    else:
        assert register.refusal(register.status("a", to), RECYCLER).reason is Reason.WRONG_STAGE


@pytest.mark.parametrize("to", list(Stage)[1:], ids=lambda one: one.name)
def test_a_battery_that_comes_from_others_begins_with_its_second_life(register: Register, to: Stage) -> None:
    register.placed("first")
    register.second_life("a", "first")
    register.tested("a")
    if to in {REUSED, REPURPOSED, REMANUFACTURED, WASTE}:
        assert register.state("a", to, INTEGRATOR).stage is to
    else:
        refusal = register.refusal(register.status("a", to), INTEGRATOR)
        assert refusal.reason is Reason.WRONG_STAGE
        assert "what can follow: reused, repurposed, remanufactured, waste" in refusal.detail


def test_the_regulations_word_along_a_life(register: Register) -> None:
    words = [register.create("a", RECYCLER).word]
    words += [register.state("a", stage, RECYCLER).word for stage in (ORIGINAL, REPAIRED, REUSED, REPAIRED)]
    words += [register.state("a", stage, RECYCLER).word for stage in (WASTE, RECYCLED)]
    assert words == [None, "original", "original", "re-used", "re-used", "waste", "waste"]
    second = {stage: at(stage).lives[named("a")].word for stage in SECOND_ROUTES}
    assert [second[stage] for stage in (REPURPOSED, REMANUFACTURED)] == ["repurposed", "remanufactured"]


def test_a_recycler_alone_ends_a_passport_and_then_it_can_only_be_read(register: Register) -> None:
    register.placed("a")
    register.state("a", WASTE)
    refusal = register.refusal(register.status("a", RECYCLED))
    assert refusal.reason is Reason.WRONG_ROLE
    assert "hand over to a recycler" in refusal.detail
    register.submit(register.handover("a", RECYCLER))
    register.state("a", RECYCLED, RECYCLER)
    for statement, by in (
        (note("a"), RECYCLER),
        (stated("a", {"key": 1}), RECYCLER),
        (stated("a", {"key": 1}), ASSESSOR),
        (register.handover("a", OPERATOR), RECYCLER),
    ):
        assert register.refusal(statement, by).reason is Reason.WRONG_STAGE
    with pytest.raises(EvidenceError, match=r"wrong-stage: .* has ended"):
        register.tested("a")
    with pytest.raises(EvidenceError, match=r"wrong-stage: .* has ended"):
        register.second_life("b", "a", consents=RECYCLER)


# ---- remanufactured

UNFIT = {
    "nothing": (None, None, "needs a test"),
    "too little": ((8_999, 100), None, "needs 90.00 % at least; found 89.99 %"),
    "too uneven": ((9_500, 301), None, "3.00 % at most; found 3.01 %"),
    "a record of too little": (None, (8_999, 100), "found 89.99 % of rated capacity by record 7 of log"),
    "a record too uneven": (None, (9_500, 301), "found 3.01 % between cell blocks by record 7"),
    "a record without its blocks": (None, (9_500, None), "does not say both"),
    "a good test and a bad record": ((9_500, 100), (8_999, 100), "found 89.99 %"),
    "a bad test and a good record": ((8_999, 100), (9_500, 100), "found 89.99 %"),
}


@pytest.mark.parametrize(("test", "record", "words"), UNFIT.values(), ids=UNFIT)
def test_what_is_too_worn_is_not_remanufactured(
    register: Register, test: tuple[int, int] | None, record: tuple[int, int | None] | None, words: str
) -> None:
    register.placed("first")
    register.second_life("a", "first")
    if test:
        register.tested("a", *test)
    evidence = (register.health("a", *record),) if record else ()
    refusal = register.refusal(register.status("a", REMANUFACTURED, evidence=evidence), INTEGRATOR)
    assert refusal.reason is Reason.UNFIT
    assert words in refusal.detail


@pytest.mark.parametrize("by_test", [True, False])
def test_what_is_just_good_enough_is_remanufactured(register: Register, by_test: bool) -> None:
    register.placed("first")
    register.second_life("a", "first")
    if by_test:
        register.tested("a", 8_000, 100)
        register.tested("a", 9_000, 300)
    evidence = () if by_test else (register.health("a", 9_000, 300),)
    assert register.state("a", REMANUFACTURED, INTEGRATOR, evidence=evidence).word == "remanufactured"


def test_a_record_counts_by_the_capacity_that_the_passport_states(register: Register) -> None:
    """Not by what its board was set to: that is half, and makes a worn battery look new."""
    register.placed("first")
    original = register.original("first", "a", OPERATOR)
    register.create("a", INTEGRATOR, originals=(original,), rated_capacity_mah=2 * RATED_MAH)
    record = register.health("a", 10_000, 100)
    refusal = register.refusal(register.status("a", REMANUFACTURED, evidence=(record,)), INTEGRATOR)
    assert (refusal.reason, "found 50.00 %" in refusal.detail) == (Reason.UNFIT, True)


def test_the_evidence_of_remanufacturing_is_of_this_battery_and_verified(register: Register) -> None:
    register.placed("first")
    register.second_life("a", "first")
    for record, reason in (
        (register.health("first", 9_500, 100), Reason.WRONG_BATTERY),
        (RecordRef(named("a log"), 8), Reason.MISSING_ENTRIES),
    ):
        status = register.status("a", REMANUFACTURED, evidence=(record,))
        assert register.refusal(status, INTEGRATOR).reason is reason


# ---- who may say it


def note(name: str, text: str = "a module was replaced", evidence: tuple[RecordRef, ...] = ()) -> Note:
    return Note(named(name), NoteKind.REPAIR, START_UNIX_MS, text, evidence)


def stated(name: str, values: dict[str, Stated], group: int = 1, files: tuple[Attachment, ...] = ()) -> Values:
    return Values(named(name), group, values, files)


@pytest.mark.parametrize("other", [INTEGRATOR, RECYCLER, SECURE_OPERATOR], ids=["integrator", "recycler", "operator"])
def test_only_who_is_responsible_speaks_for_a_passport(register: Register, other: Actor) -> None:
    register.placed("a")
    statements: list[Statement] = [
        register.status("a", REPAIRED),
        register.handover("a", other),
        note("a"),
        stated("a", {"battery_mass": "492.50"}),
    ]
    for statement in statements:
        refusal = register.refusal(statement, other)
        assert refusal.reason is Reason.WRONG_OPERATOR
        assert OPERATOR.public_key.hex()[:16] in refusal.detail
    register.submit(statements[1])
    head = register.lives[named("a")].head
    assert register.refusal(register.status("a", REPAIRED)).reason is Reason.WRONG_OPERATOR
    assert register.state("a", REPAIRED, other, after=head).operator == other.key


def test_a_value_has_its_originator_and_a_newer_one_takes_its_place(register: Register) -> None:
    register.placed("a")
    register.submit(stated("a", {"battery_mass": "492.50", "soce": "98.70"}, 1))
    life = register.submit(stated("a", {"soce": "97.10"}, 4), ASSESSOR)
    mass, soce = life.values["battery_mass"], life.values["soce"]
    assert (mass.value, mass.group, mass.source.signer, mass.source.index) == ("492.50", 1, OPERATOR.public_key, 2)
    assert (soce.value, soce.group, soce.source.signer, soce.source.index) == ("97.10", 4, ASSESSOR.public_key, 3)
    assert (soce.source.role.name, soce.source.digest) == ("ASSESSOR", life.history[-1].source.digest)


def test_an_assessor_moves_nobodys_attachment_to_other_readers(register: Register) -> None:
    """Whoever may read a restricted file knows its digest."""
    file = Attachment("report.pdf", "application/pdf", 1_000, DIGEST)
    register.placed("a")
    register.submit(stated("a", {}, 3, (file,)))
    assert register.refusal(stated("a", {}, 1, (file,)), ASSESSOR).reason is Reason.WRONG_OPERATOR
    register.submit(stated("a", {}, 3, (file,)), ASSESSOR)
    assert register.submit(stated("a", {}, 1, (file,))).attachments[DIGEST].group == 1


def rotated(register: Register, old: Actor, new: Actor) -> None:
    nonce = salt(f"{register.size}")
    register.act(Rotate(new.key, sign_possession(new.key, nonce, new.sign)), old, nonce)


def test_who_is_responsible_stays_so_when_the_key_is_changed(register: Register) -> None:
    register.placed("a")
    for new in (Actor(40), Actor(41)):
        rotated(register, OPERATOR if new.seed[0] == 40 else Actor(40), new)
    assert register.refusal(note("a")).reason is Reason.KEY_REVOKED
    assert register.refusal(note("a"), Actor(40)).reason is Reason.KEY_REVOKED
    register.submit(note("a"), Actor(41))
    register.second_life("b", "a", consents=Actor(41))
    life = register.state("a", WASTE, Actor(41))
    assert (life.operator, life.stage) == (OPERATOR.key, WASTE)


def test_a_revoked_key_states_and_consents_to_nothing(register: Register) -> None:
    register.placed("a")
    register.act(Revoke(OPERATOR.public_key, Cause.STOLEN), SERVICE, salt("stolen"))
    assert register.refusal(note("a")).reason is Reason.KEY_REVOKED
    assert register.refusal(created("b")).reason is Reason.KEY_REVOKED
    originals = (register.original("a", "b", OPERATOR),)
    refusal = register.refusal(created("b", INTEGRATOR, originals=originals), INTEGRATOR)
    assert (refusal.reason, "counts no more" in refusal.detail) == (Reason.BAD_CONSENT, True)


def test_a_passport_is_handed_to_who_can_be_responsible(register: Register) -> None:
    register.placed("a")
    register.act(Revoke(SECURE_OPERATOR.public_key, Cause.OUT_OF_USE), SERVICE, salt("out"))
    for to, reason in (
        (ASSESSOR, Reason.WRONG_ROLE),
        (Actor(50), Reason.UNKNOWN_AUTHORITY),
        (SECURE_OPERATOR, Reason.UNKNOWN_AUTHORITY),
    ):
        assert register.refusal(register.handover("a", to)).reason is reason
    alone = replace(register.handover("a", INTEGRATOR), consent=register.handover("a", RECYCLER).consent)
    assert register.refusal(alone).reason is Reason.BAD_CONSENT
    assert register.submit(register.handover("a", INTEGRATOR)).operator == INTEGRATOR.key


# ---- of two at once the first wins


def test_of_two_statements_made_at_once_the_first_wins_and_the_second_is_told(register: Register) -> None:
    register.placed("a")
    acts = [
        register.signed(register.status("a", REPAIRED), OPERATOR),
        register.signed(register.status("a", WASTE), OPERATOR),
        register.signed(register.handover("a", INTEGRATOR), OPERATOR),
    ]
    for first, second in itertools.permutations(acts, 2):
        both = replace(register, lives=dict(register.lives), statements=list(register.statements))
        head = both.take(first).head
        refusal = both.refused(second)
        if first is acts[2]:
            assert refusal.reason is Reason.WRONG_OPERATOR
        else:
            assert (refusal.reason, head.hex() in refusal.detail) == (Reason.OUTDATED, True)


def test_a_statement_is_taken_once(register: Register) -> None:
    """Who sends an old one again, as anybody could, brings no older value back."""
    register.placed("a")
    old = register.signed(stated("a", {"soce": "98.70"}), OPERATOR)
    register.take(old)
    register.submit(stated("a", {"soce": "97.10"}))
    refusal = register.refused(old)
    assert (refusal.reason, "at index 2" in refusal.detail) == (Reason.OUTDATED, True)


def test_an_id_is_used_once(register: Register) -> None:
    register.placed("a")
    for statement in (created("a", battery="other"), created("b", battery=battery_of("a")), created("a")):
        assert register.refusal(statement).reason is Reason.ALREADY_CREATED
    assert register.refusal(note("nobody's")).reason is Reason.UNKNOWN_PASSPORT


# ---- a new passport and its originals


def test_several_originals_of_several_operators_become_one(register: Register) -> None:
    register.placed("a")
    register.placed("b", RECYCLER)
    register.state("b", WASTE, RECYCLER)
    for name in ("a", "b"):
        register.log(name)
    register.log("a", "second log", 5)
    originals = (register.original("a", "c", OPERATOR), register.original("b", "c"))
    modules = (ModulePlace("M1", 0, "rack 1"), ModulePlace("M1", 1, "rack 2"))
    life = register.create(
        "c", RECYCLER, originals=originals, modules=modules, sealed=register.sealed("a", "b"), category="SBESS"
    )
    assert (life.originals, life.modules, len(life.sealed), life.category) == (originals, modules, 3, "SBESS")
    first = register.lives[named("a")]
    assert first.successors == register.lives[named("b")].successors == (named("c"),)
    assert (first.stage, first.history[-1].passport_id) == (ORIGINAL, named("c"))
    assert first.head == originals[0].head


Change = Callable[[Register], dict[str, object]]
NOT_CREATED: dict[str, tuple[Change, Reason]] = {
    "without the consent that it needs": (lambda r: {"originals": (r.original("a", "b"),)}, Reason.BAD_CONSENT),
    "with a consent of who is not responsible": (
        lambda r: {"originals": (r.original("a", "b", INTEGRATOR),)},
        Reason.BAD_CONSENT,
    ),
    "with a consent to another passport": (
        lambda r: {"originals": (r.original("a", "c", OPERATOR),)},
        Reason.BAD_CONSENT,
    ),
    "of an original that is not here": (
        lambda r: {"originals": (replace(r.original("a", "b", OPERATOR), passport_id=named("z")),)},
        Reason.UNKNOWN_PASSPORT,
    ),
    "of an original that has changed since": (
        lambda r: {"originals": (replace(r.original("a", "b", OPERATOR), head=DIGEST),)},
        Reason.OUTDATED,
    ),
    "without the first life": (lambda _: {"sealed": ()}, Reason.NOT_SEALED),
    "with a log of another size": (lambda r: {"sealed": (replace(r.sealed("a")[0], size=19),)}, Reason.NOT_SEALED),
    "with a log of another root": (lambda r: {"sealed": (replace(r.sealed("a")[0], root=DIGEST),)}, Reason.NOT_SEALED),
    "with a log too many": (
        lambda r: {"sealed": (*r.sealed("a"), SealedLog(named("z"), 1, DIGEST))},
        Reason.WRONG_LOG,
    ),
}


@pytest.mark.parametrize(("change", "reason"), NOT_CREATED.values(), ids=NOT_CREATED)
def test_a_second_passport_is_not_created(register: Register, change: Change, reason: Reason) -> None:
    register.placed("a")
    register.log("a")
    good = {"originals": (register.original("a", "b", OPERATOR),), "sealed": register.sealed("a")}
    refused = created("b", INTEGRATOR, **{**good, **change(register)})
    assert register.refusal(refused, INTEGRATOR).reason is reason
    register.create("b", INTEGRATOR, **good)


def test_a_log_that_goes_on_must_be_sealed_first(register: Register) -> None:
    register.placed("a")
    register.log("a", is_sealed=False)
    with pytest.raises(EvidenceError, match=r"not-sealed: log .* goes on; order its board to seal it"):
        register.second_life("b", "a")
    register.log("a", size=21)
    assert register.second_life("b", "a").sealed == register.sealed("a")


def test_who_was_taken_apart_goes_on_in_others_and_ends_by_itself(register: Register) -> None:
    register.placed("a")
    register.second_life("b", "a")
    register.second_life("c", "a")
    assert register.lives[named("a")].successors == (named("b"), named("c"))
    for statement, by in (
        (register.status("a", REPAIRED), OPERATOR),
        (register.status("a", REUSED), OPERATOR),
        (stated("a", {"key": 1}), OPERATOR),
        (stated("a", {"key": 1}), ASSESSOR),
    ):
        assert register.refusal(statement, by).reason is Reason.WRONG_STAGE
    with pytest.raises(EvidenceError, match=r"wrong-stage: .* state it about that one"):
        register.tested("a")
    register.submit(note("a"))
    register.submit(register.handover("a", RECYCLER))
    register.state("a", WASTE, RECYCLER)
    register.second_life("d", "a", consents=RECYCLER)
    assert register.state("a", RECYCLED, RECYCLER).successors == (named("b"), named("c"), named("d"))


# ---- evidence, and the fold


def test_evidence_is_of_the_battery_or_of_its_first_life(register: Register) -> None:
    register.placed("a")
    register.log("a", size=20)
    register.second_life("b", "a")
    register.log("b", size=3, is_sealed=False)
    life = register.submit(
        note("b", evidence=(RecordRef(named("b log"), 2), RecordRef(named("a log"), 19))), INTEGRATOR
    )
    assert len(life.notes) == 1
    for record, reason in (
        (RecordRef(named("b log"), 3), Reason.MISSING_ENTRIES),
        (RecordRef(named("z log"), 0), Reason.WRONG_BATTERY),
    ):
        assert register.refusal(note("b", evidence=(record,)), INTEGRATOR).reason is reason
        status = register.status("b", REPURPOSED, evidence=(record,))
        assert register.refusal(status, INTEGRATOR).reason is reason
    assert register.refusal(note("a", evidence=(RecordRef(named("b log"), 0),))).reason is Reason.WRONG_BATTERY


def test_the_same_statements_come_to_the_same_lives_whatever_is_known_later(register: Register) -> None:
    register.placed("a")
    register.log("a")
    register.second_life("b", "a")
    register.tested("b")
    register.state("b", REMANUFACTURED, INTEGRATOR)
    register.submit(register.handover("b", RECYCLER), INTEGRATOR)
    register.act(Revoke(OPERATOR.public_key, Cause.STOLEN), SERVICE, salt("stolen"))
    register.logs, register.records = {battery_of("a"): (LogEnd(bytes(16), 1, DIGEST, False),)}, {}
    assert register.refolded() == register.lives


def test_a_fold_out_of_order_is_a_mistake_of_the_caller(register: Register) -> None:
    register.placed("a")
    (_, create), (_, status) = register.statements
    lives: dict[bytes, Life] = {}
    with pytest.raises(ValueError, match="has not been folded"):
        folded(status, 1, lives.get)
    (lives[named("a")],) = folded(create, 1, lives.get)
    with pytest.raises(ValueError, match="statement 1 is folded after 1"):
        folded(status, 1, lives.get)
    with pytest.raises(ValueError, match="begins with a CREATE"):
        Life.opened(status, 1)
