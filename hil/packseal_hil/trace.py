"""What a run recorded: arrays over the pack's time, what the passport said of health beside the truth, and marks.

Decides the shape of that and its file (`trace.npz`: NumPy arrays, and the words as JSON in one of them). A row of
`time_s` is one reading that was shown to the board; an estimate is a row of its own, when the passport's changed.
What is drawn of it is the report's part. Files are read with NumPy's `allow_pickle` off and within MAX_TRACE_BYTES.
"""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from packseal_hil.faults.kinds import end_s
from packseal_hil.protocols import BenchError
from packseal_hil.readings import Fault, Floats, Integers, PackReading

# what the readers of ZIP and NPY files raise where one is damaged, or of a kind that they do not read
DAMAGED = (ValueError, KeyError, TypeError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error)
MAX_TRACE_BYTES = 512 << 20  # a day of 96 cells at 1 Hz is 70 MB
FORMAT = 1
NOT_STATED = -1  # of an estimate that has no interval

_SECONDS = ("time_s", "estimate_time_s")
_INTEGERS = (
    "cell_mv",
    "pack_current_ma",
    "temperature_ddegc",
    "soc_reported_cpct",
    "soh_reported_cpct",
    "true_soc_cpct",
    "true_soh_cpct",
    "estimate_cpct",
    "estimate_low_cpct",
    "estimate_high_cpct",
)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened. kind: a FaultKind's word, "run" (a duty begins) or "note". until_s: None for good."""

    at_s: float
    kind: str
    words: str
    until_s: float | None = None


def mark_of(fault: Fault, at_s: float) -> Mark:
    """Of a fault that begins now."""
    where = f" at {fault.where}" if fault.where else ""
    amount = f", {fault.amount:g}" if fault.amount else ""
    length_s = end_s(fault) - fault.at_s
    until_s = at_s + length_s if math.isfinite(length_s) else None
    return Mark(at_s, fault.kind.value, f"{fault.kind.value}{where}{amount}", until_s)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the passport says of the capacity's health, in 0.01 %; NOT_STATED where it gives no interval."""

    soh_capacity_cpct: int
    low_cpct: int = NOT_STATED
    high_cpct: int = NOT_STATED


@dataclass(frozen=True, slots=True)
class Trace:
    """time_s: [rows], pack's seconds since the bench began, rising. cell_mv: [rows, cell blocks]. temperature_ddegc:
    [rows, sensors]. true_soc_cpct: [rows], of the emptiest cell block. true_soh_cpct: [rows], of
    the pack (PackSetup). estimate_*: [estimates].
    counters: of all buses and services at the end, by name."""

    test: str
    target: str
    seed: int
    time_s: Floats
    cell_mv: Integers
    pack_current_ma: Integers
    temperature_ddegc: Integers
    soc_reported_cpct: Integers
    soh_reported_cpct: Integers
    true_soc_cpct: Integers
    true_soh_cpct: Integers
    estimate_time_s: Floats
    estimate_cpct: Integers
    estimate_low_cpct: Integers
    estimate_high_cpct: Integers
    marks: tuple[Mark, ...] = ()
    counters: Mapping[str, int] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Raises BenchError where there is no writing."""
        words = {
            "format": FORMAT,
            "test": self.test,
            "target": self.target,
            "seed": self.seed,
            "marks": [[m.at_s, m.kind, m.words, m.until_s] for m in self.marks],
            "counters": dict(self.counters),
        }
        content = np.frombuffer(json.dumps(words).encode(), np.uint8)
        arrays = {name: getattr(self, name) for name in (*_SECONDS, *_INTEGERS)}
        try:
            with path.open("wb") as file:
                np.savez_compressed(file, words=content, **arrays)
        except OSError as error:
            raise BenchError(f"{path}: {error.strerror}; choose a folder that can be written") from None


def read_trace(path: Path) -> Trace:
    """Raises BenchError, which names the file, for what is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked_bytes = sum(member.file_size for member in archive.infolist())
        if unpacked_bytes > MAX_TRACE_BYTES:
            raise BenchError(f"{path} unpacks to {unpacked_bytes} bytes, more than the {MAX_TRACE_BYTES} of any trace")
        with np.load(path, allow_pickle=False) as file:
            words = json.loads(file["words"].tobytes())
            seconds = {name: _checked(file[name], name) for name in _SECONDS}
            integers = {name: _checked(file[name], name) for name in _INTEGERS}
        _check_rows(seconds, integers)
        return _trace(words, seconds, integers)
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror or error}; name the trace.npz of a run") from None
    except DAMAGED as error:
        raise BenchError(f"{path} is not a trace of `packseal bench run`: {error}") from None


