"""Acts over HTTP: each is in the log at the index that was answered, or refused with its reason and nothing changed."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from packseal.apps.authority import Signatory, submit
from packseal.errors import EvidenceError, Reason, UnavailableError
from packseal.io.ports import free_port
from packseal.passport.settings import EnrolledSource
from packseal.records.acts import (
    ACT_PURPOSE,
    MAX_ACT_BYTES,
    Cause,
    Enrol,
    Noted,
    Role,
    leaf_entry_of,
    sign_possession,
    unverified_statement,
)
from packseal.records.cbor import Value, encode
from packseal.records.cose import sign1
from tests.log.station import served
from tests.passport.authorities import (
    ASSESSOR,
    INTEGRATOR,
    OPERATOR,
    SERVICE,
    STRANGER,
    binding,
    enrolment,
    file_signer,
    open_desk,
    signatory,
)
from tests.passport.board import Board, running_board
from tests.passport.desk import SERVICE_PUBLIC_KEY, Desk
from tests.records.paper import salt

BOARD = running_board()
GATEWAY = file_signer("gateway")


@dataclass(frozen=True)
class Site:
    """A service that knows no board at all, on a real port."""

    desk: Desk
    url: str

    def submit(self, act: bytes) -> int:
        return submit(self.url, act)

    def refusal(self, act: bytes) -> Reason:
        """Refused, and nothing changed."""
        before = self.desk.contents()
        with pytest.raises(EvidenceError) as refused:
            self.submit(act)
        assert self.desk.contents() == before
        return refused.value.reason

    def status(self, body: bytes) -> int:
        with closing(http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=20)) as connection:
            connection.request("POST", "/acts", body)
            return connection.getresponse().status


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    desk = open_desk(tmp_path)
    with served(desk.app()) as url:
        yield Site(desk, url)


def acts_of_a_life() -> list[bytes]:
    """A board and a gateway come, the gateway's key is changed, the board's is stolen, the integrator's is changed."""
    return [
        enrolment(BOARD),
        binding(BOARD),
        OPERATOR.enrol_file(Role.GATEWAY, GATEWAY, salt("gateway")),
        Signatory(GATEWAY, 0).rotate(file_signer("next gateway"), salt("next gateway")),
        OPERATOR.revoke(BOARD.public_key, Cause.STOLEN, salt("stolen")),
        INTEGRATOR.rotate(file_signer("next integrator"), salt("next integrator")),
        signatory("next integrator").revoke(file_signer("next gateway").public_key, Cause.OUT_OF_USE, salt("out")),
        SERVICE.enrol_file(Role.OPERATOR, file_signer("second operator"), salt("second operator")),
        signatory("second operator").revoke(
            file_signer("second operator").public_key, Cause.UNSPECIFIED, salt("unspecified")
        ),
    ]


def test_every_act_has_the_index_of_its_leaf_also_when_it_comes_twice(site: Site) -> None:
    acts = acts_of_a_life()
    assert [site.submit(act) for act in acts] == list(range(len(acts)))
    entries = site.desk.store.log.entries(0, len(acts))
    assert entries == [leaf_entry_of(act, unverified_statement(act)).to_bytes() for act in acts]
    contents = site.desk.contents()
    site.desk.now_unix_ms += 60_000
    assert [site.submit(act) for act in (*acts, *reversed(acts))] == [*range(len(acts)), *reversed(range(len(acts)))]
    assert site.desk.contents() == contents


def test_a_restart_knows_what_the_acts_came_to(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)
    acts = acts_of_a_life()
    for act in acts:
        desk.service.take_act(act)
    keyring, contents = desk.service.acts.keyring, desk.contents()
    desk.reopen()
    assert desk.service.acts.keyring == keyring
    assert [desk.service.take_act(act) for act in acts] == list(range(len(acts)))
    assert desk.contents() == contents


# ---- refusals; the service has taken ENROL and BIND of BOARD to pack-1, ENROL of GATEWAY, and BOARD's log


def other_nonce() -> bytes:
    key = BOARD_KEY
    return INTEGRATOR.enrol(Role.BOARD, key, salt("a"), sign_possession(key, salt("b"), file_signer(BOARD.name)))


