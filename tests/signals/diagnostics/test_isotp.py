"""ISO 15765-2: whatever is segmented comes together again, and what is damaged on the way never does."""

from __future__ import annotations

import can
import isotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.frames import Frames
from packseal.frames.isotp import Address, Loss, Reassembler, flow_control, rows_of, single_frame
from tests.signals.diagnostics.traffic import MS, Row, frames_of, rows, segmented

ECU = Address(0x7EC)
PAYLOAD = bytes(range(62))
payloads = st.one_of(
    st.binary(min_size=1, max_size=100), st.integers(1, 4095).map(lambda n: bytes(i % 251 for i in range(n)))
)
addresses = st.sampled_from([ECU, Address(0x18DAF110, True), Address(0x607, False, 0xF1)])


def taken(frames: list[Row]) -> tuple[list[bytes], dict[Loss, int]]:
    reassembler = Reassembler({address for _, address, _ in frames})
    return [one.payload for one in reassembler.take(frames_of(frames))], dict(reassembler.counts.losses)


@given(payloads, addresses, st.sampled_from([8, 12, 16, 20, 24, 32, 48, 64]), st.booleans())
def test_what_is_segmented_comes_together(payload: bytes, address: Address, frame_bytes: int, is_padded: bool) -> None:
    parts = segmented(payload, address.target, frame_bytes, is_padded=is_padded)
    assert taken([(n * MS, address, data) for n, data in enumerate(parts)]) == ([payload], {})


@given(st.lists(payloads, min_size=1, max_size=4), st.data())
def test_batches_may_end_anywhere(several: list[bytes], data: st.DataObject) -> None:
    sent = [row for place, payload in enumerate(several) for row in rows(ECU, payload, place * 1000 * MS)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=4)))
    reassembler, found = Reassembler([ECU]), list[bytes]()
    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        found += [
            one.payload for one in reassembler.take(frames_of(sent[start:end]) if end > start else Frames.empty())
        ]
    assert found == several


@given(st.integers(8, 6 + 15 * 7), st.data())
def test_no_damage_makes_another_payload(length: int, data: st.DataObject) -> None:
    """Up to fifteen consecutive frames, dropped, doubled and shuffled at will: all that sequence numbers tell apart."""
    payload = bytes(length - n for n in range(length))
    parts = [part for part, _ in rows_with_numbers(payload)]
    order = data.draw(st.lists(st.integers(0, len(parts) - 1), max_size=2 * len(parts)))
    found, _ = taken([(n * MS, ECU, parts[place]) for n, place in enumerate(order)] or rows(ECU, b"\x01"))
    assert {one for one in found if order} <= {payload}


@given(st.integers(200, 4095), st.data(), st.sampled_from(["drop", "double", "swap"]))
def test_one_fault_in_a_long_message_ends_it(length: int, data: st.DataObject, fault: str) -> None:
    parts = segmented(bytes(n % 256 for n in range(length)))
    place = data.draw(st.integers(1, len(parts) - 2))
    if fault == "swap":
        parts[place], parts[place + 1] = parts[place + 1], parts[place]
    else:
        parts[place : place + 1] = [] if fault == "drop" else [parts[place]] * 2
    found, losses = taken([(n * MS, ECU, part) for n, part in enumerate(parts)])
    assert not found
    assert losses[Loss.OUT_OF_ORDER] == 1


def rows_with_numbers(payload: bytes) -> list[tuple[bytes, int]]:
    return [(part, number) for number, part in enumerate(segmented(payload))]


