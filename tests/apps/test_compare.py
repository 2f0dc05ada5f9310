"""The comparison sheet: what it shows of which pack to whom, in which order and language, on screen and on paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser
from starlette.applications import Starlette

from packseal.apps.comparison import MAX_PASSPORTS, ROLES, Order, Sheet, order_of, turned
from packseal.apps.languages import CODES, language
from packseal.apps.life_desk import NewPassport
from packseal.apps.pages import passport_app
from packseal.apps.read_log import SPAN_MS, ReadLog
from packseal.apps.readers import Readers
from packseal.io.access_settings import AccessTable, ReaderTable
from packseal.io.keys import new_reader_key
from packseal.passport import grading_values
from packseal.passport.access import ReaderRole
from packseal.passport.grading import Verdict
from packseal.passport.grading_rows import ROWS, State
from packseal.passport.grading_rule import CRITERIA, MEANINGS, ORDER_TEXT
from packseal.passport.settings import PassportSettings
from packseal.records.statement_bodies import Stage
from tests.apps.asking import ask as asked
from tests.apps.asking import served
from tests.apps.browser import ask
from tests.apps.compared import GRADED, sheet_of, text_of
from tests.apps.desk_api import MAKER, reader_key
from tests.apps.desk_api import served as served_life
from tests.apps.page_states import NAME, STATES, estimated
from tests.apps.test_accessibility import DESK, PHONE, assert_accessible, opened
from tests.apps.test_languages import OTHERS, untranslated
from tests.apps.test_life_journey import bind
from tests.passport.board import Board
from tests.passport.desk import Desk

KEY, DIGEST = new_reader_key()
OWNER = {"authorization": f"Bearer {KEY}"}
BOTH = "/compare?passport=pack-1&passport=pack-2"


def two_batteries(desk: Desk) -> Desk:
    """The other one is there, and nothing was heard of it."""
    one = desk.settings.batteries[0]
    desk.settings = PassportSettings((one, replace(one, id="pack-2", name="Akku 8", sources=())))
    desk.reopen()
    return desk


def app_of(desk: Desk, role: ReaderRole = ReaderRole.OWNER, anonymous: str = "public") -> tuple[Starlette, ReadLog]:
    """Who has KEY is the owner, or whoever, of both batteries."""
    both = ("pack-1", "pack-2")
    key = {"name": "Depot", "role": role, "batteries": both, "key_sha256": DIGEST.hex()}
    access = AccessTable.model_validate({"requests_per_minute": 0, "anonymous": anonymous})
    read_log = ReadLog(desk.store.read_log, 30, lambda: desk.now_unix_ms)
    readers = Readers(access, (ReaderTable.model_validate(key),), (), lambda: frozenset(both))
    desk.publisher.turn()
    return passport_app(desk.service, desk.tiles, desk.policy, readers=readers, read_log=read_log), read_log


def words_of(html: bytes) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html.decode())))


# ---- who sees what


def test_an_owner_sees_values_with_interval_and_evidence(tmp_path: Path) -> None:
    app, _ = app_of(two_batteries(estimated(tmp_path)))
    answer = ask(app, BOTH, headers=OWNER)
    words = words_of(answer.body)
    assert answer.status == 200
    for expected in (
        f"{NAME} pack-1 · stationary storage Akku 8 pack-2 · stationary storage",
        "State of health 91.2 % 90.2 to 92.2 % class B · 4 s ago not yet known",
        "It rests on class B take record 12 with its proof signed beside the cells",
        "Usable energy 4.21 kWh 4.10 to 4.32 kWh",
        "Health, as claimed 99.0 %",
        "Deep discharges 2",
        "First life not sealed 0 of 1 log",
        "Gaps in the evidence no window lost",
        "not graded In the way:",
        "On the market ? not known needs a statement by its operator: packseal passport create allows no grade",
        "Health, lower end ✔ met: 90.22 %",
        "Made by packseal.invalid/log (http://127.0.0.1:8420) for: the owner of the battery.",
    ):
        assert expected in words


@pytest.mark.parametrize("role", [ReaderRole.PUBLIC, ReaderRole.AUTHORITY, ReaderRole.NOTIFIED_BODY])
def test_who_may_not_see_the_individual_battery_is_told_so(tmp_path: Path, role: ReaderRole) -> None:
    app, _ = app_of(estimated(tmp_path), role)
    for target in ("/compare?passport=pack-1", "/compare.pdf?passport=pack-1"):
        answer = ask(app, target, headers=OWNER)
        words = text_of(answer.body) if "pdf" in target else words_of(answer.body)
        assert answer.status == 200
        assert "91.2" not in words
        assert "4.21" not in words
        assert "State of health not shown to you" in words
        assert "100 %" in words, "how complete the evidence is, everybody sees"


def test_what_is_not_there_and_what_may_not_be_seen_are_one_and_the_same(tmp_path: Path) -> None:
    app, read_log = app_of(estimated(tmp_path))
    found = ask(app, "/compare?passport=pack-9&passport=%3Cscript%3E&passport=..%2F..%2Fx", headers=OWNER)
    assert found.status == 200
    assert words_of(found.body).count("not shown to you") == 2 * 3, "once in the table, once on the cards"
    assert "<script>" not in found.text
    assert 'href="/battery/' not in found.text
    assert read_log.of("pack-9") == []


def test_every_read_is_noted_before_it_is_answered(tmp_path: Path) -> None:
    desk = two_batteries(estimated(tmp_path))
    app, read_log = app_of(desk)
    ask(app, BOTH, headers=OWNER)
    ask(app, "/compare.pdf?passport=pack-2", headers=OWNER)
    assert [(one.name, one.kind) for one in read_log.of("pack-1")] == [("Depot", "compare")]
    assert [one.kind for one in read_log.of("pack-2")] == ["compare.pdf", "compare"]
    desk.edit(lambda file: file.execute("DROP TABLE reads"))
    desk.now_unix_ms += SPAN_MS
    answer = ask(app, BOTH, headers=OWNER)
    assert answer.status == 503
    assert "91.2" not in answer.text


def test_a_passport_with_a_life_is_named_by_its_id_and_its_status_counts(tmp_path: Path) -> None:
    with served_life(tmp_path) as service:
        maker, board = service.of(MAKER), Board("ev board")
        made, _ = maker.create(NewPassport("ev-1", "EV", "Pack 1", rated_capacity_mah=60_000, chemistry="nmc"))
        bind(service, board, "ev-1", MAKER)
        maker.change_stage(made, Stage.ORIGINAL, "", [])
        maker.state(made, {"initial_resistance": [{"component": "pack", "ohm": "0.02"}]})
        board.boot()
        board.windows(10)
        board.state_of_health()
        service.desk.receipt(board.delivery().to_bytes())
        port, path = int(service.url.rpartition(":")[2]), f"/compare?passport={made.hex()}"
        operator = words_of(asked(port, f"Bearer {reader_key('operator')}", path=path).body)
        public = words_of(asked(port, path=path).body)
        by_battery = words_of(asked(port, f"Bearer {reader_key('operator')}", path="/compare?passport=ev-1").body)
    for expected in (
        f"Pack 1 {made.hex()} · electric vehicle", "Status original", "On the market ✔ met: original",
        "Resistance gained 11.6 %", "Resistance gained, upper end ✔ met: 13.61 %",
    ):  # fmt: skip
        assert expected in operator
    assert "Status not shown to you" in public
    assert "Resistance gained not shown to you" in public
    assert "ev-1 not shown to you" in by_battery, "its public name is the passport's id"


@pytest.mark.parametrize("path", ["/compare", "/compare.pdf"])
def test_one_to_twenty_are_compared(tmp_path: Path, path: str) -> None:
    app, _ = app_of(estimated(tmp_path))
    for count, status in ((0, 400), (1, 200), (MAX_PASSPORTS, 200), (MAX_PASSPORTS + 1, 400)):
        named = "&".join(f"passport=pack-{number}" for number in range(count))
        assert ask(app, f"{path}?{named}", headers=OWNER).status == status
    assert "Compare fewer at a time" in ask(app, f"{path}?{named}", headers=OWNER).text
    twice = ask(app, f"{path}?passport=pack-1&passport=pack-1&lang=de", headers=OWNER)
    assert twice.status == 200
    assert twice.headers["content-language"] == "de"


@pytest.mark.parametrize("state", ["simulated", "replayed"])
def test_a_simulated_and_a_replayed_pack_say_so(tmp_path: Path, state: str) -> None:
    app, _ = app_of(STATES[state](tmp_path))
    words = words_of(ask(app, "/compare?passport=pack-1", headers=OWNER).body)
    said = "simulated" if state == "simulated" else "replayed from a file"
    assert f"A real pack ✘ not met: {said} allows no grade" in words
    assert "not graded" in words


def test_the_pdf_by_its_address(tmp_path: Path) -> None:
    app, _ = app_of(two_batteries(estimated(tmp_path)))
    answer = ask(app, BOTH.replace("compare", "compare.pdf"), headers=OWNER)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "no-store"
    assert "91.2 % (90.2 to 92.2 %) class B" in text_of(answer.body)


# ---- order


def names(sheet: Sheet) -> list[str]:
    return [one.name[-1] for one in sheet.columns]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("", "123456"), ("grade", "124536"), ("-grade", "345216"), ("soh_capacity_cpct", "134526"),
        ("self_discharge", "124536"), ("-self_discharge", "312456"), ("power_at_80", "123456"), ("nothing", "123456"),
        ("soh_reported_cpct", "123456"),
    ],
)  # fmt: skip
def test_the_order(asked: str, expected: str) -> None:
    """Best first; equal ones and those that are not known stay as the address has them."""
    assert "".join(names(sheet_of(GRADED, asked))) == expected


def test_links_sort_and_keep_the_passports(tmp_path: Path) -> None:
    app, _ = app_of(two_batteries(estimated(tmp_path)))
    text = unescape(ask(app, f"{BOTH}&lang=de", headers=OWNER).text)
    assert f'"{BOTH}&sort=remaining_capacity&lang=de"' in text
    assert f'"{BOTH.replace("compare", "compare.pdf")}&lang=de"' in text
    assert '"?lang=ja&passport=pack-1&passport=pack-2"' in text
    sorted_text = unescape(ask(app, f"{BOTH}&sort=grade", headers=OWNER).text)
    assert f'"{BOTH}&sort=-grade"' in sorted_text
    assert "best first" in sorted_text
    assert " style=" not in text


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_order_that_is_asked_for(asked: str) -> None:
    found = order_of(asked)
    assert order_of(found.text) == found
    assert turned(turned(Order(), "grade"), "grade") == Order("grade", is_reversed=True)


# ---- languages


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("state", ["estimated", "empty", "lacking", "eventful", "simulated", "replayed", "altered"])
def test_no_english_is_left(tmp_path: Path, state: str, code: str) -> None:
    for role in (ReaderRole.OWNER, ReaderRole.PUBLIC):
        folder = tmp_path / role
        folder.mkdir()
        app, _ = app_of(STATES[state](folder), role)
        html = ask(app, f"/compare?passport=pack-1&passport=pack-9&sort=grade&lang={code}", headers=OWNER).text
        assert not untranslated(html, language(code))


LACKS = (
    grading_values.UNREADABLE, grading_values.NO_LIFE, grading_values.NO_OPINION, grading_values.NO_INTERVAL,
    grading_values.NO_BLOCKS, grading_values.NO_NEW_RESISTANCE, grading_values.FROM_FILE,
)  # fmt: skip
SAID = (
    "measured on a pack", "simulated", "1.28 points at most", "needs the resistance of today", "1 window lost",
    "12 windows lost", "3 logs of earlier passports", "1 log of earlier passports", "sealed", "3 alarms", "1 alarm",
    "and 3 more", "a note", "a warning", "an alert", "allows B at most", "1.50 % in 30 days", "re-used", "waste",
    "0 of 1 log", "2 of 3 logs", "time: 16 min 39 s of 16 min 40 s", "no window lost",
)  # fmt: skip


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_of_the_rule_has_a_translation(code: str) -> None:
    asked = [text for one in CRITERIA for text in (one.name, one.reason, *one.asks) if text]
    texts = [*asked, *MEANINGS.values(), ORDER_TEXT, *(row.name for row in ROWS), *map(str, State), *map(str, Verdict)]
    texts += [*ROLES.values(), *LACKS, *SAID]
    same = "Status"
    assert not [text for text in texts if language(code).plain(text) == text and text != same]


# ---- in a browser


@contextmanager
def served_to_all(desk: Desk) -> Iterator[str]:
    with served(Readers(AccessTable()), app=app_of(desk, anonymous="owner")[0]) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("code", CODES)
def test_axe_finds_nothing_and_a_phone_needs_no_sideways_scrolling(browser: Browser, tmp_path: Path, code: str) -> None:
    desk = two_batteries(estimated(tmp_path))
    with served_to_all(desk) as url:
        for size in (PHONE, DESK):
            for scheme in ("light", "dark"):
                page = opened(browser, f"{url}{BOTH}&passport=pack-9&sort=grade&lang={code}", size, scheme)
                assert_accessible(page)
                assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
                words = "[...document.querySelectorAll('.packs dt, .packs dd')]"
                wide = f"{words}.filter((e) => e.scrollWidth > e.clientWidth)"
                assert page.evaluate(f"{wide}.map((e) => e.innerText)") == [], "a word over its neighbour"
                assert page.locator(".packs article").first.is_visible() is (size is PHONE)
                assert page.locator(".sheet table").is_visible() is (size is DESK)
                page.close()
    desk.store.close()


def test_a_press_on_a_lines_name_sorts_by_it_without_script(browser: Browser, tmp_path: Path) -> None:
    desk = two_batteries(estimated(tmp_path))
    with served_to_all(desk) as url:
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(f"{url}/compare?passport=pack-2&passport=pack-1")
        heads = page.locator(".sheet thead th")
        assert heads.first.inner_text().startswith("Akku 8")
        page.locator(".sheet tbody th a", has_text="State of health").click()
        assert heads.first.inner_text().startswith(NAME)
        context.close()
    desk.store.close()
