"""The fleet page: whom it is for, what it counts, that every link leads to what it says; and the front page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette

from packseal.apps.fleet_asked import BANDS, EMPTY, FleetAsked, asked_by
from packseal.apps.languages import CODES, language
from packseal.io.fleet_table import SORTS
from packseal.passport.settings import CATEGORIES
from packseal.records.statement_bodies import Stage
from tests.apps.browser import Answer, ask
from tests.apps.fleets import BATTERIES, FAR_OFF, NEW, SILENT, WITH_LIFE, bearing, fleet, fleet_app, served
from tests.apps.test_languages import untranslated
from tests.passport.desk import Desk
from tests.passport.lives import named as passport_id

TIMEOUT_MS = 20_000
PHONE, DESK_SIZE = {"width": 360, "height": 800}, {"width": 1200, "height": 900}
HREF = re.compile(r'href="(/fleet[^"]*)"')
ROW = re.compile(r'<th scope="row"><input [^>]*> <a href="/battery/([^"?]+)')


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return fleet(tmp_path)


@pytest.fixture
def app(desk: Desk) -> Starlette:
    return fleet_app(desk)


def get(app: Starlette, target: str, who: str = "operator") -> Answer:
    return ask(app, target, headers=bearing(who) if who else {})


def words_of(html: str) -> str:
    body = html.split("</header>")[1].split('<details class="filter')
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body[0] + body[-1].split("</form></details>")[-1])))


def listed(answer: Answer) -> list[str]:
    assert answer.status == 200
    return ROW.findall(answer.text)


def test_who_is_responsible_sees_its_batteries_and_nobody_elses(app: Starlette) -> None:
    assert len(listed(get(app, "/fleet"))) == 100
    assert listed(get(app, "/fleet?page=2"))[-1] == "pack-119"
    assert listed(get(app, "/fleet", "depot")) == [FAR_OFF, SILENT]
    assert listed(get(app, "/fleet", "owner")) == ["pack-001"]
    assert listed(get(app, "/fleet?words=pack-002", "owner")) == []
    assert "1 battery" in words_of(get(app, "/fleet", "owner").text)


@pytest.mark.parametrize("who", ["", "authority", "workshop"])
def test_everybody_else_is_told_how_to_reach_one_passport(app: Starlette, who: str) -> None:
    refused = get(app, "/fleet", who)
    assert refused.status == 403
    assert "for their operators and owners" in refused.text
    front = get(app, "/", who)
    assert front.status == 200
    assert "Scan the QR code" in front.text
    for answer in (refused, front, get(app, "/fleet/health.svg", who)):
        assert "Akku" not in answer.text
        assert "pack-0" not in answer.text
    assert get(app, "/fleet/health.svg", who).status == 404


@pytest.mark.parametrize("who", ["operator", "depot", "owner"])
def test_the_front_page_leads_who_is_responsible_to_the_fleet(app: Starlette, who: str) -> None:
    assert get(app, "/", who).headers["location"] == "/fleet"
    assert get(app, "/?lang=ja", who).headers["location"] == "/fleet?lang=ja"


TYPED = [
    ("pack-1", "/battery/pack-1"), (" 00ff%2000ff ", "/battery/00ff00ff"),
    ("https://passports.example.org/battery/pack-1", "/battery/pack-1"),
    ("https://x.example/battery/pack-1/?lang=de", "/battery/pack-1"),
    ("", None), ("%3Cscript%3E", None), ("a/b", None), ("//evil.example", None), ("..", None), ("%00", None),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "leads_to"), TYPED)
def test_an_id_that_is_typed_in_leads_to_its_passport(app: Starlette, typed: str, leads_to: str | None) -> None:
    answer = get(app, f"/?id={typed}", "")
    assert answer.headers.get("location") == leads_to
    assert answer.status == (307 if leads_to else 400)
    assert leads_to or "This is no id" in answer.text
    assert "<script>" not in answer.text


def test_a_row_says_all_of_a_battery(app: Starlette) -> None:
    words = words_of(get(app, f"/fleet?words={FAR_OFF}").text)
    for expected in (
        "Akku 007 pack-007", "stationary storage", "42.1 %", "41.1 to 43.1 %", "1.2 %", "99.8 %",
        "12 345 of 12 365 records", "4 h ago", "1 to 1 of 1",
    ):  # fmt: skip
        assert expected in words
    simulated, from_file = (words_of(get(app, f"/fleet?words=pack-00{one}").text) for one in (1, 2))
    assert "Akku 001 pack-001 simulated" in simulated
    assert "Akku 002 pack-002 from a file" in from_file
    unheard = words_of(get(app, f"/fleet?words={NEW}").text)
    assert "Last heard of never" in unheard
    assert "State of health not known" in unheard


def test_a_battery_with_a_life_is_reached_by_its_passports_id(app: Starlette) -> None:
    answer = get(app, "/fleet?stage=repaired")
    assert listed(answer) == [passport_id("second").hex()]
    words = words_of(answer.text)
    assert f"second {WITH_LIFE} Category electric vehicle Stage repaired" in words


def test_the_summary_counts_and_names_what_stands_out(app: Starlette) -> None:
    words = words_of(get(app, "/fleet").text)
    assert "121 batteries" in words
    assert "The middle half of them: 90.3 % to 90.9 %" in words
    assert "Far off from the others: 89.39 % and less (1) Akku 007 42.1 %" in words
    assert "Not heard of for 30 days: 3 batteries" in words
    assert "40 to under 45 % 1 90 to under 95 % 118 Not known: 2" in words
    assert "100 % 39 batteries 99 to under 100 % 80 batteries" in words


def counted_links(html: str) -> Iterator[tuple[str, int]]:
    """Every link of the summary with the number beside it."""
    summary = html.split('class="overview"')[1].split("</section>", maxsplit=1)[0]
    beside = r'[^>]*>(?:<b>)?[^<]*(?:</a> \(|</b> <span>|</a></th><td class="number">)(\d+)'
    for found in re.finditer(r'href="(/fleet\?[^"]*)"' + beside, summary):
        yield unescape(found[1]), int(found[2])
    for found in re.finditer(r'href="(/fleet\?[^"]*)"[^>]*>(\d+) batteries', summary):
        yield unescape(found[1]), int(found[2])


@pytest.mark.parametrize("group", ["/fleet", "/fleet?category=SBESS&words=akku"])
def test_every_count_leads_to_the_batteries_that_it_counts(app: Starlette, group: str) -> None:
    links = list(counted_links(get(app, group).text))
    assert len(links) == 1 + 1 + 2 + len(BANDS) + 1
    for url, count in links:
        words = words_of(get(app, url).text)
        assert f"of {count} " in words if count else "No battery is like that." in words, url
        assert "1 to 0" not in words


def test_numbers_that_no_battery_can_have_stop_no_list(desk: Desk, app: Starlette) -> None:
    for at, (soh_cpct, records_lost) in enumerate([(1 << 40, 1 << 40), (-(1 << 40), 0), (0, 0)]):
        values = soh_cpct, records_lost, f"pack-10{at}"
        desk.edit(lambda file, row=values: file.execute(  # type: ignore[misc]
            "UPDATE fleet SET soh_cpct = ?, records_lost = ? WHERE battery = ?", row
        ))  # fmt: skip
    html = get(app, "/fleet").text
    words = words_of(html)
    assert "under 5 % 2 40 to under 45 % 1 90 to under 95 % 115 120 % and more 1" in words
    for url, count in counted_links(html):
        assert f"of {count} " in words_of(get(app, url).text) or not count, url
    assert get(app, "/fleet/health.svg").status == 200


def test_a_drill_down_leaves_the_summary_as_it_is(app: Starlette) -> None:
    outliers = get(app, "/fleet?health_to=89.39&sort=soh_cpct")
    assert listed(outliers) == [FAR_OFF]
    words = words_of(outliers.text)
    assert "121 batteries" in words
    assert "The middle half of them: 90.3 % to 90.9 %" in words
    narrower = words_of(get(app, "/fleet?words=pack-00").text)
    assert "10 batteries" in narrower, "words, category and stage say what is compared"


@pytest.mark.parametrize("sort", SORTS)
def test_every_column_sorts_both_ways_by_links(app: Starlette, sort: str) -> None:
    html = get(app, "/fleet?words=pack&silent_days=1").text
    links = {unescape(link) for link in HREF.findall(html)}
    if sort != SORTS[0]:
        assert f"/fleet?words=pack&silent_days=1&sort={sort}" in links, "filters stay"
    there = get(app, f"/fleet?sort={sort}&words=pack").text
    assert f'href="/fleet?words=pack&amp;sort=-{sort}"' in there
    assert 'aria-sort="ascending"' in there
    assert 'aria-sort="descending"' in get(app, f"/fleet?sort=-{sort}").text


def test_lists_have_pages_and_none_beyond_the_last(app: Starlette) -> None:
    first, last = get(app, "/fleet?sort=-soh_cpct"), get(app, "/fleet?sort=-soh_cpct&page=2")
    assert "1 to 100 of 121" in words_of(first.text)
    assert "101 to 121 of 121" in words_of(last.text)
    assert listed(first)[0] == "pack-119"
    assert {*listed(first), *listed(last)} >= {f"pack-{number:03}" for number in range(BATTERIES)}
    assert set(listed(last)[-2:]) == {NEW, passport_id("second").hex()}, "not known stands last"
    assert listed(get(app, "/fleet?sort=-soh_cpct&page=99")) == listed(last)
    assert 'href="/fleet?sort=-soh_cpct&amp;page=2"' in first.text
    assert 'href="/fleet?sort=-soh_cpct"' in last.text


BAD = {
    "health_from=x": "state of health", "health_to=-1": "state of health", "health_to=1e3": "state of health",
    "category=car": "category", "stage=9": "stage", "complete=101": "records here", "silent_days=0": "days",
    "silent_days=99999999": "days", "sort=operator": "order", "sort=--name": "order", "page=0": "page",
    f"words={'w' * 81}": "words",
}  # fmt: skip


@pytest.mark.parametrize(("query", "named"), BAD.items())
def test_a_filter_that_is_not_understood_is_named(app: Starlette, query: str, named: str) -> None:
    answer = get(app, f"/fleet?{query}")
    assert answer.status == 400
    assert f"This filter is not understood: {named}." in words_of(answer.text)
    assert get(app, f"/fleet/health.svg?{query}").status == 404


ASKED = st.builds(
    FleetAsked,
    words=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80).map(str.strip),
    category=st.sampled_from(["", *CATEGORIES]),
    stage=st.none() | st.sampled_from(Stage),
    health_from_cpct=st.none() | st.integers(0, 99_999),
    health_to_cpct=st.none() | st.integers(0, 99_999),
    complete=st.sampled_from(["", *BANDS, EMPTY]),
    silent_days=st.none() | st.integers(1, 36_500),
    sort=st.sampled_from(SORTS),
    is_descending=st.booleans(),
    page=st.integers(1, 10**6),
    language=st.just(""),
)


@given(ASKED)
def test_an_address_asks_what_it_was_made_of(asked: FleetAsked) -> None:
    assert asked_by(dict(asked.pairs()), "") == asked


def test_each_view_is_one_line_of_the_read_log_before_it_is_shown(desk: Desk, app: Starlette) -> None:
    get(app, "/fleet", "depot")
    get(app, "/fleet/health.svg", "depot")
    get(app, "/api/v1/passports", "owner")
    get(app, "/fleet", "authority")
    lines = [(one.name, one.role, one.kind, one.groups) for one in desk.store.read_log.of("*")]
    assert lines == [
        ("owner", "owner", "list of 1", (4,)),
        ("depot", "operator", "fleet plot of 2", (4,)),
        ("depot", "operator", "fleet of 2", (4,)),
    ]
    desk.edit(lambda file: file.execute("DROP TABLE reads"))
    unseen = get(app, "/fleet")
    assert unseen.status == 503
    assert "Akku" not in unseen.text


def test_the_plot_is_plain_svg_of_the_same_group(app: Starlette) -> None:
    answer = get(app, "/fleet/health.svg?category=SBESS")
    root = ElementTree.fromstring(answer.body)  # noqa: S314 - our own drawing
    assert root.get("viewBox")
    tags = [str(element.tag).rpartition("}")[2] for element in root.iter()]
    assert "script" not in tags
    drawn = [element for element in root.iter() if "rect reactive" in str(element.get("class"))]
    assert len(drawn) == 11, "from 40 to 95 %, without a gap"
    assert "Gesundheitszustand" in get(app, "/fleet/health.svg?lang=de").text
    assert "no data yet" in get(app, f"/fleet/health.svg?words={NEW}").text


def test_both_pages_have_forms_that_ask_this_service_alone(app: Starlette) -> None:
    for target in ("/", "/fleet"):
        policy = get(app, target, "operator" if target == "/fleet" else "").headers["content-security-policy"]
        assert "form-action 'self'" in policy
        assert policy.startswith("default-src 'self'; base-uri 'none'")
    html = get(app, "/fleet").text
    assert " style=" not in html
    assert "<script" not in html


def test_a_hostile_name_is_only_text(desk: Desk, app: Starlette) -> None:
    desk.edit(lambda file: file.execute("UPDATE fleet SET name = '<img src=x>' WHERE battery = 'pack-000'"))
    answer = get(app, "/fleet?words=pack-000").text
    assert "<img src=x>" not in answer
    assert "&lt;img src=x&gt;" in answer


@pytest.mark.parametrize("code", [code for code in CODES if code != "en"])
def test_no_english_is_left(app: Starlette, code: str) -> None:
    targets = ["/fleet?lang={}", "/fleet?page=2&sort=-name&lang={}", "/fleet?words=xx&lang={}"]
    targets += ["/fleet?complete=none&stage=repaired&silent_days=3&lang={}"]
    for target in targets:
        html = get(app, target.format(code)).text
        assert not untranslated(html.replace("second", ""), language(code))
    for query in BAD:
        assert not untranslated(get(app, f"/fleet?{query}&lang={code}").text, language(code))
    for target, who in (("/?lang={}", ""), ("/?id=-&lang={}", ""), ("/fleet?lang={}", "authority")):
        assert not untranslated(get(app, target.format(code), who).text, language(code))
    texts = ElementTree.fromstring(get(app, f"/fleet/health.svg?lang={code}").body).itertext()  # noqa: S314
    drawn = re.sub(r"\s", "", "".join(texts))  # it breaks lines
    assert language(code).plain("% of rated capacity, in steps of 5 %").replace(" ", "") in drawn


def test_links_keep_the_language_and_the_languages_keep_the_filter(app: Starlette) -> None:
    html = get(app, "/fleet?category=SBESS&sort=-name&lang=de").text
    assert all("lang=de" in link for link in HREF.findall(html))
    assert 'href="/battery/pack-119?lang=de"' in html
    assert 'href="?lang=ja&amp;category=SBESS&amp;sort=-name"' in html


# ---- in a browser


@pytest.fixture
def url(desk: Desk) -> Iterator[str]:
    with served(desk) as address:
        yield address


def opened(browser: Browser, url: str, size: dict[str, int], who: str = "operator", scheme: str = "light") -> Page:
    page = browser.new_page(viewport=size, color_scheme=scheme, extra_http_headers=bearing(who) if who else {})  # type: ignore[arg-type]
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(url)
    return page


TARGETS = ("/fleet", "/fleet?words=xx", "/fleet?health_from=x", "/fleet?complete=99&sort=-name")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK_SIZE], ids=["phone", "desk"])
def test_axe_finds_nothing(browser: Browser, url: str, size: dict[str, int], scheme: str) -> None:
    page = opened(browser, url, size, scheme=scheme)
    for target in TARGETS:
        page.goto(url + target)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
    public = opened(browser, url, size, "", scheme)
    results = Axe().run(public)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("code", CODES)
def test_a_phone_needs_no_sideways_scrolling(browser: Browser, url: str, code: str) -> None:
    page = opened(browser, url, PHONE)
    for target in TARGETS:
        page.goto(f"{url}{target}{'&' if '?' in target else '?'}lang={code}")
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], target
    assert opened(browser, f"{url}/?lang={code}", PHONE, "").evaluate("document.documentElement.scrollWidth") <= 360


def test_a_reader_filters_sorts_and_turns_pages_without_script(browser: Browser, url: str) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=PHONE, extra_http_headers=bearing("operator"))  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(f"{url}/")
    assert page.url == f"{url}/fleet"
    page.get_by_role("link", name="Last page").click()
    assert "101 to 121 of 121" in page.inner_text(".found")
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("State of health to, %").fill("50")
    page.get_by_role("button", name="Show these").click()
    assert page.locator(".list tbody tr").count() == 1
    page.get_by_role("link", name="Show all").click()
    page.locator(".list thead").get_by_role("link", name="State of health").click()
    assert "Akku 007" in page.locator(".list tbody tr").first.inner_text()
    assert page.locator(".overview img").evaluate("(one) => one.naturalWidth") > 0
    context.close()


def test_those_that_are_ticked_are_compared(browser: Browser, url: str) -> None:
    page = opened(browser, f"{url}/fleet?lang=de", PHONE)
    for name in ("Akku 003", "Akku 004"):
        page.get_by_label(f"{name} vergleichen").check()
    page.get_by_role("button", name="Angekreuzte vergleichen").click()
    page.wait_for_url("**/compare?lang=de&passport=pack-003&passport=pack-004")
    shown = page.inner_text("main")
    assert "Akku 003" in shown
    assert "Akku 004" in shown


def test_the_public_types_an_id_in(browser: Browser, url: str) -> None:
    page = opened(browser, url, PHONE, "")
    page.get_by_label("Or type in the id").fill("pack-003")
    page.get_by_role("button", name="Show the passport").click()
    page.wait_for_url("**/battery/pack-003")
    assert "Akku 003" in page.inner_text("main")


def test_what_is_printed_has_the_list_and_no_form(browser: Browser, url: str) -> None:
    page = opened(browser, f"{url}/fleet", DESK_SIZE)
    page.emulate_media(media="print")
    assert page.locator(".list tbody tr").count() == 100
    assert not page.locator(".filter form").is_visible()
    assert page.locator(".list button:visible, .list input:visible").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= DESK_SIZE["width"]
