"""What acts do to deliveries and to the bundles that leave the service: bound, moved, revoked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from packseal.errors import EvidenceError, Reason
from packseal.records.acts import Authority, Cause, Role
from packseal.records.bodies import Origin, Previous
from packseal.records.bundle import Bundle
from packseal.records.cose import VerifyingKey
from packseal.records.policy import Policy, PolicyLog
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
from tests.passport.desk import SERVICE_PUBLIC_KEY, Desk
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
    only_service = Policy({}, (SERVICE_PUBLIC_KEY,))
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


def test_a_class_that_cannot_be_is_not_received(tmp_path: Path) -> None:
    board, desk = running_board(), open_desk(tmp_path)
    desk.service.take_act(enrolment(board))
    desk.service.take_act(binding(board, evidence_class="C"))
    assert desk.refusal(board.delivery().to_bytes()).reason == Reason.UNKNOWN_LOG
    desk.service.take_act(binding(board, evidence_class="A"))
    desk.receipt(board.delivery().to_bytes())
    assert verify_bundle(desk.bundle(board, 12), strangers_policy()).evidence_class == "A"


def test_a_battery_that_the_service_does_not_keep_is_not_received(tmp_path: Path) -> None:
    board, desk = running_board(), open_desk(tmp_path)
    bind(desk, board, "pack-9")
    assert desk.refusal(board.delivery().to_bytes()).reason == Reason.UNKNOWN_LOG


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
    """A board that was sealed on pack-1 and goes on, in a new log, on pack-2."""
    desk, old = open_desk(folder), running_board()
    bind(desk, old)
    old.seal(2)
    desk.receipt(old.delivery().to_bytes())
    desk.service.take_act(binding(old, "pack-2"))
    new = running_board(label=b"its second life!", previous=Previous(old.log_id, old.size, old.root(old.size)))
    desk.receipt(new.delivery().to_bytes())
    return desk, old, new


def test_a_board_goes_to_another_battery_when_its_log_has_ended(tmp_path: Path) -> None:
    board, desk = running_board(), open_desk(tmp_path)
    bind(desk, board)
    desk.receipt(board.delivery().to_bytes())
    contents = desk.contents()
    with pytest.raises(EvidenceError, match="seal its log there first") as refused:
        desk.service.take_act(binding(board, "pack-2"))
    assert refused.value.reason is Reason.ALREADY_BOUND
    board.seal(2)
    assert desk.contents() == contents
    desk.receipt(board.delivery(13).to_bytes())
    desk.service.take_act(binding(board, "pack-2"))


def test_every_log_of_the_key_has_to_end(tmp_path: Path) -> None:
    board, desk = running_board(), open_desk(tmp_path)
    bind(desk, board)
    other = running_board(label=b"a log beside it!")
    board.seal(2)
    for one in (board, other):
        desk.receipt(one.delivery().to_bytes())
    with pytest.raises(EvidenceError, match="seal its log there first"):
        desk.service.take_act(binding(board, "pack-2"))
    other.seal(2)
    desk.receipt(other.delivery(13).to_bytes())
    desk.service.take_act(binding(board, "pack-2"))


def test_what_was_said_of_the_first_battery_stays_with_it(tmp_path: Path) -> None:
    desk, old, new = moved(tmp_path)
    for _ in range(2):
        assert logs_of(desk, "pack-1") == [old.log_id.hex()]
        assert logs_of(desk, "pack-2") == [new.log_id.hex()]
        for board, battery in ((old, "pack-1"), (new, "pack-2")):
            assert {trusted.battery for trusted in both(desk, desk.bundle(board, 12))} == {battery}
        desk.reopen()
    assert desk.refusal(replace(old.delivery(), checkpoint=new.checkpoint()).to_bytes()).reason == Reason.WRONG_LOG


def test_settings_that_move_a_sealed_board_leave_its_old_log_where_it_was(tmp_path: Path) -> None:
    board = running_board()
    board.seal(2)
    desk = open_desk(tmp_path, (board, "B"))
    desk.receipt(board.delivery().to_bytes())
    first, second = desk.settings.batteries
    desk.settings = replace(
        desk.settings, batteries=(replace(first, sources=()), replace(second, sources=first.sources))
    )
    desk.reopen()
    assert (logs_of(desk, "pack-1"), logs_of(desk, "pack-2")) == ([board.log_id.hex()], [])
    assert desk.policy().logs == {board.log_id: PolicyLog("pack-1", "B")}


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


def test_what_had_its_receipt_by_then_stays_good(tmp_path: Path) -> None:
    """Also for a stranger who does not know the operator that revoked the key."""
    desk, board, before = revoked(tmp_path)
    for content in (before, desk.bundle(board, 12)):
        for policy in (strangers_policy(), strangers_policy(keys=LISTED), desk.policy()):
            assert verify_bundle(content, policy).entry.seq == 12


def test_a_service_that_looks_away_makes_bundles_that_nobody_takes(tmp_path: Path) -> None:
    desk, board, _ = revoked(tmp_path)
    desk.service.keyring = replace(desk.service.keyring, revoked={})
    desk.receipt(board.delivery(13).to_bytes())
    content = desk.bundle(board, 13)
    known = strangers_policy(keys=LISTED)
    assert reason_of(content, known) is Reason.KEY_REVOKED
    assert verify_bundle(desk.bundle(board, 12), known).entry.seq == 12
    without = replace(Bundle.from_bytes(content), acts=Bundle.from_bytes(content).acts[:1]).to_bytes()
    assert verify_bundle(without, known).entry.seq == 13, "who was not told of it cannot know"
    told = replace(known, revoked={board.public_key: Bundle.from_bytes(content).acts[1].index})
    assert reason_of(without, told) is Reason.KEY_REVOKED


def test_a_policy_revokes_from_its_index_on(tmp_path: Path) -> None:
    board, desk = running_board(), open_desk(tmp_path)
    bind(desk, board)
    first = desk.receipt(board.delivery(0, 9).to_bytes()).service_index
    second = desk.receipt(board.delivery(9).to_bytes()).service_index
    earlier, later = desk.bundle(board, 8), desk.bundle(board, 12)
    for index, good in ((first, []), (first + 1, [8]), (second, [8]), (second + 1, [8, 12])):
        policy = strangers_policy(revoked={board.public_key: index})
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
    assert desk.policy().revoked == {INTEGRATOR.key.public_key: index}
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
    desk.service.take_act(SERVICE.enrol_file(Role.ASSESSOR, INTEGRATOR.signer, salt("integrator")))
    desk.service.take_act(OPERATOR.enrol_file(Role.GATEWAY, OPERATOR.signer, salt("gateway")))
    policy = desk.policy()
    assert Policy.from_json(policy.to_json()) == policy
    assert {one.key: one.role for one in policy.keys} == {
        INTEGRATOR.key: Role.ASSESSOR,
        OPERATOR.key: Role.OPERATOR,
        LISTED[2].key: Role.ASSESSOR,
    }
