"""Takes the documents' pictures, into docs or the folder that is named: a demo's page, on a desk and on a phone."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from packseal.apps.demo import Demo, DemoOptions
from packseal.io.ports import free_port

PICTURES = {"page.png": (1100, 1000), "page_phone.png": (360, 780)}  # width and height of the screen
RECORDS = 400  # enough for a plot that shows a cycle


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(DemoOptions(Path(folder) / "line", f"127.0.0.1:{free_port()}"), print)
        try:
            demo.start()
            demo.wait_for_state_of_health()
            demo.wait_for_records(RECORDS)
            folder_of_pictures = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent
            for name, (width, height) in PICTURES.items():
                take(demo.line.passport.url, folder_of_pictures / name, width, height)
        finally:
            demo.stop()


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
