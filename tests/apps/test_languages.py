"""Every text of the pages in German and Japanese: none is left in English, in any state that a page can be in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment
from jinja2.ext import extract_from_ast

from packseal.apps import opinion_words
from packseal.apps.languages import CODES, Language, chosen, language
from packseal.apps.page_words import FOLDER, rendered
from packseal.apps.plots import PLOTS
from packseal.estimate import opinion
from packseal.passport import contradictions, document, histograms, settings, validity, values, words
from packseal.passport.attributes import ATTRIBUTES, Section
from packseal.passport.guidance import VERSION, guidance
from packseal.passport.life_stages import stage_word, status_word
from packseal.records import bodies, estimate_words, report
from packseal.records.statement_bodies import NoteKind, Stage
from tests.apps.browser import ask
from tests.apps.page_lives import lived_in_public
from tests.apps.page_states import NAME, STATES, page_of, verified

SAME = ("UN GTR 22", "Art. 18")  # read the same in German
OTHERS = [code for code in CODES if code != "en"]
ENGLISH = re.compile(
    r"\b(the|of|and|is|from|with|that|has|are|were|its|which|for|this|no|yet|by|record|records)\b", re.I
)
MARKED = re.compile(r'<span lang="en">(.*?)</span>', re.DOTALL)
REFUSED_DETAIL = re.compile(r'(<td class="says">)<span lang="en">.*?</span>', re.DOTALL)  # names bytes, and stays
SHOWN_ATTRIBUTES = re.compile(r'\b(?:alt|title|aria-label)="([^"]*)"')


def shown_texts(html: str) -> list[str]:
    """All that a reader sees or hears, but for names, addresses, digests and what is marked as English on purpose."""
    body = html.split("</head>")[1].split("</header>")[1]
    body = REFUSED_DETAIL.sub(r"\1", re.sub(r"<code>.*?</code>", "", body, flags=re.DOTALL))
    texts = re.sub(r"<[^>]*>", "\n", body).split("\n") + SHOWN_ATTRIBUTES.findall(body)
    return [unescape(text).replace("http://127.0.0.1:8420/battery/pack-1", "") for text in texts if text.strip()]


def untranslated(html: str, of: Language) -> list[str]:
    """What is marked as English for want of a translation, reads as English, or has another message's words."""
    assert f'<html lang="{of.code}"' in html
    texts = shown_texts(html)
    whole = "\n".join(texts)
    return [
        *MARKED.findall(REFUSED_DETAIL.sub(r"\1", html)),
        *(text for text in texts if ENGLISH.search(text)),
        *(message for message in sentences(of) if message in whole),
    ]


def sentences(of: Language) -> Iterator[str]:
    """What is fixed in the messages that read otherwise in this language, where it is long enough to be no chance."""
    for message, translated in of.messages.items():
        longest = max(re.split(r"\{[a-z]+\d*\}", message), key=len).strip()
        if longest not in translated and len(longest) > 12:
            yield longest


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("state", STATES)
def test_no_english_is_left_in_any_state_of_the_page(tmp_path: Path, state: str, code: str) -> None:
    desk = STATES[state](tmp_path)
    assert not untranslated(ask(desk.app(), f"{page_of(desk)}?lang={code}").text, language(code))


@pytest.mark.parametrize("code", OTHERS)
def test_nor_on_the_pages_beside_it(tmp_path: Path, code: str) -> None:
    app = verified(tmp_path).app()
    for target in ("label", *(f"table?quantity={quantity}" for quantity in PLOTS)):
        joined = "&" if "?" in target else "?"
        assert not untranslated(ask(app, f"/battery/pack-1/{target}{joined}lang={code}").text, language(code))
    for status in (404, 405, 503):
        assert not untranslated(rendered("missing.html", language(code), {"status": status}), language(code))
    assert not untranslated(ask(app, f"/fleet?lang={code}").text, language(code))
    (tmp_path / "of all").mkdir()
    of_all = lived_in_public(tmp_path / "of all").app()
    assert not untranslated(ask(of_all, f"/?lang={code}").text, language(code))


@pytest.mark.parametrize("code", OTHERS)
def test_every_stage_status_and_kind_of_note_has_a_translation(code: str) -> None:
    texts = {stage_word(stage) for stage in Stage} | {status_word(stage, None) or "" for stage in Stage}
    texts |= {kind.name.lower() for kind in NoteKind} | {"none yet", ""}
    assert not {text for text in texts if language(code).plain(text) == text} - {""}


