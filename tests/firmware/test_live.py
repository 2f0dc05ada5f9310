"""Live values on CAN: dbc/packseal.dbc as other people's tools read it, and as our own decoder does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cantools
import numpy as np
import pytest

from packseal.frames import Frames
from packseal.signals import Decoder, load_dbc
from tests.firmware.conftest import Interpreter

pytestmark = pytest.mark.on_32_bits

SCRIPT = Path(__file__).parent / "board_tests" / "live_frames.py"
DBC = Path(__file__).resolve().parents[2] / "dbc" / "packseal.dbc"
IDENTIFIERS = [0x1CFF5000 + (number << 8) + 0xE0 for number in range(4)]
LOG = {"LogSize": 1000, "ReceiptedSize": 900}
NOT_AVAILABLE, NOT_KNOWN = "not available", "not yet known"
UNSURE = "25.5 % or more, or not yet known"
EXPECTED: list[dict[str, Any]] = [
    {
        "PackVoltage": 2000,
        "PackCurrent": -5000,
        "CellVoltageMin": 0.5,
        "CellVoltageMax": 5,
        "TemperatureMin": -60,
        "TemperatureMax": 150,
        "StateOfCharge": 100,
        "SohCapacity": 200,
        "SohCapacityUncertainty": 25.3,
        "Resistance": 16777.214,
        **LOG,
        "WindowsLost": 65534,
    },
    {
        "PackVoltage": 403.21,
        "PackCurrent": 1.234,
        "CellVoltageMin": 3.698,
        "CellVoltageMax": 3.712,
        "TemperatureMin": 25.1,
        "TemperatureMax": 25.1,
        "StateOfCharge": 43.21,
        "SohCapacity": 91.23,
        "SohCapacityUncertainty": 0.8,
        "Resistance": 1.53,
        **LOG,
        "WindowsLost": 2,
    },
    {
        "PackVoltage": NOT_AVAILABLE,
        "PackCurrent": 0,
        "CellVoltageMin": NOT_AVAILABLE,
        "CellVoltageMax": NOT_AVAILABLE,
        "TemperatureMin": NOT_AVAILABLE,
        "TemperatureMax": NOT_AVAILABLE,
        "StateOfCharge": 0,
        "SohCapacity": 90,
        "SohCapacityUncertainty": UNSURE,
        "Resistance": NOT_KNOWN,
        **LOG,
        "WindowsLost": 65534,
    },
    {
        "PackVoltage": NOT_AVAILABLE,
        "PackCurrent": NOT_AVAILABLE,
        "CellVoltageMin": NOT_AVAILABLE,
        "CellVoltageMax": NOT_AVAILABLE,
        "TemperatureMin": NOT_AVAILABLE,
        "TemperatureMax": NOT_AVAILABLE,
        "StateOfCharge": NOT_AVAILABLE,
        "SohCapacity": NOT_KNOWN,
        "SohCapacityUncertainty": UNSURE,
        "Resistance": NOT_KNOWN,
        **LOG,
        "WindowsLost": 0,
    },
]


@pytest.fixture(scope="module")
def packs(interpreter: Interpreter) -> list[list[bytes]]:
    """The four messages of each pack of the script."""
    lines = interpreter.run(SCRIPT).splitlines()
    return [[bytes.fromhex(text) for text in line.split()] for line in lines]


@pytest.fixture(scope="module")
def tool() -> Any:
    """Strict: no signal may overlap another or leave its message."""
    return cantools.database.load_file(DBC, strict=True)


def test_another_tool_reads_each_message(packs: list[list[bytes]], tool: Any) -> None:
    for contents, expected in zip(packs, EXPECTED, strict=True):
        found: dict[str, Any] = {}
        for identifier, content in zip(IDENTIFIERS, contents, strict=True):
            found |= tool.decode_message(identifier, content)
        assert {name: value if isinstance(value, int | float) else str(value) for name, value in found.items()} == {
            name: value if isinstance(value, str) else pytest.approx(value) for name, value in expected.items()
        }


def test_our_own_decoder_reads_each_message(packs: list[list[bytes]]) -> None:
    database = load_dbc(DBC.read_bytes())
    for contents, expected in zip(packs, EXPECTED, strict=True):
        decoded = Decoder(database.messages).decode(frames_of(contents))
        assert decoded.report.decoded == len(IDENTIFIERS)
        found = {name.split(".")[1]: signal.physical[0] for name, signal in decoded.values.items()}
        assert found.keys() == expected.keys(), "every message is read"
        numbers = {name: value for name, value in expected.items() if not isinstance(value, str)}
        assert {name: found[name] for name in numbers} == {name: pytest.approx(numbers[name]) for name in numbers}


def frames_of(contents: list[bytes]) -> Frames:
    count = len(contents)
    return Frames(
        can_id=np.array(IDENTIFIERS, np.uint32),
        is_extended=np.ones(count, np.bool_),
        time_ns=np.arange(count, dtype=np.int64),
        channel=np.zeros(count, np.uint8),
        length=np.full(count, 8, np.uint8),
        data=np.frombuffer(b"".join(contents), np.uint8).reshape(count, 8),
    )


def test_what_is_not_available_is_no_value_that_a_pack_can_have(tool: Any) -> None:
    for message in tool.messages:
        assert (message.length, message.is_extended_frame, message.cycle_time) == (8, True, 1000)
        assert message.frame_id in IDENTIFIERS
        for signal in message.signals:
            for raw in signal.choices or {}:
                assert not signal.minimum <= raw * signal.scale <= signal.maximum, signal.name
