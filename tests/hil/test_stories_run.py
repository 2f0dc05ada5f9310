"""The stories that come with the bench, each in a pytest of its own as `packseal bench run --story` starts it.

On the target unix, in five minutes in all; every night on the emulated chip as well (PACKSEAL_NIGHTLY).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from packseal.errors import MicroPythonError
from packseal.io.micropython import micropython_command
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


@pytest.mark.parametrize("name", NAMES)
def test_a_story_passes_on_unix(name: str, tmp_path: Path) -> None:
    assert run(Asked((), (name,), "unix", tmp_path / "out"))


@nightly
@pytest.mark.parametrize("name", ON_THE_CHIP)
def test_a_story_passes_on_the_emulated_chip(name: str, tmp_path: Path) -> None:
    assert run(Asked((), (name,), "cortex-m", tmp_path / "out"))
