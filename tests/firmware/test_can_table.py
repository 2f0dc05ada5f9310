"""What a board decodes by a compiled table is what the gateway decodes: random messages, bindings and frames."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logger.core.can_table import MARK, MAX_BYTES, VALUE, CanTable, TableError
from packseal.errors import BindingError
from packseal.frames import Frames, read_log
from packseal.signals import (
    Absence,
    Binding,
    Decoder,
    MessageLayout,
    SignalLayout,
    apply_binding,
    load_dbc,
    parse_binding,
)
from packseal.signals import compile as compile_module
from packseal.signals.compile import compile_table
from tests.firmware.conftest import Interpreter

pytestmark = pytest.mark.on_32_bits

BOARD_TESTS = Path(__file__).parent / "board_tests"
SHIPPED = Path(compile_module.__file__).parent / "bindings"
SEED = 20_260_301
FACTORS = ["1", "0.1", "0.5", "0.05", "100", "0.0625", "1.52587890625e-05", "0.076293945", "0.333333333333", "3.7e-06"]
QUANTITIES = ["pack_current_ma", "pack_voltage_mv", "soc_reported_cpct", "soh_reported_cpct", "temperature_ddegc"]
MOST = (1 << 29) - 2
MARKED = (Absence.NOT_AVAILABLE_CODE, Absence.OUT_OF_RANGE)

Taken = dict[int, tuple[int, int]]


class Taker:
    def __init__(self) -> None:
        self.taken: Taken = {}

    def take(self, slot: int, state: int, value: int) -> None:
        assert slot not in self.taken
        self.taken[slot] = (state, int(value))


class Small(int):
    """A number that no step may carry beyond what a 32-bit MicroPython holds without its heap."""


def _checked(name: str) -> Any:
    operation = getattr(int, name)

    def apply(self: int, other: int) -> int:
        result = operation(int(self), int(other))
        assert -(1 << 30) <= result < 1 << 30, f"{self} {name} {other} is beyond 30 bits"
        return Small(result)

    return apply


for _name in ("add", "sub", "mul", "floordiv", "lshift", "rshift", "and", "or", "xor"):
    for _side in ("", "r"):
        setattr(Small, f"__{_side}{_name}__", _checked(f"__{_side}{_name}__"))


class Chance:
    """A layout, a binding and frames from one seed: hypothesis shrinks a seed no better, and draws it a hundred times
    as fast."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def case(self) -> tuple[Decoder, Binding]:
        """A message of up to two levels of multiplexers, and some of its signals bound."""
        rng = self._random
        length = rng.choice([8, 8, 12, 64])
        signals = [self._signal(f"S{i}", length) for i in range(rng.randint(1, 5))]
        for level in range(rng.choice([0, 0, 1, 2])):
            above = signals[-1].name if level else None
            values = frozenset(rng.sample(range(4), 2)) if above else frozenset()
            bits = rng.randint(1, 3)
            multiplexer = self._signal(f"X{level}", length, bits, above, values)
            switched = [
                self._signal(f"X{level}S{i}", length, None, multiplexer.name, frozenset(rng.sample(range(4), 2)))
                for i in range(rng.randint(1, 3))
            ]
            signals += [*switched, multiplexer]
        by_name = {signal.name: signal for signal in signals}
        ordered = sorted(signals, key=lambda signal: _depth(signal, by_name))
        message = MessageLayout("M", rng.choice([0, 0x7FF]), rng.random() < 0.3, length, tuple(ordered))
        return Decoder([message]), self._binding(ordered)

    def frames(self, decoder: Decoder, binding: Binding, count: int) -> list[tuple[int, bool, bytes]]:
        """Random ones, and such as hold what a binding has a limit or a code for."""
        rng, (message,) = self._random, decoder.messages
        frames = []
        for _ in range(count):
            data = bytearray(rng.randbytes(64 if message.length > 8 else 8))
            for layout in message.signals:
                if layout.name.startswith("X") and "S" not in layout.name:
                    _put(data, layout, rng.randrange(1 << layout.bit_length))
            for quantity in binding.every.values():
                layout = decoder.signals[quantity.signal]
                code = rng.choice([*quantity.not_available, *_near(layout, rng.choice(quantity.valid), rng, quantity)])
                if rng.random() < 0.5:
                    _put(data, layout, code & (1 << layout.bit_length) - 1)
            kept = rng.choice([len(data)] * 4 + [rng.randrange(8)])
            frames.append((message.can_id, message.is_extended, bytes(data[:kept])))
        return frames

    def _signal(
        self,
        name: str,
        length: int,
        bits: int | None = None,
        multiplexer: str | None = None,
        values: frozenset[int] = frozenset(),
    ) -> SignalLayout:
        rng = self._random
        bits = bits or rng.choice([1, 7, 8, 10, 12, 16, 16, 16, 20, 24, 25, 31, 32, 33, 48, 63, 64, rng.randint(1, 64)])
        is_little = rng.random() < 0.5
        lowest = rng.randrange(8 * min(length, 8) - bits + 1) + 8 * rng.randrange(length - 7)
        # big endian: count bits as they are sent, from byte 0 bit 7; the start is the most significant one
        start = lowest if is_little else 8 * (lowest // 8) + 7 - lowest % 8
        factor = rng.choice(FACTORS)
        number = int(factor) if factor.isdigit() else float(factor)
        is_signed = multiplexer is None and rng.random() < 0.4 and not name.startswith("X")
        offset = rng.choice([0, 0, -40, 0.5, -1000.25])
        number *= rng.choice([1, 1, -1])
        return SignalLayout(name, start, bits, is_little, is_signed, False, number, offset, "", multiplexer, values)

    def _binding(self, signals: Sequence[SignalLayout]) -> Binding:
        rng = self._random
        chosen = rng.sample(signals, min(len(signals), len(QUANTITIES)))
        quantities = {}
        for name, signal in zip(QUANTITIES, chosen, strict=False):
            parts: dict[str, Any] = {"signal": f"M.{signal.name}", "factor": Decimal(rng.choice(FACTORS[:6]))}
            parts["offset"] = Decimal(rng.choice(["0", "0", "400", "-0.125"]))
            if name == "pack_current_ma":
                parts["positive_when"] = rng.choice(["charging", "discharging"])
            if rng.random() < 0.2:
                parts["is_signed"] = rng.random() < 0.5
            most = 1 << signal.bit_length
            parts["not_available"] = [rng.choice([most - 1, 0, most // 2, rng.randrange(most)]) for _ in range(2)]
            raw, width = rng.randrange(most) * rng.choice([1, 1, -1]), 10 ** rng.randint(0, 8)
            physical = Decimal(raw) * Decimal(repr(signal.factor)) + Decimal(repr(signal.offset))
            middle = min(max(int(physical * parts["factor"] + parts["offset"]), -MOST), MOST)
            parts["valid"] = [max(middle - width, -MOST - 1), min(middle + width, MOST + 1)]
            quantities[name] = parts
        return Binding.model_validate(
            {"format": 1, "name": "chance", "battery": "", "dbc": "", "quantities": quantities}
        )


def _depth(signal: SignalLayout, by_name: dict[str, SignalLayout]) -> int:
    return 0 if signal.multiplexer is None else 1 + _depth(by_name[signal.multiplexer], by_name)


def _put(data: bytearray, layout: SignalLayout, raw: int) -> None:
    byte, bit = layout.lowest
    for place in range(layout.bit_length):
        away, at = divmod(bit + place, 8)
        index = byte + away if layout.is_little_endian else byte - away
        data[index] = data[index] & ~(1 << at) | (raw >> place & 1) << at


def _near(layout: SignalLayout, limit: int, rng: random.Random, bound: Any) -> list[int]:
    """Raw values about a limit of `valid`."""
    factor, offset = bound.scale
    slope = factor * Fraction(repr(layout.factor))
    raw = int((limit - offset - factor * Fraction(repr(layout.offset))) / slope)
    return [raw + rng.randint(-2, 2) for _ in range(2)]


def by_the_gateway(decoder: Decoder, binding: Binding, frames: Sequence[tuple[int, bool, bytes]]) -> list[Taken]:
    rows = np.zeros((len(frames), 64), np.uint8)
    for row, (_, _, data) in zip(rows, frames, strict=True):
        row[: len(data)] = np.frombuffer(data, np.uint8)
    arrived = Frames(
        can_id=np.array([frame[0] for frame in frames], np.uint32),
        is_extended=np.array([frame[1] for frame in frames], np.bool_),
        time_ns=np.arange(len(frames), dtype=np.int64),
        channel=np.zeros(len(frames), np.uint8),
        length=np.array([len(frame[2]) for frame in frames], np.uint8),
        data=rows,
    )
    slots = compile_module._slots(binding)
    taken: list[Taken] = [{} for _ in frames]
    for quantity, samples in apply_binding(binding, decoder, decoder.decode(arrived)).items():
        for row, value, absence in zip(samples.time_ns, samples.value, samples.absence, strict=True):
            if quantity in slots and absence != Absence.FRAME_TOO_SHORT:
                state = MARK if absence in MARKED else VALUE
                taken[row][slots[quantity]] = (state, int(value))
    return taken


def by_the_board(content: bytes, frames: Sequence[tuple[int, bool, Any]]) -> list[Taken]:
    table, found = CanTable(content), []
    for can_id, is_extended, data in frames:
        taker = Taker()
        table.decode(can_id, is_extended, data, taker)
        found.append(taker.taken)
    return found


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=300)
def test_the_board_decodes_as_the_gateway_does(seed: int) -> None:
    chance = Chance(seed)
    decoder, binding = chance.case()
    try:
        content = compile_table(binding, decoder).content
    except BindingError:
        return
    frames = chance.frames(decoder, binding, 20)
    small = [(can_id, is_extended, [Small(byte) for byte in data]) for can_id, is_extended, data in frames]
    assert by_the_board(content, small) == by_the_gateway(decoder, binding, frames)


def lines_of(content: bytes, frames: Sequence[tuple[int, bool, bytes]]) -> str:
    """A job for board_tests/can_decode.py."""
    return content.hex() + "\n" + "".join(f"{i} {int(x)} {data.hex()}\n" for i, x, data in frames) + "\n"


def by_an_interpreter(interpreter: Interpreter, jobs: Sequence[str]) -> list[Taken]:
    output = interpreter.run(BOARD_TESTS / "can_decode.py", input_bytes="".join(jobs).encode())
    found = [[tuple(map(int, part.split(","))) for part in line.split()] for line in output.splitlines()]
    return [{slot: (state, value) for slot, state, value in line} for line in found]


def test_the_same_on_each_interpreter(interpreter: Interpreter) -> None:
    jobs, expected = [], []
    for seed in range(SEED, SEED + 150):
        chance = Chance(seed)
        decoder, binding = chance.case()
        try:
            content = compile_table(binding, decoder).content
        except BindingError:
            continue
        frames = chance.frames(decoder, binding, 6)
        jobs.append(lines_of(content, frames))
        expected += by_the_gateway(decoder, binding, frames)
    assert len(jobs) > 50
    assert by_an_interpreter(interpreter, jobs) == expected


LEAF = [("ZE0w24kWhstock.log", "EV-can_ZE0.dbc", "leaf_ze0"), ("ME0_40kWh_Startup.log", "EV-can_AZE0.dbc", "leaf_aze0")]


@pytest.mark.parametrize(("log", "dbc", "bind"), LEAF)
def test_a_recorded_bus(shared: Path, interpreter: Interpreter, log: str, dbc: str, bind: str) -> None:
    recorded, _ = read_log((shared / "data/can/dalathegreat__EV-CANlogs/leaf" / log).read_bytes())
    decoder = load_dbc((shared / "data/can/dalathegreat__leaf_can_bus_messages" / dbc).read_bytes())
    binding = parse_binding((SHIPPED / f"{bind}.toml").read_text())
    data = [bytes(row[:length]) for row, length in zip(recorded.data, recorded.length, strict=True)]
    frames = list(zip(recorded.can_id.tolist(), recorded.is_extended.tolist(), data, strict=True))
    expected = by_the_gateway(decoder, binding, frames)
    assert sum(state == VALUE for taken in expected for state, _ in taken.values()) > 4000
    assert by_an_interpreter(interpreter, [lines_of(compile_table(binding, decoder).content, frames)]) == expected


NESTED = """VERSION ""
NS_ :
BS_:
BU_: A
BO_ 2147483904 M: 8 A
 SG_ Page M : 0|4@1+ (1,0) [0|0] "" A
 SG_ Sub m1M : 4|4@1+ (1,0) [0|0] "" A
 SG_ A m0 : 8|16@1+ (1,0) [0|0] "" A
 SG_ B m2 : 8|16@1+ (1,0) [0|0] "" A
 SG_ C m3 : 8|16@1+ (1,0) [0|0] "" A
SG_MUL_VAL_ 2147483904 Sub Page 1-1;
SG_MUL_VAL_ 2147483904 A Page 0-0, 5-7;
SG_MUL_VAL_ 2147483904 B Sub 2-2;
SG_MUL_VAL_ 2147483904 C Sub 3-3;
"""
HEAD = """
format = 1
name = "bench"
battery = ""
dbc = ""
"""
AB = "".join(
    f'[quantities.{name}]\nsignal = "{signal}"\nfactor = 1\nvalid = [0, 100000]\n'
    for name, signal in (("pack_voltage_mv", "A"), ("soc_reported_cpct", "B"))
)


@pytest.mark.parametrize(
    ("data", "slots", "unknown", "short"),
    [
        ("00 2a00", {1: 42}, 0, 0),
        ("06 2a00", {1: 42}, 0, 0),
        ("21 2a00", {2: 42}, 0, 0),
        ("31 2a00", {}, 0, 0),  # a value that the DBC knows, of a signal that nobody asked for
        ("91 2a00", {}, 1, 0),
        ("04 2a00", {}, 1, 0),
        ("00 2a", {}, 0, 1),
        ("", {}, 0, 1),
    ],
)
def test_a_multiplexer_inside_another(data: str, slots: dict[int, int], unknown: int, short: int) -> None:
    table = CanTable(compile_table(parse_binding(HEAD + AB), load_dbc(NESTED.encode())).content)
    taker = Taker()
    assert table.decode(0x100, True, bytes.fromhex(data), taker)
    assert taker.taken == {slot: (VALUE, value) for slot, value in slots.items()}
    assert (table.unknown_multiplexers, table.too_short) == (unknown, short)
    assert not table.decode(0x100, False, bytes(8), taker), "another identifier"
    assert table.ids == [(0x100, True)]


def good_table() -> bytes:
    return compile_table(parse_binding(HEAD + AB), load_dbc(NESTED.encode())).content


def test_a_damaged_table_is_refused() -> None:
    content = good_table()
    for size in range(len(content)):
        with pytest.raises(TableError):
            CanTable(content[:size])
    for place in range(len(content)):
        with pytest.raises(TableError):
            CanTable(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
    for wrong in (b"", bytes(MAX_BYTES), content + b"\x00", bytearray(content)):
        with pytest.raises(TableError):
            CanTable(wrong)


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=300)
def test_what_loads_never_fails_on_a_frame(seed: int) -> None:
    """A table that is wrong inside, with the right checksum: refused, or every frame is read in its limits."""
    chance = random.Random(seed)
    content = bytearray(good_table())
    for _ in range(chance.randint(1, 3)):
        content[chance.randrange(6, len(content) - 4)] = chance.choice(
            [0, 1, 2, 3, 8, 63, 64, 255, chance.randrange(256)]
        )
    content[-4:] = zlib.crc32(content[:-4]).to_bytes(4, "little")
    try:
        table = CanTable(bytes(content))
    except TableError:
        return
    for can_id, is_extended in table.ids:
        for size in (0, 3, 8, 64):
            table.decode(can_id, is_extended, [Small(byte) for byte in chance.randbytes(size)], Taker())
