"""What is asked when: a poller and an ECU that speaks ISO-TP by can-isotp, joined by their frames; no clock."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.errors import ConfigError
from packseal.frames import Frames
from packseal.frames.isotp import Address, Outgoing, flow_control, single_frame
from packseal.signals.diagnostics import Definition, Poller, TransmitGate
from packseal.signals.diagnostics.definitions import answered_signal
from packseal.signals.diagnostics.polling import (
    ANSWER_NS,
    FIRST_REST_NS,
    LONGEST_REST_NS,
    MISSES,
    OTHER_TESTER_REST_NS,
    FlowControl,
)
from tests.signals.diagnostics.traffic import MS, Row, frames_of, segmented

TESTER, ECU = Address(0x7E4), Address(0x7EC)
ASK, SLOW = bytes.fromhex("220101"), bytes.fromhex("220105")
S = 1_000_000_000
DEFINITIONS = (
    Definition("FAST", TESTER, ECU, ASK, (answered_signal("X", 0, 8),), every_ns=S),
    Definition("SLOW", TESTER, ECU, SLOW, (answered_signal("X", 0, 8),), every_ns=10 * S),
    Definition("OTHER", Address(0x7E2), Address(0x7EA), b"\x21\x01", (answered_signal("X", 0, 8),), every_ns=S),
)
ALLOWED = ["7E4:220101", "7E4:220105"]
QUESTION = {ask: single_frame(TESTER, ask) for ask in (ASK, SLOW)}
CONTINUE = flow_control(TESTER)


class Bench:
    """A poller and the frames that it is told of; `sent` are all that it wanted sent, with the time in ms."""

    def __init__(self, allowed: Sequence[str] = ALLOWED, flow: FlowControl | None = None) -> None:
        self.poller = Poller(DEFINITIONS, TransmitGate(allowed), flow)
        self.now_ns = 0
        self.sent: list[tuple[int, Outgoing]] = []

    def step(self, *data: bytes, sender: Address = ECU, after_ns: int = 0) -> list[Outgoing]:
        self.now_ns += after_ns
        heard: list[Row] = [(self.now_ns, sender, one) for one in data]
        out = self.poller.step(self.now_ns, frames_of(heard) if heard else Frames.empty())
        self.sent += [(self.now_ns // MS, frame) for frame in out]
        return out

    def answer(self, ask: bytes, size: int = 1) -> list[Outgoing]:
        return self.step(*segmented(bytes([ask[0] + 0x40]) + ask[1:] + bytes(size)))


def test_nothing_is_asked_without_a_list() -> None:
    bench = Bench([])
    for _ in range(100):
        assert not bench.step(after_ns=S)
    assert bench.poller.not_allowed == ("FAST", "SLOW", "OTHER")


def test_only_what_is_listed_is_asked_and_one_at_a_time() -> None:
    bench = Bench()
    assert bench.poller.not_allowed == ("OTHER",)
    assert bench.step() == [QUESTION[ASK]]
    assert not bench.step(after_ns=10 * MS)
    assert bench.answer(ASK) == [QUESTION[SLOW]]
    assert not bench.answer(SLOW)
    assert not bench.step(after_ns=900 * MS)
    assert bench.step(after_ns=100 * MS) == [QUESTION[ASK]]
    assert bench.poller.counts.answered == 2


def test_the_schedule_is_kept_and_what_was_missed_is_not_made_up_for() -> None:
    bench = Bench(["7E4:220101"])
    for _ in range(50):
        if bench.step(after_ns=100 * MS):
            bench.answer(ASK)
    assert [time for time, _ in bench.sent] == [100, 1000, 2000, 3000, 4000, 5000]
    bench.step(after_ns=60 * S)
    asked = len(bench.sent)
    for _ in range(5):
        bench.answer(ASK)
        bench.step(after_ns=100 * MS)
    assert len(bench.sent) - asked <= 2


def test_an_answer_of_several_frames_is_told_to_go_on() -> None:
    bench = Bench(["7E4:220101"])
    bench.step()
    first, *rest = segmented(b"\x62" + ASK[1:] + bytes(60))
    assert bench.step(first) == [CONTINUE]
    assert not bench.step(*rest)
    assert bench.poller.counts.answered == 1


def test_flow_control_comes_after_every_block() -> None:
    bench = Bench(["7E4:220101"], FlowControl(3, 20))
    bench.step()
    out = [bench.step(data) for data in segmented(b"\x62" + ASK[1:] + bytes(60))]
    again = [flow_control(TESTER, 3, 20)]
    assert out == [again, [], [], again, [], [], again, [], [], []]
    assert bench.poller.counts.answered == 1


def test_somebody_elses_long_answer_is_not_told_anything() -> None:
    bench = Bench(["7E4:220101"])
    bench.step()
    bench.answer(ASK)
    assert not bench.step(segmented(b"\x62\x01\x06" + bytes(60))[0], after_ns=100 * MS)


def test_response_pending_is_waited_for() -> None:
    bench = Bench(["7E4:220101"])
    bench.step()
    for _ in range(5):
        assert not bench.step(b"\x03\x7f\x22\x78\0\0\0\0", after_ns=ANSWER_NS - 1)
    assert not bench.step(after_ns=4 * S)
    bench.answer(ASK)
    assert (bench.poller.counts.answered, bench.poller.counts.unanswered) == (1, 0)


def test_refusals_are_counted_by_name_and_asked_less_often() -> None:
    bench = Bench(["7E4:220101"])
    for _ in range(3000):
        if bench.step(after_ns=100 * MS):
            bench.step(b"\x03\x7f\x22\x31\0\0\0\0")
    assert bench.poller.counts.refused == {"FAST: requestOutOfRange": bench.poller.counts.asked}
    gaps = [b - a for (a, _), (b, _) in zip(bench.sent, bench.sent[1:], strict=False)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > 50 * gaps[0]
    assert bench.poller.refusals == ["FAST: requestOutOfRange"]
    while not bench.step(after_ns=100 * MS):
        pass
    bench.answer(ASK)
    assert not bench.poller.refusals


def test_an_ecu_that_does_not_answer_is_left_alone() -> None:
    bench = Bench(["7E4:220101"])
    for _ in range(36_000):
        bench.step(after_ns=100 * MS)
    times = [time for time, _ in bench.sent]
    assert times[MISSES] - times[MISSES - 1] >= FIRST_REST_NS // MS
    assert LONGEST_REST_NS // MS <= times[-1] - times[-2] <= LONGEST_REST_NS // MS + 1100
    assert bench.poller.resting == ["7EC"]
    assert bench.poller.counts.unanswered >= len(times) - 1
    while not bench.step(after_ns=100 * MS):
        pass
    bench.answer(ASK)
    assert not bench.poller.resting
    assert bench.step(after_ns=S) == [QUESTION[ASK]]


def test_a_lost_frame_ends_in_a_timeout_and_the_next_question() -> None:
    bench = Bench(["7E4:220101"])
    bench.step()
    first, _, *rest = segmented(b"\x62" + ASK[1:] + bytes(60))
    bench.step(first, *rest)
    assert bench.step(after_ns=ANSWER_NS) == [QUESTION[ASK]]
    assert (bench.poller.counts.answered, bench.poller.counts.unanswered) == (0, 1)


def test_another_tester_has_the_ecu_to_itself() -> None:
    bench = Bench(["7E4:220101"])
    bench.step()
    bench.answer(ASK)
    bench.step(b"\x02\x10\x03\0\0\0\0\0", sender=TESTER, after_ns=500 * MS)
    for _ in range(9):
        assert not bench.step(after_ns=OTHER_TESTER_REST_NS // 10)
    assert bench.step(after_ns=OTHER_TESTER_REST_NS // 10) == [QUESTION[ASK]]
    assert bench.poller.counts.other_tester == 1


def test_an_adapter_may_echo_what_was_sent() -> None:
    bench = Bench(["7E4:220101"])
    for _ in range(10):
        (question,) = bench.step()
        bench.step(question.data, sender=TESTER)
        bench.answer(ASK)
        bench.step(after_ns=S - 1)
        bench.now_ns += 1
    assert bench.poller.counts.other_tester == 0


@given(st.lists(st.tuples(st.sampled_from([TESTER, ECU, Address(0x7EA), Address(0x7E2)]), st.binary(max_size=8))))
def test_whatever_is_heard_only_what_is_listed_is_sent(noise: list[tuple[Address, bytes]]) -> None:
    gate, bench = TransmitGate(ALLOWED), Bench()
    for sender, data in noise:
        for frame in bench.step(data, sender=sender, after_ns=300 * MS):
            gate.check(frame)
            assert frame in (QUESTION[ASK], QUESTION[SLOW], CONTINUE)


@pytest.mark.parametrize(
    ("frame", "is_let_through"),
    [
        (single_frame(TESTER, ASK), True),
        (Outgoing(0x7E4, False, bytes.fromhex("0322010100000000")), True),
        (CONTINUE, True),
        (flow_control(TESTER, 8, 20), True),
        (single_frame(TESTER, bytes.fromhex("220102")), False),
        (single_frame(TESTER, bytes.fromhex("2201010102")), False),
        (single_frame(TESTER, bytes.fromhex("2e010101")), False),
        (single_frame(TESTER, bytes.fromhex("1101")), False),
        (single_frame(Address(0x7E5), ASK), False),
        (single_frame(Address(0x7E4, True), ASK), False),
        (flow_control(Address(0x7E5)), False),
        (Outgoing(0x7E4, False, bytes.fromhex("30000001cccccccc")), False),
        (Outgoing(0x7E4, False, bytes.fromhex("1014220101000000")), False),
        (Outgoing(0x7E4, False, bytes.fromhex("2122010100000000")), False),
        (Outgoing(0x7E4, False, bytes.fromhex("03220101")), False),
        (Outgoing(0x7E4, False, b""), False),
    ],
)
def test_the_gate_looks_at_the_bytes(frame: Outgoing, is_let_through: bool) -> None:
    gate = TransmitGate(["7E4:220101"])
    if is_let_through:
        gate.check(frame)
    else:
        with pytest.raises(ConfigError, match=r"not sent: .* is in no request of `transmit`"):
            gate.check(frame)
    with pytest.raises(ConfigError):
        TransmitGate().check(frame)


def test_the_gate_knows_extended_addressing() -> None:
    gate = TransmitGate(["6F1+07:22DDBC"])
    gate.check(single_frame(Address(0x6F1, False, 7), bytes.fromhex("22ddbc")))
    gate.check(flow_control(Address(0x6F1, False, 7)))
    with pytest.raises(ConfigError):
        gate.check(single_frame(Address(0x6F1, False, 8), bytes.fromhex("22ddbc")))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("", "expected who and what"),
        ("7E4", "expected who and what"),
        ("7E4:22010", "expected who and what"),
        ("07E4:220101", "expected who and what"),
        ("18DA10:22F190", "expected who and what"),
        ("FFFFFFFF:22F190", "expected who and what"),
        ("6F1+107:22F190", "expected who and what"),
        ("7E4:2E0101", "only services that read may be asked: 01, 09, 21, 22; take it out"),
        ("7E4:1101", "only services that read"),
        ("7E4:3101FF00", "only services that read"),
        ("7E4:0201", "only services that read"),
        ("7E4:2201010105", "one identifier of 4 digits"),
        ("7E4:22", "one identifier of 4 digits"),
        ("7E4:", "expected who and what"),
    ],
)
def test_what_can_not_be_listed(entry: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TransmitGate([entry])


def test_flow_control_is_sent_once_and_for_our_own_answer_alone() -> None:
    bench = Bench()
    bench.step()
    foreign = segmented(bytes.fromhex("62F190") + bytes(20))
    assert not bench.step(foreign[0]), "somebody else asked for that"
    answer = segmented(bytes([ASK[0] + 0x40]) + ASK[1:] + bytes(20))
    assert bench.step(answer[0]) == [CONTINUE]
    assert not bench.step(b"\x30\0\0" + bytes(5)), "no part of the answer"
    assert bench.step(*answer[1:]) == [QUESTION[SLOW]]


@pytest.mark.parametrize("entry", ["7DF:0902", "18DB33F1:22F190"])
def test_nobody_asks_all_ecus_at_once(entry: str) -> None:
    with pytest.raises(ConfigError, match="asks all ECUs at once; ask the one you want"):
        TransmitGate([entry])
