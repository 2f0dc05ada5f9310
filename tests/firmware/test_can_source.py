"""The CAN source before a controller: what it samples, for how long, and what it counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logger.core.can_source import NUMBERS, CanSource
from logger.core.can_table import CanTable, TableError
from logger.core.readings import TIME_MASK
from logger.core.sampling import Sample
from packseal.signals import load_dbc, parse_binding
from packseal.signals.compile import compile_table
from tests.firmware.conftest import MICROPYTHONS, Interpreter, find_interpreter

pytestmark = pytest.mark.on_32_bits

BOARD_TESTS = Path(__file__).parent / "board_tests"
SETTINGS = {"max_age_ms": 500, "max_slow_age_ms": 3000}
CELLS, SENSORS = 6, 2
ALL = 2 + CELLS + SENSORS

# A pack of six cells, three a page. 0x10 sends pack values, 0x11 the cells, 0x12 (29 bits) temperatures and claims.
DBC = b"""VERSION ""
NS_ :
BS_:
BU_: A
BO_ 16 Pack: 6 A
 SG_ Current : 7|16@0- (0.1,0) [0|0] "A" A
 SG_ Voltage : 16|16@1+ (0.01,0) [0|0] "V" A
BO_ 17 Cells: 8 A
 SG_ Page M : 0|8@1+ (1,0) [0|0] "" A
 SG_ Cell_1 m0 : 8|16@1+ (1,0) [0|0] "mV" A
 SG_ Cell_2 m0 : 24|16@1+ (1,0) [0|0] "mV" A
 SG_ Cell_3 m0 : 40|16@1+ (1,0) [0|0] "mV" A
 SG_ Cell_4 m1 : 8|16@1+ (1,0) [0|0] "mV" A
 SG_ Cell_5 m1 : 24|16@1+ (1,0) [0|0] "mV" A
 SG_ Cell_6 m1 : 40|16@1+ (1,0) [0|0] "mV" A
BO_ 2147483666 Slow: 8 A
 SG_ Temp_1 : 0|8@1+ (1,-40) [0|0] "degC" A
 SG_ Temp_2 : 8|8@1+ (1,-40) [0|0] "degC" A
 SG_ Charge : 16|8@1+ (0.5,0) [0|0] "%" A
 SG_ Health : 24|8@1+ (0.5,0) [0|0] "%" A