def other_key_possesses() -> bytes:
    key, nonce = INTEGRATOR.key, salt("a")
    return INTEGRATOR.enrol(Role.BOARD, BOARD_KEY, nonce, sign_possession(key, nonce, INTEGRATOR.signer))


def no_possession() -> bytes:
    return INTEGRATOR.act(Enrol(Role.BOARD, BOARD_KEY, b"\xf6"), salt("a"))


def rotate_to_a_key_of_others() -> bytes:
    act = STRANGER.rotate(file_signer("next"), salt("a"))
    statement = unverified_statement(act)
    return INTEGRATOR.act(statement, salt("another nonce"))


def altered_signature() -> bytes:
    act = binding(BOARD, "pack-2")
    return act[:-1] + bytes([act[-1] ^ 1])


def signed_payload(payload: Value) -> bytes:
    return sign1(encode(payload), ACT_PURPOSE, INTEGRATOR.signer, INTEGRATOR.key.kid)


def unknown_version() -> bytes:
    return signed_payload([2, 4, salt("a"), 0, {3: BOARD.public_key, 7: 0}])


def unknown_field() -> bytes:
    return signed_payload([1, 4, salt("a"), 0, {3: BOARD.public_key, 7: 0, 8: 0}])


def unknown_act() -> bytes:
    return signed_payload([1, 6, salt("a"), 0, {3: BOARD.public_key}])


def signed_for_something_else() -> bytes:
    payload = encode([1, 4, salt("a"), 0, {3: BOARD.public_key, 7: 0}])
    return sign1(payload, "packseal/order/1", INTEGRATOR.signer, INTEGRATOR.key.kid)


def without_a_name() -> bytes:
    payload = encode([1, 4, salt("a"), 0, {3: BOARD.public_key, 7: 0}])
    return sign1(payload, ACT_PURPOSE, INTEGRATOR.signer)


def noted_by_an_integrator() -> bytes:
    return INTEGRATOR.act(Noted("pack-1", BOARD.log_id, 0, bytes(32)), salt("a"))


BOARD_KEY = signatory(BOARD.name).key
NEIGHBOUR = Board(name="neighbour")
GATEWAY_SIGNS = Signatory(GATEWAY, 0)
REFUSED: dict[str, tuple[Callable[[], bytes], Reason]] = {
    "by a stranger": (lambda: binding(BOARD, by=STRANGER), Reason.UNKNOWN_AUTHORITY),
    "by nobody": (without_a_name, Reason.UNKNOWN_AUTHORITY),
    "BIND of a key that was never enrolled": (lambda: binding(NEIGHBOUR), Reason.UNKNOWN_AUTHORITY),
    "ENROL by an assessor": (lambda: enrolment(NEIGHBOUR, ASSESSOR), Reason.WRONG_ROLE),
    "ENROL by a gateway": (lambda: enrolment(NEIGHBOUR, GATEWAY_SIGNS), Reason.WRONG_ROLE),
    "BIND by a board": (lambda: binding(BOARD, by=signatory(BOARD.name)), Reason.WRONG_ROLE),
    "ENROL of an integrator by an integrator": (
        lambda: INTEGRATOR.enrol_file(Role.INTEGRATOR, file_signer("next"), salt("a")),
        Reason.WRONG_ROLE,
    ),
    "ROTATE by a board, which has its log for that": (
        lambda: signatory(BOARD.name).rotate(file_signer("next"), salt("a")),
        Reason.WRONG_ROLE,
    ),
    "REVOKE of another's key by a gateway": (
        lambda: GATEWAY_SIGNS.revoke(BOARD.public_key, Cause.STOLEN, salt("a")),
        Reason.WRONG_ROLE,
    ),
    "REVOKE of another's key by an assessor": (
        lambda: ASSESSOR.revoke(BOARD.public_key, Cause.STOLEN, salt("a")),
        Reason.WRONG_ROLE,
    ),
    "REVOKE of an integrator's key by an operator": (
        lambda: OPERATOR.revoke(INTEGRATOR.key.public_key, Cause.STOLEN, salt("a")),
        Reason.WRONG_ROLE,
    ),
    "REVOKE of the service's key by an integrator": (
        lambda: INTEGRATOR.revoke(SERVICE.key.public_key, Cause.STOLEN, salt("a")),
        Reason.WRONG_ROLE,
    ),
    "NOTED by an integrator": (noted_by_an_integrator, Reason.WRONG_ROLE),
    "possession for another nonce": (other_nonce, Reason.BAD_POSSESSION),
    "possession by another key": (other_key_possesses, Reason.BAD_POSSESSION),
    "no possession": (no_possession, Reason.BAD_POSSESSION),
    "ROTATE to a key without its possession": (rotate_to_a_key_of_others, Reason.BAD_POSSESSION),
    "BIND to a second battery": (lambda: binding(BOARD, "pack-2"), Reason.ALREADY_BOUND),
    "BIND to a second battery by another": (lambda: binding(BOARD, "pack-2", OPERATOR), Reason.ALREADY_BOUND),
    "an altered signature": (altered_signature, Reason.BAD_SIGNATURE),
    "signed for another purpose": (signed_for_something_else, Reason.BAD_SIGNATURE),
    "another version": (unknown_version, Reason.UNKNOWN_VERSION),
    "an unknown field": (unknown_field, Reason.MALFORMED),
    "an unknown act": (unknown_act, Reason.MALFORMED),
    "nothing": (lambda: b"", Reason.MALFORMED),
    "no CBOR": (lambda: b"\xff", Reason.MALFORMED),
    "half an act": (lambda: binding(BOARD)[:-1], Reason.MALFORMED),
    "an act and a byte": (lambda: binding(BOARD) + b"\0", Reason.MALFORMED),
    "as much as is read": (lambda: bytes(MAX_ACT_BYTES), Reason.MALFORMED),
}


