"""The seven rules of the evidence format, each on the side of the service and of who verifies.

What the board does for them is tested with the firmware: durable before disclosed, one root a size, freed only by a
receipt (tests/firmware).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from packseal.errors import EvidenceError, Reason, UnavailableError
from packseal.io.outbox_store import OutboxStore
from packseal.records.bodies import EntryType
from packseal.records.bundle import Bundle
from packseal.records.cbor import encode
from packseal.records.checkpoint import Checkpoint, sign_checkpoint, verify_receipt
from packseal.records.cose import VerifyingKey
from packseal.records.log import NOTHING_KNOWN, Delivery, TrustedLog
from packseal.records.merkle import Edge, leaf_hash
from packseal.records.note import verify_log_checkpoint
from tests.attacks.office import Office, refused
from tests.passport.board import TOPIC, Board, running_board, signer
from tests.passport.desk import SERVICE_PUBLIC_KEY, Desk, desk_for
from tests.records.paper import PaperService, public

FROZEN = """
malformed unknown-version unknown-log unknown-service wrong-log wrong-seq wrong-size time-runs-back bad-signature
root-mismatch bad-inclusion-proof bad-consistency-proof receipt-mismatch missing-entries fork bad-seed bad-disclosure
bad-threshold bad-rotation sealed key-revoked unknown-authority unknown-gateway wrong-role bad-possession already-bound
wrong-battery wrong-class too-few-witnesses bad-time unknown-passport already-created outdated wrong-operator
wrong-stage bad-consent not-sealed unfit
"""
ORDER = 2**252 + 27742317777372353535851937790883648493  # of Ed25519's base point
PRIME = 2**255 - 19


@pytest.fixture
def board() -> Board:
    return running_board()


@pytest.fixture
def desk(tmp_path: Path, board: Board) -> Desk:
    return desk_for(tmp_path, board)


def stored_records(desk: Desk) -> int:
    """As another program finds them on the disk."""
    with closing(sqlite3.connect(desk.path)) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM records").fetchall()
        return int(count)


def test_rule_1_durable_before_disclosed(desk: Desk, board: Board) -> None:
    """A receipt leaves the service when all that it covers can be read back from the disk by anybody, not before."""
    desk.receipt(board.delivery(0, 5).to_bytes())
    assert stored_records(desk) == 5
    fault = "CREATE TRIGGER t BEFORE INSERT ON checkpoints BEGIN SELECT RAISE(ABORT, 'no'); END"
    desk.edit(lambda db: db.execute(fault))
    before = desk.contents()
    with pytest.raises(UnavailableError):
        desk.service.receive(TOPIC, board.delivery(5).to_bytes())
    assert desk.contents() == before
    desk.edit(lambda db: db.execute("DROP TRIGGER t"))
    assert desk.receipt(board.delivery(5).to_bytes()).size == stored_records(desk) == board.size


def test_rule_1_a_receipt_has_its_leaf_in_a_signed_checkpoint_before_it_leaves(desk: Desk, board: Board) -> None:
    for first in range(0, board.size, 3):
        receipt = desk.receipt(board.delivery(first, min(first + 3, board.size)).to_bytes())
        note = desk.store.log.note()
        assert note is not None
        assert verify_log_checkpoint(note, SERVICE_PUBLIC_KEY).size > receipt.service_index


def test_rule_2_never_two_roots_for_one_size(desk: Desk, board: Board) -> None:
    """Of the board: the second one is a fork. Of the service: the sizes of its notes rise, with one root each."""
    notes: dict[int, bytes] = {}
    sizes = []
    for end in range(1, board.size + 1):
        desk.receipt(board.delivery(end - 1, end).to_bytes())
        lie = replace(board.delivery(0, end), checkpoint=board.checkpoint(end, root=bytes(32)))
        assert desk.refusal(lie.to_bytes()).reason == Reason.FORK
        note = desk.store.log.note()
        assert note is not None
        checkpoint = verify_log_checkpoint(note, SERVICE_PUBLIC_KEY)
        assert notes.setdefault(checkpoint.size, checkpoint.root) == checkpoint.root
        sizes.append(checkpoint.size)
        desk.reopen()
    assert sizes == sorted(set(sizes))


def test_rule_3_verified_over_the_bytes_received(tmp_path: Path) -> None:
    """A field that version 1 does not know, and another type, are hashed as they came: no reader encodes them again."""
    office = Office(tmp_path)
    board = office.bound_board()
    board.append(EntryType.EVENT, {1: 1, 2: 3, 7: b"of a later version", 23: [1, {0: None}]})
    board.append(31, {5: "a type of a later version"})
    board.append(EntryType.WINDOW, {0: [7, b"later"], 1: 10, 2: 1})
    office.desk.receipt(board.delivery().to_bytes())
    for seq in range(board.size - 3, board.size):
        bundle = office.bundle(board, seq)
        assert bundle.entry == board.entries[seq]
        assert office.verified(bundle).entry.seq == seq


def other_encodings(entry: bytes) -> Iterator[bytes]:
    """The same values, in bytes that the format does not have."""
    assert entry[:3] == b"\x85\x04\x02"
    yield b"\x98\x05" + entry[1:]  # length of the array
    yield entry[:1] + b"\x18\x04" + entry[2:]  # a number in two bytes
    yield b"\x9f" + entry[1:] + b"\xff"  # indefinite
    yield entry + b"\x00"
    yield entry[:1] + b"\xf9\x44\x00" + entry[2:]  # 4.0


def test_rule_3_another_encoding_is_refused_even_when_the_board_has_signed_it() -> None:
    board = Board()
    board.boot()
    good = encode([EntryType.EVENT, 2, 1, 0, {1: 1, 2: 3}])
    log = TrustedLog(board.genesis, board.seed)
    for entry, reason in [(good, None), *((other, Reason.MALFORMED) for other in other_encodings(good))]:
        root = Edge().extended([*board.leaves, leaf_hash(entry)]).root()
        checkpoint = sign_checkpoint(Checkpoint(board.log_id, 3, root, 1, 0), signer(board.signing_key))
        delivery = Delivery(board.genesis, board.seed, 0, (*board.entries, entry), checkpoint)
        if reason is None:
            assert log.verified(delivery, NOTHING_KNOWN).log.size == 3
        else:
            refused(reason, log.verified, delivery, NOTHING_KNOWN)


def test_rule_4_what_is_lost_stays_countable(tmp_path: Path) -> None:
    """Windows that a GAP entry states as lost count against the log's completeness for ever."""
    board = running_board()
    board.gap(windows=7)
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery().to_bytes())
    completeness: Any = desk.document()["completeness"]
    assert completeness["records_counted"] - completeness["records_present"] == 7
    desk.reopen()
    assert desk.document()["completeness"] == completeness


