"""The stories that come with the bench, as `packseal bench run --story … --story …` starts them.

On the target unix, in four minutes in all; every night on the emulated chip as well (PACKSEAL_NIGHTLY).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from packseal.errors import MicroPythonError
from packseal.io.micropython import micropython_command
from packseal_hil.report.run import TestRun, read_run
from packseal_hil.report.running import Asked, run, stories, stories_folder

NAMES = ("commissioning", "day-in-a-vehicle", "firmware-update", "second-life", "tampering-workshop", "year-in-storage")
ON_THE_CHIP = ("commissioning", "day-in-a-vehicle", "second-life", "tampering-workshop", "year-in-storage")
nightly = pytest.mark.skipif(
    "PACKSEAL_NIGHTLY" not in os.environ, reason="an hour of the chip is an hour: make test-nightly"
)


@pytest.fixture(scope="module", autouse=True)
def _micropython() -> None:
    try:
        micropython_command()
    except MicroPythonError as error:
        pytest.skip(str(error))


def test_every_story_is_run_here() -> None:
    assert stories(stories_folder()) == NAMES


@pytest.fixture(scope="module")
def told_on_unix(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[TestRun]]:
    return told(NAMES, "unix", tmp_path_factory.mktemp("unix"))


@pytest.fixture(scope="module")
def told_on_the_chip(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[TestRun]]:
    return told(ON_THE_CHIP, "cortex-m", tmp_path_factory.mktemp("chip"))


def told(names: tuple[str, ...], target: str, folder: Path) -> dict[str, list[TestRun]]:
    """The tests of each story, all of one run."""
    run(Asked((), names, target, folder))
    tests = read_run(folder).tests
    return {name: [test for test in tests if f"test_{name.replace('-', '_')}.py" in test.name] for name in names}


def why(tests: list[TestRun], outcome: str) -> str:
    """What pytest and the health check say of those that ended so."""
    return "\n".join(
        f"{test.name}\n{ended.words}" for test in tests for ended in test.endings if test.outcome == outcome
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_story_passes_on_unix(told_on_unix: dict[str, list[TestRun]], name: str) -> None:
    tests = told_on_unix[name]
    assert [test.outcome for test in tests] == ["passed"] * max(len(tests), 1), why(tests, "failed")


@nightly
@pytest.mark.parametrize("name", ON_THE_CHIP)
def test_a_story_passes_on_the_emulated_chip(told_on_the_chip: dict[str, list[TestRun]], name: str) -> None:
    """What can be told there: a bit of its flash is nobody's to flip."""
    tests = told_on_the_chip[name]
    outcomes = {test.outcome for test in tests}
    assert "passed" in outcomes, why(tests, "skipped")
    assert "failed" not in outcomes, why(tests, "failed")
