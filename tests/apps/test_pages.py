"""The pages: what they say, when they say it, and what they never do."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace
from functools import partial
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest
from starlette.applications import Starlette

from packseal.apps.plots import PLOTS
from packseal.passport.settings import PassportSettings
from packseal.records.bodies import BlockEstimate, EntryType, Origin, Window
from packseal.records.merkle import Edge, leaf_hash
from packseal.records.note import verify_log_checkpoint
from packseal.records.passport_log import decode_bundle
from packseal.records.policy import Policy, PolicyLog
from packseal.records.verify import verify_bundle
from packseal.records.writing import encode_window
from tests.apps.browser import ask
from tests.passport.board import Board, running_board, settings_for
from tests.passport.desk import ORIGIN, SERVICE_PUBLIC_KEY, Desk, desk_for

PAGE = "/battery/pack-1"
HOSTILE = "<script>alert('x')</script> & \"pack\""


def served(folder: Path, board: Board, evidence_class: str = "B") -> tuple[Desk, Starlette]:
    desk = desk_for(folder, board, evidence_class)
    desk.receipt(board.delivery().to_bytes())
    return desk, desk.app()


def words_of(html: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)))


def test_a_verified_pack(tmp_path: Path) -> None:
    _, app = served(tmp_path, running_board())
    words = words_of(ask(app, PAGE).text)
    for expected in (
        "A used pack",
        "Verified All 13 records stored here",
        "91.2 %",
        "90.2 to 92.2 %",
        "charge counted between two rested open-circuit anchors",
        "54.7 Ah",
        "22.31 mΩ",
        "Nothing was refused",
        "That the sensors told the truth",
        "100 % 13 of 13 records",
    ):
        assert expected in words
    assert "Simulated" not in words


def test_what_is_not_known_is_said_and_not_guessed(tmp_path: Path) -> None:
    board = Board()
    board.boot()
    _, app = served(tmp_path, board)
    words = words_of(ask(app, PAGE).text)
    assert "Not yet known It needs one charge or discharge" in words


def test_what_the_pack_can_still_do(tmp_path: Path) -> None:
    """With method, conditions and the blocks at both ends; or what is missing, and what to do."""
    board = running_board()
    blocks = {"least": BlockEstimate(2, 340, 6), "most": BlockEstimate(5, 360, 6)}
    board.estimate(3, (4210, 55), temperature_ddegc=251, soc_span_cpct=(1200, 9100), **blocks)
    board.estimate(6, lacking=(9,), method=5)
    _, app = served(tmp_path, board)
    words = words_of(ask(app, PAGE).text)
    for expected in (
        "What it can still do Usable energy 4.21 kWh 4.10 to 4.32 kWh weakest: cell block 2, 0.34 kWh ± 0.01 kWh"
        " strongest: cell block 5, 0.36 kWh ± 0.01 kWh 4 s ago · class B Where this comes from : Usable energy"
        " How capacity times the mean open-circuit voltage less what resistance takes (method 4) Interval",
        "Between 12.0 to 91.0 % charge At 25.1 °C From records 2 to 12 Record take record 13 with its proof"
        " Evidence class B: signed beside the cells, with a key in the board's processor Age 4 s ago",
        "Round-trip efficiency not yet known needs a full cycle back to the same state of charge (discharge and charge",
        "back to where it began) says record 14 · class B",
        "Self-discharge not yet known needs a board that estimates it",
        "ESTIMATE usable energy: 4.21 kWh ± 0.11 kWh",
    ):
        assert expected in words


def test_a_health_that_is_no_longer_known(tmp_path: Path) -> None:
    board = running_board()
    board.estimate(1, lacking=(1,), method=2)
    _, app = served(tmp_path, board)
    words = words_of(ask(app, PAGE).text)
    assert "Not yet known It needs a rest of the pack (let the pack rest 10 minutes without current). Until" in words
    assert "says record 13 · class B" in words


def test_a_battery_nothing_was_heard_of(tmp_path: Path) -> None:
    app = desk_for(tmp_path, Board()).app()
    assert "Nothing received yet" in ask(app, PAGE).text
    assert ask(app, f"{PAGE}/plot.svg?quantity=soc").status == 200
    assert ask(app, f"{PAGE}/data.json").json["verification"]["state"] == "empty"


def _put_entry(seq: int, entry: bytes, file: sqlite3.Connection) -> None:
    file.execute("UPDATE records SET entry = ? WHERE seq = ?", (entry, seq))


def test_an_altered_record_is_named_within_seconds_and_forgiven_when_restored(tmp_path: Path) -> None:
    board = running_board(70)
    desk, app = served(tmp_path, board)
    assert ask(app, f"{PAGE}/data.json").json["verification"]["state"] == "verified"
    forged = board.entries[57][:-1] + b"\x00"
    for entry, state in ((forged, "altered"), (board.entries[57], "verified")):
        desk.edit(partial(_put_entry, 57, entry))
        desk.now_unix_ms += 1_000
        verification = ask(app, f"{PAGE}/data.json").json["verification"]
        assert verification["state"] == state
        if state == "altered":
            assert verification["headline"] == "Not verified: record 57"
            assert "not the bytes that were signed (root-mismatch)" in verification["sentence"]
            page = words_of(ask(app, PAGE).text)
            assert "Not verified: record 57" in page
            assert "its bytes are not those that were signed" in page


def test_the_list_checks_each_record_at_each_view(tmp_path: Path) -> None:
    board = running_board()
    desk, app = served(tmp_path, board)
    assert "✘" not in ask(app, PAGE).text
    desk.edit(lambda file: file.execute("UPDATE records SET entry = ? WHERE seq = 5", (board.entries[4],)))
    assert words_of(ask(app, PAGE).text).count("✘ its bytes are not those") == 1, "without waiting for the next audit"


def test_a_log_that_was_cut_off_is_found(tmp_path: Path) -> None:
    board = running_board()
    desk, app = served(tmp_path, board)
    desk.edit(lambda file: [file.execute(f"DELETE FROM {table}") for table in ("records", "checkpoints", "logs")])  # noqa: S608
    assert ask(app, f"{PAGE}/data.json").json["verification"]["headline"] == "Not verified: records 0 to 12"


def test_refusals_are_shown_with_reason_and_count(tmp_path: Path) -> None:
    desk, app = served(tmp_path, running_board())
    for _ in range(2):
        desk.refusal(running_board(name="stranger").delivery().to_bytes())
    words = words_of(ask(app, PAGE).text)
    assert "2 its key is not enrolled for any battery unknown-log" in words


def test_a_simulated_pack_and_a_replay_say_so(tmp_path: Path) -> None:
    _, app = served(tmp_path, running_board(source=0, clock_rate=60))
    assert "Simulated pack. Its clock runs 60 times faster." in words_of(ask(app, PAGE).text)
    folder = tmp_path / "replay"
    folder.mkdir()
    _, app = served(folder, running_board(origin=Origin.FILE), "D")
    words = words_of(ask(app, PAGE).text)
    assert "Replay. These records were read from a file" in words
    assert " Now " not in words


def test_time_at_each_temperature_and_charge_cites_the_records(tmp_path: Path) -> None:
    board = running_board()
    cold = Window(3_600_000, 10, temperature_ddegc=(-5,), soc_cpct=10_000)
    board.entries.append(encode_window(board.size, 1, board.uptime_ms + 3_600_000, cold))
    board.uptime_ms += 3_600_000
    _, app = served(tmp_path, board)
    found = ask(app, f"{PAGE}/data.json").json["values"]["temperature_histogram"]
    assert found["value"][0].items() >= {"from": -10, "to": 0, "min": 60}.items()
    assert (found["inputs"], found["record"]["seq"]) == ([1, 13], 13)
    words = words_of(ask(app, PAGE).text)
    assert (
        "\u221210 to 0 °C 1 h 0 min 97.2 % 0 to 10 °C 0 s 0 % 10 to 20 °C 0 s 0 % 20 to 30 °C 1 min 40 s 2.7 %" in words
    )
    assert "70 to 80 % 1 min 40 s 2.7 % 80 to 90 % 0 s 0 % 90 to 100 % 1 h 0 min 97.2 %" in words


def test_events_are_a_list(tmp_path: Path) -> None:
    board = running_board()
    _, app = served(tmp_path, board)
    assert "No event was recorded" in words_of(ask(app, PAGE).text)
    board = running_board(name="other")
    for phase in (1, 2, 1):
        board.append(EntryType.EVENT, {1: 3, 2: phase})
    (tmp_path / "other").mkdir()
    _, app = served(tmp_path / "other", board)
    words = words_of(ask(app, PAGE).text)
    assert "too hot , begins: 2 times in log" in words
    assert "too hot , has ended: once in log" in words


def test_a_hostile_name_is_only_text(tmp_path: Path) -> None:
    board = running_board()
    desk = Desk(tmp_path, settings_for((board, "B"), name=HOSTILE))
    desk.give(board.delivery().to_bytes())
    desk.give(b"\xff", topic="packseal/<img src=x onerror=alert(1)>/pack-1/rec")
    app = desk.app()
    html = ask(app, PAGE).text
    assert "&lt;script&gt;alert(" in html
    scripts = [f'<script src="/static/{name}.js" type="module">' for name in ("page", "check")]
    assert [tag.strip() for tag in re.findall(r"<script[^>]*>[^<]*", html)] == scripts
    assert "<img src=x" not in html
    assert ask(app, f"{PAGE}/data.json").json["battery"]["name"] == HOSTILE


def test_a_record_is_taken_away_with_its_proof(tmp_path: Path) -> None:
    board = running_board()
    _, app = served(tmp_path, board)
    (link,) = set(re.findall(rf'"({PAGE}/records/[0-9a-f]+/12\.bundle)"', ask(app, PAGE).text))
    answer = ask(app, link)
    assert answer.headers["content-disposition"].startswith("attachment")
    policy = Policy({board.log_id: PolicyLog("pack-1", "B")}, {SERVICE_PUBLIC_KEY: ORIGIN})
    assert verify_bundle(answer.body, policy).entry.seq == 12


def test_the_policy_is_what_this_service_trusts(tmp_path: Path) -> None:
    board = running_board()
    _, app = served(tmp_path, board)
    found = ask(app, f"{PAGE}/policy.json").json
    assert found == {
        "logs": {board.log_id.hex(): {"battery": "pack-1", "evidence_class": "B"}},
        "services": [{"origin": ORIGIN, "public_key": SERVICE_PUBLIC_KEY.hex()}],
        "keys": [],
        "witnesses": [],
        "witnesses_needed": 0,
        "revoked": [],
    }
    assert Policy.from_json(found) == Policy({board.log_id: PolicyLog("pack-1", "B")}, {SERVICE_PUBLIC_KEY: ORIGIN})


def test_the_log_is_there_for_everybody(tmp_path: Path) -> None:
    """C2SP tlog-tiles: the checkpoint is text, everything else bytes."""
    desk, app = served(tmp_path, running_board())
    note = ask(app, "/log/checkpoint")
    assert note.headers["content-type"] == "text/plain; charset=utf-8"
    checkpoint = verify_log_checkpoint(note.body, SERVICE_PUBLIC_KEY)
    assert (checkpoint.origin, checkpoint.size) == (desk.settings.origin, 3)
    tile = ask(app, "/log/tile/0/000.p/3")
    assert tile.headers["content-type"] == "application/octet-stream"
    entries = decode_bundle(ask(app, "/log/tile/entries/000.p/3").body)
    assert tile.body == b"".join(leaf_hash(entry) for entry in entries)
    assert checkpoint.root == Edge().extended([leaf_hash(entry) for entry in entries]).root()


NOWHERE = (
    "/battery/pack-2",
    "/battery/pack-2/data.json",
    "/battery/pack-2/policy.json",
    "/battery/pack-1/plot.svg?quantity=unknown",
    "/battery/pack-1/records/00/0.bundle",
    f"/battery/pack-1/records/{bytes(16).hex()}/0.bundle",
    "/battery/..%2f..%2fetc/data.json",
    "/log/",
    "/log/nothing",
    "/log/tile/0/001",
    "/log/tile/0/000.p/255",
    "/log/../passport.db",
    "/log/..%2fpassport.db",
    "/static/../pages.py",
    "/static/nothing",
    "/anything",
)


@pytest.mark.parametrize("target", NOWHERE)
def test_what_is_not_there_looks_the_same_everywhere(tmp_path: Path, target: str) -> None:
    _, app = served(tmp_path, running_board())
    answer = ask(app, target)
    assert answer.status == 404
    assert answer.body == ask(app, "/battery/another").body


@pytest.mark.parametrize("seq", ["13", "99999999", "-1", "1e3", "\u0661", "0x1", "999999999999999999999"])
def test_a_record_number_is_a_number_of_a_record(tmp_path: Path, seq: str) -> None:
    board = running_board()
    _, app = served(tmp_path, board)
    assert ask(app, f"{PAGE}/records/{board.log_id.hex()}/{seq}.bundle").status == 404


GUARDED = [PAGE, "/", f"{PAGE}/data.json", "/static/page.js", "/nothing", "/healthz", "/acts", "/log/checkpoint"]


@pytest.mark.parametrize("target", GUARDED)
def test_every_answer_is_guarded(tmp_path: Path, target: str) -> None:
    _, app = served(tmp_path, running_board())
    for method in ("GET", "HEAD", "POST"):
        headers = ask(app, target, method).headers
        assert headers["content-security-policy"].startswith("default-src 'self'; base-uri 'none'")
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_pages_only_show(tmp_path: Path, method: str) -> None:
    _, app = served(tmp_path, running_board())
    assert ask(app, PAGE, method).status == 405


def test_nothing_outside_is_asked_for(tmp_path: Path) -> None:
    _, app = served(tmp_path, running_board())
    texts = [ask(app, target).text for target in (PAGE, "/static/page.css", "/static/page.js", "/static/check.js")]
    assert not [text for text in texts if re.search(r"(https?:)?//[a-z]", re.sub(r"// .*", "", text))]
    assert " style=" not in texts[0], "the policy allows no style in the page"
    assert '<noscript><meta http-equiv="refresh"' in texts[0], "it refreshes without script, too"


@pytest.mark.parametrize("quantity", PLOTS)
def test_plots_are_plain_svg_that_scales(tmp_path: Path, quantity: str) -> None:
    _, app = served(tmp_path, running_board())
    answer = ask(app, f"{PAGE}/plot.svg?quantity={quantity}")
    root = ElementTree.fromstring(answer.body)  # noqa: S314 - our own drawing
    assert root.get("viewBox")
    assert not root.get("width")
    assert not [element for element in root.iter() if str(element.tag).endswith("script")]
    assert answer.headers["content-type"] == "image/svg+xml"


def test_the_front_page_leads_to_one_battery_or_lists_several(tmp_path: Path) -> None:
    board = running_board()
    desk, app = served(tmp_path, board)
    assert ask(app, "/").headers["location"] == PAGE
    one = desk.settings.batteries[0]
    desk.settings = PassportSettings((one, replace(one, id="pack-2", name="Another", sources=())))
    desk.reopen()
    assert ask(desk.app(), "/").headers["location"].startswith("/fleet")
    words = words_of(ask(desk.app(), "/fleet").text)
    assert "A used pack" in words
    assert "Another" in words


def test_a_store_that_cannot_be_read_is_said_plainly(tmp_path: Path) -> None:
    desk, app = served(tmp_path, running_board())
    desk.edit(lambda file: file.execute("DROP TABLE refusals"))
    answer = ask(app, PAGE)
    assert answer.status == 503
    assert "Nothing is lost" in answer.text
    assert "passport.db" not in answer.text


def test_health(tmp_path: Path) -> None:
    _, app = served(tmp_path, running_board())
    assert ask(app, "/healthz").text == "ok\n"
