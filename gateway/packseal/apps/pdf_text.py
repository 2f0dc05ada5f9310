"""Text on a PDF in any of the pages' languages, without font files: Helvetica, and for what it lacks a Japanese font
that every PDF reader brings or stands in for (ISO 32000-1, 9.7.5.2: predefined CMaps)."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfgen.canvas import Canvas

JAPANESE = "HeiseiKakuGo-W5"
SYMBOLS = "\u03a9\u2212"  # of Symbol, which stands in for Helvetica by itself
ELLIPSIS = "\u2026"
_WORDS = re.compile(r"[\u3000-\u9fff\uff00-\uffef]|[^\s\u3000-\u9fff\uff00-\uffef]+|\s+")


@cache
def register_fonts() -> None:
    registerFont(UnicodeCIDFont(JAPANESE))


@lru_cache(maxsize=1 << 14)
def runs(text: str, is_bold: bool = False) -> tuple[tuple[str, str], ...]:
    """-> (font, text) one after another. What neither font has is written as its number."""
    found: list[tuple[str, str]] = []
    for character in text:
        font, shown = _font_of(character, is_bold)
        if found and found[-1][0] == font:
            found[-1] = font, found[-1][1] + shown
        else:
            found.append((font, shown))
    return tuple(found)


def _font_of(character: str, is_bold: bool) -> tuple[str, str]:
    latin = "Helvetica-Bold" if is_bold else "Helvetica"
    if character in SYMBOLS or (character.isprintable() and _is_in(character, "cp1252")):
        return latin, character
    if character.isprintable() and ord(character) <= 0xFFFF and _is_in(character, "euc_jisx0213"):
        return JAPANESE, character
    return latin, f"[U+{ord(character):04X}]"


def _is_in(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=1 << 14)
def text_width(text: str, size: float, is_bold: bool = False) -> float:
    register_fonts()
    return float(sum(stringWidth(part, font, size) for font, part in runs(text, is_bold)))


def draw_text(canvas: Canvas, x: float, y: float, text: str, size: float, is_bold: bool = False) -> None:
    for font, part in runs(text, is_bold):
        canvas.setFont(font, size)
        canvas.drawString(x, y, part)
        x += stringWidth(part, font, size)


def wrapped(text: str, width: float, size: float, is_bold: bool = False, most_lines: int = 99) -> list[str]:
    """Between words, before any Japanese character, and inside what is wider than a line. What does not fit into
    most_lines ends with an ellipsis."""
    lines = [""]
    for word in _WORDS.findall(text):
        for piece in _pieces(word, width, size, is_bold):
            if text_width(lines[-1] + piece, size, is_bold) <= width or not lines[-1]:
                lines[-1] += piece if lines[-1] else piece.lstrip()
            else:
                lines[-1] = lines[-1].rstrip()
                lines.append(piece.lstrip())
    if len(lines) > most_lines:
        lines = [*lines[: most_lines - 1], _cut(lines[most_lines - 1], width, size, is_bold)]
    return lines


def _pieces(word: str, width: float, size: float, is_bold: bool) -> list[str]:
    """A word that is no wider than a line is one."""
    pieces = [""]
    for character in word:
        if pieces[-1] and text_width(pieces[-1] + character, size, is_bold) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces


def _cut(line: str, width: float, size: float, is_bold: bool) -> str:
    while line and text_width(line + ELLIPSIS, size, is_bold) > width:
        line = line[:-1]
    return line.rstrip() + ELLIPSIS