def findings() -> Iterator[str]:
    """What validity says of every data point and attribute, and of all together: each category, before and after all is
    due, with nothing stated, all, or parts, and with conditions that do not hold."""
    every = {key for point in guidance(VERSION) for key in point.keys} | set(ATTRIBUTES)
    last = max(due.from_unix_ms for due in (validity.PASSPORT_DUE, *validity.PENDING_DUE.values()))
    parts = {point.keys[0] for point in guidance(VERSION) if point.keys}
    days = (validity.PASSPORT_DUE.from_unix_ms - 1, validity.PASSPORT_DUE.from_unix_ms, last)
    for category, day, present, exempt in product(settings.CATEGORIES, days, ((), every, parts), ((), ATTRIBUTES)):
        found = validity.validity(present, day, category, VERSION, exempt)
        yield from (found.words, *(one.words for one in (*found.points.values(), *found.attributes.values())))


@pytest.mark.parametrize("code", OTHERS)
def test_every_finding_about_a_passport_has_a_translation(code: str) -> None:
    texts = set(findings())
    assert len(texts) > 500
    for text in texts:
        translated = language(code).plain(text)
        assert translated != text
        assert not ENGLISH.search(translated), translated
    named = [text for one in ATTRIBUTES.values() for text in (one.name, one.clause)] + [str(one) for one in Section]
    assert not [text for text in named if language(code).plain(text) == text and text not in SAME]


ALARMS = [
    {"severity": severity, "words": words, "cell_blocks": blocks, "evidence": [
        {"log_id": "00", "seq": 4, "received": "2026-09-21 12:00:00 UTC", "words": evidence, "numbers_text": ""}
    ]}
    for severity, words, blocks, evidence in (
        ("note", "The BMS was reset: it forgot what it knew of this pack. Its state of health and counts of cycles "
         "start from nothing; go by the board's own, and ask who reset it", None, "the board counted a reset"),
        ("warning", "A full charge as the BMS claims it was worth 60.0 Ah and is now worth 50.0 Ah: the capacity that "
         "the BMS counts with was edited, or its cells were exchanged. Compare its settings with those at delivery",
         [1, 1], "charge counted against claimed state of charge, in two swings"),
        ("alert", "Blocks 1 to 3 are not those that were there before, the others are: a module was exchanged. Check "
         "its serial number and the record of repairs; what was known of the old blocks is not carried over", [1, 3],
         "resistances of neighbouring blocks against each other: 3 of 4 pairs moved beyond 3 times their usual "
         "scatter"),
    )
]  # fmt: skip


@pytest.mark.parametrize("code", OTHERS)
def test_alarms_and_a_known_second_opinion(code: str) -> None:
    unknown = {"value": None, "missing": "needs a board that estimates it"}
    seen = {"text": "91.2 %", "interval_text": "90.2 to 92.2 %"}
    method = opinion.METHODS[opinion.BOTH]
    second = {"soh_capacity": seen, "of_first_seen": seen, "missing": [], "method": method, "cure": None, "charges": 3,
              "records": [4, 90]}  # fmt: skip
    context = {
        "document": {"second_opinion": {"opinion": second, "alarms": ALARMS}},
        "values": {"soh_capacity_cpct": unknown, "soh_reported_cpct": unknown},
        "here": "/battery/pack-1",
    }
    html = rendered("battery/opinions.html", language(code), context)
    assert not MARKED.findall(html)
    assert not [text for text in re.sub(r"<[^>]*>", "\n", html).split("\n") if ENGLISH.search(text)]


