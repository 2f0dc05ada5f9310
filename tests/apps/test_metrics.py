"""What Prometheus reads: names that the documents have and no others, bounded labels, and the figures of a status."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.parser import text_string_to_metric_families

from packseal.apps.metrics import GATEWAY, MAX_REASONS, PASSPORT, AnyFigure, Status, metrics_of
from packseal.apps.receipt_lag import MAX_NOTED, Durations, ReceiptLag

OPERATE = (Path(__file__).parents[2] / "docs/operate.md").read_text()
LAG = Durations()
LAG.add(0.2)
STATUS: Status = {
    "broker": {"is_connected": True, "waiting": 11},
    "clock": {"behind_s": 2.5, "states": {"disciplined": 1, "set_once": 0, "never_set": 0}},
    "events": {"broker": 1},
    "receipts": {"last_lag_s": 0.2, "lag_buckets": LAG.buckets()[0], "lag_sum_s": LAG.buckets()[1]},
    "outbox": {
        "records": 7,
        "emptied": 1,
        "limit_bytes": 4000,
        "limit_hours": 8760,
        "deliveries": 2,
        "bytes": 1234,
        "hours": 0.5,
        "oldest_age_s": 60,
        "counts": {"records_stored": 100, "records_receipted": 93, "board_fork": 1},
    },
    "mqtt": {"connections": 1, "published": 5, "connected": 1, "version": 5, "in_flight": 3, "waiting": 0},
    "reloads": {"taken": 1, "refused": 0},
    "boards": [
        {
            "battery": "b",
            "port": "/dev/ttyUSB0",
            "is_connected": True,
            "windows_lost": 0,
            "slots_missed": 1,
            "frames_refused": 2,
            "reopened": 3,
        }
    ],
    "cans": [
        {
            "battery": "c",
            "channel": "can0",
            "is_connected": False,
            "is_silent": True,
            "frames_received": 10,
            "frames_lost": 1,
            "frames_unread": 0,
            "error_frames": 0,
            "reopened": 0,
        }
    ],
    "deliveries": {"came": 4, "receipts": 3, "unstored": 0, "refused": {"unknown-log": 1}, "held": 2},
    "store": {"log_entries": 9, "bytes": 4096},
}


PROC = Path("/proc")


def samples(figures: tuple[AnyFigure, ...], status: Status, proc: Path = PROC) -> dict[tuple[str, ...], float]:
    """(name, values of the labels by their names) -> value, as Prometheus reads them."""
    text = metrics_of(figures, proc)(status).decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("figures", [GATEWAY, PASSPORT])
def test_every_name_stands_in_the_documents(figures: tuple[AnyFigure, ...]) -> None:
    exported = {re.sub(r"_(bucket|count|sum)$", "", name) for name, *_ in samples(figures, STATUS)}
    assert exported >= {figure.full_name for figure in figures}, "a whole status has all of them"
    missing = {name for name in exported if f"`{name}`" not in OPERATE}
    assert not missing


def test_the_documents_have_no_other_name() -> None:
    known = {name for figures in (GATEWAY, PASSPORT) for name, *_ in samples(figures, STATUS)}
    known = {re.sub(r"_(bucket|count|sum)$", "", name) for name in known}
    section = OPERATE.partition("## Metrics")[2]
    assert set(re.findall(r"`((?:packseal|process)_[a-z_]+)`", section)) == known


def test_figures_are_those_of_the_status() -> None:
    found = samples(GATEWAY, STATUS)
    assert found["packseal_outbox_records",] == 7
    assert found["packseal_records_stored_total",] == 100
    assert found["packseal_dropped_total", "board_fork"] == 1
    assert ("packseal_dropped_total", "records_stored") not in found
    assert found["packseal_board_connected", "b", "/dev/ttyUSB0"] == 1
    assert found["packseal_can_connected", "c", "can0"] == 0
    assert found["packseal_can_frames_lost_total", "c", "can0"] == 1
    assert found["packseal_clock_state", "disciplined"] == 1
    assert found["packseal_receipt_seconds_bucket", "0.1"] == 0
    assert found["packseal_receipt_seconds_bucket", "0.25"] == 1
    assert found["packseal_receipt_seconds_count",] == 1
    assert found["process_resident_memory_bytes",] > 1 << 20
    assert samples(PASSPORT, STATUS)["packseal_passport_refused_total", "unknown-log"] == 1


def test_the_figures_of_the_process_are_there_where_only_processes_are_to_be_seen(tmp_path: Path) -> None:
    """ProcSubset=pid, which the units have, leaves the folders of processes alone: no /proc/stat."""
    (tmp_path / "self").symlink_to("/proc/self")
    hidden, seen = samples(GATEWAY, STATUS, tmp_path), samples(GATEWAY, STATUS)
    assert {name for name, *_ in hidden} == {name for name, *_ in seen}
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    start_s = registry.get_sample_value("process_start_time_seconds")
    assert hidden["process_start_time_seconds",] == pytest.approx(start_s, abs=1.1)  # whole seconds, each its own


def test_what_is_not_known_is_left_out_and_is_no_zero() -> None:
    assert ("packseal_outbox_bytes",) not in samples(GATEWAY, {"outbox": {"records": 1}})
    assert samples(GATEWAY, {"outbox": {"records": 1}})["packseal_outbox_records",] == 1


@given(st.dictionaries(st.text(max_size=80), st.integers(0, 1 << 60), max_size=300))
def test_reasons_of_others_are_bounded_and_none_is_lost(counts: dict[str, int]) -> None:
    found = samples(GATEWAY, {"outbox": {"counts": counts}})
    reasons = {key[1]: value for key, value in found.items() if key[0] == "packseal_dropped_total"}
    assert len(reasons) <= MAX_REASONS + 1
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", reason) for reason in reasons)
    wanted = sum(count for name, count in counts.items() if name not in ("records_stored", "records_receipted"))
    assert sum(reasons.values()) == pytest.approx(wanted)


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_battery_and_port_come_back_from_the_text(battery: str, port: str) -> None:
    table = {"battery": battery, "port": port, "is_connected": True}
    found = samples(GATEWAY, {"boards": [table]})
    wanted = tuple(one.encode("utf-8", "replace").decode() for one in (battery, port))
    assert found["packseal_board_connected", *wanted] == 1


def test_the_lag_of_receipts_is_from_disk_to_receipt_and_its_memory_is_bounded() -> None:
    now_s = [0.0]
    lag = ReceiptLag(lambda: now_s[0])
    log, other = b"a" * 16, b"b" * 16
    for size in (10, 20, 30):
        lag.stored(log, size)
        lag.stored(other, size)
    now_s[0] = 4.0
    lag.receipted(log, 20)
    buckets, sum_s = lag.durations.buckets()
    assert (lag.last_s, sum_s, dict(buckets)["5.0"], dict(buckets)["2.0"]) == (4.0, 8.0, 2, 0)
    lag.receipted(log, 20)
    assert lag.durations.buckets()[0][-1] == ("+Inf", 2), "a repeated receipt counts once"
    for size in range(2 * MAX_NOTED):
        lag.stored(log, 100 + size)
    assert sum(map(len, lag._noted.values())) == MAX_NOTED
