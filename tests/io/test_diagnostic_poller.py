"""Asking on a bus: an ECU that speaks ISO-TP by can-isotp, and a listener that records every frame there is."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import can
import pytest

from packseal.errors import ConfigError
from packseal.frames.isotp import Address
from packseal.io.can_bus import CanBus
from packseal.io.can_python import PythonCanReceiver, opener
from packseal.io.can_receiver import Receiver
from packseal.io.diagnostic_poller import DiagnosticPoller, polling_opener
from packseal.signals.diagnostics import Definition, DiagnosticListener, definitions_decoder
from packseal.signals.diagnostics.definitions import answered_signal
from tests.io.diagnostic_ecu import Ecu
from tests.waiting import until

DATA = bytes(31) + bytes([150]) + bytes(27)
SIGNALS = (answered_signal("X", 248, 8),)
DEFINITIONS = tuple(
    Definition(name, Address(0x7E4), Address(0x7EC), bytes.fromhex(ask), SIGNALS, every_ns=200_000_000)
    for name, ask in (("BMS", "220105"), ("MORE", "220101"))
)
QUESTION, CONTINUE = bytes.fromhex("03220105cccccccc"), bytes.fromhex("300000cccccccccc")


@pytest.fixture
def channel() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def ecu(channel: str) -> Iterator[Ecu]:
    made = Ecu(channel, {bytes.fromhex("220105"): DATA})
    yield made
    made.close()


def receiver(channel: str, *, may_send: bool) -> Receiver:
    return PythonCanReceiver(opener("virtual", channel, None)(), may_send=may_send)


def test_an_answer_is_asked_for_and_read_and_nothing_else_is_sent(channel: str, ecu: Ecu) -> None:
    poller = DiagnosticPoller(DEFINITIONS, ["7E4:220105"])
    listener, values = DiagnosticListener(DEFINITIONS), list[float]()
    bus = CanBus("test", polling_opener(lambda: receiver(channel, may_send=True), poller), lambda _: None)
    bus.start()

    def has_answers() -> bool:
        while not bus.batches.empty():
            _, pages = listener.take(bus.batches.get()[0])
            found = definitions_decoder(DEFINITIONS).decode(pages).values
            values.extend(found["BMS.X"].physical.tolist() if "BMS.X" in found else [])
        return len(values) >= 3

    until(has_answers)
    bus.stop()
    assert set(values) == {150.0}
    assert poller.poller.counts.answered >= 3
    assert not poller.poller.counts.refused
    sent = ecu.sent_by_us()
    assert set(sent) == {(0x7E4, QUESTION), (0x7E4, CONTINUE)}
    assert sent[:2] == [(0x7E4, QUESTION), (0x7E4, CONTINUE)]


def test_an_empty_list_sends_nothing(channel: str, ecu: Ecu) -> None:
    poller = DiagnosticPoller(DEFINITIONS, [])
    opened = polling_opener(lambda: receiver(channel, may_send=True), poller)()
    for _ in range(10):
        opened.receive(0.01)
    other = can.Bus(channel, "virtual", ignore_config=True)
    other.send(can.Message(arbitration_id=0x7EC, data=bytes.fromhex("103e620105000000"), is_extended_id=False))
    opened.receive(0.01)
    opened.close()
    other.shutdown()
    assert not ecu.sent_by_us()


def test_what_others_would_send_passes_the_gate_too(channel: str, ecu: Ecu) -> None:
    opened = polling_opener(lambda: receiver(channel, may_send=True), DiagnosticPoller(DEFINITIONS, ["7E4:220105"]))()
    for data in ("0211010000000000", "042e010500000000", "0322010100000000"):
        with pytest.raises(ConfigError, match="is in no request of `transmit`"):
            opened.send(0x7E4, bytes.fromhex(data), False)
    assert not ecu.sent_by_us()
    opened.send(0x7E4, QUESTION, False)
    until(lambda: ecu.sent_by_us() == [(0x7E4, QUESTION)])
    opened.close()


def test_a_bus_that_was_opened_to_listen_sends_nothing_whatever_the_list_says(channel: str, ecu: Ecu) -> None:
    opened = polling_opener(lambda: receiver(channel, may_send=False), DiagnosticPoller(DEFINITIONS, ["7E4:220105"]))()
    with can.Bus(channel, "virtual", ignore_config=True) as peer:
        peer.send(can.Message(arbitration_id=0x321, is_extended_id=False))
    assert opened.receive(1).frames.can_id.tolist() == [0x321], "what was heard is given before what went wrong"
    with pytest.raises(ConfigError, match="opened to listen only"):
        opened.receive(0.01)
    opened.close()
    assert [can_id for can_id, _ in ecu.sent_by_us()] == [0x321]  # the peer's


def test_a_refusal_is_counted(channel: str, ecu: Ecu) -> None:
    poller = DiagnosticPoller(DEFINITIONS, ["7E4:220101"])
    opened = polling_opener(lambda: receiver(channel, may_send=True), poller)()

    def is_refused() -> bool:
        opened.receive(0.05)
        return poller.poller.counts.refused["MORE: requestOutOfRange"] == 1

    until(is_refused)
    opened.close()
    assert set(ecu.sent_by_us()) == {(0x7E4, bytes.fromhex("03220101cccccccc"))}


def test_a_request_that_nothing_is_read_from_is_named() -> None:
    with pytest.raises(ConfigError, match=r"transmit: 7E4:220106: .* it reads 7E4:220101, 7E4:220105"):
        DiagnosticPoller(DEFINITIONS, ["7E4:220106"])
    with pytest.raises(ConfigError, match="it reads none, for it has no requests"):
        DiagnosticPoller((), ["7E4:220106"])
