"""The page's "check here" in a real browser: the visitor's machine checks a record and need not believe the page."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page

from packseal.errors import EvidenceError
from packseal.records.cose import VerifyingKey
from tests.passport.board import Board, running_board
from tests.passport.desk import Desk, desk_for

ROOT = Path(__file__).parents[2]
TIMEOUT_MS = 20_000
SEQ = 5
STOP_S = 20


@dataclass(frozen=True)
class Served:
    desk: Desk
    board: Board
    url: str

    @property
    def page_url(self) -> str:
        return f"{self.url}/battery/pack-1"

    def put_entry(self, entry: bytes) -> None:
        self.desk.edit(lambda file: file.execute("UPDATE records SET entry = ? WHERE seq = ?", (entry, SEQ)))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    board = running_board()
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery().to_bytes())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(desk.app(), log_level="error"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield Served(desk, board, f"http://127.0.0.1:{listening.getsockname()[1]}")
        server.should_exit = True
        thread.join(STOP_S)
    desk.store.close()


@pytest.fixture(params=[(1100, 900, "light"), (360, 800, "dark")], ids=["desk", "phone"])
def page(served: Served, browser: Browser, request: pytest.FixtureRequest) -> Page:
    width, height, scheme = request.param
    opened = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    opened.set_default_timeout(TIMEOUT_MS)
    opened.goto(served.page_url)
    return opened


def press(page: Page, verdict: str) -> str:
    """Presses the button of record SEQ and waits for this kind of verdict. Where a busy machine took longer than the
    page waits for a proof, it says so, and a visitor presses again."""
    row = page.locator(f"#records tr:has(a[href$='/{SEQ}.bundle'])")
    for _ in range(3):
        row.locator(".press").click()
        row.locator(f".found.{verdict}, .found:has-text('not checked: ')").wait_for()
        if row.locator(f".found.{verdict}").count():
            break
    return row.locator(".found").inner_text()


def test_a_record_is_checked_here(page: Page, tmp_path: Path) -> None:
    hosts: list[str] = []
    page.on("request", lambda request: hosts.append(request.url))
    words = press(page, "holds")
    assert words.startswith(f"✔ record {SEQ} of 13 of battery pack-1 is what its key signed, class B, stored by 2026-")
    page.click(".found summary")
    assert "samples" in page.inner_text(".found dl")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert all(url.startswith(page.url.split("/battery")[0]) for url in hosts)
    assert page.screenshot(path=tmp_path / "checked.png", full_page=True)


def test_an_altered_record_fails_here(page: Page, served: Served) -> None:
    press(page, "holds")
    served.put_entry(served.board.entries[SEQ][:-1] + b"\x00")
    served.desk.now_unix_ms += 1_000
    assert press(page, "fails").startswith("✘ bad-inclusion-proof: the record is not what the signed root covers")


def test_a_good_proof_of_another_record_is_no_proof(page: Page, served: Served) -> None:
    other = served.desk.bundle(served.board, SEQ - 1)
    page.route(f"**/{SEQ}.bundle", lambda route: route.fulfill(body=other))
    assert press(page, "fails").startswith(f"✘ a good proof, but of record {SEQ - 1} of log")


def test_results_stay_when_the_page_renews_its_rows(page: Page, served: Served) -> None:
    press(page, "holds")
    page.evaluate("document.getElementById('records').classList.add('old')")
    served.board.windows(1)
    served.desk.receipt(served.board.delivery(13).to_bytes())
    page.wait_for_selector("#records:not(.old)")
    assert page.locator("#records .press").count() == 14
    assert page.locator(f"#records tr:has(a[href$='/{SEQ}.bundle']) .found.holds").count() == 1


def test_a_file_and_a_policy_of_ones_own(page: Page, served: Served, tmp_path: Path) -> None:
    bundle, policy = tmp_path / "taken.bundle", tmp_path / "mine.json"
    bundle.write_bytes(served.desk.bundle(served.board, SEQ))
    page.set_input_files("#check-file", bundle)
    page.wait_for_selector("#check-found .holds")
    policy.write_text("{}")
    page.set_input_files("#check-policy", policy)
    page.wait_for_selector("#check-found :text('mine.json is not taken: a policy has')")
    nobody = served.desk.policy().to_json() | {"services": []}
    policy.write_text(json.dumps(nobody))
    page.set_input_files("#check-policy", policy)
    page.wait_for_selector("#check-trusts:has-text('mine.json')")
    page.set_input_files("#check-file", bundle)
    page.wait_for_selector("#check-found :text('unknown-service')")
    assert press(page, "fails").startswith("✘ unknown-service")


REFUSING = "async () => { throw new DOMException('', 'NotSupportedError'); }"
OLD_BROWSERS = {
    "too old to check Ed25519": f"SubtleCrypto.prototype.importKey = {REFUSING}",
    "did not come over https": "Object.defineProperty(crypto, 'subtle', { value: undefined })",
}


@pytest.mark.parametrize("words", OLD_BROWSERS)
def test_a_browser_that_cannot_says_so(served: Served, browser: Browser, words: str) -> None:
    page = browser.new_page()
    page.add_init_script(OLD_BROWSERS[words])
    page.goto(served.page_url)
    page.wait_for_selector(f"#check .unable:has-text('{words}')")
    assert page.locator(".press:visible").count() == 0


def test_without_script_nothing_is_offered(served: Served, browser: Browser) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(served.page_url)
    assert page.locator("#check:visible, .press:visible").count() == 0


def libsodium_accepts(case: dict[str, str]) -> bool:
    """What the service's own rule says of a signature."""
    key, signature = bytes.fromhex(case["key"]), bytes.fromhex(case["sig"])
    try:
        VerifyingKey(key).verify(case["msg"].encode(), signature, "")
    except (EvidenceError, ValueError):
        return False
    return True


def test_chromium_agrees_on_bundles_and_edge_signatures(page: Page, shared: Path) -> None:
    bundles = json.loads((ROOT / "tests/vectors/bundles.json").read_text())
    rows = bundles["good"] + bundles["bad"]
    ask = """async ([asked, policies]) => {
      const { verifyBundle } = await import("/static/verify/verifier.js");
      const { unhex } = await import("/static/verify/evidence.js");
      const { readPolicy } = await import("/static/verify/policy.js");
      const reason = ([bundle, policy]) =>
        verifyBundle(unhex(bundle), readPolicy(policies[policy])).then(() => "", (error) => error.reason);
      return Promise.all(asked.map(reason));
    }"""
    asked = [[row["bundle"], row["policy"]] for row in rows]
    assert page.evaluate(ask, [asked, bundles["policies"]]) == [row.get("reason", "") for row in rows]
    cases = json.loads((shared / "vectors/cctv-ed25519/ed25519vectors.json").read_text())
    ask = """async (cases) => {
      const { verifySignature } = await import("/static/verify/ed25519.js");
      const { unhex } = await import("/static/verify/evidence.js");
      const accepts = ({ key, msg, sig }) =>
        verifySignature(unhex(key), new TextEncoder().encode(msg), unhex(sig)).then(() => true, () => false);
      return Promise.all(cases.map(accepts));
    }"""
    expected = [libsodium_accepts(case) for case in cases]
    assert page.evaluate(ask, cases) == expected
    assert sum(expected) == 43
