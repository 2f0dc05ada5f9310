"""Other decoders, each as its own documentation uses it: a DBC and frames -> a function that decodes them all.

A peer that is not installed, or that refuses the DBC, is a reason in words and not a figure.
"""

# Each is imported where it is used, because any of them may be missing.
# ruff: noqa: PLC0415

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from packseal.frames import Frames

Decode = Callable[[], object]


@dataclass(frozen=True)
class Work:
    """text: the DBC, in a form that a strict parser takes."""

    text: str
    frames: Frames

    def each(self) -> list[tuple[int, bool, bytes]]:
        """(identifier, is it extended, data), as a program has them that takes frames one by one."""
        columns = (self.frames.can_id.tolist(), self.frames.is_extended.tolist(), self.frames.length.tolist())
        rows = [bytes(row) for row in self.frames.data]
        return [(i, e, row[:n]) for i, e, n, row in zip(*columns, rows, strict=True)]


def cantools(work: Work) -> Decode:
    """Frame by frame, by the call in its README; without choices, so that numbers come."""
    import cantools.database

    database = cantools.database.load_string(work.text, "dbc", strict=False)
    pairs = [(i, data) for i, _, data in work.each()]

    def decode() -> None:
        for can_id, data in pairs:
            with contextlib.suppress(cantools.database.DecodeError):  # of a signal that ends behind its message
                database.decode_message(can_id, data, decode_choices=False)

    return decode


def asammdf(work: Work) -> Decode:
    """Its extraction of bus logging, from a measurement in memory."""
    from asammdf import MDF, Signal
    from asammdf.blocks import v4_constants as v4
    from asammdf.blocks.source_utils import Source

    width = work.frames.data.shape[1]
    fields = {
        "BusChannel": "u1",
        "ID": "<u4",
        "IDE": "u1",
        "DLC": "u1",
        "DataLength": "u1",
        "DataBytes": f"({width},)u1",
    }
    rows = np.zeros(len(work.frames), [(f"CAN_DataFrame.{name}", kind) for name, kind in fields.items()])
    rows["CAN_DataFrame.BusChannel"] = 1
    rows["CAN_DataFrame.ID"], rows["CAN_DataFrame.IDE"] = work.frames.can_id, work.frames.is_extended
    rows["CAN_DataFrame.DLC"] = rows["CAN_DataFrame.DataLength"] = work.frames.length
    rows["CAN_DataFrame.DataBytes"] = work.frames.data
    source = Source("CAN", "CAN", "", v4.SOURCE_BUS, v4.BUS_TYPE_CAN)
    times = work.frames.time_ns / 1e9
    signal = Signal(samples=rows, timestamps=times, name="CAN_DataFrame", source=source)
    measurement = MDF(version="4.10")
    measurement.append([signal], acq_source=source, common_timebase=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "work.dbc"
        path.write_text(work.text)
        extracted = measurement.extract_bus_logging({"CAN": [(path, 0)]}, ignore_value2text_conversion=True)
        if len(extracted.groups) == 0:
            raise ValueError("it extracts nothing")
        files = {"CAN": [(_matrix(path), 0)]}
    return lambda: measurement.extract_bus_logging(files, ignore_value2text_conversion=True)


def _matrix(path: Path) -> object:
    """Parsed once: the time to read the DBC is not measured."""
    from asammdf.blocks.utils import load_can_database

    return load_can_database(path)


def canmatrix(work: Work) -> Decode:
    """Frame by frame."""
    import canmatrix.formats
    from canmatrix import ArbitrationId

    matrix = canmatrix.formats.loads_flat(work.text.encode(), "dbc", dbcImportEncoding="utf-8")
    frames = [(ArbitrationId(i, extended=e), data) for i, e, data in work.each()]
    found = [(matrix.frame_by_id(frame_id), data) for frame_id, data in frames]

    def decode() -> None:
        for message, data in found:
            with contextlib.suppress(Exception):  # an unknown multiplexer is a KeyError, and others come too
                message.decode(data)

    return decode


def opendbc(work: Work) -> Decode:
    """All frames by one call. It has no multiplexing: every signal of a message is read from every frame."""
    from opendbc.can.parser import CANParser

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "work.dbc"
        path.write_text(work.text)
        ids = sorted(set(work.frames.can_id.tolist()))
        parser = CANParser(str(path), [(can_id, 0) for can_id in ids], 0)
    packets = [(t, [(i, data, 0)]) for t, (i, _, data) in enumerate(work.each())]
    return lambda: parser.update(packets)


def can_decoder(work: Work) -> Decode:
    """Its decoder of data frames, the faster of its two."""
    import can_decoder
    import pandas as pd

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "work.dbc"
        path.write_text(work.text)
        rules = can_decoder.load_dbc(str(path))
    columns = {
        "ID": work.frames.can_id.astype(np.int64),
        "IDE": work.frames.is_extended,
        "TimeStamp": pd.to_datetime(work.frames.time_ns),
        "DataBytes": [list(data) for _, _, data in work.each()],
    }
    table = pd.DataFrame(columns)
    decoder = can_decoder.DataFrameDecoder(rules)
    return lambda: decoder.decode_frame(table)


PEERS = (cantools, asammdf, canmatrix, opendbc, can_decoder)


def version(name: str) -> str | None:
    """None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def prepared(peer: Callable[[Work], Decode], work: Work) -> Decode | str:
    """The function, tried once; or why there is none."""
    if version(peer.__name__) is None:
        return f"not installed: pip install {peer.__name__}"
    try:
        with quiet():
            decode = peer(work)
            decode()
    except Exception as error:
        return f"fails: {type(error).__name__}: {' '.join(str(error).split())[:80]}"
    return decode


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the messages that peers print."""
    logging.disable(logging.CRITICAL)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)
