"""What may come of altered bytes: a refusal by its reason, or the same truth that was signed. Nothing else.

The truth is known here, because the boards' records are. Used by the seeded mutations of every test run and by the
coverage-guided fuzzer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from packseal.errors import EvidenceError
from packseal.exchange.recognition.decision import Decision
from packseal.records.acts import Act
from packseal.records.attestation import Attestation
from packseal.records.bodies import EntryType, StateOfHealth, Window
from packseal.records.bundle import Bundle
from packseal.records.cbor import encode
from packseal.records.checkpoint import Checkpoint, Receipt
from packseal.records.columns import encode_column
from packseal.records.entries import Entry, decode_entry
from packseal.records.log import Delivery, Verified
from packseal.records.statement_bodies import kind_of
from packseal.records.statement_fields import encode_fields
from packseal.records.statements import SignedStatement
from packseal.records.verify import TrustedBundle
from tests.attacks.corpus import boards, good_items
from tests.attacks.decoders import DECODERS
from tests.passport.board import Board
from tests.records.paper import BATTERY


def check(name: str, content: bytes) -> bool:
    """Whether it was taken. Raises AssertionError for what may not be taken, and whatever else than EvidenceError the
    decoder lets out."""
    try:
        found = DECODERS[name](content)
    except EvidenceError:
        return False
    truth = _TRUTHS.get(name)
    if truth:
        truth(found, content)
    return True


def _one_encoding(found: Any, content: bytes) -> None:
    assert encode(found) == content


def _same_bytes(found: Any, content: bytes) -> None:
    assert found.to_bytes() == content


def _same_bundle(found: Any, _content: bytes) -> None:
    """Not the same bytes: a proof may spell out hashes that it could share (section 8)."""
    assert Bundle.from_bytes(found.to_bytes()) == found


def _column(found: Any, content: bytes) -> None:
    assert encode_column(found) == content


def _bundle(found: Any, _content: bytes) -> None:
    assert isinstance(found, TrustedBundle)
    board = boards().get(found.log_id)
    assert board is not None, "a log that nobody opened"
    assert (found.battery, found.evidence_class) == (BATTERY, "B")
    _receipt(found.receipt, b"")
    _record(found, board)


def _record(found: TrustedBundle, board: Board) -> None:
    entry = found.entry
    candidates = [decode_entry(content) for content in _known_entries(entry.seq)]
    if entry.root is None:
        assert entry in candidates, "a record that no board has made"
        return
    assert any((e.type, e.boot, e.uptime_ms) == (entry.type, entry.boot, entry.uptime_ms) for e in candidates)
    assert found.shown is not None
    body = decode_entry(board.entries[entry.seq]).body
    for field_name, value in found.shown.fields.items():
        assert getattr(body, field_name) == value
    if entry.type == EntryType.WINDOW:
        assert isinstance(body, Window)
        assert all(body.cell_mv[block] == cell_mv for block, cell_mv in found.shown.cells.items())
    elif entry.type == EntryType.SOH:
        assert isinstance(body, StateOfHealth)
        capacity_cpct = body.soh_capacity_cpct.value
        assert (found.shown.at_least_cpct or 0) <= capacity_cpct <= (found.shown.at_most_cpct or capacity_cpct)


def _known_entries(seq: int) -> list[bytes]:
    """What good items have at this number, in whichever log."""
    entries = [bundle.entry for bundle in map(Bundle.from_bytes, good_items()["bundle"])]
    return [content for content in (*good_items()["entry"], *entries) if decode_entry(content).seq == seq]


def _delivery(found: Any, content: bytes) -> None:
    assert isinstance(found, Verified)
    log = found.log
    board = boards()[log.log_id]
    assert list(found.contents) == board.entries[: log.size]
    assert Delivery.from_bytes(content).to_bytes() == content


def _known(name: str) -> Callable[[Any, bytes], None]:
    """What is signed says exactly what one of the good messages says."""

    def truth(found: Any, _content: bytes) -> None:
        good = [DECODERS[name](content) for content in good_items()[name]]
        assert isinstance(found, Act | Attestation | Checkpoint | Receipt | SignedStatement)
        if isinstance(found, Act | SignedStatement):
            known = [(one.statement, one.salt) for one in good if isinstance(one, Act | SignedStatement)]
            assert (found.statement, found.salt) in known
        else:
            assert found in good

    return truth


def _stated(found: Any, content: bytes) -> None:
    assert encode([int(kind_of(found)), encode_fields(found)]) == content


def _receipt(found: Any, _content: bytes) -> None:
    assert isinstance(found, Receipt)
    assert found.log_id in boards()


def _entry(found: Any, content: bytes) -> None:
    entry = found[0] if isinstance(found, tuple) else found
    assert isinstance(entry, Entry)
    assert len(content) <= 512


def _archive(found: Any, _content: bytes) -> None:
    assert isinstance(found, TrustedBundle)
    board = boards()[found.log_id]
    assert (found.checkpoint.size, found.checkpoint.root) == (board.size, board.root(board.size))


def _decision(found: Any, content: bytes) -> None:
    assert isinstance(found, Decision)
    assert not found.is_recognised or content in good_items()["recognised certificate"]


def _signed(name: str) -> Callable[[Any, bytes], None]:
    return lambda _found, content: _in(content, good_items()[name])


def _in(content: bytes, known: tuple[bytes, ...]) -> None:
    assert content in known


_TRUTHS: Mapping[str, Callable[[Any, bytes], None]] = {
    "cbor": _one_encoding,
    "column": _column,
    "entry": _entry,
    "open entry": _entry,
    "bundle": _same_bundle,
    "delivery": _same_bytes,
    "verified bundle": _bundle,
    "verified delivery": _delivery,
    "head of an archive": _same_bytes,
    "archive": _archive,
    **{name: _known(name) for name in ("act", "statement", "checkpoint", "attestation", "receipt")},
    "fields of a statement": _stated,
    **{name: _signed(name) for name in ("certificate", "accreditation", "trust list")},
    **dict.fromkeys(("scheme", "certificate file", "book of rules", "decision"), _same_bytes),
    "recognised certificate": _decision,
}