def told(value: object) -> Iterator[str]:
    """The texts of a table, however it nests."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from told(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from told(item)


TABLES = (
    words.PROVEN, words.NOT_PROVEN, words.BARE, words.EMPTIED, words.EVIDENCE_CLASSES, words.SOURCES,
    words.RESET_CAUSES, words.REASONS,
    report.EVENTS, report.UPDATES, report.DAMAGES, report.MISSING, report.PHASES, report.GAP_CAUSES,
    report.SEAL_CAUSES, bodies.METHODS, estimate_words.LACKING, settings.CATEGORIES, opinion.METHODS,
    opinion_words.TELL_CHEMISTRY, document.COVERAGE, document.AGE_RULE, document.NO_UNCERTAINTY, document.RATED_METHOD,
    document.RATED_MISSING, contradictions.WORDS, tuple(entry_type.name for entry_type in bodies.EntryType),
    tuple(measure.name for measure in estimate_words.QUANTITIES.values()),
    tuple(text for quantity in values.QUANTITIES for text in (quantity.name, quantity.missing)),
    tuple(text for one in (histograms.SOC, histograms.TEMPERATURE) for text in (one.name, one.missing, one.method)),
    tuple(text for plot in PLOTS.values() for text in (plot.title, *plot.lines)),
)  # fmt: skip


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_of_the_core_has_a_translation(code: str) -> None:
    texts = list(told(TABLES))
    assert len(texts) > 150
    same = "SOH"  # a symbol, the same in every language
    assert not [text for text in texts if language(code).plain(text) == text and text != same]


def test_every_message_of_the_templates_is_in_both_catalogues() -> None:
    messages = set()
    for path in [path for path in FOLDER.rglob("*.html") if path.name != "replay.html"]:
        tree = Environment(trim_blocks=True, autoescape=True).parse(path.read_text())
        found = [message for _, _, message in extract_from_ast(tree, ("_",))]
        messages |= {str(one[0] if isinstance(one, tuple) else one) for one in found if one and one != (None,)}
    assert len(messages) > 150
    for code in OTHERS:
        assert not messages - set(language(code).messages)


def test_catalogues_have_the_same_messages_and_placeholders() -> None:
    german, japanese = language("de").messages, language("ja").messages
    assert set(german) == set(japanese)
    for message in german:
        found = [sorted(re.findall(r"\{\w+\}", text)) for text in (message, german[message], japanese[message])]
        assert found[0] == found[1] == found[2], message


CHOICES = [
    (None, None, "en"), (None, "de-AT,en;q=0.5", "de"), (None, "fr, ja;q=0.9, de;q=0.8", "ja"),
    (None, "en-GB,de;q=0.9", "en"), ("ja", "de", "ja"), ("xx", "de", "de"), (None, "de;q=0, en", "en"),
    (None, "*", "en"), (None, "de" * 2000, "en"), (None, ";;,q=1", "en"), ("../de", None, "en"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "accepted", "code"), CHOICES)
def test_a_reader_gets_a_language_it_reads(asked: str | None, accepted: str | None, code: str) -> None:
    assert chosen(asked, accepted).code == code


def test_the_page_follows_the_browser_and_the_address(tmp_path: Path) -> None:
    app = verified(tmp_path).app()
    answer = ask(app, "/battery/pack-1", headers={"accept-language": "de-CH, en;q=0.1"})
    assert answer.headers["content-language"] == "de"
    assert answer.headers["vary"] == "accept-language"
    assert f"<h1>{NAME}</h1>" in answer.text
    assert 'href="/battery/pack-1/label"' in answer.text, "the next page follows the browser, too"
    asked = ask(app, "/battery/pack-1?lang=ja", headers={"accept-language": "de"})
    assert asked.headers["content-language"] == "ja"
    assert 'href="/battery/pack-1/label?lang=ja"' in asked.text
    assert ask(app, "/?lang=ja").headers["location"] == "/battery/pack-1?lang=ja"
    assert ask(app, "/words/xx.json").status == 404


FORMS = [
    ("91.2 %", "91,2 %", "91.2 %"),
    ("1 234 records", "1.234 Datensätze", "1,234 件"),
    ("\u22125.00 A", "\u22125,00 A", "\u22125.00 A"),
    ("90.2 to 92.2 %", "90,2 bis 92,2 %", "90.2\uff5e92.2 %"),
    ("3 h 20 min", "3 h 20 min", "3 時間 20 分"),
    ("149 d", "149 Tage", "149 日"),
    ("149 d ago", "vor 149 Tagen", "149 日 前"),
    ("last heard of 149 d ago", "zuletzt gehört vor 149 Tagen", "最後の受信は 149 日 前"),
    ("4 min ago", "vor 4 min", "4 分 前"),
    ("2026-09-21 14:13:20 UTC", "21.09.2026, 14:13:20 UTC", "2026/09/21 14:13:20 UTC"),
    ("deep discharge begins, 2500 mV, cell block 3", "Tiefentladung beginnt, 2500 mV, Zellblock 3", None),
    ("version 1.2.3", "Version 1.2.3", "版 1.2.3"),
]


@pytest.mark.parametrize(("english", "german", "japanese"), FORMS)
def test_numbers_and_dates_have_the_languages_form(english: str, german: str, japanese: str | None) -> None:
    assert language("en").plain(english) == english
    assert language("de").plain(english) == german
    assert japanese is None or language("ja").plain(english) == japanese


def test_what_has_no_translation_is_marked_as_english() -> None:
    assert language("de").text("quite <unheard> of") == '<span lang="en">quite &lt;unheard&gt; of</span>'
    assert language("de").plain("quite unheard of") == "quite unheard of"
    assert language("de").say("quite {number} of", number=3) == '<span lang="en">quite 3 of</span>'


@given(st.text(max_size=60) | st.lists(st.sampled_from(sorted(language("de").messages)), max_size=4).map(" ".join))
def test_any_text_is_translated_or_not(text: str) -> None:
    for code in CODES:
        assert isinstance(language(code).plain(text), str)
        assert "<script" not in language(code).text(f"<script>{text}")


@given(st.text(max_size=200) | st.none())
def test_any_header_chooses_a_language(accepted: str | None) -> None:
    assert chosen(None, accepted).code in CODES
