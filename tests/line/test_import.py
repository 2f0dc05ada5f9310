"""Two logs of real cars through the whole line, compared with what cantools makes of their frames."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import cantools
import pytest

from packseal.io.passport_store import PassportStore
from packseal.records.bodies import Config, Window
from packseal.records.entries import decode_entry
from tests.line.rig import PACKSEAL

BATTERY = "leaf"


@dataclass(frozen=True)
class Car:
    log: str
    dbc: str
    binding: str
    voltage: tuple[str, int]  # the signal by which the binding reads it, and its code for "not available"
    health: float


CARS = [
    Car("ZE0w24kWhstock.log", "EV-can_ZE0.dbc", "leaf_ze0.toml", ("LB_Total_Voltage", 1023), 51.0),
    Car("ME0_40kWh_Startup.log", "EV-can_AZE0.dbc", "leaf_aze0.toml", ("LB_Total_Voltage", 1023), 98.0),
]


@dataclass(frozen=True)
class Imported:
    car: Car
    log: Path
    dbc: Path
    report: dict[str, Any]
    store: Path


@pytest.fixture(scope="module", params=CARS, ids=lambda car: car.log)
def imported(shared: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    car: Car = request.param
    log = shared / "data/can/dalathegreat__EV-CANlogs/leaf" / car.log
    dbc = shared / "data/can/dalathegreat__leaf_can_bus_messages" / car.dbc
    folder = tmp_path_factory.mktemp("import")
    report = run_import(log, dbc, car.binding, folder)
    return Imported(car, log, dbc, report, folder / BATTERY / "passport.db")


def run_import(log: Path, dbc: Path, binding: str, folder: Path) -> dict[str, Any]:
    bind = resources.files("packseal.signals") / "bindings" / binding
    command = [PACKSEAL, "import", str(log), "--dbc", str(dbc), "--bind", str(bind), "--json"]
    run = subprocess.run(
        [*command, "--battery", BATTERY, "--data", str(folder)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    return report


def test_loss_report_sums_to_the_number_of_lines_and_frames(imported: Imported) -> None:
    report = imported.report
    lines = len(imported.log.read_bytes().splitlines())
    assert report["lines"] == lines == sum(report["lines_by_verdict"].values())
    assert report["frames"] == report["lines_by_verdict"]["frame"]
    without = sum(report["frames_of_unknown_ids"].values()) + report["frames_without_signals"]
    assert report["frames"] == report["frames_decoded"] + without + report["frames_too_short"]


def test_figures_are_those_of_cantools(imported: Imported) -> None:
    """Voltage of every window: mean, minimum and maximum of what cantools decodes, start-up codes left out."""
    expected, unavailable = by_cantools(imported)
    windows = [entry.body for entry in entries(imported) if isinstance(entry.body, Window)]
    found = [window.pack_voltage_mv for window in windows if window.pack_voltage_mv]
    values = [value for window in expected for value in window]
    assert min(v.minimum for v in found) == min(values)
    assert max(v.maximum for v in found) == max(values)
    assert [v.mean for v in found] == [round(sum(window) / len(window)) for window in expected if window]
    assert imported.report["values"]["pack_voltage_mv"]["valid"] == len(values)
    assert imported.report["values"]["pack_voltage_mv"]["not_available_code"] == unavailable > 0


def by_cantools(imported: Imported) -> tuple[list[list[int]], int]:
    """(voltages in mV by window of ten seconds, values that were the code), read line by line in the plainest way."""
    database: Any = cantools.database.load_string(imported.dbc.read_text(), "dbc", strict=False)
    name, code = imported.car.voltage
    message = next(m for m in database.messages if any(s.name == name for s in m.signals))
    windows: dict[int, list[int]] = {}
    unavailable = 0
    for line in imported.log.read_text().splitlines()[1:]:
        cells = line.split("\t")
        if int(cells[6], 16) == message.frame_id:
            raw = message.decode(bytes.fromhex(cells[8].replace("0x", "")), scaling=False, decode_choices=False)[name]
            volts = message.decode(bytes.fromhex(cells[8].replace("0x", "")), decode_choices=False)[name]
            unavailable += raw == code
            if raw != code:
                windows.setdefault(int(cells[4]) // 10_000, []).append(round(1000 * volts))
    return list(windows.values()), unavailable


def entries(imported: Imported) -> list[Any]:
    store = PassportStore(imported.store)
    (head,) = store.heads()
    assert head.evidence_class == "D"
    contents = store.known(head.log.log_id).entries(0, head.log.size)
    store.close()
    return [decode_entry(content) for content in contents]


def test_the_passport_shows_reported_values_as_a_replay(imported: Imported) -> None:
    shown = imported.report["passport"]
    assert shown["soh_reported_cpct"] == f"{imported.car.health} %"
    assert {"pack_voltage_mv", "pack_current_ma", "soc_reported_cpct"} <= set(shown)
    genesis, config, *_ = entries(imported)
    assert genesis.body.origin.name == "FILE"
    assert isinstance(config.body, Config)
    assert config.body.losses[0] == imported.report["lines"]


def test_importing_again_changes_nothing(imported: Imported) -> None:
    before = entries(imported)
    again = run_import(imported.log, imported.dbc, imported.car.binding, imported.store.parents[1])
    assert again["records_imported_before"] == again["records"] == len(before)
    assert entries(imported) == before


@pytest.mark.parametrize(
    ("log", "dbc", "bind", "words"),
    [
        ("no such dialect\n" * 9, "", "", "log.txt: line 1 starts no log dialect known here"),
        ("", "BO_ 1 A: x\n", "", "pack.dbc: "),
        ("", "", "quantites = 1\n", "bind.toml: "),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path: Path, log: str, dbc: str, bind: str, words: str) -> None:
    good_bind = (resources.files("packseal.signals") / "bindings" / "leaf_ze0.toml").read_text()
    (tmp_path / "log.txt").write_text(log or "(0.1) can0 1DB#00\n")
    (tmp_path / "pack.dbc").write_text(dbc or 'VERSION ""\nBO_ 475 x1DB: 8 A\n SG_ V : 0|8@1+ (1,0) [0|0] "" A\n')
    (tmp_path / "bind.toml").write_text(bind or good_bind)
    files = [str(tmp_path / "log.txt"), "--dbc", str(tmp_path / "pack.dbc"), "--bind", str(tmp_path / "bind.toml")]
    command = [PACKSEAL, "import", *files, "--data", str(tmp_path / "data")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr.startswith(f"packseal: {tmp_path}/{words}"), run.stderr
    assert not (tmp_path / "data").exists()


def test_the_log_is_bound_to_its_three_files(imported: Imported) -> None:
    bind = resources.files("packseal.signals") / "bindings" / imported.car.binding
    contents = (imported.log.read_bytes(), imported.dbc.read_bytes(), bind.read_bytes())
    digests = [hashlib.sha256(content).digest() for content in contents]
    genesis, config, *_ = entries(imported)
    assert genesis.body.label == hashlib.sha256(b"".join(digests)).digest()
    assert [config.body.source_digest, config.body.dbc_digest, config.body.binding_digest] == digests
