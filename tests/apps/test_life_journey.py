"""The whole life of the battery of an EV, by the service's interface: each role sees its groups at each step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from packseal.apps.life_desk import LifeDesk, NewPassport
from packseal.apps.passport_rebuild import rebuild
from packseal.errors import ConfigError, EvidenceError, Reason
from packseal.io.keys import Signer
from packseal.passport.access import ReaderRole, groups
from packseal.passport.attributes import Group, group_of
from packseal.records.acts import Role, sign_possession
from packseal.records.bodies import Previous
from packseal.records.cose import VerifyingKey
from packseal.records.statement_bodies import NoteKind, RecordRef, Stage, Values
from tests.apps.desk_api import LAB, MAKER, READERS, RECYCLER, STORE, Service, served
from tests.passport.authorities import signatory
from tests.passport.board import Board, key_of, signer
from tests.records.paper import salt

STATIC = {
    "model_id": "PS-60", "mass": "412.5", "manufacturing_date": "2026-11", "chemistry": "NMC 811",
    "manufacturer_id": {"name": "Cells AG", "address": "Werkstr. 1, Wolfsburg", "web": ["https://example.org", "https://example.com"]},
    "critical_raw_materials": ["cobalt", "lithium", "nickel"], "renewable_content": "12.0",
    "detailed_composition": [{"material": "NMC 811", "part": "cathode", "share_percent": "31.2"}],
    "dismantling_manuals": "https://example.org/dismantling-CANARY-MODEL.pdf",
    "test_reports": "https://example.org/report-CANARY-AUTHORITY.pdf",
    "rated_capacity_item": "60.0", "into_service_date": "2027-03",
}  # fmt: skip
CANARIES = {Group.MODEL: "CANARY-MODEL", Group.AUTHORITIES: "CANARY-AUTHORITY", Group.INDIVIDUAL: "CANARY-OWN"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with served(tmp_path) as running:
        yield running


def bind(service: Service, board: Board, battery: str, by: str) -> None:
    who, key = signatory(by), VerifyingKey(board.public_key)
    nonce = salt(f"enrol {board.name}")
    take = service.desk.service.take_act
    take(who.enrol(Role.BOARD, key, nonce, sign_possession(key, nonce, signer(key_of(board.name)))))
    take(who.bind(board.public_key, battery, "B", salt(f"bind {battery}")))


def seen_of(service: Service, passport: str) -> dict[str, dict[str, Any]]:
    """By role, "" for who shows no credential."""
    return {role: service.of("", role).document(passport) for role in ("", *READERS)}


def check_matrix(service: Service, passport: str) -> None:
    """Every role sees exactly its groups: of measured and of stated values, of attachments, and of everything else."""
    documents = seen_of(service, passport)
    everything = documents["operator"]
    keys = {*everything["values"], *everything["life"]["values"]}
    for role, document in documents.items():
        seen = groups(ReaderRole(role.replace("_", "-") or "public"))
        shown = {*document["values"], *document["life"]["values"]}
        assert shown == {key for key in keys if group_of(key) in seen}, role
        assert ("history" in document["life"]) == ("second_opinion" in document) == (Group.INDIVIDUAL in seen), role
        text = json.dumps(document) + json.dumps(service.of("", role).statements(passport))
        for group, canary in CANARIES.items():
            assert group in seen or canary not in text, (role, canary)


def test_the_life_of_an_ev_pack(service: Service) -> None:
    made, board = made_and_not_on_the_market(service)
    driven_until_its_health_falls(service, made, board)
    sold_to_a_storage_operator(service, made)
    second = repurposed_with_a_linked_passport(service, made, board)
    used_in_storage(service, made, second, board)
    recycled(service, second)


def made_and_not_on_the_market(service: Service) -> tuple[bytes, Board]:
    """A board is bound to it."""
    maker = service.of(MAKER)
    made, _ = maker.create(NewPassport("ev-1", "EV", "Pack 1", rated_capacity_mah=60_000, chemistry="nmc"))
    board = Board("ev board")
    bind(service, board, "ev-1", MAKER)
    maker.state(made, STATIC)
    life = maker.document(made.hex())["life"]
    assert (life["stage"], life["status"]) == ("prepared", None)
    check_matrix(service, made.hex())
    return made, board


def driven_until_its_health_falls(service: Service, made: bytes, board: Board) -> None:
    maker = service.of(MAKER)
    maker.change_stage(made, Stage.ORIGINAL, "placed on the market CANARY-OWN", [])
    board.boot()
    board.windows(20)
    board.state_of_health(9800)
    service.desk.receipt(board.delivery().to_bytes())
    assert maker.document(made.hex())["values"]["soh_capacity_cpct"]["value"] == 98.0
    maker.note(made, NoteKind.REPAIR, "fuse replaced CANARY-OWN", 1_790_000_000_000, [])
    maker.change_stage(made, Stage.REPAIRED, "", [])
    board.windows(20)
    board.state_of_health(7900)
    service.desk.receipt(board.delivery(first=23).to_bytes())
    document = maker.document(made.hex())
    assert (document["life"]["stage"], document["life"]["status"]) == ("repaired", "original")
    assert document["values"]["soh_capacity_cpct"]["value"] == 79.0
    assert document["values"]["soh_capacity_cpct"]["record"]["seq"] == board.size - 1
    check_matrix(service, made.hex())


def sold_to_a_storage_operator(service: Service, made: bytes) -> None:
    """With both signatures; who handed over is no longer responsible."""
    maker = service.of(MAKER)
    offer = service.of(STORE, "").consent(made, store_key())
    maker.hand_over(made, VerifyingKey(store_key()), offer)
    with pytest.raises(EvidenceError) as late:
        maker.change_stage(made, Stage.WASTE, "", [])
    assert late.value.reason is Reason.WRONG_OPERATOR


def repurposed_with_a_linked_passport(service: Service, made: bytes, board: Board) -> bytes:
    """The first life is sealed before; the new passport has a map of the modules. -> its id"""
    store = service.of(STORE)
    with pytest.raises(EvidenceError) as open_log:
        store.create(second_life(made))
    assert open_log.value.reason is Reason.NOT_SEALED
    board.seal()
    service.desk.receipt(board.delivery(first=board.size - 1).to_bytes())
    second, _ = store.create(second_life(made))
    new = store.document(second.hex())["life"]
    assert new["originals"][0]["passport_id"] == made.hex()
    assert new["sealed"] == [{"log_id": board.log_id.hex(), "size": board.size, "root": board.root(board.size).hex()}]
    assert new["modules"] == [{"module": "M1", "original": made.hex(), "place": "rack-2"}]
    assert store.document(made.hex())["life"]["successors"][0]["passport_id"] == second.hex()
    return second


def used_in_storage(service: Service, made: bytes, second: bytes, board: Board) -> None:
    """Its numbers are too low for remanufactured, and good enough for repurposed."""
    store = service.of(STORE)
    next_board = Board("store board", previous=Previous(board.log_id, board.size, board.root(board.size)))
    bind(service, next_board, "store-1", STORE)
    next_board.boot()
    next_board.windows(10)
    next_board.state_of_health(7850)
    service.desk.receipt(next_board.delivery().to_bytes())
    evidence = [RecordRef(next_board.log_id, next_board.size - 1)]
    with pytest.raises(EvidenceError) as unfit:
        store.change_stage(second, Stage.REMANUFACTURED, "", evidence)
    assert unfit.value.reason is Reason.UNFIT
    assert "78.50 %" in str(unfit.value)
    store.change_stage(second, Stage.REPURPOSED, "for storage CANARY-OWN", evidence)
    document = store.document(second.hex())
    assert (document["life"]["status"], document["life"]["category"]) == ("repurposed", "SBESS")
    check_matrix(service, second.hex())
    check_matrix(service, made.hex())


def recycled(service: Service, second: bytes) -> None:
    """Waste first, and by a recycler: then its passport ends."""
    store = service.of(STORE)
    store.change_stage(second, Stage.WASTE, "", [])
    consent = service.of(RECYCLER, "").consent(second, recycler_key())
    store.hand_over(second, VerifyingKey(recycler_key()), consent)
    recycler = service.of(RECYCLER)
    recycler.change_stage(second, Stage.RECYCLED, "", [])
    assert recycler.document(second.hex())["life"]["stage"] == "recycled"
    with pytest.raises(EvidenceError) as ended:
        recycler.note(second, NoteKind.OTHER, "too late", 1_790_000_000_000, [])
    assert ended.value.reason is Reason.WRONG_STAGE
    check_matrix(service, second.hex())


def store_key() -> bytes:
    return bytes(key_of(STORE).verify_key)


def recycler_key() -> bytes:
    return bytes(key_of(RECYCLER).verify_key)


def second_life(original: bytes) -> NewPassport:
    return NewPassport("store-1", "SBESS", "Store 1", (original,), modules=(("M1", original, "rack-2"),),
                       rated_capacity_mah=60_000)  # fmt: skip


def test_the_same_evidence_gives_the_same_passport(tmp_path: Path) -> None:
    with served(tmp_path) as service:
        maker = service.of(MAKER)
        made, _ = maker.create(NewPassport("ev-1", "EV", "Pack 1", rated_capacity_mah=60_000))
        maker.state(made, STATIC)
        board = Board("ev board")
        bind(service, board, "ev-1", MAKER)
        board.boot()
        board.windows(5)
        service.desk.receipt(board.delivery().to_bytes())
        before, statements = maker.document(made.hex()), maker.statements(made.hex())
        assert rebuild(service.desk.service, "ev-1").is_same
    with served(tmp_path) as again:
        maker = again.of(MAKER)
        assert (maker.document(made.hex()), maker.statements(made.hex())) == (before, statements)


def test_of_two_at_once_one_wins_and_the_other_is_told(service: Service) -> None:
    maker = service.of(MAKER)
    made, _ = maker.create(NewPassport("ev-1", "EV", "Pack 1"))
    head = maker.head(made)
    maker.change_stage(made, Stage.ORIGINAL, "", [])

    class Late(LifeDesk):
        """Who has looked before the other acted."""

        def head(self, passport_id: bytes) -> bytes:
            assert passport_id == made
            return head

    late = Late(service.url, Signer(key_of(MAKER)))
    with pytest.raises(EvidenceError) as told:
        late.change_stage(made, Stage.WASTE, "", [])
    assert told.value.reason is Reason.OUTDATED
    assert maker.document(made.hex())["life"]["stage"] == "original"


def test_who_may_not_is_told_and_changes_nothing(service: Service) -> None:
    maker = service.of(MAKER)
    made, _ = maker.create(NewPassport("ev-1", "EV", "Pack 1"))
    before = maker.document(made.hex())["life"]
    refusals = {STORE: Reason.WRONG_OPERATOR, LAB: Reason.WRONG_ROLE, "stranger": Reason.UNKNOWN_AUTHORITY}
    for who, reason in refusals.items():
        with pytest.raises(EvidenceError) as refused:
            service.of(who).change_stage(made, Stage.ORIGINAL, "", [])
        assert refused.value.reason is reason
    with pytest.raises(EvidenceError) as typed:
        maker.submit(Values(made, 4, {"remaining_capacity": "60.0"}))
    assert "signed records alone" in str(typed.value)
    assert maker.document(made.hex())["life"] == before


def test_what_does_not_exist_and_what_is_not_shown_are_the_same(service: Service) -> None:
    unknown = hashlib.sha256(b"no passport").hexdigest()[:32]
    words = set()
    for name in (unknown, "ev-1", "x" * 63):
        with pytest.raises(ConfigError) as missing:
            service.of("", "").document(name)
        words.add(str(missing.value))
    assert len(words) == 1
