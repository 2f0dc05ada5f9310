"""One line of each dialect at a time, and how a dialect is found."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.errors import FramesError, LogTooLargeError, UnknownDialectError
from packseal.frames import Clock, Verdict, read_log
from packseal.frames.dates import date_ns
from packseal.frames.dialects import DIALECTS
from packseal.frames.gzip import gunzipped

from .accounts import check_account, rows

ASC = b"base hex  timestamps absolute\n   0.000000 1  64  Rx   d 1 64\n"
DECIMAL_ASC = b"base dec  timestamps absolute\n   0.000000 1  100  Rx   d 1 100\n"
STDOUT = b"  can0  123   [1]  11\n"
TIMED_STDOUT = b" (1.500000)  can0  123   [1]  11\n"
DATED_STDOUT = b" (2023-11-14 22:13:20.000001)  can0  123   [1]  11\n"
TRC_1_2 = b";$FILEVERSION=1.2\n     1)         0.0 1  Rx         0001  1  01\n"
TRC_1_1 = b";$FILEVERSION=1.1\n     1)         0.0  Rx         0001  1  01\n"
TRC_2_1 = b";$FILEVERSION=2.1\n;$COLUMNS=N,O,T,B,I,d,R,L,D\n      1         0.000 DT 1      0001 Rx -  1    01\n"
GVRET = b"Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n"
CRTD = b"0.000000 1R11 001 01\n"
BUSMASTER = b"***BUSMASTER Ver 2.4.0***\n***SYSTEM MODE***\n00:00:00:0000 Rx 1 0x001 s 1 01 \n"
MICROCHIP = b"0;RX;0x00000001;1;0x01;\n"
CARBUS = b"@ TEXT @ 2 @ 64 @ 0 @\r0,000\t1\t0004\t001\t1\t01\t0\t\t\r"
CANEDGE = b"TimestampEpoch;BusChannel;ID;IDE;DLC;DataLength;Dir;EDL;BRS;DataBytes\n"
GENERIC = b"ID,Data Bytes\n00000001,01 \n"
SLCAN = b"t123111\nT00000123111\n"
MS = 10**6

CASES = [
    (ASC, b"   1.5 2  7FFx  Tx   d 2 11 22  Length = 0\n", (0x7FF, True, 1500 * MS, "1122")),
    (ASC, b"1.000001 1 7FF Rx d 0\n", (0x7FF, False, 1000 * MS + 1000, "")),
    (ASC, b" 1.0 1 1 Rx d D 01 02 03 04 05 06 07 08 Length = 0\n", (1, False, 1000 * MS, "0102030405060708")),
    (ASC, b" 1.0 1 1 Rx d 9" + b" 0A" * 12 + b"\n", (1, False, 1000 * MS, "0a" * 12)),
    (ASC, b" 1.0 1 1 Rx d 15" + b" 0A" * 64 + b"\n", (1, False, 1000 * MS, "0a" * 64)),
    (ASC, b" 1.0 1 1 Rx d 40" + b" 0A" * 64 + b"\n", (1, False, 1000 * MS, "0a" * 64)),
    (ASC, b" 1.0 CANFD 1 Rx 1 1 0 f 64" + b" 0A" * 64 + b" 1 2\n", (1, False, 1000 * MS, "0a" * 64)),
    (ASC, b" 1.0 CANFD 1 Tx 1x  Name 1 0 0 0 1 2\n", (1, True, 1000 * MS, "")),
    (ASC, b" 1.0 CANFD 1 Tx 1x 1 0 8 0 1 2\n", Verdict.REMOTE_FRAME),
    (ASC, b" 1.0 CANFD 1 Tx 1x 1 0 8 9 01 02\n", Verdict.BAD_LENGTH),
    (ASC, b" 1.0 CANFD 1 Tx ErrorFrame Not Acknowledge error\n", Verdict.ERROR_FRAME),
    (ASC, b" 1.0 1 ErrorFrame ECC: 10100010\n", Verdict.ERROR_FRAME),
    (ASC, b" 1.0 1 1 Rx r 8 Length = 0\n", Verdict.REMOTE_FRAME),
    (ASC, b" 1.0 1  Statistic: D 0 R 0\n", Verdict.EVENT),
    (ASC, b" 1.0 CAN 1 Status:chip status error active\n", Verdict.EVENT),
    (ASC, b" 1.0 1  J1939TP FEE3p 6 0 0 - Rx d 3 01 02 03\n", Verdict.EVENT),
    (ASC, b"// a comment\n", Verdict.COMMENT),
    (ASC, b"End TriggerBlock\n", Verdict.HEADER),
    (ASC, b" 1.0 1 800 Rx d 0\n", Verdict.BAD_ID),
    (ASC, b" 1.0 1 1 Xx d 0\n", Verdict.BAD_DIRECTION),
    (ASC, b" 1.0 1 1 Rx d 2 01\n", Verdict.BAD_DATA),
    (ASC, b" 1.0 1 1 Rx d 1 012\n", Verdict.BAD_DATA),
    (ASC, b" 1.0 1 1 Rx d 50 01\n", Verdict.BAD_LENGTH),
    (ASC, b" x.0 1 1 Rx d 1 01\n", Verdict.BAD_TIME),
    (ASC, b" 1.0 a_channel_with_a_name 1 Rx d 1 01\n", Verdict.BAD_CHANNEL),
    (ASC, b" 1.0 1 MotorData Rx d 1 01\n", Verdict.BAD_ID),
    (ASC, b" 1.0 1 EngineData Rx d 1 01\n", Verdict.BAD_ID),
    (ASC, b" 1.0 1 1 TxRq d 1 01\n", Verdict.EVENT),
    (DECIMAL_ASC, b" 1.0 1 2047 Rx d 3 1 20 255\n", (0x7FF, False, 1000 * MS, "0114ff")),
    (DECIMAL_ASC, b" 1.0 1 2047 Rx d 1 256\n", Verdict.BAD_DATA),
    (DECIMAL_ASC, b" 1.0 1 2048 Rx d 1 1\n", Verdict.BAD_ID),
    (STDOUT, b"  vcan1  1FFFFFFF   [02]  01 FF\n", (0x1FFFFFFF, True, 1, "01ff")),
    (STDOUT, b"  can0  RX - -  123   [8]  11 22 33 44 55 66 77 88\n", (0x123, False, 1, "1122334455667788")),
    (STDOUT, b"  can0  123   [3]  41 42 43   'ABC'\n", (0x123, False, 1, "414243")),
    (STDOUT, b"  can0  123   [0] \n", (0x123, False, 1, "")),
    (STDOUT, b"  can0  123   [0]  remote request\n", Verdict.REMOTE_FRAME),
    (STDOUT, b"  can0  20000004   [8]  00 04 00 00 00 00 00 00   ERRORFRAME\n", Verdict.ERROR_FRAME),
    (STDOUT, b"  can0  123   [3]  41 42\n", Verdict.LENGTH_MISMATCH),
    (STDOUT, b"  can0  123   [2]  41 42 43\n", Verdict.LENGTH_MISMATCH),
    (STDOUT, b"  can0  123   [9]  11 22 33 44 55 66 77 88 99\n", Verdict.BAD_LENGTH),
    (STDOUT, b"  can0  1234   [1]  11\n", Verdict.BAD_ID),
    (STDOUT, b"  can0  123  11\n", Verdict.BAD_LAYOUT),
    (TIMED_STDOUT, b" (2.000001)  can0  123   [1]  11\n", (0x123, False, 2000 * MS + 1000, "11")),
    (TIMED_STDOUT, b" (x.000001)  can0  123   [1]  11\n", Verdict.BAD_TIME),
    (TIMED_STDOUT * 2, b"  can0  123   [1]  11\n", Verdict.BAD_LAYOUT),
    (STDOUT, b" (2.000001)  can0  123   [1]  11\n", Verdict.BAD_LAYOUT),
    (DATED_STDOUT, b" (2024-02-29 00:00:00.5)  can0  RX - -  7FF   [0]\n", (0x7FF, False, 1709164800_500000000, "")),
    (DATED_STDOUT, b" (2023-02-29 00:00:00.5)  can0  7FF   [0]\n", Verdict.BAD_TIME),
    (DATED_STDOUT, b" (2023-02-28 24:00:00.5)  can0  7FF   [0]\n", Verdict.BAD_TIME),
    (DATED_STDOUT, b" (2023-02-28 23:60:00.5)  can0  7FF   [0]\n", Verdict.BAD_TIME),
    (DATED_STDOUT, b" (2023-02-28T 23:00:00.5)  can0  7FF   [0]\n", Verdict.BAD_TIME),
    (DATED_STDOUT * 2, b" (1.5)  can0  7FF   [0]\n", Verdict.BAD_LAYOUT),
    (TRC_1_2, b"     2)      1234.5 2  Tx     00000001  2  01 02 \n", (1, True, 1234_500_000, "0102")),
    (TRC_1_2, b"     2)      1234.5 1  Warng  FFFFFFFF  4  00 00 00 08  BUSHEAVY \n", Verdict.EVENT),
    (TRC_1_2, b"     2)      1234.5 1  Error      0001  4  00 00 00 08\n", Verdict.ERROR_FRAME),
    (TRC_1_2, b"     2)      1234.5 1  Rx         0704  1  RTR\n", Verdict.REMOTE_FRAME),
    (TRC_1_2, b"     2)      1234.5 1  Rx         0704  2  01\n", Verdict.LENGTH_MISMATCH),
    (TRC_1_1, b"     2)      1234.5  Tx     00000001  2  01 02 \n", (1, True, 1234_500_000, "0102")),
    (TRC_1_1, b"     2)      1234.5  Warng  FFFFFFFF  4  00 00 00 08  BUSHEAVY \n", Verdict.EVENT),
    (TRC_1_1, b"     2)      1234.5  Error      0001  4  00 00 00 08\n", Verdict.ERROR_FRAME),
    (TRC_1_1, b"     2)      1234.5  Rx         0704  1  RTR\n", Verdict.REMOTE_FRAME),
    (TRC_1_1, b"     2)      1234.5  Rx         0704  2  01\n", Verdict.LENGTH_MISMATCH),
    (TRC_1_1, b"     2)      1234.5  Rx         0800  1  01\n", Verdict.BAD_ID),
    (TRC_1_1, b"     2)      1234.5  Rx         0704  9  01 02 03 04 05 06 07 08 09\n", Verdict.BAD_LENGTH),
    (TRC_1_1, b"     2)\n", Verdict.BAD_LAYOUT),
    (TRC_2_1, b"  2  1.000 FB 1  0001 Rx -  15" + b" 0A" * 64 + b"\n", (1, False, MS, "0a" * 64)),
    (TRC_2_1, b"  2  1.000 DT 1  0001 Rx -  9" + b" 0A" * 8 + b"\n", (1, False, MS, "0a" * 8)),
    (TRC_2_1, b"  2  1.000 ST 1     - Rx -  4    00 00 00 08\n", Verdict.EVENT),
    (TRC_2_1, b"  2  1.000 ER 1     - Rx -  4    00 00 00 08\n", Verdict.ERROR_FRAME),
    (TRC_2_1, b"  2  1.000 RR 1  0001 Rx -  4\n", Verdict.REMOTE_FRAME),
    (TRC_2_1, b"  2  1.000 XX 1  0001 Rx -  1 01\n", Verdict.BAD_LAYOUT),
    (TRC_2_1, b"  2  1.000 DT 1  0001 Rx -  16 01\n", Verdict.BAD_LENGTH),
    (GVRET, b"-5,0000021A,false,Tx,1,2,FE,36,00,00,00,00,00,00\n", (0x21A, False, -5000, "fe36")),
    (GVRET, b"5,0x21A,true,Rx,0,0\n", (0x21A, True, 5000, "")),
    (GVRET, b"5,0000021A,maybe,Rx,0,1,FE,\n", Verdict.BAD_ID),
    (GVRET, b"5,00000800,false,Rx,0,1,FE,\n", Verdict.BAD_ID),
    (GVRET, b"5,0000021A,false,Up,0,1,FE,\n", Verdict.BAD_DIRECTION),
    (GVRET, b"5,0000021A,false,Rx,0,2,FE\n", Verdict.BAD_DATA),
    (GVRET, b"5,0000021A,false,Rx,0,1,FEE\n", Verdict.BAD_DATA),
    (GVRET, b"5,0000021A,false,Rx,0,9,01,02,03,04,05,06,07,08,09\n", Verdict.BAD_LENGTH),
    (GVRET, b"x,0000021A,false,Rx,0,1,FE,\n", Verdict.BAD_TIME),
    (GVRET, b"5,0000021A\n", Verdict.BAD_LAYOUT),
    (CRTD, b"1.5 2T29 12345678 01 02\n", (0x12345678, True, 1500 * MS, "0102")),
    (CRTD, b"1.000 R11 7FF\r\n", (0x7FF, False, 1000 * MS, "")),
    (CRTD, b"1.000 CXX Info\n", Verdict.COMMENT),
    (CRTD, b"1.000 1CEV Event\n", Verdict.EVENT),
    (CRTD, b"1.000 R12 7FF\n", Verdict.BAD_LAYOUT),
    (CRTD, b"1.000 R11 800 01\n", Verdict.BAD_ID),
    (CRTD, b"1.000 R11 7FF 01 02 03 04 05 06 07 08 09\n", Verdict.BAD_LENGTH),
    (CRTD, b"1.000 R11 7FF 1\n", Verdict.BAD_DATA),
    (CRTD, b"1.000 R11 7FF 01", Verdict.CUT_SHORT),
    (BUSMASTER, b"00:00:01:5 Tx 2 12345678 x 1 01\n", (0x12345678, True, 1005 * MS, "01")),
    (BUSMASTER, b"00:00:01:1710 Rx 1 0x7FF s 0 \n", (0x7FF, False, 1171 * MS, "")),
    (BUSMASTER, b"00:00:01:0000 Rx 1 0x7FF sr 0\n", Verdict.REMOTE_FRAME),
    (BUSMASTER, b"00:60:01:0000 Rx 1 0x7FF s 0\n", Verdict.BAD_TIME),
    (BUSMASTER, b"00:00:01:0000 Rx 1 0x7FF s 2 01\n", Verdict.LENGTH_MISMATCH),
    (BUSMASTER, b"00:00:01:0000 Rx 1 0x7FF q 1 01\n", Verdict.BAD_LAYOUT),
    (BUSMASTER, b"***END***\n", Verdict.HEADER),
    (MICROCHIP, b"5;TX;0x12345678;2;0x01;0xFF;\n", (0x12345678, True, 5 * MS, "01ff")),
    (MICROCHIP, b"5;RX;0x00000123;0;\n", (0x123, False, 5 * MS, "")),
    (MICROCHIP, b"5;RX;0x00000123;2;0x01;\n", Verdict.LENGTH_MISMATCH),
    (MICROCHIP, b"5;RX;0x00000123;2;0x01;1xFF;\n", Verdict.BAD_DATA),
    (MICROCHIP, b"5;RX;00000123;1;0x01;\n", Verdict.BAD_ID),
    (MICROCHIP, b"CAN BUS Analyzer\n", Verdict.HEADER),
    (CARBUS, b"1,005\t2\t0004\t12345678\t2\t01 02                  \t0\t\t\r", (0x12345678, True, 1005 * MS, "0102")),
    (CARBUS, b"1,5\t2\t0004\t123\t1\t01\t0\t\t\r", (0x123, False, 1005 * MS, "01")),
    (CARBUS, b"1.5\t2\t0004\t123\t1\t01\t0\t\t\r", Verdict.BAD_TIME),
    (CARBUS, b"1,005\t2\t0005\t123\t1\t01\t0\t\t\r", Verdict.UNKNOWN_FLAGS),
    (CARBUS, b"1,005\t2\t0004\t123\t2\t01\t0\t\t\r", Verdict.LENGTH_MISMATCH),
    (CANEDGE, b"1.5;1;123;1;9;12;0;1;0;" + b"0A" * 12 + b"\n", (0x123, True, 1500 * MS, "0a" * 12)),
    (CANEDGE, b"1.5;1;123;0;9;12;0;0;0;" + b"0A" * 12 + b"\n", Verdict.BAD_LENGTH),
    (CANEDGE, b"1.5;1;123;0;1;1;0;0;0;0A0B\n", Verdict.LENGTH_MISMATCH),
    (CANEDGE, b"1.5;1;123;2;1;1;0;0;0;0A\n", Verdict.BAD_ID),
    (GENERIC, b"12345678,01 02\n", (0x12345678, True, 1, "0102")),
    (GENERIC, b"123,\n", (0x123, False, 1, "")),
    (GENERIC, b"123,01 2 \n", Verdict.BAD_DATA),
    (GENERIC, b"123,01,02\n", Verdict.BAD_LAYOUT),
    (GENERIC, b"123,01", Verdict.CUT_SHORT),
    (SLCAN, b"d1239" + b"0A" * 12 + b"\n", (0x123, False, 2, "0a" * 12)),
    (SLCAN, b"B123456789" + b"0A" * 12 + b"\n", (0x12345678, True, 2, "0a" * 12)),
    (SLCAN, b"r1231\n", Verdict.REMOTE_FRAME),
    (SLCAN, b"V1013\n", Verdict.EVENT),
    (SLCAN, b"z\n", Verdict.EVENT),
    (SLCAN, b"t8001AA\n", Verdict.BAD_ID),
    (SLCAN, b"t12319\n", Verdict.LENGTH_MISMATCH),
    (SLCAN, b"t123AAA\n", Verdict.BAD_LENGTH),
    (SLCAN, b"hello\n", Verdict.BAD_LAYOUT),
]  # fmt: skip


@pytest.mark.parametrize(("before", "line", "expected"), CASES, ids=[repr(line[:40]) for _, line, _ in CASES])
def test_one_line(before: bytes, line: bytes, expected: Verdict | tuple[int, bool, int, str]) -> None:
    content = before + line
    frames, report = read_log(content)
    check_account(content, frames, report, b"\r" if before == CARBUS else b"\n")
    base = read_log(before)[1]
    if isinstance(expected, Verdict):
        assert {v: n for v, n in report.counts.items() if n != base.counts.get(v)} == {
            expected: base.counts.get(expected, 0) + 1
        }
        assert report.first_refused == (((report.lines, expected),) if expected.is_refusal else ())
    else:
        assert not report.refused
        assert rows(frames)[-1] == expected


def test_every_example_is_of_its_own_dialect_alone() -> None:
    for dialect in DIALECTS:
        example = dialect.EXAMPLE.replace("<tab>", "\t").replace("...", "").encode() + b"\n"
        assert [other.NAME for other in DIALECTS if other.LINE.match(example)] == [dialect.NAME]


def test_most_lines_decide_not_the_first() -> None:
    content = b"  can0  123   [1]  11\n" + b"(1.5) can0 123#11\n" * 3
    _, report = read_log(content)
    assert report.dialect == "candump -l"
    assert report.refused == {Verdict.BAD_LAYOUT: 1}


def test_a_log_may_start_in_the_middle_of_a_line_and_with_comments() -> None:
    content = b"23#1122\n" + b"# recorded at the bench\n" * 100 + b"(1.5) can0 123#11\n"
    assert read_log(content)[1].counts == {Verdict.FRAME: 1, Verdict.COMMENT: 100, Verdict.BAD_LAYOUT: 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04 and so on", "a ZIP archive"),
        (b"\xff\xfeT\0i\0m\0e\0", "found 'Time'"),
        (b"1\t0\t7\tRX\t5\t\t0x000001d4\t1\t0x01 \t\n", "without its first line"),
        (b"1581670628.161550;1;123;0;1;1;0;0;0;12\n", "without its first line"),
        (b";$FILEVERSION=2.0\n  1  1.000 DT 1  0001 Rx -  1 01\n", "no line \\$COLUMNS"),
        (b";$FILEVERSION=2.1\n;$COLUMNS=N,O,T,B,I,d\n", "no column"),
        (b"***BUSMASTER Ver 2.4.0***\n***DEC***\n", "in decimal"),
        (b"Time Stamp,ID,Extended,Bus\n", "no column D1"),
    ],
)
def test_what_is_not_read_says_why(content: bytes, message: str) -> None:
    with pytest.raises(UnknownDialectError, match=message):
        read_log(content)


DATES = [
    (b"date Sam Sep 30 15:06:13.191 2017\n", 1506783973191),
    (b"date Tue May 27 04:09:35 pm 2014\n", 1401206975000),
    (b"date Sat Sep 30 12:00:00 am 2017\n", 1506729600000),
    (b"date Son M\xe4r 1 00:00:00 2020\n", 1583020800000),
    (b"date Son Dez 1 00:00:00 2019\n", 1575158400000),
]


@pytest.mark.parametrize(("line", "start_ms"), DATES)
def test_dates_of_asc(line: bytes, start_ms: int) -> None:
    frames, report = read_log(line + ASC)
    assert (frames.time_ns[0], report.clock) == (start_ms * MS, Clock.LOCAL)


def test_a_date_that_is_none_leaves_the_recorders_own_clock() -> None:
    frames, report = read_log(b"date Sat Feb 31 15:06:13 2017\n" + ASC)
    assert (frames.time_ns[0], report.clock) == (0, Clock.OWN)


@pytest.mark.parametrize(("day", "expected"), [((2000, 2, 29), 951782400), ((2100, 2, 29), None), ((1969, 1, 1), None)])
def test_dates(day: tuple[int, int, int], expected: int | None) -> None:
    assert date_ns(*day) == (None if expected is None else expected * 10**9)


@given(st.dates(date(1970, 1, 1), date(2199, 12, 31)))
def test_dates_are_those_of_the_calendar(day: date) -> None:
    assert date_ns(day.year, day.month, day.day) == (day - date(1970, 1, 1)).days * 86_400 * 10**9


def test_numbers_that_no_calendar_has() -> None:
    assert date_ns(2000, 1, 10**30) is date_ns(10**30, 1, 1) is date_ns(2000, 0, 1) is date_ns(2000, 13, 1) is None
    content = b"date Sat Sep " + b"9" * 900 + b" 15:06:13 2017\n" + ASC
    assert read_log(content)[1].clock is Clock.OWN


def test_relative_times_never_overflow() -> None:
    content = b"base hex  timestamps relative\n" + b"   999999999.000000 1  64  Rx   d 1 00\n" * 100
    frames, _ = read_log(content)
    assert (frames.time_ns[1:] >= frames.time_ns[:-1]).all()


def test_gzip_that_is_none() -> None:
    packed = gzip.compress(b"(1.5) can0 123#11\n" * 1000)
    for content in (packed[:-4], packed[:30], packed[:40] + b"\0" + packed[41:], packed + b"behind"):
        with pytest.raises(FramesError, match="gzip"):
            read_log(content)
    assert len(read_log(packed + bytes(512))[0]) == 1000


def test_a_gzip_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LogTooLargeError, match="unpacks to more than 1000"):
        gunzipped(gzip.compress(bytes(10**6)), 1000)
    monkeypatch.setattr("packseal.frames.gzip.MAX_MEMBERS", 10)
    with pytest.raises(FramesError, match="gzip"):
        gunzipped(gzip.compress(b"") * 11, 1000)


def test_differences_of_candump_add_up() -> None:
    seconds = ["000.000000", "000.020000", "000.000150", "001.000000", "000.000150"]
    content = "".join(f" ({each})  can0  123   [1]  11\n" for each in seconds).encode()
    frames, report = read_log(content + b" (000.5)  can0  123   [0]  remote request\n (000.25)  can0  123   [1]  11\n")
    assert frames.time_ns.tolist() == [0, 20_000_000, 20_150_000, 1_020_150_000, 1_020_300_000, 1_770_300_000]
    assert report.clock is Clock.OWN


def test_one_frame_out_of_order_makes_no_differences() -> None:
    seconds = [float(each) for each in range(40)] + [38.5]
    content = "".join(f" ({each:.6f})  can0  123   [1]  11\n" for each in seconds).encode()
    frames, report = read_log(content)
    assert frames.time_ns.tolist() == [int(each * 10**9) for each in seconds]
    assert report.clock is Clock.OWN  # from zero, so not since 1970


@pytest.mark.parametrize(
    ("content", "clock"),
    [
        (b"(1436509052.249713) vcan0 044#2A\n", Clock.EPOCH),
        (b"(0.249713) vcan0 044#2A\n", Clock.OWN),
        (b" (1436509052.249713)  vcan0  044   [1]  2A\n", Clock.EPOCH),
        (b"1542473901.020305 1R11 213 00\n", Clock.EPOCH),
        (b"12.020305 1R11 213 00\n", Clock.OWN),
    ],
)
def test_only_times_that_can_be_are_since_1970(content: bytes, clock: Clock) -> None:
    assert read_log(content)[1].clock is clock


def test_a_header_of_spaces_is_read_in_no_time() -> None:
    """Spaces that two parts of a pattern could both take cost their number squared: hours, for these."""
    content = b"date x" + b" " * 200_000 + b"\n" + ASC
    assert read_log(content)[1].counts[Verdict.LINE_TOO_LONG] == 1


def gvret(stamps_us: Sequence[int]) -> list[int]:
    """Microseconds as read."""
    content = b"".join(b"%d,0000021A,false,Rx,0,1,FE,\n" % stamp_us for stamp_us in stamps_us)
    found, report = read_log(content)
    assert report.frames == len(stamps_us)
    return [time_ns // 1000 for time_ns in found.time_ns.tolist()]


@pytest.mark.parametrize("lowest_us", [0, -(1 << 31)], ids=["without a sign", "with one"])
@pytest.mark.parametrize("order", [1, -1], ids=["in order", "the latest first"])
def test_counters_of_gvret_run_over(lowest_us: int, order: int) -> None:
    turn_us = 1 << 32
    meant_us = range(turn_us - 10**6, 3 * turn_us, 299_999)[::order]
    read_us = gvret([(time_us - lowest_us) % turn_us + lowest_us for time_us in meant_us])
    assert {read - meant for read, meant in zip(read_us, meant_us, strict=True)} == {read_us[0] - meant_us[0]}


@pytest.mark.parametrize(
    "stamps_us",
    [
        [5 * 10**9, 5 * 10**9 + 1, 0, 1, 2],
        [3_000, 2_000, 2_000, -1_000, -2_000_000_000],
        [-(10**15) + 1, 10**15 - 1, -(10**15) + 1],
    ],
    ids=["started again", "the latest first", "as far apart as can be"],
)
def test_other_steps_of_gvret_are_left_as_they_are(stamps_us: list[int]) -> None:
    assert gvret(stamps_us) == stamps_us
