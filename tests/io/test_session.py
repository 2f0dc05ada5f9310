"""The gateway's side of the link, fed with a board's bytes: what it asks for, what it hands on, how it recovers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.io.link import Frame, FrameReader, FreshState, FreshStep, Kind, UpdateState, UpdateStep, encode_frame
from packseal.io.session import (
    CREDIT,
    QUIET_MS,
    SILENT_MS,
    UNSIGNED_MS,
    BoardSession,
    DeliveryArrived,
    Event,
    FrameRejected,
    FreshStateArrived,
    HelloArrived,
    PossessionArrived,
    UpdateStateArrived,
)
from packseal.records.bare import encode_bare
from packseal.records.blinding import seed_digest
from packseal.records.bodies import Key, Origin
from packseal.records.cbor import Value, decode, encode
from packseal.records.checkpoint import Checkpoint, sign_checkpoint
from packseal.records.writing import encode_key
from tests.vectors.world import BOARD

SEED = bytes(range(16))
GENESIS = encode_key(0, 1, 0, Key(bytes(32), Origin.BOARD, bytes(16), seed_digest(SEED)))


def entry(seq: int) -> bytes:
    return GENESIS if not seq else encode([31, seq, 1, seq, {}])


def hello(size: int) -> bytes:
    return encode_frame(Kind.HELLO, encode([1, 0, size, 0, 1, 0, GENESIS, b"", SEED]))


def entries(first: int, last: int) -> bytes:
    return b"".join(encode_frame(Kind.ENTRY, entry(seq)) for seq in range(first, last + 1))


CHECKPOINT = encode_frame(Kind.CHECKPOINT, b"signed")


def status(size: int, receipted_size: int) -> bytes:
    return encode_frame(Kind.STATUS, encode([0, size, receipted_size, *[0] * 7]))


def sent(session: BoardSession) -> list[Frame]:
    return FrameReader().feed(session.bytes_to_send())


def wants(session: BoardSession) -> list[Value]:
    return [decode(frame.body) for frame in sent(session) if frame.kind == Kind.WANT]


def greeted(size: int) -> BoardSession:
    session = BoardSession()
    (event,) = session.receive(hello(size), 0)
    assert isinstance(event, HelloArrived)
    session.resume(event.hello, 0, 0)
    assert wants(session) == [[0, CREDIT, 1]]
    return session


def test_a_silent_port_is_asked_again_and_again() -> None:
    session = BoardSession()
    asked = []
    for now_ms in range(0, 3 * SILENT_MS, SILENT_MS // 3):
        session.tick(now_ms)
        asked += [frame.kind for frame in sent(session)]
    assert asked == [Kind.ASK] * 3


def test_a_board_that_is_at_work_already_is_asked_who_it_is() -> None:
    """It says something every second to the gateway before this one, and is never silent."""
    session = BoardSession()
    asked = []
    for now_ms in range(0, 2 * SILENT_MS, QUIET_MS):
        session.receive(status(7, 0) + entries(5, 6), now_ms)
        session.tick(now_ms)
        asked += [frame.kind for frame in sent(session)]
    assert asked == [Kind.ASK] * 2
    session.receive(hello(7), 2 * SILENT_MS)
    session.tick(2 * SILENT_MS)
    assert sent(session) == []


def test_entries_and_checkpoint_make_a_delivery() -> None:
    session = greeted(3)
    (event,) = session.receive(entries(0, 2) + CHECKPOINT, 1)
    assert isinstance(event, DeliveryArrived)
    assert (event.delivery.genesis, event.delivery.seed, event.delivery.first_seq) == (GENESIS, SEED, 0)
    assert list(event.delivery.entries) == [entry(0), entry(1), entry(2)]
    assert event.delivery.checkpoint == b"signed"


def signed(size: int) -> bytes:
    checkpoint = Checkpoint(bytes(16), size, bytes(32), 1, size)
    return encode_frame(Kind.CHECKPOINT, sign_checkpoint(checkpoint, BOARD.sign))


def test_deliveries_follow_each_other_in_one_piece_of_the_stream() -> None:
    session = greeted(6)
    events = session.receive(entries(0, 2) + CHECKPOINT + entries(3, 5) + CHECKPOINT, 1)
    spans = [(e.delivery.first_seq, len(e.delivery.entries)) for e in events if isinstance(e, DeliveryArrived)]
    assert spans == [(0, 3), (3, 3)]
    assert wants(session) == []


def test_what_a_late_rewind_repeats_is_dropped_and_nothing_is_lost() -> None:
    """The board was sent back to 0 just when it had said all: it says it again, in the middle of what follows."""
    session = greeted(6)
    (first,) = session.receive(entries(0, 2) + signed(3), 1)
    session.accepted(3)
    stream = entries(3, 4) + entries(0, 2) + signed(3) + entries(3, 5) + signed(6)
    (second,) = session.receive(stream, 2)
    assert isinstance(first, DeliveryArrived)
    assert isinstance(second, DeliveryArrived)
    assert (second.delivery.first_seq, len(second.delivery.entries)) == (3, 3)
    assert session.frames_refused == 0


def test_a_checkpoint_behind_a_lost_entry_is_counted_and_asked_for_again() -> None:
    session = greeted(3)
    assert session.receive(entries(0, 1) + signed(3), 1) == []
    assert session.frames_refused == 1
    assert wants(session) == [[0, CREDIT, 1]]


def test_what_a_rejected_delivery_held_up_is_asked_for_from_there() -> None:
    session = greeted(6)
    events = session.receive(entries(0, 2) + CHECKPOINT + entries(3, 5) + CHECKPOINT, 1)
    assert len(events) == 2
    session.rejected(1)
    session.tick(10 * QUIET_MS)
    assert wants(session) == [[0, CREDIT, 1]]


def test_a_board_that_was_full_gets_credit_for_all_its_bare_leaves() -> None:
    count = 4 * CREDIT
    session = greeted(count)
    session.receive(entries(0, 0), 1)
    for seq in range(1, count):
        session.receive(encode_frame(Kind.ENTRY, encode_bare(seq, bytes(32))), 1)
    (event,) = session.receive(CHECKPOINT, 1)
    assert isinstance(event, DeliveryArrived)
    assert len(event.delivery.entries) == count
    assert not any(frame.body.endswith(b"\x01") for frame in sent(session)), "it is never sent back"


def test_credit_is_renewed_when_half_of_it_is_used() -> None:
    session = greeted(1000)
    session.accepted(CREDIT // 2 - 1)
    assert wants(session) == []
    session.accepted(CREDIT // 2)
    assert wants(session) == [[CREDIT // 2, CREDIT, 0]]


def test_a_missing_entry_rewinds() -> None:
    session = greeted(5)
    assert session.receive(entries(0, 0) + entries(2, 4) + CHECKPOINT, 1) == []
    assert wants(session)[0] == [0, CREDIT, 1]


def test_a_missing_entry_is_asked_for_once_whatever_was_under_way_behind_it() -> None:
    session = greeted(50)
    session.receive(entries(0, 0) + entries(2, 20), 1)
    session.receive(entries(21, 40), 2)
    assert wants(session) == [[0, CREDIT, 1]]
    session.receive(entries(0, 5) + entries(7, 9), 3)
    assert wants(session) == [[0, CREDIT, 1]], "the next one that is missing is asked for again"


def test_a_rewind_that_was_lost_is_said_again() -> None:
    session = greeted(5)
    session.receive(entries(0, 0) + entries(2, 4), 1)
    assert wants(session) == [[0, CREDIT, 1]]
    session.tick(QUIET_MS)
    assert wants(session) == []
    session.tick(QUIET_MS + 1)
    assert wants(session) == [[0, CREDIT, 1]]


def test_who_lacks_what_another_gateways_receipts_have_freed_asks_where_the_board_begins() -> None:
    session = greeted(9)
    session.receive(entries(0, 2) + CHECKPOINT, 1)
    session.accepted(3)
    session.receive(status(20, 12) + entries(12, 19), SILENT_MS)
    frames = sent(session)
    assert [frame.kind for frame in frames] == [Kind.WANT, Kind.ASK]
    assert decode(frames[0].body) == [3, CREDIT, 1]


def test_a_broken_frame_rewinds_and_is_counted() -> None:
    session = greeted(3)
    broken = bytearray(entries(1, 1))
    broken[3] ^= 1
    session.receive(entries(0, 0) + bytes(broken), 1)
    assert session.frames_refused == 1
    assert wants(session) == [[0, CREDIT, 1]]


def test_a_lost_tail_is_asked_for_when_nothing_comes() -> None:
    session = greeted(3)
    session.receive(entries(0, 1), 1)
    session.tick(QUIET_MS)
    assert wants(session) == []
    session.tick(QUIET_MS + 1)
    assert wants(session) == [[0, CREDIT, 1]]


def test_a_checkpoint_that_was_lost_with_nothing_behind_it_is_asked_for() -> None:
    """Over CAN a transfer is lost whole; a board that is full or sealed says nothing more."""
    session = greeted(3)
    session.receive(entries(0, 2), 1)
    session.tick(UNSIGNED_MS)
    assert wants(session) == []
    session.tick(UNSIGNED_MS + 1)
    assert wants(session) == [[0, CREDIT, 1]]


def test_a_rejected_delivery_is_asked_for_later_each_time() -> None:
    session = greeted(3)
    now_ms, waits = 0, []
    for _ in range(8):
        session.receive(entries(0, 2) + CHECKPOINT, now_ms)
        session.rejected(now_ms)
        started_ms = now_ms
        while not wants(session):
            now_ms += QUIET_MS
            session.tick(now_ms)
        waits.append((now_ms - started_ms) // QUIET_MS)
    assert waits == sorted(waits)
    assert waits[0] <= 2
    assert waits[-1] == 60


def test_a_receipt_goes_out_as_it_is() -> None:
    session = greeted(1)
    session.send_receipt(b"receipt")
    assert Frame(Kind.RECEIPT, b"receipt") in sent(session)


def test_challenge_and_order_go_out_and_the_possession_comes_back() -> None:
    session = greeted(1)
    session.send_challenge(bytes(range(16)))
    session.send_order(b"order")
    assert sent(session) == [Frame(Kind.CHALLENGE, bytes(range(16))), Frame(Kind.ORDER, b"order")]
    assert session.receive(encode_frame(Kind.POSSESSION, b"signed"), 1) == [PossessionArrived(b"signed")]


def test_a_piece_of_an_update_goes_behind_all_else() -> None:
    session = BoardSession()
    session.send_update(512, b"piece")
    session.send_receipt(b"receipt")
    assert sent(session) == [Frame(Kind.RECEIPT, b"receipt"), Frame(Kind.UPDATE, encode([512, b"piece"]))]
    assert sent(session) == []
    (event,) = session.receive(encode_frame(Kind.UPDATE_STATE, encode([517, 0, bytes(32), None])), 0)
    assert event == UpdateStateArrived(UpdateState(517, UpdateStep.TAKING, bytes(32), None))


@pytest.mark.parametrize("body", [[0, 0], [-1, 0, None, None], [0, 0, "text", None], None])
def test_an_update_state_of_another_shape_is_refused(body: Value) -> None:
    (event,) = BoardSession().receive(encode_frame(Kind.UPDATE_STATE, encode(body)), 0)
    assert isinstance(event, FrameRejected)


def test_a_nonce_for_a_checkpoint_goes_out_and_what_becomes_of_it_comes_back() -> None:
    session, nonce = greeted(1), bytes(range(16))
    session.send_fresh(nonce)
    assert sent(session) == [Frame(Kind.FRESH, nonce)]
    (event,) = session.receive(encode_frame(Kind.FRESH_STATE, encode([nonce, 1, 7_500])), 1)
    assert event == FreshStateArrived(FreshState(nonce, FreshStep.TOO_SOON, 7_500))


@pytest.mark.parametrize("body", [[bytes(15), 0, 0], [bytes(16), -1, 0], [bytes(16), 0], [bytes(16), 0, -1], None])
def test_a_fresh_state_of_another_shape_is_refused(body: Value) -> None:
    (event,) = greeted(1).receive(encode_frame(Kind.FRESH_STATE, encode(body)), 0)
    assert isinstance(event, FrameRejected)


def test_a_nonce_of_another_length_is_the_callers_fault() -> None:
    for send in (greeted(1).send_challenge, greeted(1).send_fresh):
        with pytest.raises(ValueError, match="16 bytes, not 15"):
            send(bytes(15))


@pytest.mark.parametrize("numbers", [9, 11])
def test_a_status_of_another_length_is_refused(numbers: int) -> None:
    (event,) = greeted(1).receive(encode_frame(Kind.STATUS, encode([0] * numbers)), 1)
    assert isinstance(event, FrameRejected)


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_noise_never_harms(pieces: list[bytes]) -> None:
    session = greeted(2)
    for piece in pieces:
        session.receive(piece, 1)
    session.receive(b"\x00", 1)
    session.tick(SILENT_MS)
    session.bytes_to_send()
    events: list[Event] = session.receive(entries(0, 1) + CHECKPOINT, 2)
    assert any(isinstance(event, DeliveryArrived) for event in events)


@given(st.data())
def test_any_cut_of_the_stream_gives_the_same_delivery(data: st.DataObject) -> None:
    stream = entries(0, 2) + CHECKPOINT
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    session = greeted(3)
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += session.receive(stream[start:end], 1)
    assert [type(event) for event in found] == [DeliveryArrived]


def test_a_status_with_fewer_records_than_were_taken_asks_who_is_there() -> None:
    session = greeted(3)
    session.receive(entries(0, 2) + CHECKPOINT, 1)
    session.accepted(3)
    session.receive(encode_frame(Kind.STATUS, encode([0, 2, 0, 0, 0, 0, 0, 0, 0, 0])), 2)
    assert Kind.ASK in [frame.kind for frame in sent(session)]


def test_a_board_that_is_not_the_one_expected_is_asked_for_nothing() -> None:
    session = greeted(3)
    session.forget()
    session.receive(encode_frame(Kind.STATUS, encode([0, 9, 0, 0, 0, 0, 0, 0, 0, 0])), 1)
    session.tick(QUIET_MS + 1)
    assert wants(session) == []


SAID = st.sampled_from(
    [b"", hello(9), entries(0, 2), entries(3, 5), CHECKPOINT, entries(4, 4), status(9, 0), status(3, 0), b"\x07\x00"]
)


@given(
    st.lists(st.tuples(SAID, st.integers(0, 2 * UNSIGNED_MS), st.booleans()), min_size=1, max_size=12), st.floats(0, 1)
)
def test_whoever_sleeps_until_it_is_due_misses_nothing_and_never_sleeps_for_long(
    turns: list[tuple[bytes, int, bool]], share: float
) -> None:
    session, now_ms = BoardSession(), 0
    for content, pause_ms, is_good in turns:
        now_ms += pause_ms
        for event in session.receive(content, now_ms):
            if isinstance(event, HelloArrived):
                session.resume(event.hello, 0, now_ms)
            elif isinstance(event, DeliveryArrived) and is_good:
                session.accepted(event.delivery.first_seq + len(event.delivery.entries))
            elif isinstance(event, DeliveryArrived):
                session.rejected(now_ms)
        session.tick(now_ms)
        session.bytes_to_send()
        assert now_ms < session.due_ms <= now_ms + SILENT_MS
    due_ms = session.due_ms
    session.tick(now_ms + int(share * (due_ms - 1 - now_ms)))
    assert session.bytes_to_send() == b""
    session.tick(due_ms)
    assert session.bytes_to_send() != b""