def _trace(words: dict[str, object], seconds: Mapping[str, Floats], integers: Mapping[str, Integers]) -> Trace:
    match words:
        case {
            "format": 1, "test": str(test), "target": str(target), "seed": int(seed),
            "marks": list(marks), "counters": dict(counters),
        }:  # fmt: skip
            found = tuple(Mark(float(at_s), str(kind), str(said), until_s) for at_s, kind, said, until_s in marks)
        case _:
            raise ValueError(f"it has another format than {FORMAT}")
    return Trace(
        test,
        target,
        seed,
        time_s=seconds["time_s"],
        cell_mv=integers["cell_mv"],
        pack_current_ma=integers["pack_current_ma"],
        temperature_ddegc=integers["temperature_ddegc"],
        soc_reported_cpct=integers["soc_reported_cpct"],
        soh_reported_cpct=integers["soh_reported_cpct"],
        true_soc_cpct=integers["true_soc_cpct"],
        true_soh_cpct=integers["true_soh_cpct"],
        estimate_time_s=seconds["estimate_time_s"],
        estimate_cpct=integers["estimate_cpct"],
        estimate_low_cpct=integers["estimate_low_cpct"],
        estimate_high_cpct=integers["estimate_high_cpct"],
        marks=found,
        counters=counters,
    )


def _checked(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    dimensions = 2 if name in {"cell_mv", "temperature_ddegc"} else 1
    expected = np.float64 if name in _SECONDS else np.int64
    if array.ndim != dimensions or array.dtype != expected:
        raise ValueError(f"{name} has {array.ndim} dimensions of {array.dtype}")
    return array


def _check_rows(seconds: Mapping[str, Floats], integers: Mapping[str, Integers]) -> None:
    for name, array in integers.items():
        rows = len(seconds["estimate_time_s" if name.startswith("estimate") else "time_s"])
        if len(array) != rows:
            raise ValueError(f"{name} has {len(array)} rows, not {rows}")


class TraceWriter:
    """Takes rows, estimates and marks as they come. Not for two threads."""

    def __init__(self, test: str, target: str, seed: int) -> None:
        self._test, self._target, self._seed = test, target, seed
        self._rows: list[tuple[PackReading, int, int]] = []
        self._estimates: list[tuple[float, Estimate]] = []
        self._marks: list[Mark] = []

    def shown(self, reading: PackReading, true_soc_cpct: int, true_soh_cpct: int) -> None:
        self._rows.append((reading, true_soc_cpct, true_soh_cpct))

    def estimated(self, at_s: float, estimate: Estimate | None) -> None:
        """Kept where it is another than the last one."""
        if estimate is not None and (not self._estimates or self._estimates[-1][1] != estimate):
            self._estimates.append((at_s, estimate))

    def mark(self, mark: Mark) -> None:
        self._marks.append(mark)

    def trace(self, counters: Mapping[str, int]) -> Trace:
        readings = [reading for reading, _, _ in self._rows]
        estimates = [estimate for _, estimate in self._estimates]
        return Trace(
            self._test,
            self._target,
            self._seed,
            time_s=np.array([reading.pack_ms / 1000 for reading in readings], np.float64),
            cell_mv=_matrix([reading.cell_mv for reading in readings]),
            pack_current_ma=_integers([reading.pack_current_ma for reading in readings]),
            temperature_ddegc=_matrix([reading.temperature_ddegc for reading in readings]),
            soc_reported_cpct=_integers([reading.soc_reported_cpct for reading in readings]),
            soh_reported_cpct=_integers([reading.soh_reported_cpct for reading in readings]),
            true_soc_cpct=_integers([soc for _, soc, _ in self._rows]),
            true_soh_cpct=_integers([soh for _, _, soh in self._rows]),
            estimate_time_s=np.array([at_s for at_s, _ in self._estimates], np.float64),
            estimate_cpct=_integers([estimate.soh_capacity_cpct for estimate in estimates]),
            estimate_low_cpct=_integers([estimate.low_cpct for estimate in estimates]),
            estimate_high_cpct=_integers([estimate.high_cpct for estimate in estimates]),
            marks=tuple(self._marks),
            counters=dict(counters),
        )


def _integers(values: list[int]) -> Integers:
    return np.array(values, np.int64)


def _matrix(rows: list[Integers]) -> Integers:
    return np.array(rows, np.int64) if rows else np.zeros((0, 0), np.int64)
