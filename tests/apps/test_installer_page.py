"""What the installer's page of a gateway shows: problems, packs, buses, the way of the records."""

from __future__ import annotations

import http.client
import re
from contextlib import closing
from html import unescape
from urllib.parse import quote

from packseal.apps.installer_view import MAX_SHOWN, packs_of
from packseal.exchange.projections.last_values import LastValues
from packseal.records.bodies import Estimate, QuantityEstimate
from tests.apps.gateway_site import OLD
from tests.apps.installer_bench import AWAY, PACK, Bench
from tests.projections.packs import HEALTH, delivered
from tests.waiting import until


def pack_of(page: str, battery: str) -> str:
    return page.partition(f'aria-label="Battery {battery}"')[2].partition("</article>")[0]


def test_problems_stand_first_each_with_its_cure(bench: Bench) -> None:
    page = bench.page()
    assert page.index('id="problems"') < page.index('id="packs"') < page.index('id="outbox"')
    problems = page.partition('id="problems"')[2].partition("</section>")[0]
    words = [problem.words for problem in bench.gateway.findings() if problem.battery == AWAY]
    assert words
    assert all(one in unescape(problems) for one in words)
    assert "check its cable, its power, and its port in gateway.toml" in problems
    assert page.index(f"Battery {AWAY}") < page.index(f"Battery {PACK}"), "packs with problems come before the others"


def test_a_pack_has_its_last_values_its_board_and_its_age(bench: Bench) -> None:
    log_id = bench.gateway.boards[0].state.log_id.hex()
    until(lambda: log_id in pack_of(bench.page(), PACK), "a look since the log began")
    pack = pack_of(bench.page(), PACK)
    for name in ("pack_voltage_mv", "pack_current_ma", "soc_cpct", "soh_capacity_cpct", "temperature_ddegc"):
        assert f'data-value="{name}"' in pack
    (health,) = re.findall(r'<div class="tile unknown" data-value="soh_capacity_cpct">.*?</div>', pack, re.DOTALL)
    assert "needs a rest of the pack (let the pack rest" in health or "stands here with its next statement" in health
    voltage = bench.gateway.state.live.values(PACK)["pack_voltage_mv"].value
    assert isinstance(voltage, int)
    shown = re.search(r'data-value="pack_voltage_mv"><h4>Voltage</h4><p class="value">([0-9.]+) V</p>', pack)
    assert shown
    assert abs(float(shown[1]) * 1000 - voltage) < 5000
    assert re.search(r'<p class="note">\d+ (s|min)[ \d s]* ago</p>', pack)
    assert pack.count("<rect") == 12
    assert "12 cell blocks, lowest" in pack
    assert f"{bench.board.port}, connected" in pack
    assert "<dt>Update</dt>" not in pack


def test_an_update_on_its_way_shows_how_far_it_is(bench: Bench) -> None:
    state = bench.gateway.boards[1].state
    state.update, state.update_bytes, state.update_taken_bytes = "update to <2.0> on its way", 5000, 1250
    until(lambda: "<dt>Update</dt>" in pack_of(bench.page(), AWAY))
    pack = pack_of(bench.page(), AWAY)
    assert "update to &lt;2.0&gt; on its way" in pack
    assert '<progress value="1250" max="5000"' in pack
    assert "1250 of 5000 bytes" in pack


def test_a_bus_says_that_what_only_boards_know_is_not_known(bench: Bench) -> None:
    until(lambda: 'data-value="pack_voltage_mv"' in pack_of(bench.page(), OLD), meanwhile=bench.site.speak)
    pack = pack_of(bench.page(), OLD)
    assert f"{bench.site.channels[OLD]}, connected" in pack
    assert pack.count("needs a board") == 2, "alarms, and the state of health"
    assert re.search(r"<dt>Frames</dt><dd>\d+ read, 0 dropped", pack)


def test_the_gateways_own_address_has_the_page_and_says_the_way_of_the_records(bench: Bench) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", bench.own_port, timeout=30)) as connection:
        connection.request("GET", "/")
        page = connection.getresponse().read().decode()
    way = page.partition('id="outbox"')[2]
    assert f"{bench.site.address}, connected" in way
    assert re.search(r"<dt>Waiting</dt><dd>\d+ records in \d+ deliveries, \d+\.\d hours; the oldest for", way)
    assert re.search(r"<dt>Room</dt><dd>\d+ % of the limit is used", way)
    assert "none since the start" in way


def test_what_is_sent_may_load_nothing_from_elsewhere_and_is_not_kept(bench: Bench) -> None:
    for path in ("/", "/enrol"):
        status, _, headers = bench.ask(path)
        assert status == 200
        assert headers["content-security-policy"].startswith("default-src 'self'; base-uri 'none'; form-action 'self'")
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
    assert "form-action 'none'" in bench.ask("/health")[2]["content-security-policy"]


def test_hostile_names_are_escaped(bench: Bench) -> None:
    pages = [bench.page(), bench.page("/enrol"), bench.page(f"/?find={quote(chr(34) + '><script>y</script>')}")]
    pages.append(bench.post({"port": "<script>z</script>"})[1])
    for page in pages:
        assert "<script>" not in page
        assert "<img src=x" not in page
    assert "/dev/&lt;script&gt;x" in pages[0]
    assert "&lt;img src=x onerror=alert(1)&gt;&#34;&amp;-if00" in pages[1]
    assert "&#34;&gt;&lt;script&gt;y" in pages[2]
    assert "&lt;script&gt;z" in pages[3]


def test_of_thousands_those_with_problems_are_shown_and_the_others_are_found(bench: Bench) -> None:
    names = [f"pack-{number:04}" for number in range(3000)]
    status = {
        "boards": [{"battery": name} for name in names],
        "problems": [{"battery": names[-1], "words": "w"}, {"battery": "", "words": "of no battery"}],
    }
    packs = packs_of(status, bench.gateway.state.live, "")
    assert [pack.battery for pack in packs.shown] == [names[-1], *names[: MAX_SHOWN - 1]]
    assert packs.shown[0].problems == ("w",)
    found = packs_of(status, bench.gateway.state.live, "-012")
    assert ([pack.battery for pack in found.shown], found.number) == ([f"pack-012{n}" for n in range(10)], 3000)


def test_what_is_lacking_counts_until_the_state_of_health_is_stated() -> None:
    last = LastValues()
    last.take(delivered((1000, QuantityEstimate(1, 3, lacking=(1, 6))), end_ms=1000), 0, is_live=False)
    assert last.lacking == (1, 6)
    last.take(delivered((1500, QuantityEstimate(2, 3, lacking=(3,))), end_ms=1500), 0, is_live=True)
    assert last.lacking == (1, 6), "what the resistance lacks is another matter"
    last.take(delivered((2000, HEALTH), end_ms=2000), 0, is_live=True)
    assert not last.lacking
    last.lacking = (1,)
    last.take(delivered((3000, QuantityEstimate(1, 3, value=Estimate(9000, 10))), end_ms=3000), 0, is_live=True)
    assert not last.lacking
