"""The pytest plug-in as another team has it: a repository of its own, a pytest process of its own, once on the target
and once, without any, out of what was recorded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest

import packseal
import packseal_hil
from packseal.apps.export import load_policy
from packseal.errors import UnavailableError
from packseal.io.micropython import micropython_command
from packseal.records.verify import verify_bundle
from packseal_hil.services import BATTERY
from packseal_hil.trace import read_trace

SAMPLE = Path(__file__).parent / "sample_repository"
IN_THE_PASSPORT = "test_what_the_pack_did_is_in_the_passport"
AWAY = "test_a_gateway_that_was_away_brings_what_it_missed"
CUT = "test_a_power_cut_loses_no_record"
ALTERED, SAID = "test_whose_own_assertions_hold", "test_that_says_what_it_alters"
ON_A_BUS, ON_A_CHIP = "test_of_a_bus", "test_of_an_emulated_chip"
LIMIT_S = 300


@dataclass(frozen=True)
class Case:
    outcome: str
    words: str
    properties: dict[str, str]


@dataclass(frozen=True)
class Run:
    """What pytest has said, in words and as JUnit's XML."""

    folder: Path
    output: str
    code: int

    def case(self, name: str) -> Case:
        found = ET.parse(self.folder / "junit.xml").getroot().findall(f".//testcase[@name='{name}']")  # noqa: S314
        (case,) = found
        ends = [child for child in case if child.tag in ("failure", "error", "skipped")]
        outcome = ends[0].tag if ends else "passed"
        words = f"{ends[0].get('message')} {ends[0].text}" if ends else ""
        properties = {one.get("name", ""): one.get("value", "") for one in case.iter("property")}
        return Case(outcome, words, properties)


def pytest_in(folder: Path, *options: str) -> Run:
    """In a process of its own, of the sample repository below the folder."""
    paths = [str(Path(module.__file__ or "").parents[1]) for module in (packseal, packseal_hil)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    command = [sys.executable, "-m", "pytest", "-p", "packseal_hil.plugin", "--junitxml", str(folder / "junit.xml")]
    done = subprocess.run(
        [*command, "-q", "-rs", "--longest", "60", *options],
        cwd=folder / "repository",
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return Run(folder, done.stdout + done.stderr, done.returncode)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Run:
    try:
        micropython_command()
    except UnavailableError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("recorded")
    shutil.copytree(SAMPLE, folder / "repository")
    return pytest_in(folder, "--record", "--rig", "rig.toml", "--bench-output", str(folder / "out"))


@pytest.fixture(scope="module")
def replayed(recorded: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Where no such target is, the recordings beside the tests are taken without being asked for."""
    folder = tmp_path_factory.mktemp("replayed")
    shutil.copytree(recorded.folder / "repository", folder / "repository")
    return pytest_in(folder, "--target", "board:/dev/serial/by-id/not-here")


@pytest.mark.parametrize("name", [IN_THE_PASSPORT, AWAY, CUT, SAID, ON_A_BUS])
def test_a_test_passes_on_the_target_and_out_of_its_recording(recorded: Run, replayed: Run, name: str) -> None:
    assert recorded.case(name).outcome == "passed", recorded.output
    assert replayed.case(name).outcome == "passed", replayed.output
    assert recorded.case(name).properties["is_replayed"] == "False"
    assert replayed.case(name).properties["is_replayed"] == "True"


def test_junit_says_on_what_it_ran(recorded: Run, replayed: Run) -> None:
    live, again = (run.case(IN_THE_PASSPORT).properties for run in (recorded, replayed))
    assert live["target"] == again["target"] == "unix"
    assert len(bytes.fromhex(live["firmware_hash"])) == 32
    assert live["firmware_hash"] == again["firmware_hash"]
    assert live["rig"] == "desk"
    assert again["rig"] == f"recording test_pack.{IN_THE_PASSPORT}.jsonl"


def test_the_health_check_fails_what_passes_by_itself(recorded: Run) -> None:
    case = recorded.case(ALTERED)
    assert case.outcome == "failure"
    assert "altered: record 1: its stored bytes are not the bytes that were signed" in case.words
    assert recorded.code == 1


def test_what_failed_is_not_kept_as_a_recording(recorded: Run) -> None:
    recordings = {path.name for path in (recorded.folder / "repository" / "recordings").iterdir()}
    assert f"test_pack.{CUT}.jsonl" in recordings
    assert f"test_pack.{ALTERED}.jsonl" not in recordings


def test_what_cannot_run_is_skipped_by_name(recorded: Run, replayed: Run) -> None:
    assert "not for the target unix: cortex-m alone" in recorded.case(ON_A_CHIP).words
    assert "longer than --longest 60" in recorded.case("test_that_takes_an_hour").words
    words = replayed.case(ALTERED).words
    assert "not-here is not there" in words
    assert "no recording" in words


def test_a_pack_is_commissioned_on_an_emulated_chip(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "repository")
    run = pytest_in(tmp_path, "--target", "cortex-m", "-k", ON_A_CHIP)
    case = run.case(ON_A_CHIP)
    if case.outcome == "skipped":
        pytest.skip(case.words)
    assert case.outcome == "passed", run.output
    assert case.properties["target"] == "cortex-m"


def test_every_test_leaves_its_trace_and_a_bundle_that_verifies(recorded: Run) -> None:
    folder = recorded.folder / "out" / f"test_pack.{AWAY}"
    run = json.loads((folder / "run.json").read_text())
    assert (run["outcome"], run["failing"], run["is_replayed"]) == ("passed", [], False)
    trace = read_trace(folder / "trace.npz")
    assert [mark.kind for mark in trace.marks] == ["run", "gateway-loss"]
    assert trace.counters["passport.records"] > 3
    trusted = verify_bundle((folder / run["bundle"]).read_bytes(), load_policy(folder / "policy.toml"))
    assert trusted.battery == BATTERY


def test_a_mistake_in_the_rigs_file_ends_it_all_with_the_line(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "repository")
    (tmp_path / "repository" / "rig.toml").write_text('name = "desk"\n[[can]]\nname = "pack"\ndriver = "telepathy"\n')
    run = pytest_in(tmp_path, "--rig", "rig.toml", "-k", ON_A_BUS)
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert "rig.toml:" in run.output
    assert '"python-can"' in run.output
