"""Times, documents, files and numbers as the parts of a battery passport write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packseal.exchange.aspects.forms import completed, documents, exactly_whole, file_of, rounded
from packseal.exchange.export import Convert, UnfitError
from packseal.exchange.forms import MAX_UNIX_MS, day, decimal, moment, named_information
from packseal.exchange.source import Content, File

REPORT = File("ab" * 32, "report", "application/pdf", 7, 1)


@given(st.integers(0, MAX_UNIX_MS - 1))
@example(951_782_400_000)  # 29 February 2000
@example(4_107_542_400_000)  # 1 March 2100, which has no day before it that is the 29th
@example(MAX_UNIX_MS - 1)
def test_a_moment_is_that_of_the_calendar(unix_ms: int) -> None:
    found = datetime.fromisoformat(moment(unix_ms))
    assert found - datetime(1970, 1, 1, tzinfo=UTC) == timedelta(milliseconds=unix_ms)
    assert moment(unix_ms).endswith("Z")


@pytest.mark.parametrize("unix_ms", [-1, MAX_UNIX_MS])
def test_a_moment_of_another_age_is_none(unix_ms: int) -> None:
    with pytest.raises(UnfitError, match="none between 1970 and 9999"):
        moment(unix_ms)


def test_a_file_is_named_by_its_digest() -> None:
    """The example of RFC 6920 section 8.1, of the text Hello World!"""
    digest = "7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069"
    assert named_information(digest) == "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk"


@pytest.mark.parametrize(
    ("reference", "media_type"),
    [("https://example.org/a.PDF", "application/pdf"), ("https://example.org/a/b.svg?v=2#top", "image/svg+xml"),
     ("https://example.org/v1.2/a.html", "text/html")],
)  # fmt: skip
def test_a_link_tells_its_kind_by_its_ending(reference: str, media_type: str) -> None:
    assert file_of(reference, {}) == {"value": reference, "contentType": media_type}


@pytest.mark.parametrize(
    ("reference", "words"),
    [("https://example.org/report", "does not tell its kind"), ("https://example.org", "does not tell its kind"),
     ("https://example.org/?f=a.pdf", "does not tell its kind"),
     ("https://example.org/a.exe", "does not tell its kind"),
     ("cd" * 32, "cdcdcdcdcdcd is not attached")],
)  # fmt: skip
def test_a_kind_of_file_is_not_guessed(reference: str, words: str) -> None:
    with pytest.raises(UnfitError, match=words):
        file_of(reference, {REPORT.sha256: REPORT})


def test_an_attached_file_has_its_stated_kind() -> None:
    found = file_of(REPORT.sha256, {REPORT.sha256: REPORT})
    assert found == {"value": named_information(REPORT.sha256), "contentType": "application/pdf"}


def test_documents_are_named_once_and_in_order() -> None:
    assert documents(["https://b", "https://a", "https://b"]) == ["https://b", "https://a"]
    assert documents("https://a") == ["https://a"]


CASES: list[tuple[Convert, Content, object]] = [
    (rounded, Decimal("93.5"), 94),
    (rounded, Decimal("92.5"), 92),
    (rounded, 7, 7),
    (completed, Decimal("212.99"), 212),
    (exactly_whole, Decimal("2.0"), 2),
    (decimal, "31.20", 31.2),
    (decimal, "90000", 90000),
    (day, "2027-02-18", "2027-02-18"),
]


@pytest.mark.parametrize(("convert", "content", "written"), CASES)
def test_numbers_and_days(convert: Convert, content: Content, written: object) -> None:
    found = convert(content)
    assert (found, type(found)) == (written, type(written))


UNFIT: list[tuple[Convert, Content]] = [
    (rounded, True),
    (rounded, "7"),
    (completed, []),
    (exactly_whole, Decimal("2.5")),
    (exactly_whole, True),
    (decimal, "NaN"),
    (decimal, "Infinity"),
    (decimal, "1,5"),
    (day, "2027-02"),
    (day, 20270218),
    (documents, []),
    (documents, [""]),
    (documents, {}),
]


@pytest.mark.parametrize(("convert", "content"), UNFIT)
def test_what_is_no_number_day_or_document_is_unfit(convert: Convert, content: Content) -> None:
    with pytest.raises(UnfitError):
        convert(content)
