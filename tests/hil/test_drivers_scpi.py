"""The SCPI line against instruments that refuse, delay, drop and babble."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from packseal_hil.drivers.scpi import MAX_ANSWER_BYTES, MAX_ERRORS, ScpiLine
from packseal_hil.protocols import BenchError
from tests.hil.scpi_rigol import DP832
from tests.hil.scpi_server import Served, header
from tests.waiting import until

SHORT_S = 0.3
APPLY = ":APPL CH1,12.000,1.000"


@pytest.fixture
def instrument() -> DP832:
    return DP832()


@pytest.fixture
def served(instrument: DP832) -> Iterator[Served]:
    with Served(instrument) as served:
        yield served


@pytest.fixture
def line(served: Served) -> Iterator[ScpiLine]:
    line = ScpiLine("the supply", served.address, timeout_s=SHORT_S)
    yield line
    line.close()


@pytest.mark.parametrize(
    ("written", "said", "is_taken"),
    [
        (":OUTPut[:STATe]", "OUTP", True),
        (":OUTPut[:STATe]", "output:stat", True),
        (":OUTPut[:STATe]", "OUTPU", False),
        (":OUTPut[:STATe]", "OUTP:STATE:X", False),
        ("SOURce<n>:VOLTage?", "SOUR12:VOLT?", True),
        ("SOURce<n>:VOLTage?", "SOUR12:VOLT", False),
        ("*IDN?", "*IDN?", True),
    ],
)
def test_the_emulator_takes_long_and_short_headers_alone(written: str, said: str, is_taken: bool) -> None:
    assert bool(header(written).fullmatch(said)) is is_taken


def test_a_command_is_followed_by_a_look_at_the_errors(line: ScpiLine, instrument: DP832) -> None:
    line.command(APPLY)
    assert instrument.set_to["CH1"] == (12.0, 1.0)
    assert instrument.said == [APPLY, ":SYST:ERR?"]


def test_every_error_is_told_and_none_is_left(line: ScpiLine, instrument: DP832) -> None:
    with pytest.raises(BenchError, match=r"the supply at 127.* refused.*-222,\"Data out of range\"; -113") as refused:
        line.command(":APPL CH1,99,1", ":VOLTS 12")
    assert "Undefined header" in str(refused.value)
    assert instrument.errors == []
    line.command(APPLY)


def test_an_instrument_that_never_runs_out_of_errors_is_left(served: Served, line: ScpiLine) -> None:
    served.answers = dict.fromkeys(range(1, 500), b'-222,"Data out of range"\n')
    with pytest.raises(BenchError, match="Data out of range") as refused:
        line.command(APPLY)
    assert str(refused.value).count("-222") == MAX_ERRORS


def test_an_answer_to_the_wrong_question_is_no_list_of_errors(served: Served, line: ScpiLine) -> None:
    served.answers[1] = b"12.000\n"
    with pytest.raises(BenchError, match=r"answered ':SYST:ERR\?' with 12.000|answered :SYST:ERR"):
        line.command(APPLY)


def test_a_slow_answer_is_not_taken_for_that_to_the_next_question(
    served: Served, line: ScpiLine, instrument: DP832
) -> None:
    instrument.is_on["CH1"] = True
    served.holds_at.add(0)
    with pytest.raises(BenchError, match=r"did not answer ':OUTP\? CH1' within 0.3 s; check"):
        line.query(":OUTP? CH1")
    served.release.set()
    until(lambda: not served.is_connected, "the end of the connection with the late answer")
    assert line.query(":OUTP? CH2") == "OFF"
    assert served.connections == 2


def test_a_connection_that_was_closed_while_idle_is_opened_again(
    served: Served, line: ScpiLine, instrument: DP832
) -> None:
    line.command(APPLY)
    served.hang_up()
    line.command(":OUTP CH1,ON")
    assert instrument.is_on["CH1"]
    assert (line.reconnected, served.connections) == (1, 2)


def test_what_was_said_unasked_is_no_answer(served: Served, line: ScpiLine, instrument: DP832) -> None:
    line.command(APPLY)
    served.speak(b"ON\n")
    assert line.query(":OUTP? CH1") == "OFF"
    assert line.reconnected == 1
    assert instrument.is_on["CH1"] is False


def test_a_command_lost_with_its_connection_is_said_again(served: Served, line: ScpiLine, instrument: DP832) -> None:
    line.command(APPLY)
    served.drops_at.add(2)
    line.command(":OUTP CH1,ON")
    assert instrument.is_on["CH1"]
    assert line.reconnected == 1


def test_one_that_hangs_up_each_time_is_given_up(served: Served, line: ScpiLine) -> None:
    line.command(APPLY)
    served.drops_at.update(range(2, 50))
    with pytest.raises(BenchError, match=r"the supply at 127\.0\.0\.1:\d+: .*check its power, its cable"):
        line.command(":OUTP CH1,ON")
    assert served.connections == 2


@pytest.mark.parametrize(
    "answer", [b"\xff\xfe\n", b"RIGOL\nRIGOL\n", b"RI\x00GOL\n", b"x" * (2 * MAX_ANSWER_BYTES) + b"\n"]
)
def test_what_is_no_answer_is_refused_and_the_next_is_heard(served: Served, line: ScpiLine, answer: bytes) -> None:
    served.answers[0] = answer
    with pytest.raises(BenchError, match="answered"):
        line.query("*IDN?")
    assert line.query(":OUTP? CH1") == "OFF"


def test_nobody_at_the_address_is_told_with_the_address() -> None:
    with Served(DP832()) as served:
        address = served.address
    with pytest.raises(BenchError, match=re.escape(f"the supply at {address}") + ".*check its power"):
        ScpiLine("the supply", address, timeout_s=SHORT_S).query("*IDN?")


def test_another_instrument_at_the_address_is_told(line: ScpiLine) -> None:
    with pytest.raises(BenchError, match=r"is RIGOL TECHNOLOGIES,DP832,.*not NGI N83624; correct the address"):
        line.identify("NGI", "N83624")
    assert line.identify("RIGOL", "DP8").split(",")[1] == "DP832"
