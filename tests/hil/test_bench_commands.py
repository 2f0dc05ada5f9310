"""`packseal bench` as a test engineer uses it: tests of a repository of their own, on the target `unix`.

Their first test is the one that docs/bench.md shows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from packseal.cli import main
from packseal.errors import UnavailableError
from packseal.io.micropython import micropython_command
from packseal_hil.report.run import JUNIT, PAGE, RECORDINGS, RUN, TESTS, TRACE, TestRun, read_left, read_run
from packseal_hil.report.running import Asked, command, paths_of, stories, stories_folder
from packseal_hil.trace import read_trace
from tests.apps.command import Ran
from tests.hil.bench_document import blocks
from tests.line.rig import PACKSEAL

LIMIT_S = 240
SEED = 41
MORE = """

    def test_that_fails_off_the_bench():
        assert "<b>3 V</b>" == "2 V"

    @pytest.mark.target("cortex-m")
    def test_of_another_target(pack):
        pack.run("storage-week")
    """
RIG = 'name = "rig-of-the-shed"\n[power]\ndriver = "simulated"\n'
ON_BENCH, OFF_BENCH, ELSEWHERE = (
    f"test_shed.py::{name}"
    for name in ("test_ten_minutes_of_a_day", "test_that_fails_off_the_bench", "test_of_another_target")
)


@dataclass(frozen=True)
class Made:
    """A run in its folder, of a repository beside it."""

    ran: Ran
    repository: Path

    @property
    def out(self) -> Path:
        return self.repository / "out"

    def test(self, name: str) -> TestRun:
        return next(test for test in read_run(self.out).tests if test.name == name)

    @property
    def left(self) -> Path:
        """The folder of the test on the bench."""
        return self.out / TESTS / self.test(ON_BENCH).folder


def bench(*arguments: str | Path, folder: Path, python: str = "") -> Ran:
    """python: lines that run before the command, in the same process."""
    started = [sys.executable, "-c", f"{python}\nfrom packseal.cli import main\nmain()"] if python else [PACKSEAL]
    words = [*started, "bench", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def in_process(*arguments: str | Path) -> Ran:
    done = CliRunner().invoke(main, ["bench", *map(str, arguments)])
    return Ran(done.exit_code, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    try:
        micropython_command()
    except UnavailableError as error:
        pytest.skip(str(error))
    repository = tmp_path_factory.mktemp("shed")
    (repository / "test_shed.py").write_text(blocks("python")[0] + textwrap.dedent(MORE))
    (repository / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    (repository / "rig.toml").write_text(RIG)
    ran = bench(
        "run", "test_shed.py", "--rig", "rig.toml", "--seed", str(SEED), "--record", "-o", "out", folder=repository
    )
    return Made(ran, repository)


@pytest.fixture
def copied(made: Made, tmp_path: Path) -> Path:
    """The run's folder, to be altered."""
    return Path(shutil.copytree(made.out, tmp_path / "out"))


def test_a_failing_test_is_the_exit_code_and_stands_in_the_report(made: Made) -> None:
    assert made.ran.code == 1, made.ran.out + made.ran.err
    assert "report: out/report.html" in made.ran.out
    outcomes = [made.test(name).outcome for name in (ON_BENCH, OFF_BENCH, ELSEWHERE)]
    assert outcomes == ["passed", "failed", "skipped"], made.ran.out
    page = (made.out / PAGE).read_text()
    assert "1 of 3 tests failed" in page
    assert "&lt;b&gt;3 V&lt;/b&gt;" in page
    assert "not for the target unix" in page


def test_the_page_has_every_plot_with_the_fault_in_it(made: Made) -> None:
    page = (made.out / PAGE).read_text()
    titles = ("Cell voltages, V", "Temperature, °C", "Current, A", "State of charge, %", "State of health, %")
    assert [page.count(f"<h3>{title}") for title in titles] == [1] * 5
    assert page.count('<span class="swatch-0"></span>fault') == 5


def test_rig_seed_firmware_and_versions_are_recorded(made: Made) -> None:
    run, left = read_run(made.out), read_left(made.left)
    assert (run.rig, run.pack_seed, run.target) == (RIG, SEED, "unix")
    assert (left.rig, left.seed, len(left.firmware_hash)) == ("rig-of-the-shed", SEED, 64)
    assert made.test(ON_BENCH).logged_firmware == (left.firmware_hash,)
    assert run.versions["packseal"] == "0.1.0"
    trace = read_trace(made.left / TRACE)
    assert (trace.seed, trace.cell_mv.shape[1]) == (SEED, 4)


def test_junit_says_the_same_for_a_build_server(made: Made) -> None:
    suite = ET.parse(made.out / JUNIT).getroot()[0]  # noqa: S314 - our own
    assert (suite.get("failures"), suite.get("skipped"), suite.get("tests")) == ("1", "1", "3")
    of_all = {one.get("name"): one.get("value") for one in suite.findall("./properties/property")}
    assert {"commit", "target", "version of packseal"} <= set(of_all)
    on_bench = suite.findall("./testcase[@name='test_ten_minutes_of_a_day']//property")
    of_test = {one.get("name"): one.get("value") for one in on_bench}
    assert of_test["seed"] == str(SEED)
    assert of_test["rig"] == "rig-of-the-shed"
    assert of_test["firmware_hash"] == read_left(made.left).firmware_hash


