"""Keys that are stolen, revoked, or bound behind their owner's back."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from packseal.errors import EvidenceError, Reason
from packseal.passport.settings import BatterySettings, EnrolledSource
from packseal.records.acts import (
    Bind,
    Cause,
    Enrol,
    Noted,
    Revoke,
    Role,
    leaf_entry_of,
    sign_act,
    sign_possession,
    unverified_statement,
)
from packseal.records.bundle import ActPart, Bundle
from packseal.records.entries import log_id_of
from packseal.records.passport_log import EntryKind, LogEntry, subject_tag
from packseal.records.policy import Revocation
from packseal.records.verify import verify_bundle
from tests.attacks.office import GATEWAY, INTEGRATOR, Office, attestation_for, refused, verifying
from tests.passport.board import RATED_MAH, Board, key_of, running_board, signer
from tests.passport.desk import SERVICE_PUBLIC_KEY
from tests.records.paper import ORIGIN, PaperService, bundle_of, public, salt

YEAR_MS = 365 * 86_400_000
THIEF = key_of("thief")


def digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


# ---- the board's key is stolen


class Stolen:
    """A board with a receipt for its first half; then its key is stolen, and the theft is noticed."""

    def __init__(self, folder: Path) -> None:
        self.office = Office(folder)
        self.board = self.office.bound_board()
        self.half = self.board.size // 2
        self.office.desk.receipt(self.board.delivery(0, self.half).to_bytes())

    def revoke(self) -> None:
        self.office.revoke(self.board.public_key)


def test_a_stolen_key_is_good_for_nothing_after_it_is_revoked(tmp_path: Path) -> None:
    stolen = Stolen(tmp_path)
    stolen.revoke()
    office, board = stolen.office, stolen.board
    before = office.desk.contents()
    for back_ms in (0, 1, 10 * YEAR_MS):
        office.desk.now_unix_ms -= back_ms
        assert office.desk.refusal(board.delivery(stolen.half).to_bytes()).reason == Reason.KEY_REVOKED
        assert office.desk.refusal(board.delivery().to_bytes()).reason == Reason.KEY_REVOKED
    anew = running_board(name="board", label=b"a new life, they")
    assert office.desk.refusal(anew.delivery().to_bytes()).reason == Reason.KEY_REVOKED
    assert office.desk.contents() == before


def test_what_had_a_receipt_before_the_theft_stays_good(tmp_path: Path) -> None:
    stolen = Stolen(tmp_path)
    before = stolen.office.bundle(stolen.board, 3)
    stolen.revoke()
    after = stolen.office.bundle(stolen.board, 3)
    assert after.receipt == before.receipt
    told = stolen.office.desk.policy().revoked
    assert stolen.board.public_key in told
    for bundle in (before, after):
        assert stolen.office.verified(bundle, revoked=told).battery == "pack-1"


def test_changing_its_own_key_does_not_save_a_stolen_one(tmp_path: Path) -> None:
    """The thief changes the log's key to his own before the owner notices; the log's first key is revoked anyway."""
    stolen = Stolen(tmp_path)
    board = stolen.board
    board.entries = board.entries[: stolen.half]
    checkpoint = board.rotate("thief")
    stolen.revoke()
    delivery = replace(board.delivery(stolen.half), checkpoint=checkpoint)
    assert stolen.office.desk.refusal(delivery.to_bytes()).reason == Reason.KEY_REVOKED


def late_bundle(claimed_unix_ms: int, uptime_ms: int, **changed: Any) -> tuple[PaperService, Bundle]:
    """A service that helps the thief: a receipt behind the REVOKE that claims any time it likes."""
    service, board = PaperService(), Board()
    board.boot()
    service.bind(board)
    service.act(Revoke(board.public_key, Cause.STOLEN))
    board.uptime_ms = uptime_ms
    board.windows(3)
    receipt = service.receipt(board, received_unix_ms=claimed_unix_ms)
    return service, bundle_of(service, board, 3, receipt, **changed)


@pytest.mark.parametrize("years", [-10, -1, 0, 10])
@pytest.mark.parametrize("uptime_ms", [0, 1, YEAR_MS])
def test_back_dated_records_of_a_stolen_key(years: int, uptime_ms: int) -> None:
    """Order decides, and no time: neither the one the board claims nor the one the service does."""
    service, bundle = late_bundle(1_790_000_000_000 + years * YEAR_MS, uptime_ms)
    refused(Reason.KEY_REVOKED, verify_bundle, bundle.to_bytes(), service.policy())


def test_a_bundle_that_leaves_the_revocation_out() -> None:
    """Whoever knows of the revocation from elsewhere refuses it; who knows it not cannot."""
    service, bundle = late_bundle(1_790_000_000_000, 0)
    silent = replace(bundle, acts=bundle.acts[:1])
    board = Board().public_key
    told = service.policy(revoked={board: Revocation(public(service.key), 1)})
    refused(Reason.KEY_REVOKED, verify_bundle, silent.to_bytes(), told)
    assert verify_bundle(silent.to_bytes(), service.policy()).battery == "pack-1"


def test_a_receipt_that_lies_about_its_place() -> None:
    """An index before the revocation, but the leaf lies behind it."""
    service, board = PaperService(), Board()
    board.boot()
    service.bind(board)
    service.act(Revoke(board.public_key, Cause.STOLEN))
    receipt = service.receipt(board, service_index=0)
    for index in range(len(service.leaves)):
        bundle = bundle_of(service, board, 1, receipt, note_proof=service.proof(index))
        refused(Reason.BAD_INCLUSION_PROOF, verify_bundle, bundle.to_bytes(), service.policy())


def test_a_service_whose_key_was_stolen_gives_no_receipts_more() -> None:
    """Nor may its key sign a receipt at an index before that, and a note of another log to hold it."""
    service, board = PaperService(), running_board()
    service.bind(board)
    index = len(service.leaves)
    bundle = bundle_of(service, board, 3, service.receipt(board)).to_bytes()
    for revoked_from, is_good in ((index + 1, True), (index, False), (0, False)):
        told = service.policy(revoked={public(service.key): Revocation(public(service.key), revoked_from)})
        if is_good:
            assert verify_bundle(bundle, told).battery == "pack-1"
        else:
            refused(Reason.KEY_REVOKED, verify_bundle, bundle, told)
    elsewhere = service.policy(services={public(service.key): "passports.example/another-log"})
    refused(Reason.UNKNOWN_SERVICE, verify_bundle, bundle, elsewhere)


def test_an_index_in_one_services_log_says_nothing_in_anothers() -> None:
    """The thief takes the stolen key to a second service, in whose young log every index is small."""
    first, second = PaperService(), PaperService(key_of("second service"))
    board = running_board()
    second.bind(board)
    bundle = bundle_of(second, board, 3, second.receipt(board)).to_bytes()
    services = {public(service.key): ORIGIN for service in (first, second)}
    told = first.policy(services=services, revoked={board.public_key: Revocation(public(first.key), 4711)})
    refused(Reason.KEY_REVOKED, verify_bundle, bundle, told)
    assert verify_bundle(bundle, replace(told, revoked={})).battery == "pack-1"


# ---- a key that counts no more


def test_a_revoked_integrator_signs_nothing_more(tmp_path: Path) -> None:
    office = Office(tmp_path)
    board = office.bound_board()
    office.revoke(bytes(INTEGRATOR.verify_key))
    before = office.desk.contents()
    nonce = office.nonce
    enrolment = Enrol(Role.BOARD, verifying(THIEF), sign_possession(verifying(THIEF), nonce, signer(THIEF)))
    for statement in (enrolment, Bind(board.public_key, "pack-1", "B"), Revoke(board.public_key, Cause.STOLEN)):
        with pytest.raises(EvidenceError) as refusal:
            office.take(statement)
        assert refusal.value.reason in (Reason.KEY_REVOKED, Reason.UNKNOWN_AUTHORITY)
    assert office.desk.contents() == before
    office.desk.reopen()
    with pytest.raises(EvidenceError):
        office.take(Bind(board.public_key, "pack-2", "B"))
    office.desk.receipt(board.delivery().to_bytes())


def test_a_revoked_gateway_attests_nothing_more(tmp_path: Path) -> None:
    office = Office(tmp_path)
    board = office.bound_board()
    office.enrol(GATEWAY, Role.GATEWAY)
    first = replace(board.delivery(), attestation=attestation_for(board))
    assert office.desk.receipt(first.to_bytes()).attestation_digest is not None
    office.revoke(bytes(GATEWAY.verify_key))
    board.windows(2)
    second = replace(board.delivery(), attestation=attestation_for(board))
    assert office.desk.receipt(second.to_bytes()).attestation_digest is None
    assert [one.reason for one in office.desk.service.refusals("pack-1")] == [Reason.UNKNOWN_GATEWAY]


def test_a_reader_who_knows_a_gateway_revoked_takes_nothing_from_it(tmp_path: Path) -> None:
    office = Office(tmp_path)
    board = office.bound_board()
    office.enrol(GATEWAY, Role.GATEWAY)
    office.desk.receipt(replace(board.delivery(), attestation=attestation_for(board)).to_bytes())
    bundle = office.bundle(board, 3)
    assert office.verified(bundle).attested is not None
    index = office.verified(bundle).receipt.service_index
    for revoked_from, is_taken in ((index, False), (index + 1, True)):
        told = {bytes(GATEWAY.verify_key): Revocation(SERVICE_PUBLIC_KEY, revoked_from)}
        assert (office.verified(bundle, revoked=told).attested is not None) is is_taken


def test_a_thief_revokes_nobody_but_himself(tmp_path: Path) -> None:
    office = Office(tmp_path)
    board = office.bound_board()
    refused(Reason.UNKNOWN_AUTHORITY, office.take, Revoke(board.public_key, Cause.STOLEN), THIEF)
    office.enrol(THIEF)
    refused(Reason.WRONG_ROLE, office.take, Revoke(board.public_key, Cause.STOLEN), THIEF)
    refused(Reason.WRONG_ROLE, office.take, Bind(bytes(THIEF.verify_key), "pack-1", "B"), THIEF)
    office.desk.receipt(board.delivery().to_bytes())


def test_a_key_enrolled_without_its_possession(tmp_path: Path) -> None:
    """Nobody enrols a key that he has only read somewhere, nor with a possession made for another act."""
    office = Office(tmp_path)
    board = Board("a neighbour's board")
    key = verifying(board.signing_key)
    for possession in (
        sign_possession(key, office.nonce, signer(THIEF)),
        sign_possession(key, salt("another nonce"), signer(board.signing_key)),
        sign_possession(verifying(THIEF), office.nonce, signer(THIEF)),
    ):
        refused(Reason.BAD_POSSESSION, office.take, Enrol(Role.BOARD, key, possession))
    refused(Reason.UNKNOWN_AUTHORITY, office.bind, board)


# ---- rogue enrolment


def test_a_rogue_binding_by_the_service_is_seen_by_the_owners_monitor(tmp_path: Path) -> None:
    """The service's operator writes a second board into the settings: the act is in the log under the battery's tag,
    and no stranger takes the service's word for it."""
    office = Office(tmp_path)
    board = office.bound_board()
    office.desk.receipt(board.delivery().to_bytes())
    acts = [content for _, content in office.desk.store.log.acts()]
    known = {digest(content) for content in acts}
    assert not office.look(known).rogue

    rogue = running_board(name="rogue")
    settings = office.desk.settings
    sources = (EnrolledSource(rogue.public_key, "B"),)
    first = BatterySettings("pack-1", "SBESS", RATED_MAH, "pack-1", sources)
    office.desk.settings = replace(settings, batteries=(first, settings.batteries[1]))
    office.desk.reopen()
    (alarm,) = office.look(known).rogue
    assert alarm.battery == "pack-1"

    office.desk.receipt(rogue.delivery().to_bytes())
    office.refused_bundle(office.bundle(rogue, 2), Reason.UNKNOWN_LOG)
    office.verified(office.bundle(board, 2))