FIRST, *REST = segmented(PAYLOAD)
CASES: list[tuple[str, list[bytes], list[bytes], dict[Loss, int]]] = [
    ("no first frame", REST[:2], [], {Loss.NO_FIRST_FRAME: 2}),
    ("begun again", [FIRST, REST[0], FIRST, *REST], [PAYLOAD], {Loss.INTERRUPTED: 1}),
    ("a single frame between", [FIRST, b"\x03\x7f\x22\x78", *REST], [b"\x7f\x22\x78"],
     {Loss.INTERRUPTED: 1, Loss.NO_FIRST_FRAME: 8}),
    ("the last frame never came", [FIRST, *REST[:-1]], [], {}),
    ("a short consecutive frame", [FIRST, REST[0][:5]], [], {Loss.TOO_SHORT: 1}),
    ("a short first frame", [FIRST[:6]], [], {Loss.TOO_SHORT: 1}),
    ("a first frame that is whole already", [bytes.fromhex("1005010203040506")], [], {Loss.NOT_ISO_TP: 1}),
    ("a single frame that says more than it has", [b"\x07\x62\x01"], [], {Loss.TOO_SHORT: 1}),
    ("a single frame of nothing", [b"\x00\x62\x01"], [], {Loss.NOT_ISO_TP: 1}),
    ("an empty frame", [b""], [], {Loss.NOT_ISO_TP: 1}),
    ("a kind that the standard reserves", [b"\x40\x62\x01"], [], {Loss.NOT_ISO_TP: 1}),
    ("longer than may be", [bytes.fromhex("1000000020000102"), REST[0]], [],
     {Loss.TOO_LONG: 1, Loss.NO_FIRST_FRAME: 1}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sent", "payloads", "losses"), CASES)
def test_losses_are_counted_with_their_reason(
    name: str, sent: list[bytes], payloads: list[bytes], losses: dict[Loss, int]
) -> None:
    assert taken([(n * MS, ECU, data) for n, data in enumerate(sent)]) == (payloads, losses), name


def test_a_second_between_two_frames_is_too_long() -> None:
    assert taken(rows(ECU, PAYLOAD, step_ns=1000 * MS)) == ([PAYLOAD], {})
    found, losses = taken(rows(ECU, PAYLOAD, step_ns=1001 * MS))
    assert not found
    assert losses == {Loss.TIMEOUT: 1, Loss.NO_FIRST_FRAME: 7}


def test_flow_control_is_counted_and_passed_over() -> None:
    reassembler = Reassembler([ECU])
    sent = [FIRST, b"\x30\x00\x00", *REST]
    assert [one.payload for one in reassembler.take(frames_of([(n, ECU, data) for n, data in enumerate(sent)]))] == [
        PAYLOAD
    ]
    assert (reassembler.counts.flow_controls, reassembler.counts.frames) == (1, len(sent))


def test_addresses_are_told_apart() -> None:
    two = [Address(0x607, False, 0xF1), Address(0x607, False, 0xF2)]
    mixed = [row for pair in zip(rows(two[0], PAYLOAD), rows(two[1], PAYLOAD[::-1]), strict=True) for row in pair]
    other = rows(Address(0x700), PAYLOAD)
    found = Reassembler(two).take(frames_of(mixed + other))
    assert [(one.address, one.payload) for one in found] == [(two[0], PAYLOAD), (two[1], PAYLOAD[::-1])]


def test_without_addresses_every_identifier_is_listened_to() -> None:
    sent = rows(ECU, PAYLOAD) + rows(Address(0x18DAF110, True), b"\x41\x0d\x20")
    found = Reassembler().take(frames_of(sent))
    assert [(one.address, one.payload, one.frames) for one in found] == [
        (ECU, PAYLOAD, 9), (Address(0x18DAF110, True), b"\x41\x0d\x20", 1)
    ]  # fmt: skip


def test_another_implementation_sends_the_same() -> None:
    """can-isotp's own sender, whose frames are put together by ours."""
    sent: list[can.Message] = []
    waiting = [isotp.CanMessage(arbitration_id=0x7E4, data=b"\x30\x00\x00", dlc=3)]
    layer = isotp.TransportLayerLogic(
        rxfn=lambda _: waiting.pop() if sent and waiting else None,
        txfn=lambda message: sent.append(can.Message(arbitration_id=message.arbitration_id, data=message.data)),
        address=isotp.Address(isotp.AddressingMode.Normal_11bits, txid=0x7EC, rxid=0x7E4),
    )
    layer.send(PAYLOAD)
    for _ in range(100):
        layer.process()
    assert taken([(n * MS, ECU, bytes(one.data)) for n, one in enumerate(sent)]) == ([PAYLOAD], {})


def test_what_a_tester_sends() -> None:
    assert single_frame(Address(0x7E4), bytes.fromhex("220101")) == (0x7E4, False, bytes.fromhex("03220101cccccccc"))
    assert single_frame(Address(0x6F1, False, 7), b"\x22\xdd\xbc").data == bytes.fromhex("070322ddbccccccc")
    assert flow_control(Address(0x7E4), 8, 20).data == bytes.fromhex("300814cccccccccc")
    with pytest.raises(ValueError, match="1 to 7 bytes, not 8"):
        single_frame(ECU, bytes(8))
    with pytest.raises(ValueError, match="0 to 127 ms"):
        flow_control(ECU, 0, 128)


@given(st.lists(st.tuples(addresses, st.binary(max_size=64))))
def test_no_frames_are_too_odd(noise: list[tuple[Address, bytes]]) -> None:
    """Every one is a part of a message, flow control, or counted as lost: and no payload is longer than its frames."""
    sent = [(n * MS, address, data) for n, (address, data) in enumerate(noise)]
    reassembler = Reassembler(None)
    found = reassembler.take(frames_of(sent) if sent else Frames.empty())
    assert reassembler.counts.frames == len(sent)
    assert sum(len(one.payload) for one in found) <= sum(len(data) for _, data in noise)
    assert reassembler.counts.messages == len(found)


def test_rows_are_those_of_the_wanted_keys() -> None:
    frames = frames_of([(5, Address(0x7EC), b"\x01\x02"), (6, Address(0x7EC, True), b""), (7, Address(1), b"\x03")])
    assert list(rows_of(frames, [0x8000_07EC, 1])) == [(0x8000_07EC, 0, 6, b""), (1, 0, 7, b"\x03")]
    assert len(list(rows_of(frames, None))) == 3
