"""The page of a run: everything is named, everything is escaped, everybody can read it, and nothing is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from packseal_hil.protocols import BenchError
from packseal_hil.report.page import rendered, write_page
from packseal_hil.report.run import (
    MAX_LEFT_BYTES,
    RUN,
    TESTS,
    TRACE,
    Ended,
    Run,
    TestRun,
    folder_of,
    read_run,
    write_run,
)
from packseal_hil.trace import Trace
from tests.apps.serving import chromium
from tests.hil.traces import ESTIMATES, MARKS, cycle

TEST = "tests/test_pack.py::test_cycle"
FOLDER = "test_pack.test_cycle"
FIRMWARE = "5c" * 32
HOSTILE = "</pre><script>document.title = 'taken'</script>\x1b[31m"
PHONE = 360
LEFT: dict[str, Any] = {
    "test": TEST,
    "target": "unix",
    "rig": "bench-7",
    "seed": 7,
    "clock_rate": 100,
    "firmware_hash": FIRMWARE,
    "is_replayed": False,
    "failing": ["restarted: the log has 3 lives, the bench started the board 2 times"],
    "explained": ["gap: record 5: 2 windows are missing before it"],
    "bundle": "record-17.bundle",
}


def run_of(*tests: TestRun, **changes: Any) -> Run:
    run = Run(
        format=1,
        started_unix_ms=1_770_000_000_000,
        seconds=61.4,
        asked=(),
        target="unix",
        rig='name = "bench-7"\n',
        pack_seed=None,
        commit="c0ffee" * 6,
        is_changed=True,
        versions={"packseal": "0.1.0", "Python": "3.11.7"},
        tests=tests,
    )
    return replace(run, **changes)


PASSED = TestRun(TEST, "passed", 12.3, FOLDER)
SKIPPED = TestRun("tests/test_pack.py::test_bus", "skipped", 0.0, endings=(Ended("setup", "the rig has no [[can]]"),))
FAILED = TestRun("tests/test_pack.py::test_limits", "failed", 3.0, endings=(Ended("call", "assert 4212 < 4200"),))


def left_in(folder: Path, trace: Trace | None = None, **changes: Any) -> Path:
    """The folder of a run, with that of one test below it."""
    below = folder / TESTS / FOLDER
    below.mkdir(parents=True)
    (below / RUN).write_text(json.dumps(LEFT | changes))
    (trace or cycle(marks=MARKS, estimates=ESTIMATES)).write(below / TRACE)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def opened(browser: Browser, path: Path, width: int = 1100, scheme: str = "light") -> Page:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    return page


def test_it_names_commit_firmware_rig_target_seed_and_versions(tmp_path: Path) -> None:
    page = rendered(run_of(PASSED), left_in(tmp_path))
    for words in ("c0ffee" * 6, "with changes that are in no commit", FIRMWARE, "bench-7", "<dd>7", "3.11.7"):
        assert words in page


def test_firmware_that_only_the_log_tells_is_named(tmp_path: Path) -> None:
    stated = "7d" * 32
    page = rendered(run_of(replace(PASSED, logged_firmware=(stated,))), left_in(tmp_path, firmware_hash=""))
    assert f"<code>{stated}</code>" in page
    assert "nobody can tell" in rendered(run_of(FAILED), tmp_path)


def test_it_says_how_every_test_ended_and_why(tmp_path: Path) -> None:
    page = rendered(run_of(PASSED, SKIPPED, FAILED), left_in(tmp_path))
    assert "1 of 3 tests failed" in page
    for words in ("assert 4212 &lt; 4200", "the rig has no [[can]]", LEFT["failing"][0], LEFT["explained"][0]):
        assert words in page


def test_faults_stand_in_the_table_with_their_times(tmp_path: Path) -> None:
    page = rendered(run_of(PASSED), left_in(tmp_path))
    rows = [row for row in page.split("<tr") if "fault" in row.split(">")[0]]
    assert [("open-wire at 3" in row, "2.50 hours" in row) for row in rows] == [(True, True), (False, False)]
    assert "for good" in rows[1]


def test_a_pause_that_plots_leave_out_is_said(tmp_path: Path) -> None:
    trace = cycle(100)
    late_s = 90 * 86_400.0 * (np.arange(100) >= 50)
    page = rendered(run_of(PASSED), left_in(tmp_path, replace(trace, time_s=trace.time_s + late_s)))
    assert "since nothing was recorded then: 90.00 days after 8.17 minutes." in page


def test_a_truth_outside_the_interval_is_said(tmp_path: Path) -> None:
    outside = replace(ESTIMATES[0], low_cpct=8_750)
    page = rendered(run_of(PASSED), left_in(tmp_path, cycle(estimates=(outside,))))
    assert "its interval 87.5 to 91.0 % does not hold the truth" in page


def test_nothing_that_a_test_says_becomes_part_of_the_page(browser: Browser, tmp_path: Path) -> None:
    marks = (replace(MARKS[1], words=HOSTILE), replace(MARKS[2], kind=HOSTILE))
    test = TestRun(TEST + HOSTILE, "failed", 1.0, FOLDER, (Ended("call", HOSTILE),), (HOSTILE,))
    run = run_of(test, target=HOSTILE, rig=HOSTILE, commit=HOSTILE, versions={HOSTILE: HOSTILE})
    hostile = dict.fromkeys(("target", "rig", "firmware_hash"), HOSTILE) | {"failing": [HOSTILE]}
    write_run(run, left_in(tmp_path, cycle(60, marks), **hostile))
    page = opened(browser, write_page(tmp_path))
    assert page.title() == "Run on the bench · PackSeal"
    assert page.locator("script").count() == 0
    assert "\x1b" not in page.content()
    assert page.locator("pre", has_text="</pre><script>").count() > 0


def test_it_loads_nothing(browser: Browser, tmp_path: Path) -> None:
    write_run(run_of(PASSED, SKIPPED, FAILED), left_in(tmp_path))
    page, asked = browser.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    path = write_page(tmp_path)
    page.goto(path.as_uri(), wait_until="networkidle")
    assert asked == [path.as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, 1100])
def test_axe_finds_nothing_and_a_phone_needs_no_sideways_scrolling(
    browser: Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    write_run(run_of(PASSED, SKIPPED, FAILED), left_in(tmp_path))
    page = opened(browser, write_page(tmp_path), width, scheme)
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_lines_differ_in_colour_and_the_interval_is_filled(browser: Browser, tmp_path: Path) -> None:
    write_run(run_of(PASSED), left_in(tmp_path))
    page = opened(browser, write_page(tmp_path))
    style = "(one) => { const s = getComputedStyle(one); return [s.stroke, s.fill]; }"
    strokes = [page.locator(f".chart.band .serie-{n} .line").first.evaluate(style) for n in range(5)]
    assert len({stroke for stroke, _ in strokes[:4]}) == 4
    assert [fill == "none" for _, fill in strokes] == [False, True, True, True, False]


def test_the_same_run_makes_the_same_page(tmp_path: Path) -> None:
    left_in(tmp_path)
    assert rendered(run_of(PASSED), tmp_path) == rendered(run_of(PASSED), tmp_path)


def test_a_trace_that_cannot_be_read_is_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    (left_in(tmp_path) / TESTS / FOLDER / TRACE).write_bytes(b"PK\x03\x04")
    page = rendered(run_of(PASSED, FAILED), tmp_path)
    assert f"{TRACE} is not a trace" in page
    assert "assert 4212" in page


def test_a_run_in_which_nothing_ran_has_not_passed(tmp_path: Path) -> None:
    assert "No test has run" in rendered(run_of(), tmp_path)
    assert 'class="badge verified"' not in rendered(run_of(SKIPPED), tmp_path)


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    run = run_of(PASSED, SKIPPED, FAILED, asked=("tests",), pack_seed=3)
    write_run(run, tmp_path)
    assert read_run(tmp_path) == run


@pytest.mark.parametrize("folder", ["../..", "/etc", "a/b", ".", "..", ".hidden"])
def test_a_record_that_names_a_folder_elsewhere_is_refused(tmp_path: Path, folder: str) -> None:
    write_run(run_of(replace(PASSED, folder=folder)), tmp_path)
    with pytest.raises(BenchError, match=r"run\.json is no record of a run on the bench: tests\.0\.folder"):
        read_run(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": 2}', "null", "\ufeff"])
def test_what_is_no_record_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / RUN).write_text(content)
    with pytest.raises(BenchError, match=r"run\.json is no record"):
        read_run(tmp_path)


def test_a_folder_without_a_run_is_named_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"run\.json: cannot be read: .*; name the folder of a `packseal bench run`"):
        read_run(tmp_path)


def test_the_folder_of_a_test_is_found_by_the_name_of_the_test(tmp_path: Path) -> None:
    left_in(tmp_path)
    assert folder_of(TEST, tmp_path / TESTS) == FOLDER
    assert folder_of("tests/test_pack.py::test_bus", tmp_path / TESTS) == ""


def test_what_a_test_has_left_has_a_limit(tmp_path: Path) -> None:
    left_in(tmp_path, cycle(2), rig="x" * MAX_LEFT_BYTES)
    with pytest.raises(BenchError, match="larger than"):
        folder_of(TEST, tmp_path / TESTS)
