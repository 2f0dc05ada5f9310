"""What the bench reads back: recordings and their lines, traces, records of runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from packseal_hil.readings import Fault, FaultKind
from packseal_hil.recording import (
    Json,
    fault_line,
    fault_of,
    frames_of,
    read_recording,
    reading_line,
    reading_of,
    truth_of,
)
from packseal_hil.report.run import RUN, Run, TestRun, read_left, read_run, write_run
from packseal_hil.trace import Estimate, Mark, TraceWriter, read_trace
from tests.attacks.targets.target import Target, folder, of_file, text
from tests.hil.readings import reading
from tests.hil.test_recording import whole

PLAYED = (ValueError, KeyError, TypeError, IndexError, OverflowError)  # of a line: replay.py names file and line
LEFT = {
    "test": "t", "target": "unix", "rig": "", "seed": 3, "clock_rate": 600, "firmware_hash": "", "is_replayed": False,
}  # fmt: skip
TRUTH = {
    "pack_ms": 5, "capacity_ah": [9.5, 9.4], "soc": [0.5, 0.5], "resistance_ohm": [0.01, 0.02], "temperature_c": [20.0],
    "energy_charged_wh": 1.0, "energy_discharged_wh": 2.0, "charge_charged_ah": 0.5, "charge_discharged_ah": 0.25,
}  # fmt: skip


def targets() -> Mapping[str, Target]:
    run = of_file(RUN, lambda path: read_run(path.parent))
    left = of_file(RUN, lambda path: read_left(path.parent))
    return {
        "recording of the bench": Target(of_file("t.jsonl", read_recording), (recording(),), rounds=60),
        "reading in a recording": Target(_line(reading_of), (_json(reading_line(reading())),), PLAYED),
        "fault in a recording": Target(
            _line(fault_of), (_json(fault_line(Fault(5.0, FaultKind.OPEN_WIRE, "3"), is_begin=True)),), PLAYED
        ),
        "truth in a recording": Target(_line(truth_of), (_json(TRUTH),), PLAYED),
        "frames in a recording": Target(
            lambda content: frames_of(_loaded(content)), (text('[[1, 466, false, 0, "0011"]]'),), PLAYED
        ),
        "trace of a run": Target(of_file("trace.npz", read_trace), (trace(),), rounds=60),
        "record of a run": Target(run, (recorded_run(),), rounds=60),
        "what the bench says of a test": Target(left, (_json(LEFT),), rounds=60),
    }


def _json(values: Mapping[str, Json]) -> bytes:
    return json.dumps(values).encode()


def _loaded(content: bytes) -> Json:
    """As read_recording hands it on, which has refused what is no JSON."""
    try:
        found: Json = json.loads(content)
    except RecursionError as error:
        raise ValueError(str(error)) from None
    return found


def _line(read: Callable[[Mapping[str, Json]], object]) -> Callable[[bytes], object]:
    def parsed(content: bytes) -> object:
        found = _loaded(content)
        if not isinstance(found, dict):
            raise TypeError("a line is an object")
        return read(found)

    return parsed


def recording() -> bytes:
    content = whole(folder() / "whole.jsonl").read_bytes()
    return re.sub(rb'"at_ms":\d+', b'"at_ms":5', content)  # else it would be another one each time


def trace() -> bytes:
    writer = TraceWriter("test_x", "unix", 7)
    for row in range(3):
        writer.shown(reading(pack_ms=1_000 * row), 9_000 - row, 9_500)
    writer.estimated(1.0, Estimate(9_000, 8_900, 9_100))
    writer.mark(Mark(0.5, "note", "seen", None))
    path = folder() / "whole.npz"
    writer.trace({"bus.lost": 0}).write(path)
    return path.read_bytes()


def recorded_run() -> bytes:
    place = folder() / "run"
    tests = (TestRun("test_x", "passed", 1.5, "test_x"),)
    write_run(Run(1, 5, 2.5, ("test_x",), "unix", "", None, "", False, {"python": "3.11"}, tests), place)
    return (place / RUN).read_bytes()
