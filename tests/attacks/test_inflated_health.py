"""Whoever sells a battery types a better state of health into whatever he can reach. The signed root does not move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from packseal.errors import EvidenceError, Reason, UnavailableError
from packseal.io.sql import Transaction
from packseal.records.blinding import leaf_of
from packseal.records.bodies import Origin, StateOfHealth
from packseal.records.bundle import Bundle
from packseal.records.cbor import decode, encode
from packseal.records.disclosure import Wanted, disclose
from packseal.records.entries import decode_entry
from packseal.records.merkle import Edge
from packseal.records.verify import verify_bundle
from tests.attacks.office import Office, refused
from tests.passport.board import Board, running_board
from tests.records.paper import PaperService, bundle_of

REAL_CPCT, WISHED_CPCT = 9120, 9900


def inflated(entry: bytes) -> bytes:
    fields: Any = decode(entry)
    fields[4][5] = [WISHED_CPCT, 50]
    return encode(fields)


@pytest.fixture
def sold(tmp_path: Path) -> tuple[Office, Board]:
    office = Office(tmp_path)
    board = office.bound_board()
    office.desk.receipt(board.delivery().to_bytes())
    return office, board


def seq_of(board: Board) -> int:
    return board.size - 1


def entry_only(board: Board) -> Callable[[Transaction], object]:
    wish = inflated(board.entries[-1])
    return lambda db: db.execute("UPDATE records SET entry = ? WHERE seq = ?", (wish, seq_of(board)))


def entry_and_leaf(board: Board) -> Callable[[Transaction], object]:
    wish = inflated(board.entries[-1])
    row = (wish, leaf_of(wish, board.seed)[1], seq_of(board))
    return lambda db: db.execute("UPDATE records SET entry = ?, leaf = ? WHERE seq = ?", row)


def entry_leaf_and_edges(board: Board) -> Callable[[Transaction], object]:
    """All that is not signed fits together again; only the board's checkpoint does not."""
    board.entries[-1] = inflated(board.entries[-1])
    edge = Edge().extended(board.leaves).to_bytes()

    def change(db: Transaction) -> None:
        db.execute(
            "UPDATE records SET entry = ?, leaf = ? WHERE seq = ?",
            (board.entries[-1], board.leaves[-1], seq_of(board)),
        )
        db.execute("UPDATE checkpoints SET edge = ?", (edge,))
        db.execute("UPDATE logs SET edge = ?", (edge,))

    return change


@pytest.mark.parametrize("edit", [entry_only, entry_and_leaf, entry_leaf_and_edges])
def test_health_typed_into_the_database(
    sold: tuple[Office, Board], edit: Callable[[Board], Callable[[Transaction], object]]
) -> None:
    """The audit names the record, the passport says what was signed, and no bundle of the typed one verifies."""
    office, board = sold
    seq, log_id = seq_of(board), board.log_id
    office.desk.edit(edit(board))
    office.desk.reopen()

    differences = office.desk.store.audit(log_id).differences
    assert any(one.reason is Reason.ROOT_MISMATCH and one.first_seq <= seq <= one.last_seq for one in differences)
    assert health_in(office.desk.document()) == REAL_CPCT / 100
    with pytest.raises((EvidenceError, UnavailableError)) as refusal:
        office.verified(office.bundle_from_disk(board, seq))
    if isinstance(refusal.value, EvidenceError):
        assert refusal.value.reason is Reason.BAD_INCLUSION_PROOF


def test_health_typed_into_the_state_that_was_folded_from_the_records(sold: tuple[Office, Board]) -> None:
    """The state carries the service's own mark; without it, it is made again from the records."""
    office, _ = sold
    document = office.desk.document()
    (state,) = office.desk.store._database.rows("SELECT state FROM passports")[0]
    typed = state.replace(encode(REAL_CPCT), encode(WISHED_CPCT))
    assert typed != state
    office.desk.edit(lambda db: db.execute("UPDATE passports SET state = ?", (typed,)))
    office.desk.reopen()
    assert office.desk.document() == document


def health_in(document: dict[str, Any]) -> Any:
    return document["values"]["soh_capacity_cpct"]["value"]


