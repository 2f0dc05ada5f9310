"""Comparison sheets of packs in each grade, and what a PDF of one says."""

from __future__ import annotations

import io
import re
from typing import Any
from unicodedata import normalize

from pypdf import PdfReader

from packseal.apps.comparison import Column, Sheet, column, order_of, ordered
from packseal.passport.access import ReaderRole
from tests.passport.gradable import gradable

URL = "http://127.0.0.1:8420"
GRADED: list[dict[str, Any] | None] = [
    gradable(), gradable(soh=85.0, name="Akku Größe 7"), gradable(self_discharge=20.0),
    gradable(severities=("warning",), name="蓄電池 3"), gradable(rise_percent=70.0), None,
]  # fmt: skip


def sheet_of(documents: list[dict[str, Any] | None], order: str = "", name: str = "pack") -> Sheet:
    names = [f"{name}-{number}" for number in range(1, len(documents) + 1)]
    pairs = zip(names, documents, strict=True)
    columns = [column(one, found, f"{URL}/battery/{one}") if found else Column(one) for one, found in pairs]
    order_asked = order_of(order)
    made = 1_790_000_000_000
    return Sheet(ordered(columns, order_asked), order_asked, ReaderRole.OWNER, made, "packseal.example/log", URL)


def text_of(pdf: bytes) -> str:
    """An ohm sign (U+2126), as some fonts have it, is an omega."""
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return normalize("NFC", re.sub(r"\s+", " ", text))
