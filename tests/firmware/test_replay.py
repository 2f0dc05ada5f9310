"""The firmware's estimator over rows of measurements: the same bytes from every interpreter."""

from __future__ import annotations

import json
from functools import cache

import pytest

from tests.apps.replay_tables import BLOCKS, RATED_MAH, TRUE_MAH, simulated
from tests.firmware.conftest import FIRMWARE, Interpreter, find_interpreter

CONFIG = {
    "rated_capacity_mah": RATED_MAH,
    "cell_blocks": BLOCKS,
    "strings": 1,
    "sample_ms": 2_000,
    "window_ms": 60_000,
    "temperature_sensors": 1,
    "chemistry": "nmc",
}
BEYOND_30_BITS_MS = 13 * 86_400_000


@cache
def rows() -> bytes:
    """Two cycles, 13 days without a row, two more; now and then a value is not available, or none that can be."""
    lines = [json.dumps(CONFIG)]
    for later_ms in (0, BEYOND_30_BITS_MS):
        for number, row in enumerate(simulated(cycles=2, step_s=2)):
            time_s, current_a, pack_v, *cells_mv, celsius, _, _, _ = row
            values = [later_ms + time_s * 1000, current_a * 1000, pack_v * 1000, *cells_mv]
            texts = [str(round(value)) for value in [*values, celsius * 10]]
            if number % 500 == 7:
                texts[2:4] = ["", "70000"]
            lines.append(",".join(texts))
    return "\n".join(lines).encode()  # the last line has no end


@cache
def on_cpython() -> str:
    return run(find_interpreter("cpython"))


def run(interpreter: Interpreter) -> str:
    return interpreter.run(FIRMWARE / "replay.py", input_bytes=rows())


@pytest.mark.on_32_bits
def test_every_interpreter_says_the_same_bytes(interpreter: Interpreter) -> None:
    assert run(interpreter) == on_cpython()


def test_it_states_what_the_rows_show() -> None:
    said = [json.loads(line) for line in on_cpython().splitlines()]
    statements = [line for line in said if "soh" in line]
    assert statements
    # the capacity is the same after the 13 days, and is not said again within a day of counted time
    told = [line["t_ms"] for line in said if "soh" in line or "estimate" in line]
    assert {t_ms > BEYOND_30_BITS_MS for t_ms in told} == {False, True}
    for line in statements:
        value, uncertainty = line["soh"]["4"]
        assert abs(value - TRUE_MAH) <= 1.96 * uncertainty
    assert [line["t_ms"] for line in said] == sorted(line["t_ms"] for line in said)
    assert sum("soc_cpct" in line for line in said) > 40
    assert said[-1]["end"]["rows"] == rows().count(b"\n")


def test_a_table_that_ends_at_once_has_no_statement() -> None:
    out = find_interpreter("cpython").run(FIRMWARE / "replay.py", input_bytes=json.dumps(CONFIG).encode() + b"\n")
    assert json.loads(out)["end"]["rows"] == 0