"""
BINDING = """
format = 1
name = "bench"
battery = "six cells"
dbc = "bench.dbc"
cell_blocks = 6
[quantities.pack_current_ma]
signal = "Current"
factor = 1000
positive_when = "discharging"
not_available = [-32768]
valid = [-400000, 400000]
[quantities.pack_voltage_mv]
signal = "Voltage"
factor = 1000
valid = [5000, 60000]
[quantities.soc_reported_cpct]
signal = "Charge"
factor = 100
valid = [0, 10000]
[quantities.soh_reported_cpct]
signal = "Health"
factor = 100
valid = [0, 10000]
[numbered.cell_voltage_mv]
signals = ["Cell_{1..6}"]
factor = 1
not_available = [65535]
valid = [500, 5000]
[numbered.sensor_temperature_ddegc]
signals = ["Temp_{1..2}"]
factor = 10
not_available = [255]
valid = [-400, 1500]
"""
PACK = (0x10, False, bytes.fromhex("FF9C 7017 0000"))  # -10.0 A of discharge is 10 A into the pack, 60.00 V
PAGES = [(0x11, False, bytes.fromhex(f"0{page} 740E 750E 760E 00")) for page in range(2)]  # 3700, 3701, 3702 mV
SLOW = (0x12, True, bytes.fromhex("41 3C 9B C6 00000000"))  # 25 and 20 degC, 77.5 %, 99 %


class Controller:
    """What a driver is, with its frames to set."""

    max_data_bytes = 8

    def __init__(self) -> None:
        self.frames: list[Any] = []
        self.filters: Any = None
        self.now = self.lost = self.faults = self.restarts = 0
        self.sent: list[Any] = []

    def set_filters(self, ids: Any) -> None:
        self.filters = ids

    def receive(self) -> Any:
        return self.frames.pop(0) if self.frames else None

    def send(self, can_id: int, is_extended: bool, data: bytes, is_fd: bool = False) -> bool:
        self.sent.append((can_id, is_extended, data, is_fd))
        return True

    def state(self) -> int:
        return self.now

    def restart(self) -> None:
        self.restarts += 1


def table(binding: str = BINDING) -> CanTable:
    return CanTable(compile_table(parse_binding(binding), load_dbc(DBC)).content)


def table_hex() -> bytes:
    return compile_table(parse_binding(BINDING), load_dbc(DBC)).content.hex().encode()


class Bench:
    def __init__(self, binding: str = BINDING, cell_blocks: int = CELLS) -> None:
        self.controller = Controller()
        self.source = CanSource(self.controller, table(binding), cell_blocks, SETTINGS)
        self.sample = Sample(cell_blocks, self.source.temperature_sensors)
        self.now_ms = 0

    def turn(self, *frames: Any, ms: int = 10) -> Sample:
        self.now_ms += ms
        self.controller.frames += frames
        self.source.step(self.now_ms)
        self.source.read(self.sample)
        return self.sample


def values(sample: Sample) -> list[int | None]:
    reported = [sample.soc_reported_cpct, sample.soh_reported_cpct]
    return [sample.current_ma, sample.pack_mv, *sample.cell_mv, *sample.temperature_ddegc, *reported]


def test_a_pack_is_read_whole() -> None:
    bench = Bench()
    sample = bench.turn(PACK, *PAGES, SLOW)
    assert values(sample) == [10_000, 60_000, *[3700, 3701, 3702] * 2, 250, 200, 7750, 9900]
    assert sample.missing == 0
    assert (bench.source.kind, bench.source.temperature_sensors, bench.source.refused) == (1, SENSORS, 0)
    assert bench.source.frames == 4
    assert bench.controller.filters == [(0x10, False), (0x11, False), (0x12, True)]
    assert bench.controller.sent == []


def test_before_anything_came_all_is_missing() -> None:
    sample = Bench().turn()
    assert values(sample) == [None] * (ALL + 2)
    assert sample.missing == ALL


def test_a_mark_is_not_missing() -> None:
    bench = Bench()
    bench.turn(PACK, *PAGES, SLOW)
    sample = bench.turn(
        (0x10, False, bytes.fromhex("8000 0100 0000")), (0x12, True, bytes.fromhex("FF FA FF 00 00000000"))
    )
    assert values(sample)[:2] == [None, None], "a code, and 0.01 V"
    assert values(sample)[-4:] == [None, None, None, 0]
    assert sample.missing == 0


def test_each_page_renews_its_own_cells() -> None:
    bench = Bench()
    bench.turn(*PAGES)
    for _ in range(40):
        sample = bench.turn(PAGES[0], ms=100)
    assert sample.cell_mv == [3700, 3701, 3702, None, None, None]
    assert sample.missing == 2 + 3 + SENSORS


def test_values_age_each_at_its_own_pace() -> None:
    bench = Bench()
    bench.turn(PACK, *PAGES, SLOW, ms=1)
    sample = bench.turn(ms=SETTINGS["max_age_ms"])
    assert sample.missing == 0
    sample = bench.turn(ms=1)
    assert (sample.current_ma, sample.pack_mv, sample.missing) == (None, None, 2)
    assert sample.soc_reported_cpct == 7750
    sample = bench.turn(ms=SETTINGS["max_slow_age_ms"] - SETTINGS["max_age_ms"])
    assert (values(sample), sample.missing) == ([None] * (ALL + 2), ALL)
    assert bench.turn(PACK).current_ma == 10_000


def test_ages_go_on_where_the_time_of_a_small_integer_wraps() -> None:
    bench = Bench()
    bench.now_ms = 5 * (TIME_MASK + 1) - 200
    bench.turn(PACK)
    assert bench.turn(ms=400).current_ma == 10_000
    assert bench.turn(ms=400).current_ma is None


def test_a_value_that_was_not_in_the_frame_stays() -> None:
    bench = Bench()
    bench.turn(PACK)
    sample = bench.turn((0x10, False, PACK[2][:2]))
    assert (sample.current_ma, sample.pack_mv, bench.source.refused) == (10_000, 60_000, 1)


@pytest.mark.parametrize("frame", [(0x11, False, b"\x02" + bytes(7)), (0x11, False, b""), (0x12, True, b"\x41")])
def test_a_frame_with_something_unreadable_is_counted_once(frame: Any) -> None:
    bench = Bench()
    bench.turn(frame)
    assert bench.source.refused == 1


def test_other_frames_are_nobodys_fault() -> None:
    bench = Bench()
    bench.turn((0x10, True, bytes(8)), (0x11 << 18, True, bytes(8)), (0x7FF, False, bytes(8)), (0x12, False, bytes(8)))
    assert (bench.source.refused, bench.source.frames) == (0, 0)


def test_what_the_controller_lost_counts() -> None:
    bench = Bench()
    bench.controller.lost, bench.controller.faults = 3, 4
    assert bench.source.refused == 7


def test_a_turn_is_short_however_much_comes() -> None:
    bench = Bench()
    bench.turn(*[PACK] * 100)
    assert len(bench.controller.frames) == 68
    bench.turn()
    assert len(bench.controller.frames) == 36


def test_bus_off_is_counted_and_left_after_a_while() -> None:
    bench = Bench()
    bench.controller.now = 3
    restarts = []
    for second in range(200):
        for _ in range(10):
            before = bench.controller.restarts
            bench.turn(ms=100)
            if bench.controller.restarts > before:
                restarts.append(second)
    assert bench.source.bus_offs == 1
    assert restarts == [1, 3, 7, 15, 31, 63, 123, 183], "a second, then twice as long each time, up to a minute"
    bench.controller.now = 0
    for _ in range(700):
        bench.turn(ms=100)
    bench.controller.now = 3
    before = bench.controller.restarts
    for _ in range(15):
        bench.turn(ms=100)
    assert (bench.source.bus_offs, bench.controller.restarts) == (2, before + 1)


def test_one_that_keeps_falling_off_is_not_restarted_ever_faster() -> None:
    bench = Bench()
    for _ in range(6000):
        bench.controller.now = 3
        before = bench.controller.restarts
        bench.turn(ms=100)
        if bench.controller.restarts > before:
            bench.controller.now = 0
            bench.turn(ms=100)
    assert bench.controller.restarts < 20


def test_a_table_for_another_pack_is_refused() -> None:
    with pytest.raises(TableError, match="6 cell voltages, cell_blocks says 12"):
        Bench(cell_blocks=12)


def test_cells_that_nobody_bound_are_missing() -> None:
    bench = Bench(BINDING[: BINDING.index("[numbered")].replace("cell_blocks = 6", ""))
    sample = bench.turn(PACK)
    assert (sample.cell_mv, sample.temperature_ddegc, sample.missing) == ([None] * CELLS, [], CELLS)


@given(
    st.lists(st.tuples(st.sampled_from([0x10, 0x11, 0x12, 0x7FF]), st.booleans(), st.binary(max_size=64)), max_size=30)
)
@settings(deadline=None)
def test_any_frames_give_values_in_their_ranges(frames: list[Any]) -> None:
    bench = Bench()
    sample = bench.turn(*frames)
    assert sample.current_ma is None or -400_000 <= sample.current_ma <= 400_000
    assert sample.pack_mv is None or 5000 <= sample.pack_mv <= 60_000
    assert all(cell is None or 500 <= cell <= 5000 for cell in sample.cell_mv)
    assert bench.source.refused <= len(frames)


def test_settings_have_limits() -> None:
    assert {key: least <= SETTINGS[key] <= greatest for key, (least, greatest) in NUMBERS.items()} == dict.fromkeys(
        SETTINGS, True
    )


def test_fuzzed_on_each_interpreter(interpreter: Interpreter) -> None:
    """All controllers and the source, garbage on SPI, on the byte line and on the bus."""
    output = interpreter.run(BOARD_TESTS / "fuzz_can.py", "400", "7", input_bytes=table_hex())
    assert [line.split()[0] for line in output.splitlines()] == [
        "mcp2515",
        "mcp2518fd",
        "mcp2518fd-fd",
        "slcan",
        "source",
    ]
    assert all(int(line.split()[1]) > 0 for line in output.splitlines()), "faults were counted"


@pytest.mark.parametrize("micropython", MICROPYTHONS)
def test_nothing_comes_from_the_heap(micropython: str) -> None:
    output = find_interpreter(micropython).run(
        BOARD_TESTS / "heap_can.py", input_bytes=table_hex(), heap_bytes=1_000_000
    )
    assert output.split() == ["mcp2515", "mcp2518fd", "mcp2518fd-fd", "table"]


LARGE_DBC = (
    DBC
    + b'BO_ 1024 Many: 8 A\n SG_ Number M : 0|8@1+ (1,0) [0|0] "" A\n'
    + b"".join(
        b' SG_ Cell_%d m%d : %d|16@1+ (0.1,0) [0|0] "mV" A\n' % (100 + cell, cell // 3, 8 + cell % 3 * 16)
        for cell in range(96)
    )
)


@pytest.mark.parametrize("chip", ["mcp2515", "mcp2518fd", "slcan"])
@pytest.mark.parametrize(
    ("micropython", "heap_bytes", "most_bytes"),
    [("micropython", 96 << 10, 52 << 10), ("micropython32", 64 << 10, 36 << 10)],
)
def test_the_source_of_a_large_pack_fits_into_a_small_heap(
    chip: str, micropython: str, heap_bytes: int, most_bytes: int
) -> None:
    """The heap holds the compiler too."""
    binding = parse_binding(BINDING.replace("cell_blocks = 6", "").replace("{1..6}", "{100..195}"))
    content = compile_table(binding, load_dbc(LARGE_DBC)).content
    assert len(content) < 2048
    output = find_interpreter(micropython).run(
        BOARD_TESTS / "can_memory.py", chip, input_bytes=content.hex().encode(), heap_bytes=heap_bytes
    )
    assert int(output.split()[0]) < most_bytes
