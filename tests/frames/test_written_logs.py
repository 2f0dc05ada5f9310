"""Frames written in a dialect read back as they were, whatever they are."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.frames import Clock, read_log
from packseal.frames.dialects import DIALECT_NAMES

from .accounts import check_account, rows
from .log_writers import FD_LENGTHS, WRITERS, Sent, by_python_can

DAY_US = 86_400 * 10**6


@st.composite
def frames(draw: st.DrawFn, max_us: int = DAY_US - 1, min_us: int = 0) -> list[Sent]:
    times = sorted(draw(st.lists(st.integers(min_us, max_us), min_size=1, max_size=40)))
    one = st.booleans().flatmap(
        lambda is_extended: st.tuples(st.integers(0, 0x1FFF_FFFF if is_extended else 0x7FF), st.just(is_extended))
    )
    data = st.sampled_from(FD_LENGTHS).flatmap(lambda length: st.binary(min_size=length, max_size=length))
    return [Sent(*draw(one), time_us, draw(st.integers(0, 3)), draw(data)) for time_us in times]


@pytest.mark.parametrize("name", WRITERS)
@given(st.data())
@settings(deadline=None, max_examples=12)
def test_what_was_written_is_read(name: str, data: st.DataObject) -> None:
    writer = WRITERS[name]
    max_us = 29_999_999 if name == "slcan with times" else DAY_US - 1
    sent = writer.fitting(data.draw(frames(max_us)))
    if not sent:
        return
    content = writer.write(sent)
    found, report = read_log(content)
    check_account(content, found, report, b"\r" if content.count(b"\r") > content.count(b"\n") * 2 else b"\n")
    assert report.dialect == writer.dialect
    assert not report.refused
    assert report.has_times == writer.has_times
    expected = [frame.row for frame in sent]
    if not writer.has_times:
        expected = [(*row[:2], order, row[3]) for order, row in enumerate(expected)]
    assert rows(found) == expected


@pytest.mark.parametrize("suffix", ["log", "asc", "blf", "trc"])
@given(st.data())
@settings(deadline=None, max_examples=6)
def test_what_python_can_wrote_is_read(
    suffix: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    sent = data.draw(frames(1_700_000_000 * 10**6 + DAY_US, 1_700_000_000 * 10**6))
    if suffix == "trc":  # python-can writes CAN FD frames as classic ones there
        sent = [frame for frame in sent if len(frame.data) <= 8]
    if not sent:
        return
    content = by_python_can(suffix, _folder(tmp_path_factory), sent)
    found, report = read_log(content)
    assert not report.refused
    assert [(can_id, ext, data) for can_id, ext, _, data in rows(found)] == [
        frame.row[:2] + frame.row[3:] for frame in sent
    ]
    offset_ns = int(found.time_ns[0]) - sent[0].row[2]  # ASC and TRC start with the first frame, in local time
    apart = [abs(row[2] - frame.row[2] - offset_ns) for row, frame in zip(rows(found), sent, strict=True)]
    assert max(apart) <= 2000, "python-can rounds to microseconds"
    assert [report.channels[channel] for channel in found.channel] == [_channel(suffix, frame) for frame in sent]


def _channel(suffix: str, frame: Sent) -> str:
    return f"can{frame.channel}" if suffix == "log" else f"{frame.channel + 1}"


def _folder(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("log")


def test_every_dialect_has_a_writer() -> None:
    assert {writer.dialect for writer in WRITERS.values()} == set(DIALECT_NAMES)


SOME = [Sent(0x1DB, False, 1000 * index, 0, bytes([index] * 8)) for index in range(200)]


@pytest.mark.parametrize("name", WRITERS)
def test_gzip_and_how_characters_are_stored_change_nothing(name: str) -> None:
    content = WRITERS[name].write(SOME)
    expected = read_log(content)
    half = len(content) // 2
    packed = gzip.compress(content[:half]) + gzip.compress(content[half:])
    assert (rows(read_log(packed)[0]), read_log(packed)[1]) == (rows(expected[0]), expected[1])
    if expected[1].unit == "line":
        assert rows(read_log(b"\xef\xbb\xbf" + content)[0]) == rows(expected[0])
        for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
            found = read_log(content.decode("ascii").encode(encoding))
            assert (rows(found[0]), found[1]) == (rows(expected[0]), expected[1])


@pytest.mark.parametrize("name", ["candump -l", "candump", "slcan"])
def test_putty_headers_are_accounted_for(name: str) -> None:
    header = b"=~=~=~=~=~=~=~=~=~=~=~= PuTTY log 2023.05.01 10:11:12 =~=~=~=~=~=~=~=~=~=~=~=\r\n"
    content = header + WRITERS[name].write(SOME) + header + WRITERS[name].write(SOME)
    found, report = read_log(content)
    assert len(found) == 2 * len(SOME)
    assert not report.refused


def test_times_of_the_day_go_on_after_midnight() -> None:
    frames_of_two_days = [
        Sent(1, False, (86_000 * 10**6 + index * 100 * 10**6) % DAY_US, 0, b"") for index in range(2000)
    ]
    found, report = read_log(WRITERS["busmaster"].write(frames_of_two_days))
    assert report.clock is Clock.LOCAL
    assert (found.time_ns[1:] - found.time_ns[:-1] == 100 * 10**9).all()


def test_stamps_of_a_minute_go_on_after_it() -> None:
    long = [Sent(1, False, index * 7_000_000, 0, b"") for index in range(30_000)]
    found, _ = read_log(WRITERS["slcan with times"].write(long))
    assert [row[2] for row in rows(found)] == [frame.row[2] for frame in long]


def test_relative_times_add_up_through_the_blocks() -> None:
    content = b"base hex  timestamps relative\n" + b"   0.001000 1  64  Rx   d 1 00\n" * 20_000
    found, _ = read_log(content)
    assert found.time_ns.tolist() == [10**6 * (index + 1) for index in range(20_000)]
