"""CAN logs in every dialect, with their account of every line, and the transport and diagnostics found in them."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from packseal.frames import Frames, read_log
from packseal.frames.isotp import Reassembler
from packseal.frames.lines import line_end
from packseal.frames.text import slcan
from packseal.io.can_slcan import _parsed as parsed_slcan
from packseal.io.mf4_file import is_mf4, read_mf4
from packseal.signals.diagnostics import load_signalset
from packseal.signals.diagnostics.listening import DiagnosticListener
from packseal.signals.diagnostics.polling import Poller
from packseal.signals.diagnostics.services import negative
from packseal.signals.diagnostics.transmit import TransmitGate
from tests.attacks.seeds import kept
from tests.attacks.targets.signals import SIGNALSET
from tests.attacks.targets.target import Target
from tests.frames.accounts import check_account
from tests.frames.log_writers import WRITERS, Sent, by_python_can

FRAME_BYTES = 9  # of a stream of frames: its length, then as many of eight as it says
SENT = [Sent(0x1DB + index, index % 5 == 0, 1000 * index, 0, bytes(range(index % 9))) for index in range(12)]
ANSWERS = (
    b"\x10\x14\x62\x22\x01\x01\x02\x03",
    b"\x21\x04\x05\x06\x07\x08\x09\x0a",
    b"\x22\x0b\x0c\x0d\x0e\x0f\x10\x11",
    b"\x03\x7f\x22\x78",
    b"\x05\x62\x22\x01\x01\x55",
)


def targets() -> Mapping[str, Target]:
    return {**_dialects(), **_others(), **_transport()}


def _dialects() -> dict[str, Target]:
    found = {f"log: {name}": writer.write(writer.fitting(SENT)) for name, writer in WRITERS.items()}
    return {name: Target(_accounted, (content,), rounds=30) for name, content in found.items()}


def _accounted(content: bytes) -> object:
    """One of our errors, or an account of every line."""
    frames, report = read_log(content)
    is_text = not content.startswith((b"LOGG", b"\x1f\x8b"))
    if is_text:
        check_account(content, frames, report, line_end(content))
    return frames


def _others() -> dict[str, Target]:
    with tempfile.TemporaryDirectory() as folder:
        blf = by_python_can("blf", Path(folder), SENT)
    candump = WRITERS["candump -l"].write(SENT)
    return {
        "log: BLF of python-can": Target(_accounted, (blf,), rounds=30),
        "log: gzipped": Target(read_log, (gzip.compress(candump, mtime=0),), rounds=30),
        "log: UTF-16": Target(read_log, (candump.decode().encode("utf-16"),), rounds=30),
        "log: MF4": Target(
            lambda content: read_mf4(content) if is_mf4(content) else None, kept("logs")["log: MF4"], rounds=12
        ),
    }


def frames_of(stream: bytes) -> Frames:
    """Frames of an ECU out of any bytes: an input is a list of records of nine."""
    records = [stream[at : at + FRAME_BYTES] for at in range(0, len(stream), FRAME_BYTES)]
    data = np.zeros((len(records), 8), np.uint8)
    for row, record in enumerate(records):
        data[row, : len(record) - 1] = np.frombuffer(record[1:], np.uint8)
    lengths = np.array([min(record[0] & 15, 8) for record in records], np.uint8)
    return Frames(
        time_ns=np.arange(len(records), dtype=np.int64) * 1_000_000,
        channel=np.zeros(len(records), np.uint8),
        can_id=np.full(len(records), 0x7EC, np.uint32),
        is_extended=np.zeros(len(records), np.bool_),
        length=lengths,
        data=data,
    )


def stream_of(payloads: tuple[bytes, ...]) -> bytes:
    return b"".join(bytes([len(data)]) + data.ljust(8, b"\xcc") for data in payloads)


def _transport() -> dict[str, Target]:
    definitions = load_signalset(SIGNALSET)[0]
    streams = (stream_of(ANSWERS), stream_of(ANSWERS[:1] + ANSWERS[2:]), stream_of(ANSWERS[3:]))

    def listened(content: bytes) -> object:
        return DiagnosticListener(definitions).take(frames_of(content))

    def polled(content: bytes) -> object:
        poller = Poller(definitions, TransmitGate(["7E4:220101"]))
        poller.step(0, frames_of(b""))
        return [poller.step(number, frames_of(content)) for number in (1, 2_000_000_000)]

    return {
        "ISO-TP of every address": Target(lambda content: Reassembler().take(frames_of(content)), streams),
        "diagnostic answers": Target(listened, streams),
        "answers to a poller": Target(polled, streams),
        "negative response": Target(negative, (b"\x7f\x22\x78", b"\x7f\x10\x11")),
        "what an slcan adapter says": Target(_said_by_adapter, (b"".join(b"t1DB2%02X00\r" % n for n in range(9)),)),
    }


def _said_by_adapter(content: bytes) -> object:
    """As the receiver takes what it has read in one piece, up to the last whole line."""
    whole = content[: content.rfind(b"\r") + 1]
    return parsed_slcan(whole, slcan.unstamped().parse, np.array([len(whole)]), np.array([5], np.int64))