def edge_signatures() -> Iterator[tuple[str, bytes, bytes]]:
    """(name, public key, signature) that lenient libraries take."""
    key = SigningKey(bytes(range(32)))
    good = key.sign(b"message").signature
    s = int.from_bytes(good[32:], "little") + ORDER
    identity = (1).to_bytes(32, "little")
    yield "S not below the order", bytes(key.verify_key), good[:32] + s.to_bytes(32, "little")
    yield "key and R of small order", identity, identity + bytes(32)
    yield "R of small order", bytes(key.verify_key), identity + good[32:]
    yield "a key that is not canonical", (PRIME + 1).to_bytes(32, "little"), identity + bytes(32)
    yield "a key of order two", (PRIME - 1).to_bytes(32, "little"), (PRIME - 1).to_bytes(32, "little") + bytes(32)
    yield "a key of order four", bytes(32), bytes(64)
    yield "the signature of another message", bytes(key.verify_key), key.sign(b"other").signature


EDGES = {name: (public_key, signature) for name, public_key, signature in edge_signatures()}


@pytest.mark.parametrize(("public_key", "signature"), EDGES.values(), ids=EDGES)
def test_rule_5_one_acceptance_rule(public_key: bytes, signature: bytes) -> None:
    """libsodium's; tests/records holds it to 914 published signatures."""
    refused(Reason.BAD_SIGNATURE, VerifyingKey(public_key).verify, b"message", signature, "a test")


def test_rule_6_nothing_is_deleted_without_a_receipt_that_verifies(tmp_path: Path, board: Board) -> None:
    """Who keeps records asks verify_receipt before deleting: a forged or a foreign receipt does not get there."""
    store = OutboxStore(tmp_path / "outbox.db")
    delivery = board.delivery()
    verified = TrustedLog(board.genesis, board.seed).verified(delivery, NOTHING_KNOWN)
    store.store("pack-1", delivery, verified, 0)
    service, thief = PaperService(), PaperService(key=SigningKey(bytes(32)))
    good = service.receipt(board)
    for content, reason in (
        (thief.receipt(board), Reason.UNKNOWN_SERVICE),
        (good[:-1] + bytes([good[-1] ^ 1]), Reason.BAD_SIGNATURE),
        (board.checkpoint(), Reason.UNKNOWN_SERVICE),
        (b"", Reason.MALFORMED),
    ):
        refused(reason, verify_receipt, content, public(service.key))
    assert [item.size for item in store.waiting()] == [board.size]
    receipt = verify_receipt(good, public(service.key))
    other = replace(receipt, log_id=bytes(16))
    store.acknowledge([(other, good)])
    store.acknowledge([(replace(receipt, size=board.size - 1), good)])
    assert [item.size for item in store.waiting()] == [board.size], "neither another log nor a smaller size"
    store.acknowledge([(receipt, good)])
    assert store.waiting() == []
    store.close()


def test_rule_7_the_reasons_are_these_words_for_ever() -> None:
    """A word may be added at the end; none may change or go: programs and people rely on them."""
    assert [str(reason) for reason in Reason][: len(FROZEN.split())] == FROZEN.split()


def test_rule_7_every_reason_stands_in_the_specification() -> None:
    text = (Path(__file__).parents[2] / "docs/record.md").read_text()
    in_other_documents = {"bad-consistency-proof"}  # of the monitor and the witness: C2SP's documents
    missing = [reason for reason in Reason if f"`{reason}`" not in text and reason not in in_other_documents]
    assert not missing


def test_rule_7_a_refusal_has_its_reason_and_words(desk: Desk, board: Board) -> None:
    answer = desk.refusal(board.delivery(3).to_bytes())
    assert answer.reason == Reason.MISSING_ENTRIES
    assert answer.detail
    with pytest.raises(EvidenceError, match="malformed: "):
        Bundle.from_bytes(b"")
