"""Recordings: everything that came from the rig in one test, a JSON object on each line, to be replayed without a rig.

Decides the lines. Each has `at_ms`, the wall's milliseconds since the recording began, and a `kind`:

| kind | what |
|---|---|
| head | format, test, target, setup of the pack, clock_rate, firmware_hash |
| enrolled | genesis, nonce, possession of the board |
| call | part ("pack", "board"), name, arguments: what the test asked of the rig |
| shown | a reading as the BMS had it, with the truth of charge and health beside it |
| frames | bus, rows: what came from a bus of the rig |
| board | bytes that came from the board on its way to the gateway |
| fault | kind, where, amount, is_begin |
| truth, is_on | what was answered to who asked |
| received | size: how many records the passport had |
| end | starts, board_words, bench_words, bus_words, bus_counters: for the health check |

Bytes are base64. What the product did is not recorded: a replay runs the real gateway and the real passport service
again. No key is in a recording; the board's seed, with which its records can be disclosed, is, as the gateway has it.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from packseal.frames import Frames
from packseal.frames.frames import CLASSIC_BYTES, FD_BYTES
from packseal_hil.pack_setup import PackSetup
from packseal_hil.protocols import BenchError
from packseal_hil.readings import Fault, FaultKind, PackReading, Truth

FORMAT = 1
MAX_RECORDING_BYTES = 1 << 30
MAX_LINE_BYTES = 1 << 20
AGAIN = "record it again with --record"

Json = object


class Journal(Protocol):
    """Where the bench writes down what comes from the rig."""

    def line(self, kind: str, **values: Json) -> None: ...


class NoJournal:
    """Of a run that is not recorded."""

    def line(self, kind: str, **values: Json) -> None:
        """Nothing is kept."""


class Recorder:
    """From any thread. The file has its name only once `keep` was called: half a recording is none."""

    def __init__(self, path: Path) -> None:
        """Raises BenchError where the folder cannot be written."""
        self._path, self._part = path, path.with_name(path.name + ".part")
        self._lock = threading.Lock()
        self._started_ns = time.monotonic_ns()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = self._part.open("w", encoding="utf-8")
        except OSError as error:
            raise BenchError(f"{self._part}: {error.strerror}; record into a folder that can be written") from None

    def line(self, kind: str, **values: Json) -> None:
        at_ms = (time.monotonic_ns() - self._started_ns) // 1_000_000
        text = json.dumps({"at_ms": at_ms, "kind": kind, **values}, separators=(",", ":"))
        with self._lock:
            if not self._file.closed:
                self._file.write(text + "\n")

    def keep(self) -> None:
        self.drop()
        self._part.replace(self._path)

    def drop(self) -> None:
        """What was written stays beside, as .part, for who looks for why."""
        with self._lock:
            self._file.close()


@dataclass(frozen=True, slots=True)
class Line:
    at_ms: int
    kind: str
    values: Mapping[str, Json]

    def text(self, name: str) -> str:
        value = self.values.get(name)
        if isinstance(value, str):
            return value
        raise self._missing(name)

    def number(self, name: str) -> int:
        value = self.values.get(name)
        if isinstance(value, int):
            return value
        raise self._missing(name)

    def content(self, name: str) -> bytes:
        return base64.b64decode(self.text(name), validate=True)

    def table(self, name: str) -> dict[str, Json]:
        value = self.values.get(name)
        if isinstance(value, dict):
            return value
        raise self._missing(name)

    def numbers(self, name: str) -> list[int]:
        value = self.values.get(name)
        if isinstance(value, list) and all(isinstance(number, int) for number in value):
            return value
        raise self._missing(name)

    def _missing(self, name: str) -> ValueError:
        return ValueError(f"{self.kind}: {name} is missing")


@dataclass(frozen=True, slots=True)
class Recording:
    """lines: without head and enrolment."""

    path: Path
    test: str
    target: str
    clock_rate: int
    firmware_hash: bytes
    setup: PackSetup
    enrolled: Line
    lines: tuple[Line, ...]


def read_recording(path: Path) -> Recording:
    """Raises BenchError, which names file and line."""
    lines: list[Line] = []
    try:
        if path.stat().st_size > MAX_RECORDING_BYTES:
            raise BenchError(f"{path} is longer than {MAX_RECORDING_BYTES} bytes; {AGAIN}, in shorter tests")
        with path.open("rb") as file:
            while text := file.readline(MAX_LINE_BYTES + 1):
                lines.append(_line(path, len(lines) + 1, text))
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}; {AGAIN}") from None
    try:
        return _recording(path, lines)
    except (ValueError, TypeError, KeyError) as error:
        raise BenchError(f"{path} is no recording that this version replays ({error}); {AGAIN}") from None


def _line(path: Path, number: int, text: bytes) -> Line:
    try:
        if len(text) > MAX_LINE_BYTES:
            raise ValueError(f"longer than {MAX_LINE_BYTES} bytes")
        values = json.loads(text)
        match values:
            case {"at_ms": int(at_ms), "kind": str(kind)}:
                return Line(at_ms, kind, values)
        raise ValueError("expected an object with at_ms and kind")
    except (ValueError, RecursionError) as error:
        raise BenchError(f"{path}, line {number}: {error}; {AGAIN}") from None


def _recording(path: Path, lines: list[Line]) -> Recording:
    head, enrolled, *rest = lines
    if (head.kind, enrolled.kind, rest[-1].kind if rest else "") != ("head", "enrolled", "end"):
        raise ValueError("head, enrolment or end is missing")
    if head.number("format") != FORMAT:
        raise ValueError(f"format {head.number('format')}, not {FORMAT}")
    return Recording(
        path,
        head.text("test"),
        head.text("target"),
        head.number("clock_rate"),
        head.content("firmware_hash"),
        _setup(head.table("setup")),
        enrolled,
        tuple(rest),
    )


def _setup(values: Mapping[str, Json]) -> PackSetup:
    """Raises ValueError for what is missing, and for a value of another kind than its default."""
    for field in fields(PackSetup):
        value = values.get(field.name)
        kinds = (int, float) if isinstance(field.default, float) else type(field.default)
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise ValueError(f"setup: {field.name} is {value!r}")
    return PackSetup(**{field.name: values[field.name] for field in fields(PackSetup)})  # type: ignore[arg-type]


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def setup_line(setup: PackSetup) -> dict[str, Json]:
    return asdict(setup)


def reading_line(reading: PackReading) -> dict[str, Json]:
    return {
        "pack_ms": reading.pack_ms,
        "cell_mv": reading.cell_mv.tolist(),
        "pack_current_ma": reading.pack_current_ma,
        "temperature_ddegc": reading.temperature_ddegc.tolist(),
        "soc_reported_cpct": reading.soc_reported_cpct,
        "soh_reported_cpct": reading.soh_reported_cpct,
        "is_contactor_closed": reading.is_contactor_closed,
        "open_wires": sorted(reading.open_wires),
    }


def reading_of(line: Mapping[str, Json]) -> PackReading:
    """Raises ValueError, TypeError or KeyError for what `reading_line` has not made."""
    match line:
        case {
            "pack_ms": int(pack_ms), "cell_mv": list(cell_mv), "pack_current_ma": int(current_ma),
            "temperature_ddegc": list(ddegc), "soc_reported_cpct": int(soc_cpct), "soh_reported_cpct": int(soh_cpct),
            "is_contactor_closed": bool(is_closed), "open_wires": list(wires),
        }:  # fmt: skip
            shown = (np.array(cell_mv, np.int64), current_ma, np.array(ddegc, np.int64), soc_cpct, soh_cpct)
            return PackReading(pack_ms, *shown, is_closed, frozenset(int(wire) for wire in wires))
    raise ValueError("it is no reading")


def truth_line(truth: Truth) -> dict[str, Json]:
    values = {field.name: getattr(truth, field.name) for field in fields(Truth)}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}


def truth_of(line: Mapping[str, Json]) -> Truth:
    """Raises KeyError, TypeError or ValueError for what `truth_line` has not made."""
    values = {field.name: line[field.name] for field in fields(Truth)}
    floats = {name: np.array(value, np.float64) if isinstance(value, list) else value for name, value in values.items()}
    return Truth(**floats)  # type: ignore[arg-type]


def frames_rows(frames: Frames) -> list[list[Json]]:
    """A row for each: time_ns, identifier, is_extended, channel, data in hexadecimal."""
    columns = (frames.time_ns, frames.can_id, frames.is_extended, frames.channel, frames.length, frames.data)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [
        [at_ns, can_id, ext, channel, bytes(data[:length]).hex()] for at_ns, can_id, ext, channel, length, data in rows
    ]


def frames_of(rows: Json) -> Frames:
    """Raises ValueError or TypeError for what `frames_rows` has not made."""
    if not isinstance(rows, list):
        raise ValueError("frames without rows")
    contents = [bytes.fromhex(row[4]) for row in rows]
    width = FD_BYTES if any(len(content) > CLASSIC_BYTES for content in contents) else CLASSIC_BYTES
    if any(len(content) > width for content in contents):
        raise ValueError("a frame has at most 64 bytes")
    data = np.frombuffer(b"".join(content.ljust(width, b"\0") for content in contents), np.uint8)
    return Frames(
        can_id=np.array([row[1] for row in rows], np.uint32),
        is_extended=np.array([row[2] for row in rows], np.bool_),
        time_ns=np.array([row[0] for row in rows], np.int64),
        channel=np.array([row[3] for row in rows], np.uint8),
        length=np.array([len(content) for content in contents], np.uint8),
        data=data.reshape(len(rows), width),
    )


def fault_line(fault: Fault, *, is_begin: bool) -> dict[str, Json]:
    return {
        "at_s": fault.at_s,
        "fault": fault.kind.value,
        "where": fault.where,
        "amount": fault.amount,
        "for_s": fault.for_s,
        "is_begin": is_begin,
    }


def fault_of(line: Mapping[str, Json]) -> Fault:
    """Raises ValueError for what `fault_line` has not made."""
    match line:
        case {
            "at_s": int() | float() as at_s, "fault": str(kind), "where": str(where),
            "amount": int() | float() as amount, "for_s": int() | float() as for_s,
        }:  # fmt: skip
            return Fault(at_s, FaultKind(kind), where, amount, for_s)
    raise ValueError("it is no fault")
