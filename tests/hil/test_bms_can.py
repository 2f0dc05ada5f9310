"""The bench's CAN BMS: its frames by its DBC as cantools reads it, by the table of a board, and by the wrong one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cantools.database.can.database import Database
from hypothesis import given, settings
from hypothesis import strategies as st

from logger.core.can_source import CanSource
from logger.core.can_table import CanTable
from logger.core.sampling import Sample
from packseal_hil.bms.can_bms import CanBms
from packseal_hil.bms.can_dbc import can_table, dbc_text
from packseal_hil.bms.can_frames import CELLS_1, CELLS_2, DIALECTS, PACKSEAL, Message, said_of, to_frames
from packseal_hil.protocols import BenchError
from packseal_hil.readings import PackReading
from tests.hil.readings import CELLS, SENSORS, reading
from tests.hil.slcan_bus import Recorder
from tests.waiting import until

AGES = {"max_age_ms": 1_000, "max_slow_age_ms": 10_000}


def messages_of(dialect: str, shown: PackReading, strings: int = 1) -> list[Message]:
    said = said_of(dialect, shown, strings)
    return [*said.fast, *said.slow]


def by_cantools(dialect: str, shown: PackReading) -> dict[str, Any]:
    database = Database()
    database.add_dbc_string(dbc_text(dialect, len(shown.cell_mv), len(shown.temperature_ddegc)))
    found: dict[str, Any] = {}
    for message in messages_of(dialect, shown):
        found |= decoded(database, message)
    return found


def decoded(database: Database, message: Message) -> dict[str, Any]:
    """A last page may hold fewer than three values: that frame is shorter."""
    found: Any = database.decode_message(message.can_id, message.content, allow_truncated=True)
    return dict(found)


class Controller:
    """As docs/can.md has it, with frames that have come already."""

    lost = 0
    max_data_bytes = 8

    def __init__(self, messages: list[Message]) -> None:
        self._waiting = [(message.can_id, message.is_extended, message.content) for message in messages]

    def receive(self) -> tuple[int, bool, bytes] | None:
        return self._waiting.pop(0) if self._waiting else None

    def set_filters(self, ids: object) -> None:
        """All pass."""

    def state(self) -> int:
        return 0


def by_board(spoken: str, shown: PackReading, table: str) -> Sample:
    cells, sensors = len(shown.cell_mv), len(shown.temperature_ddegc)
    source = CanSource(Controller(messages_of(spoken, shown)), CanTable(can_table(table, cells, sensors)), cells, AGES)
    for now_ms in range(4):  # 32 frames a turn
        source.step(now_ms)
    sample = Sample(cells, source.temperature_sensors)
    source.read(sample)
    return sample


@pytest.mark.parametrize("dialect", [CELLS_1, CELLS_2])
def test_cantools_reads_every_cell_and_sensor(dialect: str) -> None:
    found, shown = by_cantools(dialect, reading()), reading()
    assert [round(1000 * found[f"Cell_{n + 1}"]) for n in range(CELLS)] == shown.cell_mv.tolist()
    assert [round(10 * found[f"T_{n + 1}"]) for n in range(SENSORS)] == shown.temperature_ddegc.tolist()
    assert round(1000 * found["PackVoltage"]) == shown.cell_mv.sum()
    current_a = found["PackCurrent"] if dialect == CELLS_1 else -found["PackCurrent"]
    assert round(1000 * current_a) == shown.pack_current_ma
    assert (found["Soc"], found["Soh"], found["ContactorClosed"]) == (64.0, 93.0, 1)


def test_cantools_reads_packseals_own_dbc() -> None:
    found, shown = by_cantools(PACKSEAL, reading()), reading()
    assert round(1000 * found["CellVoltageMin"]) == shown.cell_mv.min()
    assert round(1000 * found["CellVoltageMax"]) == shown.cell_mv.max()
    assert (round(10 * found["TemperatureMin"]), round(10 * found["TemperatureMax"])) == (-37, 251)
    assert (round(1000 * found["PackCurrent"]), found["StateOfCharge"], found["SohCapacity"]) == (-2_500, 64.0, 93.0)
    assert str(found["Resistance"]) == "not yet known"


@settings(deadline=None, max_examples=40)  # each compiles a table
@given(
    cells=st.lists(st.integers(500, 5_000), min_size=1, max_size=128),
    sensors=st.lists(st.integers(-600, 1_500), min_size=1, max_size=32),
    current_ma=st.integers(-500_000, 500_000).map(lambda current: 10 * current),
    dialect=st.sampled_from([CELLS_1, CELLS_2]),
)
def test_any_reading_reaches_a_board(cells: list[int], sensors: list[int], current_ma: int, dialect: str) -> None:
    values = {"cell_mv": np.array(cells, np.int64), "temperature_ddegc": np.array(sensors, np.int64)}
    sample = by_board(dialect, reading(**values, pack_current_ma=current_ma), dialect)
    assert (sample.cell_mv, sample.temperature_ddegc) == (cells, sensors)
    assert (sample.current_ma, sample.pack_mv, sample.missing) == (current_ma, sum(cells), 0)
    assert (sample.soc_reported_cpct, sample.soh_reported_cpct) == (6_400, 9_300)


def test_a_board_with_the_dbc_before_misreads_current_and_refuses_cells() -> None:
    sample = by_board(CELLS_2, reading(pack_current_ma=-20_000, cell_mv=np.full(CELLS, 3_600)), CELLS_1)
    assert sample.current_ma == 2_000
    assert sample.cell_mv == [4_110] * CELLS  # 0x0E10 the other way round: what nobody would notice


def test_an_open_wire_is_not_available_on_a_board() -> None:
    sample = by_board(CELLS_1, reading(cell_mv=np.full(CELLS, 3_000), open_wires=frozenset([4])), CELLS_1)
    assert sample.cell_mv == [3_000] * 4 + [None, None] + [3_000] * (CELLS - 6)
    assert sample.missing == 0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_frames_carry_what_messages_say(dialect: str) -> None:
    messages = messages_of(dialect, reading())
    frames = to_frames(messages)
    assert frames.can_id.tolist() == [message.can_id for message in messages]
    assert frames.is_extended.tolist() == [dialect == PACKSEAL] * len(messages)
    assert [bytes(row[:n]) for row, n in zip(frames.data, frames.length, strict=True)] == [m.content for m in messages]


def test_it_broadcasts_without_being_asked_and_every_message_in_turn() -> None:
    recorder = Recorder()
    bms = CanBms(recorder, CELLS)
    try:
        bms.show(reading())
        until(lambda: recorder.ids().count(0x310) >= 12, "two seconds of frames")
    finally:
        bms.close()
    ids = recorder.ids()
    assert set(ids) == {0x310, 0x311, 0x312, 0x313}
    assert ids.count(0x311) in (1, 2)
    assert ids.count(0x312) in range(4, 9)  # four pages a second
    assert bms.sent == len(ids)


def test_a_bus_that_is_off_is_said_and_another_dialect_is_spoken() -> None:
    recorder = Recorder()
    bms = CanBms(recorder, CELLS)
    try:
        recorder.is_broken = True
        bms.show(reading())
        until(lambda: failed(bms), "the refusal")
        recorder.is_broken = False
        bms.speak(PACKSEAL)
        until(lambda: 0x1CFF52E0 in recorder.ids(), "PackSeal's own frames")
        with pytest.raises(ValueError, match="klingon: no dialect"):
            bms.speak("klingon")
    finally:
        bms.close()


def failed(bms: CanBms) -> bool:
    try:
        bms.show(reading())
    except BenchError as error:
        return "the bus is off" in str(error)
    return False


def test_a_reset_claims_full_health() -> None:
    recorder = Recorder()
    bms = CanBms(recorder, CELLS)
    try:
        bms.reset()
        bms.show(reading())
        until(lambda: 0x311 in recorder.ids(), "the state of charge")
    finally:
        bms.close()
    (claimed, *_) = [part.data[part.can_id == 0x311][0] for part in recorder.parts if (part.can_id == 0x311).any()]
    assert int.from_bytes(bytes(claimed[2:4]), "little") == 10_000
