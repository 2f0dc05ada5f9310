"""Traces: what a run recorded is what is read, and what is no trace is refused by its name."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal_hil.protocols import BenchError
from packseal_hil.readings import Fault, FaultKind
from packseal_hil.trace import NOT_STATED, Estimate, Mark, Trace, TraceWriter, mark_of, read_trace
from tests.hil.readings import CELLS, reading


def written(rows: int = 3) -> TraceWriter:
    writer = TraceWriter("test_x", "unix", 7)
    for row in range(rows):
        writer.shown(reading(pack_ms=1_000 * row, pack_current_ma=row), 9_000 - row, 9_500)
    return writer


def arrays_of(trace: Trace) -> dict[str, object]:
    values = {field.name: getattr(trace, field.name) for field in dataclasses.fields(trace)}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}


@settings(deadline=None)  # it writes a file, on a disk that others use
@given(
    st.integers(0, 5),
    st.lists(st.tuples(st.integers(0, 12_000), st.integers(NOT_STATED, 12_000)), max_size=4),
    st.lists(st.tuples(st.floats(0, 1e9), st.text(max_size=9), st.none() | st.floats(0, 1e9)), max_size=4),
    st.dictionaries(st.text(max_size=9), st.integers(0, 1 << 60), max_size=4),
)
def test_a_trace_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    rows: int,
    estimates: list[tuple[int, int]],
    marks: list[tuple[float, str, float | None]],
    counters: dict[str, int],
) -> None:
    writer = written(rows)
    for at, (value, low) in enumerate(estimates):
        writer.estimated(float(at), Estimate(value, low, NOT_STATED))
    for at_s, words, until_s in marks:
        writer.mark(Mark(at_s, "note", words, until_s))
    trace = writer.trace(counters)
    path = tmp_path_factory.mktemp("trace") / "trace.npz"
    trace.write(path)
    assert arrays_of(read_trace(path)) == arrays_of(trace)


def test_rows_are_what_was_shown() -> None:
    trace = written().trace({"bus.lost": 0})
    assert trace.time_s.tolist() == [0.0, 1.0, 2.0]
    assert trace.cell_mv.shape == (3, CELLS)
    assert trace.pack_current_ma.tolist() == [0, 1, 2]
    assert trace.true_soc_cpct.tolist() == [9_000, 8_999, 8_998]


def test_an_estimate_is_kept_when_it_is_another() -> None:
    writer = written()
    for at_s, estimate in [(1.0, None), (2.0, Estimate(9_000)), (3.0, Estimate(9_000)), (4.0, Estimate(8_900, 8, 9))]:
        writer.estimated(at_s, estimate)
    trace = writer.trace({})
    assert trace.estimate_time_s.tolist() == [2.0, 4.0]
    assert trace.estimate_low_cpct.tolist() == [NOT_STATED, 8]


def test_a_fault_leaves_a_mark_with_its_end() -> None:
    fault = Fault(5.0, FaultKind.SHORT, "3", 10.0, 60.0)
    assert mark_of(fault, 100.0) == Mark(100.0, "short", "short at 3, 10", 160.0)
    assert mark_of(Fault(5.0, FaultKind.GATEWAY_LOSS), 100.0) == Mark(100.0, "gateway-loss", "gateway-loss", None)
    assert mark_of(Fault(5.0, FaultKind.BMS_RESET), 100.0) == Mark(100.0, "bms-reset", "bms-reset", 100.0)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no trace at all"])
def test_what_is_no_trace_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "trace.npz"
    path.write_bytes(content)
    with pytest.raises(BenchError, match=r"trace\.npz"):
        read_trace(path)


def test_a_trace_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"name the trace\.npz of a run"):
        read_trace(tmp_path / "trace.npz")


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("cell_mv", np.zeros((3, CELLS), np.float64), "cell_mv has 2 dimensions of float64"),
        ("cell_mv", np.zeros(3, np.int64), "cell_mv has 1 dimensions"),
        ("pack_current_ma", np.zeros(2, np.int64), "pack_current_ma has 2 rows, not 3"),
        ("estimate_low_cpct", np.zeros(2, np.int64), "estimate_low_cpct has 2 rows, not 0"),
        ("words", np.frombuffer(b'{"format": 2}', np.uint8), "another format"),
        ("words", np.frombuffer(b"[", np.uint8), "is not a trace"),
        ("words", np.array([object()]), "is not a trace"),
    ],
)
def test_an_array_of_another_shape_is_refused(
    tmp_path: Path, name: str, array: np.ndarray[tuple[int, ...], np.dtype[np.float64]], words: str
) -> None:
    """An array of objects too: nothing in a file is unpickled."""
    path = tmp_path / "trace.npz"
    written().trace({}).write(path)
    with np.load(path) as file:
        arrays = {known: file[known] for known in file.files}
    np.savez(path, **{**arrays, name: array})
    with pytest.raises(BenchError, match=words):
        read_trace(path)


def test_what_unpacks_to_more_than_a_trace_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trace.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("words.npy", bytes(1 << 20))
    monkeypatch.setattr("packseal_hil.trace.MAX_TRACE_BYTES", 1 << 19)
    with pytest.raises(BenchError, match="unpacks to 1048576 bytes"):
        read_trace(path)


def test_a_cut_trace_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.npz"
    written().trace({}).write(path)
    content = io.BytesIO(path.read_bytes()).getvalue()
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        with pytest.raises(BenchError):
            read_trace(path)
