"""The comparison sheet on paper: what it says in each language, its codes and pages; equal sheets are equal."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pypdfium2
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from packseal.apps.comparison import MAX_PASSPORTS
from packseal.apps.comparison_pdf import PACKS_A_PAGE, comparison_pdf
from packseal.apps.languages import CODES, language
from packseal.apps.pdf_text import runs, text_width, wrapped
from packseal.passport.grading_rows import ROWS
from packseal.passport.grading_rule import CRITERIA, ORDER_TEXT
from tests.apps.compared import GRADED, URL, sheet_of, text_of
from tests.passport.gradable import gradable


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


@settings(deadline=None)
@given(st.text(max_size=60), st.floats(20, 200), st.integers(1, 5))
def test_any_text_fits_into_its_lines(text: str, width: float, most: int) -> None:
    lines = wrapped(text, width, 6, most_lines=most)
    assert 1 <= len(lines) <= most
    one = max((text_width(piece, 6) for character in text for _, piece in runs(character)), default=0.0)
    assert all(text_width(line, 6) <= max(width, one) + 1e-6 for line in lines)
    if most == 5 and len(lines) < 5:
        assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)