@pytest.mark.parametrize(("act", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_refused_act_has_its_reason_and_changes_nothing(site: Site, act: Callable[[], bytes], reason: Reason) -> None:
    for good in acts_of_a_life()[:3]:
        site.submit(good)
    assert site.desk.receipt(BOARD.delivery().to_bytes()).service_index == 4
    assert site.refusal(act()) is reason
    assert site.submit(acts_of_a_life()[3]) == 5, "the service goes on, and no index was spent"


def test_a_binding_said_again_is_taken_and_another_is_not(site: Site) -> None:
    """Also before the first record: whoever shows one could else choose between the two."""
    for act in (enrolment(BOARD), binding(BOARD), binding(BOARD, by=OPERATOR)):
        site.submit(act)
    assert site.refusal(binding(BOARD, "pack-2")) is Reason.ALREADY_BOUND
    assert site.refusal(binding(BOARD, evidence_class="A")) is Reason.ALREADY_BOUND


KNOWN_KEYS: dict[str, tuple[Signatory, str]] = {
    "a board's, by a gateway": (GATEWAY_SIGNS, BOARD.name),
    "a board's, by an assessor": (ASSESSOR, BOARD.name),
    "an operator's, by an integrator": (INTEGRATOR, "operator"),
    "its own": (INTEGRATOR, "integrator"),
}


@pytest.mark.parametrize(("signs", "name"), KNOWN_KEYS.values(), ids=KNOWN_KEYS)
def test_nobody_changes_to_a_key_that_is_known_already(site: Site, signs: Signatory, name: str) -> None:
    for act in acts_of_a_life()[:3]:
        site.submit(act)
    before = site.desk.service.acts.keyring
    assert site.refusal(signs.rotate(file_signer(name), salt("known"))) is Reason.BAD_ROTATION
    assert site.desk.service.acts.keyring == before


def test_nobody_goes_back_to_a_key_that_was_given_up(site: Site) -> None:
    site.submit(INTEGRATOR.rotate(file_signer("next"), salt("next")))
    assert site.refusal(signatory("next").rotate(INTEGRATOR.signer, salt("back"))) is Reason.BAD_ROTATION


def test_a_key_has_one_role(site: Site) -> None:
    site.submit(enrolment(BOARD))
    assert site.refusal(enrolment(BOARD, role=Role.GATEWAY)) is Reason.WRONG_ROLE
    assert site.refusal(SERVICE.enrol_file(Role.OPERATOR, file_signer(BOARD.name), salt("a"))) is Reason.WRONG_ROLE
    assert site.refusal(INTEGRATOR.enrol_file(Role.GATEWAY, OPERATOR.signer, salt("a"))) is Reason.WRONG_ROLE


def test_a_revoked_key_is_neither_enrolled_nor_bound(site: Site) -> None:
    site.submit(enrolment(BOARD))
    site.submit(OPERATOR.revoke(BOARD.public_key, Cause.STOLEN, salt("stolen")))
    assert site.refusal(enrolment(BOARD, nonce=salt("again"))) is Reason.KEY_REVOKED
    assert site.refusal(binding(BOARD)) is Reason.KEY_REVOKED


def test_a_class_that_cannot_be_is_not_bound(site: Site) -> None:
    site.submit(enrolment(BOARD))
    for evidence_class in "CD":
        assert site.refusal(binding(BOARD, evidence_class=evidence_class)) is Reason.WRONG_CLASS
    site.submit(binding(BOARD, evidence_class="A"))


REVOKED = {
    "an integrator": (INTEGRATOR, SERVICE),
    "an operator": (OPERATOR, SERVICE),
    "an operator who gave up the key": (OPERATOR, OPERATOR),
    "a gateway": (GATEWAY_SIGNS, INTEGRATOR),
}


@pytest.mark.parametrize(("signs", "revokes"), REVOKED.values(), ids=REVOKED)
def test_who_was_revoked_signs_nothing_any_more(site: Site, signs: Signatory, revokes: Signatory) -> None:
    site.submit(acts_of_a_life()[2])
    site.submit(revokes.revoke(signs.key.public_key, Cause.STOLEN, salt("stolen")))
    assert site.refusal(signs.rotate(file_signer("thief"), salt("thief"))) is Reason.KEY_REVOKED


def test_a_service_whose_key_was_revoked_shows_what_it_has_and_signs_nothing_more(tmp_path: Path) -> None:
    """Its own files must not stop it from starting; deliveries wait at the gateways for a key that counts."""
    board = running_board()
    desk = open_desk(tmp_path, (board, "B"))
    desk.service.take_act(SERVICE.revoke(SERVICE_PUBLIC_KEY, Cause.STOLEN, salt("stolen")))
    first, second = desk.settings.batteries
    sources = (EnrolledSource(NEIGHBOUR.public_key, "B"),)
    desk.settings = replace(desk.settings, batteries=(first, replace(second, sources=sources)))
    contents = desk.contents()
    for _ in range(2):
        desk.reopen()
        assert desk.contents() == contents
        with pytest.raises(UnavailableError, match="key was revoked at index 1"):
            desk.give(board.delivery().to_bytes())
        with pytest.raises(UnavailableError, match="key was revoked at index 1"):
            desk.service.take_act(enrolment(board))


def test_a_key_that_another_took_over_from_signs_nothing_any_more(site: Site) -> None:
    site.submit(INTEGRATOR.rotate(file_signer("next"), salt("next")))
    assert site.refusal(enrolment(BOARD)) is Reason.KEY_REVOKED
    assert site.submit(enrolment(BOARD, signatory("next"))) == 1


def test_an_act_beyond_its_limit_is_not_even_read(site: Site) -> None:
    before = site.desk.contents()
    assert site.status(bytes(MAX_ACT_BYTES + 1)) == 413
    assert site.status(bytes(1 << 20)) == 413
    with pytest.raises(UnavailableError, match="answers 413"):
        site.submit(bytes(MAX_ACT_BYTES + 1))
    assert site.desk.contents() == before


def test_a_service_that_cannot_store_an_act_says_so_and_takes_it_later(site: Site) -> None:
    with site.desk.store._database.transaction() as connection:
        connection.execute("ALTER TABLE acts RENAME TO gone")
    assert site.status(enrolment(BOARD)) == 503
    with pytest.raises(UnavailableError, match="answers 503"):
        site.submit(enrolment(BOARD))
    with site.desk.store._database.transaction() as connection:
        connection.execute("ALTER TABLE gone RENAME TO acts")
    assert site.submit(enrolment(BOARD)) == 0


def test_nobody_there_is_said_plainly() -> None:
    with pytest.raises(UnavailableError, match=r"no answer: .*; check address and network"):
        submit(f"http://127.0.0.1:{free_port()}", enrolment(BOARD))
