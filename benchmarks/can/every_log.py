"""Reads every CAN log of a folder: its dialect and clock, what became of each line, or why it is not read.

    python benchmarks/can/every_log.py [FOLDER]

Beside it what python-can makes of the same file: the same frames, by identifier, data and time; others; or its error.
Whatever else than one of our errors a file leads to ends it.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import can
import numpy as np

from packseal.errors import FramesError
from packseal.frames import Frames, LossReport, read_log
from packseal.io.mf4_file import is_mf4, read_mf4

SHARED = Path(__file__).resolve().parents[3] / "shared/data/can"
SUFFIXES = {".asc", ".blf", ".csv", ".gz", ".log", ".mf4", ".pcap", ".trc", ".txt"}
APART_S = (
    2e-6  # python-can keeps seconds since 1970 as floats, to a quarter of a microsecond, and some logs in local time
)
Row = tuple[int, bool, bytes]


def logs_of(folder: Path) -> list[Path]:
    found = (
        path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and not path.name.startswith("LICENSE")
    )
    return sorted(found)


def read(path: Path) -> tuple[Frames, LossReport]:
    content = path.read_bytes()
    return read_mf4(content) if is_mf4(content) else read_log(content)


def rows_of(frames: Frames) -> list[Row]:
    columns = (frames.can_id.tolist(), frames.is_extended.tolist(), frames.length.tolist())
    return [
        (can_id, is_extended, bytes(data[:length]))
        for can_id, is_extended, length, data in zip(*columns, frames.data, strict=True)
    ]


def python_can(path: Path) -> list[can.Message] | str:
    """Its data frames in order, or what it says."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), can.LogReader(path) as reader:
            return [message for message in reader if not message.is_error_frame and not message.is_remote_frame]
    except Exception as error:  # whatever it ends in
        return f"{type(error).__name__}: {error}"


def compared(ours: Frames, theirs: list[can.Message] | str) -> str:
    if isinstance(theirs, str):
        return f"python-can: {theirs.splitlines()[0][:90]}"
    rows = [(message.arbitration_id, message.is_extended_id, bytes(message.data)) for message in theirs]
    if rows_of(ours) != rows:
        return f"python-can: {len(theirs)} frames" + (", others" if len(theirs) == len(ours) else "")
    apart_s = ours.time_ns / 1e9 - [message.timestamp for message in theirs]
    if len(ours) and np.ptp(apart_s) > APART_S:
        return f"python-can: the same frames, their times up to {np.ptp(apart_s):.6f} s apart"
    return "python-can: the same frames"


def lines_of(path: Path) -> Iterator[str]:
    """Raises FramesError with the cure, where there is one."""
    frames, report = read(path)
    yield f"  {report.dialect}, {report.lines} {report.unit}s, {report.frames} frames; times: {report.clock.value}"
    others = {verdict: count for verdict, count in report.counts.items() if verdict and not verdict.is_refusal}
    if others:
        yield "  beside them " + ", ".join(f"{count} {verdict.name}" for verdict, count in others.items())
    yield from (f"  refused {count}: {verdict.meaning}" for verdict, count in report.refused.items())
    yield from (f"    {report.unit} {number}: {verdict.name}" for number, verdict in report.first_refused[:5])
    yield "  " + compared(frames, python_can(path))


def main() -> None:
    logging.disable()
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED
    logs, explained = logs_of(folder), 0
    for path in logs:
        print(path.relative_to(folder))
        try:
            print("\n".join(lines_of(path)))
        except FramesError as error:
            print(f"  not read: {error}\n  {compared(Frames.empty(), python_can(path))}")
            explained += 1
    print(f"{len(logs)} logs: {len(logs) - explained} read, {explained} not, each with its reason")


if __name__ == "__main__":
    main()
