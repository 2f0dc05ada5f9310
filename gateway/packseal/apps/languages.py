"""The languages of the pages: which one a reader gets, and every text of a page in it.

Catalogues are gettext's .po files, read at start; a message is its English text (phrases.py says how texts with numbers
in them are found). What has no translation is shown in English and marked as that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale, negotiate_locale
from babel.messages.pofile import read_po
from babel.numbers import get_decimal_symbol, get_group_symbol
from markupsafe import Markup, escape

from packseal.apps.phrases import Numerals, Phrases
from packseal.passport.words import REASONS

FOLDER = Path(__file__).parent / "words"
CODES = ("en", "de", "ja")
MOST_ACCEPTED_BYTES = 1000  # of an Accept-Language header; what is longer is no reader's
_WEIGHT = r"\s*;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)"
_RANGE = re.compile(rf"\s*([A-Za-z]{{1,8}}(?:-[A-Za-z0-9]{{1,8}})*|\*)(?:{_WEIGHT})?\s*")


class Language:
    """code: as HTML has it. name: in its own language."""

    def __init__(self, code: str, messages: Mapping[str, str]) -> None:
        locale = Locale(code)
        self.code = code
        self.name = str(locale.get_display_name(locale)).capitalize()
        self.messages = messages
        self.numerals = Numerals(get_decimal_symbol(locale), get_group_symbol(locale))
        self._phrases = Phrases(messages, self.numerals)

    @property
    def is_english(self) -> bool:
        return self.code == "en"

    def plain(self, english: object) -> str:
        """A text of the core, for an attribute; in English when it has no translation."""
        text = str(english)
        return text if self.is_english else self._phrases.translated(text) or text

    def text(self, english: object) -> Markup:
        """The same for the page, marked where it stays English."""
        text = str(english)
        translated = text if self.is_english else self._phrases.translated(text)
        return escape(translated) if translated is not None else Markup('<span lang="en">{}</span>').format(text)

    def say(self, message: str, **values: object) -> Markup:
        """A message of a template. values: shown as they are; translate texts first."""
        translated = message if self.is_english else self._phrases.message(message)
        if translated is None:
            return Markup('<span lang="en">{}</span>').format(self._filled(message, values))
        return self._filled(translated, values)

    @staticmethod
    def _filled(message: str, values: Mapping[str, Any]) -> Markup:
        return escape(message).format(**values) if values else escape(message)

    def catalogue(self) -> dict[str, object]:
        """What static/words.js translates by."""
        return {
            "messages": dict(self.messages),
            "reasons": {str(reason): self.plain(text) for reason, text in REASONS.items()},
            "decimal": self.numerals.decimal,
            "group": self.numerals.group,
        }


@cache
def language(code: str) -> Language:
    """KeyError for a code that is not in CODES."""
    if code not in CODES:
        raise KeyError(code)
    return Language(code, {} if code == "en" else _messages(FOLDER / f"{code}.po"))


def _messages(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        catalog = read_po(file, locale=path.stem, abort_invalid=True)
    return {str(message.id): str(message.string) for message in catalog if message.id and message.string}


def chosen(asked: str | None, accepted: str | None) -> Language:
    """By what the address asks for, else by what the browser accepts (RFC 9110 section 12.5.4), else English."""
    if asked in CODES:
        return language(str(asked))
    wanted = [code for _, code in sorted(_ranges(accepted or ""), key=lambda pair: -pair[0])]
    return language(negotiate_locale(wanted, CODES, sep="-") or "en")


def _ranges(accepted: str) -> list[tuple[float, str]]:
    if len(accepted) > MOST_ACCEPTED_BYTES:
        return []
    found = [_RANGE.fullmatch(part) for part in accepted.split(",")]
    weighed = [(float(one[2] or 1), one[1]) for one in found if one]
    return [(weight, code) for weight, code in weighed if weight > 0]
