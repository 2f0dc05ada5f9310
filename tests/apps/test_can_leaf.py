"""Recorded frames of a real car through the recorder: values as cantools has them, and a service takes the log."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import cantools
import numpy as np
import pytest

from packseal.apps.can_recorder import CanRecorder
from packseal.apps.window_records import BoundSignals
from packseal.frames import Frames, read_log
from packseal.passport.settings import BatterySettings, EnrolledSource, PassportSettings
from packseal.records.acts import Authority, Role
from packseal.records.attestation import attestation_digest
from packseal.records.bodies import EntryType, Window
from tests.apps.can_site import BATTERY, KEY, SIGNER, WINDOW_MS, CanSite, bodies
from tests.passport.desk import Desk

LOG = "data/can/dalathegreat__EV-CANlogs/leaf/ZE0w24kWhstock.log"
DBC = "data/can/dalathegreat__leaf_can_bus_messages/EV-can_ZE0.dbc"
VOLTAGE, NOT_AVAILABLE = "LB_Total_Voltage", 1023


@pytest.fixture(scope="module")
def recorded(shared: Path) -> Frames:
    frames, _ = read_log((shared / LOG).read_bytes())
    return frames


@pytest.fixture
def site(shared: Path, recorded: Frames, tmp_path: Path) -> Iterator[CanSite]:
    bind = resources.files("packseal.signals") / "bindings" / "leaf_ze0.toml"
    made = CanSite(tmp_path, BoundSignals.load(shared / DBC, Path(str(bind))))
    record(made.start(now_ms=int(recorded.time_ns[0]) // 1_000_000), recorded)
    yield made
    made.store.close()


def record(recorder: CanRecorder, frames: Frames) -> None:
    """In pieces of a tenth of a second, as a bus hands them over, until the last window has ended."""
    turns = frames.time_ns // 100_000_000
    for turn in np.unique(turns):
        recorder.take(frames.select(turns == turn), int(turn + 1) * 100)
    recorder.take(Frames.empty(), int(turns[-1] + 1) * 100 + WINDOW_MS)
    recorder.end()


def by_cantools(frames: Frames, dbc: str) -> list[list[int]]:
    """Voltages in mV by window from the first frame on, start-up codes left out."""
    database: Any = cantools.database.load_string(dbc, "dbc", strict=False)
    message = next(m for m in database.messages if any(s.name == VOLTAGE for s in m.signals))
    first_ms = int(frames.time_ns[0]) // 1_000_000
    found: dict[int, list[int]] = {}
    for row in np.flatnonzero(frames.can_id == message.frame_id):
        data = frames.data[row].tobytes()[: frames.length[row]]
        if message.decode(data, scaling=False, decode_choices=False)[VOLTAGE] != NOT_AVAILABLE:
            window = (int(frames.time_ns[row]) - first_ms * 1_000_000) // (WINDOW_MS * 1_000_000)
            found.setdefault(window, []).append(round(1000 * message.decode(data, decode_choices=False)[VOLTAGE]))
    return [found[window] for window in sorted(found)]


def test_values_are_those_of_cantools(site: CanSite, recorded: Frames) -> None:
    expected = by_cantools(recorded, site.signals.dbc.decode())
    _, entries = site.received()
    windows = [entry.body for entry in bodies(entries, EntryType.WINDOW) if isinstance(entry.body, Window)]
    found = [window.pack_voltage_mv for window in windows if window.pack_voltage_mv]
    assert [(v.mean, v.minimum, v.maximum) for v in found] == [
        (round(sum(values) / len(values)), min(values), max(values)) for values in expected
    ]
    assert len(found) > 2
    assert {window.soh_reported_cpct for window in windows} == {5_100}


def test_a_passport_service_takes_it_as_class_c(site: CanSite, tmp_path: Path) -> None:
    source = EnrolledSource(SIGNER.public_key, "C")
    battery = BatterySettings(BATTERY, "EV", 65_000, "A car's pack", (source,))
    folder = tmp_path / "desk"
    folder.mkdir()
    desk = Desk(folder, PassportSettings((battery,), (Authority(KEY, Role.GATEWAY),)))
    for delivery in site.submitted:
        receipt = desk.receipt(delivery.to_bytes())
        assert receipt.attestation_digest == attestation_digest(delivery.attestation or b"")
    (head,) = desk.store.heads()
    assert (head.evidence_class, head.size) == ("C", site.received()[0].size)
    document: Any = desk.service.document(BATTERY)
    assert document["values"]["soh_reported_cpct"]["value"] == 51.0
