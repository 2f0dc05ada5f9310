"""What acts do to deliveries and to the bundles that leave the service: bound, moved, revoked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from packseal.errors import ConfigError, EvidenceError, Reason, UnavailableError
from packseal.passport.settings import PassportSettings
from packseal.records.acts import Authority, Cause, Role
from packseal.records.bodies import Origin, Previous
from packseal.records.bundle import Bundle
from packseal.records.cose import VerifyingKey
from packseal.records.log import Delivery
from packseal.records.policy import Policy, PolicyLog, Revocation
from packseal.records.verify import TrustedBundle, verify_bundle
from tests.passport.authorities import (
    INTEGRATOR,
    LISTED,
    OPERATOR,
    SERVICE,
    bind,
    binding,
    enrolment,
    file_signer,
    open_desk,
    open_settings,
    signatory,
    strangers_policy,
)
from tests.passport.board import Board, running_board
from tests.passport.desk import ORIGIN, SERVICE_PUBLIC_KEY, Desk
from tests.records.paper import salt


def reason_of(content: bytes, policy: Policy) -> Reason:
    with pytest.raises(EvidenceError) as refused:
        verify_bundle(content, policy)
    return refused.value.reason


def both(desk: Desk, content: bytes) -> tuple[TrustedBundle, TrustedBundle]:
    """What a stranger finds who knows the integrator, and who has the policy that the service gives away."""
    return verify_bundle(content, strangers_policy()), verify_bundle(content, desk.policy())


def logs_of(desk: Desk, battery: str) -> list[str]:
    found: Any = desk.service.document(battery)
    return [log["log_id"] for log in found["logs"]]


# ---- bound


def test_a_board_that_only_acts_know_is_received_and_its_bundles_verify(tmp_path: Path) -> None:
    board, desk = running_board(), open_desk(tmp_path)
    assert desk.refusal(board.delivery().to_bytes()).reason == Reason.UNKNOWN_LOG
    index = bind(desk, board)
    desk.receipt(board.delivery().to_bytes())
    assert desk.policy().logs == {}, "no settings name it"
    for trusted in both(desk, desk.bundle(board, 12)):
        assert (trusted.battery, trusted.evidence_class, trusted.entry.seq) == ("pack-1", "B", 12)
        assert trusted.bound_by is not None
        assert trusted.bound_by.authority == LISTED[0]
        assert [at for at, _ in trusted.acts] == [index]
    only_service = Policy({}, {SERVICE_PUBLIC_KEY: ORIGIN})
    assert reason_of(desk.bundle(board, 12), only_service) is Reason.UNKNOWN_AUTHORITY


def test_the_settings_of_a_service_bind_for_nobody_else(tmp_path: Path) -> None:
    """Its BIND can be watched in the log; who takes its word lists the log in his policy."""
    board = running_board()
    desk = open_desk(tmp_path, (board, "B"))
    desk.receipt(board.delivery().to_bytes())
    content = desk.bundle(board, 12)
    assert Bundle.from_bytes(content).acts == ()
    assert verify_bundle(content, desk.policy()).bound_by is None
    assert reason_of(content, strangers_policy()) is Reason.UNKNOWN_LOG


def test_a_battery_that_the_service_does_not_keep_is_not_received(tmp_path: Path) -> None:
    board, desk = running_board(), open_desk(tmp_path)
    bind(desk, board, "pack-9")
    answer = desk.refusal(board.delivery().to_bytes())
    assert answer.reason == Reason.UNKNOWN_LOG
    assert "'pack-9', which has no passport here; create it" in answer.detail


def test_a_board_bound_by_acts_is_still_known_after_a_restart(tmp_path: Path) -> None:
    board, desk = running_board(), open_desk(tmp_path)
    bind(desk, board)
    desk.receipt(board.delivery(0, 5).to_bytes())
    document = desk.document()
    desk.reopen()
    assert desk.document() == document
    desk.receipt(board.delivery(5).to_bytes())


# ---- moved


def moved(folder: Path) -> tuple[Desk, Board, Board]:
    """A board that changed its key on pack-1, was sealed, and goes on, in a new log of that key, on pack-2."""
    desk, old = open_desk(folder), running_board()
    bind(desk, old)
    checkpoint = old.rotate("second key")
    size = old.size
    desk.receipt(Delivery(old.genesis, old.seed, 0, tuple(old.entries), checkpoint).to_bytes())
    old.seal(2)
    desk.receipt(old.delivery(size).to_bytes())
    previous = Previous(old.log_id, old.size, old.root(old.size))
    new = running_board(name="second key", label=b"its second life!", previous=previous)
    answer = desk.refusal(new.delivery().to_bytes())
    assert answer.reason == Reason.UNKNOWN_LOG
    assert "opened this log after another one was sealed; enrol it and bind it" in answer.detail
    bind(desk, new, "pack-2")
    desk.receipt(new.delivery().to_bytes())
    return desk, old, new


@pytest.mark.parametrize("is_sealed", [False, True])
def test_a_key_speaks_for_one_battery_for_ever(tmp_path: Path, is_sealed: bool) -> None:
    board, desk = running_board(), open_desk(tmp_path)
    bind(desk, board)
    if is_sealed:
        board.seal(2)
    desk.receipt(board.delivery().to_bytes())
    contents = desk.contents()
    with pytest.raises(EvidenceError, match="a key is bound once; change the board's key") as refused:
        desk.service.take_act(binding(board, "pack-2"))
    assert refused.value.reason is Reason.ALREADY_BOUND
    assert desk.contents() == contents


def test_what_was_said_of_the_first_battery_stays_with_it(tmp_path: Path) -> None:
    desk, old, new = moved(tmp_path)
    for _ in range(2):
        assert logs_of(desk, "pack-1") == [old.log_id.hex()]
        assert logs_of(desk, "pack-2") == [new.log_id.hex()]
        for board, battery in ((old, "pack-1"), (new, "pack-2")):
            assert {trusted.battery for trusted in both(desk, desk.bundle(board, 12))} == {battery}
        desk.reopen()
    assert desk.refusal(replace(old.delivery(), checkpoint=new.checkpoint()).to_bytes()).reason == Reason.WRONG_LOG


def other_way_round(settings: PassportSettings) -> PassportSettings:
    first, second = settings.batteries
    return replace(settings, batteries=(replace(first, sources=second.sources), replace(second, sources=first.sources)))


@pytest.mark.parametrize("is_sealed", [False, True])
def test_settings_move_no_board_that_has_records(tmp_path: Path, is_sealed: bool) -> None:
    board = running_board()
    if is_sealed:
        board.seal(2)
    desk = open_desk(tmp_path, (board, "B"))
    desk.receipt(board.delivery().to_bytes())
    settings, contents = desk.settings, desk.contents()
    desk.settings = other_way_round(settings)
    with pytest.raises(ConfigError, match="speaks for battery 'pack-1'"):
        desk.reopen()
    desk.settings = settings
    desk.reopen()
    assert desk.contents() == contents
    assert (logs_of(desk, "pack-1"), logs_of(desk, "pack-2")) == ([board.log_id.hex()], [])


def test_settings_may_be_put_right_before_the_first_record(tmp_path: Path) -> None:
    board = running_board()
    desk = open_desk(tmp_path, (board, "B"))
    desk.settings = other_way_round(desk.settings)
    desk.reopen()
    desk.receipt(board.delivery().to_bytes())
    assert desk.policy().logs == {board.log_id: PolicyLog("pack-2", "B")}


def test_acts_and_settings_do_not_bind_a_key_to_two_batteries(tmp_path: Path) -> None:
    board = running_board()
    desk = open_desk(tmp_path, (board, "B"))
    desk.service.take_act(enrolment(board))
    with pytest.raises(EvidenceError) as refused:
        desk.service.take_act(binding(board, "pack-2"))
    assert refused.value.reason is Reason.ALREADY_BOUND
    desk.service.take_act(binding(board))
    desk.receipt(board.delivery().to_bytes())
    desk.settings = open_settings()
    desk.reopen()
    desk.receipt(board.delivery(0, 9).to_bytes())


def test_what_the_service_states_takes_no_binding_from_an_act(tmp_path: Path) -> None:
    """Else a second act could bind the key elsewhere, or its records be refused when the settings change."""
    board, desk = running_board(), open_desk(tmp_path)
    bind(desk, board)
    desk.service.take_act(binding(board, by=SERVICE))
    for settings in (open_settings((board, "B")), open_settings()):
        desk.settings = settings
        desk.reopen()
        with pytest.raises(EvidenceError) as refused:
            desk.service.take_act(binding(board, "pack-2"))
        assert refused.value.reason is Reason.ALREADY_BOUND
    desk.receipt(board.delivery().to_bytes())


def test_settings_do_not_change_the_class_that_an_act_has_said(tmp_path: Path) -> None:
    board, desk = running_board(), open_desk(tmp_path)
    bind(desk, board)
    desk.settings = open_settings((board, "A"))
    with pytest.raises(ConfigError, match=r"speaks for battery 'pack-1' in class B"):
        desk.reopen()
    desk.settings = open_settings()
    desk.reopen()
    desk.receipt(board.delivery().to_bytes())


def test_records_that_came_before_their_key_was_bound_by_an_act_are_shown(tmp_path: Path) -> None:
    board = running_board()
    desk = open_desk(tmp_path, (board, "B"))
    desk.receipt(board.delivery().to_bytes())
    desk.settings = open_settings()
    desk.reopen()
    assert logs_of(desk, "pack-1") == []
    bind(desk, board)
    assert logs_of(desk, "pack-1") == [board.log_id.hex()]
    board.windows(2)
    desk.receipt(board.delivery(13).to_bytes())
    document = desk.document()
    desk.reopen()
    assert desk.document() == document


# ---- revoked


def revoked(folder: Path, by: Any = OPERATOR) -> tuple[Desk, Board, bytes]:
    """A board with thirteen records and receipts, revoked then. -> also the bundle made before that"""
    board, desk = running_board(), open_desk(folder)
    bind(desk, board)
    desk.receipt(board.delivery().to_bytes())
    before = desk.bundle(board, 12)
    desk.service.take_act(by.revoke(board.public_key, Cause.STOLEN, salt("stolen")))
    board.windows(1)
    return desk, board, before


def test_a_revoked_key_delivers_nothing_more_also_after_a_restart(tmp_path: Path) -> None:
    desk, board, _ = revoked(tmp_path)
    for _ in range(2):
        contents = desk.contents()
        answer = desk.refusal(board.delivery(13).to_bytes())
        assert (answer.reason, answer.size_known) == (Reason.KEY_REVOKED, 13)
        other = running_board(label=b"a thief's log !!").delivery().to_bytes()
        assert desk.refusal(other).reason == Reason.KEY_REVOKED
        assert desk.contents() == contents
        desk.reopen()


def test_a_receipt_that_was_lost_can_be_had_after_the_key_was_revoked(tmp_path: Path) -> None:
    board, desk = running_board(), open_desk(tmp_path)
    bind(desk, board)
    receipt = desk.receipt(board.delivery().to_bytes())
    desk.service.take_act(OPERATOR.revoke(board.public_key, Cause.STOLEN, salt("stolen")))
    assert desk.receipt(board.delivery().to_bytes()) == receipt
    assert desk.refusal(board.delivery(0, 9).to_bytes()).reason == Reason.KEY_REVOKED


def without(name: str) -> Callable[[PassportSettings], PassportSettings]:
    key = signatory(name).key
    return lambda settings: replace(settings, authorities=tuple(one for one in settings.authorities if one.key != key))


def test_a_revocation_stays_when_who_signed_it_leaves_the_settings(tmp_path: Path) -> None:
    desk, board, _ = revoked(tmp_path)
    desk.settings = without("operator")(desk.settings)
    desk.reopen()
    assert desk.refusal(board.delivery(13).to_bytes()).reason == Reason.KEY_REVOKED
    assert board.public_key in desk.policy().revoked


def test_settings_that_list_the_new_key_of_an_integrator_keep_what_the_old_one_said(tmp_path: Path) -> None:
    board, desk = running_board(), open_desk(tmp_path)
    bind(desk, board)
    desk.receipt(board.delivery().to_bytes())
    desk.service.take_act(INTEGRATOR.rotate(file_signer("next"), salt("next")))
    listed = Authority(signatory("next").key, Role.INTEGRATOR)
    settings = without("integrator")(desk.settings)
    desk.settings = replace(settings, authorities=(*settings.authorities, listed))
    desk.reopen()
    board.windows(1)
    desk.receipt(board.delivery(13).to_bytes())
    assert logs_of(desk, "pack-1") == [board.log_id.hex()]
    assert INTEGRATOR.key.public_key in desk.service.acts.keyring.revoked


EDITS = {
    "emptied": "UPDATE acts SET content = x'' WHERE idx = {}",
    "deleted": "DELETE FROM acts WHERE idx = {}",
    "by another": "UPDATE acts SET signer = zeroblob(32) WHERE idx = {}",
    "by nobody": "UPDATE acts SET role = 9 WHERE idx = {}",
    "exchanged": "UPDATE acts SET content = (SELECT content FROM acts WHERE idx = 0) WHERE idx = {}",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_act_that_was_altered_on_the_disk_stops_the_service(tmp_path: Path, edit: str) -> None:
    desk, board, _ = revoked(tmp_path)
    index = desk.service.acts.keyring.revoked[board.public_key]
    desk.store.close()
    desk.edit(lambda connection: connection.execute(edit.format(index)))
    with pytest.raises(UnavailableError, match=f"act {index} is not what was stored; restore the file"):
        desk.open()


def test_what_had_its_receipt_by_then_stays_good(tmp_path: Path) -> None:
    """Also for a stranger who does not know the operator that revoked the key."""
    desk, board, before = revoked(tmp_path)
    for content in (before, desk.bundle(board, 12)):
        for policy in (strangers_policy(), strangers_policy(keys=LISTED), desk.policy()):
            assert verify_bundle(content, policy).entry.seq == 12


def test_a_service_that_looks_away_makes_bundles_that_nobody_takes(tmp_path: Path) -> None:
    desk, board, _ = revoked(tmp_path)
    desk.service.acts.keyring = replace(desk.service.acts.keyring, revoked={})
    desk.receipt(board.delivery(13).to_bytes())
    content = desk.bundle(board, 13)
    known = strangers_policy(keys=LISTED)
    assert reason_of(content, known) is Reason.KEY_REVOKED
    assert verify_bundle(desk.bundle(board, 12), known).entry.seq == 12
    without = replace(Bundle.from_bytes(content), acts=Bundle.from_bytes(content).acts[:1]).to_bytes()
    assert verify_bundle(without, known).entry.seq == 13, "who was not told of it cannot know"
    index = Bundle.from_bytes(content).acts[1].index
    told = replace(known, revoked={board.public_key: Revocation(SERVICE_PUBLIC_KEY, index)})
    assert reason_of(without, told) is Reason.KEY_REVOKED


def test_a_policy_revokes_from_its_index_on(tmp_path: Path) -> None:
    board, desk = running_board(), open_desk(tmp_path)
    bind(desk, board)
    first = desk.receipt(board.delivery(0, 9).to_bytes()).service_index
    second = desk.receipt(board.delivery(9).to_bytes()).service_index
    earlier, later = desk.bundle(board, 8), desk.bundle(board, 12)
    for index, good in ((first, []), (first + 1, [8]), (second, [8]), (second + 1, [8, 12])):
        policy = strangers_policy(revoked={board.public_key: Revocation(SERVICE_PUBLIC_KEY, index)})
        for seq, content in ((8, earlier), (12, later)):
            if seq in good:
                assert verify_bundle(content, policy).entry.seq == seq
            else:
                assert reason_of(content, policy) is Reason.KEY_REVOKED


SELF = {"a board": (Origin.BOARD, "B", Role.BOARD), "a gateway": (Origin.GATEWAY, "C", Role.GATEWAY)}


@pytest.mark.parametrize(("origin", "evidence_class", "role"), SELF.values(), ids=SELF)
def test_who_gives_up_its_own_key_keeps_what_it_said_before(
    tmp_path: Path, origin: Origin, evidence_class: str, role: Role
) -> None:
    board, desk = running_board(origin=origin), open_desk(tmp_path)
    desk.service.take_act(enrolment(board, role=role))
    desk.service.take_act(binding(board, evidence_class=evidence_class))
    desk.receipt(board.delivery().to_bytes())
    desk.service.take_act(signatory(board.name).revoke(board.public_key, Cause.OUT_OF_USE, salt("out of use")))
    for trusted in both(desk, desk.bundle(board, 12)):
        assert trusted.entry.seq == 12
    assert board.public_key in desk.policy().revoked
    board.windows(1)
    assert desk.refusal(board.delivery(13).to_bytes()).reason == Reason.KEY_REVOKED


LEAVING = {
    "took another key": INTEGRATOR.rotate(file_signer("next"), salt("next")),
    "was revoked": SERVICE.revoke(INTEGRATOR.key.public_key, Cause.STOLEN, salt("stolen")),
}


@pytest.mark.parametrize("act", LEAVING.values(), ids=LEAVING)
def test_what_an_integrator_bound_before_leaving_stays_bound(tmp_path: Path, act: bytes) -> None:
    board, desk = running_board(), open_desk(tmp_path)
    bind(desk, board)
    desk.receipt(board.delivery().to_bytes())
    index = desk.service.take_act(act)
    assert desk.policy().revoked == {INTEGRATOR.key.public_key: Revocation(SERVICE_PUBLIC_KEY, index)}
    for trusted in both(desk, desk.bundle(board, 12)):
        assert trusted.battery == "pack-1"
    desk.reopen()
    board.windows(1)
    desk.receipt(board.delivery(13).to_bytes())
    assert verify_bundle(desk.bundle(board, 13), desk.policy()).battery == "pack-1"


def test_the_policy_lists_nobody_twice(tmp_path: Path) -> None:
    """Who stands in the settings may be enrolled by an act as well, and who runs a service may use its key."""
    own = Authority(VerifyingKey(SERVICE_PUBLIC_KEY), Role.OPERATOR)
    desk = Desk(tmp_path, replace(open_settings(), authorities=(*LISTED, own)))
    desk.service.take_act(SERVICE.enrol_file(Role.OPERATOR, OPERATOR.signer, salt("operator")))
    desk.service.take_act(SERVICE.enrol_file(Role.INTEGRATOR, INTEGRATOR.signer, salt("integrator")))
    policy = desk.policy()
    assert Policy.from_json(policy.to_json()) == policy
    assert {one.key: one.role for one in policy.keys} == {
        INTEGRATOR.key: Role.INTEGRATOR,
        OPERATOR.key: Role.OPERATOR,
        LISTED[2].key: Role.ASSESSOR,
    }
