"""What a reader asks of the fleet page, by its address: filters, order and page; and the address that asks it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from packseal.errors import ConfigError
from packseal.io.fleet_table import SORTS, FleetQuery
from packseal.passport.settings import CATEGORIES
from packseal.records.statement_bodies import Stage

PATH = "/fleet"
ROWS = 100  # of a page
STALE_DAYS = 30
DAY_MS = 86_400_000
MAX_WORDS = 80
MAX_DAYS = 36_500
EMPTY = "none"


@dataclass(frozen=True, slots=True)
class Band:
    """least, most: percent of records that are here, rounded down."""

    text: str
    least: int
    most: int


BANDS: Mapping[str, Band] = {
    "100": Band("100 %", 100, 100),
    "99": Band("99 to under 100 %", 99, 99),
    "95": Band("95 to under 99 %", 95, 98),
    "90": Band("90 to under 95 %", 90, 94),
    "50": Band("50 to under 90 %", 50, 89),
    "0": Band("under 50 %", 0, 49),
}
_PERCENT = re.compile(r"([0-9]{1,11})(?:[.,]([0-9]{1,2}))?")
_DIGITS = re.compile(r"[0-9]{1,7}")


@dataclass(frozen=True, slots=True)
class FleetAsked:
    """complete: a key of BANDS, EMPTY, or "" for all. page: from 1 on. language: "" where the browser chooses."""

    words: str = ""
    category: str = ""
    stage: Stage | None = None
    health_from_cpct: int | None = None
    health_to_cpct: int | None = None
    complete: str = ""
    silent_days: int | None = None
    sort: str = SORTS[0]
    is_descending: bool = False
    page: int = 1
    language: str = ""

    @property
    def is_narrowed(self) -> bool:
        """Beyond the group that is counted above the list."""
        return self.group() != replace(self, sort=SORTS[0], is_descending=False, page=1)

    def group(self) -> FleetAsked:
        """What batteries are compared with: those of the same words, category and stage."""
        return FleetAsked(self.words, self.category, self.stage, language=self.language)

    def query(self, now_unix_ms: int) -> FleetQuery:
        band = BANDS.get(self.complete)
        return FleetQuery(
            self.sort,
            is_descending=self.is_descending,
            offset=(self.page - 1) * ROWS,
            limit=ROWS,
            words=self.words,
            category=self.category,
            stage=None if self.stage is None else int(self.stage),
            least_soh_cpct=self.health_from_cpct,
            most_soh_cpct=self.health_to_cpct,
            heard_before_unix_ms=None if self.silent_days is None else now_unix_ms - self.silent_days * DAY_MS,
            least_complete_percent=band.least if band else None,
            most_complete_percent=band.most if band else None,
            is_empty=self.complete == EMPTY,
        )

    def pairs(self) -> list[tuple[str, str]]:
        """Of the address, without what says nothing."""
        order = "" if self.sort == SORTS[0] and not self.is_descending else "-" * self.is_descending + self.sort
        named = {
            "words": self.words,
            "category": self.category,
            "stage": "" if self.stage is None else self.stage.name.lower(),
            "health_from": percent(self.health_from_cpct),
            "health_to": percent(self.health_to_cpct),
            "complete": self.complete,
            "silent_days": "" if self.silent_days is None else str(self.silent_days),
            "sort": order,
            "page": "" if self.page == 1 else str(self.page),
            "lang": self.language,
        }
        return [(key, value) for key, value in named.items() if value]

    def url(self, path: str = PATH) -> str:
        query = urlencode(self.pairs())
        return f"{path}?{query}" if query else path


def percent(cpct: int | None) -> str:
    """As a number input has it: 82.5; "" for None."""
    if cpct is None:
        return ""
    return f"{cpct // 100}.{cpct % 100:02d}".rstrip("0").rstrip(".")


def asked_by(params: Mapping[str, str], language: str) -> FleetAsked:
    """language: that of the address. Raises ConfigError with the name of the filter that is not understood."""

    def of(name: str) -> str:
        return params.get(name, "").strip()

    order = of("sort")
    return FleetAsked(
        words=_words(of("words")),
        category=_one_of("category", of("category"), CATEGORIES),
        stage=_stage(of("stage")),
        health_from_cpct=_cpct("state of health", of("health_from")),
        health_to_cpct=_cpct("state of health", of("health_to")),
        complete=_one_of("records here", of("complete"), {**BANDS, EMPTY: None}),
        silent_days=_number("days", of("silent_days"), 1, MAX_DAYS) if of("silent_days") else None,
        sort=_one_of("order", order.removeprefix("-"), dict.fromkeys(SORTS)) or SORTS[0],
        is_descending=order.startswith("-"),
        page=_number("page", of("page"), 1, 10**7) if of("page") else 1,
        language=language,
    )


def _words(text: str) -> str:
    if len(text) > MAX_WORDS:
        raise ConfigError("words")
    return text


def _one_of(name: str, text: str, known: Mapping[str, object]) -> str:
    if text and text not in known:
        raise ConfigError(name)
    return text


def _stage(text: str) -> Stage | None:
    found = {stage.name.lower(): stage for stage in Stage}
    return found[_one_of("stage", text, found)] if text else None


def _cpct(name: str, text: str) -> int | None:
    if not text:
        return None
    found = _PERCENT.fullmatch(text)
    if not found:
        raise ConfigError(name)
    return 100 * int(found[1]) + int((found[2] or "").ljust(2, "0"))


def _number(name: str, text: str, least: int, most: int) -> int:
    if not _DIGITS.fullmatch(text) or not least <= int(text) <= most:
        raise ConfigError(name)
    return int(text)