def hidden(service: PaperService, board: Board, tag: bytes) -> ActPart:
    statement = Bind(board.public_key, "pack-1", "B")
    content = sign_act(statement, salt("hidden"), service.now_unix_ms, signer(INTEGRATOR), verifying(INTEGRATOR))
    assert leaf_entry_of(content, statement).tag == subject_tag("pack-1")
    service.acts.append((content, service.append(LogEntry(EntryKind.KEY_ACT, tag, digest(content)))))
    return ActPart(content, len(service.leaves) - 1, ())


@pytest.mark.parametrize("tag", [bytes(16), subject_tag("pack-2"), subject_tag("pack-1 ")])
def test_a_binding_that_hides_under_another_tag_does_not_verify(tag: bytes) -> None:
    """An integrator and a service who cheat together: what the owner's monitor cannot see proves nothing either."""
    service, board = PaperService(), running_board()
    hidden(service, board, tag)
    bundle = bundle_of(service, board, 3, service.receipt(board))
    refused(Reason.BAD_INCLUSION_PROOF, verify_bundle, bundle.to_bytes(), service.policy())


def test_a_binding_that_came_after_the_receipt_does_not_count() -> None:
    service, board = PaperService(), running_board()
    receipt = service.receipt(board)
    service.bind(board)
    refused(Reason.UNKNOWN_LOG, verify_bundle, bundle_of(service, board, 3, receipt).to_bytes(), service.policy())


def test_what_the_service_notes_names_the_battery(tmp_path: Path) -> None:
    """The opening of a log is an act under the battery's tag as well: a second log cannot be opened in silence."""
    office = Office(tmp_path)
    board = office.bound_board()
    known = {digest(content) for _, content in office.desk.store.log.acts()}
    office.desk.receipt(board.delivery().to_bytes())
    (noted,) = office.look(known).rogue
    content = dict(office.desk.store.log.acts())[noted.index]
    statement = unverified_statement(content)
    assert isinstance(statement, Noted)
    assert (statement.battery, statement.log_id, statement.seq) == ("pack-1", log_id_of(board.genesis), 0)