def test_evidence_of_the_run_verifies_as_a_stranger_would_do_it(made: Made) -> None:
    files = sorted(path for path in made.left.iterdir() if path.suffix in (".archive", ".bundle"))
    assert [path.suffix for path in files] == [".archive", ".bundle"]
    for path in files:
        assert CliRunner().invoke(main, ["verify", str(path)]).exit_code == 0
    assert "2 of 2 files verified" in (made.out / PAGE).read_text()


def test_a_report_made_anew_names_evidence_that_was_altered_since(copied: Path) -> None:
    (archive,) = copied.glob(f"{TESTS}/*/*.archive")
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    ran = in_process("report", copied)
    assert (ran.code, ran.out.strip()) == (0, str(copied / PAGE))
    page = (copied / PAGE).read_text()
    assert "1 of 2 files verified" in page
    assert "refused: " in page


def test_a_recorded_run_is_replayed_without_its_rig(made: Made, tmp_path: Path) -> None:
    ran = bench("replay", "out", "-o", tmp_path / "again", folder=made.repository)
    assert ran.code == 1, ran.out + ran.err
    run = read_run(tmp_path / "again")
    assert [test.outcome for test in run.tests] == ["passed", "failed", "skipped"]
    left = read_left(tmp_path / "again" / TESTS / run.tests[0].folder)
    assert left.is_replayed
    assert left.firmware_hash == read_left(made.left).firmware_hash
    again, before = (read_trace(path / TRACE) for path in (tmp_path / "again" / TESTS / run.tests[0].folder, made.left))
    assert (again.cell_mv == before.cell_mv[: len(again.cell_mv)]).all()


def test_a_run_without_recordings_says_how_to_make_some(copied: Path) -> None:
    shutil.rmtree(copied / RECORDINGS)
    ran = in_process("replay", copied)
    assert (ran.code, ran.out) == (2, "")
    assert "record a run with `packseal bench run --record`" in ran.err


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    ran = in_process("run", "-o", tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert "holds other files than those of a run on the bench" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_rig_with_a_mistake_is_named_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "rig.toml").write_text('[power]\ndriver = "steam"\n')
    ran = in_process("run", "test_shed.py", "--rig", tmp_path / "rig.toml", "-o", tmp_path / "out")
    assert (ran.code, ran.out) == (2, "")
    assert "rig.toml" in ran.err
    assert "expected driver" in ran.err


@pytest.mark.parametrize("target", ["unicorn", "board", "board:", "unix:9", ""])
def test_a_target_that_there_is_not_is_named_before_anything_runs(tmp_path: Path, target: str) -> None:
    ran = in_process("run", ".", "--target", target, "-o", tmp_path / "out")
    assert (ran.code, ran.out) == (2, "")
    assert "there are unix, cortex-m, board:PORT" in ran.err


def test_a_story_that_there_is_not_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    ran = in_process("run", "--story", "moon-landing", "-o", tmp_path / "out")
    assert (ran.code, ran.out) == (2, "")
    assert "there is no story 'moon-landing'; there are " in ran.err
    known = stories(stories_folder())
    assert known
    assert all(name in ran.err for name in known)


def test_without_pytest_it_says_what_to_install(tmp_path: Path) -> None:
    ran = bench("run", folder=tmp_path, python="import sys; sys.modules['pytest'] = None")
    assert (ran.code, ran.out) == (3, "")
    assert "pip install 'packseal[bench-run]'" in ran.err


def test_tests_that_there_are_not_are_named(tmp_path: Path) -> None:
    ran = in_process("run", tmp_path, "-o", tmp_path / "out")
    assert ran.code == 2
    assert "there is no test in what was asked for" in ran.err


def test_stories_are_files_by_their_names(tmp_path: Path) -> None:
    for name in ("test_day_in_a_vehicle.py", "test_commissioning.py", "conftest.py"):
        (tmp_path / name).write_text("")
    assert stories(tmp_path) == ("commissioning", "day-in-a-vehicle")


def test_what_is_asked_for_is_what_pytest_is_told() -> None:
    asked = Asked(("tests",), (), "cortex-m", Path("out"), Path("rig.toml"), 3, is_recorded=True)
    words = " ".join(command(asked))
    for part in ("pytest tests", "--target cortex-m", "--rig rig.toml", "--pack-seed 3", "--recordings out/recordings"):
        assert part in words
    assert paths_of(asked) == ("tests",)


def test_only_short_stories_run_where_nothing_is_named() -> None:
    def longest(*tests: str, stories: tuple[str, ...] = (), longest_s: float | None = None) -> str:
        words = command(Asked(tests, stories, "unix", Path("out"), longest_s=longest_s))
        return words[words.index("--longest") + 1] if "--longest" in words else ""

    assert longest() == "30"
    assert longest(longest_s=600) == "600"
    assert longest("tests") == longest(stories=stories(stories_folder())[:1]) == ""
    assert longest("tests", longest_s=5) == "5"


def test_a_report_of_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    ran = in_process("report", tmp_path)
    assert ran.code == 2
    assert RUN in ran.err
