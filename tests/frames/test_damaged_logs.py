"""Damaged logs: whatever happened to the bytes, there is an account of every line or one of our errors."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.errors import FramesError
from packseal.frames import read_log
from packseal.frames.lines import line_end

from .accounts import check_account, rows
from .log_writers import WRITERS, Sent

TEXT = [name for name in WRITERS if not name.startswith("blf")]
SENT = [Sent(0x1DB + index, index % 5 == 0, 1000 * index, 0, bytes(range(index % 9))) for index in range(60)]
CONTENT = {name: writer.write(writer.fitting(SENT)) for name, writer in WRITERS.items()}


def check(content: bytes) -> list[tuple[int, bool, int, str]]:
    """The frames of whatever was read; none where one of our errors says why."""
    with suppress(FramesError):
        frames, report = read_log(content)
        check_account(content, frames, report, line_end(content))
        return rows(frames)
    return []


@pytest.mark.parametrize("name", TEXT)
def test_a_cut_log_has_no_frame_that_the_whole_log_does_not_have(name: str) -> None:
    content = CONTENT[name]
    whole = rows(read_log(content)[0])
    for size in range(len(content) - 1, len(content) - 75, -1):
        found = check(content[:size])
        assert found == whole[: len(found)]
        assert len(found) >= content[:size].count(line_end(content)) - 8


@pytest.mark.parametrize("name", TEXT)
@given(st.data())
@settings(deadline=None, max_examples=15)
def test_flipped_bytes(name: str, data: st.DataObject) -> None:
    content = bytearray(CONTENT[name])
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(content))


@pytest.mark.parametrize("name", TEXT)
@given(st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=40)), max_size=4))
@settings(deadline=None, max_examples=8)
def test_bytes_put_in_between(name: str, pieces: list[tuple[float, bytes]]) -> None:
    content = CONTENT[name]
    for where, piece in pieces:
        at = int(where * len(content))
        content = content[:at] + piece + content[at:]
    check(content)


@given(st.binary(max_size=300), st.sampled_from(sorted(WRITERS)))
@settings(deadline=None, max_examples=80)
def test_garbage_behind_the_first_lines(garbage: bytes, name: str) -> None:
    check(CONTENT[name][:200] + garbage)


@pytest.mark.parametrize("filler", [b"\n", b"\r", b" \n", b"\t", b",", b"[", b"#", b"(1.0) ", b"\0", b" " * 30 + b"\n"])
def test_long_stretches_of_one_thing(filler: bytes) -> None:
    check(CONTENT["candump -l"] + filler * 100_000)
    check(CONTENT["asc"] + filler * 100_000)
