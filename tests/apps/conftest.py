"""What tests of commands on files start from, and the browser of those that look at pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.apps.command import packseal
from tests.apps.exported import SETTINGS, SOH, WINDOW, Stopped, filled_desk
from tests.apps.installer_bench import Bench, open_bench
from tests.apps.serving import chromium
from tests.passport.desk import SERVICE_KEY


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    folder = tmp_path_factory.mktemp("service")
    desk, board = filled_desk(folder)
    desk.publisher.stop()
    desk.store.close()
    (folder / "service.key").write_bytes(bytes(SERVICE_KEY))
    (folder / "service.key").chmod(0o600)
    (folder / "passport.toml").write_text(SETTINGS)
    made = Stopped(folder, board)
    export = ("export", made.settings, "--battery", "pack-1", "--out", made.out)
    assert packseal(*export, "--cose-receipt").out == f"{made.bundle(SOH)}\n", "the newest state of health"
    assert packseal(*export, "--record", "14").out == f"{made.bundle(WINDOW)}\n"
    done = packseal(*export, "--archive")
    assert (done.code, done.out) == (0, f"{made.archive}\n")
    assert done.err == f"packseal: {made.policy} was there already and is left as it is\n"
    return made


@pytest.fixture(scope="module")
def started_browser() -> Iterator[Browser]:
    """Of one file: while it runs, its thread has an event loop, beside which other files' asyncio.run() would fail."""
    with chromium() as opened:
        yield opened


@pytest.fixture
def browser(started_browser: Browser) -> Iterator[Browser]:
    """Without pages: those that a test leaves open would go on asking for news, and take time from the next one."""
    yield started_browser
    for context in started_browser.contexts:
        context.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with open_bench(tmp_path_factory.mktemp("bench")) as opened:
        yield opened
