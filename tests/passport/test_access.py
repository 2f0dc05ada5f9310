"""Access: every reader is shown exactly the groups of its role, in every place of a real passport's document."""

from __future__ import annotations

import json
import random
import re
import tempfile
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.apps.auditor import Auditor
from packseal.apps.page_view import PageView
from packseal.passport.access import Reader, ReaderRole, groups, visible
from packseal.passport.attributes import ATTRIBUTES, Group, group_of
from packseal.passport.life import Life, Source, StatedAttachment, StatedNote, StatedTest, StatedValue, Step
from packseal.passport.life_document import life_document
from packseal.passport.life_rules import LogEnd
from packseal.records.acts import Authority, Role
from packseal.records.bodies import BlockEstimate, EntryType, StateOfHealth
from packseal.records.cose import VerifyingKey
from packseal.records.statement_bodies import (
    Attachment,
    CapacityTest,
    Kind,
    ModulePlace,
    Note,
    NoteKind,
    Original,
    RecordRef,
    SealedLog,
    Stage,
)
from tests.passport.board import RATED_MAH, running_board
from tests.passport.desk import desk_for

MATRIX = {  # Article 77(2); the operator is responsible for all of it
    ReaderRole.PUBLIC: {1},
    ReaderRole.LEGITIMATE_INTEREST: {1, 2, 4},
    ReaderRole.OWNER: {1, 2, 4},
    ReaderRole.AUTHORITY: {1, 2, 3},
    ReaderRole.NOTIFIED_BODY: {1, 2, 3},
    ReaderRole.COMMISSION: {1, 2, 3},
    ReaderRole.OPERATOR: {1, 2, 3, 4},
}
OF_USE = {"boots", "events", "received_unix_ms", "silent_ms"}  # in a log
OF_LIFE = {
    "head",
    "passport_id",
    "battery",
    "name",
    "category",
    "category_text",
    "chemistry",
    "operator",
}  # seen by all
FILES = {Group.PUBLIC: "manual.pdf", Group.AUTHORITIES: "report.pdf"}
UNKNOWN = 0
Place: TypeAlias = tuple[str | int, ...]


class Alone:
    """What a service knows that has no other passport and no authority."""

    def life(self, _passport_id: bytes) -> Life | None:
        return None

    def passport_of(self, _battery: str) -> bytes | None:
        return None

    def logs_of(self, _battery: str) -> tuple[LogEnd, ...]:
        return ()

    def state_of_health(self, _record: RecordRef) -> tuple[str, StateOfHealth] | None:
        return None

    def authority(self, _key: VerifyingKey) -> Authority | None:
        return None


def a_life() -> dict[str, object]:
    """With a value of every attribute that has a group, and with all else that a life can hold."""
    one, record = bytes(16), RecordRef(bytes(16), 5)
    source = Source(bytes(32), Role.OPERATOR, 7, bytes(32))
    stated = {key: StatedValue("12.5", of.group, source) for key, of in ATTRIBUTES.items() if of.group}
    files = {
        bytes([group]) * 32: StatedAttachment(
            Attachment(name, "application/pdf", 9, bytes([group]) * 32), group, source
        )
        for group, name in FILES.items()
    }
    life = Life(
        one, "pack-1", "SBESS", "A used pack", VerifyingKey(bytes(32)), bytes(32),
        (Step(Kind.STATUS, Stage.REPURPOSED, 1, source, one, "in a house now", (record,)),),
        originals=(Original(one, bytes(32)),), modules=(ModulePlace("m1", 0, "rack 1"),),
        sealed=(SealedLog(one, 5, bytes(32)),), rated_capacity_mah=RATED_MAH, chemistry="nmc", successors=(one,),
        tests=(StatedTest(CapacityTest(one, 9_100, 200, "cycler", 1), source),),
        notes=(StatedNote(Note(one, NoteKind.ACCIDENT, 1, "it fell", (record,)), source),),
        values=stated, attachments=files,
    )  # fmt: skip
    return life_document(life, Alone())


