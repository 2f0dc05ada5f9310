"""Recorded and live diagnostics on their way to records: `packseal import`, and a gateway's recorder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from packseal.apps.import_run import ImportOptions, ImportReport, decode_log
from packseal.apps.window_records import BoundSignals
from packseal.frames import Frames
from packseal.frames.isotp import Address
from packseal.records.bodies import EntryType, MeanMinMax, Window
from packseal.signals import Absence
from tests.apps.can_site import WINDOW_MS, CanSite, bodies
from tests.signals.diagnostics.traffic import MS, Row, frames_of, rows, segmented

ECU, TESTER, OTHER = Address(0x7EC), Address(0x7E4), Address(0x123)


def status(current_da: int, voltage_dv: int = 3545, soc: int = 73) -> bytes:
    """An answer to 220101 of a Kona: the bytes that matter, 62 in all."""
    data = bytearray(59)
    data[4] = soc
    data[10:12] = current_da.to_bytes(2, signed=True)
    data[12:14] = voltage_dv.to_bytes(2)
    data[14:20] = bytes((9, 8, 8, 8, 9, 8))
    data[23], data[25] = 180, 179
    return bytes.fromhex("620101") + bytes(data)


def log_of(sent: list[Row]) -> str:
    return "".join(
        f"({1_700_000_000 + time_ns / 1e9:.6f}) can0 {address.can_id:03X}#{data.hex().upper()}\n"
        for time_ns, address, data in sent
    )


def session() -> list[Row]:
    """Asked once a second, for 30 seconds; the car discharges at 50 A, and in the answer at 7 s a frame is missing."""
    sent: list[Row] = []
    for second in range(30):
        start_ns = second * 1000 * MS
        answer = rows(ECU, status(500 + second), start_ns + 20 * MS)
        if second == 7:
            del answer[3]
        sent += [(start_ns, TESTER, segmented(b"\x22\x01\x01")[0]), *answer[:1]]
        sent += [(start_ns + 20 * MS, TESTER, b"\x30\0\0"), *answer[1:], (start_ns + 500 * MS, OTHER, b"\x01")]
    sent += rows(ECU, bytes.fromhex("620105") + bytes(25) + bytes.fromhex("03d4") + bytes(19), 29_900 * MS)
    return sent


def test_a_log_with_recorded_diagnostics_is_imported_without_a_dbc(tmp_path: Path) -> None:
    sent = session()
    (tmp_path / "drive.log").write_text(log_of(sent))
    decoded = decode_log(
        ImportOptions(tmp_path / "drive.log", None, Path("hyundai_kona"), "pack", None, 10, None, tmp_path)
    )
    assert [window.samples for _, window in decoded.windows] == [9, 10, 10]
    first = decoded.windows[0][1]
    assert first.pack_current_ma == MeanMinMax(-50_422, -50_900, -50_000)  # of nine: the one at 7 s is lost
    assert first.pack_voltage_mv == MeanMinMax(354_500, 354_500, 354_500)
    assert (first.soc_reported_cpct, first.temperature_ddegc) == (3650, (80, 80, 90, 80))
    assert decoded.windows[-1][1].soh_reported_cpct == 9800
    assert decoded.values["pack_current_ma"][Absence.NONE] == 29
    assert (decoded.decode.frames, decoded.decode.unknown_ids) == (len(sent), {0x123: 30})
    assert decoded.decode.decoded == 29 * 9 + 8
    assert decoded.files[1] == b""
    report = ImportReport(decoded, bytes(16), 3, 0).as_json()["diagnostics"]
    assert report["answers"] == {"BMS_220101": 29, "BMS_220105": 1}
    assert report["lost"] == {"out_of_order": 1, "no_first_frame": 4}
    text = "\n".join(ImportReport(decoded, bytes(16), 3, 0).lines())
    assert "29 answers of BMS_220101" in text
    assert "diagnostics lost, 1 times: a consecutive frame is missing, doubled or out of turn" in text


def test_an_answer_over_two_windows_and_two_batches_is_recorded(tmp_path: Path) -> None:
    site = CanSite(tmp_path, BoundSignals.load(None, Path("hyundai_kona")))
    recorder = site.start()
    sent = rows(ECU, status(500), WINDOW_MS * MS - 4 * MS)
    recorder.take(frames_of(sent[:2]), WINDOW_MS - 3)
    recorder.take(frames_of(sent[2:]), WINDOW_MS + 100)
    recorder.take(Frames.empty(), 2 * WINDOW_MS)
    recorder.end()
    _, entries = site.received()
    (window,) = [entry.body for entry in bodies(entries, EntryType.WINDOW)]
    assert isinstance(window, Window)
    assert window.pack_current_ma == MeanMinMax(-50_000, -50_000, -50_000)
    assert window.samples == 1


def test_where_there_is_no_dbc_its_digest_is_that_of_nothing() -> None:
    bound = BoundSignals.load(None, Path("kia_ev6"))
    assert bound.dbc_digest == hashlib.sha256(b"").digest()
