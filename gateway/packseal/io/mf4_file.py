"""MF4 logs (ASAM MDF 4, bus logging): read by asammdf, which the extra `mf4` installs.

Decides which channel groups are CAN frames, as "ASAM MDF, Associate Standard: Bus Logging" names their channels. The
format is left to asammdf; what it gives is checked as the frames of any other log are, and every record of the file is
in the account.
"""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any

import numpy as np

from packseal.errors import FramesError
from packseal.frames import Clock, Frames, LossReport, Verdict
from packseal.frames.account import Account
from packseal.frames.dialects import MAX_LOG_BYTES
from packseal.frames.frames import CLASSIC_BYTES, FD_BYTES
from packseal.frames.lines import I64
from packseal.frames.parsed import ParsedLines
from packseal.io.mf4_blocks import check_blocks

NAME = "MF4"
SIGNATURES = (b"MDF     ", b"UnFinMF ")  # the second where the recorder had no time to finish
EXTENDED = 0x8000_0000
_LOCAL_TIME = 1  # header block, hd_time_flags bit 0
_VERDICTS = {"CAN_ErrorFrame": Verdict.ERROR_FRAME, "CAN_RemoteFrame": Verdict.REMOTE_FRAME}
_FRAME = "CAN_DataFrame"


def is_mf4(content: bytes) -> bool:
    return content.startswith(SIGNATURES)


def read_mf4(content: bytes) -> tuple[Frames, LossReport]:
    """All CAN frames, by time, and what became of each record.

    Raises FramesError without asammdf, and where asammdf cannot or should not read the file, LogTooLargeError above
    MAX_LOG_BYTES unpacked.
    """
    try:
        asammdf: Any = import_module("asammdf")
    except ImportError:
        raise FramesError('the log is an MF4 file; reading one needs `pip install "packseal[mf4]"`') from None
    check_blocks(content, MAX_LOG_BYTES)
    try:
        with asammdf.MDF(io.BytesIO(content)) as mdf:
            return _read(mdf)
    except FramesError:
        raise
    except Exception as error:  # asammdf has no error of its own for damage: struct.error, KeyError, zlib.error, ...
        raise FramesError(f"the MF4 file cannot be read ({type(error).__name__}: {error}); copy it again") from error


def _read(mdf: Any) -> tuple[Frames, LossReport]:
    if not str(mdf.version).startswith("4"):
        raise FramesError(f"the file is MDF {mdf.version}; convert it to version 4")
    is_local = bool(mdf.header.time_flags & _LOCAL_TIME)
    account = Account(NAME, Clock.LOCAL if is_local else Clock.EPOCH, "object")
    start_ns = int(mdf.header.abs_time)
    parts = [Frames.empty()]
    for index, group in enumerate(mdf.groups):
        count = int(group.channel_group.cycles_nr)
        names = {channel.name for channel in group.channels}
        if count and _FRAME in names:
            parts.append(account.frames_of(_frames(mdf, index, names, start_ns)))
        elif count:
            verdict = next((verdict for name, verdict in _VERDICTS.items() if name in names), Verdict.EVENT)
            account.frames_of(_no_frames(count, verdict))
    frames = Frames.concatenate(parts)
    return frames.select(np.argsort(frames.time_ns, kind="stable")), account.report()


def _frames(mdf: Any, group: int, names: set[str], start_ns: int) -> ParsedLines:
    def column(name: str) -> I64:
        samples: I64 = mdf.get(f"{_FRAME}.{name}", group=group, raw=True).samples.astype(np.int64)
        return samples

    can_id, length = column("ID"), column("DataLength")
    parsed = _no_frames(len(can_id), Verdict.FRAME)
    good = np.ones(len(can_id), np.bool_)
    seconds = mdf.get_master(group)
    parsed.set_time(start_ns + np.round(seconds * 1e9).astype(np.int64), (seconds >= 0) & (seconds < 1e9))
    if f"{_FRAME}.BusChannel" in names:
        parsed.name = column("BusChannel").astype("S16")
    is_extended = column("IDE") != 0 if f"{_FRAME}.IDE" in names else can_id & EXTENDED != 0
    parsed.set_id(can_id & ~EXTENDED, good, is_extended)
    is_fd = column("EDL") != 0 if f"{_FRAME}.EDL" in names else length > CLASSIC_BYTES
    parsed.set_length(length, good, is_fd)
    _set_data(parsed, np.asarray(mdf.get(f"{_FRAME}.DataBytes", group=group, raw=True).samples))
    return parsed


def _set_data(parsed: ParsedLines, samples: Any) -> None:
    if samples.ndim != 2 or samples.dtype != np.uint8:
        raise FramesError(f"the MF4 file has data bytes as {samples.dtype}, not as bytes; convert it with asammdf")
    parsed.refuse(parsed.length > samples.shape[1], Verdict.LENGTH_MISMATCH)
    width = CLASSIC_BYTES if samples.shape[1] <= CLASSIC_BYTES else FD_BYTES
    data = np.zeros((len(samples), width), np.uint8)
    data[:, : min(samples.shape[1], width)] = samples[:, :width]
    parsed.data = np.where(np.arange(width) < parsed.length[:, None], data, 0).astype(np.uint8)


def _no_frames(count: int, verdict: Verdict) -> ParsedLines:
    zeros = np.zeros(count, np.int64)
    data = np.zeros((count, CLASSIC_BYTES), np.uint8)
    verdicts = np.full(count, verdict, np.uint8)
    return ParsedLines(verdicts, zeros, zeros, np.zeros(count, np.bool_), zeros, data, np.zeros(count, "S16"))