@cache
def whole_document() -> dict[str, object]:
    """As the JSON of a page: values known, lacking and unknown, an event, an alarm, an altered record; and a life."""
    board = running_board()
    blocks = {"least": BlockEstimate(2, 340, 6), "most": BlockEstimate(5, 360, 6)}
    board.estimate(3, (4210, 55), temperature_ddegc=251, soc_span_cpct=(1200, 9100), **blocks)
    board.estimate(6, lacking=(9,), method=5)
    board.append(EntryType.EVENT, {1: 2, 2: 1, 3: 4_300, 4: 0})
    board.gap()
    board.append(EntryType.BOOT, {1: bytes(32), 2: 1, 3: 1, 4: 1, 5: 4, 6: 1, 7: RATED_MAH * 3 // 2})
    board.windows(3)
    with tempfile.TemporaryDirectory() as folder:
        desk = desk_for(Path(folder), board)
        desk.receipt(board.delivery().to_bytes())
        desk.edit(lambda file: file.execute("UPDATE records SET entry = ? WHERE seq = 5", (board.entries[4],)))
        data = PageView(desk.service, Auditor(desk.store, lambda: desk.now_unix_ms), desk.policy).data("pack-1")
        desk.store.close()
    return {**data, "life": a_life()}


def group_at(path: Place) -> Group | None:
    """Whose a place is, told apart from the tables under test: by what the place is about."""
    match path:
        case ("values", str(key), *_) | ("life", "values", str(key), *_):
            return group_of(key)
        case ("life", "attachments", str(digest), *_):
            return Group(int(digest[:2], 16))
        case ("life", str(field), *_):
            return Group.PUBLIC if field in OF_LIFE else Group.INDIVIDUAL
        case ("second_opinion", *_):
            return Group.INDIVIDUAL
        case ("logs", int(), str(field), *_) if field in OF_USE:
            return Group.INDIVIDUAL
    return Group.PUBLIC


def with_canaries(content: object, chance: random.Random, path: Place = ()) -> object:
    """Every text and number becomes a word that names its group; maps get unknown keys and lose some of their own."""
    match content:
        case dict():
            kept = {key: item for key, item in content.items() if chance.random() < 0.9 or key == "group"}
            changed = {key: with_canaries(item, chance, (*path, key)) for key, item in kept.items() if key != "group"}
            own = {"group": content["group"]} if "group" in content else {}
            return {**changed, **own, **_unknown(path, chance)}
        case list():
            return [with_canaries(item, chance, (*path, number)) for number, item in enumerate(content)]
    return canary(group_at(path) or UNKNOWN, path)


def canary(group: int, path: Place) -> str:
    return f"canary {group} at {'/'.join(map(str, path))}."


def _unknown(path: Place, chance: random.Random) -> dict[str, object]:
    """In the maps whose keys are a table; what is inside a value has the group of the value."""
    if not _has_table(path) or chance.random() < 0.3:
        return {}
    hidden = canary(UNKNOWN, (*path, "new"))
    value = {"value": hidden, "text": hidden, "group": 1}
    return {f"new_{number}": item for number, item in enumerate((hidden, value, [hidden]))}


def _has_table(path: Place) -> bool:
    match path:
        case () | ("battery" | "values" | "completeness" | "verification" | "second_opinion" | "life",):
            return True
        case ("values", _) | ("logs", int()) | ("logs", int(), "completeness") | ("verification", "differences", int()):
            return True
        case ("life", "values") | ("life", "values" | "attachments", _):
            return True
        case ("second_opinion", "opinion") | ("second_opinion", "alarms", int()):
            return True
        case ("second_opinion", "alarms", int(), "evidence", int()):
            return True
    return False


def canaries(content: object) -> list[str]:
    return sorted(re.findall(r"canary \d at [^.]*\.", json.dumps(content)))


def of_groups(found: list[str], seen: set[int]) -> list[str]:
    return [word for word in found if int(word.split()[1]) in seen]


@given(st.integers(), st.sampled_from(list(ReaderRole)))
def test_a_reader_is_shown_all_of_its_groups_and_nothing_else(seed: int, role: ReaderRole) -> None:
    document = with_canaries(whole_document(), random.Random(seed))
    assert isinstance(document, dict)
    before = deepcopy(document)
    shown = visible(document, groups(role))
    assert canaries(shown) == of_groups(canaries(document), MATRIX[role])
    assert document == before
    assert visible(shown, groups(role)) == shown


def test_each_group_stands_in_the_document_and_every_restricted_word_is_kept_from_the_public() -> None:
    document = with_canaries(whole_document(), random.Random(1))
    assert isinstance(document, dict)
    planted = canaries(document)
    assert [len(of_groups(planted, {group})) > 5 for group in (UNKNOWN, 1, 2, 3, 4)] == [True] * 5
    assert canaries(visible(document, groups(ReaderRole.PUBLIC))) == of_groups(planted, {1})
    assert canaries(visible(document, frozenset())) == []


def test_the_operator_is_shown_the_whole_document() -> None:
    """So that a field that is new in the document and in no table here is noticed: it would be seen by nobody."""
    document: dict[str, Any] = whole_document()
    assert visible(document, groups(ReaderRole.OPERATOR)) == document
    assert document["second_opinion"]["opinion"]
    assert document["second_opinion"]["alarms"]
    assert document["verification"]["differences"]
    assert document["logs"][0]["events"]


def test_the_public_is_told_that_there_is_evidence_and_no_number_of_this_battery() -> None:
    shown: dict[str, Any] = visible(whole_document(), groups(ReaderRole.PUBLIC))
    assert shown["values"] == {}
    assert "second_opinion" not in shown
    assert shown["verification"]["state"] == "altered"
    assert shown["completeness"] == whole_document()["completeness"]
    (log,) = shown["logs"]
    assert {"log_id", "evidence_class", "records", "completeness"} <= log.keys()
    assert not log.keys() & OF_USE
    life = shown["life"]
    assert life.keys() == OF_LIFE | {"values", "attachments"}
    assert {one["name"] for one in life["attachments"].values()} == {"manual.pdf"}
    assert "status" not in life["values"]
    assert life["values"]["mass"]["value"] == "12.5"


@pytest.mark.parametrize(
    ("stated", "is_shown"), [(1, True), (2, False), (4, False), (None, False), ("1", False), ([], False)]
)
def test_a_public_attribute_in_a_statement_of_another_group_is_not_public(stated: object, is_shown: bool) -> None:
    """And a restricted attribute is not made public by a statement that says so."""
    values = {key: {"value": "12.5", "group": stated} for key in ("mass", "status", "test_reports", "new")}
    shown = visible({"life": {"values": values}}, groups(ReaderRole.PUBLIC))
    assert shown == {"life": {"values": {"mass": values["mass"]} if is_shown else {}}}


@pytest.mark.parametrize("key", ["soh_capacity_cpct", "cell_spread_mv", "status", "socr", "value_method", "", "Mass"])
def test_a_value_whose_key_is_restricted_or_unknown_is_not_public(key: str) -> None:
    assert visible({"values": {key: {"value": 1}, "mass": {"value": 2}}}, groups(ReaderRole.PUBLIC)) == {
        "values": {"mass": {"value": 2}}
    }


@pytest.mark.parametrize("odd", ["text", 5, ["text"], [["text"]], {"text": "text"}, [{"text": "text"}], True])
@pytest.mark.parametrize("place", ["values", "completeness", "logs", "second_opinion", "verification", "life"])
def test_a_part_of_another_shape_is_not_shown(place: str, odd: object) -> None:
    shown = visible({place: odd, "unknown": odd}, groups(ReaderRole.OPERATOR))
    assert "text" not in json.dumps(list(shown.values()))
    assert "5" not in json.dumps(shown)


def test_every_role_has_its_groups_and_no_other_role_is_there() -> None:
    assert {role: set(groups(role)) for role in ReaderRole} == MATRIX
    assert Reader() == Reader(ReaderRole.PUBLIC, None)


def test_a_role_holds_for_its_batteries_alone() -> None:
    owner = Reader(ReaderRole.OWNER, frozenset({"pack-1"}))
    assert owner.groups("pack-1") == {1, 2, 4}
    assert owner.groups("pack-2") == owner.groups("") == {1}
    assert Reader(ReaderRole.AUTHORITY).groups("pack-2") == {1, 2, 3}
    assert Reader(ReaderRole.OPERATOR, frozenset()).groups("pack-1") == {1}


def test_nobody_owns_all_batteries_without_naming_them() -> None:
    with pytest.raises(ValueError, match="named batteries"):
        Reader(ReaderRole.OWNER)
    assert Reader(ReaderRole.OPERATOR).groups("pack-1") == {1, 2, 3, 4}
