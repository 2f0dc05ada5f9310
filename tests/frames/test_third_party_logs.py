"""Logs that others recorded: all of each is read, and means what their own tools, or another dialect, say it means."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import can
import pytest

from packseal.errors import FramesError, UnknownDialectError
from packseal.frames import Clock, Frames, LossReport, Verdict, read_log
from packseal.io.mf4_file import is_mf4, read_mf4

from .accounts import check_account, rows

SAVVY = "collin80__SavvyCAN/examples"
LEAF = "dalathegreat__EV-CANlogs/leaf"
CSS = "CSS-Electronics__mdf4-converters/Tools/SystemTests"
PYTHON_CAN = "hardbyte__python-can/test/data"

WHOLE_LOGS = {  # dialect, clock, frames, and lines that carry none
    f"{SAVVY}/candump.log": ("candump -l", Clock.OWN, 12974, {}),  # from 166 s on
    f"{SAVVY}/GVRET_Log.csv": ("GVRET CSV", Clock.OWN, 12974, {Verdict.HEADER: 1}),
    f"{SAVVY}/BusMasterLog.log": ("BUSMASTER", Clock.LOCAL, 12974, {Verdict.HEADER: 13}),
    f"{SAVVY}/MicrochipLog.log": ("Microchip CAN BUS Analyzer", Clock.OWN, 12974, {Verdict.HEADER: 6}),
    f"{SAVVY}/GenericID_Log.csv": ("ID and data CSV", Clock.NONE, 12974, {Verdict.HEADER: 1}),
    f"{SAVVY}/CarBusAnalyzer.trc": ("CARBUS", Clock.OWN, 55, {Verdict.HEADER: 1}),
    f"{LEAF}/62kWh-Battery-only-EVcan.txt": ("candump", Clock.NONE, 2041, {}),
    f"{LEAF}/EV_can-bus_from_62_ZE1.txt": ("candump", Clock.NONE, 7662, {Verdict.BLANK: 1}),
    f"{LEAF}/ZE0w24kWhstock.log": ("tab table", Clock.OWN, 59966, {Verdict.HEADER: 1}),
    f"{LEAF}/ME0_40kWh_Startup.log": ("tab table", Clock.OWN, 17386, {Verdict.HEADER: 1}),
    f"{LEAF}/ZE0w30kWhv2.48.log": ("tab table", Clock.OWN, 11642, {Verdict.HEADER: 1}),
    f"{CSS}/Common/TestData/multiGeneratorCAN.log": ("candump -l", Clock.EPOCH, 164, {}),
    f"{CSS}/ASC/TestData/multiple_CAN.asc": ("ASC", Clock.LOCAL, 164, {Verdict.HEADER: 2}),
    f"{CSS}/CSV/TestData/multiple_CAN.csv": ("CANedge CSV", Clock.EPOCH, 164, {Verdict.HEADER: 1}),
}
SUFFIXES = (".asc", ".blf", ".trc", ".gz")
FILLED_WITH_PATTERNS = {  # every field repeats one byte, identifiers of 11 bits too; python-can takes those as they are
    "test_CanMessage.blf",
    "test_CanMessage2.blf",
    "test_CanFdMessage.blf",
}
FRAME_LINES = [  # how a person finds the frames of a log, as an oracle for every line of it
    (f"{SAVVY}/candump.log", r"\((?P<time>[\d.]+)\) \w+ (?P<id>\w+)#(?P<data>\w*)", 10**9),
    (f"{SAVVY}/GVRET_Log.csv", r"(?P<time>\d+),(?P<id>\w{8}),false,0,(?P<length>\d),(?P<data>[\w,]*),", 1000),
    (f"{SAVVY}/MicrochipLog.log", r"(?P<time>\d+);RX;0x(?P<id>\w{8});\d;(?P<data>[\w;]*)", 10**6),
    (f"{LEAF}/ZE0w24kWhstock.log", r"(?:\w+\t){4}(?P<time>\d+)\t\t0x(?P<id>\w+)\t\d\t(?P<data>[\w ]*)\t", 10**6),
    (f"{LEAF}/ME0_40kWh_Startup.log", r"(?:\w+\t){4}(?P<time>\d+)\t\t0x(?P<id>\w+)\t\d\t(?P<data>[\w ]*)\t", 10**6),
    (f"{LEAF}/EV_can-bus_from_62_ZE1.txt", r"  can0  (?P<id>\w+)   \[\d\]  (?P<data>[\w ]*)", 0),
]


def read(shared: Path, name: str) -> tuple[Frames, LossReport]:
    content = (shared / "data/can" / name).read_bytes()
    frames, report = read_log(content)
    unpacked = gzip.decompress(content) if name.endswith(".gz") else content
    check_account(unpacked, frames, report, b"\r" if "CarBus" in name else b"\n")
    return frames, report


@pytest.mark.parametrize("name", WHOLE_LOGS)
def test_whole_log(shared: Path, name: str) -> None:
    frames, report = read(shared, name)
    dialect, clock, count, others = WHOLE_LOGS[name]
    assert (report.dialect, report.clock, len(frames)) == (dialect, clock, count)
    assert report.counts == {Verdict.FRAME: count, **others}


@pytest.mark.parametrize(("name", "pattern", "unit_ns"), FRAME_LINES, ids=[Path(name).name for name, *_ in FRAME_LINES])
def test_every_line(shared: Path, name: str, pattern: str, unit_ns: int) -> None:
    frames, _ = read(shared, name)
    text = (shared / "data/can" / name).read_text()
    found = [match.groupdict() for match in map(re.compile(pattern).match, text.splitlines()) if match]
    assert len(found) == len(frames)
    for order, (each, row) in enumerate(zip(found, rows(frames), strict=True)):
        data = re.sub(r"0x|\W", "", each["data"]).lower()
        time_ns = round(float(each["time"]) * 10**6) * unit_ns // 10**6 if unit_ns else order
        assert row == (int(each["id"], 16), False, time_ns, data[: 2 * int(each.get("length") or 8)])


def test_five_dialects_of_one_capture_give_the_same_frames(shared: Path) -> None:
    names = ("candump.log", "GVRET_Log.csv", "BusMasterLog.log", "MicrochipLog.log", "GenericID_Log.csv")
    logs = {name: read(shared, f"{SAVVY}/{name}")[0] for name in names}
    first = logs["candump.log"]
    for name, frames in logs.items():
        assert [row[:2] + row[3:] for row in rows(frames)] == [row[:2] + row[3:] for row in rows(first)], name
        if name != "GenericID_Log.csv":  # which has no times; the others write them down to a millisecond
            apart_ns = (frames.time_ns - frames.time_ns[0]) - (first.time_ns - first.time_ns[0])
            assert abs(apart_ns).max() < 10**9, name  # SavvyCAN's candump has whole seconds for some frames


def test_three_dialects_of_one_can_fd_recording_give_the_same_frames(shared: Path) -> None:
    asc = read(shared, f"{CSS}/ASC/TestData/multiple_CAN.asc")[0]
    csv = read(shared, f"{CSS}/CSV/TestData/multiple_CAN.csv")[0]
    candump = read(shared, f"{CSS}/Common/TestData/multiGeneratorCAN.log")[0]
    assert asc.data.shape == csv.data.shape == candump.data.shape == (164, 64)
    content = [sorted(row[:2] + row[3:] for row in rows(frames)) for frames in (asc, csv)]
    assert content[0] == content[1]
    assert {row[:2] + row[3:] for row in rows(candump)} == set(content[0])
    assert abs((asc.time_ns - asc.time_ns[0]) - (csv.time_ns - csv.time_ns[0])).max() < 1000


def test_every_trace_version_of_one_recording_gives_the_same_frames(shared: Path) -> None:
    versions = ("V1_0_BUS1", "V1_1", "V1_3", "V2_0_BUS1", "V2_1")
    logs = [read(shared, f"{PYTHON_CAN}/test_CanMessage_{version}.trc") for version in versions]
    for frames, report in logs:
        assert report.refused == {Verdict.REMOTE_FRAME: 1}
        assert report.counts[Verdict.EVENT] == 1
        assert [row[:2] + row[3:] for row in rows(frames)] == [row[:2] + row[3:] for row in rows(logs[-1][0])]
    starts = {int(frames.time_ns[0]) // 10**6 for frames, report in logs if report.clock is Clock.LOCAL}
    assert starts == {1639837687062 + 17535}  # 18.12.2021 14:28:07.062, and 17.535 s


def _peers_logs(shared: Path) -> list[Path]:
    folder = shared / "data/can" / PYTHON_CAN
    return [path for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES]


def test_logs_of_python_can_read_as_it_reads_them(shared: Path) -> None:
    paths = _peers_logs(shared)
    assert len(paths) == 25
    for path in paths:
        frames, report = read(shared, f"{PYTHON_CAN}/{path.name}")
        theirs = [message for message in _peer(path) if _has_data(message)]
        expected = [(m.arbitration_id, m.is_extended_id, bytes(m.data).hex()) for m in theirs]
        if Verdict.BAD_ID in report.refused:
            assert path.name in FILLED_WITH_PATTERNS
            expected = []
        if path.name == "single_frame.asc":  # python-can drops 56 of the 64 bytes that this line states and has
            expected = [(0x123, True, bytes(range(64)).hex())]
        assert [row[:2] + row[3:] for row in rows(frames)] == expected, path.name
        assert set(report.refused) <= {Verdict.REMOTE_FRAME, Verdict.ERROR_FRAME, Verdict.BAD_ID}, path.name
        if len(frames):
            apart = [row[2] / 1e9 - message.timestamp for row, message in zip(rows(frames), theirs, strict=True)]
            assert max(apart) - min(apart) < 1e-5, path.name


def _peer(path: Path) -> Iterator[can.Message]:
    return iter(can.LogReader(path))


def _has_data(message: can.Message) -> bool:
    return not message.is_error_frame and not message.is_remote_frame


@pytest.mark.parametrize("name", ["00000004/00000001.MF4", "00000005/00000002.MF4"])
def test_mf4_is_named(shared: Path, name: str) -> None:
    folder = "2F6913DB" if name.endswith("1.MF4") else "94C49784"
    with pytest.raises(UnknownDialectError, match="an MF4 file"):
        read(shared, f"CSS-Electronics__api-examples/{folder}/{name}")


def test_pcapng_is_named(shared: Path) -> None:
    with pytest.raises(UnknownDialectError, match="a pcapng capture"):
        read(shared, f"{CSS}/PCAP/TestData/multiple_CAN.pcap")


def test_every_log_is_read_or_says_why(shared: Path) -> None:
    pytest.importorskip("asammdf", reason="asammdf is not installed (extra mf4)")
    folder = shared / "data/can"
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in (*SUFFIXES, ".log", ".csv", ".pcap", ".mf4")]
    paths += folder.glob("dalathegreat__EV-CANlogs/leaf/*.txt")
    assert len(paths) == 42
    explained = {}
    for path in paths:
        content = path.read_bytes()
        try:
            frames, report = read_mf4(content) if is_mf4(content) else read_log(content)
        except FramesError as error:
            explained[path.name] = str(error)
        else:
            assert report.unaccounted_lines == 0
            assert report.frames == len(frames)
    assert set(explained) == {"multiple_CAN.pcap"}
    assert "write it as a candump log" in explained["multiple_CAN.pcap"]


def test_hostile_logs_end_in_an_error(shared: Path) -> None:
    paths = list((shared / "vectors/hostile").glob("*.blf"))
    assert paths
    for path in paths:
        with pytest.raises(FramesError, match="size as 0 bytes"):
            read_log(path.read_bytes())
