"""The comparison sheet: what it shows of which pack to whom, in which order and language, on screen and on paper."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pypdfium2
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser
from pypdf import PdfReader
from starlette.applications import Starlette

from packseal.apps.comparison import MAX_PASSPORTS, ROLES, Column, Order, Sheet, column, order_of, ordered, turned
from packseal.apps.comparison_pdf import PACKS_A_PAGE, comparison_pdf
from packseal.apps.languages import CODES, language
from packseal.apps.pages import passport_app
from packseal.apps.pdf_text import runs, text_width, wrapped
from packseal.apps.read_log import ReadLog
from packseal.apps.readers import Readers
from packseal.io.access_settings import AccessTable, ReaderTable
from packseal.io.keys import new_reader_key
from packseal.passport import grading_values
from packseal.passport.access import ReaderRole
from packseal.passport.grading import Verdict
from packseal.passport.grading_rows import ROWS, State
from packseal.passport.grading_rule import CRITERIA, MEANINGS, ORDER_TEXT
from packseal.passport.settings import PassportSettings
from tests.apps.asking import served
from tests.apps.browser import Answer, ask
from tests.apps.page_states import NAME, STATES, estimated
from tests.apps.serving import chromium
from tests.apps.test_accessibility import DESK, PHONE, assert_accessible, opened
from tests.apps.test_languages import OTHERS, assert_translated
from tests.passport.desk import Desk
from tests.passport.gradable import gradable

KEY, DIGEST = new_reader_key()
OWNER = {"authorization": f"Bearer {KEY}"}
BOTH = "/compare?passport=pack-1&passport=pack-2"
URL = "http://127.0.0.1:8420"
GRADED = [
    gradable(), gradable(soh=85.0, name="Akku Größe 7"), gradable(self_discharge=20.0),
    gradable(severities=("warning",), name="蓄電池 3"), gradable(rise_percent=70.0), None,
]  # fmt: skip


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


def sheet_of(documents: list[dict[str, object] | None], order: str = "", name: str = "pack") -> Sheet:
    names = [f"{name}-{number}" for number in range(1, len(documents) + 1)]
    pairs = zip(names, documents, strict=True)
    columns = [column(one, found, f"{URL}/battery/{one}") if found else Column(one) for one, found in pairs]
    order_asked = order_of(order)
    made = 1_790_000_000_000
    return Sheet(ordered(columns, order_asked), order_asked, ReaderRole.OWNER, made, "packseal.example/log", URL)


def words_of(answer: Answer) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text)))


def text_of(pdf: bytes) -> str:
    """An ohm sign (U+2126), as some fonts have it, is an omega."""
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return normalize("NFC", re.sub(r"\s+", " ", text))


# ---- who sees what


def test_an_owner_sees_values_with_interval_and_evidence(tmp_path: Path) -> None:
    app, _ = app_of(two_batteries(estimated(tmp_path)))
    answer = ask(app, BOTH, headers=OWNER)
    words = words_of(answer)
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
        words = text_of(answer.body) if "pdf" in target else words_of(answer)
        assert answer.status == 200
        assert "91.2" not in words
        assert "4.21" not in words
        assert "State of health not shown to you" in words
        assert "100 %" in words, "how complete the evidence is, everybody sees"


def test_what_is_not_there_and_what_may_not_be_seen_are_one_and_the_same(tmp_path: Path) -> None:
    app, read_log = app_of(estimated(tmp_path))
    found = ask(app, "/compare?passport=pack-9&passport=%3Cscript%3E&passport=..%2F..%2Fx", headers=OWNER)
    assert found.status == 200
    assert words_of(found).count("not shown to you") == 2 * 3, "once in the table, once on the cards"
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
    answer = ask(app, BOTH, headers=OWNER)
    assert answer.status == 503
    assert "91.2" not in answer.text


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
    words = words_of(ask(app, "/compare?passport=pack-1", headers=OWNER))
    said = "simulated" if state == "simulated" else "replayed from a file"
    assert f"A real pack ✘ not met: {said} allows no grade" in words
    assert "not graded" in words


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
        assert_translated(html, language(code))


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


# ---- on paper


@pytest.mark.parametrize("code", CODES)
def test_the_pdf_says_what_the_page_says(code: str) -> None:
    of = language(code)
    text = text_of(comparison_pdf(sheet_of(GRADED), of)).replace(" ", "")
    said = ("Comparison of used packs", "State of health", "not shown to you", "not graded", "Self-discharge")
    for english in (*said, "allows B at most", "94.0 to 96.0 %", "22.00 mΩ", "As of 2026-09-21 14:13:20 UTC"):
        assert of.plain(english).replace(" ", "") in text, english
    for english in (ORDER_TEXT, "That the sensors told the truth.", "the owner of the battery", CRITERIA[3].reason):
        assert of.plain(english).replace(" ", "") in text, english
    for whole in ("AkkuGröße7", "蓄電池3", "packseal.example/log", "pack-6"):
        assert whole in text


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(("count", "pages"), [(1, 1), (PACKS_A_PAGE, 1), (PACKS_A_PAGE + 1, 2), (MAX_PASSPORTS, 4)])
def test_six_packs_stand_on_a_page_with_the_codes_of_their_links(code: str, count: int, pages: int) -> None:
    pdf = comparison_pdf(sheet_of([gradable() for _ in range(count)]), language(code))
    with pypdfium2.PdfDocument(pdf) as document:
        assert len(document) == pages
        found = [one.text for page in document for one in zxingcpp.read_barcodes(picture(page))]
    assert sorted(found) == sorted(f"{URL}/battery/pack-{number}" for number in range(1, count + 1))


def picture(page: pypdfium2.PdfPage) -> np.ndarray:
    return np.asarray(page.render(scale=3).to_pil().convert("L"))


@pytest.mark.parametrize("code", CODES)
def test_nothing_stands_over_another_or_beyond_the_edge(code: str) -> None:
    """With as much text as there can be."""
    long = "Batteriespeicher mit einem sehr langen Namen " * 6
    documents = [gradable(name=long, severities=("alert",) * 9, soh=70.0, rise_percent=90.0) for _ in range(6)]
    for document in documents:
        document["second_opinion"]["alarms"][0]["words"] = "It was exchanged, and nobody said so. " * 8
        document["completeness"]["windows_lost"] = [{"windows": 12, "cause": "the log was full"}] * 5
        for value in document["values"].values():
            value["text"] = f"{value['text']} and much more than any unit that is known needs"
    pdf = comparison_pdf(sheet_of(list(documents), name="x" * 60), language(code))
    places: list[tuple[str, float]] = []
    (page,) = PdfReader(io.BytesIO(pdf)).pages
    page.extract_text(visitor_text=lambda text, _cm, tm, _font, _size: places.append((text.strip(), tm[5])))
    of = language(code)
    footer = min(y for text, y in places if text and of.plain(ORDER_TEXT)[:4] in text)
    above = [y for text, y in places if text and y > footer + 1]
    assert len(above) > 6 * len(ROWS)
    assert min(above) - footer > 4, "a line, at the smallest type"
    with pypdfium2.PdfDocument(pdf) as found:
        dark = picture(found[0]) < 140
    for axis in (0, 1):
        places_of = np.flatnonzero(dark.any(axis=1 - axis))
        assert places_of[0] > 20
        assert places_of[-1] < dark.shape[axis] - 20


def test_equal_sheets_give_equal_bytes_and_another_time_others() -> None:
    sheet, of = sheet_of(GRADED), language("ja")
    assert comparison_pdf(sheet, of) == comparison_pdf(sheet, of)
    later = replace(sheet, as_of_unix_ms=sheet.as_of_unix_ms + 1000)
    assert comparison_pdf(later, of) != comparison_pdf(sheet, of)
    said = PdfReader(io.BytesIO(comparison_pdf(sheet, of))).metadata
    assert said is not None
    assert said.creation_date is not None
    assert said.creation_date.timestamp() == sheet.as_of_unix_ms / 1000


def test_the_pdf_by_its_address(tmp_path: Path) -> None:
    app, _ = app_of(two_batteries(estimated(tmp_path)))
    answer = ask(app, BOTH.replace("compare", "compare.pdf"), headers=OWNER)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "no-store"
    assert "91.2 % (90.2 to 92.2 %) class B" in text_of(answer.body)


@given(st.text(max_size=60), st.floats(20, 200), st.integers(1, 5))
def test_any_text_fits_into_its_lines(text: str, width: float, most: int) -> None:
    lines = wrapped(text, width, 6, most_lines=most)
    assert 1 <= len(lines) <= most
    one = max((text_width(piece, 6) for character in text for _, piece in runs(character)), default=0.0)
    assert all(text_width(line, 6) <= max(width, one) + 1e-6 for line in lines)
    if most == 5 and len(lines) < 5:
        assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)


# ---- in a browser


@contextmanager
def served_to_all(desk: Desk) -> Iterator[str]:
    with served(Readers(AccessTable()), app=app_of(desk, anonymous="owner")[0]) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.mark.parametrize("code", CODES)
def test_axe_finds_nothing_and_a_phone_needs_no_sideways_scrolling(browser: Browser, tmp_path: Path, code: str) -> None:
    desk = two_batteries(estimated(tmp_path))
    with served_to_all(desk) as url:
        for size in (PHONE, DESK):
            for scheme in ("light", "dark"):
                page = opened(browser, f"{url}{BOTH}&passport=pack-9&sort=grade&lang={code}", size, scheme)
                assert_accessible(page)
                assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
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
