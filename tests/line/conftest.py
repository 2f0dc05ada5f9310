"""One demo for all tests that only look at it; a rig of killable processes for those that do not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from packseal.apps.demo import Demo, DemoOptions
from packseal.errors import MicroPythonError
from packseal.io.micropython import micropython_command
from packseal.io.ports import free_port
from tests.line.rig import Rig, broker, missing


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo with its first state of health."""
    needs_micropython()
    folder = tmp_path_factory.mktemp("demo")
    outside, address = broker(folder)
    running = Demo(DemoOptions(folder / "line", f"127.0.0.1:{free_port()}", address), print)
    try:
        outside.start()
        running.start()
        running.wait_for_state_of_health()
        yield running
    finally:
        running.stop()
        outside.kill()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Broker, service, gateway and board, started."""
    needs_micropython()
    made = Rig(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def micropython() -> None:
    needs_micropython()


def needs_micropython() -> None:
    try:
        micropython_command()
    except MicroPythonError as error:
        missing(str(error))
