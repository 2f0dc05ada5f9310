"""Recordings: what is written is what is read, half of one is none, and what is wrong with one is named by its line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal_hil.pack_setup import PackSetup
from packseal_hil.protocols import BenchError
from packseal_hil.readings import Fault, FaultKind, PackReading, Truth
from packseal_hil.recording import (
    FORMAT,
    MAX_LINE_BYTES,
    Recorder,
    base64_of,
    fault_line,
    fault_of,
    frames_of,
    frames_rows,
    read_recording,
    reading_line,
    reading_of,
    setup_line,
    truth_line,
    truth_of,
)
from tests.hil.readings import reading

INTEGERS = st.integers(-(1 << 40), 1 << 40)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.lists(INTEGERS, max_size=8).map(lambda values: np.array(values, np.int64))
READINGS = st.builds(
    PackReading, INTEGERS, ROWS, INTEGERS, ROWS, INTEGERS, INTEGERS, st.booleans(), st.frozensets(st.integers(0, 96))
)
FLOAT_ROWS = st.lists(FLOATS, max_size=8).map(lambda values: np.array(values, np.float64))
TRUTHS = st.builds(Truth, INTEGERS, FLOAT_ROWS, FLOAT_ROWS, FLOAT_ROWS, FLOAT_ROWS, FLOATS, FLOATS, FLOATS, FLOATS)
FAULTS = st.builds(Fault, FLOATS, st.sampled_from(FaultKind), st.text(max_size=20), FLOATS, FLOATS)


def same(one: object, other: object) -> bool:
    """Of dataclasses that hold arrays."""
    pairs = zip(_values(one), _values(other), strict=True)
    return type(one) is type(other) and all(np.array_equal(left, right) for left, right in pairs)


def _values(value: object) -> list[Any]:
    assert dataclasses.is_dataclass(value)
    return [getattr(value, field.name) for field in dataclasses.fields(value)]


@given(READINGS)
def test_a_reading_comes_back(shown: PackReading) -> None:
    assert same(reading_of(json.loads(json.dumps(reading_line(shown)))), shown)


@given(TRUTHS)
def test_a_truth_comes_back(truth: Truth) -> None:
    assert same(truth_of(json.loads(json.dumps(truth_line(truth)))), truth)


@given(FAULTS, st.booleans())
def test_a_fault_comes_back(fault: Fault, is_begin: bool) -> None:
    line = json.loads(json.dumps(fault_line(fault, is_begin=is_begin)))
    assert fault_of(line) == fault
    assert line["is_begin"] is is_begin


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1 << 60),
            st.integers(0, (1 << 29) - 1),
            st.booleans(),
            st.integers(0, 255),
            st.binary(max_size=8) | st.binary(min_size=12, max_size=64),
        ),
        max_size=5,
    )
)
def test_frames_of_a_bus_come_back(rows: list[tuple[int, int, bool, int, bytes]]) -> None:
    listed = [[*row[:4], row[4].hex()] for row in rows]
    frames = frames_of(json.loads(json.dumps(listed)))
    assert [bytes(data[:length]) for data, length in zip(frames.data, frames.length, strict=True)] == [
        row[4] for row in rows
    ]
    assert frames_rows(frames) == listed


@pytest.mark.parametrize(
    "rows", [None, [[0, 1, False, 0, "0g"]], [[0, 1, False, 0, "00" * 65]], [[0, -1, False, 0, ""]]]
)
def test_what_are_no_frames_is_refused(rows: object) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError)):
        frames_of(rows)


def head(recorder: Recorder, **changes: object) -> None:
    known = {"format": FORMAT, "test": "t", "target": "unix", "clock_rate": 600, "firmware_hash": base64_of(b"hash")}
    recorder.line("head", **{**known, "setup": setup_line(PackSetup(series_blocks=8, cell_type="lfp")), **changes})
    recorder.line("enrolled", genesis=base64_of(b"g"), nonce=base64_of(b"n"), possession=base64_of(b"p"))


def whole(path: Path) -> Path:
    recorder = Recorder(path)
    head(recorder)
    recorder.line("board", content=base64_of(b"\x00bytes\xff"))
    recorder.line("shown", reading=reading_line(reading()), true_cpct=[1, 2])
    recorder.line("end", starts=1, board_words="", bench_words="", bus_words={}, bus_counters={})
    recorder.keep()
    return path


def test_a_recording_comes_back(tmp_path: Path) -> None:
    recording = read_recording(whole(tmp_path / "deep" / "t.jsonl"))
    assert (recording.target, recording.clock_rate, recording.firmware_hash) == ("unix", 600, b"hash")
    assert recording.setup == PackSetup(series_blocks=8, cell_type="lfp")
    assert [line.kind for line in recording.lines] == ["board", "shown", "end"]
    assert recording.lines[0].content("content") == b"\x00bytes\xff"
    assert same(reading_of(recording.lines[1].table("reading")), reading())


def test_half_a_recording_is_none(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    recorder = Recorder(path)
    head(recorder)
    recorder.drop()
    assert not path.exists()
    assert path.with_name("t.jsonl.part").exists()


def test_nothing_is_written_behind_the_end(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    recorder = Recorder(path)
    head(recorder)
    recorder.line("end", starts=1)
    recorder.drop()
    recorder.line("board", content="")
    recorder.keep()
    assert read_recording(path).lines[-1].kind == "end"


@pytest.mark.parametrize(
    ("number", "text", "words"),
    [
        (2, "{", "line 2"),
        (3, "[]", "line 3: expected an object"),
        (3, '{"at_ms":"0","kind":"board"}', "line 3: expected an object"),
        (4, " " * (MAX_LINE_BYTES + 1), "line 4: longer than"),
        (4, "[" * 100_000, "line 4"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, number: int, text: str, words: str) -> None:
    path = whole(tmp_path / "t.jsonl")
    lines = path.read_text().splitlines()
    lines[number - 1] = text
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(BenchError, match=words) as refused:
        read_recording(path)
    assert str(path) in str(refused.value)
    assert "--record" in str(refused.value)


@pytest.mark.parametrize("kept", range(5))
def test_a_recording_that_was_cut_short_is_refused(tmp_path: Path, kept: int) -> None:
    path = whole(tmp_path / "t.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:kept]))
    with pytest.raises(BenchError, match="no recording that this version replays"):
        read_recording(path)


@pytest.mark.parametrize("changes", [{"format": 2}, {"setup": []}, {"setup": {"cell_type": 3}}, {"clock_rate": None}])
def test_a_head_of_another_version_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    path = tmp_path / "t.jsonl"
    recorder = Recorder(path)
    head(recorder, **changes)
    recorder.line("end", starts=1)
    recorder.keep()
    with pytest.raises(BenchError, match="record it again"):
        read_recording(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="record into a folder"):
        Recorder(tmp_path / "file" / "t.jsonl")
