"""What persons have stated, as the page shows it: to whom, in which form, and by whom."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from packseal.apps.languages import language
from packseal.apps.page_words import rendered
from packseal.apps.stated_view import stated_sections
from packseal.passport.attributes import ATTRIBUTES, Group
from packseal.passport.document import Json
from tests.apps.browser import ask
from tests.apps.page_lives import (
    FILE,
    NOTES,
    LivedDesk,
    PublicDesk,
    half_stated,
    lived,
    lives_on,
    prepared,
    second_life,
)
from tests.apps.page_states import page_of


def words_at(desk: LivedDesk, code: str = "en") -> str:
    html = ask(desk.app(), f"{page_of(desk)}?lang={code}").text.split("</head>")[1]
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)))


def test_values_read_as_the_language_writes_them(tmp_path: Path) -> None:
    desk = lived(tmp_path)
    english, german = words_at(desk), words_at(desk, "de")
    assert "lowest temperature when not in use \u221220 °C" in english
    assert "expected life of the model in cycles 12 000" in english
    assert "niedrigste Temperatur bei Nichtgebrauch \u221220 °C" in german
    assert "erwartete Lebensdauer des Modells in Zyklen 12.000" in german
    assert "self-discharge when new 12.5 % per month" in english
    assert "Selbstentladung im Neuzustand 12,5 % pro Monat" in german
    assert "who manufactured it Name Zellen AG Address Werkstr. 1, 38440 Wolfsburg" in english
    assert "Material Part Share, % CAS number NMC 811 Kathode 31.2" in english
    assert "Werkstoff Bauteil Anteil, % CAS-Nummer NMC 811 Kathode 31,2" in german


def test_a_file_is_named_by_its_owner_or_by_its_digest() -> None:
    """Who may not see it is not told its name."""
    key, digest = "test_reports", FILE.sha256.hex()
    stated = {"value": [digest, "ab" * 32], "originator": "00" * 32, "index": 3}
    files: Json = {digest: {"name": FILE.name}}
    (part,) = stated_sections({"life": {"values": {key: stated}, "attachments": files}})
    assert part["rows"][0]["lines"] == [  # type: ignore[index]
        {"text": FILE.name, "digest": digest}, {"text": "", "digest": "ab" * 32}
    ]  # fmt: skip
    html = rendered("battery/stated.html", language("de"), {"document": {"life": {}}, "stated": [part], "lacking": []})
    assert "Datei <code>abababababababab…</code>" in html


def test_everybody_sees_public_values_and_nothing_of_the_battery_itself(tmp_path: Path) -> None:
    words = words_at(lived(tmp_path, PublicDesk))
    for one in ATTRIBUTES.values():
        if one.group not in (Group.PUBLIC, None):
            assert f" {one.name} " not in words.partition("Missing in this passport")[0], one.key
    assert "who manufactured it Name Zellen AG" in words
    assert "are shown to its owner and to persons with a legitimate interest" in words
    for hidden in (*NOTES.values(), "repaired", "Tested", "last heard", "started once", "Anhang-7"):
        assert hidden not in words


def test_a_life_says_what_became_of_the_battery(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("new", "first", "second", "half", "whole")]
    for folder in folders:
        folder.mkdir()
    new = words_at(prepared(folders[0]))
    assert "none yet Stage prepared" in new
    assert "Nothing has been stated yet. Missing in this passport: " in new
    assert re.search("waste Stage waste .* Lives on in [0-9a-f]{8}…", words_at(lives_on(folders[1])))
    second = words_at(second_life(folders[2]))
    assert re.search("this key counts no more Made from [0-9a-f]{8}… Modules M1, of [0-9a-f]{8}: now Regal 2", second)
    half = words_at(half_stated(folders[3]))
    assert "cobalt recovered from waste; Annex XIII 1(e); still needed: cobalt from used products" in half
    whole = words_at(lived(folders[4]))
    assert "passport created, 2026-09-21" in whole
    assert "accident , 2026-09-21 14:13:20 UTC: Auffahrunfall" in whole


texts = st.text(max_size=20).map("<script>{}".format)
plain = st.recursive(
    texts | st.integers() | st.booleans(),
    lambda of: st.lists(of, max_size=3) | st.dictionaries(texts, of, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(ATTRIBUTES)), plain)
def test_whatever_is_stated_is_shown_as_text(key: str, value: object) -> None:
    """Also what a service of another version took."""
    stated = {"value": value, "originator": "00" * 32, "index": 3}
    document: Json = {"life": {"values": {key: stated}, "attachments": {}}}
    context: Json = {"document": document, "stated": stated_sections(document), "lacking": []}
    assert "<script" not in rendered("battery/stated.html", language("de"), context)
