"""Takes the documents' pictures, into docs or the folder that is named: a demo's page, on a desk and on a phone, and
the report of a story on the bench."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from packseal.apps.demo import Demo, DemoOptions
from packseal.io.ports import free_port
from packseal_hil.report.run import PAGE
from packseal_hil.report.running import Asked, run

PICTURES = {"page.png": (1100, 1000), "page_phone.png": (360, 780)}  # width and height of the screen
REPORT, STORY = "bench-report.png", "year-in-storage"
RECORDS = 400  # enough for a plot that shows a cycle


def main() -> None:
    folder_of_pictures = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent
    take_demo(folder_of_pictures)
    take_report(folder_of_pictures / REPORT)


def take_demo(folder_of_pictures: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(DemoOptions(Path(folder) / "line", f"127.0.0.1:{free_port()}"), print)
        try:
            demo.start()
            demo.wait_for_state_of_health()
            demo.wait_for_records(RECORDS)
            for name, (width, height) in PICTURES.items():
                take(demo.line.passport.url, folder_of_pictures / name, width, height)
        finally:
            demo.stop()


def take_report(picture: Path) -> None:
    """Of a story that has to pass."""
    with tempfile.TemporaryDirectory() as folder:
        if not run(Asked((), (STORY,), "unix", Path(folder))):
            raise SystemExit(f"the story {STORY} has failed; no picture of it is taken")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1100, "height": 1790}, device_scale_factor=1)
            page.goto((Path(folder) / PAGE).as_uri())
            page.screenshot(path=picture)
            browser.close()


def take(url: str, picture: Path, width: int, height: int) -> None:
    """The first screen of a page at twice the resolution."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=2)
        page.goto(url)
        page.wait_for_selector("#verdict.verified", timeout=30_000)
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main()
