"""Logs of simulated boards, signed before any clock starts and kept in files, as the frames that the link carries.

A log is units: the entries of one checkpoint and the checkpoint. A file is 8 bytes of lengths and the frames of each
unit, so that a simulator sends a unit as it lies there, and spends nothing on signing while others are measured.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.passport.deliveries import Pack

from packseal.io.link import Kind, encode_frame
from packseal.records.log import Delivery

_HEAD = struct.Struct("<II")  # size of the log behind the unit, bytes of its frames


@dataclass(frozen=True)
class LogFile:
    """ends: sizes of the log behind each unit; places: where the frames of each begin and end."""

    frames: mmap.mmap
    ends: list[int]
    places: list[tuple[int, int]]


def write_logs(folder: Path, boards: int, units: int, records: int) -> list[Path]:
    """Of each board a unit of two records that opens its log, and so many of so many windows; those that lie in the
    folder already stay."""
    jobs = [(number, _path(folder, number, units, records), units, records) for number in range(boards)]
    missing = [job for job in jobs if not job[1].is_file()]
    with ProcessPoolExecutor() as pool:
        for _ in pool.map(_write, missing, chunksize=max(1, len(missing) // 64)):
            pass
    return [path for _, path, _, _ in jobs]


def _path(folder: Path, number: int, units: int, records: int) -> Path:
    return folder / f"board-{number}-{units}-{records}.frames"


def _write(job: tuple[int, Path, int, int]) -> None:
    number, path, units, records = job
    pack = Pack(number)
    half = path.with_suffix(".half")
    with half.open("wb") as file:
        for content in _deliveries(pack, units, records):
            delivery = Delivery.from_bytes(content)
            frames = [encode_frame(Kind.ENTRY, entry) for entry in delivery.entries]
            unit = b"".join([*frames, encode_frame(Kind.CHECKPOINT, delivery.checkpoint)])
            file.write(_HEAD.pack(delivery.first_seq + len(delivery.entries), len(unit)) + unit)
    half.rename(path)


def _deliveries(pack: Pack, units: int, records: int) -> Iterator[bytes]:
    yield pack.opened()
    for _ in range(units):
        yield pack.windows(records)


def opened(path: Path) -> LogFile:
    with path.open("rb") as file:
        frames = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    ends, places, at = [], [], 0
    while at < len(frames):
        end, length = _HEAD.unpack_from(frames, at)
        ends.append(end)
        places.append((at + _HEAD.size, at + _HEAD.size + length))
        at += _HEAD.size + length
    return LogFile(frames, ends, places)
