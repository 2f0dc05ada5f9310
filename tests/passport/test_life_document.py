"""The life as a document: what was stated, by whom, and where it stands."""

from __future__ import annotations

import json
from typing import Any

from packseal.passport.life_document import life_document
from packseal.records.acts import Rotate, sign_possession
from packseal.records.statement_bodies import (
    Attachment,
    ModulePlace,
    Note,
    NoteKind,
    RecordRef,
    Stage,
    Stated,
    Values,
)
from tests.passport.lives import Register, named
from tests.vectors.world import ASSESSOR, DIGEST, INTEGRATOR, OPERATOR, START_UNIX_MS, Actor, salt

FILE = Attachment("report.pdf", "application/pdf", 1_000, DIGEST)
VALUES: dict[str, Stated] = {"materials": ({"name": "graphite", "share": "22.10"},), "is_safe": True, "count": 96}


def lived() -> Register:
    """A pack of an operator becomes a storage of an integrator, who changes his key."""
    register = Register()
    register.placed("a")
    register.log("a")
    register.create(
        "b",
        INTEGRATOR,
        category="SBESS",
        originals=(register.original("a", "b", OPERATOR),),
        modules=(ModulePlace("M1", 0, "rack 2"),),
        sealed=register.sealed("a"),
    )
    register.tested("b", 9_120, 180)
    evidence = (RecordRef(named("a log"), 3),)
    register.state("b", Stage.REPURPOSED, INTEGRATOR, note="all modules", evidence=evidence)
    register.submit(Values(named("b"), 1, VALUES), INTEGRATOR)
    register.submit(Values(named("b"), 4, {"soce": "97.10"}, (FILE,)), ASSESSOR)
    register.submit(Note(named("b"), NoteKind.REPAIR, START_UNIX_MS, "a fan", evidence), INTEGRATOR)
    return register


def document_of(register: Register, name: str) -> dict[str, Any]:
    """As it goes over the wire, and comes back."""
    document = life_document(register.lives[named(name)], register)
    assert json.loads(json.dumps(document)) == document
    return document


def test_everything_stated_stands_with_who_said_it_and_where() -> None:
    register = lived()
    found = document_of(register, "b")
    assert (found["passport_id"], found["status"], found["stage"]) == (named("b").hex(), "repurposed", "repurposed")
    integrator, assessor = INTEGRATOR.public_key.hex(), ASSESSOR.public_key.hex()
    assert found["operator"] == {"public_key": integrator, "role": "integrator", "is_known": True}
    assert found["originals"] == [{"passport_id": named("a").hex(), "status": "original", "stage": "original"}]
    assert found["modules"] == [{"module": "M1", "original": named("a").hex(), "place": "rack 2"}]
    assert [log["log_id"] for log in found["sealed"]] == [named("a log").hex()]
    materials, soce, file = found["values"]["materials"], found["values"]["soce"], found["attachments"][DIGEST.hex()]
    assert materials["value"] == [{"name": "graphite", "share": "22.10"}]
    assert [materials[name] for name in ("group", "originator", "role", "index")] == [1, integrator, "integrator", 5]
    assert [soce[name] for name in ("group", "originator", "role", "index")] == [4, assessor, "assessor", 6]
    assert (file["name"], file["group"], file["originator"]) == ("report.pdf", 4, assessor)
    assert [(test["capacity_cpct"], test["signer"], test["index"]) for test in found["tests"]] == [(9_120, assessor, 3)]
    assert [(note["kind"], note["text"], note["index"]) for note in found["notes"]] == [("repair", "a fan", 7)]
    history = [(step["index"], step["kind"], step["stage"], step["signer"]) for step in found["history"]]
    assert history == [
        (2, "create", "prepared", integrator),
        (3, "test", "prepared", assessor),
        (4, "status", "repurposed", integrator),
        (5, "values", "repurposed", integrator),
        (6, "values", "repurposed", assessor),
        (7, "note", "repurposed", integrator),
    ]
    assert found["history"][2]["note"] == "all modules"
    assert found["history"][2]["evidence"] == [{"log_id": named("a log").hex(), "seq": 3}]
    before = document_of(register, "a")
    assert before["successors"] == [{"passport_id": named("b").hex(), "status": "repurposed", "stage": "repurposed"}]
    assert before["history"][-1]["passport_id"] == named("b").hex()


def test_truth_stays_truth() -> None:
    values = document_of(lived(), "b")["values"]
    assert (values["is_safe"]["value"] is True, values["count"]["value"]) == (True, 96)


def test_the_operators_key_is_the_one_that_counts_now() -> None:
    register, new = lived(), Actor(40)
    register.act(Rotate(new.key, sign_possession(new.key, salt("new"), new.sign)), INTEGRATOR, salt("new"))
    operator = document_of(register, "b")["operator"]
    assert operator == {"public_key": new.public_key.hex(), "role": "integrator", "is_known": True}


def test_whoever_gets_a_document_cannot_change_the_life() -> None:
    register = lived()
    found = document_of(register, "b")
    found["values"]["materials"]["value"][0]["name"] = "gold"
    found["history"].clear()
    assert document_of(register, "b")["values"]["materials"]["value"][0]["name"] == "graphite"


def test_equal_lives_give_equal_documents() -> None:
    register = lived()
    first = json.dumps(life_document(register.lives[named("b")], register))
    register.lives = register.refolded()
    assert json.dumps(life_document(register.lives[named("b")], register)) == first