def test_health_typed_into_the_document(sold: tuple[Office, Board]) -> None:
    """The JSON itself proves nothing and says so by naming its record: the bundle of that record has the real value,
    and one that is given the value of the document does not verify."""
    office, board = sold
    document = office.desk.document()
    typed: Any = document
    named = typed["values"]["soh_capacity_cpct"]["record"]
    typed["values"]["soh_capacity_cpct"]["value"] = WISHED_CPCT / 100
    (head,) = office.desk.store.heads()
    assert named["log_id"] == head.log_id.hex()
    bundle = office.bundle(board, named["seq"])
    body = office.verified(bundle).entry.body
    assert isinstance(body, StateOfHealth)
    assert body.soh_capacity_cpct.value == REAL_CPCT
    office.refused_bundle(replace(bundle, entry=inflated(bundle.entry)), Reason.BAD_INCLUSION_PROOF)


def test_health_typed_into_a_bundle(sold: tuple[Office, Board]) -> None:
    office, board = sold
    bundle = office.bundle(board, seq_of(board))
    office.verified(bundle)
    office.refused_bundle(replace(bundle, entry=inflated(bundle.entry)), Reason.BAD_INCLUSION_PROOF)


def shown_bundle(office: Office, board: Board, wanted: Wanted) -> Bundle:
    bundle = office.bundle(board, seq_of(board))
    entry, disclosure = disclose(bundle.entry, board.record_seed(seq_of(board)), wanted)
    return replace(bundle, entry=entry, shown=disclosure.to_map())


def test_health_typed_into_a_disclosure(sold: tuple[Office, Board]) -> None:
    office, board = sold
    bundle = shown_bundle(office, board, Wanted(fields=[5]))
    shown: Any = bundle.shown
    assert verify_bundle(bundle.to_bytes(), office.policy()).shown is not None
    shown[1][0][1] = [WISHED_CPCT, 50]
    office.refused_bundle(bundle, Reason.BAD_DISCLOSURE)
    shown[1][0][1] = [REAL_CPCT, 50]
    office.verified(bundle)
    shown[1][0][0] = 4  # the value of one field under the name of another
    office.refused_bundle(bundle, Reason.BAD_DISCLOSURE)


def test_a_threshold_moved_up(sold: tuple[Office, Board]) -> None:
    """At least 80 % cannot be made into at least 80.5 %: that link lies behind the one shown."""
    office, board = sold
    bundle = shown_bundle(office, board, Wanted(at_least_cpct=8_000))
    shown = office.verified(bundle).shown
    assert shown is not None
    assert (shown.at_least_cpct, dict(shown.fields)) == (8_000, {})
    value: Any = bundle.shown
    for steps in (*range(1, 160), *range(161, 256)):
        value[4][0] = steps
        office.refused_bundle(bundle, Reason.BAD_THRESHOLD)


def test_health_of_another_record(sold: tuple[Office, Board]) -> None:
    """A good record of a better battery under this battery's signatures."""
    office, board = sold
    better = Board("another board")
    better.boot()
    better.windows(board.size - 3)
    better.state_of_health(WISHED_CPCT)
    bundle = office.bundle(board, seq_of(board))
    seed = better.record_seed(seq_of(board))
    office.refused_bundle(replace(bundle, entry=better.entries[-1], shown=seed), Reason.BAD_INCLUSION_PROOF)
    assert decode_entry(better.entries[-1]).seq == seq_of(board)


@pytest.mark.parametrize("origin", [Origin.FILE, Origin.GATEWAY])
@pytest.mark.parametrize("evidence_class", ["A", "B"])
def test_a_file_or_a_gateway_passed_off_as_a_board(origin: Origin, evidence_class: str) -> None:
    """The genesis says where the values come from, and is signed: no BIND makes a replay a live board."""
    service, board = PaperService(), running_board(origin=origin)
    service.bind(board, evidence_class=evidence_class)
    bundle = bundle_of(service, board, 3, service.receipt(board))
    refused(Reason.WRONG_CLASS, verify_bundle, bundle.to_bytes(), service.policy())
