"""A board that is put on another pack, and keys that are bound twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from packseal.apps.verify import verify_file
from packseal.errors import Reason
from packseal.records.bodies import Previous
from packseal.records.passport_log import EntryKind, subject_tag
from packseal.records.verify import verify_bundle
from tests.attacks.office import Office, refused
from tests.passport.board import running_board
from tests.records.paper import PaperService, bundle_of


def tags(office: Office) -> list[bytes]:
    """Of all acts in the service's log."""
    entries = office.desk.store.log.entries(0, office.desk.store.log.size())
    return [entry[1:17] for entry in entries if entry[0] == EntryKind.KEY_ACT]


def test_a_board_moved_to_another_pack_is_still_bound_to_the_first(tmp_path: Path) -> None:
    """For ever, also when its log has ended: what it signed for one battery can never be shown as another's."""
    office = Office(tmp_path)
    board = office.bound_board()
    office.desk.receipt(board.delivery().to_bytes())
    for cause in (None, 2):
        if cause:
            board.seal(cause)
            office.desk.receipt(board.delivery().to_bytes())
        before = office.desk.contents()
        refused(Reason.ALREADY_BOUND, office.bind, board, "pack-2")
        assert office.desk.contents() == before
    assert subject_tag("pack-2") not in tags(office)


def test_a_board_with_a_new_key_and_a_new_log_speaks_for_the_other_pack(tmp_path: Path) -> None:
    office = Office(tmp_path)
    board = office.bound_board()
    board.seal(2)
    office.desk.receipt(board.delivery().to_bytes())
    end = Previous(board.log_id, board.size, board.root(board.size))
    moved = running_board(name="the same board's next key", previous=end)
    office.enrol(moved.signing_key)
    office.bind(moved, "pack-2")
    office.desk.receipt(moved.delivery().to_bytes())
    assert office.verified(office.bundle(moved, 2)).battery == "pack-2"
    assert office.verified(office.bundle(board, 2)).battery == "pack-1"


def test_of_two_bindings_of_a_key_no_reader_is_given_the_choice() -> None:
    """A service that takes them both all the same: the bundle with both is refused, whichever came first."""
    service, board = PaperService(), running_board()
    service.bind(board, "pack-1")
    early = service.receipt(board)
    service.bind(board, "pack-2")
    late = service.receipt(board)
    for receipt in (early, late):
        bundle = bundle_of(service, board, 3, receipt)
        refused(Reason.ALREADY_BOUND, verify_bundle, bundle.to_bytes(), service.policy())
        first = replace(bundle, acts=bundle.acts[:1])
        assert verify_bundle(first.to_bytes(), service.policy()).battery == "pack-1"


def test_records_of_a_moved_board_name_the_battery_it_is_bound_to(tmp_path: Path) -> None:
    """What it says on the other pack is evidence about the first one alone, and its log entries name that one."""
    office = Office(tmp_path)
    board = office.bound_board()
    office.desk.receipt(board.delivery().to_bytes())
    (tmp_path / "moved.bundle").write_bytes(office.bundle(board, board.size - 1).to_bytes())
    refused(Reason.WRONG_BATTERY, verify_file, tmp_path / "moved.bundle", office.policy(), "pack-2")
    assert verify_file(tmp_path / "moved.bundle", office.policy(), "pack-1").trusted.battery == "pack-1"
    assert subject_tag("pack-1") in tags(office)
    assert subject_tag("pack-2") not in tags(office)
