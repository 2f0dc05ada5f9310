"""English phrases, as the core and the pages' programs make them, in another language.

The core says everything in English, with its numbers in place: "mean of 10 samples in 10 s". A catalogue knows such
texts as messages with placeholders: "mean of {number} samples in {span}". A text is translated when it is a message,
when it matches one and all that stands in its placeholders can be translated, when it is an amount, or when it is a
list of such texts. Else it is not translated, and the page says that it is English. static/words.js does the same.

The name of a placeholder says what may stand there, by the letters it begins with:
    number   a number, which is written as the language writes it
    digits   digits, colons and dots, as they are: parts of a date, a version
    id       one word, as it is
    name     any words, as they are
    others   a text that is translated itself
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

NUMBER = r"[±+\-\u2212]{0,2} ?\d[\d ]*(?:\.\d+)?(?:e[+\-]?\d+)?"
UNITS = ("%", "Ah", "kWh", "Wh", "kW", "mΩ", "°C", "V", "A", "mV", "mA", "ms")
SEPARATORS = {"; ": 24, ", ": 24, " and ": 8, ": ": 4, " ": 6}  # a list is taken apart at the first of them that works
# and how many of each it may have: what has more is no list of ours, and every place of all would be tried
_KINDS = {"number": f"({NUMBER})", "digits": r"([\d:.]+)", "id": r"(\S+?)", "name": "(.+)"}
_PHRASE = "(.+?)"
_AMOUNT = re.compile(rf"({NUMBER})(?: ({'|'.join(map(re.escape, UNITS))}))?")
_PLACEHOLDER = re.compile(r"\{([a-z]+)(\d*)\}")


@dataclass(frozen=True, slots=True)
class Numerals:
    """How a language writes numbers."""

    decimal: str
    group: str

    def written(self, number: str) -> str:
        """Of a number as the core writes it: a point, and spaces between thousands."""
        digits = number.lstrip("±+-\u2212 ")
        sign = number[: len(number) - len(digits)]
        return sign + digits.translate({ord("."): self.decimal, ord(" "): self.group})


@dataclass(frozen=True, slots=True)
class _Pattern:
    expression: re.Pattern[str]
    names: tuple[str, ...]
    needle: str  # the longest text in it that is fixed: most texts lack it, and are not matched at all
    translated: str


class Phrases:
    def __init__(self, messages: Mapping[str, str], numerals: Numerals) -> None:
        self._messages = dict(messages)
        self._numerals = numerals
        self._patterns = _patterns(messages)
        self.translated = lru_cache(maxsize=8192)(self._translated)

    def message(self, message: str) -> str | None:
        """Of a message by its own text, placeholders and all."""
        return self._messages.get(message)

    def _translated(self, english: str) -> str | None:
        """None for what has no translation."""
        if english in self._messages or not english:
            return self._messages.get(english, "")
        amount = _AMOUNT.fullmatch(english)
        if amount:
            number, unit = amount.groups()
            return self._numerals.written(number) + (f" {unit}" if unit else "")
        return self._matched(english) or self._list(english)

    def _matched(self, english: str) -> str | None:
        for pattern in self._patterns:
            found = pattern.expression.fullmatch(english) if pattern.needle in english else None
            if found:
                parts = {name: self._part(name, text) for name, text in zip(pattern.names, found.groups(), strict=True)}
                if all(part is not None for part in parts.values()):
                    return pattern.translated.format_map(parts)
        return None

    def _part(self, name: str, text: str) -> str | None:
        kind = name.rstrip("0123456789")
        if kind == "number":
            return self._numerals.written(text)
        return text if kind in _KINDS else self.translated(text)

    def _list(self, english: str) -> str | None:
        for separator, most in SEPARATORS.items():
            places = [found.start() for found in re.finditer(re.escape(separator), english)]
            for at in places if len(places) <= most else ():
                first, rest = english[:at], english[at + len(separator) :]
                before = self.translated(first) if first and rest else None
                behind = self.translated(rest) if before else None
                if before and behind:
                    return before + self._messages.get(separator, separator) + behind
        return None


def _patterns(messages: Mapping[str, str]) -> list[_Pattern]:
    """The more is fixed in one, the earlier it is tried."""
    with_places = [message for message in messages if _PLACEHOLDER.search(message)]
    made = [_pattern(message, messages[message]) for message in with_places]
    return sorted(made, key=lambda pattern: len(_KINDS_OUT.sub("", pattern.expression.pattern)), reverse=True)


_KINDS_OUT = re.compile("|".join(re.escape(kind) for kind in (*_KINDS.values(), _PHRASE)))


def _pattern(message: str, translated: str) -> _Pattern:
    expression, names, needle, at = "", [], "", 0
    for place in _PLACEHOLDER.finditer(message):
        fixed = message[at : place.start()]
        expression += re.escape(fixed) + _KINDS.get(place[1], _PHRASE)
        names.append(place[1] + place[2])
        needle, at = max(needle, fixed, key=len), place.end()
    expression += re.escape(message[at:])
    return _Pattern(re.compile(expression, re.DOTALL), tuple(names), max(needle, message[at:], key=len), translated)
