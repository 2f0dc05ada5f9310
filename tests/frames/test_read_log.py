"""Log bytes -> frames and an account in which every line has exactly one verdict."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.errors import LogTooLargeError, UnknownDialectError
from packseal.frames import LossReport, Verdict, dialects, read_log
from packseal.frames.lines import BLOCK_BYTES

from .accounts import check_account, rows

HEADER = b"ParserFlags\tCh\tCounter\tT/R\tTime\tFlags\tCAN ID\tLen\tData\t\n"
TAB_FRAME = b"1\t0\t7\tRX\t565214976\t\t0x000001d4\t3\t0xa0 6d 00 \t\n"
CANDUMP_FRAME = b"(1436509052.249713) vcan0 044#2A366C2BBA\n"

CANDUMP_CASES = [
    (b"(1.5) can0 7FF#\n", (0x7FF, False, 1_500_000_000, "")),
    (b"(1436509052.249713) vcan0 044#2A366C2BBA\n", (0x44, False, 1436509052_249713000, "2a366c2bba")),
    (b"(0.000000001) can0 000007FF#1122334455667788\r\n", (0x7FF, True, 1, "1122334455667788")),
    (b"(1.0) can0 1FFFFFFF#ab\n", (0x1FFFFFFF, True, 10**9, "ab")),
    (b"(1.0) can0 123##1" + b"0F" * 12 + b"\n", (0x123, False, 10**9, "0f" * 12)),
    (b"(1.0) can0 123##5" + b"A5" * 64 + b"\n", (0x123, False, 10**9, "a5" * 64)),
    (b"(1.0) can0 123##0\n", (0x123, False, 10**9, "")),
    (b"(1.0) can0 123#11 R\n", (0x123, False, 10**9, "11")),
    (b"(1.0) can0 123#11 T\n", (0x123, False, 10**9, "11")),
    (b"(1.0) can0 123#1122334455667788_F\n", (0x123, False, 10**9, "1122334455667788")),
    (b"(1.0) can0 123#1122334455667788_9 T\n", (0x123, False, 10**9, "1122334455667788")),
    (b"(1.0) can0 123#11\r\r\n", (0x123, False, 10**9, "11")),
    (b"(1.0) can0 123#1122334455667788_8\n", Verdict.BAD_LENGTH),
    (b"(1.0) can0 123##01122334455667788_F\n", Verdict.BAD_LENGTH),
    (b"\n", Verdict.BLANK),
    (b" \t\r\n", Verdict.BLANK),
    (b"# recorded at the bench\n", Verdict.COMMENT),
    (b"; recorded at the bench\n", Verdict.COMMENT),
    (b"(1.0) can0 123#R\n", Verdict.REMOTE_FRAME),
    (b"(1.0) can0 123#R8\n", Verdict.REMOTE_FRAME),
    (b"(1.0) can0 20000080#0000000000000000\n", Verdict.ERROR_FRAME),
    (b"(1.0) can0 800#11\n", Verdict.BAD_ID),
    (b"(1.0) can0 3FFFFFFFF#11\n", Verdict.BAD_ID),
    (b"(1.0) can0 0044#11\n", Verdict.BAD_ID),
    (b"(1.0) can0 #11\n", Verdict.BAD_ID),
    (b"(1.0) can0 04G#11\n", Verdict.BAD_ID),
    (b"(1.0) can0 123#1\n", Verdict.BAD_DATA),
    (b"(1.0) can0 123#1G\n", Verdict.BAD_DATA),
    (b"(1.0) can0 123##\n", Verdict.BAD_DATA),
    (b"(1.0) can0 123##G\n", Verdict.BAD_DATA),
    (b"(1.0) can0 123#112233445566778899\n", Verdict.BAD_LENGTH),
    (b"(1.0) can0 123##1" + b"00" * 9 + b"\n", Verdict.BAD_LENGTH),
    (b"(1.0) can0 123##1" + b"00" * 65 + b"\n", Verdict.BAD_LENGTH),
    (b"(1) can0 123#11\n", Verdict.BAD_TIME),
    (b"(-1.0) can0 123#11\n", Verdict.BAD_TIME),
    (b"(1.0000000000) can0 123#11\n", Verdict.BAD_TIME),
    (b"(9999999999.0) can0 123#11\n", Verdict.BAD_TIME),
    (b"1.0 can0 123#11\n", Verdict.BAD_TIME),
    (b"(1.0) can0_is_a_long_name 123#11\n", Verdict.BAD_CHANNEL),
    (b"(1.0)  123#11\n", Verdict.BAD_CHANNEL),
    (b"(1.0) can0 123\n", Verdict.BAD_LAYOUT),
    (b"(1.0) can0 123#11 X\n", Verdict.BAD_DIRECTION),
    (b"(1.0) can0 123#11 RR\n", Verdict.BAD_DIRECTION),
    (b"(1.0) can0 123#11", Verdict.CUT_SHORT),
    (b"garbage\n", Verdict.BAD_LAYOUT),
    (b"\x00\xff\xfe\n", Verdict.BAD_LAYOUT),
    (b"(1.0) can0 123#" + b"0" * 1100 + b"\n", Verdict.LINE_TOO_LONG),
]

TAB_CASES = [
    (TAB_FRAME, (0x1D4, False, 565214976 * 10**6, "a06d00")),
    (b"1\t0\t7\tTX\t5\t\t0x00000800\t1\t0x01 \tDefault Parser\t\r\n", (0x800, True, 5_000_000, "01")),
    (b"1\t0\t7\tRX\t5\t\t0x000001d4\t0\t\t\n", (0x1D4, False, 5_000_000, "")),
    (b"1\t0\t7\tRX\t5\t\t0x000001d4\t1\t0x01", (0x1D4, False, 5_000_000, "01")),
    (HEADER, Verdict.HEADER),
    (b"\n", Verdict.BLANK),
    (b"1\t0\t7\tRX\t5\t\t0x000001d4\t1\n", Verdict.BAD_LAYOUT),
    (b"1\t0\t7\tRX\tx\t\t0x000001d4\t1\t0x01 \t\n", Verdict.BAD_TIME),
    (b"1\t0\t7\tRX\t1234567890123\t\t0x000001d4\t1\t0x01 \t\n", Verdict.BAD_TIME),
    (b"1\t\t7\tRX\t5\t\t0x000001d4\t1\t0x01 \t\n", Verdict.BAD_CHANNEL),
    (b"1\t0\t7\tXX\t5\t\t0x000001d4\t1\t0x01 \t\n", Verdict.BAD_DIRECTION),
    (b"1\t0\t7\tRX\t5\tERR\t0x000001d4\t1\t0x01 \t\n", Verdict.UNKNOWN_FLAGS),
    (b"1\t0\t7\tRX\t5\t\t000001d4\t1\t0x01 \t\n", Verdict.BAD_ID),
    (b"1\t0\t7\tRX\t5\t\t0x200001d4\t1\t0x01 \t\n", Verdict.BAD_ID),
    (b"1\t0\t7\tRX\t5\t\t0x000001d4\t9\t0x01 \t\n", Verdict.BAD_LENGTH),
    (b"1\t0\t7\tRX\t5\t\t0x000001d4\t2\t0x01 \t\n", Verdict.LENGTH_MISMATCH),
    (b"1\t0\t7\tRX\t5\t\t0x000001d4\t0\t0x01 \t\n", Verdict.LENGTH_MISMATCH),
    (b"1\t0\t7\tRX\t5\t\t0x000001d4\t2\t0x01-02 \t\n", Verdict.BAD_DATA),
    (b"1\t0\t7\tRX\t5\t\t0x000001d4\t1\t01 \t\n", Verdict.BAD_DATA),
]


@pytest.mark.parametrize(
    ("before", "line", "expected"),
    [(CANDUMP_FRAME, *case) for case in CANDUMP_CASES] + [(HEADER, *case) for case in TAB_CASES],
)
def test_one_line(before: bytes, line: bytes, expected: Verdict | tuple[int, bool, int, str]) -> None:
    content = before + line
    frames, report = read_log(content)
    check_account(content, frames, report)
    if isinstance(expected, Verdict):
        other = Verdict.FRAME if before == CANDUMP_FRAME else Verdict.HEADER
        assert report.counts == ({other: 2} if expected == other else {other: 1, expected: 1})
        assert report.first_refused == (((2, expected),) if expected.is_refusal else ())
    else:
        assert rows(frames)[-1] == expected


def test_every_verdict_has_a_meaning() -> None:
    assert all(verdict.meaning for verdict in Verdict)


@pytest.mark.parametrize("whole", [CANDUMP_FRAME * 3, HEADER + TAB_FRAME * 2])
def test_a_cut_log_never_gives_a_frame_the_whole_log_does_not_have(whole: bytes) -> None:
    expected = rows(read_log(whole)[0])
    for size in range(len(whole)):
        try:
            frames, report = read_log(whole[:size])
        except UnknownDialectError:
            continue
        check_account(whole[:size], frames, report)
        assert rows(frames) == expected[: len(frames)]


GARBAGE = st.one_of(
    st.sampled_from([line for line, _ in CANDUMP_CASES if line.endswith(b"\n")]),
    st.binary(max_size=60).map(lambda line: line + b"\n"),
    st.text("()0123456789ABCDEF #.RTcan\t\rx", max_size=60).map(lambda line: line.encode() + b"\n"),
)
LINE = st.one_of(st.sampled_from([line for line, _ in TAB_CASES if line.endswith(b"\n")]), GARBAGE)


@given(st.sampled_from([CANDUMP_FRAME, HEADER]), st.lists(LINE, max_size=30), st.binary(max_size=20))
@settings(deadline=None)
def test_every_line_of_garbage_is_accounted_for(first: bytes, lines: list[bytes], tail: bytes) -> None:
    content = first + b"".join(lines) + tail
    frames, report = read_log(content)
    check_account(content, frames, report)


@given(st.lists(GARBAGE, max_size=10))
@settings(deadline=None)
def test_a_frame_reads_the_same_whatever_stands_around_it(around: list[bytes]) -> None:
    content = CANDUMP_FRAME + b"".join(around) + CANDUMP_FRAME
    found = rows(read_log(content)[0])
    assert found[0] == found[-1] == rows(read_log(CANDUMP_FRAME)[0])[0]


def test_blocks_meet() -> None:
    content = b"".join(b"(%d.5) can%d %03X#%02X\n" % (i, i % 3, i % 2048, i % 256) for i in range(120_000))
    frames, report = read_log(content)
    check_account(content, frames, report)
    assert np.array_equal(frames.time_ns, np.arange(120_000) * 10**9 + 5 * 10**8)
    assert np.array_equal(frames.can_id, np.arange(120_000) % 2048)
    assert np.array_equal(frames.channel, np.arange(120_000) % 3)


@pytest.mark.parametrize("filler", [b"x", b" ", b"(1.0) can0 123#11 "])
def test_a_line_longer_than_a_block_is_one_line(filler: bytes) -> None:
    long = filler * (3 * BLOCK_BYTES // len(filler))
    content = CANDUMP_FRAME * 50 + long + b"\n" + CANDUMP_FRAME + long
    frames, report = read_log(content)
    check_account(content, frames, report)
    assert report.counts == {Verdict.FRAME: 51, Verdict.LINE_TOO_LONG: 2}
    assert report.first_refused == ((51, Verdict.LINE_TOO_LONG), (53, Verdict.LINE_TOO_LONG))


def test_line_numbers_of_refused_lines_count_through_the_blocks() -> None:
    frames, report = read_log(CANDUMP_FRAME * 60_000 + b"bad\n" + CANDUMP_FRAME + b"bad\n" * 30)
    assert len(frames) == 60_001
    assert report.refused == {Verdict.BAD_LAYOUT: 31}
    assert [number for number, _ in report.first_refused] == [60_001, *range(60_003, 60_022)]


def test_more_channels_than_frames_can_name() -> None:
    content = b"".join(b"(1.0) can%d 123#11\n" % i for i in range(300))
    frames, report = read_log(content)
    assert len(frames) == len(report.channels) == 256
    assert report.refused == {Verdict.TOO_MANY_CHANNELS: 44}


def test_unknown_dialect_names_the_known_ones_and_the_first_line() -> None:
    with pytest.raises(UnknownDialectError, match=r"line 2 .*found 'Time;ID'.*candump -l.*tab table"):
        read_log(b"\nTime;ID\n1;2\n")
    with pytest.raises(UnknownDialectError, match="empty"):
        read_log(b"")


def test_tab_table_without_a_needed_column() -> None:
    with pytest.raises(UnknownDialectError, match="no column Data"):
        read_log(HEADER.replace(b"\tData", b""))


def test_columns_are_found_by_name() -> None:
    content = b"ParserFlags\tCh\tCounter\tT/R\tTime\tData\tLen\tCAN ID\n1\t2\t1\tRX\t5\t0xab \t1\t0x00000123\n"
    frames, report = read_log(content)
    assert rows(frames) == [(0x123, False, 5_000_000, "ab")]
    assert report.channels == ("2",)


def test_a_log_above_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialects, "MAX_LOG_BYTES", 10)
    with pytest.raises(LogTooLargeError, match="split it"):
        read_log(CANDUMP_FRAME)


def test_an_inexact_account_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="no verdict"):
        LossReport("candump -l", 2, {Verdict.FRAME: 1}, (), ())
